"""Branches in traced functions: every lane gets what plain Python computes for it, whichever way it goes."""

import copy
import inspect
import math
import operator
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from bits import assert_same_bits, bits, data
from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import floats

import autograd
from autograd import (
    MLP,
    Dropout,
    Value,
    clip,
    compile,
    custom_vjp,
    exp,
    grad,
    hessian,
    losses,
    maximum,
    minimum,
    value_and_grad,
    vmap,
    where,
)
from autograd.optim import SGD

INF, NAN = math.inf, math.nan
COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def line_of(function, text):
    """Return the number of the only line of a function that contains a text."""
    lines, first = inspect.getsourcelines(function)
    (found,) = [number for number, line in enumerate(lines, first) if text in line]
    return found


def counted(function):
    """Return a function and the list that grows by one whenever it is called: whenever it is traced."""
    calls = []

    def wrapper(*arguments):
        calls.append(arguments)
        return function(*arguments)

    return wrapper, calls


def assert_lanes(function, *columns, max_ways=1000):
    """Compare a function over a batch with plain Python, lane by lane, and with a program at each point."""
    batch = compile(vmap(function), max_ways=max_ways)
    points = compile(function, max_ways=max_ways)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    expected = [function(*row) for row in rows]
    for _ in range(2):
        assert_same_bits(data(batch(*columns)), expected, *columns)
    for row, number in list(zip(rows, expected, strict=True))[::7]:
        assert bits(data(points(*row))) == bits(data(number)), row


# -- what Python asks a Value


def bubble_sort(xs):
    xs = list(xs)
    for i in range(len(xs)):
        for j in range(len(xs) - 1 - i):
            if xs[j + 1] < xs[j]:
                xs[j], xs[j + 1] = xs[j + 1], xs[j]
    return xs


def bisect_root(x):
    """Bracket and halve: how often depends on the number."""
    low, high = 0.0, 1.0
    while high * high < x:
        high = high * 2.0
    while high - low > 0.01:
        middle = (low + high) * 0.5
        if middle * middle < x:
            low = middle
        else:
            high = middle
    return low + x * 0.0


def euclid(a, b):
    while b > 0.5:
        while a >= b:
            a = a - b
        a, b = b, a
    return a


BRANCHES = {
    "if": lambda x, y: x * 2.0 if x < y else y - x,
    "chained": lambda x, y: x + 1.0 if -1.0 < x <= y else y,
    "and, or, not": lambda x, y: x if (x > 0 and not y > 0) or (y < -1.0 and x != 0) else y * 3.0,
    "bool": lambda x, y: (x if x else y) + 1.0,
    "not": lambda x, y: 5.0 if not x else x - y,
    "max": lambda x, y: max(x, y, 0.5) * 2.0,
    "min": lambda x, y: min([x, y, x * y]),
    "max by a key": lambda x, y: max((x, y), key=lambda v: -v * v),
    "sorted": lambda x, y: sorted([x, y, 0.25, x + y, -x])[1],
    "sorted in reverse": lambda x, y: sorted([x, y, 0.25], reverse=True)[0],
    "abs by comparison": lambda x, y: (x if x >= 0 else -x) + y,
    "abs": lambda x, y: abs(x) - abs(y),
    "any": lambda x, y: x if any(v > 1.0 for v in (x, y)) else y,
    "all": lambda x, y: x if all(v > -1.0 for v in (x, y)) else y,
    "in": lambda x, y: x * 2.0 if x in (0.0, 1.0, y) else y,
    "index": lambda x, y: [2.0, 1.0, 0.0, x].index(x) + y,
    "equal": lambda x, y: x + y if x == y else x - y,
    "of constants": lambda x, y: x if max(1.0, 2.0) > 1.5 else y,
    "of results": lambda x, y: (x * y if x * x + y * y > 2.0 else x - y) if (x + y) * 0.5 > 0.1 else y * y,
    "difference": lambda x, y: (x - y) if (x > 0) != (y > 0) else x + y,
    "sum of comparisons": lambda x, y: (x > 0) + (y > 0) * 2.0 + x * 0.0,
    "bubble sort": lambda x, y: bubble_sort([x, y, 0.3, x * y, -y])[2],
}


