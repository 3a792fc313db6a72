from collections.abc import Callable
from typing import Any

from typing_extensions import disjoint_base

from autograd._core import Block

@disjoint_base
class Call(Block): ...

def set_lower_batch(function: Callable[[Call, Any, list[int]], list[int]]) -> None: ...
