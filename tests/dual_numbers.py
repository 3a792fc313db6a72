"""Nested dual numbers: forward mode of any order in a page of Python, against which the transforms are tested.

A `Dual` is a number and its slope in one direction; nested in each other, they have derivatives of higher order. Each
direction has a level of its own, so that one inside another is not confused with it.
"""

import itertools
import math

_levels = itertools.count(1)


class Dual:
    """``value + slope * e`` with ``e * e = 0``; value and slope may be duals of lower levels."""

    #: The distances between numbers that were compared.
    margins = None

    def __init__(self, level, value, slope):
        self.level, self.value, self.slope = level, value, slope

    def __add__(self, other):
        level, a, da, b, db = _parts(self, other)
        return Dual(level, a + b, da + db)

    def __sub__(self, other):
        level, a, da, b, db = _parts(self, other)
        return Dual(level, a - b, da - db)

    def __mul__(self, other):
        level, a, da, b, db = _parts(self, other)
        return Dual(level, a * b, da * b + a * db)

    def __truediv__(self, other):
        level, a, da, b, db = _parts(self, other)
        return Dual(level, a / b, (da - a / b * db) / b)

    def __pow__(self, other):
        if not isinstance(other, Dual):
            if other == 0:
                return 1.0
            return Dual(self.level, self.value**other, other * self.value ** (other - 1) * self.slope)
        return exp(other * log(self))

    def __radd__(self, other):
        return self + other

    def __rsub__(self, other):
        return -self + other

    def __rmul__(self, other):
        return self * other

    def __rtruediv__(self, other):
        level, a, da, b, db = _parts(other, self)
        return Dual(level, a / b, (da - a / b * db) / b)

    def __rpow__(self, other):
        return exp(self * math.log(other))

    def __neg__(self):
        return Dual(self.level, -self.value, -self.slope)

    def __abs__(self):
        return self if self > 0 else -self

    def __lt__(self, other):
        return _compared(self, other) < 0

    def __le__(self, other):
        return _compared(self, other) <= 0

    def __gt__(self, other):
        return _compared(self, other) > 0

    def __ge__(self, other):
        return _compared(self, other) >= 0


def _parts(x, y):
    """Return the higher level of two numbers, and the value and the slope of each at that level."""
    level = max(x.level if isinstance(x, Dual) else 0, y.level if isinstance(y, Dual) else 0)
    a, da = (x.value, x.slope) if isinstance(x, Dual) and x.level == level else (x, 0.0)
    b, db = (y.value, y.slope) if isinstance(y, Dual) and y.level == level else (y, 0.0)
    return level, a, da, b, db


def primal(x):
    """Return the number itself, without its slopes."""
    while isinstance(x, Dual):
        x = x.value
    return x


def _compared(x, y):
    difference = primal(x) - primal(y)
    # Nothing moves a number and itself apart.
    if Dual.margins is not None and x is not y:
        Dual.margins.append(abs(difference))
    return difference


def derivative(function):
    """Return the derivative of a function of one number, a function."""
    return lambda x: slope_in(lambda numbers: function(*numbers), [x], [1.0])


def slope_in(function, numbers, direction):
    """Return the derivative in a direction of a function of a list of numbers."""
    level = next(_levels)
    result = function([Dual(level, x, d) for x, d in zip(numbers, direction, strict=True)])
    return result.slope if isinstance(result, Dual) and result.level == level else 0.0


# -- functions, by their rules or from others


def _unary(function, rule):
    def apply(x):
        return Dual(x.level, apply(x.value), rule(x.value) * x.slope) if isinstance(x, Dual) else function(x)

    return apply


exp = _unary(math.exp, lambda x: exp(x))
log = _unary(math.log, lambda x: 1.0 / x)
sqrt = _unary(math.sqrt, lambda x: 0.5 / sqrt(x))
sin = _unary(math.sin, lambda x: cos(x))
cos = _unary(math.cos, lambda x: -sin(x))
tanh = _unary(math.tanh, lambda x: 1.0 - tanh(x) * tanh(x))
arctan = _unary(math.atan, lambda x: 1.0 / (1.0 + x * x))


def sigmoid(x):
    return 1.0 / (1.0 + exp(-x))


def softplus(x):
    return log(1.0 + exp(x))


def relu(x):
    return x if x > 0 else 0.0 * x


def maximum(x, y):
    return x if x > y else y


def minimum(x, y):
    return x if x < y else y


def hypot(x, y):
    return sqrt(x * x + y * y)


def where(condition, x, y):
    return x if condition else y


def dot(xs, ys):
    return sum(x * y for x, y in zip(xs, ys, strict=True))


def logsumexp(xs):
    return log(sum(map(exp, xs)))


def softmax(xs):
    total = sum(map(exp, xs))
    return [exp(x) / total for x in xs]
