"""Programs as source: C and CUDA with the bits of the interpreter, and Python over NumPy."""

import ctypes
import inspect
import math

import numpy as np
import pytest
from c_source import bits, call, library, needs_compiler, sizes
from domains import DOMAINS, OPERATORS, SPECIAL
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_programs import programs

import autograd
from autograd import Value, compile, custom_vjp, functions, grad, hessian, jacobian, trace

ELEMENTWISE = sorted(DOMAINS)


def function_of(name):
    return OPERATORS.get(name) or getattr(functions, name)


@needs_compiler
def test_every_primitive_in_c(tmp_path):
    for operands in (1, 2):
        names = [name for name in ELEMENTWISE if DOMAINS[name].intervals and len(DOMAINS[name].intervals) == operands]
        points = SPECIAL if operands == 1 else [0.5, 2.0, -1.25, 1e-300, 0.0, math.inf, math.nan]
        inside = trace(
            lambda *x, names=names: [
                function_of(name)(*(Value(0.75) * 0.0 + y for y in x)) for name in names if name != "arccosh"
            ],
            *([0.75] * operands),
        )
        c = library(tmp_path, inside.to_source("c"))
        for x in points:
            for y in points if operands == 2 else [None]:
                point = [x] if y is None else [x, y]
                code, (results,) = call(c, "f", point)
                assert code == 0
                assert bits(results) == bits(inside(*point))


@needs_compiler
def test_arccosh_in_c(tmp_path):
    program = trace(lambda x: x.arccosh(), 2.0)
    c = library(tmp_path, program.to_source("c"))
    for x in (1.0, 1.5, 2.0, 1e10, 1e300, 0.5):
        assert bits(call(c, "f", [x])[1][0]) == bits(program(x))


BINARY = ["add", "sub", "mul", "div", "maximum", "minimum", "hypot", "arctan2"]
UNARY = ["neg", "abs", "sin", "cos", "exp", "tanh", "sigmoid", "softplus", "erf", "relu", "silu", "gelu", "cbrt"]
UNARY += ["arctan"]


@needs_compiler
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(programs(BINARY + UNARY, 40), st.data())
def test_random_programs(tmp_path, drawn, data):
    inputs, steps = drawn

    def f(*x):
        results = list(x)
        for name, a, b in steps:
            operands = (results[a], results[b]) if name in BINARY else (results[a],)
            results.append(function_of(name)(*operands))
        return results[-1], results[-2]

    try:
        program = trace(f, *([0.5] * len(inputs)))
    except (ValueError, ArithmeticError):
        return
    point = data.draw(st.lists(st.floats(-3, 3), min_size=len(inputs), max_size=len(inputs)))
    code, results = call(library(tmp_path, program.to_source("c")), "f", point)
    assert code == 0
    assert bits(results[0]) == bits(program(*point))


@needs_compiler
def test_derivatives_in_c(tmp_path):
    def f(x):
        return [x[0] * x[1].sin(), x[1] * x[2].exp(), x[3] ** 2 + x[0]]

    x = [1.5, 0.5, -0.25, 3.0]
    text = compile(f).to_source("c", x, name="g", derivatives=("jac", "fwd1", "adj1", "hess"))
    c = library(tmp_path, text)
    y = trace(f, x)(*x)
    assert call(c, "g", x) == (0, [y])
    expected = np.array(jacobian(f)(x))
    rows, columns, ends, indices = sizes(c, "jac_g", "out")[0]
    assert (rows, columns, len(indices)) == (3, 4, 6)
    code, (entries,) = call(c, "jac_g", x, None)
    dense = np.zeros((rows, columns))
    for column in range(columns):
        for k in range(ends[column], ends[column + 1]):
            dense[indices[k], column] = entries[k]
    np.testing.assert_allclose(dense, expected, rtol=1e-15)
    tangent, adjoint = [1.0, -2.0, 0.5, 3.0], [1.0, 2.0, -1.0]
    np.testing.assert_allclose(call(c, "fwd1_g", x, None, tangent)[1][0], expected @ tangent, rtol=1e-14)
    np.testing.assert_allclose(call(c, "adj1_g", x, None, adjoint)[1][0], expected.T @ adjoint, rtol=1e-14)
    weighted = hessian(lambda x: sum(a * v for a, v in zip(adjoint, f(x), strict=True)))(x)
    rows, columns, ends, indices = sizes(c, "hess_g", "out")[0]
    dense = np.zeros((rows, columns))
    code, (entries,) = call(c, "hess_g", x, adjoint)
    for column in range(columns):
        for k in range(ends[column], ends[column + 1]):
            dense[indices[k], column] = entries[k]
    np.testing.assert_allclose(dense, np.array(weighted), rtol=1e-14, atol=1e-16)


