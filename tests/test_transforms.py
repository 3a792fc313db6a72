"""The transforms, from the outside: structures, arguments, axes, compositions as JAX's users write them, and errors."""

import math
from collections import namedtuple

import numpy as np
import pytest
from bits import assert_same_bits, bits
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import (
    Value,
    check_grad,
    compile,
    cos,
    custom_vjp,
    exp,
    functions,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    log,
    sin,
    tanh,
    value_and_grad,
    vjp,
    vmap,
    where,
)

Point = namedtuple("Point", "x y")


def as_it_is(f):
    return f


#: A transform has to give the same of a function, of a compiled one, and compiled itself.
FORMS = [
    pytest.param(lambda transform, f: transform(f), id="plain"),
    pytest.param(lambda transform, f: transform(compile(f)), id="of compiled"),
    pytest.param(lambda transform, f: compile(transform(f)), id="compiled"),
]


def assert_same(got, expected):
    """Compare two structures: types of containers, floats as floats, shapes and dtypes of arrays, and the numbers."""
    assert type(got) is type(expected), (got, expected)
    if isinstance(expected, dict):
        assert list(got) == list(expected)
        for key in expected:
            assert_same(got[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray):
        assert got.dtype == np.float64 and got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-15)
    else:
        assert got == pytest.approx(expected, rel=1e-13, abs=1e-15)


# -- structures

