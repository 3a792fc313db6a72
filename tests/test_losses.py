"""Losses against 50-digit arithmetic, their gradients, and their errors."""

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import mpmath
import numpy as np
import pytest

from autograd import Value, compile, hessian, value_and_grad
from autograd.losses import (
    accuracy,
    binary_cross_entropy,
    cross_entropy,
    hinge,
    huber,
    log_cosh,
    mae,
    mse,
    poisson_nll,
    quantile,
)
from autograd.training import LOSSES

SCALES = [1.0, 30.0, 1e4]


@pytest.fixture(autouse=True)
def precision():
    with mpmath.workdps(50):
        yield


def exact_binary(score, label):
    """Return minus the logarithm of the probability of the label, and its derivative by the score."""
    sign = 1 if label == 1 else -1
    odds_against = mpmath.exp(-sign * mpmath.mpf(score))
    return mpmath.log1p(odds_against), -sign * odds_against / (1 + odds_against)


def exact_classes(row, target):
    """Return minus the logarithm of the probability of the class, and its derivatives by the scores."""
    powers = [mpmath.exp(mpmath.mpf(score)) for score in row]
    total = mpmath.fsum(powers)
    probabilities = [power / total for power in powers]
    loss = mpmath.log1p(mpmath.fsum(p for j, p in enumerate(powers) if j != target) / powers[target])
    return loss, [p - (j == target) for j, p in enumerate(probabilities)]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("scale", SCALES)
def test_binary_cross_entropy(scale, reduction):
    rng = np.random.default_rng(0)
    scores = (rng.normal(size=12) * scale).tolist()
    labels = rng.integers(0, 2, size=12)
    n = 12 if reduction == "mean" else 1
    exact = [exact_binary(score, label) for score, label in zip(scores, labels, strict=True)]
    values = [Value(score) for score in scores]
    loss = binary_cross_entropy(values, labels, reduction=reduction)
    assert loss.data == pytest.approx(float(mpmath.fsum(value for value, _ in exact) / n), rel=1e-14)
    assert binary_cross_entropy(scores, labels, reduction=reduction) == loss.data
    loss.backward()
    for value, (_, slope) in zip(values, exact, strict=True):
        assert value.grad == pytest.approx(float(slope / n), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("scale", SCALES)
def test_cross_entropy(scale, reduction):
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(10, 4)) * scale
    targets = rng.integers(0, 4, size=10)
    n = 10 if reduction == "mean" else 1
    exact = [exact_classes(row, target) for row, target in zip(scores.tolist(), targets, strict=True)]
    values = [[Value(score) for score in row] for row in scores.tolist()]
    loss = cross_entropy(values, targets, reduction=reduction)
    assert loss.data == pytest.approx(float(mpmath.fsum(value for value, _ in exact) / n), rel=1e-14)
    assert cross_entropy(scores, targets, reduction=reduction) == loss.data
    loss.backward()
    for row, (_, slopes) in zip(values, exact, strict=True):
        for value, slope in zip(row, slopes, strict=True):
            assert value.grad == pytest.approx(float(slope / n), rel=1e-12, abs=1e-16)


def test_a_small_loss_and_its_gradient_keep_their_digits():
    score = Value(40.0)
    loss = binary_cross_entropy([score], [1])
    loss.backward()
    assert loss.data == pytest.approx(math.exp(-40), rel=1e-14)
    assert score.grad == pytest.approx(-math.exp(-40), rel=1e-14)
    row = [Value(0.0), Value(40.0)]
    loss = cross_entropy([row], [1])
    loss.backward()
    assert loss.data == pytest.approx(math.exp(-40), rel=1e-14)
    assert [value.grad for value in row] == pytest.approx([math.exp(-40), -math.exp(-40)], rel=1e-14)


def test_cross_entropy_of_equal_scores_is_the_logarithm_of_their_number():
    row = [Value(7.0), Value(7.0), Value(7.0)]
    loss = cross_entropy([row], [2])
    assert loss.data == pytest.approx(math.log(3), rel=1e-15)
    loss.backward()
    assert [value.grad for value in row] == pytest.approx([1 / 3, 1 / 3, -2 / 3], rel=1e-14)


def test_mse():
    predictions = [Value(1.5), Value(-2.0), 4.0]
    loss = mse(predictions, [1, -1.0, np.float64(1)])
    assert loss.data == pytest.approx((0.25 + 1.0 + 9.0) / 3, rel=1e-15)
    loss.backward()
    assert [predictions[0].grad, predictions[1].grad] == pytest.approx([1 / 3, -2 / 3], rel=1e-15)
    assert mse(predictions, [1, -1.0, 1], reduction="sum").data == 10.25
    number = mse(np.array([1.5, -2.0, 4.0]), np.array([1, -1, 1]), reduction="sum")
    assert (number, type(number)) == (10.25, float)


