"""Initial weights: micrograd's to the bit, the others by their published variances."""

import math
import random
import statistics

import numpy as np
import pytest

from autograd.initializers import INITIALIZERS, he, initializer, lecun, uniform, xavier

# The published variance of a weight.
VARIANCES = {
    "uniform": lambda nin, nout: 1 / 3,
    "xavier": lambda nin, nout: 2 / (nin + nout),
    "he": lambda nin, nout: 2 / nin,
    "lecun": lambda nin, nout: 1 / nin,
}
# Which of the two distributions a short name stands for: that of the paper.
SHORT = {"uniform": "uniform", "xavier": "uniform", "he": "normal", "lecun": "uniform"}
SOURCES = [random, random.Random(3), np.random.default_rng(3), np.random.RandomState(3)]


def test_the_default_draws_as_micrograd_does():
    random.seed(1337)
    assert uniform(2, 1, random) == [0.23550571390294128, 0.06653114721000164]
    random.seed(5)
    expected = [random.uniform(-1, 1) for _ in range(6)]
    random.seed(5)
    assert uniform(3, 2, random) + uniform(3, 2, random) == expected


@pytest.mark.parametrize("rng", SOURCES, ids=lambda rng: type(rng).__name__)
@pytest.mark.parametrize("name", INITIALIZERS)
def test_weights_have_the_published_mean_and_variance(name, rng):
    rng.seed(11) if hasattr(rng, "seed") else None
    nin, nout = 4000, 1000
    weights = initializer(name)(nin, nout, rng)
    family, _, distribution = name.partition("_")
    deviation = math.sqrt(VARIANCES[family](nin, nout))
    assert len(weights) == nin
    assert all(isinstance(weight, float) for weight in weights)
    assert statistics.fmean(weights) == pytest.approx(0.0, abs=4 * deviation / math.sqrt(nin))
    assert statistics.pstdev(weights) == pytest.approx(deviation, rel=0.05)
    largest = max(map(abs, weights)) / deviation
    if (distribution or SHORT[family]) == "uniform":
        assert 0.99 * math.sqrt(3) < largest <= math.sqrt(3)
    else:
        assert largest > 2.5


def test_there_is_a_name_for_every_choice():
    names = {"uniform"} | {
        family + suffix for family in ("xavier", "he", "lecun") for suffix in ("", "_uniform", "_normal")
    }
    assert set(INITIALIZERS) == names
    assert initializer("xavier") is xavier
    assert initializer("he") is he
    assert initializer("lecun") is lecun


@pytest.mark.parametrize("name", INITIALIZERS)
def test_a_seed_gives_the_same_weights(name):
    first, second, other = (initializer(name)(5, 3, random.Random(seed)) for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_a_function_is_its_own_initializer():
    def zeros(nin, nout, rng):
        return [0.0] * nin

    assert initializer(zeros) is zeros


@pytest.mark.parametrize("choice", ["kaiming", "", None, 1, ["he"]])
def test_an_unknown_choice(choice):
    with pytest.raises(ValueError, match="init must be callable or one of uniform, xavier, he, lecun, .*, got"):
        initializer(choice)


@pytest.mark.parametrize("function", [xavier, he, lecun])
def test_an_unknown_distribution(function):
    with pytest.raises(ValueError, match="distribution must be uniform or normal, got 'cauchy'"):
        function(3, 2, random.Random(1), distribution="cauchy")
