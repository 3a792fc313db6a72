from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from typing_extensions import Self

_Function = TypeVar("_Function", bound=Callable[..., tuple[Any, Any]])

class CustomRule:
    __name__: str
    __wrapped__: Callable[..., Any]
    def __new__(cls, fun: Callable[..., Any] = ..., **options: Any) -> Self: ...
    def __init__(
        self,
        fun: Callable[..., Any] = ...,
        *,
        nondiff_argnums: int | Sequence[int] = (),
        pure_callback: bool = False,
    ) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

class custom_vjp(CustomRule):
    def defvjp(self, fwd: Callable[..., tuple[Any, Any]], bwd: Callable[..., tuple[Any, ...]]) -> None: ...

class custom_jvp(CustomRule):
    def defjvp(self, jvp: _Function) -> _Function: ...
