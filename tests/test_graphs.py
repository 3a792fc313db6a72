"""Random expressions against float, random graphs against the reference engine, and the backward pass itself."""

import functools
import math
import operator
import random

import pytest
from bits import bits, outcome
from domains import DOMAINS, OPERATORS
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from random_programs import programs
from reference import Node, gradient_magnitudes, gradients

from autograd import Value, functions, no_grad, ops

#: Every primitive that Python has, with Python's own function.
PYTHON = {name: (function, 1 if name in ("neg", "abs") else 2) for name, function in OPERATORS.items()}
PYTHON |= {
    name: (DOMAINS[name].python, len(row.grads))
    for name, row in ops.OPS.items()
    if row.parameters and DOMAINS[name].python
}


@settings(max_examples=300)
@given(programs(sorted(PYTHON), 25), st.randoms(use_true_random=False))
def test_random_expressions_have_the_bits_and_exceptions_of_float(program, generator):
    inputs, steps = program
    numbers, values = list(inputs), [Value(x) for x in inputs]
    for name, i, j in steps:
        function, arity = PYTHON[name]
        on_values = OPERATORS.get(name) or getattr(functions, name)
        operands = [numbers[i], numbers[j]][:arity]
        recorded = [values[i], values[j]][:arity]
        if arity == 2 and generator.random() < 0.4:
            place = generator.randrange(2)
            recorded[place] = operands[place]  # an immediate
        expected = outcome(function, *operands)
        got = outcome(on_values, *recorded)
        if expected == (ValueError, "complex"):
            assert got[0] is ValueError and "complex" in got[1]
        else:
            assert got == expected, (name, operands)
        if isinstance(expected, tuple):
            numbers.append(0.5)
            values.append(Value(0.5))
        else:
            numbers.append(function(*operands))
            values.append(on_values(*recorded))
    values[-1].backward()


def run(program, make):
    """Run a program of + - * neg, or of the reference's whole repertoire, and return its inputs and its results."""
    inputs, steps = program
    results = [make(x) for x in inputs]
    leaves = list(results)
    for name, i, j in steps:
        a, b = results[i], results[j]
        if name == "div" and b.data == 0:
            b = b + 1.5
        if name in ("tanh", "sin", "relu"):
            result = getattr(a, name)() if name != "sin" or math.isfinite(a.data) else a + 0.25
        else:
            operate = OPERATORS[name]
            result = operate(a) if name in ("neg", "abs") else operate(a, b)
        results.append(result)
    return leaves, results


exact = programs(["add", "sub", "mul", "mul", "neg"], 40)


@settings(max_examples=150)
@given(exact, st.sampled_from([1.0, -2.5, 0.0, 1e300]))
def test_gradients_of_random_graphs_have_the_bits_of_the_reference(program, seed):
    leaves, results = run(program, Value)
    nodes, reference = run(program, Node)
    results[-1].backward(seed)
    expected = gradients(reference[-1], seed)
    for result, node in zip(results, reference, strict=True):
        assert bits(result.data) == bits(node.data)
        if node in expected:
            # The engine negates where the reference multiplies by -1: the sign of a zero may differ.
            assert bits(result.grad + 0.0) == bits(expected[node] + 0.0)
        else:
            assert result.grad == 0.0


@pytest.mark.parametrize("seed", range(30))
def test_sums_are_in_the_order_of_the_reference(seed):
    """The partial derivatives are exact: whoever sums in another order is off in some last bit."""
    generator = random.Random(seed)
    inputs = [generator.gauss(0, 1) for _ in range(3)]
    names = ["add", "sub", "mul"]
    steps = [(generator.choice(names), generator.randrange(i), generator.randrange(i)) for i in range(3, 60)]
    inner = run((inputs, steps), Value)[1], run((inputs, steps), Node)[1]
    root, reference = (functools.reduce(operator.add, results) for results in inner)
    root.backward()
    expected = gradients(reference)
    assert [bits(value.grad) for value in inner[0]] == [bits(expected[node]) for node in inner[1]]