STRUCTURES = {
    "float": (lambda x: x**3, 2.0, 12.0),
    "integer": (lambda x: x**3, 2, 12.0),
    "boolean": (lambda x: x**3, True, 3.0),
    "NumPy scalar": (lambda x: x**3, np.float32(2.0), 12.0),
    "array": (lambda x: x[0] * x[1] + x[2] ** 2, np.array([2.0, 3.0, 4.0]), np.array([3.0, 2.0, 8.0])),
    "integer array": (lambda x: x[0] * x[1], np.array([2, 3]), np.array([3.0, 2.0])),
    "list": (lambda x: x[0] * x[1], [2.0, 3.0], [3.0, 2.0]),
    "tuple": (lambda x: x[0] * x[1], (2.0, 3.0), (3.0, 2.0)),
    "named tuple": (lambda p: p.x * p.y, Point(2.0, 3.0), Point(3.0, 2.0)),
    "dict": (lambda p: p["b"] * p["a"] ** 2, {"b": 2.0, "a": 3.0}, {"b": 9.0, "a": 12.0}),
    "matrix": (
        lambda m: (m @ np.array([1.0, 2.0])).sum(),
        np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        np.array([[1.0, 2.0]] * 3),
    ),
    "array of no axis": (lambda x: x[()] * 2.0 if isinstance(x, np.ndarray) else x * 2.0, np.array(3.0), np.array(2.0)),
    "list of arrays": (
        lambda x: x[0][0] * x[1][1],
        [np.array([2.0]), np.array([3.0, 5.0])],
        [np.array([5.0]), np.array([0.0, 2.0])],
    ),
    "nested": (
        lambda p: p["layers"][0]["w"][1] * p["layers"][1]["b"] + p["scale"],
        {"layers": [{"w": np.array([1.0, 4.0]), "b": 0.5}, {"w": np.array([]), "b": 3.0}], "scale": 1.0},
        {"layers": [{"w": np.array([0.0, 3.0]), "b": 0.0}, {"w": np.array([]), "b": 4.0}], "scale": 1.0},
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", STRUCTURES)
def test_gradients_have_the_structure_of_the_argument(form, name):
    function, argument, expected = STRUCTURES[name]
    derivative = form(grad, function)
    for _ in range(2):
        assert_same(derivative(argument), expected)


def test_what_the_function_gets():
    seen = {}

    def f(number, array, matrix, items, mapping):
        seen.update(locals())
        return number

    arguments = (1.0, np.array([1.0, 2.0]), np.zeros((2, 3)), [1, 2.0], {"a": 3.0})
    grad(f, argnums=(0, 1, 2, 3, 4))(*arguments)
    assert isinstance(seen["number"], Value)
    assert seen["array"].dtype == object and seen["array"].shape == (2,)
    assert seen["matrix"].dtype == object and seen["matrix"].shape == (2, 3)
    assert type(seen["items"]) is list and all(isinstance(x, Value) for x in seen["items"])
    assert list(seen["mapping"]) == ["a"]


@pytest.mark.parametrize("form", FORMS)
def test_argnums(form):
    def f(x, y, z):
        return x * y["k"] + z[0] * z[1]

    arguments = 2.0, {"k": 3.0}, np.array([5.0, 7.0])
    assert_same(form(grad, f)(*arguments), 3.0)
    assert_same(form(lambda g: grad(g, argnums=1), f)(*arguments), {"k": 2.0})
    assert_same(form(lambda g: grad(g, argnums=2), f)(*arguments), np.array([7.0, 5.0]))
    assert_same(form(lambda g: grad(g, argnums=(2, 0)), f)(*arguments), (np.array([7.0, 5.0]), 3.0))
    assert_same(form(lambda g: grad(g, argnums=(1,)), f)(*arguments), ({"k": 2.0},))
    assert_same(form(lambda g: grad(g, argnums=-1), f)(*arguments), np.array([7.0, 5.0]))
    value, gradient = form(lambda g: value_and_grad(g, argnums=(0, 1)), f)(*arguments)
    assert_same((value, gradient), (41.0, (3.0, {"k": 2.0})))


@pytest.mark.parametrize("form", FORMS)
def test_has_aux(form):
    def f(x):
        return x[0] * x[1], {"sum": x[0] + x[1], "n": 3.0}

    def transform(g):
        return value_and_grad(g, has_aux=True)

    x = np.array([2.0, 5.0])
    assert_same(form(transform, f)(x), ((10.0, {"sum": 7.0, "n": 3.0}), np.array([5.0, 2.0])))
    assert_same(form(lambda g: grad(g, has_aux=True), f)(x), (np.array([5.0, 2.0]), {"sum": 7.0, "n": 3.0}))


@pytest.mark.parametrize("form", FORMS)
def test_an_output_that_does_not_depend_on_the_input_has_the_gradient_zero(form):
    assert_same(form(grad, lambda x: 3.0)(2.0), 0.0)
    assert_same(form(value_and_grad, lambda x: 7)(np.zeros(2)), (7.0, np.zeros(2)))
    assert_same(form(grad, lambda x: x["a"])({"a": 1.0, "b": [2.0]}), {"a": 1.0, "b": [0.0]})
    assert_same(form(jacobian, lambda x: np.array([x[0], 1.0]))(np.ones(2)), np.array([[1.0, 0.0], [0.0, 0.0]]))
    assert_same(form(hessian, lambda x: x[0])(np.ones(2)), np.zeros((2, 2)))
    assert_same(form(vmap, lambda x: 2.0)(np.ones(3)), np.full(3, 2.0))


def test_an_output_that_is_an_input():
    assert_same(grad(lambda x: x)(5), 1.0)
    assert_same(compile(lambda x, y: (y, x, y))(1.0, np.ones(2)), (np.ones(2), 1.0, np.ones(2)))
    assert_same(vmap(lambda x: x)(np.arange(3.0)), np.arange(3.0))


@pytest.mark.parametrize("form", FORMS)
def test_jacobian(form):
    A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    x = np.array([0.5, -1.0, 2.0])
    assert_same(form(jacobian, lambda x: A @ x)(x), A)
    assert_same(form(jacobian, lambda x: x[0] * x[1])(x), np.array([-1.0, 0.5, 0.0]))
    assert_same(form(jacobian, lambda t: np.array([t, t**2]))(3.0), np.array([1.0, 6.0]))
    assert_same(form(jacobian, lambda t: t**2)(3.0), 6.0)
    assert_same(
        form(jacobian, lambda x: [x[0] * x[1], x[2]])(x), [np.array([-1.0, 0.5, 0.0]), np.array([0.0, 0.0, 1.0])]
    )
    assert_same(form(jacobian, lambda x: {"a": x[0] ** 2})(x), {"a": np.array([1.0, 0.0, 0.0])})
    by_both = form(lambda f: jacobian(f, argnums=(0, 1)), lambda a, b: np.array([a[0] * b, a[1]]))(
        np.array([2.0, 3.0]), 5.0
    )
    assert_same(by_both, (np.array([[5.0, 0.0], [0.0, 1.0]]), np.array([2.0, 0.0])))
    outer = form(jacobian, lambda x: np.outer(x, x))(np.array([2.0, 3.0]))
    assert_same(outer, np.array([[[4.0, 0.0], [3.0, 2.0]], [[3.0, 2.0], [0.0, 6.0]]]))


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 40), (40, 1), (7, 7), (3, 0), (0, 3)])
def test_jacobians_of_every_shape(inputs, outputs):
    generator = np.random.default_rng(0)
    A, x = generator.normal(size=(outputs, inputs)), generator.normal(size=inputs)

    def f(x):
        # With no input NumPy's product is a number and no Value.
        return np.array([functions.sum([a * sin(v) for a, v in zip(row, x, strict=True)]) + 0.0 for row in A], object)

    assert_same(jacobian(f)(x), A * np.cos(x))


@pytest.mark.parametrize("form", FORMS)
def test_hessian(form):
    def f(x):
        return x[0] ** 2 * x[1] + sin(x[1]) + exp(x[0])

    x = np.array([0.5, 2.0])
    expected = np.array([[2 * x[1] + math.exp(x[0]), 2 * x[0]], [2 * x[0], -math.sin(x[1])]])
    assert_same(form(hessian, f)(x), expected)
    assert_same(form(hessian, lambda t: t**4)(2.0), 48.0)
    assert_same(form(lambda g: jacobian(grad(g)), f)(x), expected)

    def of_two(x, y):
        return x**2 * y[0] + y[0] * y[1] * x

    blocks = form(lambda g: hessian(g, argnums=(0, 1)), of_two)(3.0, np.array([5.0, 7.0]))
    row = np.array([6.0 + 7.0, 5.0])
    assert_same(blocks, ((10.0, row), (row, np.array([[0.0, 3.0], [3.0, 0.0]]))))
    nested = form(hessian, lambda p: p["a"] ** 2 * p["b"])({"a": 2.0, "b": 5.0})
    assert_same(nested, {"a": {"a": 10.0, "b": 4.0}, "b": {"a": 4.0, "b": 0.0}})


