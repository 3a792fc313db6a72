"""Instructions that become one give the bits that each gives alone, whatever their numbers come from."""

import random

import numpy as np
import pytest
from bits import assert_same_bits

import autograd
from autograd import compile, grad, trace, value_and_grad, vmap
from autograd.ops import OPS

SIZES = (1, 3, 4, 63, 256, 257, 700)
UNARY = [name for name, op in OPS.items() if len(op.grads) == 1 and op.parameters == ("x",) and hasattr(autograd, name)]


def numbers(n, seed=0):
    return np.random.default_rng(seed).uniform(0.1, 0.9, n)


def assert_same_as_in_lanes(function, x):
    """Compare the results at a point, where instructions are grouped, with those of two lanes, where none are."""
    lanes = compile(vmap(function))(np.stack([x, x]))
    point = compile(function)(x)
    for got, expected in zip(point, lanes, strict=True) if isinstance(point, (list, tuple)) else ((point, lanes),):
        assert_same_bits(got, np.asarray(expected)[0])
        assert_same_bits(got, np.asarray(expected)[1])


def pairs(x):
    """Numbers that are consecutive, shuffled, and the same for all."""
    order = random.Random(1).sample(range(len(x)), len(x))
    return [
        y
        for i, k in enumerate(order)
        for y in (x[i] * x[k] + x[0], x[i] - x[k] * 3.0, x[k] / x[0] - x[i], 2.0 - x[k] * x[i], abs(x[k] - x[i]))
    ]


def sums(x):
    """Chains of products, with a beginning and without."""
    n = len(x)
    return [x[i] * x[0] + x[-i] * x[i] + 2.0 * x[n // 2] for i in range(n)] + [
        x[i] + x[0] * x[i - 1] + x[i] * x[-i] for i in range(n)
    ]


def choices(x):
    return [autograd.where(x[i] < x[i - 1], x[i], x[-i] * 2.0) for i in range(len(x))] + [
        autograd.maximum(a, 0.5) - autograd.clip(a, 0.3, 0.6) for a in x
    ]


def chained(x):
    """Each depends on the one before."""
    total, results = x[0], []
    for a in x:
        total = total * 0.5 + autograd.sin(a * total)
        results.append(total)
    return results


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("function", [pairs, sums, choices, chained])
def test_bits_at_a_point_are_those_of_lanes(function, n):
    assert_same_as_in_lanes(function, numbers(n))


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_many_numbers(name):
    function = getattr(autograd, name)
    shift = 1.0 if name == "arccosh" else 0.0
    for n in (2, 5, 19, 300):
        assert_same_as_in_lanes(lambda x, n=n: [function(x[i] + shift) * x[-i] for i in range(n)], numbers(n))


@pytest.mark.parametrize("n", [2, 40, 3000])
def test_gradients(n):
    def function(x):
        return sum(100.0 * (x[i + 1] - x[i] ** 2) ** 2 + autograd.exp(x[i]) * x[-i] for i in range(len(x) - 1))

    assert_same_as_in_lanes(value_and_grad(function), numbers(n))
    eager = [autograd.Value(a) for a in numbers(n)]
    function(eager).backward()
    np.testing.assert_allclose(compile(grad(function))(numbers(n)), [v.grad for v in eager], rtol=1e-13)


def test_the_first_guard_that_fails_is_that_of_the_trace():
    # The second comparison needs nothing, the first a long computation.
    def function(x):
        a = autograd.sin(sum(autograd.exp(v) for v in x))
        return [v * (2.0 if a > 0.0 else 3.0) + (1.0 if x[0] > 0.5 else 0.0) for v in x]

    compiled = compile(function)
    for seed in range(20):
        x = numbers(9, seed)
        assert_same_bits(compiled(x), [v.data for v in function([autograd.Value(a) for a in x])])


def test_rows_of_outputs():
    # Outputs in another order than the results, some of them twice, some of them inputs and constants.
    def function(x):
        squares = [v * v for v in x]
        return [*squares[::-1], *x, *squares[::3], 1.0, *[2.0] * 9, *x[5:2:-1], *squares]

    x = numbers(50)
    assert_same_bits(trace(function, x)(*x), [getattr(v, "data", v) for v in function([autograd.Value(a) for a in x])])


@pytest.mark.parametrize("terms", [1, 2, 3, 4, 5, 8, 9, 17])
@pytest.mark.parametrize("begins", [False, True])
def test_chains_of_products_in_lanes(terms, begins):
    # By term, whether each factor is the same in all lanes: alike, in turn, and mixed.
    for pattern in ("u", "v", "uv", "uuv", "vvu", "uvw"):
        kinds = [pattern[k % len(pattern)] for k in range(terms)]

        def chain(x, y, s, kinds=kinds):
            total = x[-1] if begins else None
            for k, kind in enumerate(kinds):
                product = s[k] * s[k + 1] if kind == "w" else x[k] * (s[k] if kind == "u" else y[k])
                total = product if total is None else total + product
            return total

        x, y = numbers(50 * (terms + 1), 1).reshape(50, -1), numbers(50 * (terms + 1), 2).reshape(50, -1)
        s = numbers(terms + 1, 3)
        lanes = compile(vmap(chain, (0, 0, None)))(x, y, s)
        assert_same_bits(lanes, [chain(a, b, s) for a, b in zip(x, y, strict=True)])


def test_masked_products():
    """What an infinite payoff would make of the adjoint that nothing passes to."""

    def payoff(x, scale):
        return autograd.maximum(autograd.exp(x * scale) * 1e300 - 1.0, 0.0) * x

    for x in ([1.0, -800.0, 3.0], [0.0, -0.0, 800.0]):
        for scale in (1.0, 2.0):
            lanes = compile(vmap(value_and_grad(payoff), (0, None)))(np.array(x), scale)
            point = compile(value_and_grad(payoff))
            assert_same_bits(np.array(lanes).T, [[float(number) for number in point(a, scale)] for a in x])
