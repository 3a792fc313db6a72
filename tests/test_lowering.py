"""Functions of sequences and losses: what is computed eagerly and what a program computes agree."""

import functools
import math

import numpy as np
import pytest
from bits import data, is_close

from autograd import MLP, Value, compile, grad, hessian, losses, value_and_grad, vmap
from autograd import functions as F

INF = math.inf
#: Scores: ordinary, tied, alone, masked in every position, infinite, with huge differences.
SCORES = {
    "ordinary": (0.3, -1.2, 2.5),
    "tie": (1.0, 1.0, -2.0),
    "all-equal": (7.0, 7.0, 7.0),
    "one": (0.7,),
    "one-masked": (-INF,),
    "one-infinite": (INF,),
    "leading-masked": (-INF, 0.5, 1.5),
    "middle-masked": (0.5, -INF, 1.5),
    "last-masked": (0.5, 1.5, -INF),
    "two-masked": (-INF, 0.5, -INF),
    "all-masked": (-INF, -INF, -INF),
    "leading-infinite": (INF, 0.5, 1.5),
    "middle-infinite": (0.5, INF, 1.5),
    "last-infinite": (0.5, 1.5, INF),
    "all-infinite": (INF, INF, INF),
    "both": (INF, -INF, 0.0),
    "huge-differences": (0.0, 5.0, -1e17),
    "huge-differences-2": (-1e17, 0.0, 5.0),
    "overflow": (1e308, -1e308, 0.0),
}


def part(function, k):
    """Return output k of a function with several."""
    return lambda x: function(x)[k]


def functions_of(n):
    """Return scalar functions of n scores."""
    cases = {"sum": F.sum, "mean": F.mean, "logsumexp": F.logsumexp, "dot": lambda x: F.dot(x, [0.5, -1.0, 2.0][:n])}
    for k in range(n):
        cases[f"softmax-{k}"] = part(F.softmax, k)
        cases[f"log_softmax-{k}"] = part(F.log_softmax, k)
        if n > 1:
            cases[f"cross_entropy-{k}"] = functools.partial(cross_entropy, k)
            cases[f"computed-class-{k}"] = functools.partial(computed_class, k)
    return cases


def cross_entropy(k, x):
    return losses.cross_entropy([x], [k])


def computed_class(k, x):
    """The same; in a trace the class is a Value, which does not change the result."""
    return losses.cross_entropy([x], [k if not isinstance(x[0], Value) or not tracing() else Value(float(k))])


def tracing():
    """Whether a function is being traced, where a comparison is a Value."""
    return isinstance(Value(0.0) < 1.0, Value)


#: Losses of pairs by name: the loss and a target.
PAIRS = {
    "mse": (losses.mse, 0.5),
    "mae": (losses.mae, 0.5),
    "hinge": (losses.hinge, -1.0),
    "binary_cross_entropy": (losses.binary_cross_entropy, 1.0),
    "huber": (losses.huber, 0.5),
    "log_cosh": (losses.log_cosh, 0.5),
    "poisson_nll": (losses.poisson_nll, 2.0),
    "poisson_nll-0": (losses.poisson_nll, 0.0),
    "quantile": (losses.quantile, 0.5),
}

CASES = [
    pytest.param(function, scores, id=f"{name}-{kind}")
    for kind, scores in SCORES.items()
    for name, function in functions_of(len(scores)).items()
]
CASES += [
    pytest.param(lambda x, loss=loss, t=t: loss(x, [t] * len(x)), scores, id=f"{name}-{kind}")
    for kind, scores in SCORES.items()
    for name, (loss, t) in PAIRS.items()
]
case = pytest.mark.parametrize(("function", "scores"), CASES)


def eager(function, scores):
    inputs = [Value(x) for x in scores]
    output = function(inputs)
    output.backward()
    return output.data, [x.grad for x in inputs]


def assert_close(got, expected):
    for a, b in zip(np.ravel(got), np.ravel(expected), strict=True):
        assert math.isnan(a) and math.isnan(b) or is_close(a, b, 1e-13, 1e-15), (got, expected)


@case
def test_value_and_first_derivatives(function, scores):
    number, gradient = eager(function, scores)
    x = np.array(scores)
    value, slopes = compile(value_and_grad(function))(x)
    assert_close(value, number)
    assert_close(slopes, gradient)
    assert_close(grad(function)(x), gradient)
    assert_close(vmap(function)(np.array([x, x])), [number, number])
    assert_close(vmap(grad(function))(np.array([x, x])), [gradient, gradient])
    # What a trace shows of its numbers is what a replay finds, to the bit.
    assert compile(lambda x: function(x) + 0.0)(x) == value or math.isnan(value)


@case
def test_second_derivatives(function, scores):
    """Where all is finite and smooth they are central differences of the eager gradient."""
    matrix = hessian(function)(np.array(scores))
    if max(map(abs, scores)) > 100.0:
        _, gradient = eager(function, scores)
        if np.isfinite(gradient).all() and "poisson" not in str(function):
            assert np.isfinite(matrix).all(), matrix
        return
    h = 1e-5
    for k in range(len(scores)):
        up, down = ([x + sign * h * (i == k) for i, x in enumerate(scores)] for sign in (1, -1))
        differences = (np.array(eager(function, up)[1]) - np.array(eager(function, down)[1])) / (2 * h)
        np.testing.assert_allclose(matrix[k], differences, rtol=1e-7, atol=1e-8)


def test_equal_infinite_scores():
    """They have equal probabilities, as all equal scores have."""
    for x in (-INF, INF):
        assert eager(F.logsumexp, [x, x]) == (x, [0.0, 0.0] if x < 0 else [0.5, 0.5])
        assert F.softmax([x, x]) == [0.5, 0.5]
        assert losses.cross_entropy([[x, x]], [1]) == math.log(2)


def test_a_loss_of_pairs_is_differentiated_by_its_formulas():
    """Near its minimum the derivative of log_cosh keeps its digits in a program as well."""
    assert grad(lambda x: losses.log_cosh([x], [0.0]))(1e-9) == 1e-9
    assert hessian(lambda x: losses.log_cosh([x], [0.0]))(0.0) == 1.0


@pytest.mark.parametrize("rows", [1, 3])
def test_a_layer_in_a_trace(rows):
    model = MLP(2, [3, 1], activation="tanh", seed=0)
    X = np.linspace(-1.0, 1.0, 2 * rows).reshape(rows, 2)

    def total(X):
        return F.sum([y if isinstance(y, Value) else y[0] for y in model(X)])

    expected = eager(lambda x: total(np.array(x, dtype=object).reshape(rows, 2)), X.ravel())
    value, slopes = value_and_grad(total)(X)
    assert_close(data(value), expected[0])
    assert_close(data(slopes), expected[1])
