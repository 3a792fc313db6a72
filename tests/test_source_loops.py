"""Loops as source: they stay loops, with the bits of the interpreter in C and in the text for CUDA."""

import ctypes

import numpy as np
import pytest
from c_source import bits, call, library, needs_compiler
from domains import DOMAINS
from domains import call as primitive
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import autograd
from autograd import fori_loop, functions, grad, hessian, scan, trace, value_and_grad, vmap, while_loop
from autograd.functions import exp, sin, tanh, where

XS = [0.1, -0.2, 0.3, 0.7, -0.4]
POINTS = [[0.3, 0.7, 0.5], [0.9, -0.2, 0.1], [-0.6, 0.4, 0.8]]


def with_outputs(p):
    carry, ys = scan(lambda c, x: (tanh(c * p[0] + x * p[1]), c * x + p[2]), p[2], XS)
    return carry * ys[0] + ys[2] * ys[4]


def backwards(p):
    carry, ys = scan(lambda c, x: (sin(c + x * p[0]), c * p[1]), p[2], np.array(XS), reverse=True)
    return carry + ys[1] * ys[3]


def by_inputs(p):
    carry, ys = scan(lambda c, x: (c * x + 1.0, c), 1.0, p)
    return carry * ys[1]


def nested(p):
    def outer(c, x):
        return fori_loop(0, 3, lambda i, y: y * p[0] + 0.1 * i * x, c), c

    carry, ys = scan(outer, p[1], XS)
    return carry * p[2] + ys[3]


def branches(p):
    def body(c, x):
        return (c * 1.3 + p[0] if c < 1 else c * 0.2 - p[1] * x), c

    carry, ys = scan(body, p[2], np.linspace(0, 1, 20))
    return carry * ys[3]


def nested_branches(p):
    def outer(c, x):
        a = p[0] * x
        inner = fori_loop(0, 4, lambda i, y: y * a + 0.3 if y < 0.6 else y * 0.5 - a, c)
        return (inner * 0.9 if inner > 0.5 else inner + 0.2), inner

    carry, ys = scan(outer, p[1], XS)
    return carry * p[2] + ys[3]


def condition(p):
    def body(s):
        return s[0] + (1 if s[1] > 0.5 else 2) * (s[1] * s[1] + 0.2), sin(s[1] * 3) * p[0] + p[1]

    return while_loop(lambda s: s[0] < 10, body, (p[2] * 1.0, p[0]), max_steps=200)[1]


def no_steps(p):
    return scan(lambda c, _: (c * p[0], c), p[1], length=0)[0] + fori_loop(0, 1, lambda i, c: c * p[2], p[0])


def a_batch(p):
    rows = np.linspace(-1.0, 1.0, 700)
    return functions.sum(list(vmap(lambda x: sin(x * p[0]) * p[1] + p[2] * x, in_axes=0)(rows)))


LOOPS = [with_outputs, backwards, by_inputs, nested, branches, nested_branches, condition, no_steps, a_batch]
TRANSFORMS = {
    "value": lambda f: f,
    "gradient": value_and_grad,
    "second": hessian,
    "third": lambda f: grad(lambda p: functions.sum([x * x for row in hessian(f)(p) for x in row])),
}


def traced(f, transform):
    """Return the program of a function, after its bodies have met the branches of all points."""
    program = autograd.compile(vmap(TRANSFORMS[transform](f)))
    program(np.array(POINTS))
    (traced,) = program.programs
    return traced


@needs_compiler
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("f", LOOPS, ids=lambda f: f.__name__)
def test_the_bits_in_c(tmp_path, f, transform):
    if f is nested_branches and transform == "third":
        pytest.skip("it takes long to compile")
    program = traced(f, transform)
    c = library(tmp_path, program.to_source("c"))
    cuda = library(tmp_path, program.to_source("cuda"))
    expected = [program(*point) for point in POINTS]
    for point, numbers in zip(POINTS, expected, strict=True):
        code, results = call(c, "f", point)
        assert code == 0
        assert bits(results[0]) == bits(numbers)
    x, y, status = np.array(POINTS).T.copy(), np.zeros((len(expected[0]), 3)), np.ones(3, np.int32)
    cuda.f(ctypes.c_longlong(3), x.ctypes, y.ctypes, status.ctypes)
    assert not status.any()
    assert bits(y.T.ravel()) == bits(np.ravel(expected))


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("f", LOOPS, ids=lambda f: f.__name__)
def test_numpy(f, transform):
    program = traced(f, transform)
    names = {}
    exec(program.to_source("numpy"), names)
    for point in POINTS:
        np.testing.assert_allclose(names["f"](np.array(point)), program(*point), rtol=1e-9, atol=1e-11)
    if f not in (branches, nested_branches, condition):
        results = [np.broadcast_to(result, 3) for result in names["f"](np.array(POINTS).T)]
        np.testing.assert_allclose(results, np.array([program(*p) for p in POINTS]).T, rtol=1e-9, atol=1e-11)


