"""Losses over Values or numbers, each call one node, and the accuracy of predictions.

A loss of pairs is a row of the op table (operands: prediction, target, parameter), summed over the pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, NoReturn

import numpy as np

from autograd import _elsewhere, functions
from autograd._blocks import losses as _blocks
from autograd._core import Value

__all__ = [
    "accuracy",
    "binary_cross_entropy",
    "cross_entropy",
    "hinge",
    "huber",
    "log_cosh",
    "mae",
    "mse",
    "poisson_nll",
    "quantile",
]

_REDUCTIONS = {"mean": functions.mean, "sum": functions.sum}

Scalars = Sequence[Value | float] | np.ndarray
Rows = Sequence[Scalars] | np.ndarray


def __getattr__(name: str) -> NoReturn:
    _elsewhere.refuse(__name__, name)


def _parameter(loss: str, name: str, x: Any, below: float) -> float:
    """Check that the parameter of a loss is above 0 and below a bound, and return it as a float."""
    if not isinstance(x, Real):
        raise TypeError(f"{name} of {loss} must be a number, got {type(x).__name__} {x!r}")
    if not 0.0 < float(x) < below:
        bound = "finite" if math.isinf(below) else f"below {below:g}"
        raise ValueError(f"{name} of {loss} must be above 0 and {bound}, got {x!r}")
    return float(x)


def mse(predictions: Scalars | Rows, targets: Scalars | Rows, *, reduction: str = "mean") -> Any:
    """
    Return the squared error, ``(prediction - target)**2``.

    Parameters
    ----------
    predictions, targets : sequence of Values or numbers, or of rows of them
        Of the same lengths.
    reduction : {"mean", "sum"}, default "mean"
        How the losses of the predictions are combined.

    Returns
    -------
    Value, or float where all arguments are numbers

    Raises
    ------
    TypeError
        If an argument is not a sequence of scalars.
    ValueError
        If the lengths differ or are zero, or the reduction is unknown.

    Examples
    --------
    >>> from autograd.losses import mse
    >>> mse([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    return _blocks.loss_of_pairs("mse", "squared_error", predictions, targets, reduction)


def mae(predictions: Scalars | Rows, targets: Scalars | Rows, *, reduction: str = "mean") -> Any:
    """
    Return the absolute error, ``abs(prediction - target)``; its derivative is 0 where both are equal.

    Parameters
    ----------
    predictions, targets, reduction
        As for `mse`.

    Returns
    -------
    Value, or float where all arguments are numbers

    Raises
    ------
    TypeError, ValueError
        As for `mse`.

    Examples
    --------
    >>> from autograd.losses import mae
    >>> mae([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    return _blocks.loss_of_pairs("mae", "absolute_error", predictions, targets, reduction)


def huber(predictions: Scalars | Rows, targets: Scalars | Rows, *, delta: float = 1.0, reduction: str = "mean") -> Any:
    """
    Return the Huber loss: half the squared error up to an error of `delta`, linear beyond.

    With ``d = abs(prediction - target)`` it is ``d**2 / 2`` where ``d <= delta``, else
    ``delta * (d - delta / 2)`` [1]_.

    Parameters
    ----------
    predictions, targets, reduction
        As for `mse`.
    delta : float, default 1.0
        Above zero.

    Returns
    -------
    Value, or float where all arguments are numbers

    Raises
    ------
    TypeError, ValueError
        As for `mse`, or if `delta` is not a number above zero.

    References
    ----------
    .. [1] P. J. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35 (1964)
       73-101.

    Examples
    --------
    >>> from autograd.losses import huber
    >>> huber([0.5, 4.0], [1.0, 1.0], reduction="sum")
    2.625
    """
    delta = _parameter("huber", "delta", delta, math.inf)
    return _blocks.loss_of_pairs("huber", "huber", predictions, targets, reduction, delta)


def log_cosh(predictions: Scalars | Rows, targets: Scalars | Rows, *, reduction: str = "mean") -> Any:
    """
    Return ``log(cosh(prediction - target))``: half the squared error where small, the absolute error where large.

    Parameters
    ----------
    predictions, targets, reduction
        As for `mse`.

    Returns
    -------
    Value, or float where all arguments are numbers

    Raises
    ------
    TypeError, ValueError
        As for `mse`.

    Examples
    --------
    >>> from autograd.losses import log_cosh
    >>> log_cosh([0.0, 1e4], [0.0, 0.0], reduction="sum")
    9999.30685281944
    """
    return _blocks.loss_of_pairs("log_cosh", "log_cosh", predictions, targets, reduction)


def poisson_nll(log_rates: Scalars | Rows, counts: Scalars | Rows, *, reduction: str = "mean") -> Any:
    """
    Return the negative log-likelihood of Poisson counts, up to a term that depends on the counts only.

    It is ``exp(log_rate) - count * log_rate``.

    Parameters
    ----------
    log_rates : sequence of Values or numbers, or of rows of them
        Logarithms of the expected counts.
    counts : sequence of Values or numbers, or of rows of them
        Of the same lengths.
    reduction : {"mean", "sum"}, default "mean"
        How the losses of the counts are combined.

    Returns
    -------
    Value, or float where all arguments are numbers

    Raises
    ------
    TypeError, ValueError
        As for `mse`.

    Examples
    --------
    >>> from autograd.losses import poisson_nll
    >>> poisson_nll([0.0, 0.0], [1, 3])
    1.0
    """
    return _blocks.loss_of_pairs("poisson_nll", "poisson_nll", log_rates, counts, reduction)


def quantile(predictions: Scalars | Rows, targets: Scalars | Rows, *, q: float = 0.5, reduction: str = "mean") -> Any:
    """
    Return the quantile loss, which the `q`-quantile of the targets minimizes.

    It is ``q * (target - prediction)`` where the prediction is too low, else ``(1 - q) * (prediction - target)``; its
    derivative is 0 where both are equal [1]_.

    Parameters
    ----------
    predictions, targets, reduction
        As for `mse`.
    q : float, default 0.5
        Between 0 and 1; 0.5 is half the absolute error.

    Returns
    -------
    Value, or float where all arguments are numbers

    Raises
    ------
    TypeError, ValueError
        As for `mse`, or if `q` is not a number between 0 and 1.

    References
    ----------
    .. [1] R. Koenker and G. Bassett, "Regression Quantiles", Econometrica 46 (1978) 33-50.

    Examples
    --------
    >>> from autograd.losses import quantile
    >>> quantile([1.0, 3.0], [2.0, 2.0], q=0.75, reduction="sum")
    1.0
    """
    q = _parameter("quantile", "q", q, 1.0)
    return _blocks.loss_of_pairs("quantile", "quantile", predictions, targets, reduction, q)


def hinge(scores: Scalars | Rows, labels: Scalars | Rows, *, reduction: str = "mean") -> Any:
    """
    Return the hinge loss, ``max(0, 1 - label * score)``.

    Parameters
    ----------
    scores : sequence of Values or numbers, or of rows of them
    labels : sequence of numbers, or of rows of them
        Of the same lengths, each -1 or 1.
    reduction : {"mean", "sum"}, default "mean"
        How the losses of the scores are combined.

    Returns
    -------
    Value, or float where all arguments are numbers

    Raises
    ------
    TypeError
        If an argument is not a sequence of scalars.
    ValueError
        If a label is another number, the lengths differ or are zero, or the reduction is unknown.

    Examples
    --------
    >>> from autograd.losses import hinge
    >>> hinge([0.5, -3.0], [1, -1])
    0.25
    """
    return _blocks.loss_of_pairs("hinge", "hinge", scores, labels, reduction, labels=(-1, 1))


def binary_cross_entropy(scores: Scalars | Rows, labels: Scalars | Rows, *, reduction: str = "mean") -> Any:
    """
    Return the negative log-likelihood of labels whose probability of 1 is ``sigmoid(score)``.

    It is ``softplus(-score)`` for the label 1 and ``softplus(score)`` for 0, which neither overflows nor cancels. A
    label between them is the probability of 1, with the loss that is expected then.

    Parameters
    ----------
    scores : sequence of Values or numbers, or of rows of them
        Log-odds, of any size; not probabilities.
    labels : sequence of numbers, or of rows of them
        Of the same lengths, each from 0 to 1; in a traced function those that are arguments 0 or 1.
    reduction : {"mean", "sum"}, default "mean"
        How the losses of the scores are combined.

    Returns
    -------
    Value, or float where all arguments are numbers

    Raises
    ------
    TypeError
        If an argument is not a sequence of scalars.
    ValueError
        If a label is another number, the lengths differ or are zero, or the reduction is unknown.

    Examples
    --------
    >>> from autograd.losses import binary_cross_entropy
    >>> binary_cross_entropy([1e4, -1e4], [1, 1])
    5000.0
    """
    soft = _soft_labels(labels)
    if soft is None:
        return _blocks.loss_of_pairs(
            "binary_cross_entropy", "binary_cross_entropy", scores, labels, reduction, labels=(0, 1)
        )
    # Each loss is linear in its label: that of the labels 0, and the rest.
    of_zeros = _blocks.loss_of_pairs(
        "binary_cross_entropy", "binary_cross_entropy", scores, np.zeros_like(soft), reduction, labels=(0, 1)
    )
    rows: Any = zip(scores, soft, strict=True) if soft.ndim == 2 else [(scores, soft)]
    rest = functions.sum([functions.dot(row, shares) for row, shares in rows])
    return of_zeros - rest / (soft.size if reduction == "mean" else 1)


def cross_entropy(
    scores: Any,
    targets: Any,
    *,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Any:
    """
    Return the negative log-likelihood of classes with the probabilities ``softmax(row)``.

    With ``k`` the class of the largest score it is ``(row[k] - row[target]) + log1p(sum of
    exp(row[j] - row[k]) over j != k)``, which neither overflows nor loses a small loss.

    Parameters
    ----------
    scores : sequence of rows of Values or numbers, or a single row
        Class scores of each sample, at least two, of any size; not probabilities.
    targets : sequence of int, a single int, or sequence of rows of numbers
        Index of the class of each sample; or the probability of each class, such as a one-hot row.
    label_smoothing : float, default 0.0
        Share of each target that is spread evenly over all classes, from 0 to 1 [1]_.
    reduction : {"mean", "sum"}, default "mean"
        How the losses of the samples are combined.

    Returns
    -------
    Value, or float where all scores are numbers

    Raises
    ------
    TypeError
        If an argument is not a sequence or a target is not an integer.
    ValueError
        If a class is out of range, probabilities do not sum to 1, a row has fewer than two scores, the lengths differ
        or are zero, or an option is out of range.

    References
    ----------
    .. [1] C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016.

    Examples
    --------
    >>> from autograd.losses import cross_entropy
    >>> cross_entropy([[1e4, 0.0, 0.0], [0.0, 0.0, 1e4]], [0, 1])
    5000.0
    >>> cross_entropy([[0.0, 2.0]], [[0.5, 0.5]]) == cross_entropy([[0.0, 2.0]], [1], label_smoothing=1.0)
    True
    """
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"label_smoothing must be from 0 to 1, got {label_smoothing!r}")
    if _are_rows(targets):
        soft = _probabilities(scores, targets)
    elif label_smoothing:
        # Raises what the arguments deserve.
        _blocks.cross_entropy(scores, targets, reduction)
        if hasattr(targets, "__index__"):
            scores, targets = [scores], [targets]
        soft = [np.arange(len(row)) == target for row, target in zip(scores, targets, strict=True)]
    else:
        return _blocks.cross_entropy(scores, targets, reduction)
    losses = []
    for row, shares in zip(scores, soft, strict=True):
        shares = (1.0 - label_smoothing) * shares + label_smoothing / len(shares)
        losses.append(functions.logsumexp(row) - functions.dot(row, shares))
    if reduction not in _REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(_REDUCTIONS)}, got {reduction!r}")
    return _REDUCTIONS[reduction](losses)


def accuracy(scores: Scalars | Rows, targets: Sequence[float] | np.ndarray) -> float:
    """
    Return the share of samples whose class the scores predict.

    Parameters
    ----------
    scores : sequence of Values or numbers, or of rows of them
        One score for each sample, above zero for the second of two classes; or a row of class scores, whose first
        maximum is the prediction.
    targets : sequence of numbers, or of rows of them
        For single scores -1 or 1, or 0 or 1; for rows the index of the class, or a row whose largest number tells it.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    TypeError
        If an argument is not a sequence, or the target of a row is not an integer.
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
    if _are_rows(targets) and _are_rows(scores):
        targets = [int(np.argmax(row)) for row in targets]
    return _blocks.accuracy(scores, targets)


def _soft_labels(labels: Any) -> np.ndarray | None:
    """Return labels as an array if one is between 0 and 1."""
    try:
        array = np.asarray(labels, dtype=np.float64)
    except Exception:
        # What is wrong with them, the loss says.
        return None
    soft = (array > 0.0) & (array < 1.0)
    return array if soft.any() and ((array >= 0.0) & (array <= 1.0)).all() and array.ndim in (1, 2) else None


def _are_rows(numbers: Any) -> bool:
    """Return whether these are rows of numbers."""
    if isinstance(numbers, np.ndarray):
        return type(numbers) is np.ndarray and numbers.ndim == 2
    return isinstance(numbers, list | tuple) and bool(numbers) and isinstance(numbers[0], list | tuple | np.ndarray)


def _probabilities(scores: Any, targets: Any) -> list[np.ndarray]:
    """Return rows of the probabilities of classes as arrays."""
    if len(scores) != len(targets):
        raise ValueError(f"cross_entropy expects as many targets as predictions, got {len(targets)} and {len(scores)}")
    try:
        rows = [np.asarray(row, dtype=np.float64) for row in targets]
    except Exception:
        raise TypeError("cross_entropy expects probabilities as targets: rows of numbers") from None
    for i, (row, shares) in enumerate(zip(scores, rows, strict=True)):
        if len(row) != len(shares) or len(row) < 2:
            raise ValueError(
                f"cross_entropy expects a probability for each of at least two scores, got {len(shares)} for "
                f"{len(row)} at index {i}"
            )
        if not (shares >= 0.0).all() or abs(shares.sum() - 1.0) > 1e-3:
            raise ValueError(f"cross_entropy expects probabilities that sum to 1, got {shares.tolist()} at index {i}")
    return rows
