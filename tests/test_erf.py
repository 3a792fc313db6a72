"""erf and erfc of many lanes: accuracy, special values, the same bits at every place of a batch."""

import numpy as np
import pytest
from mpmath import mp

import autograd

# The largest errors that were measured are 1.2 and 2.2 ulp.
ULP = {"erf": 1.5, "erfc": 2.5}
FUNCTIONS = [pytest.param(name, id=name) for name in ULP]


def lanes(name, x):
    return autograd.vmap(getattr(autograd, name))(np.asarray(x, dtype=float))


def around(*centres):
    """The numbers next to the borders of the approximation and to the ends of the range."""
    steps = np.arange(-30, 31)
    return np.concatenate([centre + steps * np.spacing(centre) for centre in centres])


def points():
    rng = np.random.default_rng(0)
    size = np.concatenate([
        rng.uniform(0.0, 1.0, 1000),
        rng.uniform(0.5, 3.0, 1500),
        rng.uniform(3.0, 28.5, 1500),
        np.exp(rng.uniform(np.log(1e-310), np.log(30.0), 500)),
        around(0.25, 0.5, 0.75, 1.0, 2.0, 5.9, 26.54, 27.226, 28.0),
        [5e-324, 2.2250738585072014e-308],
    ])  # fmt: skip
    return np.concatenate([size, -size])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_in_ulp(name):
    x = points()
    with mp.workprec(160):
        exact = [getattr(mp, name)(mp.mpf(float(value))) for value in x]
        ulp = [mp.mpf(float(np.spacing(abs(float(value))))) for value in exact]
        error = [abs(mp.mpf(float(y)) - e) / u for y, e, u in zip(lanes(name, x), exact, ulp, strict=True)]
    worst = int(np.argmax(error))
    assert error[worst] < ULP[name], x[worst]


@pytest.mark.parametrize(
    "name, x, expected",
    [
        ("erf", [np.inf, -np.inf, 0.0, -0.0, 6.0, 1e155, -1e308, 5e-324], [1, -1, 0.0, -0.0, 1, 1, -1, 5e-324]),
        ("erfc", [np.inf, -np.inf, 0.0, -0.0, 28.0, 1e155, -1e308, 5e-324], [0.0, 2, 1, 1, 0.0, 0.0, 2, 1]),
    ],
)
def test_special_values(name, x, expected):
    y = lanes(name, x)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(np.signbit(y), np.signbit(expected))
    assert np.isnan(lanes(name, [np.nan, 1.0, -np.nan])).tolist() == [True, False, True]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bits_are_those_of_one_lane(name):
    # Odd numbers of lanes leave a rest for the scalar end of a vector loop.
    x = points()[::97]
    one = np.concatenate([lanes(name, x[i : i + 1]) for i in range(len(x))])
    for count in (len(x), 13, 7):
        np.testing.assert_array_equal(lanes(name, x[:count]), one[:count])


def test_symmetry():
    x = points()
    np.testing.assert_array_equal(lanes("erf", -x), -lanes("erf", x))
    # Nearer to zero erfc is a difference of its own.
    far = np.abs(x[np.abs(x) >= 0.75])
    np.testing.assert_array_equal(lanes("erfc", -far), 2.0 - lanes("erfc", far))
