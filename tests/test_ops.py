"""Every row of the op table: its value, its exceptions and its derivatives, over its domain and at its edges."""

import itertools
import math
import random
import struct

import mpmath
import numpy as np
import pytest
from bits import bits, is_close, is_equal, outcome
from domains import DOMAINS, EPSILON, INF, NAN, RECORDED, SPECIAL, TINY, call

import autograd
from autograd import Value, functions, ops

BASES = sorted(DOMAINS)
DERIVED = sorted(name for name, row in ops.OPS.items() if row.base != name and row.base not in RECORDED)
PUBLIC = sorted(name for name, row in ops.OPS.items() if row.parameters)
BINARY = [name for name in BASES if len(ops.OPS[name].grads) == 2]


def random_floats(count, seed):
    """Return floats of any bits, mixed with such as people use."""
    generator = random.Random(seed)
    kinds = (
        lambda: struct.unpack("<d", generator.randbytes(8))[0],
        lambda: generator.gauss(0, 1),
        lambda: generator.uniform(-1, 1),
        lambda: float(generator.randint(-20, 20)),
        lambda: generator.gauss(0, 300),
        lambda: generator.choice(SPECIAL),
    )
    return [generator.choice(kinds)() for _ in range(count)]


def arguments_of(name):
    """Return the special arguments, in all pairs where there are two, and random ones."""
    arity = len(ops.OPS[name].grads)
    drawn = [random_floats(3000, f"{name}{i}") for i in range(arity)]
    return [*itertools.product(SPECIAL, repeat=arity), *zip(*drawn, strict=True)]


def gradients(name, arguments, gradient=1.0):
    """Return the value of a primitive and its derivatives by all operands."""
    operands = [Value(x) for x in arguments]
    result = call(name, *operands)
    result.backward(gradient)
    return result.data, [operand.grad for operand in operands]


def test_every_row_has_a_domain():
    assert {*DOMAINS, *RECORDED} == {name for name, row in ops.OPS.items() if "c" not in row.arguments}
    for name, domain in DOMAINS.items():
        assert len(domain.intervals) == len(ops.OPS[name].grads), name


@pytest.mark.parametrize("name", [name for name in BASES if DOMAINS[name].python])
def test_value_and_exception_are_those_of_python(name):
    python = DOMAINS[name].python
    for arguments in arguments_of(name):
        expected = outcome(python, *arguments)
        got = outcome(call, name, *map(Value, arguments))
        if expected == (ValueError, "complex"):
            assert got[0] is ValueError and "complex" in got[1], arguments
        else:
            assert got == expected, arguments


@pytest.mark.parametrize("name", BASES)
def test_value_against_high_precision(name):
    domain = DOMAINS[name]
    with mpmath.workdps(60):
        for arguments in domain.sample():
            exact = domain.exact(*map(mpmath.mpf, arguments))
            got = call(name, *map(Value, arguments)).data
            assert is_close(got, exact, domain.value_tolerance(*arguments), 0), arguments


@pytest.mark.parametrize("name", BASES)
def test_derivative_against_high_precision(name):
    domain = DOMAINS[name]
    for arguments in domain.sample():
        _, got = gradients(name, arguments)
        for operand, derivative in enumerate(got):
            exact = domain.derivative(operand, arguments)
            tolerance = domain.tolerance(*arguments)
            assert is_close(derivative, exact, tolerance, domain.absolute), (arguments, operand, derivative, exact)


@pytest.mark.parametrize("name", BASES)
def test_edges(name):
    for arguments, value, derivatives in DOMAINS[name].edges:
        got, got_derivatives = gradients(name, arguments)
        if value is not ...:
            assert bits(got) == bits(value) or (got != 0 and is_equal(got, value)) or (value == 0 and got == 0), (
                arguments
            )
        if derivatives is not ...:
            for got_derivative, expected in zip(got_derivatives, derivatives, strict=True):
                assert is_equal(got_derivative, expected), (arguments, got_derivatives)


@pytest.mark.parametrize("name", [name for name in BASES if DOMAINS[name].raises])
def test_raises(name):
    for kind, *cases in DOMAINS[name].raises:
        for arguments in cases:
            values = [Value(x) for x in arguments]
            with pytest.raises(kind):
                call(name, *values)
            assert [value.data for value in values] == pytest.approx(arguments, nan_ok=True)
            if name in PUBLIC:
                with pytest.raises(kind):
                    call(name, *arguments)


@pytest.mark.parametrize("name", sorted(set(BASES) - {"leaky_relu", "floor", "ceil", "trunc", "rint"}))
def test_a_nan_is_passed_on(name):
    arity = len(ops.OPS[name].grads)
    exceptions = {("pow", 0), ("pow", 1), ("copysign", 1), ("heaviside", 1)}
    for place in range(arity):
        if (name, place) not in exceptions:
            arguments = [0.5] * arity
            arguments[place] = NAN
            assert math.isnan(call(name, *map(Value, arguments)).data)