@dataclass(frozen=True)
class Pairs:
    """A loss of pairs: the same in mpmath, the targets it may have, its options, an absolute tolerance."""

    loss: Callable
    exact: Callable
    targets: tuple = (-1.5, 0.0, 0.25, 3.0)
    options: dict = field(default_factory=dict)
    absolute: float = 5e-324


#: One row for each loss of pairs and choice of options.
PAIRS = {
    "mse": Pairs(mse, lambda x, t: (x - t) ** 2),
    "mae": Pairs(mae, lambda x, t: abs(x - t)),
    "hinge": Pairs(hinge, lambda x, t: max(0, 1 - t * x), (-1.0, 1.0)),
    "binary_cross_entropy": Pairs(binary_cross_entropy, lambda x, t: exact_binary(x, t)[0], (0.0, 1.0)),
    "huber": Pairs(
        huber,
        lambda x, t: (x - t) ** 2 / 2 if abs(x - t) <= 1.5 else 1.5 * (abs(x - t) - mpmath.mpf(0.75)),
        options={"delta": 1.5},
    ),
    "log_cosh": Pairs(log_cosh, lambda x, t: mpmath.log(mpmath.cosh(x - t))),
    "poisson_nll": Pairs(poisson_nll, lambda x, t: mpmath.exp(x) - t * x, (0.0, 1.0, 7.5), absolute=1e-15),
    "quantile": Pairs(
        quantile,
        lambda x, t: max(mpmath.mpf(0.9) * (t - x), (1 - mpmath.mpf(0.9)) * (x - t)),
        options={"q": 0.9},
    ),
    "quantile-half": Pairs(quantile, lambda x, t: abs(t - x) / 2),
}
PREDICTIONS = (-740.0, -30.0, -2.0, -0.9, -1e-6, 1e-9, 0.3, 0.7, 4.0, 50.0, 700.0)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs(name):
    """Value and first derivatives, by targets too, eagerly and compiled; second derivatives compiled."""
    row = PAIRS[name]
    for x, t in itertools.product(PREDICTIONS, row.targets):

        def loss(x, t, reduction="sum"):
            return row.loss([x], [t], reduction=reduction, **row.options)

        exact, slope = row.exact(mpmath.mpf(x), t), differences(row.exact, (x, t), 0, 1)
        value = Value(x)
        eager = loss(value, t)
        eager.backward()
        assert eager.data == pytest.approx(float(exact), rel=1e-14), (x, t)
        assert loss(x, t) == eager.data
        assert value.grad == pytest.approx(float(slope), rel=1e-13, abs=row.absolute), (x, t)
        assert compile(value_and_grad(loss))(x, t) == pytest.approx((eager.data, value.grad), rel=1e-14)
        assert hessian(loss)(x, t) == pytest.approx(
            float(differences(row.exact, (x, t), 0, 2)), rel=1e-13, abs=5e-324
        ), (x, t)
        if name not in ("hinge", "binary_cross_entropy"):
            target = Value(t)
            loss(x, target).backward()
            assert target.grad == pytest.approx(float(differences(row.exact, (x, t), 1, 1)), rel=1e-13, abs=5e-324), (
                x,
                t,
            )


def differences(f, point, k, order):
    """Return a derivative by operand k from central differences in many digits."""
    with mpmath.workdps(1000):
        h = mpmath.mpf(10) ** -300
        up, middle, down = (
            f(*(mpmath.mpf(x) + sign * h * (i == k) for i, x in enumerate(point))) for sign in (1, 0, -1)
        )
        return (up - down) / (2 * h) if order == 1 else (up - 2 * middle + down) / h**2


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_reduced(name):
    row = PAIRS[name]
    targets = list(itertools.islice(itertools.cycle(row.targets), 5))
    parts = [row.loss([x], [t], **row.options) for x, t in zip(PREDICTIONS[3:8], targets, strict=True)]
    total = row.loss([Value(x) for x in PREDICTIONS[3:8]], targets, reduction="sum", **row.options)
    assert total.data == pytest.approx(sum(parts), rel=1e-15)
    assert row.loss(PREDICTIONS[3:8], targets, **row.options) == pytest.approx(sum(parts) / 5, rel=1e-15)


@pytest.mark.parametrize(
    ("loss", "name", "bad", "error"),
    [
        (huber, "delta", 0.0, ValueError),
        (huber, "delta", -1.0, ValueError),
        (huber, "delta", math.inf, ValueError),
        (huber, "delta", math.nan, ValueError),
        (huber, "delta", "1", TypeError),
        (quantile, "q", 0, ValueError),
        (quantile, "q", 1, ValueError),
        (quantile, "q", None, TypeError),
    ],
)
def test_parameters_are_validated(loss, name, bad, error):
    with pytest.raises(error, match=f"^{name} of {loss.__name__} must be .*{re.escape(repr(bad))}$"):
        loss([Value(1.0)], [2.0], **{name: bad})


