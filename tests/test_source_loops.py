"""Loops as source: they stay loops, with the bits of the interpreter in C and in the text for CUDA."""

import ctypes

import numpy as np
import pytest
from c_source import bits, call, library, needs_compiler

import autograd
from autograd import fori_loop, functions, grad, hessian, scan, trace, value_and_grad, vmap, while_loop
from autograd.functions import sin, tanh

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
