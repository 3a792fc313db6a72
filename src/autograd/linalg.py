"""Linear algebra of small dense matrices of Values, with the names and arguments of ``numpy.linalg``.

Matrices of numbers go to NumPy. For Values, and in traced functions, the operations are those of the textbook, so that
they have derivatives of every order; the largest entry of a column is its pivot, which every lane of a batch chooses
for itself, without a branch. The cost grows as the cube of the size: beyond about 50 rows use a solver with
`autograd.custom_vjp`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd._core import Value
from autograd.functions import sqrt, where

__all__ = ["cholesky", "det", "inv", "solve"]

Rows = list[list[Any]]


def _matrix(caller: str, a: Any) -> np.ndarray[Any, Any]:
    """Return a square matrix as an array, of objects if there is a Value in it."""
    array = np.asarray(a)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise ValueError(f"{caller} expects a square matrix, got an array of shape {array.shape}; use vmap for a batch")
    if array.dtype.kind not in "biufO":
        raise TypeError(f"{caller} expects a matrix of real numbers or Values, got one of {array.dtype}")
    return array


def _check(condition: Any, message: str) -> None:
    """Raise as NumPy does unless a condition holds. In a trace it is a Value, and every lane goes on."""
    if not isinstance(condition, Value) and not condition:
        raise np.linalg.LinAlgError(message)


def _eliminate(rows: Rows) -> Any:
    """Make the left part of a matrix triangular in place, with partial pivoting, and return the sign of the swaps."""
    sign: Any = 1.0
    for k in range(len(rows)):
        for i in range(k + 1, len(rows)):
            is_larger = abs(rows[i][k]) > abs(rows[k][k])
            if not isinstance(is_larger, Value):
                if is_larger:
                    rows[i], rows[k], sign = rows[k], rows[i], -sign
                continue
            for j in range(k, len(rows[k])):
                x, y = rows[k][j], rows[i][j]
                rows[k][j], rows[i][j] = where(is_larger, y, x), where(is_larger, x, y)
            sign = where(is_larger, -sign, sign)
        pivot = rows[k][k]
        for row in rows[k + 1 :]:
            # Where the pivot is zero, so is what is below it.
            factor = row[k] / where(pivot == 0.0, 1.0, pivot)
            for j in range(k + 1, len(row)):
                row[j] = row[j] - factor * rows[k][j]
    return sign


def solve(a: Any, b: Any) -> Any:
    """Solve the linear equations ``a @ x = b``.

    Parameters
    ----------
    a : array_like, shape (n, n)
    b : array_like, shape (n,) or (n, k)

    Returns
    -------
    ndarray
        Of the shape of `b`.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    numpy.linalg.LinAlgError
        If `a` is singular; in a traced function the solution is infinite or nan instead.

    Examples
    --------
    >>> from autograd import grad
    >>> solve([[2.0, 1.0], [1.0, 3.0]], [3.0, 5.0])
    array([0.8, 1.4])
    >>> round(grad(lambda t: solve([[2.0, t], [1.0, 3.0]], [3.0, 5.0])[0])(1.0), 6)
    -0.84
    """
    matrix, right = _matrix("solve", a), np.asarray(b)
    if right.ndim not in (1, 2) or right.shape[0] != len(matrix):
        raise ValueError(
            f"solve expects a right side of shape ({len(matrix)},) or ({len(matrix)}, k), got one of shape "
            f"{right.shape}"
        )
    if matrix.dtype.kind != "O" and right.dtype.kind != "O":
        return np.linalg.solve(matrix, right)
    count = len(matrix)
    rows = [[*left, *np.atleast_1d(entries)] for left, entries in zip(matrix.tolist(), right, strict=True)]
    _eliminate(rows)
    for k in reversed(range(count)):
        _check(rows[k][k] != 0.0, "Singular matrix")
        for column in range(count, len(rows[k])):
            total = rows[k][column]
            for j in range(k + 1, count):
                total = total - rows[k][j] * rows[j][column]
            rows[k][column] = total / rows[k][k]
    return np.array([row[count:] for row in rows], dtype=object).reshape(right.shape)


def inv(a: Any) -> Any:
    """Invert a matrix.

    Parameters
    ----------
    a : array_like, shape (n, n)

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError, numpy.linalg.LinAlgError
        As `solve`.

    Examples
    --------
    >>> inv([[2.0, 1.0], [1.0, 1.0]])
    array([[ 1., -1.],
           [-1.,  2.]])
    """
    matrix = _matrix("inv", a)
    return np.linalg.inv(matrix) if matrix.dtype.kind != "O" else solve(matrix, np.eye(len(matrix)))


def det(a: Any) -> Any:
    """Return the determinant of a matrix.

    Parameters
    ----------
    a : array_like, shape (n, n)

    Returns
    -------
    Value or float

    Raises
    ------
    ValueError
        If the shape does not fit.

    Notes
    -----
    Up to three rows it is a polynomial of the entries. From four rows on it is a product of pivots, whose derivatives
    are those of the determinant where the matrix is not singular.

    Examples
    --------
    >>> from autograd import grad
    >>> import numpy as np
    >>> grad(det)(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[ 4., -3.],
           [-2.,  1.]])
    """
    matrix = _matrix("det", a)
    if matrix.dtype.kind != "O":
        return float(np.linalg.det(matrix))
    rows = matrix.tolist()
    if len(rows) == 2:
        (a, b), (c, d) = rows
        return a * d - b * c
    if len(rows) == 3:
        (a, b, c), (d, e, f), (g, h, i) = rows
        return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    product = _eliminate(rows)
    for k, row in enumerate(rows):
        product = product * row[k]
    return product


def cholesky(a: Any) -> Any:
    """Return the lower triangular matrix L with ``L @ L.T = a``.

    Parameters
    ----------
    a : array_like, shape (n, n)
        A symmetric matrix, of which the lower triangle is read.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If the shape does not fit.
    numpy.linalg.LinAlgError
        If `a` is not positive definite; in a traced function the result is nan instead.

    Examples
    --------
    >>> cholesky([[4.0, 2.0], [2.0, 10.0]])
    array([[2., 0.],
           [1., 3.]])
    """
    matrix = _matrix("cholesky", a)
    if matrix.dtype.kind != "O":
        return np.linalg.cholesky(matrix)
    lower: Any = np.zeros(matrix.shape, dtype=object)
    lower[:] = 0.0
    for i in range(len(matrix)):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total = total - lower[i, k] * lower[j, k]
            if i == j:
                _check(total > 0.0, "Matrix is not positive definite")
            lower[i, j] = sqrt(total) if i == j else total / lower[j, j]
    return lower
