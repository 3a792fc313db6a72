"""How good predictions are: against the actual targets, and against the best constant answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd._cli.estimator import Estimator, errors
from autograd._cli.table import REGRESSION, listed
from autograd._cli.terminal import Terminal

_MOST_CLASSES = 12  # of a confusion matrix on a terminal


def baseline(estimator: Estimator, y: NDArray[Any]) -> tuple[str, dict[str, float]]:
    """Return the best constant answer to targets in words, and its figures."""
    if estimator.architecture.task == REGRESSION:
        return f"always {y.mean():.4g}", errors(np.full(len(y), y.mean()), y)
    counts = np.bincount(y)
    return f"always {estimator.architecture.classes[counts.argmax()]!r}", {"accuracy": float(counts.max() / len(y))}


def confusion_matrix(estimator: Estimator, X: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.intp]:
    """Return how many rows of each class (by line) are taken for each class (by column)."""
    classes = len(estimator.architecture.classes)
    pairs = y * classes + estimator.decide(estimator.scores(X))
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def assess(estimator: Estimator, X: NDArray[np.float64], y: NDArray[Any]) -> dict[str, Any]:
    """Return the figures of predictions as JSON holds them.

    They are those of `Estimator.evaluate`, those of the best constant answer, and for classes the confusion matrix
    with precision, recall and F1 of each class; None is a precision or recall of nothing.
    """
    answer, constant = baseline(estimator, y)
    ours, theirs = (
        {name: value if np.isfinite(value) else None for name, value in figures.items()}
        for figures in (estimator.evaluate(X, y), constant)
    )
    result: dict[str, Any] = {"rows": len(y), **ours, "baseline": {"answer": answer, **theirs}}
    if estimator.architecture.task == REGRESSION:
        return result
    matrix = confusion_matrix(estimator, X, y)
    counts = np.column_stack([matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1)]).tolist()
    result["classes"] = [
        {
            "class": name,
            "precision": _ratio(right, taken),
            "recall": _ratio(right, rows),
            "f1": _ratio(2 * right, taken + rows),
            "rows": rows,
        }
        for name, (right, taken, rows) in zip(estimator.architecture.classes, counts, strict=True)
    ]
    result["confusion"] = matrix.tolist()
    return result


def print_assessment(terminal: Terminal, estimator: Estimator, result: dict[str, Any]) -> None:
    """Print what `assess` returned."""
    compared = {name: value for name, value in result["baseline"].items() if name != "answer"}
    terminal.print_table(
        ["", *compared],
        [
            ["model", *(figure(name, result[name]) for name in compared)],
            [result["baseline"]["answer"], *(figure(name, value) for name, value in compared.items())],
        ],
    )
    print_comparison(terminal, result, result["baseline"]["answer"], compared)
    if estimator.architecture.task == REGRESSION:
        return
    classes = estimator.architecture.classes
    terminal.print()
    terminal.print_table(
        ["class", "precision", "recall", "F1", "rows"],
        [
            [row["class"], *(figure("accuracy", row[name]) for name in ("precision", "recall", "f1")), str(row["rows"])]
            for row in result["classes"]
        ],
    )
    terminal.print()
    if len(classes) > _MOST_CLASSES:
        terminal.print(f"The confusion matrix of {len(classes)} classes ({listed(classes)}) is in --json.")
    else:
        terminal.print_table(
            ["actual \\ predicted", *classes],
            [[name, *map(str, counts)] for name, counts in zip(classes, result["confusion"], strict=True)],
        )


def print_comparison(
    terminal: Terminal, ours: Mapping[str, float | None], answer: str, constant: Mapping[str, float | None]
) -> None:
    """Say it if predictions are no better than the best constant answer, by accuracy or root mean square error."""
    name, sign = ("accuracy", 1) if "accuracy" in constant else ("rmse", -1)
    here, there = ours[name], constant[name]
    if here is not None and there is not None and sign * here <= sign * there:
        terminal.print(f"\nno better than to say {answer}")


def figure(name: str, value: float | None) -> str:
    """Return a figure as text, shares in per cent."""
    if value is None or np.isnan(value):
        return "-"
    return f"{100 * value:.1f} %" if name.endswith("accuracy") else f"{value:.4g}"


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