@pytest.mark.parametrize("name", BRANCHES)
def test_every_lane_goes_its_own_way(name):
    special = np.array([-INF, -2.0, -1.0, -0.5, -0.0, 0.0, 5e-324, 0.25, 0.5, 1.0, 1.5, 2.0, INF, NAN])
    x, y = (grid.ravel() for grid in np.meshgrid(special, special))
    function = BRANCHES[name]
    if "sort" in name or name in ("index", "in"):
        # A list finds a nan by identity, and its order is what the comparisons make of it; lanes are other objects.
        keep = np.isfinite(x) & np.isfinite(y)
        x, y = x[keep], y[keep]
    assert_lanes(function, x, y)


@pytest.mark.parametrize("symbol", COMPARISONS)
@pytest.mark.parametrize("other", ["argument", "number", "integer", "captured", "result", "NumPy scalar", "reflected"])
def test_every_comparison_is_checked(symbol, other):
    compare = COMPARISONS[symbol]
    captured = Value(0.5)
    others = {
        "argument": lambda x, y: compare(x, y),
        "number": lambda x, y: compare(x, 0.5),
        "integer": lambda x, y: compare(x, 1),
        "captured": lambda x, y: compare(x, captured.data if isinstance(x, float) else captured),
        "result": lambda x, y: compare(x + y, y * 2.0),
        "NumPy scalar": lambda x, y: compare(x, np.float64(0.5)),
        "reflected": lambda x, y: compare(0.5, x),
    }[other]

    def f(x, y):
        return x * 3.0 if others(x, y) else y - 7.0

    values = np.array([-1.0, 0.0, 0.5, 1.0, 1.5, INF, -INF, NAN])
    x, y = (grid.ravel() for grid in np.meshgrid(values, values))
    assert_lanes(f, x, y)


def test_arrays_in_a_trace():
    X = np.random.default_rng(0).normal(size=(50, 4))
    functions = (
        lambda x: x.max() - x.min(),
        lambda x: np.sort(x)[1],
        lambda x: x[np.argmax(x)] * 2.0,
        lambda x: np.where(x > 0, x, -2.0 * x).sum(),
        lambda x: np.maximum(x, 0.25).sum(),
        lambda x: x[x > 0].sum() + 1.0,
        lambda x: np.clip(x, -0.5, 0.5).sum(),
        lambda x: np.abs(x).sum(),
    )
    for number, f in enumerate(functions):
        expected = [f(row) for row in X]
        got = vmap(f, max_ways=1000)(X)
        np.testing.assert_allclose(got, expected, rtol=1e-14, err_msg=str(number))


@pytest.mark.parametrize(
    ("function", "columns"),
    [
        (bisect_root, [np.linspace(0.0, 40.0, 60)]),
        (euclid, [np.repeat(np.arange(1.0, 13.0), 12), np.tile(np.arange(1.0, 13.0), 12)]),
    ],
)
def test_loops_whose_length_depends_on_the_input(function, columns):
    assert_lanes(function, *columns)


def test_loops_have_derivatives():
    """The reciprocal square root by Newton's method, to convergence, from a start that needs 1 to 15 steps."""

    def inverse_root(a):
        y, steps = 0.05, 0
        while abs(1.0 - a * y * y) > 1e-9:
            y = y * (1.5 - 0.5 * a * y * y)
            steps += 1
        return y * (1.5 - 0.5 * a * y * y), steps

    a = np.geomspace(0.5, 500.0, 200)
    (root, steps), slope = vmap(value_and_grad(inverse_root, has_aux=True))(a)
    assert steps.tolist() == [inverse_root(x)[1] for x in a.tolist()]
    assert len(set(steps.tolist())) > 5
    np.testing.assert_allclose(root, a**-0.5, rtol=1e-14)
    np.testing.assert_allclose(slope, -0.5 * a**-1.5, rtol=1e-8)