def test_a_large_hessian():
    n = 60

    def f(x):
        return functions.sum([100.0 * (b - a**2) ** 2 + (1.0 - a) ** 2 for a, b in zip(x, x[1:], strict=False)])

    x = np.linspace(-1.0, 1.0, n)
    expected = np.zeros((n, n))
    for i in range(n - 1):
        expected[i, i] += 1200.0 * x[i] ** 2 - 400.0 * x[i + 1] + 2.0
        expected[i + 1, i + 1] += 200.0
        expected[i, i + 1] = expected[i + 1, i] = -400.0 * x[i]
    got = hessian(f)(x)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    direction = np.cos(np.arange(n))
    (product,) = hvp(f, (x,), (direction,))
    np.testing.assert_allclose(product, expected @ direction, rtol=1e-11, atol=1e-10)


# -- any structure

leaves = st.one_of(
    st.floats(-2, 2),
    st.integers(-3, 3),
    st.lists(st.floats(-2, 2), max_size=3).map(tuple),
    st.tuples(st.integers(0, 2), st.integers(1, 3)).map(
        lambda shape: np.arange(float(shape[0] * shape[1])).reshape(shape)
    ),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.builds(Point, inner, inner),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    ),
    max_leaves=8,
)


def flatten(tree):
    """Return the numbers of a structure in order."""
    if isinstance(tree, dict):
        return [x for item in tree.values() for x in flatten(item)]
    if isinstance(tree, (list, tuple)):
        return [x for item in tree for x in flatten(item)]
    return list(tree.ravel()) if isinstance(tree, np.ndarray) else [tree]


