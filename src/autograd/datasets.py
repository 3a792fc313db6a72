"""Small data sets for trying a network on, made from a seed without further packages.

Every `make_*` function returns ``X`` of shape (n_samples, 2) and the classes ``y`` (0 or 1) of shape
(n_samples,). `make_moons` and `make_circles` give scikit-learn's numbers for the same seed.
"""

from __future__ import annotations

import operator
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

RandomState: TypeAlias = int | np.integer[Any] | np.random.RandomState | np.random.Generator | None
Points: TypeAlias = tuple[NDArray[np.float64], NDArray[np.intp]]

__all__ = ["four_points", "make_circles", "make_moons", "make_spirals", "make_xor"]


def make_moons(
    n_samples: int | tuple[int, int] = 100,
    *,
    shuffle: bool = True,
    noise: float | None = None,
    random_state: RandomState = None,
) -> Points:
    """Make two interleaving half circles.

    Parameters
    ----------
    n_samples : int or (int, int), default 100
        Number of points in all, or in each class. Of an odd number class 1 gets the larger half.
    shuffle : bool, default True
        Mix the classes; otherwise class 0 comes first.
    noise : float, optional
        Standard deviation of the normal noise added to every coordinate. None adds none.
    random_state : int, numpy.random.RandomState or numpy.random.Generator, optional
        Seed or source of the random numbers. None takes NumPy's global state (`numpy.random.seed`).

    Returns
    -------
    X : ndarray of float64, shape (n_samples, 2)
        The points.
    y : ndarray of intp, shape (n_samples,)
        Their classes: 0 for the upper moon, 1 for the lower.

    Raises
    ------
    ValueError
        For fewer than one point, a pair of another length, or a negative noise.

    Examples
    --------
    >>> X, y = make_moons(4, shuffle=False)
    >>> X.round(2).tolist()
    [[1.0, 0.0], [-1.0, 0.0], [0.0, 0.5], [2.0, 0.5]]
    >>> y.tolist()
    [0, 0, 1, 1]
    """
    upper, lower = (np.linspace(0.0, np.pi, n) for n in _class_sizes(n_samples))
    return _assemble(
        (np.cos(upper), np.sin(upper)),
        (1 - np.cos(lower), 1 - np.sin(lower) - 0.5),
        shuffle,
        noise,
        random_state,
    )


def make_circles(
    n_samples: int | tuple[int, int] = 100,
    *,
    shuffle: bool = True,
    noise: float | None = None,
    random_state: RandomState = None,
    factor: float = 0.8,
) -> Points:
    """Make a circle inside a unit circle.

    Parameters
    ----------
    n_samples, shuffle, noise, random_state
        As for `make_moons`.
    factor : float, default 0.8
        Radius of the inner circle, in [0, 1).

    Returns
    -------
    X : ndarray of float64, shape (n_samples, 2)
        The points.
    y : ndarray of intp, shape (n_samples,)
        Their classes: 0 for the outer circle, 1 for the inner.

    Raises
    ------
    ValueError
        As for `make_moons`, and for a factor outside [0, 1).

    Examples
    --------
    >>> X, y = make_circles((2, 1), shuffle=False, factor=0.5)
    >>> X.round(2).tolist()
    [[1.0, 0.0], [-1.0, 0.0], [0.5, 0.0]]
    """
    if not 0 <= factor < 1:
        raise ValueError(f"factor must lie in [0, 1), got {factor!r}")
    outer, inner = (np.linspace(0.0, 2 * np.pi, n, endpoint=False) for n in _class_sizes(n_samples))
    return _assemble(
        (np.cos(outer), np.sin(outer)),
        (np.cos(inner) * factor, np.sin(inner) * factor),
        shuffle,
        noise,
        random_state,
    )