def test_a_loop_over_a_mapped_batch_inside_a_loop():
    def collatz(n):
        count = 0.0
        while n != 1.0:
            half = n * 0.5
            whole = half
            while whole > 0.5:
                whole = whole - 1.0
            n = half if abs(whole) < 0.25 else 3.0 * n + 1.0
            count = count + 1.0
        return count + n * 0.0

    assert_lanes(collatz, np.arange(1.0, 14.0))


# -- random branching functions

OPERATIONS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "neg": lambda a, b: -a,
    "abs": lambda a, b: abs(a),
    "max": max,
    "min": min,
    "sorted": lambda a, b: sorted([a, b, 0.5])[1],
    "if": lambda a, b: a if a else b,
}


@st.composite
def branching(draw, depth=3):
    """Draw a block: assignments, branches on comparisons with blocks in them, and bounded loops."""
    block = []
    operand = st.integers(0, 3)
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(("set", "set", "set", "if", "while") if depth else ("set",)))
        comparison = (draw(st.sampled_from(sorted(COMPARISONS))), draw(operand), draw(st.one_of(operand, floats)))
        if kind == "set":
            block.append(
                ("set", draw(operand), draw(st.sampled_from(sorted(OPERATIONS))), draw(operand), draw(operand))
            )
        elif kind == "if":
            block.append(("if", comparison, draw(branching(depth - 1)), draw(branching(depth - 1))))
        else:
            block.append(("while", comparison, draw(st.integers(1, 3)), draw(branching(depth - 1))))
    return block


def interpret(block, variables):
    """Run a block on any numbers, changing the variables in place."""

    def holds(comparison):
        symbol, left, right = comparison
        return COMPARISONS[symbol](variables[left], variables[right] if isinstance(right, int) else right)

    for statement, *rest in block:
        if statement == "set":
            target, name, left, right = rest
            variables[target] = OPERATIONS[name](variables[left], variables[right])
        elif statement == "if":
            comparison, yes, no = rest
            interpret(yes if holds(comparison) else no, variables)
        else:
            comparison, most, body = rest
            for _ in range(most):
                if not holds(comparison):
                    break
                interpret(body, variables)
    return variables


def as_function(block):
    def function(a, b, c):
        return interpret(block, [a, b, c, 1.5])[:3]

    return function


lanes = st.lists(st.tuples(floats, floats, floats), min_size=1, max_size=12)
moderate = st.floats(-3, 3).map(lambda x: round(x, 3))


@settings(max_examples=150)
@given(branching(), lanes)
def test_random_branching_functions(block, rows):
    function = as_function(block)
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    expected = [function(*row) for row in rows]
    batch = compile(vmap(function))
    for threads in (1, 2):
        batch = compile(vmap(function, threads=threads))
        for _ in range(2):
            got = batch(*columns)
            for column, other in zip(got, zip(*expected, strict=True), strict=True):
                assert_same_bits(column, other, *columns)
    point = compile(function)
    for row, numbers in zip(rows, expected, strict=True):
        assert [bits(float(x)) for x in point(*row)] == [bits(float(x)) for x in numbers], row


@settings(max_examples=100)
@given(branching(), st.lists(st.tuples(moderate, moderate, moderate), min_size=1, max_size=8))
def test_gradients_of_random_branching_functions_are_those_of_eager_values(block, rows):
    function = as_function(block)
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    derivative = grad(lambda *x: sum(function(*x)), argnums=(0, 1, 2))
    got = np.array(compile(vmap(derivative))(*columns)).T
    for row, slopes in zip(rows, got, strict=True):
        values = [Value(x) for x in row]
        total = sum(function(*values))
        if isinstance(total, Value):
            total.backward()
        if abs(getattr(total, "data", total)) < 1e100 and all(abs(v.grad) < 1e100 for v in values):
            np.testing.assert_allclose(slopes, [v.grad for v in values], rtol=1e-12, atol=1e-12)