def rebuild(tree, numbers):
    """Return a structure with other numbers, taken from an iterator."""
    if isinstance(tree, dict):
        return {key: rebuild(item, numbers) for key, item in tree.items()}
    if isinstance(tree, (list, tuple)):
        items = [rebuild(item, numbers) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_make") else type(tree)(items)
    if isinstance(tree, np.ndarray):
        return np.array([next(numbers) for _ in range(tree.size)], float).reshape(tree.shape)
    return float(next(numbers))


@settings(max_examples=150)
@given(trees, trees)
def test_any_structure_of_arguments_and_results(first, second):
    def f(a, b):
        return functions.sum([float(i + 1) * x * x for i, x in enumerate(flatten((a, b)))] or [0.0])

    numbers = flatten((first, second))
    slopes = [2.0 * (i + 1) * float(x) for i, x in enumerate(numbers)]
    expected = rebuild((first, second), iter(slopes))
    value = sum((i + 1) * float(x) ** 2 for i, x in enumerate(numbers))
    for transform in (value_and_grad(f, argnums=(0, 1)), compile(value_and_grad(f, argnums=(0, 1)))):
        for _ in range(2):
            got, gradients = transform(first, second)
            assert got == pytest.approx(value, rel=1e-14)
            assert_same(gradients, expected)
    _, tangent = jvp(f, (first, second), rebuild((first, second), iter([1.0] * len(numbers))))
    assert tangent == pytest.approx(sum(slopes), rel=1e-13, abs=1e-13)

    assert_same(compile(lambda a, b: (b, a))(first, second), rebuild((second, first), iter(flatten((second, first)))))
    if numbers and not has_empty_sequence((first, second)):
        # Every number gets an axis of three lanes in front; a sequence of nothing would be one of no lanes.
        lanes = rebuild_with_lanes((first, second), np.array([1.0, 2.0, -1.0]))
        batch = vmap(value_and_grad(f, argnums=(0, 1)))(*lanes)
        for lane, factor in enumerate((1.0, 2.0, -1.0)):
            assert batch[0][lane] == pytest.approx(value * factor**2, rel=1e-14)
            of_lane = [x[lane] for x in arrays(batch[1])]
            np.testing.assert_allclose(np.concatenate([np.ravel(x) for x in of_lane]), np.array(slopes) * factor)


def rebuild_with_lanes(tree, factors):
    """Return a structure with an axis for lanes in every number and array: multiples of them."""
    if isinstance(tree, dict):
        return {key: rebuild_with_lanes(item, factors) for key, item in tree.items()}
    if isinstance(tree, (list, tuple)):
        items = [rebuild_with_lanes(item, factors) for item in tree]
        return type(tree)(*items) if hasattr(tree, "_make") else type(tree)(items)
    return np.multiply.outer(factors, np.asarray(tree, float))


def has_empty_sequence(tree):
    if isinstance(tree, (list, tuple)):
        return not tree or any(map(has_empty_sequence, tree))
    return isinstance(tree, dict) and any(map(has_empty_sequence, tree.values()))


def arrays(tree):
    if isinstance(tree, dict):
        return [x for item in tree.values() for x in arrays(item)]
    return [x for item in tree for x in arrays(item)] if isinstance(tree, (list, tuple)) else [tree]


def test_the_transforms_are_public():
    names = {"grad", "value_and_grad", "jacobian", "hessian", "jvp", "vjp", "hvp", "vmap", "compile", "check_grad"}
    names |= {"where", "Program"}
    assert names <= {*autograd.__all__, "compile"}
    for name in names:
        assert getattr(autograd, name).__doc__


# -- jvp, vjp, hvp


def test_jvp():
    def f(x, y):
        return np.array([x[0] * y, sin(x[1]), y**2])

    x, y, dx, dy = np.array([2.0, 3.0]), 5.0, np.array([0.5, -1.0]), 2.0
    out, tangent = jvp(f, (x, y), (dx, dy))
    assert_same(out, np.array([10.0, math.sin(3.0), 25.0]))
    assert_same(tangent, np.array([0.5 * 5 + 2 * 2.0, -math.cos(3.0), 20.0]))
    assert_same(jvp(lambda t: {"a": t**3, "b": [t]}, (2.0,), (0.5,)), ({"a": 8.0, "b": [2.0]}, {"a": 6.0, "b": [0.5]}))
    assert_same(jvp(lambda t: 4.0, (2.0,), (1.0,)), (4.0, 0.0))


def test_vjp():
    def f(x, y):
        return {"a": x * y[0], "b": y * 2.0}

    out, pullback = vjp(f, 3.0, np.array([5.0, 7.0]))
    assert_same(out, {"a": 15.0, "b": np.array([10.0, 14.0])})
    got = pullback({"a": 2.0, "b": np.array([1.0, -1.0])})
    assert_same(got, (10.0, np.array([6.0 + 2.0, -2.0])))
    assert_same(pullback({"a": 0.0, "b": np.array([0.0, 1.0])}), (0.0, np.array([0.0, 2.0])))
    out, pullback = vjp(lambda x: x**2, 3.0)
    assert (out, pullback(1.0), pullback(-0.5)) == (9.0, (6.0,), (-3.0,))


def test_jvp_and_vjp_are_transposes():
    generator = np.random.default_rng(0)
    A = generator.normal(size=(4, 3))

    def f(x):
        return np.tanh(A @ x)

    x, tangent, cotangent = generator.normal(size=3), generator.normal(size=3), generator.normal(size=4)
    out, pushed = jvp(f, (x,), (tangent,))
    same_out, pullback = vjp(f, x)
    (pulled,) = pullback(cotangent)
    assert_same_bits(out, same_out)
    exact = (1 - np.tanh(A @ x) ** 2)[:, None] * A
    np.testing.assert_allclose(pushed, exact @ tangent, rtol=1e-13)
    np.testing.assert_allclose(pulled, cotangent @ exact, rtol=1e-13)


def test_hvp_of_several_arguments():
    def f(x, y):
        return x**2 * y[0] + y[0] * y[1] * x

    x, y = 3.0, np.array([5.0, 7.0])
    matrix = np.array([[10.0, 13.0, 5.0], [13.0, 0.0, 3.0], [5.0, 3.0, 0.0]])
    direction = np.array([1.0, -2.0, 0.5])
    by_x, by_y = hvp(f, (x, y), (direction[0], direction[1:]))
    assert_same((by_x, by_y), (float((matrix @ direction)[0]), (matrix @ direction)[1:]))


# -- vmap


def test_vmap_over_axes():
    x = np.arange(6.0).reshape(2, 3)

    def f(row):
        return row[0] - 2.0 * row[-1]

    assert_same(vmap(f)(x), x[:, 0] - 2.0 * x[:, 2])
    assert_same(vmap(f, in_axes=1)(x), x[0] - 2.0 * x[1])
    assert_same(vmap(f, in_axes=-1)(x), x[0] - 2.0 * x[1])
    assert_same(vmap(f)(np.asfortranarray(x)), x[:, 0] - 2.0 * x[:, 2])
    assert_same(vmap(f)(x[::-1, ::2]), x[::-1, 0] - 2.0 * x[::-1, 2])
    assert_same(vmap(f)(x.astype(np.float32)), x[:, 0] - 2.0 * x[:, 2])
    assert_same(vmap(f)(x.astype(int)), x[:, 0] - 2.0 * x[:, 2])
    assert_same(vmap(f)(np.broadcast_to(x[0], (4, 3))), np.full(4, -4.0))
    assert_same(vmap(lambda t: t * t)([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0]))


def test_vmap_leaves_its_arguments_alone():
    x = np.arange(5.0)
    y = x.copy()
    result = vmap(lambda a: (a, a * 2.0))(x)
    result[0][:] = 7.0
    result[1][:] = 7.0
    assert_same(x, y)
    x.setflags(write=False)
    assert_same(vmap(lambda a: a * 2.0)(x), 2.0 * y)


def test_vmap_with_in_axes_for_every_argument():
    def f(a, b, c):
        return a * b + c["k"][0] * c["m"]

    a, b = np.arange(4.0), 3.0
    c = {"k": np.arange(8.0).reshape(2, 4), "m": 0.5}
    got = vmap(f, in_axes=(0, None, {"k": 1, "m": None}))(a, b, c)
    assert_same(got, a * b + c["k"][0] * 0.5)
    assert_same(vmap(lambda x, y: x - y, in_axes=(None, 0))(1.0, a), 1.0 - a)
    assert_same(vmap(lambda x, y: x @ y, in_axes=(None, 1))(np.arange(2.0), c["k"]), np.arange(2.0) @ c["k"])
    assert_same(vmap(lambda p: p[0] * p[1], in_axes=((0, None),))((a, 2.0)), a * 2.0)


def test_vmap_of_structures_and_out_axes():
    x = np.arange(3.0)
    out = vmap(lambda t: {"a": t, "b": [t + 1.0, np.array([t, -t])]})(x)
    assert_same(out, {"a": x, "b": [x + 1.0, np.column_stack([x, -x])]})
    assert_same(vmap(lambda t: np.array([t, -t]), out_axes=1)(x), np.array([x, -x]))
    assert_same(vmap(lambda t: np.array([t, -t]), out_axes=-1)(x), np.array([x, -x]))
    matrix = vmap(lambda t: np.array([[t, 2.0 * t]]), out_axes=1)(x)
    assert_same(matrix, np.array([np.column_stack([x, 2.0 * x])]))


def test_vmap_over_values():
    """What goes in as Values comes out as Values, and gradients flow."""
    xs = np.array([Value(1.0), Value(2.0), Value(3.0)])
    scale = Value(5.0)
    out = vmap(lambda x, s: x * x * s, in_axes=(0, None))(xs, scale)
    assert out.dtype == object and [v.data for v in out] == [5.0, 20.0, 45.0]
    functions.sum(list(out)).backward()
    assert [x.grad for x in xs] == [10.0, 20.0, 30.0] and scale.grad == 14.0


def test_vmap_of_vmap():
    a, b = np.arange(3.0), np.arange(1.0, 5.0)
    table = vmap(vmap(lambda x, y: x / y, in_axes=(None, 0)), in_axes=(0, None))(a, b)
    assert_same(table, a[:, None] / b)
    assert_same(vmap(vmap(vmap(sin)))(np.ones((2, 3, 4))), np.full((2, 3, 4), math.sin(1.0)))
    row = vmap(vmap(grad(lambda x, y: x**2 * y), in_axes=(None, 0)), in_axes=(0, None))(a, b)
    assert_same(row, 2 * a[:, None] * b)


# -- compositions


def test_higher_derivatives():
    x = 1.3
    assert_same(grad(grad(grad(lambda x: x**5)))(x), 60.0 * x**2)
    assert_same(grad(grad(grad(grad(sin))))(x), math.sin(x))
    fifth = grad(grad(grad(grad(grad(lambda x: exp(2.0 * x))))))
    assert fifth(x) == pytest.approx(32.0 * math.exp(2.0 * x), rel=1e-13)
    assert_same(grad(grad(grad(compile(lambda x: x**5))))(x), 60.0 * x**2)
    assert_same(compile(grad(compile(grad(compile(grad(lambda x: x**5))))))(x), 60.0 * x**2)
    assert_same(grad(hessian(lambda x: x**5))(x), 60.0 * x**2)
    assert_same(hessian(grad(lambda x: x**5))(x), 60.0 * x**2)
    mixed = grad(grad(lambda x, y: x**2 * y**3, argnums=0), argnums=1)
    assert_same(mixed(2.0, 5.0), 2 * 2.0 * 3 * 25.0)
    tensor = jacobian(hessian(lambda x: x[0] ** 2 * x[1]))(np.array([3.0, 4.0]))
    assert_same(tensor, np.array([[[0.0, 2.0], [2.0, 0.0]], [[2.0, 0.0], [0.0, 0.0]]]))


def test_grad_of_a_vector_s_grad():
    def f(x):
        return x[0] ** 3 * x[1]

    x = np.array([2.0, 5.0])
    assert_same(grad(lambda x: grad(f)(x)[0])(x), np.array([6 * 2.0 * 5.0, 3 * 4.0]))
    assert_same(jacobian(grad(f))(x), np.array([[60.0, 12.0], [12.0, 0.0]]))


@pytest.mark.parametrize("wrap", [as_it_is, compile])
def test_batches_of_derivatives(wrap):
    def loss(x, w):
        return (x[0] * w["a"] - x[1]) ** 2

    X, w = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.25]]), {"a": 2.0}
    residual = X[:, 0] * 2.0 - X[:, 1]
    value, by_x = wrap(vmap(value_and_grad(loss), in_axes=(0, None)))(X, w)
    assert_same((value, by_x), (residual**2, np.column_stack([4.0 * residual, -2.0 * residual])))
    by_w = wrap(vmap(grad(loss, argnums=1), in_axes=(0, None)))(X, w)
    assert_same(by_w, {"a": 2.0 * residual * X[:, 0]})
    per_point = wrap(vmap(hessian(loss), in_axes=(0, None)))(X, w)
    assert_same(per_point, np.broadcast_to(np.array([[8.0, -4.0], [-4.0, 2.0]]), (3, 2, 2)).copy())
    rows = wrap(vmap(jacobian(lambda x: np.array([x[0] * x[1], x[1]]))))(X)
    assert rows.shape == (3, 2, 2) and rows[1].tolist() == [[-1.0, 3.0], [0.0, 1.0]]
    assert_same(vmap(wrap(grad(loss)), in_axes=(0, None))(X, w), by_x)
    assert_same(vmap(grad(wrap(loss)), in_axes=(0, None))(X, w), by_x)


