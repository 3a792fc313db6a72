"""Loops: against plain Python, closed forms, published counts; every mode of differentiation, batches, branches."""

import itertools
import math
import threading

import numpy as np
import pytest
from domains import DOMAINS, call
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import (
    MLP,
    Value,
    check_grad,
    compile,
    custom_vjp,
    exp,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    log,
    sin,
    sqrt,
    tanh,
    trace,
    value_and_grad,
    vjp,
    vmap,
    where,
)
from autograd.loops import fori_loop, scan, while_loop

CHECKPOINTS = (1, 2, 7, "all", "auto")


def pairs():
    """Yield pairs of a function of an array of three numbers with a loop, and of the same in plain Python."""
    xs = [0.1, -0.2, 0.3, 0.7, -0.4]

    def with_outputs(p):
        carry, ys = scan(lambda c, x: (tanh(c * p[0] + x * p[1]), c * x + p[2]), p[2], xs)
        return carry * ys[0] + ys[2] * ys[4]

    def with_outputs_plain(p):
        c, ys = p[2], []
        for x in xs:
            ys.append(c * x + p[2])
            c = tanh(c * p[0] + x * p[1])
        return c * ys[0] + ys[2] * ys[4]

    def backwards(p):
        carry, ys = scan(lambda c, x: (sin(c + x * p[0]), c * p[1]), p[2], np.array(xs), reverse=True)
        return carry + ys[1] * ys[3]

    def backwards_plain(p):
        c, ys = p[2], []
        for x in xs[::-1]:
            ys.insert(0, c * p[1])
            c = sin(c + x * p[0])
        return c + ys[1] * ys[3]

    def by_xs(p):
        carry, ys = scan(lambda c, x: (c * x + 1.0, c), 1.0, p)
        return carry * ys[1]

    def by_xs_plain(p):
        c, ys = 1.0, []
        for x in p:
            ys.append(c)
            c = c * x + 1.0
        return c * ys[1]

    def nested(p):
        def outer(c, x):
            return fori_loop(0, 3, lambda i, y: y * p[0] + 0.1 * i * x, c), c

        carry, ys = scan(outer, p[1], xs)
        return carry * p[2] + ys[3]

    def nested_plain(p):
        c, ys = p[1], []
        for x in xs:
            ys.append(c)
            for i in range(3):
                c = c * p[0] + 0.1 * i * x
        return c * p[2] + ys[3]

    def branches(p):
        def body(c, x):
            return (c * 1.3 + p[0] if c < 1 else c * 0.2 - p[1] * x), c

        carry, ys = scan(body, p[2], np.linspace(0, 1, 20))
        return carry * ys[3]

    def branches_plain(p):
        c, ys = p[2], []
        for x in np.linspace(0, 1, 20).tolist():
            ys.append(c)
            c = c * 1.3 + p[0] if c < 1 else c * 0.2 - p[1] * x
        return c * ys[3]

    def condition(p):
        def body(s):
            return s[0] + (1 if s[1] > 0.5 else 2) * (s[1] * s[1] + 0.2), sin(s[1] * 3) * p[0] + p[1]

        return while_loop(lambda s: s[0] < 10, body, (p[2] * 1.0, p[0]))[1]

    def condition_plain(p):
        a, b = p[2] * 1.0, p[0]
        while a < 10:
            a, b = a + (1 if b > 0.5 else 2) * (b * b + 0.2), sin(b * 3) * p[0] + p[1]
        return b

    yield from (
        (with_outputs, with_outputs_plain),
        (backwards, backwards_plain),
        (by_xs, by_xs_plain),
        (nested, nested_plain),
        (branches, branches_plain),
        (condition, condition_plain),
    )


PAIRS = list(pairs())
NAMES = [loop.__name__ for loop, _ in PAIRS]
POINTS = np.random.default_rng(0).uniform(0.1, 0.9, (37, 3))


def third(f):
    return grad(lambda p: (hessian(f)(p) * np.array([[1.0, 0.5, 2.0]] * 3)).sum())


