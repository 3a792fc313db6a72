"""Comparison of floats by their bits."""

import math
import struct


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
