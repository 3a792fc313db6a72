"""Derivatives of the user's own that are written in Values: of any order, in any mode, in all lanes."""

import functools
import math
import pickle

import numpy as np
import pytest

import autograd
from autograd import (
    Value,
    clip,
    compile,
    cos,
    custom_jvp,
    custom_vjp,
    exp,
    grad,
    hessian,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    log1p,
    no_grad,
    sin,
    softplus,
    trace,
    value_and_grad,
    vjp,
    vmap,
    where,
)
from autograd.loops import scan


def wave(x, y):
    return exp(x) * sin(y)


def by_vjp():
    f = custom_vjp(wave)
    f.defvjp(lambda x, y: (wave(x, y), (exp(x), y)), lambda r, g: (g * r[0] * sin(r[1]), g * r[0] * cos(r[1])))
    return f


def by_jvp():
    f = custom_jvp(wave)

    @f.defjvp
    def rule(primals, tangents):
        (x, y), (s, t) = primals, tangents
        return wave(x, y), exp(x) * (sin(y) * s + cos(y) * t)

    return f


KINDS = pytest.mark.parametrize("make", [by_vjp, by_jvp])


@KINDS
@pytest.mark.parametrize(
    "transform",
    [
        lambda f: f(0.5, 0.7),
        lambda f: grad(f, argnums=(0, 1))(0.5, 0.7),
        lambda f: grad(grad(grad(f), argnums=1))(0.5, 0.7),
        lambda f: hessian(f, argnums=(0, 1))(0.5, 0.7),
        lambda f: jvp(f, (0.5, 0.7), (1.0, -2.0)),
        lambda f: vjp(f, 0.5, 0.7)[1](3.0),
        lambda f: jacfwd(jacfwd(jacrev(f)), argnums=1)(0.5, 0.7),
        lambda f: jacrev(jacfwd(f, argnums=1))(0.5, 0.7),
        lambda f: jvp(lambda x: f(x, 0.7), (0.5,), (2.0,)),
        lambda f: vmap(compile(grad(grad(f))))(np.arange(5.0), np.arange(5.0)),
        lambda f: grad(lambda x: f(f(x, 0.2), f(0.3, x)))(0.4),
        lambda f: grad(lambda x: scan(lambda c, _: (f(c, c), None), x, length=5)[0])(0.4),
        lambda f: compile(value_and_grad(f))(0.5, 0.7),
    ],
)
def test_every_transform_agrees_with_the_function_itself(make, transform):
    f = make()
    np.testing.assert_allclose(
        np.ravel(np.array(transform(f), dtype=object)).astype(float),
        np.ravel(np.array(transform(wave), dtype=object)).astype(float),
        rtol=1e-13,
    )


@KINDS
def test_eager_calls(make):
    f = make()
    x, y = Value(0.5), Value(0.7)
    result = f(x, y) * 2.0 + f(x, 1.0) + f(1.0, y)
    result.backward()
    a, b = Value(0.5), Value(0.7)
    (wave(a, b) * 2.0 + wave(a, 1.0) + wave(1.0, b)).backward()
    assert (x.grad, y.grad) == pytest.approx((a.grad, b.grad), rel=1e-14)
    assert f(x, y)._op == "wave" and f(x, y)._prev == {x, y}
    assert type(f(0.5, 0.7)) is float
    with no_grad():
        assert f(x, y)._prev == set()
    compiled = compile(f)
    x.grad = 0.0
    compiled(x, 0.7).backward()
    assert x.grad == pytest.approx(math.exp(0.5) * math.sin(0.7), rel=1e-14)
    second = grad(f)(x, 0.7)
    x.grad = 0.0
    second.backward()
    assert x.grad == pytest.approx(math.exp(0.5) * math.sin(0.7), rel=1e-14)


# -- rules that say something else than the function


@custom_jvp
def log1pexp(x):
    return log1p(exp(x))


@log1pexp.defjvp
def log1pexp_jvp(primals, tangents):
    (x,), (t,) = primals, tangents
    y = log1pexp(x)
    return y, t * (1 - exp(-y))


@custom_vjp
def square(x):
    return x * x


square.defvjp(lambda x: (square(x), x), lambda x, g: (2 * g * square(x) / x,))


def test_a_rule_that_calls_its_function():
    """Further derivatives take the rule again: those of the function itself are nan here."""
    x = np.array([-800.0, -3.0, 0.3, 100.0, 1000.0])
    for order in range(4):
        f, g = log1pexp, softplus
        for _ in range(order):
            f, g = grad(f), grad(g)
        if order:
            np.testing.assert_allclose(vmap(f)(x), vmap(g)(x), rtol=1e-12, atol=1e-40)
    assert math.isnan(grad(lambda x: log1p(exp(x)))(1000.0))
    v = Value(500.0)
    (log1pexp(v) * 3.0).backward()
    assert v.grad == 3.0
    assert [grad(square)(3.0), grad(grad(square))(3.0), jacfwd(square)(3.0)] == [6.0, 2.0, 6.0]
    v = Value(3.0)
    square(v).backward()
    assert v.grad == 6.0


