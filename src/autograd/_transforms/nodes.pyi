from collections.abc import Callable, Iterable
from typing import Any

from typing_extensions import disjoint_base

@disjoint_base
class Registration: ...

def register(
    kind: type,
    flatten: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten: Callable[[Any, list[Any]], Any],
    names: Callable[[Any], list[str]] | None = None,
    key: Callable[[Any], object] | None = None,
    holds: bool = False,
    family: bool = False,
) -> None: ...
