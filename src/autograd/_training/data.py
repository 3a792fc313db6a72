"""Data for training as arrays, with an error that names the place of what is no number."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd._core import check_array
from autograd._frames import as_array

__all__ = ["as_inputs", "as_targets", "as_weights", "check_finite", "check_plain"]

#: Kinds of dtypes that are read as floats as they are, and those of numbers.
_REAL, _NUMERIC = "fiub", "fiubcO"


def as_inputs(X: ArrayLike, name: str = "X") -> NDArray[np.float64]:
    """Return rows of inputs as a contiguous array; anything but real numbers is a TypeError."""
    numbers = _numbers(X, name)
    if numbers.ndim != 2:
        raise ValueError(f"{name} must have the shape (rows, inputs), got {numbers.shape}")
    return np.ascontiguousarray(numbers)


def as_targets(y: ArrayLike, name: str = "y") -> list[Any]:
    """Return targets, one or several in a row; anything but finite numbers is an error."""
    numbers = _numbers(y, name)
    if numbers.ndim not in (1, 2):
        raise ValueError(f"{name} must have the shape (rows,) or (rows, outputs), got {numbers.shape}")
    check_finite(numbers, name)
    targets: list[Any] = as_array(y).tolist()
    return targets


def as_weights(weights: ArrayLike, rows: int) -> NDArray[np.float64]:
    """Return a weight for each row; another number of them, one below 0 or not finite, and zeros alone are errors."""
    numbers = _numbers(weights, "sample_weight")
    if numbers.shape != (rows,):
        raise ValueError(f"sample_weight must have the shape ({rows},), a weight for each row, got {numbers.shape}")
    check_finite(numbers, "sample_weight")
    if (numbers < 0).any():
        index = np.unravel_index(int(np.argmax(numbers < 0)), numbers.shape)
        raise ValueError(f"sample_weight must hold numbers of at least 0, got {numbers[index]} in {_place(index)}")
    if not numbers.any():
        raise ValueError("sample_weight must hold a number above 0, got zeros alone")
    return numbers


def check_finite(numbers: NDArray[np.float64], name: str) -> None:
    """Raise a ValueError that names the first number that is not finite."""
    finite = np.isfinite(numbers)
    if not finite.all():
        index = np.unravel_index(int(np.argmin(finite)), finite.shape)
        raise ValueError(
            f"{name} must hold finite numbers, got {numbers[index]} in {_place(index)}: leave such rows out, or fill "
            "in what is missing"
        )


def check_plain(data: Any, name: str) -> None:
    """Raise a TypeError for an array, or a list of arrays, that is masked, a matrix or complex."""
    for part in (data, *(data if isinstance(data, list | tuple) else ())):
        if isinstance(part, np.ndarray) and (part.dtype.kind in _NUMERIC or type(part) is not np.ndarray):
            check_array(part, name)


def _numbers(data: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return numbers as floats."""
    check_plain(data, name)
    if hasattr(data, "__array__"):
        data = as_array(data)
    try:
        array = np.asarray(data)
    except ValueError:
        _check_lengths(data, name)
        array = np.array(data, dtype=object)
    if array.dtype.kind not in _REAL:
        for index, item in np.ndenumerate(np.array(data, dtype=object)):
            if not isinstance(item, Number | np.bool_) or isinstance(item, complex | np.complexfloating):
                raise TypeError(
                    f"{name} must hold numbers, got {type(item).__name__} {item!r} in {_place(index)}"
                    + "; numpy.unique(labels, return_inverse=True) numbers classes" * isinstance(item, str)
                )
    return array.astype(np.float64)


def _check_lengths(data: Any, name: str) -> None:
    """Raise a ValueError that names the first row of another length than row 0."""
    lengths = [str(len(row)) if hasattr(row, "__len__") else "a number" for row in data]
    for row, length in enumerate(lengths):
        if length != lengths[0]:
            raise ValueError(
                f"{name} must have rows of one length, got {lengths[0]} in row 0 and {length} in {_place([row])}"
            )


def _place(index: Any) -> str:
    """Return an index in words, such as row 2, column 0 (from 0)."""
    return ", ".join(f"{axis} {int(i)}" for axis, i in zip(("row", "column"), index, strict=False)) + " (from 0)"
