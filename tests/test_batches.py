"""`vmap` inside a traced function stays a batch: against the same function over a Python loop."""

import numpy as np
import pytest

from autograd import (
    Value,
    compile,
    dot,
    exp,
    grad,
    hessian,
    jacobian,
    jvp,
    mean,
    sin,
    softplus,
    sum,
    tanh,
    trace,
    value_and_grad,
    vmap,
)

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), RNG.normal(size=40)
W = RNG.normal(size=3)


def loss(w, x, y):
    z = tanh(dot(w, x)) + w[0] * exp(-w[1] * w[1])
    return (z - y) * (z - y), z * w[2]


def batched(w, X=X, Y=Y):
    a, b = vmap(loss, (None, 0, 0))(w, X, Y)
    return mean(a) + sum(b * b) + a[3] * b[5]


def unrolled(w, X=X, Y=Y):
    pairs = [loss(w, x, y) for x, y in zip(X, Y, strict=True)]
    a, b = [a for a, _ in pairs], [b for _, b in pairs]
    return mean(a) + sum([x * x for x in b]) + a[3] * b[5]


@pytest.mark.parametrize(
    "transform",
    [
        compile, grad, value_and_grad, hessian, jacobian, lambda f: grad(lambda w: (grad(f)(w) ** 2).sum()),
        lambda f: lambda w: jvp(f, (w,), (np.array([1.0, -2.0, 0.5]),)),
    ],
)
def test_derivatives_by_what_the_lanes_share(transform):
    derivative, expected = (transform(f)(W) for f in (batched, unrolled))
    for a, b in zip(*(x if isinstance(x, tuple) else (x,) for x in (derivative, expected)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("argnums", [1, 2, (0, 1, 2)])
def test_derivatives_by_what_is_mapped(argnums):
    for transform in (grad, hessian):
        derivative, expected = (transform(f, argnums=argnums)(W, X, Y) for f in (batched, unrolled))
        if isinstance(argnums, int):
            derivative, expected = (derivative,), (expected,)
        for a, b in zip(derivative, expected, strict=True):
            for part, other in zip(a, b, strict=True):
                np.testing.assert_allclose(part, other, rtol=1e-12, atol=1e-13)


def test_a_batch_of_batches():
    weights = RNG.normal(size=(5, 3))
    np.testing.assert_allclose(vmap(grad(batched))(weights), vmap(grad(unrolled))(weights), rtol=1e-12)
    np.testing.assert_allclose(vmap(hessian(batched))(weights), vmap(hessian(unrolled))(weights), rtol=1e-12)


def test_a_batch_in_a_batch_in_a_trace():
    def inner(w):
        return sum(vmap(lambda x, a: sum(vmap(lambda t: sin(t * a * w[0]))(x * np.ones(20))))(X[:, 0], X[:, 1]))

    def plain(w):
        return sum([20 * sin(x * a * w[0]) for x, a in X[:, :2]])

    np.testing.assert_allclose(grad(inner)(W), grad(plain)(W), rtol=1e-12)


def test_values_and_captured_parameters():
    w, v = [Value(x) for x in W], [Value(x) for x in W]
    compiled = compile(lambda: sum(vmap(lambda x, y: loss(w, x, y)[0])(X, Y)))
    compiled().backward()
    sum([loss(v, x, y)[0] for x, y in zip(X, Y, strict=True)]).backward()
    assert [p.grad for p in w] == pytest.approx([p.grad for p in v], rel=1e-12)


def test_the_program_does_not_grow_with_the_batch():
    def instructions(n):
        def average(w):
            return mean(vmap(lambda w, x: softplus(dot(w, x)), (None, 0))(w, np.ones((n, 20))))

        return trace(grad(average), np.ones(20)).instructions

    assert instructions(2_000) < 2_000


def test_branches_are_followed_lane_by_lane():
    def branching(w):
        return sum(vmap(lambda x: x * w[0] if x > w[1] else x * x * w[2])(X[:, 0]))

    def plain(w):
        return sum([x * w[0] if x > w[1] else x * x * w[2] for x in X[:, 0].tolist()])

    both = [compile(value_and_grad(f)) for f in (branching, plain)]
    for w in (W, -W, W * 0.1):
        for a, b in zip(*(f(w) for f in both), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
