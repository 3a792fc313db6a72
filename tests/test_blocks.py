"""Functions of many Values, each one node: against scalar nodes, central differences and 50-digit arithmetic."""

import copy
import fractions
import functools
import math
import operator
import sys
import weakref

import mpmath
import numpy as np
import pytest

from autograd import Value, no_grad
from autograd.functions import dot, exp, log, log_softmax, logsumexp, mean, relu, softmax, softplus, sum, tanh
from autograd.losses import accuracy, binary_cross_entropy, cross_entropy, hinge, mse

INF, NAN = math.inf, math.nan
POINT = [0.7, -1.2, 0.3, 2.1, -0.4, 1.6]
SIGNS = [1, -1, -1, 1, 1, -1]
BITS = [1, 0, 0, 1, 1, 0]


def add(values):
    return functools.reduce(operator.add, values)


def scalar_softmax(x):
    total = add([exp(v) for v in x])
    return [exp(v) / total for v in x]


def weighted(outputs):
    return add([(i - 1.5) * output for i, output in enumerate(outputs)])


def rows(x):
    return [x[:2], x[2:4], x[4:]]


# The Block and the same in scalar nodes.
CASES = {
    "sum": (sum, add),
    "mean": (mean, lambda x: add(x) / 6),
    "dot": (lambda x: dot(x[:3], x[3:]), lambda x: add([a * b for a, b in zip(x[:3], x[3:], strict=True)])),
    "dot-itself": (lambda x: dot(x, x), lambda x: add([a * a for a in x])),
    "dot-numbers": (lambda x: dot(POINT, x), lambda x: add([a * b for a, b in zip(POINT, x, strict=True)])),
    "logsumexp": (logsumexp, lambda x: log(add([exp(v) for v in x]))),
    "softmax": (lambda x: weighted(softmax(x)), lambda x: weighted(scalar_softmax(x))),
    "log_softmax": (lambda x: weighted(log_softmax(x)), lambda x: weighted([log(p) for p in scalar_softmax(x)])),
    "mse": (lambda x: mse(x, SIGNS), lambda x: add([(v - s) ** 2 for v, s in zip(x, SIGNS, strict=True)]) / 6),
    "mse-targets": (
        lambda x: mse(x[:3], x[3:], reduction="sum"),
        lambda x: add([(a - b) ** 2 for a, b in zip(x[:3], x[3:], strict=True)]),
    ),
    "mse-rows": (
        lambda x: mse(rows(x), rows(POINT[::-1])),
        lambda x: add([(v - t) ** 2 for v, t in zip(x, POINT[::-1], strict=True)]) / 6,
    ),
    "hinge": (lambda x: hinge(x, SIGNS), lambda x: add([relu(1 - s * v) for v, s in zip(x, SIGNS, strict=True)]) / 6),
    "hinge-rows": (
        lambda x: hinge(rows(x), rows(SIGNS), reduction="sum"),
        lambda x: add([relu(1 - s * v) for v, s in zip(x, SIGNS, strict=True)]),
    ),
    "binary_cross_entropy": (
        lambda x: binary_cross_entropy(x, BITS),
        lambda x: add([softplus(-s * v) for v, s in zip(x, SIGNS, strict=True)]) / 6,
    ),
    "cross_entropy": (
        lambda x: cross_entropy(rows(x), [1, 0, 1]),
        lambda x: add([-log(scalar_softmax(r)[k]) for r, k in zip(rows(x), [1, 0, 1], strict=True)]) / 3,
    ),
    "cross_entropy-one-row": (lambda x: cross_entropy(x, 4), lambda x: -log(scalar_softmax(x)[4])),
}
case = pytest.mark.parametrize(("block", "scalar"), CASES.values(), ids=CASES)


def gradients(function, x):
    """Return a result and its derivatives, by a fresh backward pass."""
    for v in x:
        v.grad = 0.0
    result = function(x)
    result.backward()
    return result.data, [v.grad for v in x]


@case
def test_value_and_gradient_are_those_of_scalar_nodes(block, scalar):
    x = [Value(v) for v in POINT]
    data, derivatives = gradients(block, x)
    expected, expected_derivatives = gradients(scalar, x)
    assert data == pytest.approx(expected, rel=1e-12)
    assert derivatives == pytest.approx(expected_derivatives, rel=1e-12, abs=1e-16)


