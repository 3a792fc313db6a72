"""Derivatives of functions that take derivatives: particle and saddle.

Both have four functions, named after the modes of the outer and of the inner derivative, ``r`` for reverse and ``f``
for forward.
"""

import functools
import itertools
import math

import numpy as np
from registry import problem, warmed

from autograd import compile, grad, jvp, sqrt, while_loop


def forward_gradient(f):
    """Return the gradient of a function of a list: a derivative in the direction of each entry."""
    return lambda x: [jvp(f, (x,), (direction.tolist(),))[1] for direction in np.eye(len(x))]


GRADIENTS = {"r": grad, "f": forward_gradient}


def distance(x, y):
    return sqrt(sum((xi - yi) * (xi - yi) for xi, yi in zip(x, y, strict=True)))


def minimise(objective, gradient, start):
    """Descend along the gradient; the rate doubles after ten steps and is halved where a step fails."""

    def goes_on(state):
        _, _, slope, _, _, reached = state
        return reached < distance(slope, [0.0] * len(slope)) - 1e-5

    def step(state):
        x, value, slope, rate, successes, reached = state
        if successes == 10:
            return x, value, slope, 2 * rate, 0.0, reached
        trial = [xi - rate * si for xi, si in zip(x, slope, strict=True)]
        if distance(x, trial) <= 1e-5:
            return x, value, slope, rate, successes, math.inf
        trial_value = objective(trial)
        if trial_value < value:
            return trial, trial_value, gradient(trial), rate, successes + 1, reached
        return x, value, slope, rate / 2, 0.0, reached

    return while_loop(goes_on, step, (list(start), objective(start), list(gradient(start)), 1e-5, 0.0, 0.0))[0]


# ---------------------------------------------------------------------------------------------------------------------
# particle: the charge that steers a particle to the origin

STEP = 0.1


def crossing(w, inner):
    """Return the squared abscissa at which the particle crosses the axis, by Euler's method."""
    x, velocity = [0.0, 8.0], [0.75, 0.0]

    def potential(position):
        return 1 / distance(position, [10.0, 10.0 - w[0]]) + 1 / distance(position, [10.0, 0.0])

    def moved(position, velocity):
        return [xi + STEP * vi for xi, vi in zip(position, velocity, strict=True)]

    def step(state):
        position, velocity = state
        force = inner(potential)(position)
        return moved(position, velocity), [vi - STEP * fi for vi, fi in zip(velocity, force, strict=True)]

    x, velocity = while_loop(lambda state: moved(*state)[1] >= 0, step, (x, velocity))
    return (x[0] - x[1] / velocity[1] * velocity[0]) ** 2


def particle(given, outer, inner):
    objective = functools.partial(crossing, inner=GRADIENTS[inner])
    return warmed(compile(lambda w: minimise(objective, GRADIENTS[outer](objective), [w])[0]), given["w"])


# ---------------------------------------------------------------------------------------------------------------------
# saddle: the least of the largest values


def height(x, y):
    return (x[0] * x[0] + x[1] * x[1]) - (y[0] * y[0] + y[1] * y[1])


def saddle(given, outer, inner):
    def search(start):
        def highest(x):
            """Return where the height above `x` is largest."""

            def depth(y):
                return -height(x, y)

            return minimise(depth, GRADIENTS[inner](depth), start)

        def ridge(x):
            return height(x, highest(x))

        x = minimise(ridge, GRADIENTS[outer](ridge), start)
        return [*x, *highest(x)]

    return warmed(compile(search), list(given["start"]))


for outer, inner in itertools.product("rf", repeat=2):
    problem("particle", outer + inner)(functools.partial(particle, outer=outer, inner=inner))
    problem("saddle", outer + inner, list)(functools.partial(saddle, outer=outer, inner=inner))