@settings(max_examples=60)
@given(branching(), lanes)
def test_random_branching_functions_beyond_the_bound(block, rows):
    function = as_function(block)
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    batch = compile(vmap(function, max_ways=1))
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            got = batch(*columns)
        for column, other in zip(got, zip(*(function(*row) for row in rows), strict=True), strict=True):
            assert_same_bits(column, other, *columns)


@settings(max_examples=100)
@given(branching(), st.lists(st.tuples(moderate, moderate), min_size=1, max_size=8), moderate, st.sampled_from([1, 64]))
def test_gradients_to_captured_parameters_of_random_branching_functions(block, rows, number, max_ways):
    parameter = Value(number)

    def function(a, b):
        return sum(interpret(block, [a, b, parameter, 1.5]), parameter * 0.5)

    inputs = [[Value(x) for x in row] for row in rows]
    eager = [function(*row) for row in inputs]
    autograd.sum(eager).backward()
    expected, parameter.grad = parameter.grad, 0.0
    if not all(abs(x) < 1e100 for x in [expected, *(v.data for v in eager), *(v.grad for row in inputs for v in row)]):
        return

    batch = compile(vmap(function, max_ways=max_ways))
    arguments = [np.array([Value(x) for x in column]) for column in zip(*rows, strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        outputs = batch(*arguments)
    assert_same_bits(data(outputs), [v.data for v in eager])
    autograd.sum(list(outputs)).backward()
    scale = max(1.0, *(abs(v.data) for v in eager))
    assert parameter.grad == pytest.approx(expected, rel=1e-11, abs=1e-11 * scale)
    for column, numbers in zip(arguments, zip(*inputs, strict=True), strict=True):
        np.testing.assert_allclose([v.grad for v in column], [v.grad for v in numbers], rtol=1e-11, atol=1e-11 * scale)


# -- specializations


def test_a_way_is_traced_once_and_only_when_it_is_met():
    function, calls = counted(lambda x: x * 2.0 if x > 0 else x - 1.0)
    f = compile(function)
    assert [f(1.0), f(2.0)] == [2.0, 4.0] and len(calls) == 1
    assert [f(-1.0), f(-2.0), f(3.0)] == [-2.0, -3.0, 6.0] and len(calls) == 2
    function, calls = counted(lambda x: x * 2.0 if x > 0 else x - 1.0)
    batch = compile(vmap(function))
    batch(np.arange(1.0, 5.0))
    assert len(calls) == 1
    batch(np.arange(-4.0, 5.0))
    batch(np.arange(-4.0, 5.0))
    assert len(calls) == 2


@pytest.mark.parametrize(
    "f",
    [
        lambda x: where(x < 0.0, -x, x * x),
        lambda x: maximum(x, 0.5) * 2.0,
        lambda x: minimum(x, 0.5) * 2.0,
        lambda x: clip(x, -0.5, 0.5),
        lambda x: autograd.relu(x) + autograd.leaky_relu(x),
        lambda x: abs(x),
        lambda x: where(x > 0.0, where(x > 1.0, x, 2.0 * x), 3.0),
    ],
)
def test_what_is_free_of_branches(f):
    function, calls = counted(f)
    x = np.linspace(-2.0, 2.0, 101)
    got = vmap(function, max_ways=1)(x)
    assert len(calls) == 1
    np.testing.assert_array_equal(got, [float(f(number)) for number in x.tolist()])
    vmap(value_and_grad(function), max_ways=1)(x)
    assert len(calls) == 2


def step_function(x):
    """Have as many ways as there are whole numbers below x."""
    result = x * 0.0
    k = 0
    while k < x:  # the guard
        result = result + x
        k += 1
    return result


def test_more_ways_than_the_bound_run_eagerly_with_a_warning_that_names_the_line():
    x = np.arange(20.0)
    expected = x * x
    f = compile(vmap(step_function, max_ways=5))
    with pytest.warns(RuntimeWarning, match=rf"test_guards\.py:{line_of(step_function, '# the guard')}\b") as caught:
        assert_same_bits(f(x), expected)
    assert "max_ways" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_same_bits(f(x[::-1].copy()), expected[::-1])

    g = compile(step_function, max_ways=2)
    with pytest.warns(RuntimeWarning, match="max_ways"):
        assert [g(number) for number in x.tolist()] == expected.tolist()


def test_derivatives_beyond_the_bound():
    x = np.arange(20.0) + 0.5
    ways = np.ceil(x)
    with pytest.warns(RuntimeWarning, match="max_ways"):
        value, slope = vmap(value_and_grad(step_function), max_ways=5)(x)
    np.testing.assert_allclose(value, ways * x, rtol=1e-14)
    np.testing.assert_allclose(slope, ways, rtol=1e-14)
    with pytest.warns(RuntimeWarning, match="max_ways"):
        second = vmap(hessian(lambda x: step_function(x) * x), max_ways=3)(x)
    np.testing.assert_allclose(second, 2.0 * ways, rtol=1e-14)


def test_the_bound_is_no_bound_for_fewer_ways():
    x = np.arange(20.0)
    assert_same_bits(vmap(step_function, max_ways=20)(x), x * x)
    assert_same_bits(vmap(step_function)(x), x * x)
    assert_same_bits(vmap(step_function, max_ways=1)(np.full(9, 3.0)), np.full(9, 9.0))


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "3"])
def test_a_bound_that_is_none(wrong):
    for transform in (vmap, compile):
        with pytest.raises((TypeError, ValueError), match="max_ways"):
            transform(lambda x: x, max_ways=wrong)