@case
def test_gradient_is_that_of_central_differences(block, scalar):
    h = 1e-5
    _, derivatives = gradients(block, [Value(v) for v in POINT])
    for i, derivative in enumerate(derivatives):
        above, below = POINT.copy(), POINT.copy()
        above[i] += h
        below[i] -= h
        assert derivative == pytest.approx((block(above) - block(below)) / (2 * h), rel=1e-7, abs=1e-9)


@case
def test_numbers_give_the_same_float(block, scalar):
    result = block(POINT)
    assert type(result) is float
    assert result == block([Value(v) for v in POINT]).data == block(np.array(POINT)) == block(tuple(POINT))


@case
def test_numbers_among_the_values_are_constants(block, scalar):
    x = [Value(v) for v in POINT]
    data, derivatives = gradients(block, x)
    for numbers in ({0}, {5}, {1, 2}, {0, 1, 2, 3, 4}):
        mixed = [v.data if i in numbers else v for i, v in enumerate(x)]
        for v in x:
            v.grad = 0.0
        result = block(mixed)
        result.backward()
        assert result.data == data
        assert [v.grad for v in x] == [0.0 if i in numbers else d for i, d in enumerate(derivatives)]


@case
def test_a_value_that_occurs_several_times_gets_all_its_gradients(block, scalar):
    a, b = Value(0.6), Value(-1.1)
    values = [a, b, a, a, b, a]
    apart = [Value(v.data) for v in values]
    result = block(values)
    result.backward()
    data, derivatives = gradients(block, apart)
    assert result.data == data
    for value in (a, b):
        expected = [d for d, v in zip(derivatives, values, strict=True) if v is value]
        assert value.grad == pytest.approx(add(expected), rel=1e-12, abs=1e-15)


@case
def test_inside_a_larger_graph(block, scalar):
    def network(inner, x):
        hidden = [tanh(v * w) for v, w in zip(x, POINT, strict=True)]
        middle = inner([h + hidden[0] for h in hidden])
        return inner([middle * hidden[1], *hidden[1:]]) * x[0] + middle**2

    x = [Value(0.3 * v) for v in POINT]
    data, derivatives = gradients(functools.partial(network, block), x)
    expected, expected_derivatives = gradients(functools.partial(network, scalar), x)
    assert data == pytest.approx(expected, rel=1e-12)
    assert derivatives == pytest.approx(expected_derivatives, rel=1e-12)


@case
def test_backward_twice_doubles_the_leaves(block, scalar):
    x = [Value(v) for v in POINT]
    result = block([v * 1.0 for v in x])
    result.backward()
    once = [v.grad for v in x]
    result.backward()
    assert [v.grad for v in x] == [2 * g for g in once]
    result.backward(-2.0)
    assert [v.grad for v in x] == pytest.approx([0.0] * 6, abs=1e-15)


@case
def test_no_grad_gives_leaves(block, scalar):
    x = [Value(v) for v in POINT]
    with no_grad():
        result = block(x)
    assert type(result) is Value and result._prev == set() and result._op == "" and result._block is None
    assert result.data == block(POINT)


@case
def test_subclasses_of_value(block, scalar):
    class Parameter(Value):
        pass

    x = [Parameter(v) for v in POINT]
    data, derivatives = gradients(block, [Value(v) for v in POINT])
    assert gradients(block, x) == (data, derivatives)
    assert gradients(block, [Value(v, (Value(1.0),), "hand") for v in POINT]) == (data, derivatives)


@case
def test_a_node_owns_its_inputs_and_gives_them_up(block, scalar):
    x = [Value(v) for v in POINT]
    alive = [weakref.ref(v) for v in x]
    counts = [sys.getrefcount(v) for v in x]
    result = block(x)
    assert [sys.getrefcount(v) for v in x] > counts
    del x
    result.backward()
    assert all(v() is not None for v in alive)
    del result
    assert all(v() is None for v in alive)


