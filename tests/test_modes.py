"""All modes of differentiation agree, first and second order: a choice passes nothing to what was not chosen."""

import math
import warnings

import pytest
from domains import DOMAINS, call

import autograd
from autograd import Value, exp, log, maximum, minimum, ops, relu, sqrt, trace, where

UNARY = [name for name in sorted(DOMAINS) if len(ops.OPS[name].grads) == 1]
BINARY = [name for name in sorted(DOMAINS) if len(ops.OPS[name].grads) == 2]
FINITE = (0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, 30.0, -30.0, 800.0, -800.0)
POINTS = (*FINITE, math.inf, -math.inf)


def derivatives(function, points):
    """Yield each point with the first and the second derivatives of `function` there, a dict each, by mode."""
    program = trace(function, 0.3)
    reverse, forward = program.reverse([0], [0], ones=True), program.forward([0])
    of_reverse, of_forward = reverse.reverse([0], [0], ones=True), forward.reverse([0], [0], ones=True)
    reverse_forward, forward_forward = reverse.forward([0]), forward.forward([0])
    batch = autograd.vmap(autograd.grad(function))(list(points))
    hessians = autograd.vmap(autograd.hessian(function))(list(points))
    for x, slope, curvature in zip(points, batch, hessians, strict=True):
        first = {"reverse": reverse(x)[0], "forward": forward(x, 1.0)[0], "batch": slope}
        second = {
            "reverse over reverse": of_reverse(x)[0],
            "reverse over forward": of_forward(x, 1.0)[0],
            "forward over reverse": reverse_forward(x, 1.0)[0],
            "forward over forward": forward_forward(x, 1.0, 1.0)[0],
            "hessian": curvature,
        }
        try:
            v = Value(x)
            result = function(v)
            if isinstance(result, Value) and math.isfinite(result.data):
                result.backward()
                first["eager"] = v.grad
        except (ArithmeticError, ValueError):
            pass
        yield x, first, second


def disagreements(function, points=POINTS, orders=(1, 2)):
    """Return where one mode is finite and another differs from it."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for x, *by_order in derivatives(function, points):
            for order, by_mode in enumerate(by_order, 1):
                finite = [d for d in by_mode.values() if math.isfinite(d)]
                tolerance = 1e-9 * max(map(abs, finite), default=0.0) + 1e-10
                if finite and order in orders and any(not abs(d - finite[0]) <= tolerance for d in by_mode.values()):
                    found.append((x, by_mode))
    return found


def points_of(name):
    """Return the points for a row: a choice of the table masks only what can be infinite or nan at finite inputs."""
    return POINTS if all(ops.liveness(grad) == "g" for grad in ops.OPS[name].grads) else FINITE


@pytest.mark.parametrize("outer", UNARY)
def test_compositions_of_unary_rows(outer):
    for inner in UNARY:
        assert not disagreements(lambda x, inner=inner: call(outer, call(inner, x)), points_of(outer)), inner


@pytest.mark.parametrize("name", BINARY)
def test_compositions_with_binary_rows(name):
    for inner in ("sqrt", "log", "exp", "relu", "abs", "tanh"):
        for c in (-1.0, 0.0, 0.5):
            assert not disagreements(lambda x, inner=inner, c=c: call(name, call(inner, x), c), FINITE), (inner, c)
            assert not disagreements(lambda x, inner=inner, c=c: call(inner, call(name, x, c)), FINITE), (inner, c)
            assert not disagreements(lambda x, inner=inner, c=c: call(name, call(inner, x), x), FINITE), inner


@pytest.mark.parametrize("name", UNARY)
def test_where_and_a_row(name):
    for chosen in (
        lambda x: where(x > 0, call(name, x), x),
        lambda x: where(x > 0, x, call(name, x)),
        lambda x: call(name, where(x > 0, x, 0.0)),
        lambda x: where(x < 10, call(name, x) * x, 1.0),
    ):
        assert not disagreements(chosen, points_of(name))


@pytest.mark.parametrize(
    ("function", "x", "first", "second"),
    [
        (lambda x: where(x > 0, sqrt(x), 0.0), 0.0, 0.0, 0.0),
        (lambda x: sqrt(where(x > 0, x, 0.0)), 0.0, 0.0, 0.0),
        (lambda x: relu(sqrt(x)), 0.0, 0.0, 0.0),
        (lambda x: sqrt(relu(x)), 0.0, 0.0, 0.0),
        (lambda x: sqrt(maximum(x, 0.0)), -1.0, 0.0, 0.0),
        (lambda x: where(x < 700, exp(x) * x, x + 1), 1000.0, 1.0, 0.0),
        (lambda x: minimum(exp(x) * x, 10.0), 1000.0, 0.0, 0.0),
        (lambda x: where(x > 0, x * math.inf, 2 * x), -1.0, 2.0, 0.0),
        (lambda x: relu(log(x) * x - 1.0), 0.0, 0.0, 0.0),
    ],
)
def test_what_was_not_chosen_receives_nothing(function, x, first, second):
    ((_, by_mode, by_mode_second),) = derivatives(function, (x,))
    assert set(by_mode.values()) == {first}
    assert set(by_mode_second.values()) == {second}


def test_a_zero_adjoint_that_was_received_is_pushed():
    w = Value(0.0)
    (sqrt(w) * 0.0).backward()
    assert math.isnan(w.grad)


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_derivatives_are_accurate_over_all_exponents(name):
    domain = DOMAINS[name]
    for arguments in domain.sample(200):
        operands = [Value(x) for x in arguments]
        call(name, *operands).backward()
        for k, operand in enumerate(operands):
            exact = domain.derivative(k, arguments)
            # Near its root a derivative has no relative accuracy.
            if 1e-307 < abs(exact) < 1e307 and not (
                name in ("silu", "gelu") and abs(exact) < 0.01 and operand.data > -2
            ):
                assert abs(operand.grad - exact) <= 1e-13 * abs(exact), (arguments, k, operand.grad, exact)