@pytest.mark.parametrize("pair", PAIRS, ids=NAMES)
@pytest.mark.parametrize("transform", [lambda f: f, grad, hessian, jacobian, lambda f: jacobian(grad(f)), third])
def test_derivatives_are_those_of_the_plain_loop(pair, transform):
    loop, plain = map(transform, pair)
    for p in POINTS[:5]:
        np.testing.assert_allclose(loop(p), plain(p), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("pair", PAIRS, ids=NAMES)
def test_lanes_are_those_of_the_plain_loop(pair):
    loop, plain = pair
    for transform in (lambda f: f, value_and_grad, hessian, lambda f: grad(lambda p: grad(f)(p)[1])):
        batch, expected = vmap(transform(loop))(POINTS), vmap(transform(plain))(POINTS)
        for a, b in zip(batch, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)
    compiled = compile(vmap(value_and_grad(loop)))
    np.testing.assert_array_equal(compiled(POINTS)[1], compiled(POINTS)[1])


@pytest.mark.parametrize("pair", PAIRS, ids=NAMES)
def test_values_make_one_node(pair):
    loop, plain = pair
    parameters, others = [Value(x) for x in POINTS[0]], [Value(x) for x in POINTS[0]]
    for function, values in zip(pair, (parameters, others), strict=True):
        function(values).backward()
    assert [p.grad for p in parameters] == pytest.approx([p.grad for p in others], rel=1e-13, abs=1e-13)
    assert loop(POINTS[0].tolist()) == pytest.approx(plain(POINTS[0].tolist()), rel=1e-14)


@pytest.mark.parametrize("pair", PAIRS, ids=NAMES)
def test_the_value_has_the_bits_of_the_unrolled_program(pair):
    loop, plain = (compile(vmap(f)) for f in pair)
    np.testing.assert_array_equal(loop(POINTS), plain(POINTS))


def test_products_with_derivatives():
    loop, plain = PAIRS[0]
    p, t = POINTS[0], np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(jvp(loop, (p,), (t,)), jvp(plain, (p,), (t,)), rtol=1e-13)
    np.testing.assert_allclose(hvp(loop, (p,), (t,)), hvp(plain, (p,), (t,)), rtol=1e-12)
    np.testing.assert_allclose(vjp(loop, p)[1](2.0)[0], vjp(plain, p)[1](2.0)[0], rtol=1e-13)
    check_grad(loop, p)


def test_the_decay_of_a_million_steps():
    def decay(p):
        return scan(lambda x, _: (x - 1e-6 * x * p, None), 1.0, length=1_000_000)[0]

    value, first = value_and_grad(decay)(1.0)
    assert value == pytest.approx(0.367879257231645094, rel=1e-12)
    assert first == pytest.approx(-0.367879625111270206, rel=1e-12)
    assert grad(grad(decay))(1.0) == pytest.approx(0.367879625111270206, rel=1e-11)


# ---------------------------------------------------------------------------------------------------------------------
# Checkpoints


@pytest.mark.parametrize(
    ("steps", "checkpoints", "expected"),
    [(225, 15, 522), (1_000, 10, 3_636), (10_000, 20, 37_976), (7, 3, 9), (2, 1, 1), (10, 1, 45), (100, 99, 99)],
)
def test_checkpoints_take_the_fewest_steps(steps, checkpoints, expected):
    # The formula of Griewank and Walther (2000), whose numbers for the first three are published.
    repetitions = next(r for r in range(100) if math.comb(checkpoints + r, checkpoints) >= steps)
    assert repetitions * steps - math.comb(checkpoints + repetitions, repetitions - 1) == expected
    count = 0

    @custom_vjp(pure_callback=True)
    def body(x):
        nonlocal count
        count += 1
        return 0.999 * x

    body.defvjp(lambda x: (0.999 * x, None), lambda _, g: (0.999 * g,))
    derivative = compile(grad(lambda x: scan(lambda c, _: (body(c), None), x, length=steps, checkpoint=checkpoints)[0]))
    derivative(1.0)
    count = 0
    assert derivative(1.0) == pytest.approx(0.999**steps)
    assert count == expected


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_checkpoints_change_no_bit(checkpoint):
    def steps(p, kept):
        return scan(lambda x, k: (x - 0.01 * sin(x) * p * k, None), 1.0, np.linspace(0, 1, 97), checkpoint=kept)[0]

    def condition(p, kept):
        return while_loop(
            lambda c: c[0] < 9, lambda c: (c[0] + c[1] * c[1] + 0.1, c[1] * p), (0.0, p), checkpoint=kept
        )[1]

    points = np.linspace(0.5, 0.95, 11)
    for f in (steps, condition):
        for transform in (grad, hessian, lambda f: grad(grad(f))):
            derivative = vmap(transform(lambda p, f=f: f(p, checkpoint)))(points)
            np.testing.assert_array_equal(derivative, vmap(transform(lambda p, f=f: f(p, "all")))(points))


def test_a_loop_beyond_the_memory_for_its_carries():
    def decay(p):
        return scan(lambda x, _: (x - 1e-5 * x * p, None), 1.0, length=100_000)[0]

    p = np.linspace(0.5, 2.0, 100)
    expected = -((1 - 1e-5 * p) ** 99_999)
    np.testing.assert_allclose(vmap(grad(decay))(p), expected, rtol=1e-9)


# ---------------------------------------------------------------------------------------------------------------------
# Every primitive


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_every_primitive_in_a_body(name):
    point = DOMAINS[name].sample(1)[-1]
    point = [float(x) for x in point]

    def loop(x):
        return scan(lambda c, _: (c + call(name, *x), None), x[0], length=3)[0]

    def plain(x):
        c = x[0]
        for _ in range(3):
            c = c + call(name, *x)
        return c

    for transform in (grad, hessian):
        np.testing.assert_allclose(transform(loop)(np.array(point)), transform(plain)(np.array(point)), 1e-13, 1e-300)


# ---------------------------------------------------------------------------------------------------------------------
# Structures, sizes, errors


def test_structures():
    carry, (a, b) = scan(
        lambda c, x: ({"sum": c["sum"] + x["u"][0], "last": x["v"]}, (c["sum"], x["u"])),
        {"sum": 0.0, "last": 1.0},
        {"u": np.ones((3, 2)), "v": [1.0, 2.0, 3.0]},
    )
    assert carry == {"sum": 3.0, "last": 3.0}
    assert a.tolist() == [0.0, 1.0, 2.0]
    assert b.shape == (3, 2)
    carry, ys = compile(lambda x: scan(lambda c, y: (c * y, [c, c + y]), x, np.arange(4.0)))(np.ones(3))
    assert carry.shape == (3,)
    assert [y.shape for y in ys] == [(4, 3), (4, 3)]


def test_no_steps_and_one():
    assert scan(lambda c, x: (c * 2, c + x), 3.0, []) == (3.0, pytest.approx(np.zeros(0)))
    assert grad(lambda x: scan(lambda c, _: (c * x, None), x, length=0)[0])(2.0) == 1.0
    assert grad(lambda x: scan(lambda c, _: (c * x, None), x, length=1)[0])(2.0) == 4.0
    assert fori_loop(3, 3, lambda i, c: c + i, 1.5) == 1.5
    assert fori_loop(3, 0, lambda i, c: c + i, 1.5) == 1.5
    assert while_loop(lambda c: c < 0, lambda c: c - 1, 2.0) == 2.0
    assert grad(lambda x: while_loop(lambda c: c < 0, lambda c: c * x, x))(2.0) == 1.0
    for mapped in (vmap(lambda x: scan(lambda c, _: (c * x, c), x, length=3)[0]), vmap(grad(PAIRS[5][0]))):
        assert mapped(np.zeros((0, 3)) if mapped.__name__ == "condition" else np.zeros(0)).size == 0


def test_bounds_that_are_values():
    def power(n, x):
        return fori_loop(0, n, lambda i, c: c * x, 1.0)

    np.testing.assert_array_equal(vmap(power)([0.0, 1.0, 2.0, 5.0], [2.0] * 4), [1.0, 2.0, 4.0, 32.0])
    np.testing.assert_array_equal(vmap(grad(power, argnums=1))([0.0, 1.0, 2.0, 5.0], [2.0] * 4), [0.0, 1.0, 4.0, 80.0])


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: scan(3, 1.0, [1.0]), TypeError, "expects a function as f, got int"),
        (lambda: scan(lambda c, x: c, 1.0, [1.0]), TypeError, r"must return a pair \(carry, y\), got float"),
        (lambda: scan(lambda c, x: (c, x), 1.0), ValueError, "needs xs or length"),
        (lambda: scan(lambda c, x: (c, x), 1.0, [1.0, 2.0], 3), ValueError, "length is 3, and xs have 2 steps"),
        (lambda: scan(lambda c, x: (c, x), 1.0, length=-1), ValueError, "must not be negative, got -1"),
        (lambda: scan(lambda c, x: (c, x), 1.0, length=1.5), TypeError, "length must be an int, got float 1.5"),
        (
            lambda: scan(lambda c, x: (c, x), 1.0, ([1.0], np.ones(2))),
            ValueError,
            "differ in the number of steps: 1, 2",
        ),
        (
            lambda: scan(lambda c, x: (c, x), 1.0, 5.0),
            TypeError,
            "expects arrays and lists of numbers in xs, got float",
        ),
        (lambda: scan(lambda c, x: (c, x), 1.0, np.array(5.0)), ValueError, "need an axis for the steps"),
        (lambda: scan(lambda c, x: (c, x), 1.0, [1.0], checkpoint="some"), ValueError, "'auto', 'all' or at least 1"),
        (lambda: scan(lambda c, x: (c, x), 1.0, [1.0], checkpoint=0), ValueError, "'auto', 'all' or at least 1"),
        (
            lambda: scan(lambda c, x: ((c, c), x), Value(1.0), [1.0]),
            TypeError,
            "a number went in, and a tuple of 2 numbers came out",
        ),
        (lambda: fori_loop(0.5, 2, lambda i, c: c, 1.0), TypeError, "lower must be an int, got float"),
        (lambda: while_loop(lambda c: (c, c), lambda c: c, Value(1.0)), TypeError, "must return a truth value"),
        (lambda: while_loop(lambda c: c < 1, lambda c: c * 1.0, 0.5, max_steps=9), RuntimeError, "max_steps = 9 steps"),
        (
            lambda: vmap(lambda x: while_loop(lambda c: c < 1, lambda c: c * x, 0.5, max_steps=30))([2.0, 1.5, 1.0]),
            RuntimeError,
            r"in lane 2 with the carry \[0.5\]",
        ),
    ],
)
def test_errors(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()


def test_an_exception_in_the_body_is_passed_on():
    @custom_vjp(pure_callback=True)
    def fails(x):
        raise KeyError("body")

    fails.defvjp(lambda x: (x, None), lambda _, g: (g,))
    with pytest.raises(KeyError, match="body"):
        compile(lambda x: scan(lambda c, _: (fails(c), None), x, length=3)[0])(1.0)


# ---------------------------------------------------------------------------------------------------------------------
# What bodies use and do


def test_captured_parameters_are_read_at_every_call():
    w = Value(0.5)

    @compile
    def f(x):
        return scan(lambda c, _: (c * w + x, None), x, length=4)[0]

    for data in (0.5, 0.8):
        w.data, w.grad = data, 0.0
        result = f(Value(2.0))
        result.backward()
        assert result.data == pytest.approx(2.0 * sum(data**k for k in range(5)))
        assert w.grad == pytest.approx(2.0 * sum(k * data ** (k - 1) for k in range(1, 5)))


def test_a_branch_that_no_step_took_before():
    traces = 0

    @compile
    def f(x, w):
        def body(c, _):
            nonlocal traces
            traces += 1
            return (c + w if c < 3 else c - w * w), None

        return scan(body, x, length=6)[0]

    def plain(x, w):
        for _ in range(6):
            x = x + w if x < 3 else x - w * w
        return x

    both = compile(vmap(value_and_grad(f, argnums=(0, 1))))
    # The program is made where no lane takes the second way.
    both(np.full(3, -9.0), np.ones(3))
    x, w = np.linspace(-1.0, 5.0, 29), np.linspace(0.3, 1.9, 29)
    value, gradients = both(x, w)
    expected, slopes = vmap(value_and_grad(plain, argnums=(0, 1)))(x, w)
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    np.testing.assert_allclose(gradients, slopes, rtol=1e-13)
    before = traces
    both(x, w)
    assert traces == before


def test_a_new_branch_that_uses_another_value_is_an_error():
    @compile
    def f(x, w):
        u = w * 2

        return scan(lambda c, _: (c + 1 if c < 3 else c * u, None), x, length=3)[0]

    assert f(-9.0, 1.0) == -6.0
    with pytest.raises(NotImplementedError, match="pass that Value in the carry"):
        f(9.0, 1.0)


def test_compiled_functions_custom_rules_batches_and_layers_in_a_body():
    @custom_vjp(pure_callback=True)
    def cube(x):
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, g: (3 * x * x * g,))
    inner = compile(lambda a, b: a * b + sin(a))
    model = MLP(2, [3, 1])

    def loop(x):
        def body(c, t):
            batch = vmap(lambda u, v: u * v, in_axes=(None, 0))(c, [0.1, 0.2])
            return inner(c, x) * 0.1 + cube(c * 0.3) + model([c, x]) + batch.sum() + t, None

        return scan(body, x, [0.1, 0.2, 0.3])[0]

    def plain(x):
        c = x
        for t in (0.1, 0.2, 0.3):
            c = (c * x + sin(c)) * 0.1 + (c * 0.3) ** 3 + model([c, x]) + c * 0.1 + c * 0.2 + t
        return c

    x, y = Value(0.7), Value(0.7)
    a = loop(x)
    a.backward()
    gradients = [p.grad for p in model.parameters()]
    model.zero_grad()
    b = plain(y)
    b.backward()
    assert a.data == pytest.approx(b.data, rel=1e-13)
    assert x.grad == pytest.approx(y.grad, rel=1e-12)
    assert gradients == pytest.approx([p.grad for p in model.parameters()], rel=1e-12, abs=1e-14)