def test_every_loss_of_pairs_has_a_row():
    assert {row.loss.__name__ for row in PAIRS.values()} == set(LOSSES) - {"cross_entropy"}


def test_mse_differentiates_by_the_targets_too():
    target = Value(3.0)
    mse([1.0], [target]).backward()
    assert target.grad == 4.0


def test_hinge():
    scores = [Value(0.5), Value(-3.0), Value(2.0), Value(1.0), Value(1e4)]
    labels = np.array([1, 1, -1, 1, -1])
    loss = hinge(scores, labels, reduction="sum")
    assert loss.data == 0.5 + 4.0 + 3.0 + 0.0 + 10001.0
    assert hinge(scores, labels).data == pytest.approx(10008.5 / 5, rel=1e-15)
    loss.backward()
    assert [score.grad for score in scores] == [-1.0, -1.0, 1.0, 0.0, 1.0]
    assert hinge([0.5], [-1.0]) == 1.5


def test_accuracy_of_signs():
    assert accuracy([0.1, -0.1, 2.0, 0.0], [1, -1, -1, -1]) == 0.75
    assert accuracy([Value(0.1), Value(-0.1)], np.array([0, 1])) == 0.0
    share = accuracy(np.array([3.0, -3.0]), np.array([True, False]))
    assert (share, type(share)) == (1.0, float)


def test_accuracy_of_classes():
    rows = [[0.1, 0.9, 0.0], [5.0, 5.0, 1.0], [-3.0, -2.0, -1.0], [0.0, 0.0, 1.0]]
    assert accuracy(rows, [1, 0, 2, 0]) == 0.75
    assert accuracy(np.array(rows), np.array([1, 0, 2, 0])) == 0.75
    assert accuracy([[Value(score) for score in row] for row in rows], [1, 1, 2, 2]) == 0.75


SCALAR = [(mse, 1.0), (hinge, 1), (binary_cross_entropy, 1), (accuracy, 1)]


@pytest.mark.parametrize(("loss", "target"), SCALAR)
def test_lengths(loss, target):
    with pytest.raises(ValueError, match="expects as many targets as predictions, got 1 and 2"):
        loss([1.0, 2.0], [target])
    with pytest.raises(ValueError, match="expects at least one prediction, got none"):
        loss([], [])


@pytest.mark.parametrize(("loss", "target"), SCALAR)
@pytest.mark.parametrize("values", [Value(1.0), 1.0, None, np.array(1.0)])
def test_predictions_and_targets_are_sequences(loss, target, values):
    with pytest.raises(TypeError, match="expects a sequence of predictions, got"):
        loss(values, [target])
    with pytest.raises(TypeError, match="expects a sequence of targets, got"):
        loss([1.0], values)


@pytest.mark.parametrize(("loss", "target"), SCALAR[:3])
def test_a_prediction_is_one_number(loss, target):
    with pytest.raises(TypeError, match="expects prediction 1 to be one number, got list"):
        loss([1.0, [2.0]], [target, target])
    with pytest.raises(TypeError, match="expects prediction 0 to be one number, got list"):
        loss(np.ones((2, 1)), [target, target])
    with pytest.raises(TypeError, match="expects target 0 to be one number, got list"):
        loss(np.ones(2), np.ones((2, 1)))
    for thing in (None, "1", 1j):
        with pytest.raises(TypeError, match=f"expects prediction 1 to be one number, got {type(thing).__name__}"):
            loss([Value(1.0), thing], [target, target])
        with pytest.raises(TypeError, match=f"expects target 1 to be one number, got {type(thing).__name__}"):
            loss([Value(1.0), 2.0], [target, thing])


@pytest.mark.parametrize(("loss", "target"), SCALAR[:3])
def test_rows(loss, target):
    predictions, targets = [[Value(0.5), 2.0], (Value(-1.0),)], [(target, target), [target]]
    for reduction in ("mean", "sum"):
        result = loss(predictions, targets, reduction=reduction)
        assert result.data == loss([0.5, 2.0, -1.0], [target] * 3, reduction=reduction)
    square = np.arange(6.0).reshape(3, 2)
    assert loss(square, np.full((3, 2), target)) == loss(square.ravel(), [target] * 6)
    with pytest.raises(ValueError, match="expects as many targets as predictions, got 1 and 2 in row 0"):
        loss(predictions, [[target], [target]])
    with pytest.raises(ValueError, match="expects at least one prediction, got none in row 1"):
        loss([[1.0], []], [[target], []])
    with pytest.raises(TypeError, match="expects a row of predictions at index 1, got Value"):
        loss([[1.0], Value(1.0)], [[target], target])
    with pytest.raises(TypeError, match="expects a row of targets at index 1, got float"):
        loss([[1.0], [1.0]], [[target], 1.0])
    with pytest.raises(TypeError, match="expects prediction 1 of row 1 to be one number, got NoneType"):
        loss([[1.0], [1.0, None]], [[target], [target, target]])


