from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from autograd._core import _Array, _Operand

_Scalars: TypeAlias = Iterable[_Operand] | _Array
_Rows: TypeAlias = Iterable[Sequence[_Operand] | _Array] | _Array

def loss_of_pairs(
    function: str,
    row: str,
    predictions: _Scalars | _Rows,
    targets: _Scalars | _Rows,
    reduction: str,
    parameter: float = 0.0,
    labels: tuple[int, ...] | None = None,
) -> Any: ...
def cross_entropy(scores: _Scalars | _Rows, targets: Iterable[int] | _Array | int, reduction: str, /) -> Any: ...
def accuracy(scores: _Scalars | _Rows, targets: _Scalars, /) -> float: ...