def test_a_guard_whose_operands_are_uniform():
    function, calls = counted(lambda x, t: x * 2.0 if t > 0 else x - t)
    f = compile(vmap(function, in_axes=(0, None)))
    x = np.arange(5.0)
    for t in (1.0, -3.0, 2.0, -4.0):
        assert_same_bits(f(x, t), x * 2.0 if t > 0 else x - t)
    assert len(calls) == 2


def test_a_guard_on_a_captured_parameter():
    threshold = Value(1.0)
    function, calls = counted(lambda x: x * 2.0 if x > threshold else x)
    f = compile(vmap(function))
    x = np.arange(5.0)
    for number in (1.0, 3.0, -1.0, 2.5):
        threshold.data = number
        assert_same_bits(data(f(x)), np.where(x > number, 2.0 * x, x))
    assert len(calls) == 2


def test_a_branch_that_returns_another_structure():
    f = compile(lambda x: [x] if x > 0 else [x, x])
    assert f(1.0) == [1.0]
    with pytest.raises((TypeError, ValueError), match="branch|structure"):
        f(-1.0)


def test_where_the_branches_have_different_captured_parameters():
    a, b = Value(2.0), Value(3.0)
    f = compile(vmap(lambda x: x * a if x > 0 else x * b))
    out = f(np.array([1.0, -1.0, 4.0]))
    assert [v.data for v in out] == [2.0, -3.0, 8.0]
    autograd.sum(list(out)).backward()
    assert (a.grad, b.grad) == (5.0, -1.0)


# -- where tracing cannot see


@pytest.mark.parametrize(
    "read",
    [
        lambda v: v.data,
        lambda v: v.item(),
        lambda v: float(format(v, ".17g")),
        lambda v: v.detach().data,
        lambda v: float(repr(v).split("data=")[1].split(",")[0].rstrip(")")),
        lambda v: float(str(v).split("data=")[1].split(",")[0].rstrip(")")),
    ],
    ids=["data", "item", "format", "detach", "repr", "str"],
)
def test_reading_a_number_is_never_silently_wrong(read):
    def f(x, y):
        return math.floor(read(x)) * y

    x, y = np.array([0.5, 1.5, 1.5, 2.5, 0.5, 2.5]), np.arange(6.0)
    assert_same_bits(vmap(f)(x, y), np.floor(x) * y)
    point = compile(f)
    assert [point(a, b) for a, b in zip(x, y, strict=True)] == (np.floor(x) * y).tolist()
    many = np.linspace(0.0, 30.0, 100)
    with pytest.warns(RuntimeWarning, match=rf"test_guards\.py:{read.__code__.co_firstlineno}\b"):
        assert_same_bits(vmap(f)(many, many), np.floor(many) * many)


