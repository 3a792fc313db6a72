"""Plots of models and of training runs, by matplotlib (extra ``viz``)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autograd._training.data import as_inputs
from autograd.training import Model, predict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Paul Tol's "bright" scheme: told apart by the colour-blind too.
COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB")
_GRID = 120


def plot_decision_boundary(model: Model, X: ArrayLike, y: ArrayLike, ax: Axes | None = None) -> Axes:
    """Plot which class a model gives to the points of the plane, and the points of a data set.

    Parameters
    ----------
    model : Model
        Called with rows of two inputs. A single output above zero means the second of two classes; of several outputs
        the largest one tells the class.
    X : array_like, shape (rows, 2)
        Points.
    y : array_like, shape (rows,)
        Their classes: for a single output -1 or 1, or 0 or 1; else the index of the output.
    ax : matplotlib.axes.Axes, optional
        Where to plot, by default in a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If ``matplotlib`` is not installed.
    ValueError
        If `X` or `y` has another shape, or a class is none of the model's.

    Examples
    --------
    >>> from autograd import MLP
    >>> from autograd.datasets import make_moons
    >>> X, y = make_moons(50, noise=0.1, random_state=0)
    >>> ax = plot_decision_boundary(MLP(2, [4, 1], seed=0), X, y)  # doctest: +SKIP
    """
    points, targets = as_inputs(X), np.asarray(y)
    if not (points.ndim == 2 and points.shape[1] == 2 and targets.shape == points.shape[:1] and len(points)):
        raise ValueError(f"X must have the shape (rows, 2) and y (rows,), got {points.shape} and {targets.shape}")
    outputs = predict(model, points[:1]).size
    classes, allowed = np.unique(targets).tolist(), (-1, 0, 1) if outputs == 1 else tuple(range(outputs))
    if wrong := [k for k in classes if k not in allowed]:
        raise ValueError(f"the model tells the classes {allowed} apart, y has {wrong[0]!r}")
    ax = _axes(ax)
    draw_regions(ax, lambda grid: predict(model, grid), points)
    for k in classes:
        colour = COLOURS[int(k > 0 if outputs == 1 else k) % len(COLOURS)]
        x0, x1 = points[targets == k].T
        ax.scatter(x0, x1, s=40, color=colour, edgecolors="white", label=f"class {k:g}")
    ax.legend(framealpha=0.9)
    return ax


def draw_regions(
    ax: Axes, scores: Callable[[NDArray[np.float64]], NDArray[np.float64]], X: NDArray[np.float64]
) -> None:
    """Fill the regions of the classes around some points.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw; its limits are set.
    scores : callable
        Gives the outputs of a model for points, shape (n, 2).
    X : ndarray, shape (rows, 2)
        Points.
    """
    low, high = padded_range(X)
    across, up = np.meshgrid(*(np.linspace(low[i], high[i], _GRID) for i in range(2)))
    values = scores(np.column_stack([across.ravel(), up.ravel()])).reshape(across.size, -1)
    if values.shape[1] == 1:
        values = np.column_stack([-values, values])
    for k in range(values.shape[1]):
        # The region of a class ends where its lead is zero, which is finer than the grid.
        lead = values[:, k] - np.delete(values, k, axis=1).max(axis=1)
        if lead.max() > 0:
            ax.contourf(
                across, up, lead.reshape(across.shape), [0, lead.max()], colors=[COLOURS[k % len(COLOURS)]], alpha=0.25
            )
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))


def padded_range(X: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the smallest and largest coordinates of points with a margin of 8 % (never of width 0)."""
    low, high = X.min(axis=0), X.max(axis=0)
    margin = np.where(high > low, 0.08 * (high - low), np.maximum(1.0, np.abs(high)))
    return low - margin, high + margin


def plot_history(history: Mapping[str, Sequence[float]], ax: Axes | None = None, *, name: str = "loss") -> Axes:
    """Plot a figure of a training run over the epochs, on a logarithmic scale if it spans a factor of ten.

    Parameters
    ----------
    history : mapping of str to sequence of float
        What `autograd.training.fit` returned.
    ax : matplotlib.axes.Axes, optional
        Where to plot, by default in a new figure.
    name : str, default "loss"
        Which figure; that of the validation data goes with it.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If ``matplotlib`` is not installed.
    ValueError
        If the history has no such figure.

    Examples
    --------
    >>> ax = plot_history({"loss": [1.0, 0.5], "validation_loss": [1.1, 0.8]})  # doctest: +SKIP
    """
    if name not in history:
        raise ValueError(f"the history has no {name!r}, it has {', '.join(map(repr, history)) or 'nothing'}")
    ax = _axes(ax)
    curves = [("training", history[name]), ("validation", history.get(f"validation_{name}", ()))]
    for (label, series), colour in zip(curves, COLOURS, strict=False):
        if series:
            ax.plot(range(1, len(series) + 1), series, color=colour, label=label)
    numbers = [x for _, series in curves for x in series if math.isfinite(x)]
    if numbers and 0 < 10 * min(numbers) <= max(numbers):
        ax.set_yscale("log")
    ax.set(xlabel="epoch", ylabel=name.replace("_", " "))
    ax.legend()
    return ax


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("a plot needs matplotlib: python -m pip install 'autograd-engine[viz]'") from error
    return pyplot.subplots()[1]