@pytest.mark.parametrize("wrap", [as_it_is, compile])
def test_derivatives_of_batches(wrap):
    """The mean loss over a batch, as everyone writes it."""
    X, y = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.25]]), np.array([1.0, -1.0, 0.5])

    def predict(w, x):
        return tanh(functions.dot(w, x))

    def loss(w):
        residuals = vmap(predict, in_axes=(None, 0))(w, X) - y
        return (residuals**2).mean()

    w = np.array([0.3, -0.2])
    prediction = np.tanh(X @ w)
    expected = (2.0 / 3.0 * (prediction - y) * (1.0 - prediction**2)) @ X
    value, gradient = wrap(value_and_grad(loss))(w)
    assert value == pytest.approx(np.mean((prediction - y) ** 2), rel=1e-14)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)
    step = 1e-6
    columns = [(grad(loss)(w + h) - grad(loss)(w - h)) / (2 * step) for h in step * np.eye(2)]
    np.testing.assert_allclose(wrap(hessian(loss))(w), columns, rtol=1e-7, atol=1e-8)


def test_derivatives_inside_a_function():
    """The classic of perturbation confusion, and a Newton step that is differentiated."""
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert vmap(lambda x: grad(lambda y: y**2 * x)(3.0))(np.array([1.0, 2.0])).tolist() == [6.0, 12.0]

    def energy(x, load):
        return x**4 / 4.0 + x**2 / 2.0 - load * x

    def newton_step(x, load):
        return x - grad(energy)(x, load) / hessian(energy)(x, load)

    for wrap in (as_it_is, compile):
        by_load = wrap(grad(newton_step, argnums=1))(0.5, 2.0)
        assert by_load == pytest.approx(1.0 / (3 * 0.25 + 1.0), rel=1e-14)

    (x, slope), tangent = jvp(lambda x: (x, grad(sin)(x)), (0.5,), (1.0,))
    assert (x, slope) == pytest.approx((0.5, math.cos(0.5))) and tangent == pytest.approx((1.0, -math.sin(0.5)))


