from collections.abc import Sequence
from typing import Any, SupportsFloat

from autograd._core import Value

def where(condition: Any, x: Any, y: Any, /) -> Any: ...