def test_a_number_that_was_read_is_compared_by_its_bits():
    def f(x):
        return math.copysign(1.0, x.data) * 3.0 + x * 0.0

    assert vmap(f)(np.array([0.0, -0.0, 2.0, -2.0])).tolist() == [3.0, -3.0, 3.0, -3.0]
    count = compile(lambda x: x * (2.0 if math.isnan(x.data) else 3.0))
    assert math.isnan(count(NAN)) and count(2.0) == 6.0 and math.isnan(count(NAN))


def test_reading_a_result_and_a_captured_parameter():
    w = Value(2.0)

    def f(x):
        return x * round((x * w).data) + w.data

    for number in (2.0, 3.0):
        w.data = number
        x = np.array([0.6, 1.2, 0.6])
        got = vmap(f)(x)
        np.testing.assert_allclose(data(got), x * np.round(x * number) + number, rtol=1e-15)
    g = compile(f)
    for number in (2.0, 3.0, 2.0):
        w.data = number
        assert data(g(0.6)) == pytest.approx(0.6 * round(0.6 * number) + number, rel=1e-15)


def test_reading_a_constant_makes_no_way():
    function, calls = counted(lambda x: x * Value(3.0).data)
    assert_same_bits(vmap(function)(np.arange(200.0)), 3.0 * np.arange(200.0))
    assert len(calls) == 1


PARAMETER = Value(2.0)
UNREPEATABLE = {
    "backward": lambda v: (v * 2.0).backward(),
    "backward of a parameter": lambda v: (PARAMETER * 2.0).backward(),
    "setting data": lambda v: setattr(v, "data", 1.0),
    "setting data of a parameter": lambda v: setattr(PARAMETER, "data", 1.0),
    "grad": lambda v: v.grad,
    "grad of a parameter": lambda v: v * PARAMETER.grad,
    "setting grad": lambda v: setattr(PARAMETER, "grad", 0.0),
    "a node by hand": lambda v: Value(v.data, (v,), "mine"),
    "a copy": copy.copy,
    "a deep copy": copy.deepcopy,
    "a pickle": pickle.dumps,
    "zero_grad": lambda v: MLP(1, [1], seed=0).zero_grad(),
    "a step": lambda v: SGD([PARAMETER], lr=0.1).step(),
    "dropout": lambda v: Dropout(0.5, seed=0)([v]),
}


@pytest.mark.parametrize("act", UNREPEATABLE.values(), ids=UNREPEATABLE)
def test_what_a_trace_cannot_repeat(act):
    def f(x):
        act(x)
        return x

    before = PARAMETER.data, PARAMETER.grad
    for run in (lambda: compile(f)(1.0), lambda: vmap(f)(np.ones(2)), lambda: grad(f)(1.0)):
        with pytest.raises(RuntimeError, match="while a function is traced"):
            run()
    assert (PARAMETER.data, PARAMETER.grad) == before


def test_detach_stops_gradients_and_not_numbers():
    f = compile(value_and_grad(lambda x: x.detach() * x))
    assert [f(x) for x in (2.0, 3.0)] == [(4.0, 2.0), (9.0, 3.0)]
    assert vmap(lambda x: x.detach() * 2.0)(np.arange(3.0)).tolist() == [0.0, 2.0, 4.0]