def test_forward_over_reverse_and_reverse_over_forward():
    def f(x):
        return x[0] ** 2 * sin(x[1])

    x, v = np.array([2.0, 0.5]), np.array([1.0, -3.0])
    expected = hessian(f)(x) @ v
    _, over_reverse = jvp(grad(f), (x,), (v,))
    np.testing.assert_allclose(over_reverse, expected, rtol=1e-13)
    over_forward = grad(lambda x: jvp(f, (x,), (v,))[1])(x)
    np.testing.assert_allclose(over_forward, expected, rtol=1e-13)
    (product,) = hvp(f, (x,), (v,))
    np.testing.assert_allclose(product, expected, rtol=1e-13)
    _, pullback = vjp(grad(f), x)
    np.testing.assert_allclose(pullback(v)[0], expected, rtol=1e-13)


def test_values_among_the_arguments():
    """Derivatives are Values then, and what they are made into has gradients."""
    x = Value(2.0)
    slope = grad(lambda x: x**3)(x)
    assert isinstance(slope, Value) and slope.data == 12.0
    (slope * slope).backward()
    assert x.grad == 2 * 12.0 * 12.0
    y = Value(5.0)
    gradient = grad(lambda a, b: a[0] * a[1] * b)(np.array([3.0, 4.0]), y)
    assert [v.data for v in gradient] == [20.0, 15.0]
    gradient[0].backward()
    assert y.grad == 4.0


# -- compile


def test_compile_traces_once_for_each_structure():
    calls = []

    @compile
    def f(x):
        calls.append(x)
        return functions.sum([v * v for v in x]) if isinstance(x, (list, np.ndarray)) else x * x

    for number in (2.0, 3, np.float64(4.0), True):
        assert f(number) == float(number) ** 2
    assert len(calls) == 1
    for n in (2, 3, 2, 3):
        assert f(np.ones(n)) == n
    assert len(calls) == 3
    assert f([1.0, 2.0]) == f([2.0, 1]) == 5.0
    assert len(calls) == 4
    assert f(np.array([1, 2])) == 5.0
    assert len(calls) == 4


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian])
def test_a_transform_of_a_compiled_function_is_compiled_and_one_of_a_plain_function_is_not(transform):
    calls = []

    def f(x):
        calls.append(x)
        return x * x * x

    for number, make in enumerate((lambda: transform(compile(f)), lambda: compile(transform(f)))):
        calls.clear()
        derivative = make()
        results = [derivative(x) for x in (1.0, 2.0, 3.0)]
        assert len(calls) <= 2, number
        assert len({str(r) for r in results}) == 3
        traced = len(calls)
        derivative(4.0)
        assert len(calls) == traced
    calls.clear()
    derivative = transform(f)
    derivative(1.0)
    derivative(2.0)
    assert len(calls) >= 2


def test_a_plain_function_may_change_between_calls():
    factor = [2.0]
    derivative = grad(lambda x: x * factor[0])
    assert derivative(1.0) == 2.0
    factor[0] = 3.0
    assert derivative(1.0) == 3.0


