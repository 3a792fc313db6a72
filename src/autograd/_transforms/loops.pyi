from collections.abc import Callable
from typing import Any

def is_tracing() -> bool: ...
def record(
    caller: str,
    f: Callable[[Any, Any], tuple[Any, Any]],
    condition: Callable[[Any], Any] | None,
    init: Any,
    first: Any,
    columns: list[Any],
    steps: int,
    descending: bool,
    max_steps: int,
    checkpoint: int,
) -> tuple[Any, Any]: ...
