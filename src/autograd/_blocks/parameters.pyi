from typing import TypeVar

from autograd._core import Value

_T = TypeVar("_T")

def parameters(root: object, names: list[str] | None = None) -> list[Value]: ...
def modules(root: object, kind: type[_T]) -> list[_T]: ...