def test_static_arguments():
    calls = []

    def power(x, n, name="p"):
        calls.append(n)
        result = x
        for _ in range(n - 1):
            result = result * x
        return result

    f = compile(power, static_argnums=(1,))
    assert [f(2.0, 3), f(3.0, 3), f(2.0, 2), f(5.0, 2)] == [8.0, 27.0, 4.0, 25.0]
    assert calls == [3, 2]
    assert compile(power, static_argnums=1)(2.0, 4) == 16.0
    assert grad(f)(2.0, 3) == 12.0


def test_strings_and_none_are_static():
    @compile
    def f(x, how, extra=None):
        return x * 2.0 if how == "double" else x * x

    assert (f(3.0, "double"), f(3.0, "square"), f(4.0, "double", extra=None)) == (6.0, 9.0, 8.0)


def test_keyword_arguments_are_inputs():
    f = compile(lambda x, *, scale: x * scale)
    assert (f(2.0, scale=3.0), f(2.0, scale=4.0)) == (6.0, 8.0)
    assert grad(lambda x, *, scale: x * x * scale)(2.0, scale=5.0) == 20.0
    assert_same(vmap(lambda x, y=1.0: x * y)(np.arange(3.0)), np.arange(3.0))


def test_a_compiled_function_gives_floats_for_numbers_and_values_for_values():
    f = compile(lambda x: x * x + 1.0)
    assert type(f(3.0)) is float and f(3.0) == 10.0
    x = Value(3.0)
    y = f(x)
    assert isinstance(y, Value) and y.data == 10.0
    (y * 2.0).backward()
    assert x.grad == 12.0
    w = Value(4.0)
    with_parameter = compile(lambda x: x * w)
    result = with_parameter(2.0)
    assert isinstance(result, Value)
    result.backward()
    assert w.grad == 2.0


def test_transforms_keep_name_and_documentation():
    def f(x):
        """Square."""
        return x * x

    for transform in (grad, value_and_grad, jacobian, hessian, vmap, compile):
        made = transform(f)
        assert "f" in made.__name__ and made.__wrapped__ is f


def test_compile_as_a_method():
    class Model:
        def __init__(self, scale):
            self.scale = scale

        @compile
        def __call__(self, x):
            return x * self.scale

    two, three = Model(2.0), Model(3.0)
    assert (two(5.0), three(5.0), two(1.0)) == (10.0, 15.0, 2.0)


# -- check_grad


def wrong_by(factor):
    f = custom_vjp(lambda x: x * x)
    f.defvjp(lambda x: (x * x, x), lambda x, g: (2.0 * factor * x * g,))
    return f


def test_check_grad():
    check_grad(lambda x: sin(x[0]) * x[1] ** 2, np.array([0.5, 2.0]))
    check_grad(lambda x, y: exp(x) / y["a"], 0.3, {"a": 2.0})
    check_grad(lambda x: x**3, 1.5, order=1)
    check_grad(lambda x: np.array([x[0] * x[1], cos(x[1])]), np.array([0.5, 2.0]))
    check_grad(compile(lambda x: log(x) * x), 2.0)
    check_grad(wrong_by(1.0), 1.5, order=1)
    for factor in (-1.0, 0.0, 1.001):
        with pytest.raises(AssertionError):
            check_grad(wrong_by(factor), 1.5, order=1)


# -- errors


@pytest.mark.parametrize("transform", [grad, value_and_grad, hessian])
@pytest.mark.parametrize("f", [lambda x: np.array([x, x]), lambda x: [x, x], lambda x: (x,), lambda x: {"a": x}])
def test_an_output_that_is_not_a_scalar(transform, f):
    with pytest.raises(TypeError, match=f"{transform.__name__}.*scalar"):
        transform(f)(1.0)
    with pytest.raises(TypeError, match="scalar"):
        compile(transform(f))(1.0)


@pytest.mark.parametrize("wrap", [as_it_is, compile])
def test_axes_of_different_lengths(wrap):
    with pytest.raises(ValueError, match=r"4.*5|5.*4"):
        wrap(vmap(lambda x, y: x + y))(np.zeros(4), np.zeros(5))
    with pytest.raises(ValueError, match=r"2.*3|3.*2"):
        wrap(vmap(lambda p: p["a"]))({"a": np.zeros(2), "b": np.zeros((3, 3))})


@pytest.mark.parametrize("wrap", [as_it_is, compile])
@pytest.mark.parametrize("argument", [3, 3.0, np.array(3), np.float64(3.0), Value(3.0)])
def test_an_axis_that_is_missing(wrap, argument):
    with pytest.raises((TypeError, ValueError), match="axis"):
        wrap(vmap(lambda x: x))(argument)
    with pytest.raises((TypeError, ValueError), match="axis"):
        wrap(vmap(lambda x, y: x, in_axes=(0, 1)))(np.zeros(3), np.arange(3))