def test_a_choice_in_a_body_passes_nothing_to_what_was_not_chosen():
    def f(x):
        return scan(lambda c, _: (where(c > 0, c**0.5 * 0.0 + c, 0.0 * c), None), x, length=3)[0]

    assert grad(f)(0.0) == 0.0
    assert math.isfinite(hessian(f)(0.0))


def test_training_with_a_loop():
    from autograd import Module, training

    class Recurrent(Module):
        def __init__(self):
            self.w, self.u = Value(0.1), Value(0.2)

        def __call__(self, x):
            return scan(lambda c, xi: (tanh(c * self.w + xi * self.u), None), 0.0, list(x))[0]

        def parameters(self):
            return [self.w, self.u]

    X = np.random.default_rng(1).uniform(-1, 1, (40, 5))
    y = np.array([float(np.tanh(row.sum())) * 0.5 for row in X])
    model = Recurrent()
    history = training.fit(model, X, y, loss="mse", epochs=30)
    assert history["loss"][-1] < history["loss"][0]


def test_traces_of_one_function_are_the_same():
    def f(x, k=0.5, steps=3):
        carry, _ = scan(lambda c, t: (c * k + t, None), x, np.arange(float(steps)))
        return carry + vmap(lambda u: u * x)(np.ones(30))[0]

    def same(**options):
        return trace(f, 2.0)._is_same(trace(lambda x: f(x, **options), 2.0))

    assert same()
    assert not same(k=0.6)
    assert not same(steps=4)


