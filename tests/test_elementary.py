"""The elementary functions of programs, alone in a batch: errors in ulp, special values, and the same bits everywhere.

The C functions themselves are tested on far more points by ``test_kernels``.
"""

import math

import mpmath
import numpy as np
import pytest
from array_reference import ELEMENTARY
from bits import assert_same_bits
from domains import DOMAINS, SPECIAL, call
from kernels.accuracy import BOUNDS

from autograd import ops, vmap

NAMES = [name for name in ELEMENTARY if name in DOMAINS]
UNARY = [name for name in NAMES if len(ops.OPS[name].grads) == 1]
#: Where programs reduce an argument by another algorithm, and at the ends of the range of exponentials.
BORDERS = (0.75, 2.0**22, math.pi / 2, 1e6 * math.pi, 37.5, 709.78, -745.13, 26.54)


def alone(name):
    return vmap(lambda *operands: call(name, *operands))


def points(name):
    """Return an array for each operand: random points of the domain, special numbers, the neighbours of borders."""
    rows = DOMAINS[name].sample(400)
    if name in UNARY:
        rows += [(x,) for x in (*SPECIAL, *(b + k * math.ulp(b) for b in BORDERS for k in range(-5, 6)))]
    else:
        rows += [(x, y) for x in SPECIAL for y in SPECIAL[::3]]
    return np.array(rows).T.copy()


def error_in_ulp(y, exact):
    """Return the error of a double; of a result that overflows, as if it were the power of two above the largest."""
    if math.isinf(y):
        y = math.copysign(mpmath.mpf(2) ** 1024, y)
    return abs(mpmath.mpf(y) - exact) / math.ulp(max(min(float(abs(exact)), 1.7e308), 0.0))


@pytest.mark.parametrize("name", NAMES)
def test_error_in_ulp(name):
    columns = np.array(DOMAINS[name].sample(400)).T.copy()
    worst = {}
    # Enough digits for the sine of the largest double.
    with mpmath.workdps(360 if name in ("sin", "cos", "tan") else 60):
        for *arguments, y in np.array([*columns, alone(name)(*columns)]).T.tolist():
            exact = DOMAINS[name].exact(*map(mpmath.mpf, arguments))
            worst[tuple(arguments)] = error_in_ulp(y, exact)
    assert {at: error for at, error in worst.items() if not error <= BOUNDS[name]} == {}


@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(np, name)])
def test_special_values_are_those_of_numpy(name):
    """Zeros with their signs, infinities and nan, wherever one of them comes in or out."""
    columns = np.array([row for row in points(name).T if not np.isfinite(row).all() or not row.all()]).T.copy()
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(*columns)
    got = alone(name)(*columns)
    special = ~np.isfinite(expected) | (expected == 0.0)
    assert_same_bits(got[special], expected[special], *(column[special] for column in columns))
    np.testing.assert_allclose(got[~special], expected[~special], rtol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_every_place_of_a_batch_and_any_number_of_lanes(name):
    """Neighbours, such as huge arguments of a sine, change nothing, nor does the number of lanes."""
    columns = points(name)
    function = alone(name)
    batch = function(*columns)
    one = np.array([function(*(column[i : i + 1] for column in columns))[0] for i in range(0, len(batch), 7)])
    assert_same_bits(batch[::7], one)
    for lanes in (2, 7, 8, 13, 67, 127, 257):
        assert_same_bits(function(*(column[-lanes:] for column in columns)), batch[-lanes:])
    shifted = function(*(np.roll(column, 3) for column in columns))
    assert_same_bits(np.roll(shifted, -3), batch, *columns)


@pytest.mark.parametrize("name", UNARY)
def test_a_result_in_the_place_of_its_argument(name):
    (x,) = points(name)
    thrice = vmap(lambda v: call(name, call(name, call(name, v))))(x)
    assert_same_bits(thrice, alone(name)(alone(name)(alone(name)(x))), x)


def test_symmetries():
    (x,) = points("erf")
    x = x[~np.isnan(x)]
    for name in ("erf", "sin", "tan", "arctan", "sinh", "tanh", "arcsinh", "cbrt"):
        assert_same_bits(alone(name)(-x), -alone(name)(x), x)
    for name in ("cos", "cosh"):
        assert_same_bits(alone(name)(-x), alone(name)(x), x)
