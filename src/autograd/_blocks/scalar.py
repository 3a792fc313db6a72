"""The functions of sequences in elementary operations: what a trace records of them.

Each takes lists of Values and floats that the function itself has checked, and is branch-free.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograd._core import Value, exp, log1p, relu, softplus
from autograd._blocks.where import where

__all__ = ["PAIRS", "cross_entropy", "dot", "log_softmax", "logsumexp", "softmax", "total"]


def total(values: list[Any]) -> Any:
    """Return the sum, from left to right."""
    result = values[0]
    for value in values[1:]:
        result = result + value
    return result


def dot(xs: list[Any], ys: list[Any]) -> Any:
    """Return the sum of products, from left to right."""
    return total([x * y for x, y in zip(xs, ys, strict=True)])


def _peak(values: list[Any]) -> tuple[Any, Any]:
    """Return the largest and the sum of ``exp(x - largest)`` over the others, which small ones are not lost in."""
    top, rest = values[0], 0.0
    for x in values[1:]:
        larger = x > top
        term = exp(where(larger, top - x, x - top))
        rest = where(larger, (rest + 1.0) * term, rest + term)
        top = where(larger, x, top)
    return top, rest


def logsumexp(values: list[Any]) -> Any:
    """Return the logarithm of the sum of exponentials."""
    top, rest = _peak(values)
    return top + log1p(rest)


def softmax(values: list[Any]) -> list[Any]:
    """Return the probabilities."""
    top = values[0]
    for x in values[1:]:
        top = where(x > top, x, top)
    # The probabilities do not depend on what is subtracted.
    shift = top.detach() if isinstance(top, Value) else top
    terms = [exp(x - shift) for x in values]
    divisor = total(terms)
    return [term / divisor for term in terms]


def log_softmax(values: list[Any]) -> list[Any]:
    """Return the logarithms of the probabilities."""
    top, rest = _peak(values)
    correction = log1p(rest)
    return [(x - top) - correction for x in values]


def _squared_error(prediction: Any, target: Any) -> Any:
    difference = prediction - target
    return difference * difference


#: The terms of the losses of pairs, of a prediction and a target.
PAIRS: dict[str, Callable[[Any, Any], Any]] = {
    "mse": _squared_error,
    "hinge": lambda score, label: relu(1.0 - label * score),
    "binary_cross_entropy": lambda score, label: softplus(where(label == 1.0, -score, score)),
}


def cross_entropy(scores: list[list[Any]], targets: list[Any]) -> Any:
    """Return the sum of the negative logarithms of the targets' probabilities; a target may be a Value."""
    losses = []
    for row, target in zip(scores, targets, strict=True):
        if isinstance(target, Value):
            chosen = total([where(target == k, score, 0.0) for k, score in enumerate(row)])
        else:
            chosen = row[target]
        # Differences to the target's score: nothing cancels where its probability is nearly one.
        losses.append(logsumexp([score - chosen for score in row]))
    return total(losses)