def test_two_threads():
    f = compile(vmap(value_and_grad(lambda p: PAIRS[4][0](p))))
    expected = f(POINTS)
    results = []

    def work():
        for _ in range(5):
            results.append(f(POINTS))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 10
    for value, gradient in results:
        np.testing.assert_array_equal(value, expected[0])
        np.testing.assert_array_equal(gradient, expected[1])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_bodies(data):
    numbers = st.floats(-0.9, 0.9)
    a, b, c, bound = (data.draw(numbers) for _ in range(4))
    kind = data.draw(st.integers(0, 3))
    steps = data.draw(st.integers(0, 9))
    checkpoint = data.draw(st.sampled_from(CHECKPOINTS))

    def body(s, t, p):
        u, v = s
        if kind == 0:
            return tanh(a * u + b * v + t), exp(c * u) * 0.3 * p
        if kind == 1:
            return (u * a + p if u < bound else v * b + t), u * c
        if kind == 2:
            return where(v < bound, u * p, v * v), sin(u + t) * b
        return (v if u * v > bound * t else u * p), (sin(v) if v > 0 else u * a - p)

    def loop(p):
        carry, ys = scan(
            lambda s, t: (body(s, t, p), s[0] * p), (p, 0.3), np.linspace(-1, 1, steps), checkpoint=checkpoint
        )
        return carry[0] + carry[1] * p + (ys[steps // 2] if steps else 0.0)

    def plain(p):
        s, ys = (p, 0.3), []
        for t in np.linspace(-1, 1, steps).tolist():
            ys.append(s[0] * p)
            s = body(s, t, p)
        return s[0] + s[1] * p + (ys[steps // 2] if steps else 0.0)

    points = np.array(data.draw(st.lists(numbers, min_size=1, max_size=13)))
    for transform in (lambda f: f, grad, lambda f: grad(grad(f)), hessian):
        np.testing.assert_allclose(vmap(transform(loop))(points), vmap(transform(plain))(points), rtol=1e-9, atol=1e-11)


def test_loops_are_names_of_the_package():
    assert autograd.loops.scan is autograd.scan is scan
    assert autograd.fori_loop is fori_loop
    assert autograd.while_loop is while_loop


def test_reverse_mode_reads_the_carries_that_the_loop_kept():
    calls = []

    @custom_vjp(pure_callback=True)
    def sine(x):
        calls.append(x)
        return math.sin(x)

    sine.defvjp(lambda x: (math.sin(x), x), lambda x, g: (math.cos(x) * g,))

    def f(x):
        return scan(lambda c, _: (sine(c) + x, None), x, length=20)[0]

    def plain(x):
        c = x
        for _ in range(20):
            c = sin(c) + x
        return c

    with_loop, expected = value_and_grad(f), value_and_grad(plain)(0.3)
    assert with_loop(0.3) == pytest.approx(expected, rel=1e-13)
    calls.clear()
    assert with_loop(0.3) == pytest.approx(expected, rel=1e-13)
    # 20 of the loop, 20 of the steps that reverse mode runs again, one of the trace of the body.
    assert len(calls) <= 41


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_records_are_of_the_same_operands(checkpoint):
    def f(x, y):
        c, ys = scan(lambda c, k: (sin(c * x) + k * y, c * y), x + y, [0.1, 0.2, 0.3, 0.4], checkpoint=checkpoint)
        return c + ys[1] * ys[2]

    def plain(x, y):
        c, ys = x + y, []
        for k in [0.1, 0.2, 0.3, 0.4]:
            ys.append(c * y)
            c = sin(c * x) + k * y
        return c + ys[1] * ys[2]

    def twice(f):
        both = value_and_grad(f, (0, 1))

        def function(x, y):
            (a, (b, c)), (d, (e, g)) = both(x, y), both(2 * x, y - x)
            # The value of one call, the gradient of another.
            return a * e + c * g + both(y, x)[0] * both(x * y, x)[1][1] + b * d

        return function

    X, Y = np.linspace(-1, 1, 37), np.linspace(0.5, 2, 37)
    for transform in (vmap, lambda f: vmap(grad(f, (0, 1))), lambda f: vmap(hessian(f))):
        for a, b in zip(transform(twice(f))(X, Y), transform(twice(plain))(X, Y), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)


# ---------------------------------------------------------------------------------------------------------------------
# What no step changes


def volatility(p, x, k):
    # The root is of a number that all steps share, which the steps use themselves, too.
    return x + exp(-p) * sqrt(1.0 - p * p) * k, p * x


def test_what_all_steps_share_is_computed_once():
    def looped(p, x):
        carry, ys = scan(lambda c, k: volatility(p, c, k), x, [0.1, 0.2, 0.3])
        return carry * ys[1]

    def plain(p, x):
        ys = []
        for k in (0.1, 0.2, 0.3):
            x, y = volatility(p, x, k)
            ys.append(y)
        return x * ys[1]

    program = str(trace(looped, 0.3, 0.7))
    assert program.index("sqrt") < program.index("scan")
    P, X = np.linspace(0.1, 0.9, 19), np.linspace(-1.0, 2.0, 19)
    np.testing.assert_array_equal(vmap(looped)(P, X), vmap(plain)(P, X))
    for order in (jacobian, hessian):
        derivatives = zip(vmap(order(looped, (0, 1)))(P, X), vmap(order(plain, (0, 1)))(P, X), strict=True)
        for a, b in derivatives:
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_without_a_step_nothing_is_shared():
    def f(p, x):
        return scan(lambda c, _: (c * log(p), None), x, length=0)[0]

    assert "log" not in str(trace(f, 0.0, 1.0))
    assert compile(value_and_grad(f, (0, 1)))(0.0, 1.5) == (1.5, (0.0, 1.0))


def test_a_condition_keeps_what_it_uses():
    def f(p, x):
        return while_loop(lambda c: c < p + 1.0, lambda c: c + exp(p) * 0.1, x)

    P, X = np.linspace(0.1, 0.9, 19), np.linspace(-1.0, 0.5, 19)
    values = [next(c for c in itertools.accumulate(itertools.repeat(np.exp(p) * 0.1), initial=x) if c >= p + 1.0)
              for p, x in zip(P, X, strict=True)]  # fmt: skip
    np.testing.assert_allclose(vmap(f)(P, X), values, rtol=1e-14)
    slopes = vmap(grad(f, (0, 1)))(P, X)
    np.testing.assert_allclose(slopes[0], np.array(values) - X, rtol=1e-12)
    np.testing.assert_array_equal(slopes[1], np.ones(19))