@pytest.mark.parametrize(
    "number", [10**400, -(10**400), 2**53 + 1, -(2**63) - 1, Fraction(1, 3)], ids=lambda number: str(number)[:12]
)
def test_comparisons_with_numbers_that_no_float_equals(number):
    near = float(number) if abs(number) < 1e300 else math.copysign(1.7976931348623157e308, 1 if number > 0 else -1)
    with np.errstate(over="ignore"):
        x = np.array([near, np.nextafter(near, INF), np.nextafter(near, -INF), 0.0, INF, -INF, NAN])
    for compare in COMPARISONS.values():
        assert_lanes(lambda x, compare=compare: x * 0.0 + 2.0 if compare(x, number) else 1.0, x)


def test_a_value_that_leaves_its_trace():
    kept = []

    def f(x):
        kept.append(x * 2.0)
        return x

    compile(f)(3.0)
    with pytest.raises(RuntimeError, match="outside of the trace"):
        compile(lambda x: x * kept[0])(5.0)


def test_another_thread_does_not_see_the_trace():
    """What it computes of traced Values cannot be replayed, and is not taken for a captured parameter."""

    def f(x):
        with ThreadPoolExecutor(1) as executor:
            return executor.submit(lambda: x * 2.0).result()

    with pytest.raises(RuntimeError, match="outside of the trace"):
        compile(f)(1.0)


def square_by_hand():
    f = custom_vjp(lambda x: x * x, pure_callback=True)
    f.defvjp(lambda x: (float(x) * float(x), float(x)), lambda x, g: (2.0 * x * g,))
    return f


def test_a_custom_operation_is_right_in_every_lane():
    square = square_by_hand()
    x = np.linspace(-3.0, 3.0, 50)
    assert_same_bits(vmap(lambda x: square(x) + 1.0)(x), x * x + 1.0)
    value, slope = vmap(value_and_grad(lambda x: exp(square(x) * 0.1)))(x)
    np.testing.assert_allclose(slope, 0.2 * x * value, rtol=1e-13)
    for threads in (1, 2):
        assert_same_bits(vmap(lambda x: square(x), threads=threads)(np.resize(x, 5000)), np.resize(x * x, 5000))
    point = compile(value_and_grad(lambda x: square(x) * x))
    assert [point(v) for v in (2.0, -3.0)] == [(8.0, 12.0), (-27.0, 27.0)]


def test_a_custom_operation_with_branches_and_state():
    """What happens in Python happens for every lane in every run."""
    factor = [2.0]
    f = custom_vjp(lambda x: factor[0] * x if x > 0 else 0.0, pure_callback=True)
    f.defvjp(
        lambda x: (factor[0] * x, factor[0]) if x > 0 else (0.0, 0.0),
        lambda slope, g: (slope * g,),
    )
    x = np.array([-1.0, 2.0, 3.0])
    run = compile(vmap(value_and_grad(lambda x: f(x) + x)))
    for number in (2.0, 5.0):
        factor[0] = number
        value, slope = run(x)
        assert value.tolist() == [-1.0, 2.0 * (number + 1), 3.0 * (number + 1)]
        assert slope.tolist() == [1.0, number + 1, number + 1]


@pytest.mark.parametrize("callback", [True, False])
def test_a_custom_operation_of_lists_with_several_outputs(callback):
    f = custom_vjp(lambda xs: [xs[0] * xs[1], xs[0] + xs[1]], pure_callback=callback)
    f.defvjp(
        lambda xs: ([xs[0] * xs[1], xs[0] + xs[1]], list(xs)),
        lambda xs, g: ([g[0] * xs[1] + g[1], g[0] * xs[0] + g[1]],),
    )
    X = np.random.default_rng(0).normal(size=(20, 2))

    def function(x):
        product, total = f([x[0], x[1]])
        return product * total

    value, slope = vmap(value_and_grad(function))(X)
    a, b = X.T
    np.testing.assert_allclose(value, a * b * (a + b), rtol=1e-14)
    np.testing.assert_allclose(slope, np.column_stack([2 * a * b + b * b, a * a + 2 * a * b]), rtol=1e-13)


