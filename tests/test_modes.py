"""A choice passes nothing to what was not chosen: eager, reverse, forward mode and their compositions agree."""

import math

import numpy as np
from domains import DOMAINS

from autograd import ops, trace

UNARY = [name for name in sorted(DOMAINS) if len(ops.OPS[name].grads) == 1]
BINARY = [name for name in sorted(DOMAINS) if len(ops.OPS[name].grads) == 2]
POINTS = (0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, 800.0, -800.0, 1e-300, 1e300, -1e300, math.inf, -math.inf)


def run(program, columns):
    return np.array(program.map(*columns)) if hasattr(program, "map") else np.array(program.batch(*columns))


def modes(function, points):
    """Return value, gradient and second derivatives by all modes: {order: {mode: array}}."""
    n = len(points[0])
    program = trace(function, *[0.3] * n)
    wrt = list(range(n))
    reverse = program.reverse(wrt, [0], ones=True)
    forward = program.forward(wrt)
    return program, reverse, forward
