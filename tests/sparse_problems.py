"""Published problems of optimization and discretization, each with the pattern of its derivative from paper.

A pattern is a set of pairs (row, column), written down without automatic differentiation.
"""

from math import pi

import numpy as np

from autograd import arctan2, cos, exp, sin, sqrt


def band(n, below, above=None):
    above = below if above is None else above
    return {(i, j) for i in range(n) for j in range(max(0, i - below), min(n, i + above + 1))}


def blocks(n, size):
    return {(i, j) for i in range(n) for j in range(n) if i // size == j // size}


# ---------------------------------------------------------------------------------------------------------------------
# Objectives, of which the Hessian is wanted

def chnrosnb(x):
    """CUTEst CHNROSNB (Toint 1978), with its 50 constants in the place of all by a formula."""
    n = len(x)
    return sum((x[i - 1] - x[i] ** 2) ** 2 * 16 * (1.5 + sin(float(i))) ** 2 + (x[i] - 1) ** 2 for i in range(1, n))


def genrose(x):
    """CUTEst GENROSE."""
    return 1 + sum(100 * (x[i] - x[i - 1] ** 2) ** 2 + (x[i] - 1) ** 2 for i in range(1, len(x)))


def luksan11(x):
    """CUTEst LUKSAN11LS: Luksan's chained Rosenbrock function."""
    return sum((20 * x[i] / (1 + x[i] ** 2) - 10 * x[i + 1]) ** 2 + (x[i] - 1) ** 2 for i in range(len(x) - 1))


def qing(x):
    """CUTEst QING."""
    return sum((x[i] ** 2 - (i + 1)) ** 2 for i in range(len(x)))


def helix(x):
    """The helical valley of Fletcher and Powell (CUTEst HELIX)."""
    theta = arctan2(x[1], x[0]) / (2 * pi)
    return 100 * ((x[2] - 10 * theta) ** 2 + (sqrt(x[0] ** 2 + x[1] ** 2) - 1) ** 2) + x[2] ** 2


def beale(x):
    """CUTEst BEALE."""
    return sum((c - x[0] * (1 - x[1] ** (k + 1))) ** 2 for k, c in enumerate((1.5, 2.25, 2.625)))


def powell_singular(x):
    """Powell's singular function, extended (More, Garbow, Hillstrom 13, 22)."""
    return sum(
        (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4
        for a, b, c, d in (x[i : i + 4] for i in range(0, len(x), 4))
    )


def wood(x):
    """Wood's function, extended (More, Garbow, Hillstrom 14)."""
    return sum(
        100 * (b - a**2) ** 2 + (1 - a) ** 2 + 90 * (d - c**2) ** 2 + (1 - c) ** 2 + 10 * (b + d - 2) ** 2
        + (b - d) ** 2 / 10
        for a, b, c, d in (x[i : i + 4] for i in range(0, len(x), 4))
    )  # fmt: skip


def arrowhead(x):
    """CUTEst ARWHEAD."""
    last = x[-1]
    return sum((x[i] ** 2 + last**2) ** 2 - 4 * x[i] + 3 for i in range(len(x) - 1))


def minimal_surface(x):
    """The area over a grid whose boundary is at 0, a sum over cells (MINPACK-2)."""
    n = round(len(x) ** 0.5)
    z = np.zeros((n + 2, n + 2), dtype=object)
    z[1:-1, 1:-1] = np.reshape(np.array(list(x), dtype=object), (n, n))
    return sum(
        sqrt(1 + (z[i + 1, j + 1] - z[i, j]) ** 2 + (z[i + 1, j] - z[i, j + 1]) ** 2)
        for i in range(n + 1)
        for j in range(n + 1)
    )


def nine_points(n):
    """The neighbors in a grid of n x n, diagonal ones included."""
    cells = [(i, j) for i in range(n) for j in range(n)]
    return {
        (i * n + j, k * n + m) for i, j in cells for k, m in cells if max(abs(i - k), abs(j - m)) <= 1
    }


HESSIANS = {
    "CHNROSNB": (chnrosnb, 50, band(50, 1)),
    "GENROSE": (genrose, 500, band(500, 1)),
    "LUKSAN11LS": (luksan11, 100, band(100, 1)),
    "QING": (qing, 100, band(100, 0)),
    "HELIX": (helix, 3, blocks(3, 3)),
    "BEALE": (beale, 2, blocks(2, 2)),
    "Powell singular": (
        powell_singular, 12, blocks(12, 4) - {(4 * k + i, 4 * k + j) for k in range(3) for i, j in
                                              ((0, 2), (2, 0), (1, 3), (3, 1))}),
    "Wood": (
        wood, 8, blocks(8, 4) - {(4 * k + i, 4 * k + j) for k in range(2) for i, j in
                                 ((0, 2), (2, 0), (0, 3), (3, 0), (1, 2), (2, 1))}),
    "ARWHEAD": (arrowhead, 20, {(i, j) for i in range(20) for j in range(20) if i == j or 19 in (i, j)}),
    "minimal surface": (minimal_surface, 25, nine_points(5)),
}  # fmt: skip

#: Of CUTEst, at its starting points: how many second derivatives are not zero there.
NONZEROS = {
    "CHNROSNB": (np.full(50, -1.0), 148),
    "GENROSE": (np.arange(1, 501) / 501, 1498),
    "LUKSAN11LS": (np.full(100, -0.8), 298),
    "QING": (np.ones(100), 99),
    "HELIX": (np.array([-1.0, 0.0, 0.0]), 7),
    "BEALE": (np.array([1.0, 1.0]), 3),
}


# ---------------------------------------------------------------------------------------------------------------------
# Systems, of which the Jacobian is wanted

def broyden_tridiagonal(x):
    """More, Garbow, Hillstrom 30."""
    y = [0.0, *x, 0.0]
    return [(3 - 2 * y[i]) * y[i] - y[i - 1] - 2 * y[i + 1] + 1 for i in range(1, len(x) + 1)]


def broyden_banded(x):
    """More, Garbow, Hillstrom 31: 5 below and 1 above the diagonal."""
    n = len(x)
    return [
        x[i] * (2 + 5 * x[i] ** 2) + 1
        - sum(x[j] * (1 + x[j]) for j in range(max(0, i - 5), min(n, i + 2)) if j != i)
        for i in range(n)
    ]  # fmt: skip


def boundary_value(x):
    """More, Garbow, Hillstrom 28."""
    n = len(x)
    h, y = 1 / (n + 1), [0.0, *x, 0.0]
    return [
        2 * y[i] - y[i - 1] - y[i + 1] + h**2 * (y[i] + i * h + 1) ** 3 / 2 for i in range(1, n + 1)
    ]


def integral_equation(x):
    """More, Garbow, Hillstrom 29: dense."""
    n = len(x)
    t = [(i + 1) / (n + 1) for i in range(n)]
    cubes = [(x[i] + t[i] + 1) ** 3 for i in range(n)]
    return [
        x[i] + ((1 - t[i]) * sum(t[j] * cubes[j] for j in range(i + 1))
                + t[i] * sum((1 - t[j]) * cubes[j] for j in range(i + 1, n))) / (2 * (n + 1))
        for i in range(n)
    ]  # fmt: skip


def bratu(x):
    """The solid fuel ignition of MINPACK-2 on a grid: the five-point stencil."""
    n = round(len(x) ** 0.5)
    z = np.zeros((n + 2, n + 2), dtype=object)
    z[1:-1, 1:-1] = np.reshape(np.array(list(x), dtype=object), (n, n))
    return [
        4 * z[i, j] - z[i - 1, j] - z[i + 1, j] - z[i, j - 1] - z[i, j + 1] - exp(z[i, j]) / (n + 1) ** 2
        for i in range(1, n + 1)
        for j in range(1, n + 1)
    ]


def five_points(n):
    return {(i, j) for i, j in nine_points(n) if abs(i // n - j // n) + abs(i % n - j % n) <= 1}


def brusselator(x):
    """The Brusselator in two dimensions, periodic, on a grid of n x n; all u, then all v."""
    n = round((len(x) / 2) ** 0.5)
    u, v = np.reshape(np.array(list(x), dtype=object), (2, n, n))

    def laplacian(z):
        return sum(np.roll(z, shift, axis) for shift in (-1, 1) for axis in (0, 1)) - 4 * z

    du = 1 + u**2 * v - 4.4 * u + 10 * laplacian(u)
    dv = 3.4 * u - u**2 * v + 10 * laplacian(v)
    return [*du.ravel(), *dv.ravel()]


def brusselator_pattern(n):
    pattern = set()
    for i in range(n):
        for j in range(n):
            cell = i * n + j
            near = {cell, *((i + k) % n * n + (j + m) % n for k, m in ((0, 1), (0, -1), (1, 0), (-1, 0)))}
            for here, other in ((0, n * n), (n * n, 0)):
                pattern |= {(here + cell, here + k) for k in near} | {(here + cell, other + cell)}
    return pattern


def bundle(x):
    """Residuals of points seen by cameras in a plane: each of one camera (3 numbers) and one point (2 numbers)."""
    cameras, points = x[:9], x[9:]
    residuals = []
    for c in range(3):
        angle, a, b = cameras[3 * c : 3 * c + 3]
        for p in range(len(points) // 2):
            u, v = points[2 * p : 2 * p + 2]
            residuals.append((cos(angle) * u - sin(angle) * v + a) / (4 + sin(angle) * u + cos(angle) * v + b))
    return residuals


def bundle_pattern(points):
    return {
        (c * points + p, j)
        for c in range(3)
        for p in range(points)
        for j in [*range(3 * c, 3 * c + 3), 9 + 2 * p, 10 + 2 * p]
    }


JACOBIANS = {
    "Broyden tridiagonal": (broyden_tridiagonal, 20, band(20, 1)),
    "Broyden banded": (broyden_banded, 20, band(20, 5, 1)),
    "discrete boundary value": (boundary_value, 20, band(20, 1)),
    "discrete integral equation": (integral_equation, 8, blocks(8, 8)),
    "Bratu": (bratu, 25, five_points(5)),
    "Brusselator": (brusselator, 72, brusselator_pattern(6)),
    "bundle adjustment": (bundle, 9 + 2 * 7, bundle_pattern(7)),
}