def test_a_rule_that_calls_its_function_with_other_arguments():
    @custom_jvp(nondiff_argnums=0)
    def power(n, x):
        return x**n

    @power.defjvp
    def rule(n, primals, tangents):
        return power(n, *primals), n * power(n - 1, *primals) * tangents[0]

    def f(x):
        return power(8, x)

    for order in range(1, 9):
        f = grad(f)
        assert f(2.0) == math.prod(range(8, 8 - order, -1)) * 2.0 ** (8 - order)


def test_a_pullback_that_is_not_linear():
    """As to clip a gradient, or to turn it around."""
    clipped = custom_vjp(lambda x: x)
    clipped.defvjp(lambda x: (x, None), lambda _, g: (clip(g, -1.0, 1.0),))
    turned = custom_vjp(lambda x: x)
    turned.defvjp(lambda x: (x, None), lambda _, g: (-g,))
    assert grad(lambda x: clipped(x) * 5.0 + turned(x) * 3.0)(2.0) == 1.0 - 3.0
    x = Value(2.0)
    (clipped(x) * 5.0 + turned(x) * 3.0).backward()
    assert x.grad == -2.0
    assert vmap(grad(lambda x, w: clipped(x) * w))(np.ones(3), np.array([0.5, -4.0, 2.0])).tolist() == [0.5, -1.0, 1.0]


def test_a_branch_in_a_rule_is_taken_in_every_lane():
    f = custom_vjp(lambda x: x * x)
    f.defvjp(lambda x: (x * x, x), lambda x, g: (2 * g * x if x > 0 else g * 100.0,))
    derivative = compile(grad(f))
    assert [derivative(2.0), derivative(-2.0)] == [4.0, 100.0]
    assert vmap(derivative)([1.0, -1.0, 3.0]).tolist() == [2.0, 100.0, 6.0]
    values = [Value(1.0), Value(-1.0)]
    autograd.sum(list(vmap(compile(f))(np.array(values)))).backward()
    assert [v.grad for v in values] == [2.0, 100.0]
    g = custom_vjp(lambda x: x * x)
    g.defvjp(lambda x: (x * x, x), lambda x, g: (g if g > 0 else x,))
    with pytest.raises(TypeError, match=rf"a rule cannot branch on a tangent .* at {__file__}:\d+: use where"):
        grad(g)(1.0)
    g.defvjp(lambda x: (x * x, x), lambda x, g: (where(g > 0, g, x),))
    assert [grad(g)(3.0), grad(lambda x: -g(x))(3.0)] == [1.0, 3.0]


def test_a_choice_passes_nothing_through_a_rule():
    f = custom_jvp(lambda x: 1.0 / x)
    f.defjvp(lambda primals, tangents: (1.0 / primals[0], -tangents[0] / primals[0] ** 2))
    for transform in (jacrev, jacfwd):
        safe = transform(lambda x: where(x > 0.0, f(x), x))
        assert vmap(safe)([2.0, 0.0]).tolist() == [-0.25, 1.0]


# -- arguments


def test_containers_and_arguments_without_derivative():
    @custom_jvp(nondiff_argnums=(1,))
    def f(p, kind, n=2):
        assert kind == "sum"
        return {"a": p["w"] * p["v"].sum() * n, "b": [p["w"], 3.0]}

    @f.defjvp
    def rule(kind, primals, tangents):
        (p, n), (t, _) = primals, tangents
        return f(p, kind, n), {"a": 10 * t["w"] + t["v"].sum(), "b": [t["w"] * p["w"], 0.0]}

    p = {"w": 2.0, "v": np.array([1.0, 2.0])}
    result = jacobian(lambda p: f(p, "sum"))(p)
    assert result["a"]["w"] == 10.0 and result["a"]["v"].tolist() == [1.0, 1.0]
    assert result["b"][0]["w"] == 2.0 and result["b"][1]["w"] == 0.0
    w = Value(2.0)
    result = f({"w": w, "v": np.array([1.0, 2.0])}, "sum")
    assert result["a"].data == 12.0
    (result["a"] + 5.0 * result["b"][0]).backward()
    assert w.grad == 20.0
    g = custom_vjp(lambda xs, n: [x * n for x in xs], nondiff_argnums=-1)
    g.defvjp(lambda xs, n: ([x * n for x in xs], None), lambda n, _, g: (np.array(g) * n,))
    assert grad(lambda xs: autograd.sum(g(xs, 3)))([1.0, 2.0]) == [3.0, 3.0]