def test_cross_entropy_of_a_single_row():
    row = [Value(0.5), Value(-1.0), 2.0]
    for target in (1, np.int64(1), True):
        assert cross_entropy(row, target).data == cross_entropy([row], [1]).data
    assert cross_entropy(np.array([0.5, -1.0, 2.0]), 1) == cross_entropy([row], [1]).data
    with pytest.raises(ValueError, match="expects classes from 0 to 2, got 3 at index 0"):
        cross_entropy(row, 3)
    with pytest.raises(TypeError, match="expects class score 0 of row 0 to be one number, got list"):
        cross_entropy([row, row], 1)
    with pytest.raises(TypeError, match="expects a sequence of targets, got float"):
        cross_entropy(row, 1.0)


@pytest.mark.parametrize(
    ("loss", "label", "allowed"),
    [
        (hinge, 0, r"\(-1, 1\)"),
        (hinge, 0.5, r"\(-1, 1\)"),
        (hinge, Value(1.0), r"\(-1, 1\)"),
        (binary_cross_entropy, -1, r"\(0, 1\)"),
        (binary_cross_entropy, math.nan, r"\(0, 1\)"),
        (accuracy, 2, r"\(-1, 0, 1\)"),
    ],
)
def test_bad_labels(loss, label, allowed):
    message = f"{loss.__name__} expects labels in {allowed}, got {re.escape(repr(label))} at index 1"
    with pytest.raises(ValueError, match=f"^{message}$"):
        loss([Value(1.0), 2.0], [1, label])
    if loss is not accuracy:
        with pytest.raises(ValueError, match=f"^{message} of row 1$"):
            loss([[1.0], [Value(1.0), 2.0]], [[1], [1, label]])


@pytest.mark.parametrize(
    ("scores", "targets", "error", "message"),
    [
        ([[1.0, 2.0]], [2], ValueError, "expects classes from 0 to 1, got 2 at index 0"),
        ([[1.0, 2.0]], [-1], ValueError, "expects classes from 0 to 1, got -1 at index 0"),
        ([[1.0, 2.0]], [1.0], TypeError, "expects integer classes as targets, got float at index 0"),
        ([[1.0, 2.0]], [10**20], ValueError, "expects classes from 0 to 1, got 100000000000000000000 at index 0"),
        ([[1.0, 2.0]], [None], TypeError, "expects integer classes as targets, got NoneType at index 0"),
        ([[1.0, 2.0], [1.0, None]], [0, 0], TypeError, "expects class score 1 of row 1 to be one number, got NoneType"),
        ([[1.0, 2.0]], ["a"], TypeError, "expects integer classes as targets, got str at index 0"),
        ([[1.0, 2.0], [1.0]], [0, 0], ValueError, "expects at least two class scores at index 1, got 1"),
        ([[1.0, 2.0], 1.0], [0, 0], TypeError, "expects a row of class scores at index 1, got float"),
        ([[1.0, 2.0]], [0, 1], ValueError, "expects as many targets as predictions, got 2 and 1"),
        ([], [], ValueError, "expects at least one prediction, got none"),
        (None, [0], TypeError, "expects a sequence of predictions, got NoneType"),
    ],
)
@pytest.mark.parametrize("loss", [cross_entropy, accuracy])
def test_bad_classes(loss, scores, targets, error, message):
    with pytest.raises(error, match=f"^{loss.__name__} {message}"):
        loss(scores, targets)


@pytest.mark.parametrize("loss", [mse, hinge, binary_cross_entropy])
@pytest.mark.parametrize("reduction", ["max", None, "none"])
def test_unknown_reduction(loss, reduction):
    with pytest.raises(ValueError, match=f"reduction must be one of mean, sum, got {reduction!r}"):
        loss([1.0], [1], reduction=reduction)


def test_infinite_scores_give_the_limit():
    assert cross_entropy([[math.inf, 0.0]], [0]) == 0.0
    assert cross_entropy([[math.inf, 0.0]], [1]) == math.inf
    assert binary_cross_entropy([math.inf], [1]) == 0.0
    assert binary_cross_entropy([math.inf], [0]) == math.inf


def test_nan_scores_give_nan():
    assert math.isnan(cross_entropy([[math.nan, 1.0]], [1]))
    assert math.isnan(cross_entropy([[1.0, math.nan]], [0]))
    assert math.isnan(binary_cross_entropy([math.nan], [1]))
