"""Specializations: which program serves a lane, how often a function is traced, and what happens beyond `max_ways`."""

import itertools
import math
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from bits import assert_same_bits, bits, data
from hypothesis import given, settings
from test_guards import as_function, branching, counted, lanes, step_function

import autograd
from autograd import Value, compile, custom_vjp, sin, value_and_grad, vmap


def chain(ways):
    """Return a function that asks for one way after another."""

    def f(x):
        for k in range(ways - 1):
            if x < k + 1.0:
                return x * (k + 1.0) + k
        return x * ways

    return f


def bisection(ways):
    def f(x):
        low, high = 0, ways
        while high - low > 1:
            middle = (low + high) // 2
            if x < middle:
                high = middle
            else:
                low = middle
        return x * (low + 1.0) - low

    return f


def digits(ways):
    """Return a function whose every comparison depends on all before it."""

    def f(x):
        y, total = x / ways, x * 0.0
        for k in range(math.ceil(math.log2(ways))):
            y = y * 2.0
            if y >= 1.0:
                y = y - 1.0
                total = total + x * (k + 1.0)
            else:
                total = total * x + y
        return total

    return f


def with_equals(ways):
    """Return a function whose ways are chosen by numbers that are read."""

    def f(x):
        return x * (1.0 + math.floor(min(max(x.data if isinstance(x, Value) else x, 0.0), ways - 1.0)))

    return f


FUNCTIONS = [chain, bisection, digits]
ORDERS = {"rising": np.sort, "falling": lambda x: np.sort(x)[::-1].copy(), "as they come": lambda x: x}


