"""Where each primitive is tested: one row per row of the op table.

Every row names Python's function of floats where there is one, the same function in mpmath, intervals to sample, and
the edges by hand: the arguments, the value, and the derivative by each operand.
"""

import math
import operator
import random
from collections.abc import Callable
from dataclasses import dataclass

import mpmath

from autograd import functions

INF, NAN = math.inf, math.nan
TINY = 5e-324  # the least positive double, a denormal
SMALLEST_NORMAL = 2.2250738585072014e-308
HUGE = 1.7976931348623157e308
REAL = (-1e308, 1e308)
EPSILON = 2.0**-52
NEAREST_BELOW = 2.0**53 - 1  # every larger double is an even integer

#: Arguments on which every function is compared with Python's, alone and in all pairs.
SPECIAL = (0.0, 1.0, 2.0, 3.0, 0.5, 1 / 3, 0.1, 1e-5, 20.0, 709.7, 710.4, 745.1, 1e16, 1e22, 1e-300, 1e300)
SPECIAL += (TINY, 1e-310, SMALLEST_NORMAL, HUGE, INF, 1 - EPSILON / 2, 1 + EPSILON)
SPECIAL += tuple(-x for x in SPECIAL) + (NAN,)

#: How the operators are called; all other rows are functions of their name.
OPERATORS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "neg": operator.neg,
    "abs": abs,
}


#: Rows without a domain: what a trace records of comparisons, of `detach` and of Blocks, tested with the traces, and
#: the derivatives of `tanh` and `erf`, tested with them.
RECORDED = ("difference", "less", "less_equal", "equal", "not_equal", "sech_squared", "gaussian", "stop_gradient")
#: Its second operand, the number of digits, is always an immediate; tested with `round`.
RECORDED += ("round_to",)


@dataclass(frozen=True)
class Domain:
    """Where a primitive is tested.

    Parameters
    ----------
    exact : callable
        The function in mpmath.
    intervals : tuple of pair of float
        For each operand the interval inside the domain from which test points are drawn.
    edges : tuple of (arguments, value, derivatives)
        What is known exactly; ``...`` where nothing is promised.
    python : callable, optional
        Python's function, whose bits and exceptions the primitive has.
    raises : tuple of (type, arguments, arguments, ...)
        Arguments that raise.
    points : tuple of arguments
        Points besides those that are drawn.
    tolerance : callable, optional
        Relative tolerance of the derivatives, as a function of the operands; 8 roundings by default.
    absolute : float
        Absolute tolerance of the derivatives, beside one denormal.
    value_tolerance : callable, optional
        Relative tolerance of the value; 4 roundings by default.
    """

    exact: Callable
    intervals: tuple
    edges: tuple
    python: Callable | None = None
    raises: tuple = ()
    points: tuple = ()
    tolerance: Callable = lambda *x: 8 * EPSILON
    absolute: float = 0.0
    value_tolerance: Callable = lambda *x: 4 * EPSILON

    def sample(self, count=150):
        """Return the points, and `count` drawn ones: near zero, and log-uniform over all magnitudes."""
        generator = random.Random(0)
        return [*self.points, *(tuple(draw(generator, *i) for i in self.intervals) for _ in range(count))]

    def derivative(self, operand, arguments):
        """Return the exact derivative by an operand, as a difference in so many digits that it has all of them."""
        digits = 140 + 2 * sum(abs(math.frexp(x)[1]) * 0.30103 for x in arguments)
        with mpmath.workdps(int(digits)):
            exact = [mpmath.mpf(x) for x in arguments]
            step = min(abs(exact[operand]) or 1, 1) * mpmath.mpf(10) ** -40

            def at(x):
                return self.exact(*exact[:operand], x, *exact[operand + 1 :])

            return (at(exact[operand] + step) - at(exact[operand] - step)) / (2 * step)


def draw(generator, low, high):
    if generator.random() < 0.5:
        return generator.uniform(max(low, -4.0), min(high, 4.0)) if low < 4 and high > -4 else low
    sign = 1 if low >= 0 else -1 if high <= 0 else generator.choice((-1, 1))
    far = high if sign > 0 else -low
    near = max(low if sign > 0 else -high, TINY)
    near = max(near, 1e-310)
    return sign * min(max(math.exp(generator.uniform(math.log(near), math.log(far))), near), far)