def test_a_custom_operation_has_one_derivative():
    square = square_by_hand()
    assert grad(lambda x: square(x))(3.0) == 6.0
    with pytest.raises((RuntimeError, NotImplementedError, TypeError), match="custom_vjp|once"):
        hessian(lambda x: square(x))(3.0)
    with pytest.raises((RuntimeError, NotImplementedError, TypeError), match="custom_vjp|once"):
        grad(grad(lambda x: square(x)))(3.0)


@pytest.mark.parametrize("callback", [True, False])
def test_an_exception_in_a_custom_operation(callback):
    def fail(x):
        if x > 2.0:
            raise KeyError("too large")
        return x

    f = custom_vjp(fail, pure_callback=callback)
    f.defvjp(lambda x: (fail(x), None), lambda _, g: (g,))
    run = compile(vmap(lambda x: f(x)))
    assert run(np.array([1.0, 2.0])).tolist() == [1.0, 2.0]
    with pytest.raises(KeyError, match="too large"):
        run(np.array([1.0, 3.0, 2.0]))
    assert run(np.array([0.5])).tolist() == [0.5]


def test_a_custom_operation_after_a_guard_is_called_for_its_lanes_only():
    called = []

    def logarithm(x):
        called.append(float(x))
        return math.log(x)

    f = custom_vjp(logarithm, pure_callback=True)
    f.defvjp(lambda x: (logarithm(x), x), lambda x, g: (g / x,))
    x = np.array([1.0, -1.0, 2.0, -2.0])
    got = vmap(lambda x: f(x) if x > 0 else x)(x)
    assert got.tolist() == [0.0, -1.0, math.log(2.0), -2.0]
    assert all(number > 0 for number in called)


def test_no_grad_in_a_trace():
    def f(x):
        with autograd.no_grad():
            y = x * 3.0
        return y * x

    assert vmap(f)(np.arange(4.0)).tolist() == [0.0, 3.0, 12.0, 27.0]
    assert compile(f)(2.0) == 12.0
    assert vmap(grad(f))(np.arange(4.0)).tolist() == [0.0, 3.0, 6.0, 9.0]


# -- labels as arguments


@pytest.mark.parametrize(
    ("loss", "labels", "wrong"),
    [(losses.hinge, [1, -1, 1], 2.0), (losses.binary_cross_entropy, [1, 0, 1], 0.5)],
    ids=["hinge", "binary_cross_entropy"],
)
def test_labels_may_be_arguments(loss, labels, wrong):
    scores = np.array([0.5, -2.0, 1.5])
    f = compile(value_and_grad(loss))
    for flip in (1, -1) if loss is losses.hinge else (1,):
        y = flip * np.array(labels, float)
        values = [Value(x) for x in scores]
        expected = loss(values, y)
        expected.backward()
        value, slope = f(scores, y)
        assert value == pytest.approx(expected.data, rel=1e-15)
        np.testing.assert_allclose(slope, [x.grad for x in values], rtol=1e-14)
    assert len(f.programs) == 1
    with pytest.raises(ValueError, match="expects labels in"):
        f(scores, np.array([1.0, wrong, 1.0]))


def test_classes_may_be_arguments():
    rows = np.array([[0.5, -2.0, 1.5], [3.0, 0.0, -1.0]])
    f = compile(value_and_grad(lambda scores, classes: losses.cross_entropy(list(scores), list(classes))))
    for classes in ([2, 0], [1, 1], [0, 2]):
        values = [[Value(x) for x in row] for row in rows]
        expected = losses.cross_entropy(values, classes)
        expected.backward()
        value, slope = f(rows, np.array(classes, float))
        assert value == pytest.approx(expected.data, rel=1e-14)
        np.testing.assert_allclose(slope, [[x.grad for x in row] for row in values], rtol=1e-12, atol=1e-15)
    assert len(f.programs) == 1
    for wrong in (3.0, -1.0, 0.5):
        with pytest.raises((ValueError, TypeError), match="expects (integer )?classes"):
            f(rows, np.array([0.0, wrong]))
