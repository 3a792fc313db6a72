"""Functions of Values, numbers and arrays.

The elementary functions have NumPy's names (and Python's, where `math` differs) and are also methods of `Value`. A
Value makes a node; a number gives a float, or an exception of `math`; an array is computed elementwise.

A function of a sequence makes a single node.
"""

import bisect
from typing import Any

import numpy

from autograd._blocks.reductions import dot, log_softmax, logsumexp, mean, softmax, sum
from autograd._blocks.where import where
from autograd._core import (
    Value,
    acos,
    acosh,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cbrt,
    ceil,
    clip,
    copysign,
    cos,
    cosh,
    deg2rad,
    degrees,
    erf,
    erfc,
    exp,
    exp2,
    expit,
    expm1,
    floor,
    floor_divide,
    fmod,
    gelu,
    heaviside,
    hypot,
    isfinite,
    isinf,
    isnan,
    leaky_relu,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    maximum,
    minimum,
    mod,
    no_grad,
    rad2deg,
    radians,
    relu,
    remainder,
    rint,
    sigmoid,
    sign,
    silu,
    sin,
    sinh,
    softplus,
    sqrt,
    tan,
    tanh,
    trunc,
)
from autograd._transforms.custom_rules import custom_jvp, custom_vjp

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "ceil",
    "clip",
    "copysign",
    "cos",
    "cosh",
    "custom_jvp",
    "custom_vjp",
    "deg2rad",
    "degrees",
    "dot",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expit",
    "expm1",
    "floor",
    "floor_divide",
    "fmod",
    "gelu",
    "heaviside",
    "hypot",
    "interp",
    "isfinite",
    "isinf",
    "isnan",
    "leaky_relu",
    "log",
    "log10",
    "log1p",
    "log2",
    "log_softmax",
    "logaddexp",
    "logaddexp2",
    "logsumexp",
    "maximum",
    "mean",
    "minimum",
    "mod",
    "nan_to_num",
    "no_grad",
    "norm",
    "rad2deg",
    "radians",
    "relu",
    "remainder",
    "rint",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "sum",
    "tan",
    "tanh",
    "trunc",
    "where",
]


def norm(values: Any, /) -> Any:
    """Return the Euclidean norm, the square root of the sum of squares.

    Its derivatives at 0 are 0, where those of ``numpy.linalg.norm``, which takes a root of Values, are nan.

    Parameters
    ----------
    values : iterable of Value or number, shape (n,)

    Returns
    -------
    Value or float
        A float if there is no Value among them; 0.0 for an empty sequence.

    Examples
    --------
    >>> norm([3.0, 4.0])
    5.0
    """
    if not isinstance(values, numpy.ndarray):
        values = list(values)
    square = dot(values, values)
    return where(square == 0.0, Value(0.0) if isinstance(square, Value) else 0.0, sqrt(square))


def nan_to_num(x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Replace nan and infinities, which then receive no gradient.

    Parameters
    ----------
    x : Value, number or array
    nan, posinf, neginf : Value or number, optional
        What takes the place of nan, of inf and of -inf; by default 0, the largest and the lowest float.

    Returns
    -------
    Value, float or array
        Elementwise for an array.

    Examples
    --------
    >>> nan_to_num(float("nan")), nan_to_num(float("-inf"), neginf=-1.0)
    (0.0, -1.0)
    """
    if isinstance(x, numpy.ndarray) and x.dtype == object:
        return numpy.frompyfunc(lambda value: nan_to_num(value, nan, posinf, neginf), 1, 1)(x)
    largest = float(numpy.finfo(float).max)
    result = where(isnan(x), nan, x)
    result = where(x == numpy.inf, largest if posinf is None else posinf, result)
    result = where(x == -numpy.inf, -largest if neginf is None else neginf, result)
    return Value(result) if isinstance(x, Value) and not isinstance(result, Value) else result


def interp(x: Any, xp: Any, fp: Any) -> Any:
    """Interpolate linearly between points; outside of them, the first or the last value.

    A knot belongs to the segment on its right. In a traced function every segment is computed and none chosen by a
    guard.

    Parameters
    ----------
    x : Value, number or array
        Where to interpolate.
    xp : sequence of Value or number, shape (n,)
        The abscissas of the points, increasing.
    fp : sequence of Value or number, shape (n,)
        Their values.

    Returns
    -------
    Value, float or array
        Elementwise for an array `x`.

    Raises
    ------
    ValueError
        If there is no point, or `xp` and `fp` differ in length.

    Examples
    --------
    >>> interp(1.5, [0.0, 1.0, 2.0], [0.0, 10.0, 30.0])
    20.0
    """
    xp, fp = list(xp), list(fp)
    if len(xp) != len(fp) or not xp:
        raise ValueError(f"interp expects as many abscissas as values, and at least one, got {len(xp)} and {len(fp)}")
    if isinstance(x, numpy.ndarray):
        result = numpy.frompyfunc(lambda value: interp(value, xp, fp), 1, 1)(x)
        return result if any(type(y) is not float for y in result.flat) else result.astype(float)

    def segment(k: int) -> Any:
        return fp[k] + (fp[k + 1] - fp[k]) / (xp[k + 1] - xp[k]) * (x - xp[k])

    if type(x < xp[0]) is Value:  # in a trace
        result = fp[-1]
        for k in reversed(range(len(xp) - 1)):
            result = where(x < xp[k + 1], segment(k), result)
        return where(isnan(x), x, where(x < xp[0], fp[0], result))
    k = bisect.bisect_right(xp, x) - 1
    inside = 0 <= k < len(xp) - 1
    result = where(isnan(x), x, segment(k) if inside else fp[max(k, 0)])
    return Value(result) if isinstance(x, Value) and not isinstance(result, Value) else result


for _name in __all__:  # Pickles name the public module.
    globals()[_name].__module__ = __name__
