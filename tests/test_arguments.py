"""Arguments of transforms: classes that are containers, modules, static arguments and axes by name, decorators."""

import collections
import dataclasses
import functools

import numpy as np
import pytest

import autograd
from autograd import (
    MLP,
    Module,
    Value,
    compile,
    grad,
    hessian,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    register_pytree_node,
    value_and_grad,
    vjp,
    vmap,
)


def as_it_is(f):
    return f


WRAPS = pytest.mark.parametrize("wrap", [as_it_is, compile])


@dataclasses.dataclass
class Line:
    slope: object
    offset: object
    name: str = dataclasses.field(default="line", metadata={"static": True})


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    a: object
    b: object


class Interval:
    def __init__(self, low, high, closed=True):
        self.low, self.high, self.closed = low, high, closed


register_pytree_node(
    Interval, lambda x: ((x.low, x.high), x.closed), lambda closed, children: Interval(*children, closed)
)


def line(p, x):
    return p.slope * x + p.offset


# -- classes that are containers


@WRAPS
def test_a_dataclass(wrap):
    assert wrap(grad(line))(Line(2.0, 1.0), 3.0) == Line(3.0, 1.0)
    assert wrap(value_and_grad(lambda s: s.a**2 * s.b))(Slotted(3.0, 2.0)) == (18.0, Slotted(12.0, 9.0))
    second = wrap(hessian(lambda s: s.a**2 * s.b))(Slotted(3.0, 2.0))
    assert second == Slotted(Slotted(4.0, 6.0), Slotted(6.0, 0.0))
    assert jvp(wrap(line), (Line(2.0, 1.0), 3.0), (Line(1.0, 0.5), 0.0)) == (7.0, 3.5)
    out, pullback = vjp(wrap(lambda x: Line(x, 2 * x)), 3.0)
    assert out == Line(3.0, 6.0) and pullback(Line(1.0, 10.0)) == (21.0,)


@WRAPS
def test_what_a_dataclass_holds_besides_numbers(wrap):
    def f(p):
        return p.slope * (2.0 if p.name == "double" else 1.0) * p.factor

    def made(name, factor):
        p = Line(3.0, 0.0, name)
        p.factor = factor
        return p

    g = wrap(grad(f))
    for name, factor in [("line", 1), ("double", 1), ("double", 5), ("line", 1)]:
        result = g(made(name, factor))
        assert (result.slope, result.name, result.factor) == ((2.0 if name == "double" else 1.0) * factor, name, factor)
    if wrap is compile:
        with pytest.raises(TypeError, match="argument p, a Line, holds besides its parts must be hashable"):
            g(made([], 1))


@WRAPS
def test_an_ordered_dict_and_none(wrap):
    point = collections.OrderedDict(b=np.array([1.0, 2.0]), a=3.0)
    result = wrap(grad(lambda p: p["a"] * p["b"].sum()))(point)
    assert type(result) is collections.OrderedDict and list(result) == ["b", "a"]
    assert result["a"] == 3.0 and result["b"].tolist() == [3.0, 3.0]
    assert wrap(grad(lambda p, x: x * p[0], argnums=(0, 1)))((2.0, None), 5.0) == ((5.0, None), 2.0)
    assert wrap(lambda x: (x, None))(1.0) == (1.0, None)


@WRAPS
def test_a_registered_class(wrap):
    g = wrap(grad(lambda i: (i.high - i.low) ** 2 if i.closed else i.high * i.low))
    for closed, expected in [(True, (-6.0, 6.0)), (False, (4.0, 1.0)), (True, (-6.0, 6.0))]:
        result = g(Interval(1.0, 4.0, closed))
        assert (result.low, result.high, result.closed) == (*expected, closed)
    result = wrap(vmap(lambda i: Interval(i.low + 1, i.high * 2)))(Interval(np.arange(2.0), np.ones(2)))
    assert (result.low.tolist(), result.high.tolist()) == ([1.0, 2.0], [2.0, 2.0])
    with pytest.raises(TypeError, match="must return a pair"):
        register_pytree_node(collections.Counter, lambda x: x, lambda rest, children: rest)
        grad(lambda z: z)(collections.Counter())


def test_what_can_be_registered():
    with pytest.raises(TypeError, match="^register_pytree_node expects a class, got int 3"):
        register_pytree_node(3, list, list)
    with pytest.raises(TypeError, match="^register_pytree_node expects a function, got int 3"):
        register_pytree_node(Interval, 3, list)


# -- modules