SEQUENCES = [sum, mean, logsumexp, softmax, log_softmax]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        *((function, function.__name__) for function in SEQUENCES),
        (lambda x: dot(x, [1.0, x[0]]), "dot"),
        (lambda x: mse(x, [1.0, 2.0]), "mse"),
        (lambda x: hinge(x, [1, -1]), "hinge"),
        (lambda x: binary_cross_entropy(x, [1, 0]), "binary_cross_entropy"),
        (lambda x: cross_entropy([x], [1]), "cross_entropy"),
    ],
)
def test_what_a_node_shows(make, name):
    x = [Value(2.0), Value(1.0)]
    result = make(x)
    outputs = result if isinstance(result, list) else [result]
    for output in outputs:
        assert (output._op, output._prev, output._block) == (name, set(x), outputs[0]._block)
    assert outputs[0]._block._op == name and set(outputs[0]._block._prev) == set(x)
    with pytest.raises(AttributeError, match=name):
        outputs[0].data = 1.0
    with pytest.raises(TypeError, match=name):
        copy.deepcopy(outputs[0])


def test_each_output_of_softmax_pushes_its_own_part():
    x = [Value(0.0), Value(0.0)]
    first, second = softmax(x)
    assert first._block is second._block
    second.grad = 2.0
    second._backward()
    assert [v.grad for v in x] == [-0.5, 0.5]


@pytest.mark.parametrize("function", SEQUENCES)
def test_every_kind_of_sequence(function):
    numbers = [3, 1, 2]
    expected = function([3.0, 1.0, 2.0])
    kinds = [
        numbers,
        tuple(numbers),
        iter(numbers),
        (n for n in numbers),
        dict.fromkeys(numbers),
        type("Numbers", (list,), {})(numbers),
        [np.float32(3), np.int8(1), fractions.Fraction(2)],
        [3, True, 2],
        np.array(numbers),
        np.array(numbers, np.float32),
        np.array(numbers, np.uint8),
        np.array(numbers, ">f8"),
        np.array(numbers, object),
        np.array([[3.0, 0.0], [1.0, 0.0], [2.0, 0.0]])[:, 0],
        np.array([2.0, 1.0, 3.0])[::-1],
    ]
    for kind in kinds:
        assert function(kind) == expected
    a, b, c = outputs = [Value(v) for v in numbers]
    for kind in (outputs, (a, b, c), iter(outputs), np.array(outputs), [a, np.float64(1), c], [3, b, np.int64(2)]):
        assert function(kind) == expected


def test_nothing():
    assert type(sum([])) is float and sum([]) == 0.0 and sum(iter(())) == 0.0
    assert type(dot([], ())) is float and dot([], ()) == 0.0
    for function in (mean, logsumexp, softmax, log_softmax):
        for nothing in ([], (), np.array([]), iter([])):
            with pytest.raises(ValueError, match=f"^{function.__name__} expects at least one value, got none"):
                function(nothing)


def test_sums_go_from_left_to_right():
    numbers = [0.1] * 10 + [1e16, 1.0, -1e16]
    total = functools.reduce(operator.add, numbers)
    for xs in (numbers, [Value(x) for x in numbers]):
        for result, expected in [(sum(xs), total), (mean(xs), total / 13), (dot(xs, [1.0] * 13), total)]:
            assert getattr(result, "data", result) == expected


# -- numbers at the edges


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([INF, 1.0], INF),
        ([INF, INF], INF),
        ([INF, -INF], INF),
        ([-INF, 1.0], 1.0),
        ([-INF, -INF], -INF),
        ([-INF], -INF),
        ([NAN, 1.0], NAN),
        ([1.0, NAN], NAN),
        ([INF, NAN], NAN),
        ([NAN], NAN),
        ([1e308, 1e308], 1e308),
        ([-1e308, -1e308], -1e308),
    ],
)
def test_logsumexp_at_the_edges(values, expected):
    assert logsumexp(values) == pytest.approx(expected, rel=1e-15, nan_ok=True)