moderate = st.floats(-3, 3).map(lambda x: round(x, 6))


@settings(max_examples=200)
@given(
    programs(["add", "sub", "mul", "div", "neg", "abs", "tanh", "sin", "relu"], 30),
    st.lists(moderate, min_size=4, max_size=4),
)
def test_gradients_of_random_graphs_are_those_of_the_reference(program, numbers):
    program = numbers[: len(program[0])], program[1]
    leaves, results = run(program, Value)
    nodes, reference = run(program, Node)
    results[-1].backward()
    expected = gradients(reference[-1])
    magnitudes = gradient_magnitudes(reference[-1])
    for leaf, node in zip(leaves, nodes, strict=True):
        if node in expected and math.isfinite(magnitudes[node]) and magnitudes[node] < 1e200:
            assert leaf.grad == pytest.approx(expected[node], rel=1e-12, abs=1e-12 * magnitudes[node] + 1e-300)


@settings(max_examples=100)
@given(exact, st.lists(st.integers(-2, 2), min_size=4, max_size=4))
def test_backward_twice_doubles_the_leaves_and_nothing_else(program, integers):
    leaves, results = run((integers[: len(program[0])], program[1]), Value)
    root = results[-1]
    root.backward()
    first = [node.grad for node in results]
    assume(all(abs(node.grad) < 2**50 and abs(node.data) < 2**50 for node in results))  # so that sums are exact
    root.backward()
    assert [node.grad for node in results[: len(leaves)]] == [2 * grad for grad in first[: len(leaves)]]
    assert [node.grad for node in results[len(leaves) :]] == first[len(leaves) :]


@settings(max_examples=50)
@given(exact)
def test_gradients_are_reproducible_to_the_bit(program):
    first, second = run(program, Value)[1], run(program, Value)[1]
    first[-1].backward()
    second[-1].backward()
    assert [bits(node.grad) for node in first] == [bits(node.grad) for node in second]


def test_the_reference_itself():
    x, y = Node(2.0), Node(3.0)
    root = (x * y + x).tanh() * (y - x) / y
    got = gradients(root)
    step = 1e-6

    def value(a, b):
        return math.tanh(a * b + a) * (b - a) / b

    assert got[x] == pytest.approx((value(2 + step, 3) - value(2 - step, 3)) / (2 * step), rel=1e-6)
    assert got[y] == pytest.approx((value(2, 3 + step) - value(2, 3 - step)) / (2 * step), rel=1e-6)


# -- the backward pass


def test_gradient_argument():
    x = Value(3.0)
    y = x * x
    y.backward(gradient=0.5)
    assert (y.grad, x.grad) == (0.5, 3.0)
    y.backward(-2)
    assert (y.grad, x.grad) == (-2.0, -9.0)
    y.backward(0.0)
    assert (y.grad, x.grad) == (0.0, -9.0)
    y.backward(math.nan)
    assert math.isnan(x.grad)


def test_a_root_that_is_a_leaf_accumulates():
    x = Value(3.0)
    x.backward()
    x.backward(2.5)
    assert x.grad == 3.5
    assert Value(1.0).backward() is None


def test_interior_gradients_are_fresh_in_every_call():
    x = Value(3.0)
    y = x * 2
    z = y * 5
    z.backward()
    y.backward()
    assert (z.grad, y.grad, x.grad) == (1.0, 1.0, 12.0)
    z.backward()
    assert (z.grad, y.grad, x.grad) == (1.0, 5.0, 22.0)
    y.grad = 100.0
    z.backward()
    assert (y.grad, x.grad) == (5.0, 32.0)


def test_two_roots_over_one_graph():
    x = Value(2.0)
    shared = x * x
    left, right = shared * 3, shared.exp()
    left.backward()
    right.backward()
    assert x.grad == 12.0 + 4.0 * math.exp(4.0)
    assert shared.grad == math.exp(4.0)