@pytest.mark.parametrize("kind", ["vjp", "jvp"])
def test_callbacks_with_arguments_without_derivative(kind):
    def power(scale, x, ys):
        return [scale * math.pow(x, 2.0), scale * math.fsum(ys)]

    if kind == "vjp":
        f = custom_vjp(power, nondiff_argnums=0, pure_callback=True)
        f.defvjp(
            lambda scale, x, ys: (power(scale, x, ys), (x, ys)),
            lambda scale, kept, g: (2 * scale * kept[0] * g[0], [scale * g[1] for _ in kept[1]]),
        )
    else:
        f = custom_jvp(power, nondiff_argnums=0, pure_callback=True)
        f.defjvp(
            lambda scale, primals, tangents: (
                power(scale, *primals), [2 * scale * primals[0] * tangents[0], scale * math.fsum(tangents[1])]
            )
        )
    gradient = (15.0, [30.0, 30.0])

    def total(x, ys):
        a, b = f(3.0, x, ys)
        return a + 10.0 * b

    assert grad(total, argnums=(0, 1))(2.5, [1.0, 2.0]) == gradient
    assert vmap(grad(total), in_axes=(0, None))([2.5, 5.0], [1.0, 2.0]).tolist() == [15.0, 30.0]
    x, y, z = Value(2.5), Value(1.0), Value(2.0)
    total(x, [y, z]).backward()
    assert (x.grad, [y.grad, z.grad]) == gradient
    with pytest.raises(TypeError, match="pure_callback=True can be differentiated once"):
        hessian(total)(2.5, [1.0, 2.0])


# -- the face


def test_programs_with_rules_are_pickled_and_listed():
    program = trace(by_vjp(), 0.5, 0.7)
    assert "wave(v0, v1, " in str(program)
    copy = pickle.loads(pickle.dumps(program))
    assert copy.reverse([0, 1], [0], ones=True)(0.5, 0.7) == program.reverse([0, 1], [0], ones=True)(0.5, 0.7)
    assert copy.forward([0])(0.5, 0.7, 1.0) == pytest.approx([math.exp(0.5) * math.sin(0.7)])
    assert program.instructions == trace(wave, 0.5, 0.7).instructions
    assert pickle.loads(pickle.dumps(log1pexp)) is log1pexp


def test_the_source_of_an_infinity_is_found_in_the_function():
    f = custom_vjp(lambda x: 1.0 / x)
    f.defvjp(lambda x: (1.0 / x, x), lambda x, g: (-g / x**2,))
    with pytest.raises(FloatingPointError, match=r"in lane 1: .* = 1\.0 / v0 .* gave inf"), autograd.detect_anomaly():
        vmap(lambda x: 2.0 * f(x))([1.0, 0.0])


def test_it_looks_like_the_function():
    f = custom_jvp(wave)
    assert repr(f) == "custom_jvp(wave)" and f.__name__ == "wave" and f.__wrapped__ is wave
    with pytest.raises(RuntimeError, match=r"^wave has no derivative: call its defjvp\(jvp\) first"):
        f(1.0, 2.0)
    with pytest.raises(TypeError, match=r"^defjvp of wave expects a function as jvp, got int 3"):
        f.defjvp(3)
    with pytest.raises(TypeError, match="^custom_jvp expects a function, got int 3"):
        custom_jvp(3)
    with pytest.raises(TypeError, match="wave: nondiff_argnums names argument 2, but the call has 2 positional"):
        g = custom_vjp(nondiff_argnums=2)(wave)
        g.defvjp(list, list)
        g(1.0, 2.0)


CALLS = pytest.mark.parametrize("call", [lambda f: f(Value(1.0)).backward(), lambda f: grad(f)(1.0)])


@CALLS
@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        (1.0, TypeError, "bwd of exp must return a tuple with a gradient for each argument, got float"),
        ((), ValueError, "bwd of exp must return a gradient for each of the 1 arguments, got 0"),
        (([1.0, 2.0],), ValueError, "a gradient like the argument, a number, as gradient 0, got a list of 2 numbers"),
        ((1j,), TypeError, "exp expects a function of numbers, arrays, .* got complex 1j as gradient 0"),
    ],
)
def test_bad_gradients(call, returned, error, message):
    f = custom_vjp(exp)
    f._signature = None
    f.defvjp(lambda x: (exp(x), None), lambda _, g: returned)
    with pytest.raises(error, match=message):
        call(f)


@CALLS
def test_bad_tangents_and_functions_of_floats(call):
    def f(x):
        return exp(x)

    g = custom_jvp(f)
    for returned, error, message in [
        (1.0, TypeError, r"jvp of f must return a pair \(output, tangent\), got 1.0"),
        ((1.0, [1.0, 2.0]), ValueError, "jvp of f must return a tangent like the output, a number, got a list of 2"),
    ]:
        g.defjvp(functools.partial(lambda returned, primals, tangents: returned, returned))
        with pytest.raises(error, match=message):
            call(g)
    h = custom_vjp(lambda x: math.exp(x))
    h.defvjp(lambda x: (math.exp(x), None), lambda _, g: (g,))
    with pytest.raises(TypeError, match=r"is called with Values, and .* say custom_vjp\(\.\.\., pure_callback=True\)"):
        call(h)
    k = custom_vjp(f)
    k.defvjp(lambda x: exp(x), lambda _, g: (g,))
    with pytest.raises(TypeError, match=r"fwd of f must return a pair \(output, residuals\)"):
        call(k)