@pytest.mark.parametrize(
    ("values", "probabilities", "logarithms"),
    [
        ([-INF, 0.0, 0.0], [0.0, 0.5, 0.5], [-INF, -math.log(2), -math.log(2)]),
        ([INF, 0.0], [1.0, 0.0], [0.0, -INF]),
        ([1e308, -1e308], [1.0, 0.0], [0.0, -INF]),
        ([-1e4, 1e4], [0.0, 1.0], [-2e4, 0.0]),
        ([0.0, NAN], [NAN, NAN], [NAN, NAN]),
        ([-INF, -INF], [0.5, 0.5], [-math.log(2), -math.log(2)]),
        ([NAN], [NAN], [NAN]),
        ([5.0], [1.0], [0.0]),
    ],
)
def test_softmax_at_the_edges(values, probabilities, logarithms):
    assert softmax(values) == pytest.approx(probabilities, rel=1e-15, nan_ok=True)
    assert log_softmax(values) == pytest.approx(logarithms, rel=1e-15, nan_ok=True)


def test_masked_scores_pass_no_gradient():
    x = [Value(-INF), Value(1.0), Value(2.0)]
    for outputs in (softmax(x), log_softmax(x)):
        for v in x:
            v.grad = 0.0
        (outputs[1] * 3.0).backward()
        assert x[0].grad == 0.0
        assert x[1].grad == pytest.approx(-x[2].grad, rel=1e-15) and x[1].grad > 0


def test_infinities_and_nans_go_through():
    assert sum([INF, 1.0]) == INF and math.isnan(sum([Value(INF), -INF]).data) and math.isnan(mean([NAN, 1.0]))
    assert dot([1e308, 1e308], [10.0, 10.0]) == INF and mse([1e200], [0.0]) == INF
    x = Value(INF)
    dot([x, 1.0], [2.0, NAN]).backward()
    assert x.grad == 2.0


@pytest.mark.parametrize("scores", [[0.0, 40.0, 1.0], [700.0, 0.0, -700.0], [1e4, 0.0, 9.99e3], [-3.0, -2.5, -2.0]])
@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_softmax_keeps_its_digits(function, scores):
    with mpmath.workdps(400):
        powers = [mpmath.exp(mpmath.mpf(score)) for score in scores]
        exact = [power / mpmath.fsum(powers) for power in powers]
        for i in range(3):
            x = [Value(score) for score in scores]
            outputs = function(x)
            outputs[i].backward()
            value = exact[i] if function is softmax else mpmath.log(exact[i])
            slopes = [(exact[i] if function is softmax else 1) * ((i == j) - p) for j, p in enumerate(exact)]
            assert outputs[i].data == pytest.approx(float(value), rel=2e-15, abs=1e-300)
            assert [v.grad for v in x] == pytest.approx([float(slope) for slope in slopes], rel=4e-15, abs=1e-300)


# -- errors


@pytest.mark.parametrize("function", SEQUENCES)
def test_errors_say_where(function):
    name = function.__name__
    for thing in (None, 1.0, Value(1.0), np.array(1.0)):
        with pytest.raises(TypeError, match=f"^{name} expects a sequence of values, got {type(thing).__name__}"):
            function(thing)
    for thing in (None, "1", 1j, [1.0], np.ones(1), object()):
        kind = type(thing).__name__
        for values in ([1.0, thing, 2.0], (Value(1.0), thing), iter([Value(1.0), thing])):
            with pytest.raises(TypeError, match=f"^{name} expects value 1 to be one number, got {kind}"):
                function(values)
    with pytest.raises(TypeError, match="value 0 to be one number, got list"):
        function(np.ones((2, 2)))
    with pytest.raises(TypeError, match=f"{name}: values must be an array of real .*, got a masked array"):
        function(np.ma.masked_array([1.0, 2.0], mask=[False, True]))
    with pytest.raises(OverflowError):
        function([1.0, 10**400])
    with pytest.raises(ZeroDivisionError):
        function(1 / n for n in (1, 0))


def test_an_exception_of_isinstance_goes_through():
    class Odd:
        @property
        def __class__(self):
            raise KeyError("odd")

    for call in (lambda: sum([Odd()]), lambda: Value(1.0) + Odd(), lambda: Value(1.0) < Odd(), lambda: Value(Odd())):
        with pytest.raises(KeyError, match="odd"):
            call()


