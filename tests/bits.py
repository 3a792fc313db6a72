"""Comparison of floats: by their bits, with exact numbers, and of columns of them."""

import math
import struct

import mpmath
import numpy as np
from domains import EPSILON, TINY


def bits(x):
    """Return what tells a float from every other one; all nans are one."""
    return "nan" if math.isnan(x) else struct.pack("<d", x)


def outcome(function, *arguments):
    """Return the bits of a call's result, or the type and message of the exception it raised."""
    try:
        result = function(*arguments)
    except ArithmeticError as error:
        return type(error), str(error)
    except ValueError as error:
        return ValueError, str(error)
    if isinstance(result, complex):
        # The one difference from float: a real number has no fractional power below zero.
        return ValueError, "complex"
    return bits(getattr(result, "data", result))


def is_close(got, exact, relative, absolute):
    """Tell whether a float is an exact number but for rounding; beyond the largest float it is infinite."""
    if abs(exact) > 1.7e308:
        return math.isinf(got) and (got > 0) == (exact > 0)
    return abs(mpmath.mpf(got) - exact) <= relative * abs(exact) + absolute + 2 * mpmath.mpf(TINY)


def is_equal(got, expected):
    """Tell whether a float is as expected, but for the sign of zero; ``...`` is anything."""
    return (
        expected is ... or bits(got + 0.0) == bits(expected + 0.0) or abs(got - expected) < 4 * EPSILON * abs(expected)
    )


def data(x):
    """Return the number of a Value or number, or those of an array."""
    if isinstance(x, np.ndarray):
        return np.array([data(v) for v in x.ravel()]).reshape(x.shape) if x.dtype == object else x
    return float(getattr(x, "data", x)) if not isinstance(x, np.generic) else float(x)


def assert_same_bits(got, expected, *context):
    """Fail where two arrays of floats differ, but for the bits of nans; show the first such place in all columns."""
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    assert got.shape == expected.shape, (got.shape, expected.shape)
    different = (got.view(np.int64) != expected.view(np.int64)) & ~(np.isnan(got) & np.isnan(expected))
    if different.any():
        first = tuple(int(i) for i in np.argwhere(different)[0])
        shown = [np.broadcast_to(column, got.shape)[first] for column in context]
        what = f"{got[first]!r}, not {expected[first]!r}; {shown}"
        raise AssertionError(f"{different.sum()} of {got.size} differ, the first at {first}: {what}")