@needs_compiler
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_random_bodies(tmp_path, data):
    a, b, c, bound = (data.draw(st.floats(-0.9, 0.9)) for _ in range(4))
    kind = data.draw(st.integers(0, 2))
    steps = data.draw(st.integers(0, 9))

    def body(s, t, p):
        u, v = s
        if kind == 0:
            return tanh(a * u + b * v + t), exp(c * u) * 0.3 * p
        if kind == 1:
            return (u * a + p if u < bound else v * b + t), u * c
        return where(v < bound, u * p, v * v), sin(u + t) * b

    def loop(p):
        carry, ys = scan(lambda s, t: (body(s, t, p), s[0] * p), (p, 0.3), np.linspace(-1, 1, steps))
        return carry[0] + carry[1] * p + (ys[steps // 2] if steps else 0.0)

    transform = data.draw(st.sampled_from([lambda f: f, grad, lambda f: grad(grad(f))]))
    points = data.draw(st.lists(st.floats(-0.9, 0.9), min_size=1, max_size=4))
    f = autograd.compile(vmap(transform(loop)))
    f(np.array(points))
    c_library = library(tmp_path, f.programs[0].to_source("c"))
    for x in points:
        assert bits(call(c_library, "f", [x])[1][0]) == bits(f.programs[0](x))


@needs_compiler
def test_every_primitive_in_a_body(tmp_path):
    names = [name for name in sorted(DOMAINS) if len(DOMAINS[name].intervals) == 1]
    points = [float(DOMAINS[name].sample(1)[-1][0]) for name in names]

    def f(x):
        return scan(lambda c, _: ([a + primitive(name, y) for a, name, y in zip(c, names, x, strict=True)], None),
                    x, length=3)[0]

    for transform in (lambda f: f, lambda f: grad(lambda x: functions.sum(f(x)))):
        program = trace(transform(f), points)
        c = library(tmp_path, program.to_source("c"))
        assert bits(call(c, "f", points)[1][0]) == bits(program(*points))


@needs_compiler
def test_a_new_branch_in_a_body_says_which(tmp_path):
    def f(x):
        return scan(lambda c, _: (c * 2.0 if c < 1.0 else c * 0.25, None), x, length=3)[0]

    program = trace(f, 0.1)
    c = library(tmp_path, program.to_source("c"))
    c.f_branch.restype = ctypes.c_char_p
    assert call(c, "f", [0.05]) == (0, [[0.4]])
    code = call(c, "f", [0.5])[0]
    assert code == 1 and b"test_source_loops.py:" in c.f_branch(code)
    program(0.5)
    c = library(tmp_path, program.to_source("c"))
    assert call(c, "f", [0.5]) == (0, [[0.5]])
    names = {}
    exec(trace(f, 0.1).to_source("numpy"), names)
    with pytest.raises(ValueError, match="takes another way here"):
        names["f"]([0.5])


@needs_compiler
def test_a_condition_that_holds_for_too_long(tmp_path):
    program = trace(lambda x: while_loop(lambda c: c < 100.0, lambda c: c * x, x, max_steps=10), 3.0)
    c = library(tmp_path, program.to_source("c"))
    c.f_branch.restype = ctypes.c_char_p
    assert call(c, "f", [3.0]) == (0, [[243.0]])
    assert c.f_branch(call(c, "f", [1.0])[0]) == (
        b"while_loop: the condition still holds after max_steps = 10 steps")
    names = {}
    exec(program.to_source("numpy"), names)
    with pytest.raises(ValueError, match="still holds after max_steps = 10 steps"):
        names["f"]([1.0])


@needs_compiler
def test_loops_of_any_length(tmp_path):
    def f(x):
        return while_loop(lambda c: c < 100.0, lambda c: c * x + 1.0, x)

    program, derivative = trace(f, 1.5), trace(grad(f), 1.5)
    c = library(tmp_path, program.to_source("c"))
    assert bits(call(c, "f", [1.1])[1][0]) == bits(program(1.1))
    with pytest.raises(NotImplementedError, match=r"derivative of a while_loop .* give the loop max_steps"):
        derivative.to_source("c")
    names = {}
    exec(derivative.to_source("numpy"), names)
    x = np.array([1.01, 1.1, 1.5, 3.0])
    np.testing.assert_allclose(names["f"]([x])[0], [derivative(y)[0] for y in x], rtol=1e-12)


@needs_compiler
def test_the_text_of_a_long_loop_is_short(tmp_path):
    def f(x):
        carry, ys = scan(lambda c, t: (sin(c + t), c * t), 0.1, x)
        return [carry, *ys]

    x = np.linspace(0.0, 1.0, 20_000)
    program = trace(f, x)
    text = program.to_source("c", derivatives="adj1")
    assert len(text) < 20_000
    c = library(tmp_path, text)
    assert bits(call(c, "f", x)[1][0]) == bits(program(*x))
    seeds = np.cos(np.arange(20_001.0))
    expected = program.reverse(range(20_000), range(20_001))(*x, *seeds)
    assert bits(call(c, "adj1_f", x, None, seeds)[1][0]) == bits(expected)
    names = {}
    exec(program.to_source("numpy"), names)
    np.testing.assert_allclose(names["f"](x), program(*x), rtol=1e-12)