@pytest.mark.parametrize("name", BASES)
def test_gradient_is_linear(name):
    for arguments in DOMAINS[name].sample(10):
        _, once = gradients(name, arguments)
        for factor in (-2.0, 0.25, 0.0):
            _, scaled = gradients(name, arguments, factor)
            for one, many in zip(once, scaled, strict=True):
                if 1e-290 < abs(one) < 1e290:
                    assert many == factor * one, arguments


@pytest.mark.parametrize("name", BASES)
def test_gradient_is_the_formula_of_the_table(name):
    row = ops.OPS[name]
    for arguments in DOMAINS[name].sample(20):
        result, got = gradients(name, arguments, 1.5)
        names = {**dict(zip(row.arguments, arguments, strict=True)), "r": result, "g": 1.5}
        for formula, derivative in zip(row.grads, got, strict=True):
            try:
                expected = ops.evaluate(formula, names)
            except ArithmeticError:
                continue
            assert derivative == pytest.approx(expected, rel=4 * EPSILON, abs=TINY), arguments


@pytest.mark.parametrize("name", DERIVED)
def test_rows_with_an_immediate_agree_with_their_base(name):
    base = name.removesuffix("_c").removeprefix("c_")
    row = ops.OPS[name]
    at = row.arguments.index("a")
    assert base in BINARY and len(row.grads) == 1
    cases = [*DOMAINS[base].sample(), *(edge[0] for edge in DOMAINS[base].edges), *arguments_of(base)[::7]]
    for arguments in cases:
        operands = list(arguments)
        operands[at] = x = Value(arguments[at])
        expected = outcome(call, base, *map(Value, arguments))
        assert outcome(call, base, *operands) == expected, arguments
        if not isinstance(expected, tuple):
            result = call(base, *operands)
            result.backward()
            assert bits(x.grad) == bits(gradients(base, arguments)[1][at]), arguments
            number = arguments[1 - at]
            assert result._op == ops.label(name, number)
            assert {bits(parent.data) for parent in result._prev} == set(map(bits, arguments))


@pytest.mark.parametrize(
    "name", [name for name in BINARY if name not in ("leaky_relu", "sub", "div", "pow", "arctan2")]
)
def test_number_on_the_left(name):
    """The commutative rows serve both orders, the others have a row for each."""
    for a, b in DOMAINS[name].sample():
        left, right = Value(b), Value(b)
        call(name, a, left).backward()
        call(name, Value(a), right).backward()
        assert bits(left.grad) == bits(right.grad)
        assert bits(call(name, a, left).data) == bits(call(name, Value(a), right).data)


def test_hypot_is_commutative():
    values = random_floats(20000, "hypot")
    for a, b in zip(values[::2], values[1::2], strict=True):
        assert outcome(math.hypot, a, b) == outcome(math.hypot, b, a)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "maximum", "minimum", "hypot", "arctan2", "div", "pow"])
def test_both_operands_the_same_node(name):
    x = Value(1.5)
    call(name, x, x).backward()
    _, (left, right) = gradients(name, (1.5, 1.5))
    assert x.grad == left + right


@pytest.mark.parametrize("make", [lambda v: autograd.maximum(v, 0.0), lambda v: autograd.clip(v, 0.0), autograd.relu])
def test_what_was_not_chosen_passes_nothing_even_of_an_infinite_gradient(make):
    v = Value(-1.0)
    autograd.sqrt(make(v)).backward()
    assert v.grad == 0.0


# -- the public functions


@pytest.mark.parametrize("name", PUBLIC)
def test_method_is_the_function(name):
    arguments = DOMAINS[name].sample(1)[-1]
    first, *rest = [Value(x) for x in arguments]
    by_method, by_function = getattr(first, name)(*rest), getattr(functions, name)(first, *rest)
    assert bits(by_method.data) == bits(by_function.data)
    assert by_method._op == by_function._op == ops.label(name)
    assert by_method._prev == by_function._prev == {first, *rest}
    assert getattr(autograd, name) is getattr(functions, name)


@pytest.mark.parametrize("name", PUBLIC)
def test_function_of_numbers_is_a_float(name):
    for arguments in DOMAINS[name].sample(5):
        got = getattr(functions, name)(*arguments)
        assert type(got) is float
        assert bits(got) == bits(call(name, *map(Value, arguments)).data)
    for kind in (int, bool, np.float32, np.int16, np.bool_):
        got = getattr(functions, name)(*[kind(1)] * len(arguments)) if name != "arctanh" else 0.0
        assert type(got) is float