def test_what_the_root_does_not_depend_on_is_left_alone():
    x, other = Value(2.0), Value(5.0)
    unused = x * other
    unused.grad = 7.0
    (x * 3).backward()
    assert (x.grad, other.grad, unused.grad) == (3.0, 0.0, 7.0)


@pytest.mark.parametrize(
    "build, derivative",
    [
        (lambda x: x + x, 2.0),
        (lambda x: x * x, 6.0),
        (lambda x: x - x, 0.0),
        (lambda x: x / x, 0.0),
        (lambda x: (x + x) * (x + x), 24.0),
        (lambda x: functools.reduce(operator.add, [x] * 100), 100.0),
        (lambda x: functools.reduce(operator.mul, [x] * 5), 405.0),
        (lambda x: functions.sum([x] * 7), 7.0),
    ],
)
def test_the_node_used_more_than_once(build, derivative):
    x = Value(3.0)
    build(x).backward()
    assert x.grad == derivative


def test_a_diamond_of_diamonds():
    """Without marks, 60 doublings would be 2**60 visits."""
    x = y = Value(1.0)
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


def test_order_is_depth_first_with_parents_left_to_right():
    calls = []

    def node(name, *parents):
        made = Value(1.0, parents, name)
        made._backward = lambda: calls.append(name)
        return made

    leaf = Value(1.0)
    a, b = node("a", leaf), node("b", leaf)
    c = node("c", a, b)
    d = node("d", b, a)
    e = node("e", c, leaf, d, a)
    e.backward()
    assert calls == ["e", "d", "c", "b", "a"]
    calls.clear()
    node("f", d, c).backward()
    assert calls == ["f", "c", "d", "a", "b"]
    calls.clear()
    (d * c + a).backward()
    assert calls == ["c", "d", "a", "b"]


def test_every_node_is_pushed_once_after_all_it_feeds():
    generator = random.Random(5)
    nodes, all_parents, pushed = [Value(1.0)], [()], []

    def add_node(number, chosen):
        node = Value(1.0, [nodes[i] for i in chosen], str(number))

        def closure():
            pushed.append(number)
            for i in chosen:
                nodes[i].grad += node.grad

        node._backward = closure
        nodes.append(node)
        all_parents.append(chosen)

    for number in range(1, 300):
        add_node(number, generator.choices(range(number), k=generator.randint(1, 4)))
    functions.sum(nodes).backward()
    assert sorted(pushed) == list(range(1, 300))
    place = {number: i for i, number in enumerate(pushed)}
    assert all(place[number] < place[i] for number in pushed for i in all_parents[number] if i)
    paths = [1] * 300
    for number in range(299, 0, -1):
        for i in all_parents[number]:
            paths[i] += paths[number]
    assert nodes[0].grad == float(paths[0])


class Failure(Exception):
    pass


def test_an_exception_in_a_closure_leaves_the_graph_usable():
    x = Value(2.0)
    failing = True
    inner = x * 3
    node = Value(inner.data**2, (inner,), "square")

    def closure():
        if failing:
            raise Failure("mine")
        inner.grad += 2 * inner.data * node.grad

    node._backward = closure
    root = (node * inner).tanh() + node * x
    for _ in range(3):
        with pytest.raises(Failure, match="mine"):
            root.backward()
    failing = False
    x.grad = 0.0
    root.backward()

    twin = Value(2.0)
    three = twin * 3
    square = three * three
    ((square * three).tanh() + square * twin).backward()
    assert x.grad == pytest.approx(twin.grad, rel=1e-15)
    (inner * 2).backward()
    assert inner.grad == 2.0