class Affine(Module):
    def __init__(self):
        self.slope, self.inner = Value(2.0), {"offset": [Value(1.0)]}

    def __call__(self, x):
        return self.slope * x + self.inner["offset"][0]


@WRAPS
def test_the_gradient_by_a_module_is_a_module(wrap):
    model, x = MLP(3, [4, 4, 1], activation="tanh", seed=3), [0.5, -1.0, 2.0]
    value, gradient = wrap(value_and_grad(lambda m, x: m(x) ** 2))(model, x)
    assert type(gradient) is MLP and type(value) is float
    loss = model(x) ** 2
    loss.backward()
    assert value == pytest.approx(loss.data, rel=1e-14)
    assert [g.data for g in gradient.parameters()] == pytest.approx([p.grad for p in model.parameters()], rel=1e-12)
    assert list(gradient.state_dict()) == list(model.state_dict())
    result = wrap(grad(lambda m, x: m(x) * m.slope))(Affine(), 3.0)
    assert result.state_dict() == {"slope": 13.0, "inner.offset.0": 2.0}
    assert wrap(hessian(lambda m: m(3.0) ** 2))(Affine()).slope.slope.data == 18.0


@WRAPS
def test_a_module_among_the_arguments_of_a_batch(wrap):
    model, x = MLP(2, [3, 1], seed=1), np.array([[1.0, 2.0], [-1.0, 0.5]])
    result = wrap(vmap(lambda m, x: m(x), in_axes=(None, 0)))(model, x)
    assert [y.data for y in result] == pytest.approx([model(row).data for row in x.tolist()])
    with pytest.raises(ValueError, match=r"argument m\.layers\.0\.neurons\.0\.w\.0 is the number .* in_axes should be"):
        wrap(vmap(lambda m, x: m(x)))(model, x)


def test_a_compiled_function_of_a_module_passes_gradients_and_keeps_up_with_it():
    model, x = MLP(2, [3, 1], seed=1), [1.0, 2.0]
    f = compile(lambda m, x: m(x) ** 2)
    f(model, x).backward()
    got = [p.grad for p in model.parameters()]
    model.zero_grad()
    (model(x) ** 2).backward()
    assert got == pytest.approx([p.grad for p in model.parameters()], rel=1e-12)
    for change in (
        lambda: setattr(model.layers[0].neurons[0].w[0], "data", 5.0),
        lambda: setattr(model.layers[0].neurons[0], "nonlin", False),
        lambda: setattr(model.layers[1].neurons[0], "b", Value(7.0)),
    ):
        change()
        assert f(model, x).data == pytest.approx((model(x) ** 2).data, rel=1e-14)
    assert len(f.programs) == 3
    other = MLP(2, [3, 1], seed=2)
    assert f(other, x).data == pytest.approx((other(x) ** 2).data, rel=1e-14)


def test_modules_that_would_hold_computed_values():
    with pytest.raises(TypeError, match=r"its result is the module .*: return its parameters instead"):
        compile(lambda m: m)(Affine())
    with pytest.raises(TypeError, match="differentiate by a list"):
        grad(lambda x: grad(lambda m: m(x) ** 2)(Affine()).slope)(1.0)


# -- static arguments


def test_static_arguments_by_name():
    @compile(static_argnames=("n", "kind"))
    def power(x, n, *, kind="plain"):
        assert type(n) is int and type(kind) is str
        return x**n if kind == "plain" else -(x**n)

    assert [power(2.0, 3), power(2.0, n=3), power(2.0, 3, kind="other"), power(3.0, 3)] == [8.0, 8.0, -8.0, 27.0]
    assert len(power.programs) == 3
    assert grad(power)(2.0, n=3) == 12.0
    assert compile(lambda x, n: x * [1, 2][n], static_argnames="n")(2.0, 1) == 4.0
    assert compile(lambda x, **options: x * options["n"], static_argnames="n")(2.0, n=1) == 2.0
    with pytest.raises(ValueError, match="^compile: static_argnames names 'm', but the parameters are x, n"):
        compile(lambda x, n: x, static_argnames="m")
    with pytest.raises(TypeError, match="^compile: static_argnames must be str, got int 1"):
        compile(lambda x, n: x, static_argnames=[1])


# -- axes