def quietly(function, *arguments):
    """Call a function that may warn about its ways."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return function(*arguments)


@pytest.mark.parametrize("make", FUNCTIONS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("max_ways", [1, 7, 40, 1000])
def test_many_ways_below_and_beyond_the_bound(make, order, max_ways):
    x = np.random.default_rng(0).uniform(0.0, 40.0, 3000)
    if make is not digits:
        x[::500] = [math.nan, math.inf, -math.inf, -0.0, 20.0, 39.0]
    x = ORDERS[order](x)
    function = make(40)
    expected = [function(number) for number in x.tolist()]
    for threads in (1, 2):
        batch = compile(vmap(function, threads=threads, max_ways=max_ways))
        both = compile(vmap(value_and_grad(function), threads=threads, max_ways=max_ways))
        for _ in range(2):
            assert_same_bits(quietly(batch, x), expected, x)
            value, slope = quietly(both, x)
            assert_same_bits(value, expected, x)
        assert len(batch.programs) <= max_ways and len(both.programs) <= max_ways
    for number, derivative in list(zip(x.tolist(), slope.tolist(), strict=True))[::101]:
        v = Value(number)
        function(v).backward()
        assert derivative == pytest.approx(v.grad, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("make", FUNCTIONS)
@pytest.mark.parametrize("max_ways", [5, 64])
def test_many_ways_point_by_point(make, max_ways):
    function = make(32)
    point = compile(function, max_ways=max_ways)
    for number in np.random.default_rng(1).uniform(0.0, 32.0, 300).tolist():
        assert bits(quietly(point, number)) == bits(function(number))


def test_orders_of_five_numbers():
    rows = np.random.default_rng(2).permutation(list(itertools.permutations([1.0, 2.5, -3.0, 4.0, 0.0]))).T
    for max_ways in (50, 200):
        batch = compile(vmap(lambda *x: sorted(x), max_ways=max_ways))
        for _ in range(2):
            assert_same_bits(np.array(quietly(batch, *rows)), np.sort(rows, axis=0))
    assert len(batch.programs) == 120


@pytest.mark.parametrize("make", [*FUNCTIONS, with_equals])
@pytest.mark.parametrize("order", ORDERS)
def test_a_batch_traces_a_way_once_within_the_bound_and_beyond(make, order):
    """Beyond the bound every lane was traced for itself."""
    x = ORDERS[order](np.random.default_rng(3).uniform(0.0, 128.0, 5000))
    x = np.floor(x) if make is with_equals else x
    for max_ways in (90, 128):
        function, calls = counted(make(128))
        batch = compile(vmap(function, max_ways=max_ways))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            batch(x)
        assert len(calls) == 128 and len(caught) == (max_ways < 128)
        for _ in range(3):
            batch(x[::-1].copy())
        assert len(calls) == 128 + 3 * (128 - max_ways)


@pytest.mark.filterwarnings("ignore:.*more than 20 ways:RuntimeWarning")
def test_points_beyond_the_bound():
    function, calls = counted(chain(22))
    point = compile(function, max_ways=20)
    # The last way is kept, whichever it is.
    for k in range(22):
        assert [point(k + 0.5) for _ in range(10)] == [chain(22)(k + 0.5)] * 10
    assert len(calls) == 22 and len(point.programs) == 20
    # A few ways too many cost a few traces, also in the order in which each is needed right after it was used longest
    # ago.
    for _ in range(50):
        for k in range(22):
            point(k + 0.5)
    assert len(calls) < 22 + 50 * 22 // 3


@pytest.mark.filterwarnings("ignore:.*more than 10 ways:RuntimeWarning")
def test_calls_in_several_threads():
    """A call keeps to the programs that it found while another one replaces them."""
    function = bisection(16)
    x = np.random.default_rng(7).uniform(0.0, 16.0, (8, 20000))
    batch = compile(vmap(function, max_ways=10))

    def call(row):
        return [batch(x[row] if k % 2 else x[row][x[row] < 9.0]) for k in range(6)]

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(call, range(len(x))))
    for row, batches in zip(x, results, strict=True):
        expected = np.array([function(number) for number in row.tolist()])
        for k, got in enumerate(batches):
            assert_same_bits(got, expected if k % 2 else expected[row < 9.0])


def test_a_custom_operation_that_decides_is_called_once_for_a_lane():
    called = []

    def half(x):
        called.append(x)
        return x / 2.0

    f = custom_vjp(half, pure_callback=True)
    f.defvjp(lambda x: (half(x), None), lambda _, g: (g / 2.0,))
    x = np.random.default_rng(8).normal(size=3000)
    batch = compile(vmap(lambda x: x * 2.0 if f(x) > 0.0 else x))
    batch(x)
    called.clear()
    assert_same_bits(batch(x), np.where(x > 0.0, 2.0 * x, x))
    assert len(called) <= len(x) + max(np.count_nonzero(x > 0.0), np.count_nonzero(x <= 0.0))


def test_lanes_that_fill_a_vector_up_do_not_fail():
    """The results of a call of Python beyond the last lane are what an earlier run left there."""
    w = Value(2.0)
    f = custom_vjp(lambda x: x * 1.0, pure_callback=True)
    f.defvjp(lambda x: (x * 1.0, None), lambda _, g: (g,))
    batch = compile(vmap(lambda x: x * w if f(x) > 0.0 else -x))
    for size in range(1, 40):
        batch(np.full(40, -1.0))
        for sign in (1.0, -1.0):
            w.grad = 0.0
            autograd.sum(list(batch(np.full(size, sign)))).backward()
            assert w.grad == (size if sign > 0.0 else 0.0)


def test_rows_that_all_go_ways_of_their_own():
    function, calls = counted(lambda x, y: math.floor(x.data) * y)
    x, y = np.arange(300.0), np.linspace(-1.0, 1.0, 300)
    batch = compile(vmap(function))
    for _ in range(2):
        assert_same_bits(quietly(batch, x, y), x * y)
    assert len(calls) <= 2 * 300


@settings(max_examples=150)
@given(branching(), lanes)
def test_how_many_ways_there_are_does_not_depend_on_the_order(block, rows):
    """A way is traced once, whatever guards of other programs fail before or beside its own."""
    function = as_function(block)
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    counts = []
    for kind in (lambda f: f, value_and_grad):
        point = compile(kind(lambda *x: autograd.sum(function(*x)) + x[0]))
        for row in rows:
            point(*row)
        counts.append(len(point.programs))
        for step in (1, -1):
            batch = compile(vmap(kind(lambda *x: autograd.sum(function(*x)) + x[0])))
            for number in range(len(rows)):
                batch(*(column[::step][: number + 1].copy() for column in columns))
            counts.append(len(batch.programs))
    assert len(set(counts)) == 1


def test_guards_that_run_before_those_traced_earlier():
    """What does not vary is checked before the lanes; so are, at a point, numbers that need few functions."""

    def f(x, c):
        if sin(sin(x)) < 0.0:
            return x * c if c > 0.0 else x - c
        return x + c if c > 1.0 else x

    rng = np.random.default_rng(4)
    function, calls = counted(f)
    batch = compile(vmap(function, in_axes=(0, None)))
    for c in (2.0, -1.0, 0.5, 3.0, -2.0, 0.25, 2.0):
        x = rng.uniform(-1.0, 1.0, 100)
        assert_same_bits(batch(x, c), [f(number, c) for number in x.tolist()])
    assert len(calls) == 4
    function, calls = counted(f)
    point = compile(function)
    for x, c in rng.uniform(-1.0, 2.0, (60, 2)).tolist():
        assert bits(point(x, c)) == bits(f(x, c))
    assert len(calls) == 4


@pytest.mark.parametrize("max_ways", [3, 64])
def test_sums_over_lanes_do_not_depend_on_the_order_in_which_ways_were_met(max_ways):
    x = np.random.default_rng(5).normal(size=500) * 3.0
    gradients = set()
    for first in (x[:0], np.sort(x), x[::-1].copy(), np.full(40, 3.5)):
        w = Value(0.7)
        batch = compile(vmap(lambda x, w=w: bisection(8)(abs(x)) * w * x, max_ways=max_ways))
        quietly(batch, first)
        for _ in range(2):
            outputs = quietly(batch, x)
            w.grad = 0.0
            autograd.sum(list(outputs)).backward()
            gradients.add(bits(w.grad))
    assert len(gradients) == 1


@pytest.mark.filterwarnings("ignore:.*more than 5 ways:RuntimeWarning")
def test_an_exception_in_a_trace_is_that_of_the_first_row_without_a_program():
    def f(x):
        for k in range(20):
            if x < k:
                if k % 2:
                    raise ValueError(f"no way {k}")
                return x * k
        return x

    batch = compile(vmap(f, max_ways=5))
    even = np.arange(1.5, 19.0, 2.0)
    for x in (even, even[::-1].copy()):
        with pytest.raises(ValueError, match="no way 7$"):
            batch(np.concatenate([x, [6.5, 2.5, 10.5]]))
        assert_same_bits(batch(x), x * np.ceil(x))


def test_gradients_to_captured_values_beyond_the_bound():
    x = np.arange(20.0)
    w = Value(2.0)
    batch = compile(vmap(lambda x: step_function(x) * w, max_ways=4))
    for _ in range(2):
        outputs = quietly(batch, x)
        assert_same_bits(data(outputs), 2.0 * x * x)
        w.grad = 0.0
        autograd.sum(list(outputs)).backward()
        assert w.grad == (x * x).sum()


def test_guards_that_an_order_for_few_slots_would_move():
    """Terms are computed when they are added; what is asked of one comes after what is asked of their sum."""

    def f(x, y):
        terms = [sin(x * k) for k in range(1, 10)]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        if total > 0.0:
            return total * 2.0 if terms[3] > 0.0 else total - terms[7] if terms[5] > 0.0 else total
        return y

    for seed in range(12):
        x, y = np.random.default_rng(seed).normal(size=(2, 200))
        batch = compile(vmap(f))
        assert_same_bits(batch(x, y), [compile(f)(*row) for row in zip(x.tolist(), y.tolist(), strict=True)])
        assert len(batch.programs) == 4
