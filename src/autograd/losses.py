"""Losses over Values or numbers, and the accuracy of predictions."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd import functions
from autograd._core import Value

__all__ = ["accuracy", "binary_cross_entropy", "cross_entropy", "hinge", "mse"]

Scalars = Sequence[Value | float] | np.ndarray
Rows = Sequence[Scalars] | np.ndarray

_REDUCTIONS = {"mean": functions.mean, "sum": functions.sum}


def _pairs(loss: str, predictions: Any, targets: Any) -> list[tuple[Any, Any]]:
    """Return each prediction with its target."""
    predictions, targets = (v.tolist() if isinstance(v, np.ndarray) else v for v in (predictions, targets))
    for name, values in (("predictions", predictions), ("targets", targets)):
        if not hasattr(values, "__len__"):
            raise TypeError(f"{loss} expects a sequence of {name}, got {type(values).__name__}")
    if len(predictions) != len(targets):
        raise ValueError(
            f"{loss} expects as many targets as predictions, got {len(targets)} and {len(predictions)}"
        )
    if len(predictions) == 0:
        raise ValueError(f"{loss} expects at least one prediction, got none")
    return list(zip(predictions, targets, strict=True))


def _scalar_pairs(loss: str, predictions: Any, targets: Any) -> list[tuple[Any, Any]]:
    pairs = _pairs(loss, predictions, targets)
    for i, pair in enumerate(pairs):
        for name, value in zip(("prediction", "target"), pair, strict=True):
            if hasattr(value, "__len__"):
                raise TypeError(f"{loss} expects {name} {i} to be one number, got {type(value).__name__}")
    return pairs


def _labelled(loss: str, scores: Any, labels: Any, allowed: tuple[int, ...]) -> list[tuple[Any, Any]]:
    pairs = _scalar_pairs(loss, scores, labels)
    for i, (_, label) in enumerate(pairs):
        if label not in allowed:
            raise ValueError(f"{loss} expects labels in {allowed}, got {label!r} at index {i}")
    return pairs


def _classified(loss: str, scores: Any, targets: Any) -> list[tuple[list[Any], int]]:
    """Return each row of class scores with the index of its class."""
    pairs = []
    for i, (row, target) in enumerate(_pairs(loss, scores, targets)):
        if not hasattr(row, "__len__"):
            raise TypeError(f"{loss} expects a row of class scores at index {i}, got {type(row).__name__}")
        if len(row) < 2:
            raise ValueError(f"{loss} expects at least two class scores at index {i}, got {len(row)}")
        try:
            index = operator.index(target)
        except TypeError:
            raise TypeError(
                f"{loss} expects integer classes as targets, got {type(target).__name__} at index {i}"
            ) from None
        if not 0 <= index < len(row):
            raise ValueError(f"{loss} expects classes from 0 to {len(row) - 1}, got {index} at index {i}")
        pairs.append((list(row), index))
    return pairs


def _largest(row: Sequence[Any]) -> int:
    return max(range(len(row)), key=row.__getitem__)


def _reduce(losses: list[Any], reduction: str) -> Any:
    if reduction not in _REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(_REDUCTIONS)}, got {reduction!r}")
    return _REDUCTIONS[reduction](losses)


def mse(predictions: Scalars, targets: Scalars, *, reduction: str = "mean") -> Any:
    """
    Return the squared error, ``(prediction - target)**2``.

    Parameters
    ----------
    predictions, targets : sequence of Values or numbers
        Of the same length.
    reduction : {"mean", "sum"}, default "mean"
        What becomes of the losses of the samples.

    Returns
    -------
    Value, or float where all arguments are numbers

    Raises
    ------
    TypeError
        If an argument is no sequence of scalars.
    ValueError
        If the lengths differ or are zero, or the reduction is unknown.

    Examples
    --------
    >>> from autograd.losses import mse
    >>> mse([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    pairs = _scalar_pairs("mse", predictions, targets)
    return _reduce([(prediction - target) ** 2 for prediction, target in pairs], reduction)


def hinge(scores: Scalars, labels: Scalars, *, reduction: str = "mean") -> Any:
    """
    Return the hinge loss, ``max(0, 1 - label * score)``.

    Parameters
    ----------
    scores : sequence of Values or numbers
    labels : sequence of numbers
        As many, each -1 or 1.
    reduction : {"mean", "sum"}, default "mean"
        What becomes of the losses of the samples.

    Returns
    -------
    Value, or float where all arguments are numbers

    Raises
    ------
    TypeError
        If an argument is no sequence of scalars.
    ValueError
        If a label is another number, the lengths differ or are zero, or the reduction is unknown.

    Examples
    --------
    >>> from autograd.losses import hinge
    >>> hinge([0.5, -3.0], [1, -1])
    0.25
    """
    pairs = _labelled("hinge", scores, labels, (-1, 1))
    return _reduce([functions.relu(1 - label * score) for score, label in pairs], reduction)


def binary_cross_entropy(scores: Scalars, labels: Scalars, *, reduction: str = "mean") -> Any:
    """
    Return the negative log-likelihood of labels of which ``sigmoid(score)`` is the probability of 1.

    It is ``softplus(-score)`` for the label 1 and ``softplus(score)`` for 0, which neither
    overflows nor cancels.

    Parameters
    ----------
    scores : sequence of Values or numbers
        Log-odds, of any size; not probabilities.
    labels : sequence of numbers
        As many, each 0 or 1.
    reduction : {"mean", "sum"}, default "mean"
        What becomes of the losses of the samples.

    Returns
    -------
    Value, or float where all arguments are numbers

    Raises
    ------
    TypeError
        If an argument is no sequence of scalars.
    ValueError
        If a label is another number, the lengths differ or are zero, or the reduction is unknown.

    Examples
    --------
    >>> from autograd.losses import binary_cross_entropy
    >>> binary_cross_entropy([1e4, -1e4], [1, 1])
    5000.0
    """
    pairs = _labelled("binary_cross_entropy", scores, labels, (0, 1))
    return _reduce([functions.softplus(-score if label == 1 else score) for score, label in pairs], reduction)


def cross_entropy(scores: Rows, targets: Sequence[int] | np.ndarray, *, reduction: str = "mean") -> Any:
    """
    Return the negative log-likelihood of classes of which ``softmax(row)`` are the probabilities.

    With ``k`` the class of the largest score it is ``(row[k] - row[target]) + log1p(sum of
    exp(row[j] - row[k]) over j != k)``, which neither overflows nor loses a small loss.

    Parameters
    ----------
    scores : sequence of rows of Values or numbers
        Class scores of each sample, at least two, of any size; not probabilities.
    targets : sequence of int
        Index of the class of each sample.
    reduction : {"mean", "sum"}, default "mean"
        What becomes of the losses of the samples.

    Returns
    -------
    Value, or float where all scores are numbers

    Raises
    ------
    TypeError
        If an argument is no sequence or a target is no integer.
    ValueError
        If a class is out of range, a row has less than two scores, the lengths differ or are zero,
        or the reduction is unknown.

    Examples
    --------
    >>> from autograd.losses import cross_entropy
    >>> cross_entropy([[1e4, 0.0, 0.0], [0.0, 0.0, 1e4]], [0, 1])
    5000.0
    """
    losses = []
    for row, target in _classified("cross_entropy", scores, targets):
        largest = _largest(row)
        others = [functions.exp(score - row[largest]) for j, score in enumerate(row) if j != largest]
        loss = functions.log1p(functions.sum(others))
        losses.append(loss if target == largest else loss + (row[largest] - row[target]))
    return _reduce(losses, reduction)


def accuracy(scores: Scalars | Rows, targets: Sequence[float] | np.ndarray) -> float:
    """
    Return the share of samples whose class the scores predict.

    Parameters
    ----------
    scores : sequence of Values or numbers, or of rows of them
        One score for each sample, above zero for the second of two classes; or a row of class
        scores, the first largest of which is the prediction.
    targets : sequence of numbers
        For single scores -1 or 1, or 0 or 1; for rows the index of the class.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    TypeError
        If an argument is no sequence, or the target of a row is no integer.
    ValueError
        If a target is another number, or the lengths differ or are zero.

    Examples
    --------
    >>> from autograd.losses import accuracy
    >>> accuracy([0.3, -2.0, 4.0, 1.0], [1, -1, 1, -1])
    0.75
    >>> accuracy([[0.1, 0.7, 0.2], [2.0, 1.0, 0.0]], [1, 0])
    1.0
    """
    pairs = _pairs("accuracy", scores, targets)
    if hasattr(pairs[0][0], "__len__"):
        hits = [_largest(row) == target for row, target in _classified("accuracy", scores, targets)]
    else:
        pairs = _labelled("accuracy", scores, targets, (-1, 0, 1))
        hits = [(score > 0) == (label > 0) for score, label in pairs]
    return sum(hits) / len(hits)