def test_errors_name_the_argument():
    with pytest.raises((TypeError, ValueError), match="argument weights is the number 2"):
        vmap(lambda x, weights: x)(np.zeros(3), 2)
    with pytest.raises(ValueError, match="in_axes"):
        vmap(lambda x, y: x, in_axes=(0,))(np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="in_axes"):
        vmap(lambda x: x, in_axes=None)(3.0)
    with pytest.raises((TypeError, ValueError), match="in_axes|argument"):
        vmap(lambda: 1.0)()
    with pytest.raises((IndexError, TypeError, ValueError), match="argnums.*3"):
        grad(lambda x: x, argnums=3)(1.0)
    with pytest.raises((TypeError, ValueError), match="str"):
        grad(lambda x: x)("2.0")
    with pytest.raises((TypeError, ValueError), match="str|dtype"):
        grad(lambda x: x[0])(np.array(["a"]))
    with pytest.raises((TypeError, ValueError), match="complex"):
        grad(lambda x: x)(1j)
    with pytest.raises((TypeError, ValueError), match="tangents?"):
        jvp(lambda x: x, (1.0,), (np.zeros(2),))
    with pytest.raises((TypeError, ValueError), match="tangents?"):
        jvp(lambda x: x, (1.0,), ())
    with pytest.raises((TypeError, ValueError)):
        vjp(lambda x: x, 1.0)[1](np.zeros(3))
    with pytest.raises(TypeError, match="object .* as result"):
        compile(lambda x: object())(1.0)


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian, vmap, compile])
def test_what_is_no_function(transform):
    for wrong in (3, None, "f"):
        with pytest.raises(TypeError, match="function|callable"):
            transform(wrong)


def test_exceptions_of_the_function_pass():
    def f(x):
        raise KeyError("mine")

    for transform in (grad, value_and_grad, jacobian, hessian, compile):
        with pytest.raises(KeyError, match="mine"):
            transform(f)(1.0)
    with pytest.raises(KeyError, match="mine"):
        vmap(f)(np.zeros(2))
    # Afterwards eager arithmetic is as before.
    x = Value(2.0)
    (x * x).backward()
    assert x.grad == 4.0
    with pytest.raises(ZeroDivisionError):
        1.0 / Value(0.0)
    assert grad(lambda x: x * x)(3.0) == 6.0


def test_a_program_follows_ieee():
    f = compile(lambda x, y: (x / y, log(x), exp(x), x**0.5))
    assert [bits(v) for v in f(0.0, 0.0)] == [bits(v) for v in (math.nan, -math.inf, 1.0, 0.0)]
    assert [bits(v) for v in f(-1.0, 0.0)][:2] == [bits(-math.inf), bits(math.nan)]
    assert f(1000.0, 1.0)[2] == math.inf
    assert grad(lambda x: 1.0 / x)(0.0) == -math.inf
    assert vmap(lambda x: 1.0 / x)(np.array([0.0, -0.0, 2.0])).tolist() == [math.inf, -math.inf, 0.5]


# -- where


def test_where():
    assert where(True, 1.0, 2.0) == 1.0 and where(0, 1.0, 2.0) == 2.0
    x, y = Value(3.0), Value(4.0)
    chosen = where(x < y, x * 2.0, y)
    assert chosen.data == 6.0
    chosen.backward()
    assert (x.grad, y.grad) == (2.0, 0.0)
    column = np.array([-1.0, 0.0, 2.0, math.nan])
    got, slope = vmap(value_and_grad(lambda x: where(x < 0.0, -x, x * x)))(column)
    assert_same_bits(got, np.where(column < 0, -column, column * column))
    assert slope[:3].tolist() == [-1.0, 0.0, 4.0]
    assert_same(autograd.where(np.array([True, False]), np.array([1.0, 2.0]), 5.0), np.array([1.0, 5.0]))


@pytest.mark.parametrize("compare", ["__lt__", "__le__", "__gt__", "__ge__", "__eq__", "__ne__"])
def test_where_on_every_comparison(compare):
    xs = np.array([-1.0, -0.0, 0.0, 1.0, math.nan, math.inf])
    a, b = (grid.ravel() for grid in np.meshgrid(xs, xs))
    got = vmap(lambda a, b: where(getattr(a, compare)(b), a, b))(a, b)
    assert_same_bits(got, np.where(getattr(a, compare)(b), a, b), a, b)
    with_number = vmap(lambda a: where(getattr(a, compare)(0.0), 1.0, 2.0))(xs)
    assert_same_bits(with_number, np.where(getattr(xs, compare)(0.0), 1.0, 2.0), xs)


def test_a_dict_is_read_by_its_keys():
    f = compile(lambda p: tuple((key, 10.0 * x) for key, x in p.items()))
    assert f({"a": 1.0, "b": 2.0}) == (("a", 10.0), ("b", 20.0))
    equal = "".join(["a"]), "".join(["b"])
    assert f(dict.fromkeys(equal, 3.0)) == (("a", 30.0), ("b", 30.0))
    assert f({"a": 4, "b": np.float32(5)}) == (("a", 40.0), ("b", 50.0))
    assert len(f.programs) == 1
    assert f({"b": 2.0, "a": 1.0}) == (("b", 20.0), ("a", 10.0))
    assert f({"a": 1.0, "c": 2.0}) == (("a", 10.0), ("c", 20.0))
    assert f({"a": 1.0}) == (("a", 10.0),)
    assert f({}) == ()
    assert f({"a": 1.0, "b": np.array([2.0])})[1][1] == [20.0]
    assert f(p={"a": 1.0, "b": 2.0}) == (("a", 10.0), ("b", 20.0))
