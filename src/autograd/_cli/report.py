"""Image files of a training run, by matplotlib (extra ``viz``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd._cli.estimator import Estimator
from autograd._cli.table import REGRESSION
from autograd._files import check_writable, replacing
from autograd._plots.figures import COLOURS, draw_regions, padded_range
from autograd.training import History


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
) -> None:
    """Draw loss by epoch, and beside it the regions or the surface over two features, or the curve over one.

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
    """
    from matplotlib.figure import Figure

    shape = estimator.architecture
    surface = len(shape.features) == 2
    curve = len(shape.features) == 1 and shape.task == REGRESSION
    panels = 1 + (surface or curve)
    figure = Figure(figsize=(6.0 * panels, 4.8), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]
    if surface:
        _draw_surface(axes[0], estimator, X, y, held_out)
    elif curve:
        _draw_curve(axes[0], estimator, X, y)
    if history.epochs:
        history.plot(axes[-1])
    with replacing(path) as file:
        figure.savefig(file, format=_format(path), dpi=120)


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