@needs_compiler
def test_a_gradient_in_c(tmp_path):
    def f(x, y):
        return (x * y).sin() + x

    c = library(tmp_path, trace(f, 1.0, 2.0).to_source("c", derivatives="grad"))
    assert call(c, "grad_f", [1.0, 2.0])[1][0] == list(grad(f, argnums=(0, 1))(1.0, 2.0))
    with pytest.raises(ValueError, match="one output"):
        trace(lambda x: [x, x * x], 1.0).to_source("c", derivatives=["grad"])


@needs_compiler
def test_a_guard_that_fails_says_which(tmp_path):
    def f(x, y):
        if x > 0:
            return x * y
        return x

    def g(x, y):
        return f(x, y) if y > 0 else y

    c = library(tmp_path, trace(g, 1.0, 2.0).to_source("c"))
    c.f_branch.restype = ctypes.c_char_p
    assert call(c, "f", [1.0, 2.0]) == (0, [[2.0]])
    assert call(c, "f", [1.0, -2.0])[0] == 1
    assert call(c, "f", [-1.0, 2.0])[0] == 2
    assert b"test_source.py:" in c.f_branch(1) and c.f_branch(1) != c.f_branch(2)
    assert c.f_branch(0) is None


@needs_compiler
def test_a_program_of_many_parts(tmp_path):
    def f(x):
        states = list(x)
        for _ in range(800):
            states = [a + 0.01 * (b * c).sin() for a, b, c in zip(states, states[1:] + states[:1], states, strict=True)]
        return states

    x = [0.1, 0.7, -0.3]
    program = trace(f, x)
    c = library(tmp_path, program.to_source("c"))
    assert bits(call(c, "f", x)[1][0]) == bits(program(*x))


@needs_compiler
def test_the_text_for_cuda_as_c(tmp_path):
    def f(x, y):
        z = x.exp() * y.sin()
        return autograd.where(x > y, z, -z) if z > 0 else z

    program = trace(f, 1.0, 2.0)
    c = library(tmp_path, program.to_source("cuda"))
    x = np.array([[1.0, 2.0, 3.0, 0.5], [2.0, 1.0, -1.0, 0.7]])
    y, status = np.zeros((1, 4)), np.zeros(4, np.int32)
    c.f(ctypes.c_longlong(4), x.ctypes, y.ctypes, status.ctypes)
    assert status.tolist() == [0, 0, 1, 0]
    for lane in (0, 1, 3):
        assert bits(y[:, lane]) == bits(program(*x[:, lane]))


def run_numpy(program, x, name="f"):
    names = {}
    exec(program.to_source("numpy", name=name), names)
    return names[name](x)


def test_numpy():
    def f(x, y):
        return autograd.where(x > y, x, y * 2.0), x**y, (x + y).sigmoid(), x.maximum(y), x.softplus() - 1e-3

    program = trace(f, 1.0, 2.0)
    x = np.array([[1.0, 3.0, 0.5], [2.0, 1.0, 0.25]])
    results = np.array(run_numpy(program, x))
    for lane in range(3):
        np.testing.assert_allclose(results[:, lane], program(*x[:, lane]), rtol=1e-14)
        np.testing.assert_allclose(run_numpy(program, x[:, lane]), program(*x[:, lane]), rtol=1e-14)


@pytest.mark.parametrize("name", [name for name in ELEMENTWISE if name not in ("erf", "erfc", "gelu")])
def test_every_primitive_in_numpy(name):
    domain = DOMAINS[name]
    points = [p for p in domain.sample(20) if all(1e-3 < abs(x) < 20 for x in p)][:5]
    for point in points:
        program = trace(function_of(name), *point)
        np.testing.assert_allclose(run_numpy(program, np.array(point)), program(*point), rtol=1e-10)


def test_captured_values_are_constants():
    w = Value(3.0)
    assert "x0 * 3.0" in trace(lambda x: x * w, 2.0).to_source("numpy")


def test_numpy_raises_where_a_guard_fails():
    program = trace(lambda x: x if x > 0 else -x, 1.0)
    assert run_numpy(program, np.array([2.0])) == (2.0,)
    with pytest.raises(ValueError, match="takes another way"):
        run_numpy(program, np.array([-2.0]))


@custom_vjp(pure_callback=True)
def callback(x):
    return x * x


callback.defvjp(lambda x: (x * x, x), lambda x, g: (2.0 * x * g,))


def test_what_cannot_be_printed():
    program = trace(lambda x: x * 2.0, 1.0)
    with pytest.raises(ValueError, match="language"):
        program.to_source("fortran")
    with pytest.raises(ValueError, match="name must be"):
        program.to_source("c", name="2f")
    with pytest.raises(ValueError, match="derivatives"):
        program.to_source("c", derivatives=["jacobian"])
    called = trace(lambda x: callback(x), 1.5)
    with pytest.raises(TypeError, match="callback, a function of Python"):
        called.to_source("c")


