"""sin and cos of many lanes: NumPy's bits, whatever the argument, the place in the batch and the number of lanes."""

import numpy as np
import pytest
from bits import assert_same_bits

import autograd

FUNCTIONS = [pytest.param(name, id=name) for name in ("sin", "cos")]
# fmt: off
SPECIAL = [
    0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 2.2250738585072014e-308, 1e-160, 1.7976931348623157e308,
    1e-9, -1e-9, 0.5, 1.0, -1.0, 3.0, 1e5, 131071.99999999999, 131072.0, -131072.0, 1e6, 105414350.0, 1e22,
]
# fmt: on


def batch(name, x):
    return autograd.vmap(getattr(autograd, name))(x)


def signed(x):
    return np.concatenate([x, -x])


def random_points():
    rng = np.random.default_rng(0)
    return signed(np.concatenate([
        rng.uniform(0.0, 4.0, 100_000),
        np.exp2(rng.uniform(-30.0, 20.0, 50_000)),
        np.exp2(rng.uniform(-1074.0, 1024.0, 10_000)),
    ]))  # fmt: skip


def around(centres):
    """The numbers next to the centres, and some that are farther off."""
    steps = np.concatenate([np.arange(-10, 11), np.exp2(np.arange(4, 50)), -np.exp2(np.arange(4, 50))])
    return (centres[:, None] + steps * np.spacing(centres)[:, None]).ravel()


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    "x",
    [
        pytest.param(random_points(), id="random"),
        pytest.param(signed(around(np.arange(1, 500) * (np.pi / 2))), id="multiples of pi/2"),
        pytest.param(signed(around(np.pi / 2 * np.arange(83_000, 83_600))), id="end of the range"),
        # Results next to powers of two, where an ulp changes.
        pytest.param(
            signed(around((np.arcsin(np.exp2(-np.arange(22.0)))[:, None] + np.arange(8) * (np.pi / 2)).ravel())),
            id="powers of two",
        ),
        pytest.param(np.array(SPECIAL * 7), id="special"),
    ],
)
def test_bits_are_those_of_numpy(name, x):
    with np.errstate(invalid="ignore"):
        assert_same_bits(batch(name, x), getattr(np, name)(x), x)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_place_of_a_batch(name):
    """A lane that is left to the C library does not disturb its neighbours, at any place of a block."""
    function = autograd.vmap(getattr(autograd, name))
    lanes = 131
    for x in SPECIAL:
        points = np.tile(np.linspace(0.1, 3.0, lanes), (lanes, 1))
        np.fill_diagonal(points, x)
        with np.errstate(invalid="ignore"):
            expected = getattr(np, name)(points)
        assert_same_bits([function(row) for row in points], expected, points)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_any_number_of_lanes(name):
    x = random_points()[::997]
    one = np.concatenate([batch(name, x[i : i + 1]) for i in range(len(x))])
    for count in (len(x), 127, 67, 13, 7, 2):
        assert_same_bits(batch(name, x[:count]), one[:count], x[:count])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_result_in_the_place_of_the_argument(name):
    function = getattr(autograd, name)
    x = random_points()[:1009]
    expected = x
    for _ in range(3):
        expected = getattr(np, name)(expected)
    assert_same_bits(autograd.vmap(lambda v: function(function(function(v))))(x), expected, x)