@WRAPS
def test_axes_by_name(wrap):
    f = wrap(vmap(lambda x, y, *, scale=1.0: x * scale + y, in_axes={"x": 0, "scale": 0}))
    assert f([1.0, 2.0], 10.0).tolist() == [11.0, 12.0]
    assert f(y=10.0, x=[1.0, 2.0], scale=[3.0, 4.0]).tolist() == [13.0, 18.0]
    assert wrap(vmap(lambda x, scale: x * scale))([1.0, 2.0], scale=3.0).tolist() == [3.0, 6.0]
    p = Line(np.arange(3.0), 1.0)
    assert wrap(vmap(line, in_axes=({"slope": 0, "offset": None}, None)))(p, 2.0).tolist() == [1.0, 3.0, 5.0]
    with pytest.raises(ValueError, match=r"in_axes is a dict .* for argument p, a Line with the parts \.slope"):
        wrap(vmap(line, in_axes=({"slope": 0}, None)))(p, 2.0)
    with pytest.raises(ValueError, match=r"no argument has an axis by in_axes \{'z': 0\}"):
        wrap(vmap(lambda x: x, in_axes={"z": 0}))([1.0])


@WRAPS
def test_a_container_of_axes_for_the_result(wrap):
    x = np.arange(6.0).reshape(2, 3)
    first, second = wrap(vmap(lambda r: (r, r), out_axes=(0, 1)))(x)
    assert first.tolist() == x.tolist() and second.tolist() == x.T.tolist()
    result = wrap(vmap(lambda r: {"a": [r, r[0]], "b": r}, out_axes={"a": [1, 0], "b": -1}))(x)
    assert result["a"][0].tolist() == x.T.tolist() and result["a"][1].tolist() == [0.0, 3.0]
    assert result["b"].tolist() == x.T.tolist()
    first, second = wrap(vmap(lambda r: (r * Value(1.0), r), out_axes=(0, 1)))(x)
    assert first.shape == (2, 3) and second.shape == (3, 2)
    for out_axes in ((0,), {"a": 0}, (0, (1, 1))):
        with pytest.raises(ValueError, match=r"^vmap: out_axes .* does not fit result"):
            wrap(vmap(lambda r: (r, r), out_axes=out_axes))(x)
    with pytest.raises(TypeError, match="^vmap: out_axes must be an int, got NoneType"):
        vmap(lambda r: (r, r), out_axes=(0, None))


# -- names in errors


class Model:
    def method(self, weights, *rest):
        return weights

    def __call__(self, weights, *rest):
        return weights


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda weights: weights, "weights"),
        (lambda *weights: weights, r"weights\[0\]"),
        (Model().method, "weights"),
        (Model(), "weights"),
        (compile(lambda weights: weights), "weights"),
        (vmap(compile(Model().method)), "weights"),
        (functools.partial(max, 1.0), "0"),
    ],
)
def test_errors_name_the_parameter(f, name):
    with pytest.raises(TypeError, match=f"argument {name} must be a number, an array, or a container"):
        grad(f)("text")


def test_errors_name_a_parameter_given_by_keyword():
    with pytest.raises(TypeError, match="argument weights is no number or array, and as set is not hashable"):
        compile(lambda weights: weights)(weights={1})


# -- decorators, names


def test_decorators_with_options():
    @grad(argnums=1)
    def by_y(x, y):
        """Return the product."""
        return x * y

    @vmap(in_axes=(0, None))
    @jacobian()
    def slope(x, scale):
        return x**2 * scale

    @compile(max_ways=4)
    def f(x):
        return x if x > 0 else -x

    assert by_y(2.0, 3.0) == 2.0 and by_y.__doc__ == "Return the product."
    assert slope([1.0, 2.0], 10.0).tolist() == [20.0, 40.0]
    assert value_and_grad(has_aux=True)(lambda x: (x, 1.0))(2.0) == ((2.0, 1.0), 1.0)
    assert hessian(argnums=0)(lambda x: x**3)(2.0) == 12.0
    assert f(-2.0) == 2.0


@WRAPS
def test_jacobians_by_either_mode(wrap):
    def f(x):
        return np.array([x[0] * x[1], x[0].sin(), x[1] ** 3])

    x = np.array([0.5, 2.0])
    expected = wrap(jacobian(f))(x)
    for transform in (jacfwd, jacrev, jacfwd(), jacrev(argnums=0)):
        assert wrap(transform(f))(x) == pytest.approx(expected, rel=1e-14)
    assert jacfwd(jacrev(lambda x: x[0] ** 2 * x[1]))(x) == pytest.approx(np.array([[4.0, 1.0], [1.0, 0.0]]))
    with pytest.raises(TypeError, match="^jacrev expects a function, got int"):
        jacrev(3)
    assert "jacfwd" in autograd.__all__
