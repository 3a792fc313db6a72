"""Image files of a training run, by matplotlib (extra ``viz``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd._cli.assessment import confusion_matrix
from autograd._cli.estimator import Estimator
from autograd._cli.preparation import NUMBER
from autograd._cli.table import REGRESSION
from autograd._files import check_writable, replacing
from autograd._plots.figures import COLOURS, draw_regions, padded_range
from autograd.training import History

_MOST_NUMBERS = 15  # classes of a confusion matrix with numbers in it


def check(path: str | os.PathLike[str]) -> None:
    """Raise a ValueError or OSError if an image cannot be made or written there."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError as error:
        raise ValueError("a plot needs matplotlib: python -m pip install 'autograd-engine[viz]'") from error
    formats = FigureCanvasBase.get_supported_filetypes()
    if _format(path) not in formats:
        raise ValueError(f"{os.fspath(path)}: the name of an image must end in one of .{', .'.join(sorted(formats))}")
    check_writable(path)


def save(
    path: str | os.PathLike[str],
    estimator: Estimator,
    X: NDArray[np.float64],
    y: NDArray[Any],
    held_out: NDArray[np.intp],
    history: History,
    best_epoch: int | None = None,
) -> None:
    """Draw what a network does with the data, and beside it the loss by epoch.

    Over one number that is the curve, over two the surface or the regions of the classes; else the confusion matrix, or
    what was predicted against what is so, of the held-out rows if there are any. The title says how good the
    predictions for those are.

    Parameters
    ----------
    path : path-like
        Its ending chooses the format.
    estimator : Estimator
        The trained network.
    X, y : ndarray
        Data, as `Estimator` takes it.
    held_out : ndarray of int
        Rows that are for validation.
    history : History
        Record of the training.
    best_epoch : int, optional
        The epoch whose parameters are kept, if it is not the last.
    """
    from matplotlib.figure import Figure

    shape = estimator.architecture
    plain = len(shape.features) == sum(column.kind == NUMBER for column in estimator.preparation.columns)
    figure = Figure(figsize=(6.0 * (1 + (history.epochs > 0)), 4.8), layout="constrained")
    left, *right = figure.subplots(1, 1 + (history.epochs > 0), squeeze=False)[0]
    judged = held_out if len(held_out) else np.arange(len(y))
    figures = estimator.evaluate(X[judged], y[judged])
    quality = f"R² {figures['R2']:.3f}" if shape.task == REGRESSION else f"accuracy {100 * figures['accuracy']:.1f} %"
    left.set_title(f"{len(judged)} {'validation' if len(held_out) else 'training'} rows, {quality}")
    if plain and len(shape.features) == 2:
        _draw_surface(left, estimator, X, y, held_out)
    elif plain and len(shape.features) == 1 and shape.task == REGRESSION:
        _draw_curve(left, estimator, X, y)
    elif shape.task == REGRESSION:
        _draw_predictions(left, estimator, X[judged], y[judged])
    else:
        _draw_confusion(left, estimator, X[judged], y[judged])
    for axes in right:
        history.plot(axes)
        axes.set_title("learning curve")
        if best_epoch:
            axes.axvline(best_epoch, color="grey", linestyle=":", label=f"kept: epoch {best_epoch}")
            axes.legend()
    with replacing(path) as file:
        figure.savefig(file, format=_format(path), dpi=120)


def _draw_confusion(axes: Any, estimator: Estimator, X: NDArray[np.float64], y: NDArray[Any]) -> None:
    shape = estimator.architecture
    counts = confusion_matrix(estimator, X, y)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [name if len(name) <= 16 else f"{name[:13]}..." for name in shape.classes]
    if len(names) <= _MOST_NUMBERS:
        for i, k in np.ndindex(counts.shape):
            colour = "white" if shares[i, k] > 0.5 else "black"
            axes.text(k, i, str(counts[i, k]), ha="center", va="center", color=colour)
    if len(names) <= 2 * _MOST_NUMBERS:
        slanted = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, names)) > 4 else {}
        axes.set_xticks(range(len(names)), names, **slanted)
        axes.set_yticks(range(len(names)), names)
    axes.set(xlabel=f"predicted {shape.target}", ylabel=f"actual {shape.target}")


def _draw_predictions(axes: Any, estimator: Estimator, X: NDArray[np.float64], y: NDArray[Any]) -> None:
    predictions = estimator.decide(estimator.scores(X))
    ends = [min(y.min(), predictions.min()), max(y.max(), predictions.max())]
    axes.plot(ends, ends, color="grey", linewidth=1, zorder=0)
    axes.scatter(y, predictions, color=COLOURS[0], edgecolors="white", s=30)
    target = estimator.architecture.target
    axes.set(xlabel=f"actual {target}", ylabel=f"predicted {target}")


def _draw_surface(
    axes: Any, estimator: Estimator, X: NDArray[np.float64], y: NDArray[Any], held_out: NDArray[np.intp]
) -> None:
    shape = estimator.architecture
    if shape.task == REGRESSION:
        low, high = padded_range(X)
        across, up = np.meshgrid(*(np.linspace(low[i], high[i], 120) for i in range(2)))
        values = estimator.decide(estimator.scores(np.column_stack([across.ravel(), up.ravel()])))
        bounds = {"vmin": min(values.min(), y.min()), "vmax": max(values.max(), y.max())}
        mesh = axes.pcolormesh(across, up, values.reshape(across.shape), cmap="viridis", shading="auto", **bounds)
        axes.figure.colorbar(mesh, ax=axes, label=shape.target)
        axes.scatter(*X.T, c=y, cmap="viridis", edgecolors="white", **bounds)
    else:
        draw_regions(axes, estimator.scores, X)
        validation = np.isin(np.arange(len(y)), held_out)
        for k, name in enumerate(shape.classes):
            colour = COLOURS[k % len(COLOURS)]
            for marker, part in (("o", (y == k) & ~validation), ("s", (y == k) & validation)):
                axes.scatter(*X[part].T, color=colour, marker=marker, edgecolors="white", s=40)
            axes.scatter([], [], color=colour, label=f"{shape.target} {name}")
        if validation.any():
            axes.scatter([], [], color="grey", marker="s", label="validation")
        axes.legend(loc="best", framealpha=0.9)
    axes.set(xlabel=shape.features[0], ylabel=shape.features[1])


def _draw_curve(axes: Any, estimator: Estimator, X: NDArray[np.float64], y: NDArray[Any]) -> None:
    shape = estimator.architecture
    low, high = padded_range(X)
    across = np.linspace(low[0], high[0], 300)
    axes.scatter(X[:, 0], y, color=COLOURS[0], s=20, label="data")
    axes.plot(across, estimator.decide(estimator.scores(across[:, None])), color=COLOURS[1], label="model")
    axes.set(xlabel=shape.features[0], ylabel=shape.target)
    axes.legend()


def _format(path: str | os.PathLike[str]) -> str:
    return Path(path).suffix[1:].lower()
