"""The picture of a training run as an image file, by matplotlib (extra ``viz``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autograd._estimator import Estimator
from autograd._files import check_writable, replacing
from autograd._table import REGRESSION
from autograd._terminal import padded_range
from autograd.training import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Paul Tol's "bright" scheme: told apart by the colour-blind too.
_COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB")


def check(path: str | os.PathLike[str]) -> None:
    """Raise a ValueError or OSError if a picture cannot be made or written there."""
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
    history.plot(axes[-1])
    with replacing(path) as file:
        figure.savefig(file, format=_format(path), dpi=120)


def _draw_surface(
    axes: Any, estimator: Estimator, X: NDArray[np.float64], y: NDArray[Any], held_out: NDArray[np.intp]
) -> None:
    from matplotlib.colors import ListedColormap

    shape = estimator.architecture
    low, high = padded_range(X)
    across, up = np.meshgrid(*(np.linspace(low[i], high[i], 120) for i in range(2)))
    values = estimator.decide(estimator.scores(np.column_stack([across.ravel(), up.ravel()]))).reshape(across.shape)
    validation = np.isin(np.arange(len(y)), held_out)
    if shape.task == REGRESSION:
        bounds = {"vmin": min(values.min(), y.min()), "vmax": max(values.max(), y.max())}
        mesh = axes.pcolormesh(across, up, values, cmap="viridis", shading="auto", **bounds)
        axes.figure.colorbar(mesh, ax=axes, label=shape.target)
        axes.scatter(*X.T, c=y, cmap="viridis", edgecolors="white", **bounds)
    else:
        colours = [_COLOURS[k % len(_COLOURS)] for k in range(len(shape.classes))]
        bounds = {"vmin": 0, "vmax": len(colours) - 1}
        axes.pcolormesh(across, up, values, cmap=ListedColormap(colours), alpha=0.25, shading="auto", **bounds)
        for k, name in enumerate(shape.classes):
            of_class = y == k
            for marker, part in (("o", of_class & ~validation), ("s", of_class & validation)):
                axes.scatter(*X[part].T, color=colours[k], marker=marker, edgecolors="white", s=40)
            axes.scatter([], [], color=colours[k], label=f"{shape.target} {name}")
        if validation.any():
            axes.scatter([], [], color="grey", marker="s", label="validation")
        axes.legend(loc="best", framealpha=0.9)
    axes.set(xlabel=shape.features[0], ylabel=shape.features[1], xlim=(low[0], high[0]), ylim=(low[1], high[1]))


def _draw_curve(axes: Any, estimator: Estimator, X: NDArray[np.float64], y: NDArray[Any]) -> None:
    shape = estimator.architecture
    low, high = padded_range(X)
    across = np.linspace(low[0], high[0], 300)
    axes.scatter(X[:, 0], y, color=_COLOURS[0], s=20, label="data")
    axes.plot(across, estimator.decide(estimator.scores(across[:, None])), color=_COLOURS[1], label="model")
    axes.set(xlabel=shape.features[0], ylabel=shape.target)
    axes.legend()


def plot_history(history: History, ax: Axes | None = None) -> Axes:
    """See `History.plot`."""
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots()[1]
    for name, label, colour in (("loss", "training", _COLOURS[0]), ("validation_loss", "validation", _COLOURS[1])):
        series = history.get(name, [])
        if series:
            ax.plot(range(1, len(series) + 1), series, color=colour, label=label)
    ax.set(xlabel="epoch", ylabel="loss", yscale="log" if min(history.get("loss", [1.0])) > 0 else "linear")
    if history.epochs:
        ax.legend()
    return ax


def _format(path: str | os.PathLike[str]) -> str:
    return Path(path).suffix[1:].lower()