@needs_compiler
def test_casadi_differentiates_it(tmp_path):
    casadi = pytest.importorskip("casadi")
    program = trace(lambda x, y: [x * y.sin(), y**2], 1.0, 2.0)
    library(tmp_path, program.to_source("c", derivatives=["jac", "fwd1", "adj1"]))
    f = casadi.external("f", str(tmp_path / "source0.so"))
    x = casadi.MX.sym("x", 2)
    jacobian = casadi.Function("J", [x], [casadi.jacobian(f(x), x)])
    expected = [[math.sin(2.0), math.cos(2.0)], [0.0, 4.0]]
    np.testing.assert_allclose(jacobian([1.0, 2.0]).full(), expected, rtol=1e-15)


def vector_function(x):
    return [x[0] * x[1].sin(), x[1] * x[2].exp(), x[3] ** 2 + x[0]]


KINDS = ("jac", "fwd1", "adj1", "hess")
X, TANGENT, ADJOINT = [1.5, 0.5, -0.25, 3.0], [1.0, -2.0, 0.5, 3.0], [1.0, 2.0, -1.0]


def derivatives_in_c(tmp_path, program):
    """Return what the functions in C give, by their names."""
    c = library(tmp_path, program.to_source("c", derivatives=KINDS))
    arguments = {
        "f": [X],
        "jac_f": [X, None],
        "fwd1_f": [X, None, TANGENT],
        "adj1_f": [X, None, ADJOINT],
        "hess_f": [X, ADJOINT],
    }
    return {name: call(c, name, *given)[1][0] for name, given in arguments.items()}


@needs_compiler
def test_derivatives_in_cuda_as_c(tmp_path):
    program = trace(vector_function, X)
    expected = derivatives_in_c(tmp_path, program)
    text = program.to_source("cuda", derivatives=KINDS)
    assert "by columns, which end at\n * [2, 4, 5, 6], in the rows\n * [0, 2, 0, 1, 1, 2]" in text
    c = library(tmp_path, text)
    lanes = 3
    given = {"f": [X], "jac_f": [X], "fwd1_f": [X, TANGENT], "adj1_f": [X, ADJOINT], "hess_f": [X, ADJOINT]}
    for name, arguments in given.items():
        arrays = [np.repeat(np.array(a)[:, None], lanes, axis=1) for a in arguments]
        y, status = np.zeros((len(expected[name]), lanes)), np.ones(lanes, np.int32)
        getattr(c, name)(ctypes.c_longlong(lanes), *(a.ctypes for a in arrays), y.ctypes, status.ctypes)
        assert not status.any()
        assert all(bits(y[:, lane]) == bits(expected[name]) for lane in range(lanes))


@needs_compiler
def test_derivatives_in_numpy(tmp_path):
    program = trace(vector_function, X)
    expected = derivatives_in_c(tmp_path, program)
    names = {}
    exec(program.to_source("numpy", derivatives=KINDS), names)
    assert "indptr: [0, 2, 4, 5, 6]\nindices: [0, 2, 0, 1, 1, 2]" in inspect.cleandoc(names["jac_f"].__doc__)
    given = {"jac_f": [X], "fwd1_f": [X, TANGENT], "adj1_f": [X, ADJOINT], "hess_f": [X, ADJOINT]}
    for name, arguments in given.items():
        np.testing.assert_allclose(names[name](*arguments), expected[name], rtol=1e-14)

    def product(x, y):
        return x * y.sin()

    exec(trace(product, 1.0, 2.0).to_source("numpy", derivatives="grad"), names)
    np.testing.assert_allclose(names["grad_f"]([1.5, 0.5]), grad(product, (0, 1))(1.5, 0.5), rtol=1e-15)


@needs_compiler
def test_casadi_differentiates_a_loop(tmp_path):
    casadi = pytest.importorskip("casadi")

    def f(x):
        return autograd.fori_loop(0, 10, lambda i, c: (c * x[0] + x[1]).sin(), x[1])

    program = trace(f, [0.5, 0.25])
    library(tmp_path, program.to_source("c", derivatives=["jac", "fwd1", "adj1"]))
    loaded = casadi.external("f", str(tmp_path / "source0.so"))
    x = casadi.MX.sym("x", 2)
    jacobian = casadi.Function("J", [x], [casadi.jacobian(loaded(x), x)])
    np.testing.assert_allclose(jacobian([0.5, 0.25]).full()[0], grad(f)([0.5, 0.25]), rtol=1e-14)