def make_spirals(
    n_samples: int | tuple[int, int] = 100,
    *,
    shuffle: bool = True,
    noise: float | None = None,
    random_state: RandomState = None,
    turns: float = 1.0,
) -> Points:
    """Make two spirals wound into each other inside the unit circle.

    Parameters
    ----------
    n_samples, shuffle, noise, random_state
        As for `make_moons`.
    turns : float, default 1.0
        How often a spiral goes round the origin; more turns are harder to learn.

    Returns
    -------
    X : ndarray of float64, shape (n_samples, 2)
        The points, evenly dense along each spiral.
    y : ndarray of intp, shape (n_samples,)
        Their classes: the spiral of class 1 is that of class 0 turned by half a circle.

    Raises
    ------
    ValueError
        As for `make_moons`, and for `turns` that is not above zero.

    Examples
    --------
    >>> X, y = make_spirals(60, random_state=0)
    >>> X.shape, int(y.sum())
    ((60, 2), 30)
    """
    if not turns > 0:
        raise ValueError(f"turns must be above zero, got {turns!r}")
    # The radius is the square root of an even spacing: equal steps of r**2 are about equal arc lengths.
    first, second = (np.sqrt(np.linspace(0.02, 1.0, n)) for n in _class_sizes(n_samples))
    angle_first, angle_second = 2 * np.pi * turns * first, 2 * np.pi * turns * second + np.pi
    return _assemble(
        (first * np.cos(angle_first), first * np.sin(angle_first)),
        (second * np.cos(angle_second), second * np.sin(angle_second)),
        shuffle,
        noise,
        random_state,
    )


def make_xor(
    n_samples: int | tuple[int, int] = 100,
    *,
    shuffle: bool = True,
    noise: float | None = None,
    random_state: RandomState = None,
) -> Points:
    """Make points at the corners of a square, opposite corners in one class.

    Parameters
    ----------
    n_samples, shuffle, noise, random_state
        As for `make_moons`; without noise the points are copies of the four corners.

    Returns
    -------
    X : ndarray of float64, shape (n_samples, 2)
        The points, around (-1, -1), (1, 1), (-1, 1) and (1, -1).
    y : ndarray of intp, shape (n_samples,)
        Their classes: 0 where both coordinates have one sign, 1 where the signs differ.

    Raises
    ------
    ValueError
        As for `make_moons`.

    Examples
    --------
    >>> X, y = make_xor(4, shuffle=False)
    >>> X.tolist(), y.tolist()
    ([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]], [0, 0, 1, 1])
    """
    same, different = (np.resize([-1.0, 1.0], n) for n in _class_sizes(n_samples))
    return _assemble((same, same), (different, -different), shuffle, noise, random_state)


def four_points() -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the four labelled points of the micrograd lecture.

    Returns
    -------
    X : ndarray of float64, shape (4, 3)
        The points.
    y : ndarray of intp, shape (4,)
        Their classes, -1 or 1.

    Examples
    --------
    >>> X, y = four_points()
    >>> y.tolist()
    [1, -1, -1, 1]
    """
    X = np.array([[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]])
    return X, np.array([1, -1, -1, 1], dtype=np.intp)


def _class_sizes(n_samples: int | tuple[int, int]) -> tuple[int, int]:
    if isinstance(n_samples, tuple | list):
        sizes = tuple(n_samples)
    else:
        total = operator.index(n_samples)
        sizes = (total // 2, total - total // 2)
    if len(sizes) != 2 or min(sizes) < 0 or sum(sizes) < 1:
        raise ValueError(f"n_samples must be a number of points or one for each class, got {n_samples!r}")
    return sizes


def _assemble(
    class_0: tuple[NDArray[np.float64], NDArray[np.float64]],
    class_1: tuple[NDArray[np.float64], NDArray[np.float64]],
    shuffle: bool,
    noise: float | None,
    random_state: RandomState,
) -> Points:
    """Stack two classes of (x, y) coordinates, then mix, then add noise: scikit-learn's order of draws."""
    if noise is not None and not noise >= 0:
        raise ValueError(f"noise must not be negative, got {noise!r}")
    X = np.vstack([np.column_stack(class_0), np.column_stack(class_1)])
    y = np.repeat(np.arange(2, dtype=np.intp), [len(class_0[0]), len(class_1[0])])
    source: Any
    if random_state is None:
        source = np.random
    elif isinstance(random_state, Integral):
        source = np.random.RandomState(int(random_state))
    elif isinstance(random_state, (np.random.RandomState, np.random.Generator)):
        source = random_state
    else:
        raise TypeError(
            f"random_state must be a seed or a NumPy generator, got {type(random_state).__name__}: {random_state!r}"
        )
    if shuffle:
        order = np.arange(len(y))
        source.shuffle(order)
        X, y = X[order], y[order]
    if noise is not None:
        X += source.normal(scale=noise, size=X.shape)
    return X, y