@pytest.mark.parametrize("name", PUBLIC)
def test_function_of_arrays_is_elementwise(name):
    function, arity = getattr(functions, name), len(ops.OPS[name].grads)
    columns = [np.array(column) for column in zip(*DOMAINS[name].sample(6)[-6:], strict=True)]
    expected = [function(*row) for row in zip(*columns, strict=True)]

    got = function(*columns)
    assert got.dtype == float
    np.testing.assert_allclose(got, expected, rtol=1e-14)

    got = function(*[column.reshape(2, 3) for column in columns])
    assert got.shape == (2, 3)
    np.testing.assert_allclose(got.ravel(), expected, rtol=1e-14)

    assert function(*[np.array([])] * arity).shape == (0,)
    assert float(function(*[np.array(column[0]) for column in columns])) == pytest.approx(expected[0], rel=1e-14)

    objects = [np.array([Value(x) for x in column]) for column in columns]
    got = function(*objects)
    assert got.dtype == object
    assert [bits(value.data) for value in got] == list(map(bits, expected))
    got[0].backward()
    assert [column[0].grad for column in objects] == gradients(name, [column[0] for column in columns])[1]

    for place in range(arity if arity > 1 else 0):
        columns_and_a_value, rows = list(columns), [list(row) for row in zip(*columns, strict=True)]
        columns_and_a_value[place] = objects[place][0]
        for row in rows:
            row[place] = columns[place][0]
        got = function(*columns_and_a_value)
        assert [bits(value.data) for value in got] == [bits(function(*row)) for row in rows]


def test_aliases_are_the_functions():
    for alias, name in ops.ALIASES.items():
        assert getattr(functions, alias) is getattr(functions, name)
        assert getattr(Value, alias) is getattr(Value, name)


def test_every_function_of_the_table_is_public_and_nothing_is_forgotten():
    named = {*PUBLIC, *ops.ALIASES, *(composite.name for composite in ops.COMPOSITES)}
    others = {"sum", "dot", "mean", "no_grad", "interp", "nan_to_num", "norm"}
    assert named | others <= set(functions.__all__) <= {*autograd.__all__, "sum"}
    for name in named:
        assert callable(getattr(Value, name))


@pytest.mark.parametrize(
    "x, lower, upper, value, derivative",
    [
        (0.5, 0.0, 1.0, 0.5, 1.0),
        (-2.0, 0.0, 1.0, 0.0, 0.0),
        (2.0, 0.0, 1.0, 1.0, 0.0),
        (0.0, 0.0, 1.0, 0.0, 0.5),
        (1.0, 0.0, 1.0, 1.0, 0.5),
        (INF, -INF, INF, INF, 0.5),
        (-1e308, 0.0, INF, 0.0, 0.0),
    ],
)
def test_clip(x, lower, upper, value, derivative):
    for clip in (Value.clip, functions.clip):
        v = Value(x)
        result = clip(v, lower, upper)
        result.backward()
        assert (result.data, v.grad) == (value, derivative)
    assert functions.clip(x, lower, upper) == value
    assert functions.clip(np.array([x]), lower, upper).tolist() == [value]


def test_clip_takes_values_as_bounds_and_each_bound_alone():
    x, lower, upper = Value(5.0), Value(0.0), Value(2.0)
    functions.clip(x, lower, upper).backward()
    assert (x.grad, lower.grad, upper.grad) == (0.0, 0.0, 1.0)
    assert x.clip(upper=3).data == 3.0
    assert x.clip(6).data == 6.0
    assert x.clip().data == 5.0
    assert math.isnan(Value(NAN).clip(0, 1).data)


def test_leaky_relu_has_a_default_slope():
    assert functions.leaky_relu(-2.0) == -0.02
    assert Value(-2.0).leaky_relu(negative_slope=0.5).data == -1.0


def test_labels():
    assert [ops.label(name) for name in ("add", "sub_c", "c_div", "mul", "relu", "tanh")] == list("+-/*") + [
        "ReLU",
        "tanh",
    ]
    assert [ops.label("pow_c", c) for c in (3.0, -1.0, 0.5, 1e16)] == ["**3", "**-1", "**0.5", "**1e+16"]


def test_evaluate_works_on_other_numbers():
    with mpmath.workdps(40):
        got = ops.evaluate(ops.OPS["tan"].grads[0], {"g": mpmath.mpf(1), "r": mpmath.tan(1)})
        assert abs(got - mpmath.sec(1) ** 2) < mpmath.mpf(10) ** -38
    assert ops.evaluate("where(a < 0, -a, a)", {"a": -3}) == 3
    assert ops.evaluate("sin(a)", {"a": 3}, {"sin": lambda x: x + 1}) == 4