def call(name, *operands):
    """Apply the primitive `name` to Values and numbers."""
    return (OPERATORS.get(name) or getattr(functions, name))(*operands)


def _sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


DOMAINS = {
    "add": Domain(
        python=operator.add,
        exact=operator.add,
        intervals=(REAL, REAL),
        edges=(((INF, -INF), NAN, (1, 1)), ((-0.0, -0.0), -0.0, (1, 1)), ((NAN, 1.0), NAN, (1, 1))),
    ),
    "sub": Domain(
        python=operator.sub,
        exact=operator.sub,
        intervals=(REAL, REAL),
        edges=(((INF, INF), NAN, (1, -1)), ((0.0, -0.0), 0.0, (1, -1)), ((1.0, TINY), 1.0, (1, -1))),
    ),
    "mul": Domain(
        python=operator.mul,
        exact=operator.mul,
        intervals=((-1e150, 1e150), (-1e150, 1e150)),
        edges=(
            ((0.0, INF), NAN, (INF, 0)),
            ((-0.0, 3.0), -0.0, (3, -0.0)),
            ((TINY, 0.5), 0.0, (0.5, TINY)),
            ((1e300, 1e300), INF, (1e300, 1e300)),
            ((NAN, 2.0), NAN, (2, NAN)),
        ),
    ),
    "div": Domain(
        python=operator.truediv,
        exact=operator.truediv,
        intervals=((-1e100, 1e100), (1e-100, 1e100)),
        points=((1e300, -1e200), (1.0, 1e300), (TINY, -3.0)),
        edges=(
            ((0.0, 2.0), 0.0, (0.5, 0)),
            ((1.0, INF), 0.0, (0, 0)),
            ((INF, 2.0), INF, (0.5, -INF)),
            ((1.0, TINY), INF, (INF, -INF)),
            ((NAN, 2.0), NAN, (0.5, NAN)),
        ),
        raises=((ZeroDivisionError, (1.0, 0.0), (0.0, 0.0), (1.0, -0.0), (INF, 0.0), (NAN, 0.0)),),
    ),
    "pow": Domain(
        python=operator.pow,
        exact=mpmath.power,
        intervals=((1e-9, 1e9), (-30.0, 30.0)),
        points=(
            (1e-300, 1.0),
            (1e300, 0.5),
            (1e150, 2.0),
            (TINY, 1.0),
            (2.0, -1000.0),
            (3.0, -1.0),
            (5.0, 2.0),
            (1.0, 0.3),
        ),
        # The exponent less one is rounded, and the power magnifies that.
        tolerance=lambda a, b: EPSILON * (8 + abs(math.log(a))),
        edges=(
            ((0.0, 0.0), 1.0, (0, 0)),
            ((2.0, 0.0), 1.0, (0, math.log(2))),
            ((0.0, 1.0), 0.0, (1, 0)),
            ((0.0, 2.0), 0.0, (0, 0)),
            ((0.0, 3.0), 0.0, (0, 0)),
            ((0.0, 0.5), 0.0, (INF, 0)),
            ((-0.0, 3.0), -0.0, (0, 0)),
            ((-2.0, 3.0), -8.0, (12, NAN)),
            ((-2.0, 2.0), 4.0, (-4, NAN)),
            ((-2.0, 0.0), 1.0, (0, NAN)),
            ((-2.0, -1.0), -0.5, (-0.25, NAN)),
            ((INF, 2.0), INF, (INF, INF)),
            ((-INF, 0.5), INF, (0, NAN)),
            ((NAN, 0.0), 1.0, (0, NAN)),
            ((NAN, 2.0), NAN, (NAN, NAN)),
            ((1.0, NAN), 1.0, (NAN, 0)),
            ((0.0, -INF), INF, ...),
        ),
        raises=(
            (ZeroDivisionError, (0.0, -1.0), (-0.0, -0.5)),
            (ValueError, (-8.0, 1 / 3), (-TINY, 0.5), (-HUGE, -0.5)),
            (OverflowError, (1e200, 2.0), (0.5, -2000.0), (-1e200, 3.0)),
        ),
    ),
    "floor_divide": Domain(
        python=operator.floordiv,
        exact=lambda a, b: mpmath.floor(a / b),
        intervals=((-1e9, 1e9), (1e-6, 1e9)),
        edges=(
            ((7.0, -2.0), -4.0, (0, 0)),
            ((-0.0, 2.0), -0.0, (0, 0)),
            ((-5.0, INF), -1.0, (0, 0)),
            ((INF, 2.0), NAN, (0, 0)),
            ((NAN, 2.0), NAN, (0, 0)),
        ),
        raises=((ZeroDivisionError, (1.0, 0.0), (INF, -0.0), (NAN, 0.0)),),
    ),
    "remainder": Domain(
        python=operator.mod,
        exact=lambda a, b: a - b * mpmath.floor(a / b),
        intervals=((-1e9, 1e9), (1e-3, 1e9)),
        edges=(
            ((7.0, 4.0), 3.0, (1, -1)),
            ((-7.0, 4.0), 1.0, (1, 2)),
            ((7.0, -4.0), -1.0, (1, 2)),
            ((-8.0, 4.0), 0.0, (1, 2)),
            ((8.0, -4.0), -0.0, (1, 2)),
            ((-5.0, INF), INF, ...),
            ((INF, 2.0), NAN, ...),
            ((NAN, 2.0), NAN, (1, NAN)),
        ),
        raises=((ZeroDivisionError, (1.0, 0.0), (INF, -0.0), (NAN, 0.0)),),
    ),
    "fmod": Domain(
        python=math.fmod,
        exact=lambda a, b: a - b * mpmath.sign(a) * mpmath.floor(abs(a / b)),
        intervals=((-1e9, 1e9), (1e-3, 1e9)),
        edges=(
            ((7.0, 4.0), 3.0, (1, -1)),
            ((-7.0, 4.0), -3.0, (1, 1)),
            ((-8.0, 4.0), -0.0, (1, 2)),
            ((5.0, INF), 5.0, (1, 0)),
            ((NAN, 2.0), NAN, (1, NAN)),
        ),
        raises=((ValueError, (1.0, 0.0), (INF, 2.0)),),
    ),
    "sign": Domain(
        exact=mpmath.sign,
        intervals=(REAL,),
        edges=(((0.0,), 0.0, (0,)), ((-0.0,), 0.0, (0,)), ((-TINY,), -1.0, (0,)), ((NAN,), NAN, (0,))),
    ),
    "copysign": Domain(
        python=math.copysign,
        exact=lambda a, b: abs(a) * (1 if b > 0 else -1),
        intervals=(REAL, REAL),
        edges=(
            ((2.0, -0.0), -2.0, (-1, 0)),
            ((-2.0, -3.0), -2.0, (1, 0)),
            ((0.0, -1.0), -0.0, (0, 0)),
            ((INF, -1.0), -INF, (-1, 0)),
            ((NAN, 1.0), NAN, (NAN, 0)),
        ),
    ),
    "heaviside": Domain(
        exact=lambda a, b: mpmath.mpf(a > 0),
        intervals=(REAL, REAL),
        edges=(
            ((0.0, 0.25), 0.25, (0, 1)),
            ((-0.0, 0.25), 0.25, (0, 1)),
            ((TINY, 0.25), 1.0, (0, 0)),
            ((-INF, 0.25), 0.0, (0, 0)),
            ((NAN, 0.25), NAN, (0, 0)),
        ),
    ),
    "floor": Domain(
        # Python's function makes an integer, which has no sign of zero.
        python=lambda x: math.copysign(math.floor(x), x),
        exact=mpmath.floor,
        intervals=((-1e9, 1e9),),
        edges=(((-0.5,), -1.0, (0,)), ((2.0,), 2.0, (0,)), ((NEAREST_BELOW,), NEAREST_BELOW, (0,))),
        raises=((OverflowError, (INF,), (-INF,)), (ValueError, (NAN,))),
    ),
    "ceil": Domain(
        python=lambda x: math.copysign(math.ceil(x), x),
        exact=mpmath.ceil,
        intervals=((-1e9, 1e9),),
        edges=(((-0.5,), -0.0, (0,)), ((0.5,), 1.0, (0,)), ((NEAREST_BELOW,), NEAREST_BELOW, (0,))),
        raises=((OverflowError, (INF,), (-INF,)), (ValueError, (NAN,))),
    ),
    "trunc": Domain(
        python=lambda x: math.copysign(math.trunc(x), x),
        exact=lambda x: mpmath.sign(x) * mpmath.floor(abs(x)),
        intervals=((-1e9, 1e9),),
        edges=(((-1.5,), -1.0, (0,)), ((1.5,), 1.0, (0,)), ((NEAREST_BELOW,), NEAREST_BELOW, (0,))),
        raises=((OverflowError, (INF,), (-INF,)), (ValueError, (NAN,))),
    ),
    "rint": Domain(
        python=lambda x: math.copysign(round(x), x),
        exact=mpmath.nint,
        intervals=((-1e9, 1e9),),
        edges=(((0.5,), 0.0, (0,)), ((1.5,), 2.0, (0,)), ((-2.5,), -2.0, (0,)), ((0.49999999999999994,), 0.0, (0,))),
        raises=((OverflowError, (INF,), (-INF,)), (ValueError, (NAN,))),
    ),
    "neg": Domain(
        python=operator.neg,
        exact=operator.neg,
        intervals=(REAL,),
        edges=(((0.0,), -0.0, (-1,)), ((-0.0,), 0.0, (-1,)), ((INF,), -INF, (-1,)), ((NAN,), NAN, (-1,))),
    ),
    "abs": Domain(
        python=abs,
        exact=abs,
        intervals=(REAL,),
        edges=(
            ((0.0,), 0.0, (0,)),
            ((-0.0,), 0.0, (0,)),
            ((TINY,), TINY, (1,)),
            ((-TINY,), TINY, (-1,)),
            ((INF,), INF, (1,)),
            ((-INF,), INF, (-1,)),
            ((NAN,), NAN, (NAN,)),
        ),
    ),
    "exp": Domain(
        python=math.exp,
        exact=mpmath.exp,
        intervals=((-745.0, 709.7),),
        edges=(
            ((0.0,), 1.0, (1,)),
            ((-0.0,), 1.0, (1,)),
            ((-1000.0,), 0.0, (0,)),
            ((-INF,), 0.0, (0,)),
            ((INF,), INF, (INF,)),
            ((NAN,), NAN, (NAN,)),
        ),
        raises=((OverflowError, (709.8,), (1000.0,), (HUGE,)),),
    ),
    "exp2": Domain(
        # Python has it from 3.11 on.
        python=getattr(math, "exp2", None),
        exact=lambda x: mpmath.power(2, x),
        intervals=((-1074.0, 1023.9),),
        edges=(
            ((0.0,), 1.0, (math.log(2),)),
            ((-3.0,), 0.125, (math.log(2) / 8,)),
            ((-INF,), 0.0, (0,)),
            ((INF,), INF, (INF,)),
            ((NAN,), NAN, (NAN,)),
        ),
        raises=((OverflowError, (1024.0,), (HUGE,)),) if hasattr(math, "exp2") else (),
    ),
    "expm1": Domain(
        python=math.expm1,
        exact=mpmath.expm1,
        intervals=((-745.0, 709.7),),
        edges=(
            ((0.0,), 0.0, (1,)),
            ((-0.0,), -0.0, (1,)),
            ((TINY,), TINY, (1,)),
            ((-1000.0,), -1.0, (0,)),
            ((-INF,), -1.0, (0,)),
            ((INF,), INF, (INF,)),
            ((NAN,), NAN, (NAN,)),
        ),
        raises=((OverflowError, (709.8,), (1000.0,)),),
    ),
    "log": Domain(
        python=math.log,
        exact=mpmath.log,
        intervals=((TINY, HUGE),),
        points=((HUGE,), (1e-308,)),
        edges=(((1.0,), 0.0, (1,)), ((TINY,), math.log(TINY), (INF,)), ((INF,), INF, (0,)), ((NAN,), NAN, (NAN,))),
        raises=((ValueError, (0.0,), (-0.0,), (-1.0,), (-TINY,), (-INF,)),),
    ),
    "log1p": Domain(
        python=math.log1p,
        exact=mpmath.log1p,
        intervals=((-0.999, 1e308),),
        points=((-1 + EPSILON / 2,), (TINY,), (-TINY,), (HUGE,)),
        edges=(((0.0,), 0.0, (1,)), ((-0.0,), -0.0, (1,)), ((INF,), INF, (0,)), ((NAN,), NAN, (NAN,))),
        raises=((ValueError, (-1.0,), (-2.0,), (-INF,)),),
    ),
    "log2": Domain(
        python=math.log2,
        exact=lambda x: mpmath.log(x, 2),
        intervals=((TINY, HUGE),),
        points=((HUGE,), (1e-308,)),
        edges=(((1.0,), 0.0, (1 / math.log(2),)), ((1024.0,), 10.0, ...), ((INF,), INF, (0,)), ((NAN,), NAN, (NAN,))),
        raises=((ValueError, (0.0,), (-0.0,), (-1.0,), (-INF,)),),
    ),
    "log10": Domain(
        python=math.log10,
        exact=mpmath.log10,
        intervals=((TINY, HUGE),),
        points=((HUGE,), (1e-308,)),
        edges=(((1.0,), 0.0, (1 / math.log(10),)), ((1000.0,), 3.0, ...), ((INF,), INF, (0,)), ((NAN,), NAN, (NAN,))),
        raises=((ValueError, (0.0,), (-0.0,), (-1.0,), (-INF,)),),
    ),
    "sqrt": Domain(
        python=math.sqrt,
        exact=mpmath.sqrt,
        intervals=((TINY, HUGE),),
        edges=(
            ((0.0,), 0.0, (INF,)),
            ((-0.0,), -0.0, (-INF,)),
            ((4.0,), 2.0, (0.25,)),
            ((INF,), INF, (0,)),
            ((NAN,), NAN, (NAN,)),
        ),
        raises=((ValueError, (-1.0,), (-TINY,), (-INF,)),),
    ),
    "cbrt": Domain(
        # Python has it from 3.11 on.
        python=getattr(math, "cbrt", None),
        exact=lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
        intervals=(REAL,),
        edges=(
            ((0.0,), 0.0, (INF,)),
            ((-0.0,), -0.0, (INF,)),
            ((8.0,), 2.0, (1 / 12,)),
            ((-8.0,), -2.0, (1 / 12,)),
            ((INF,), INF, (0,)),
            ((-INF,), -INF, (0,)),
            ((NAN,), NAN, (NAN,)),
        ),
    ),
    "sin": Domain(
        python=math.sin,
        exact=mpmath.sin,
        intervals=((-1e22, 1e22),),
        points=((1e300,),),
        edges=(((0.0,), 0.0, (1,)), ((-0.0,), -0.0, (1,)), ((TINY,), TINY, (1,)), ((NAN,), NAN, (NAN,))),
        raises=((ValueError, (INF,), (-INF,)),),
    ),
    "cos": Domain(
        python=math.cos,
        exact=mpmath.cos,
        intervals=((-1e22, 1e22),),
        points=((1e300,),),
        edges=(((0.0,), 1.0, (0,)), ((TINY,), 1.0, (-TINY,)), ((NAN,), NAN, (NAN,))),
        raises=((ValueError, (INF,), (-INF,)),),
    ),
    "tan": Domain(
        python=math.tan,
        exact=mpmath.tan,
        intervals=((-1e22, 1e22),),
        points=((math.pi / 2,), (1e300,)),
        edges=(((0.0,), 0.0, (1,)), ((-0.0,), -0.0, (1,)), ((NAN,), NAN, (NAN,))),
        raises=((ValueError, (INF,), (-INF,)),),
    ),
    "arcsin": Domain(
        python=math.asin,
        exact=mpmath.asin,
        intervals=((-0.999, 0.999),),
        points=((1 - EPSILON / 2,), (-1 + EPSILON / 2,)),
        edges=(
            ((0.0,), 0.0, (1,)),
            ((-0.0,), -0.0, (1,)),
            ((1.0,), math.pi / 2, (INF,)),
            ((-1.0,), -math.pi / 2, (INF,)),
            ((NAN,), NAN, (NAN,)),
        ),
        raises=((ValueError, (1 + EPSILON,), (-2.0,), (INF,)),),
    ),
    "arccos": Domain(
        python=math.acos,
        exact=mpmath.acos,
        intervals=((-0.999, 0.999),),
        points=((1 - EPSILON / 2,), (-1 + EPSILON / 2,)),
        edges=(
            ((0.0,), math.pi / 2, (-1,)),
            ((1.0,), 0.0, (-INF,)),
            ((-1.0,), math.pi, (-INF,)),
            ((NAN,), NAN, (NAN,)),
        ),
        raises=((ValueError, (1 + EPSILON,), (-2.0,), (INF,)),),
    ),
    "arctan": Domain(
        python=math.atan,
        exact=mpmath.atan,
        intervals=((-1e150, 1e150),),
        edges=(
            ((0.0,), 0.0, (1,)),
            ((-0.0,), -0.0, (1,)),
            ((1e200,), math.pi / 2, (0,)),
            ((INF,), math.pi / 2, (0,)),
            ((-INF,), -math.pi / 2, (0,)),
            ((NAN,), NAN, (NAN,)),
        ),
    ),
    "arctan2": Domain(
        python=math.atan2,
        exact=mpmath.atan2,
        intervals=((-1e100, 1e100), (-1e100, 1e100)),
        points=((1e200, 1e200), (1e-200, -1e-200), (3.0, 4.0), (-1.0, 1e-8)),
        edges=(
            ((0.0, 1.0), 0.0, (1, 0)),
            ((1.0, 0.0), math.pi / 2, (0, -1)),
            ((0.0, -1.0), math.pi, (-1, 0)),
            ((-0.0, -1.0), -math.pi, (-1, 0)),
            ((-2.0, 0.0), -math.pi / 2, (0, 0.5)),
            ((0.0, 0.0), 0.0, (NAN, NAN)),
            ((NAN, 1.0), NAN, (NAN, NAN)),
        ),
    ),
    "deg2rad": Domain(
        python=math.radians,
        exact=lambda x: x * mpmath.pi / 180,
        intervals=(REAL,),
        edges=(((180.0,), math.pi, (math.pi / 180,)), ((INF,), INF, ...), ((NAN,), NAN, ...)),
    ),
    "rad2deg": Domain(
        python=math.degrees,
        exact=lambda x: x * 180 / mpmath.pi,
        intervals=((-1e306, 1e306),),
        edges=(((math.pi,), 180.0, (180 / math.pi,)), ((INF,), INF, ...), ((NAN,), NAN, ...)),
    ),
    "sinh": Domain(
        python=math.sinh,
        exact=mpmath.sinh,
        intervals=((-710.0, 710.0),),
        edges=(
            ((0.0,), 0.0, (1,)),
            ((-0.0,), -0.0, (1,)),
            ((INF,), INF, (INF,)),
            ((-INF,), -INF, (INF,)),
            ((NAN,), NAN, (NAN,)),
        ),
        raises=((OverflowError, (1000.0,), (-1000.0,)),),
    ),
    "cosh": Domain(
        python=math.cosh,
        exact=mpmath.cosh,
        intervals=((-710.0, 710.0),),
        edges=(
            ((0.0,), 1.0, (0,)),
            ((INF,), INF, (INF,)),
            ((-INF,), INF, (-INF,)),
            ((NAN,), NAN, (NAN,)),
        ),
        raises=((OverflowError, (1000.0,), (-1000.0,)),),
    ),
    "tanh": Domain(
        python=math.tanh,
        exact=mpmath.tanh,
        intervals=((-700.0, 700.0),),
        edges=(
            ((0.0,), 0.0, (1,)),
            ((-0.0,), -0.0, (1,)),
            ((1000.0,), 1.0, (0,)),
            ((-HUGE,), -1.0, (0,)),
            ((INF,), 1.0, (0,)),
            ((-INF,), -1.0, (0,)),
            ((NAN,), NAN, (NAN,)),
        ),
    ),
    "arcsinh": Domain(
        python=math.asinh,
        exact=mpmath.asinh,
        intervals=(REAL,),
        edges=(
            ((0.0,), 0.0, (1,)),
            ((-0.0,), -0.0, (1,)),
            ((INF,), INF, (0,)),
            ((-INF,), -INF, (0,)),
            ((NAN,), NAN, (NAN,)),
        ),
    ),
    "arccosh": Domain(
        python=math.acosh,
        exact=mpmath.acosh,
        intervals=((1.001, HUGE),),
        points=((1 + EPSILON,),),
        edges=(((1.0,), 0.0, (INF,)), ((INF,), INF, (0,)), ((NAN,), NAN, (NAN,))),
        raises=((ValueError, (1 - EPSILON / 2,), (0.0,), (-1.0,), (-INF,)),),
    ),
    "arctanh": Domain(
        python=math.atanh,
        exact=mpmath.atanh,
        intervals=((-0.999, 0.999),),
        points=((1 - EPSILON / 2,), (-1 + EPSILON / 2,)),
        edges=(((0.0,), 0.0, (1,)), ((-0.0,), -0.0, (1,)), ((NAN,), NAN, (NAN,))),
        raises=((ValueError, (1.0,), (-1.0,), (2.0,), (INF,)),),
    ),
    "erf": Domain(
        python=math.erf,
        exact=mpmath.erf,
        intervals=((-26.0, 26.0),),
        tolerance=lambda a: EPSILON * (8 + a * a),
        edges=(
            ((0.0,), 0.0, (2 / math.sqrt(math.pi),)),
            ((-0.0,), -0.0, (2 / math.sqrt(math.pi),)),
            ((1e200,), 1.0, (0,)),
            ((INF,), 1.0, (0,)),
            ((-INF,), -1.0, (0,)),
            ((NAN,), NAN, (NAN,)),
        ),
    ),
    "erfc": Domain(
        python=math.erfc,
        exact=mpmath.erfc,
        intervals=((-26.0, 26.0),),
        tolerance=lambda a: EPSILON * (8 + a * a),
        edges=(
            ((0.0,), 1.0, (-2 / math.sqrt(math.pi),)),
            ((1e200,), 0.0, (0,)),
            ((INF,), 0.0, (0,)),
            ((-INF,), 2.0, (0,)),
            ((NAN,), NAN, (NAN,)),
        ),
    ),
    "hypot": Domain(
        python=math.hypot,
        exact=mpmath.hypot,
        intervals=((-1e307, 1e307), (-1e307, 1e307)),
        points=((1e200, -1e200), (1e-200, 1e-200), (3.0, -4.0)),
        edges=(
            ((3.0, 0.0), 3.0, (1, 0)),
            ((0.0, -3.0), 3.0, (0, -1)),
            ((TINY, 0.0), TINY, (1, 0)),
            ((0.0, 0.0), 0.0, (0, 0)),
            ((INF, NAN), INF, ...),
            ((HUGE, HUGE), INF, ...),
            ((NAN, 1.0), NAN, (NAN, NAN)),
        ),
    ),
    "logaddexp": Domain(
        exact=lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b)),
        intervals=((0.0, 700.0), (0.0, 700.0)),
        tolerance=lambda a, b: EPSILON * (8 + abs(a - b)),
        edges=(
            ((-INF, -INF), -INF, (0, 0)),
            ((-INF, 1.0), 1.0, (0, 1)),
            ((INF, 1.0), INF, (1, 0)),
            ((INF, INF), INF, (0.5, 0.5)),
            ((1000.0, 1000.0), 1000.0 + math.log(2), (0.5, 0.5)),
            ((NAN, 1.0), NAN, (NAN, NAN)),
        ),
    ),
    "logaddexp2": Domain(
        exact=lambda a, b: mpmath.log(mpmath.power(2, a) + mpmath.power(2, b), 2),
        intervals=((0.0, 1000.0), (0.0, 1000.0)),
        tolerance=lambda a, b: EPSILON * (8 + abs(a - b)),
        edges=(
            ((-INF, -INF), -INF, (0, 0)),
            ((-INF, 1.0), 1.0, (0, 1)),
            ((INF, INF), INF, (0.5, 0.5)),
            ((3.0, 3.0), 4.0, (0.5, 0.5)),
            ((NAN, 1.0), NAN, (NAN, NAN)),
        ),
    ),
    "sigmoid": Domain(
        exact=_sigmoid,
        intervals=((-745.0, 700.0),),
        edges=(
            ((0.0,), 0.5, (0.25,)),
            ((-0.0,), 0.5, (0.25,)),
            ((1000.0,), 1.0, (0,)),
            ((-1000.0,), 0.0, (0,)),
            ((HUGE,), 1.0, (0,)),
            ((-HUGE,), 0.0, (0,)),
            ((INF,), 1.0, (0,)),
            ((-INF,), 0.0, (0,)),
            ((NAN,), NAN, (NAN,)),
        ),
    ),
    "relu": Domain(
        exact=lambda x: max(x, mpmath.mpf(0)),
        intervals=(REAL,),
        edges=(
            ((0.0,), 0.0, (0,)),
            ((-0.0,), ..., (0,)),
            ((TINY,), TINY, (1,)),
            ((-TINY,), 0.0, (0,)),
            ((INF,), INF, (1,)),
            ((-INF,), 0.0, (0,)),
            ((NAN,), NAN, ...),
        ),
    ),
    "leaky_relu": Domain(
        exact=lambda x, slope: x if x > 0 else slope * x,
        intervals=((-1e150, 1e150), (0.0, 1e150)),
        edges=(
            ((0.0, 0.25), 0.0, (0.25, 0)),
            ((-0.0, 0.25), -0.0, (0.25, 0)),
            ((2.0, 0.25), 2.0, (1, 0)),
            ((-2.0, 0.25), -0.5, (0.25, -2)),
            ((-TINY, 1.0), -TINY, (1, -TINY)),
            ((INF, 0.25), INF, (1, 0)),
            ((-INF, 0.25), -INF, (0.25, -INF)),
            ((NAN, 0.25), NAN, ...),
        ),
    ),
    "softplus": Domain(
        exact=lambda x: mpmath.log1p(mpmath.exp(x)),
        intervals=((-745.0, 700.0),),
        edges=(
            ((0.0,), math.log(2), (0.5,)),
            ((1000.0,), 1000.0, (1,)),
            ((-1000.0,), 0.0, (0,)),
            ((HUGE,), HUGE, (1,)),
            ((-HUGE,), 0.0, (0,)),
            ((INF,), INF, (1,)),
            ((-INF,), 0.0, (0,)),
            ((NAN,), NAN, (NAN,)),
        ),
    ),
    "silu": Domain(
        exact=lambda x: x * _sigmoid(x),
        intervals=((-740.0, 700.0),),
        # The derivative has a zero at -1.28, and 1 + x * sigmoid(-x) magnifies by x.
        tolerance=lambda a: EPSILON * (8 + abs(a)),
        absolute=EPSILON / 4,
        edges=(
            ((0.0,), 0.0, (0.5,)),
            ((-0.0,), -0.0, (0.5,)),
            ((1000.0,), 1000.0, (1,)),
            ((-1000.0,), 0.0, (0,)),
            ((HUGE,), HUGE, (1,)),
            ((-HUGE,), 0.0, (0,)),
            ((INF,), INF, (1,)),
            ((-INF,), 0.0, (0,)),
            ((NAN,), NAN, (NAN,)),
        ),
    ),
    "gelu": Domain(
        exact=lambda x: x * mpmath.ncdf(x),
        intervals=((-37.0, 37.0),),
        # erfc and exp magnify the rounding of their argument by its square; the derivative has a zero at -0.75.
        tolerance=lambda a: EPSILON * (8 + 2 * a * a),
        absolute=EPSILON / 2,
        value_tolerance=lambda a: EPSILON * (4 + 2 * a * a),
        edges=(
            ((0.0,), 0.0, (0.5,)),
            ((-0.0,), -0.0, (0.5,)),
            ((1000.0,), 1000.0, (1,)),
            ((-1000.0,), 0.0, (0,)),
            ((HUGE,), HUGE, (1,)),
            ((-HUGE,), 0.0, (0,)),
            ((INF,), INF, (1,)),
            ((-INF,), 0.0, (0,)),
            ((NAN,), NAN, (NAN,)),
        ),
    ),
    "maximum": Domain(
        exact=max,
        intervals=(REAL, REAL),
        edges=(
            ((2.0, 2.0), 2.0, (0.5, 0.5)),
            ((0.0, -0.0), ..., (0.5, 0.5)),
            ((INF, INF), INF, (0.5, 0.5)),
            ((-INF, 1.0), 1.0, (0, 1)),
            ((TINY, 0.0), TINY, (1, 0)),
            ((NAN, 1.0), NAN, ...),
            ((1.0, NAN), NAN, ...),
            ((INF, NAN), NAN, ...),
        ),
    ),
    "minimum": Domain(
        exact=min,
        intervals=(REAL, REAL),
        edges=(
            ((2.0, 2.0), 2.0, (0.5, 0.5)),
            ((0.0, -0.0), ..., (0.5, 0.5)),
            ((-INF, -INF), -INF, (0.5, 0.5)),
            ((-INF, 1.0), -INF, (1, 0)),
            ((TINY, 0.0), 0.0, (0, 1)),
            ((NAN, 1.0), NAN, ...),
            ((1.0, NAN), NAN, ...),
            ((-INF, NAN), NAN, ...),
        ),
    ),
}