def test_errors_of_dot():
    with pytest.raises(ValueError, match="^dot expects sequences of one length, got 1 and 2"):
        dot([Value(1.0)], [1.0, 2.0])
    with pytest.raises(TypeError, match="^dot expects a sequence of values, got NoneType"):
        dot([1.0], None)
    with pytest.raises(TypeError, match="^dot expects x 1 to be one number, got str"):
        dot([1.0, "2"], [1.0, None])
    with pytest.raises(TypeError, match="^dot expects y 1 to be one number, got NoneType"):
        dot([Value(1.0), 2.0], [1.0, None])


def test_an_error_gives_the_inputs_up():
    x = [Value(1.0), Value(2.0)]
    counts = [sys.getrefcount(v) for v in x]
    for function in SEQUENCES:
        with pytest.raises(TypeError):
            function([*x, None])
    with pytest.raises(TypeError):
        mse([x, x], [[1.0, 2.0], [3.0, "4"]])
    with pytest.raises(ValueError):
        hinge(x, [1, 0])
    with pytest.raises(ValueError):
        cross_entropy([x, x], [0, 2])
    assert [sys.getrefcount(v) for v in x] == counts


@pytest.mark.parametrize(
    "call",
    [
        lambda values, clearing: sum(values),
        lambda values, clearing: dot(values, [1.0, 2.0, 3.0]),
        lambda values, clearing: mse([[clearing], values], [[1.0], values]),
        lambda values, clearing: mse([[1.0], [clearing], values], [[1.0], [2.0], [1.0, 2.0, 3.0]]),
        lambda values, clearing: cross_entropy([[clearing, 1.0], values], [0, 0]),
        lambda values, clearing: accuracy([values, [clearing, 1.0], values], [0, 0, 0]),
    ],
)
@pytest.mark.parametrize("change", [list.clear, list.pop, lambda values: values.extend([1.0] * 1000)])
def test_a_sequence_that_changes_while_it_is_read(call, change):
    class Changing(fractions.Fraction):
        def __float__(self):
            change(values)
            return 1.0

    values = [Value(1.0), Changing(1), Value(2.0)]
    with pytest.raises((RuntimeError, ValueError), match="changed its length|as many|at least two"):
        call(values, Changing(1))


@pytest.mark.parametrize("function", [*SEQUENCES, lambda x: mse(x, x), lambda x: cross_entropy([x, x], [0, 1])])
def test_without_memory_there_is_an_exception_and_nothing_leaks(function):
    pytest.importorskip("_testcapi")
    from out_of_memory import call_without_memory

    x = [Value(float(i)) for i in range(20)]
    counts = [sys.getrefcount(v) for v in x]
    function(x)  # fills the caches of Python
    failures = 0
    for start in range(12):
        failures += call_without_memory(lambda: function(x), start, 1)[0]
        assert [sys.getrefcount(v) for v in x] == counts
    assert failures


# -- size


def test_a_deep_chain_of_blocks(run_python):
    program = """
from autograd import Value, functions
leaf = Value(0.5)
x, y = leaf, leaf
for _ in range(100_000):
    x = functions.sum([x, leaf, 0.5])
    x, y = functions.softmax([x, y])
    x = functions.dot([x, y], [1.0, 2.0])
x.backward()
print(leaf.grad)
x.backward()
print(leaf.grad)
"""
    once, twice = map(float, run_python(program).split())
    assert once != 0.0 and twice == 2 * once


def test_memory_is_flat_over_many_calls(run_python):
    program = """
import tracemalloc
from autograd import Value, functions, losses
x = [Value(0.1 * i) for i in range(10)]
rows = [x[:5], x[5:]]
def calls(n):
    for i in range(n):
        loss = losses.cross_entropy([functions.log_softmax(row) for row in rows], [1, 2]) + functions.dot(x, x)
        loss = functions.sum([loss, losses.mse(x, range(10)), losses.hinge(x, [1] * 10), functions.mean(x)])
        loss.backward()
        try:
            functions.sum([*x, None])
        except TypeError:
            pass
    return tracemalloc.get_traced_memory()[0]
tracemalloc.start()
print(calls(100), calls(20_000))
"""
    before, after = map(int, run_python(program).split())
    assert after - before < 20_000  # bytes