def test_a_closure_may_run_a_backward_pass_of_its_own():
    """The derivative of a function that a closure finds by a nested backward pass."""

    def by_itself(x):
        out = Value(math.sin(x.data) ** 2, (x,), "by itself")

        def closure():
            inside = x.detach()
            (inside.sin() * inside.sin()).backward(out.grad)
            x.grad += inside.grad

        out._backward = closure
        return out

    x = Value(0.7)
    y = x * 2
    (by_itself(y) * y + by_itself(by_itself(y))).backward()
    twin = Value(0.7)
    z = twin * 2
    square = z.sin() ** 2
    (square * z + square.sin() ** 2).backward()
    assert x.grad == pytest.approx(twin.grad, rel=1e-14)


@pytest.mark.parametrize("what", ["a parent", "the node", "the root", "what was pushed", "what is above a parent"])
def test_a_closure_must_not_run_backward_through_the_running_pass(what):
    x = Value(3.0, label="x")
    shared = x * x
    node = Value(1.0, (shared,), "probe")
    pushed = node * 2
    root = pushed + 1
    above = (shared * 5).exp()
    targets = {
        "a parent": shared, "the node": node, "the root": root, "what was pushed": pushed,
        "what is above a parent": above,
    }  # fmt: skip

    def closure():
        x.grad += 1
        targets[what].backward()

    node._backward = closure
    for _ in range(2):
        x.grad = 0.0
        with pytest.raises(RuntimeError, match=r"backward\(\) was called on a Value .* during a backward pass"):
            root.backward()
        assert x.grad == 1.0
    node._backward = lambda: setattr(shared, "grad", shared.grad + node.grad)
    x.grad = 0.0
    root.backward()
    assert x.grad == 12.0
    above.backward()


def test_a_closure_may_run_backward_through_another_graph_with_the_same_leaves():
    x = Value(3.0)
    node = Value(9.0, (x,), "square")

    def closure():
        (x * x * node.grad).backward()

    node._backward = closure
    (node * 2 + x).backward()
    assert x.grad == 13.0
    (node * 2 + x).backward()
    assert x.grad == 26.0


def test_a_closure_may_build_and_drop_graphs():
    x = Value(3.0)
    node = Value(3.0, (x,), "busy")

    def closure():
        for _ in range(100):
            y = Value(1.0)
            for _ in range(50):
                y = y * 1.01 + x.detach()
        x.grad += node.grad

    node._backward = closure
    (node * 2 + x).backward()
    assert x.grad == 3.0


def test_a_closure_sees_no_grad_as_it_is():
    x = Value(3.0)
    node = Value(3.0, (x,), "probe")
    seen = []
    node._backward = lambda: seen.append(bool((x * 2)._prev))
    node.backward()
    with no_grad():
        node.backward()
    assert seen == [True, False]


@pytest.mark.parametrize("length", [1, 10, 1000, 200_000])
def test_chains(length):
    x = y = Value(1.0)
    for _ in range(length):
        y = y * 1.0 + 0.5
    y.backward()
    assert (y.data, x.grad) == (1.0 + 0.5 * length, 1.0)


def test_deep_chains_of_every_shape():
    n = 20_000
    x = Value(0.5)
    left = right = zigzag = double = x
    for i in range(n):
        left = left + x
        right = x + right
        zigzag = zigzag + x if i % 2 else x + zigzag
        double = (double + double) * 0.5
    for y, expected in [(left, n + 1), (right, n + 1), (zigzag, n + 1), (double, 1)]:
        x.grad = 0.0
        y.backward()
        assert x.grad == expected


@example([0.1] * 3)
@settings(max_examples=50)
@given(st.lists(st.floats(-1e100, 1e100), max_size=20))
def test_sum_and_dot_are_left_folds(numbers):
    values = [Value(x) for x in numbers]
    total = functions.sum(values)
    assert bits(getattr(total, "data", total) + 0.0) == bits(functools.reduce(operator.add, numbers, 0.0))
    product = functions.dot(values, numbers[::-1])
    expected = functools.reduce(operator.add, map(operator.mul, numbers, numbers[::-1]), 0.0)
    assert bits(getattr(product, "data", product) + 0.0) == bits(expected + 0.0)
