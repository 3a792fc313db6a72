"""Every primitive and random graphs, run eagerly, as a program at a point, over a batch and by several threads."""

import functools
import itertools
import math
import random

import mpmath
import numpy as np
import pytest
from array_reference import ELEMENTARY, ON_ARRAYS
from bits import assert_same_bits, bits, data, is_close, is_equal
from domains import DOMAINS, EPSILON, OPERATORS, SPECIAL, call
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_programs import floats, programs
from reference import Node, gradient_magnitudes, gradients

import autograd
from autograd import MLP, Value, compile, functions, grad, hessian, jacobian, losses, ops, value_and_grad, vmap

NAMES = sorted(DOMAINS)
UNARY = [name for name in NAMES if len(ops.OPS[name].grads) == 1]
BINARY = [name for name in NAMES if len(ops.OPS[name].grads) == 2]
#: Primitives whose float result is one correctly rounded operation, or a choice: eager has the bits of NumPy.
EXACT = ("add", "sub", "mul", "div", "neg", "abs", "sqrt", "relu", "leaky_relu", "maximum", "minimum")
THREADS = (1, 2, 3, None)


def primitive(name):
    """Return a primitive as a function of its operands only."""
    return functools.partial(call, name)


def columns_of(name):
    """Return an array for each operand: the domain, the edges, and the special numbers in all combinations."""
    domain = DOMAINS[name]
    rows = [*domain.sample(), *(edge[0] for edge in domain.edges)]
    rows += itertools.product(SPECIAL, repeat=len(domain.intervals))
    return list(np.array(rows).T.copy())


# -- one primitive


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(ELEMENTARY)))
def test_a_batch_has_the_bits_of_its_formula(name):
    columns = columns_of(name)
    with np.errstate(all="ignore"):
        assert_same_bits(vmap(primitive(name))(*columns), ON_ARRAYS[name](*columns), *columns)


@pytest.mark.parametrize("name", NAMES)
def test_a_point_and_any_number_of_threads_and_lanes_have_the_bits_of_the_batch(name):
    columns = columns_of(name)
    batch = vmap(primitive(name), threads=1)(*columns)
    point = compile(primitive(name))
    step = max(1, len(batch) // 150)
    at = list(range(0, len(batch), step))
    assert_same_bits([point(*(column[i] for column in columns)) for i in at], batch[at], *(c[at] for c in columns))
    many = [np.resize(column, 10_007) for column in columns]
    for threads in THREADS:
        run = compile(vmap(primitive(name), threads=threads))
        assert_same_bits(run(*many), np.resize(batch, 10_007), *many)
        for lanes in (1, 2, 7, 8, 9, 31):
            assert_same_bits(run(*(column[-lanes:] for column in columns)), batch[-lanes:])


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_close_to_what_is_exact(name):
    domain = DOMAINS[name]
    rows = domain.sample(60)
    got = vmap(primitive(name))(*np.array(rows).T)
    with mpmath.workdps(60):
        for arguments, value in zip(rows, got.tolist(), strict=True):
            exact = domain.exact(*map(mpmath.mpf, arguments))
            assert is_close(value, exact, domain.value_tolerance(*arguments), 0), arguments


@pytest.mark.parametrize("name", NAMES)
def test_eager_agrees(name):
    columns = columns_of(name)
    got = vmap(primitive(name))(*columns)
    for *arguments, value in zip(*(column.tolist() for column in (*columns, got)), strict=True):
        try:
            eager = call(name, *map(Value, arguments)).data
        except (ArithmeticError, ValueError):
            continue  # where Python raises, a program follows IEEE
        if name in EXACT:
            assert bits(value) == bits(eager), arguments
        else:
            same = is_equal(value, eager) or math.isclose(value, eager, rel_tol=16 * EPSILON, abs_tol=1e-320)
            assert same, (arguments, value, eager)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("place", [0, 1])
def test_a_number_a_uniform_a_captured_and_a_varying_operand_are_the_same(name, place):
    column = columns_of(name)[1 - place][::7]
    for number in (0.0, -0.0, 1.0, 2.0, -1.0, 0.5, 3.0, -2.5, 1e300, math.inf, math.nan):

        def at(x, other):
            return call(name, *((other, x) if place == 0 else (x, other)))

        expected = vmap(at)(column, np.full(len(column), number))
        context = column, number
        assert_same_bits(compile(vmap(at, in_axes=(0, None)))(column, number), expected, *context)
        # A constant exponent may stand for a square, a root or a reciprocal, as in NumPy's operator.
        simpler = (name, place) == ("pow", 1) and number in (2.0, 1.0, 0.5, -1.0)
        with np.errstate(all="ignore"):
            constant = column**number if simpler else expected
        assert_same_bits(vmap(at, in_axes=(0, None))(column, number), constant, *context)
        if name != "leaky_relu" or place == 1:
            assert_same_bits(vmap(lambda x, number=number, at=at: at(x, number))(column), constant, *context)
        captured = Value(number)
        assert_same_bits(data(vmap(lambda x, c=captured, at=at: at(x, c))(column)), expected, *context)


@pytest.mark.parametrize("name", NAMES)
def test_first_derivatives(name):
    domain, arity = DOMAINS[name], len(ops.OPS[name].grads)
    rows = domain.sample(40)
    columns = np.array(rows).T
    value, derivatives = vmap(value_and_grad(primitive(name), argnums=tuple(range(arity))))(*columns)
    assert_same_bits(value, vmap(primitive(name))(*columns), *columns)
    for operand, derivative in enumerate(derivatives):
        for arguments, got in zip(rows, derivative.tolist(), strict=True):
            tolerance = domain.tolerance(*arguments) + 8 * EPSILON
            exact = domain.derivative(operand, arguments)
            assert is_close(got, exact, tolerance, 2 * domain.absolute), (arguments, operand, got, exact)


@pytest.mark.parametrize("name", NAMES)
def test_first_derivatives_at_the_edges(name):
    derivative = compile(grad(primitive(name), argnums=tuple(range(len(ops.OPS[name].grads)))))
    for arguments, _, expected in DOMAINS[name].edges:
        if expected is not ...:
            got = derivative(*arguments)
            for one, other in zip(got, expected, strict=True):
                assert is_equal(one, other), (arguments, got)


def moderate_points(name, count=12):
    """Return points inside the domain where nothing is extreme, an array with a row for each."""
    generator = random.Random(name)
    intervals = [(max(low, -2.5), min(high, 2.5)) for low, high in DOMAINS[name].intervals]
    intervals = [(low + 0.05 * (high - low), high - 0.05 * (high - low)) for low, high in intervals]
    if name == "arccosh":
        intervals = [(1.1, 4.0)]
    return np.array([[generator.uniform(*interval) for interval in intervals] for _ in range(count)])


def exact_second_derivative(name, i, j, point):
    """Return a second derivative by differences in so many digits that it has all of a double."""
    with mpmath.workdps(120):
        step = mpmath.mpf(10) ** -40
        exact = [mpmath.mpf(x) for x in point]

        def at(a, b):
            moved = list(exact)
            moved[i] += a * step
            moved[j] += b * step
            return DOMAINS[name].exact(*moved)

        return float((at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / (4 * step**2))


@pytest.mark.parametrize("name", NAMES)
def test_second_derivatives(name):
    points = moderate_points(name)
    size = points.shape[1]
    of_vector = hessian(lambda x: call(name, *x))
    batch = vmap(of_vector)(points)
    assert batch.shape == (len(points), size, size)
    for point, matrix in zip(points, batch, strict=True):
        exact = [[exact_second_derivative(name, i, j, point) for j in range(size)] for i in range(size)]
        np.testing.assert_allclose(matrix, exact, rtol=1e-11, atol=1e-13)
        # An entry that is zero everywhere has no sign: a pattern leaves it out, a lane for each column computes it.
        assert_same_bits(of_vector(point) + 0.0, matrix + 0.0)
    composed = vmap(grad(grad(primitive(name))))(*points.T)
    np.testing.assert_allclose(composed, batch[:, 0, 0], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", UNARY)
def test_third_derivatives(name):
    points = moderate_points(name)[:, 0]
    got = vmap(grad(grad(grad(primitive(name)))))(points)
    with mpmath.workdps(60):
        kinked = name in ("abs", "relu")
        exact = [0.0 if kinked else float(mpmath.diff(DOMAINS[name].exact, x, 3)) for x in points]
    np.testing.assert_allclose(got, exact, rtol=1e-10, atol=1e-12)


def test_clip():
    x = np.array([-2.0, 0.0, 0.5, 1.0, 3.0, math.nan])
    value, derivative = vmap(value_and_grad(lambda x: autograd.clip(x, 0.0, 1.0)))(x)
    assert_same_bits(value, [0.0, 0.0, 0.5, 1.0, 1.0, math.nan])
    assert derivative[:5].tolist() == [0.0, 0.5, 1.0, 0.5, 0.0]


# -- random graphs


def evaluate(steps, inputs, apply):
    """Return the last three results of a program on inputs of any kind."""
    results = list(inputs)
    for name, i, j in steps:
        results.append(apply(name, *[results[i], results[j]][: len(ops.OPS[name].grads)]))
    return results[-3:]


def apply_arrays(name, *operands):
    return ON_ARRAYS[name](*operands)


@st.composite
def batches(draw, names, longest, lanes=9):
    """Draw a program, and for every input an array of lanes and whether it varies, is uniform, a number or captured."""
    inputs, steps = draw(programs(names, longest))
    kinds = [draw(st.sampled_from(("varying", "uniform", "number", "captured"))) for _ in inputs]
    kinds[draw(st.integers(0, len(inputs) - 1))] = "varying"
    columns = [
        np.array([x, *(draw(floats) for _ in range(lanes - 1))]) if kind == "varying" else np.full(lanes, x)
        for x, kind in zip(inputs, kinds, strict=True)
    ]
    return steps, kinds, columns


def as_function(steps, kinds, columns):
    """Return a batch's program as a function, its arguments and their axes."""
    fixed = {
        i: c[0] if kind == "number" else Value(c[0]) for i, (kind, c) in enumerate(zip(kinds, columns, strict=True))
    }

    def apply(name, *operands):
        if not any(isinstance(x, Value) for x in operands):
            operands = map(Value, operands)  # Of plain numbers only Python would make a number, or raise.
        return call(name, *operands)

    def function(*arguments):
        given = iter(arguments)
        inputs = [next(given) if kind in ("varying", "uniform") else fixed[i] for i, kind in enumerate(kinds)]
        return evaluate(steps, inputs, apply)

    arguments, axes = [], []
    for kind, column in zip(kinds, columns, strict=True):
        if kind in ("varying", "uniform"):
            arguments.append(column if kind == "varying" else column[0])
            axes.append(0 if kind == "varying" else None)
    return function, arguments, tuple(axes)


@settings(max_examples=200)
@given(batches(sorted(set(ON_ARRAYS) & set(DOMAINS)), 25))
def test_random_programs_have_the_bits_of_arrays(batch):
    steps, kinds, columns = batch
    function, arguments, axes = as_function(*batch)
    with np.errstate(all="ignore"):
        expected = evaluate(steps, columns, apply_arrays)
    got = vmap(function, in_axes=axes)(*arguments)
    for column, other in zip(got, expected, strict=True):
        assert_same_bits(data(column), other)
    point = compile(function)
    for lane in (0, len(columns[0]) - 1):
        at = [x if axis is None else x[lane] for x, axis in zip(arguments, axes, strict=True)]
        for x, other in zip(point(*at), expected, strict=True):
            assert bits(float(data(x))) == bits(other[lane])


@settings(max_examples=100)
@given(batches(sorted(EXACT), 25))
def test_random_programs_have_the_bits_of_eager(batch):
    function, arguments, axes = as_function(*batch)
    got = [data(column) for column in vmap(function, in_axes=axes)(*arguments)]
    for lane in range(len(batch[2][0])):
        at = [Value(x if axis is None else x[lane]) for x, axis in zip(arguments, axes, strict=True)]
        try:
            eager = function(*at)
        except (ArithmeticError, ValueError):
            continue
        assert [bits(column[lane]) for column in got] == [bits(float(data(x))) for x in eager]


@settings(max_examples=60)
@given(batches(sorted(DOMAINS), 20))
def test_gradients_of_random_programs_are_the_same_at_a_point_in_a_batch_and_by_threads(batch):
    function, arguments, axes = as_function(*batch)
    derivative = value_and_grad(lambda *x: sum(function(*x)), argnums=tuple(range(len(arguments))))
    value, columns = vmap(derivative, in_axes=axes, threads=1)(*arguments)
    columns = [data(column) for column in (value, *columns)]
    many = [x if axis is None else np.resize(x, 2003) for x, axis in zip(arguments, axes, strict=True)]
    for threads in (1, 2):
        value, found = vmap(derivative, in_axes=axes, threads=threads)(*many)
        for column, other in zip((value, *found), columns, strict=True):
            assert_same_bits(data(column), np.resize(other, 2003))
    point = compile(derivative)
    for lane in (0, -1):
        value, found = point(*(x if axis is None else x[lane] for x, axis in zip(arguments, axes, strict=True)))
        assert_same_bits([float(data(x)) for x in (value, *found)], [column[lane] for column in columns])


@settings(max_examples=150)
@given(
    programs(["add", "sub", "mul", "div", "neg", "abs", "tanh", "relu"], 30),
    st.lists(st.floats(-3, 3).map(lambda x: round(x, 6)), min_size=4, max_size=4),
)
def test_gradients_of_random_programs_are_those_of_the_reference(program, numbers):
    count, steps = len(program[0]), program[1]
    on_nodes = {**OPERATORS, "tanh": Node.tanh, "relu": Node.relu}
    nodes = [Node(x) for x in numbers[:count]]
    try:
        root = evaluate(steps, nodes, lambda name, *operands: on_nodes[name](*operands))[-1]
    except ZeroDivisionError:
        assume(False)
    expected, magnitudes = gradients(root), gradient_magnitudes(root)
    got = grad(lambda *x: evaluate(steps, x, call)[-1], argnums=tuple(range(count)))(*numbers[:count])
    for derivative, node in zip(got, nodes, strict=True):
        if node not in expected:
            assert derivative == 0.0
        elif math.isfinite(magnitudes[node]) and magnitudes[node] < 1e200:
            assert derivative == pytest.approx(expected[node], rel=1e-12, abs=1e-12 * magnitudes[node] + 1e-300)


@settings(max_examples=60)
@given(
    programs(["add", "sub", "mul", "mul", "neg", "tanh", "sin", "cos", "arctan", "sigmoid", "softplus", "hypot"], 9),
    st.lists(st.floats(-2, 2).map(lambda x: round(x, 6) + 0.0625), min_size=4, max_size=4),
)
def test_gradients_and_hessians_of_random_programs_are_exact(program, numbers):
    count, steps = len(program[0]), program[1]
    numbers = numbers[:count]

    def exact(x):
        results = list(x)
        for name, i, j in steps:
            results.append(DOMAINS[name].exact(*[results[i], results[j]][: len(ops.OPS[name].grads)]))
            assume(1e-3 < abs(results[-1]) < 1e2)
        return results[-1]

    def function(x):
        return evaluate(steps, x, call)[-1]

    gradient, matrix = grad(function)(np.array(numbers)), hessian(function)(np.array(numbers))
    with mpmath.workdps(100):
        point, step = [mpmath.mpf(x) for x in numbers], mpmath.mpf(10) ** -30

        def at(*moves):
            moved = list(point)
            for i, sign in moves:
                moved[i] += sign * step
            return exact(moved)

        for i in range(count):
            first = (at((i, 1)) - at((i, -1))) / (2 * step)
            assert gradient[i] == pytest.approx(float(first), rel=1e-9, abs=1e-9)
            for j in range(count):
                second = at((i, 1), (j, 1)) - at((i, 1), (j, -1)) - at((i, -1), (j, 1)) + at((i, -1), (j, -1))
                assert matrix[i, j] == pytest.approx(float(second / (4 * step**2)), rel=1e-8, abs=1e-7)


CONSTANTS = (1.0, 0.5, -0.75, 2.0, 0.0, -1.5)


def long_program(generator, length):
    """Draw steps in which constants come again, some results are used much later, and many not at all."""
    steps = []
    for known in range(3, length):
        back = [generator.expovariate(0.2) if generator.random() < 0.9 else generator.uniform(0, known) for _ in "ab"]
        operands = [known - 1 - min(int(distance), known - 1) for distance in back]
        name = generator.choice(("add", "sub", "mul", "add", "mul", "neg", "abs", "cos", "maximum"))
        if generator.random() < 0.4:
            operands[1] = -1 - generator.randrange(len(CONSTANTS))
        # Now and then a sine keeps numbers in range, and their derivatives.
        steps.append((name, *operands) if known % 3 else ("sin", known - 1, known - 1))
    return steps


def run_long_program(steps, inputs, apply):
    results = list(inputs)
    for name, i, j in steps:
        operands = [results[i], results[j] if j >= 0 else CONSTANTS[-1 - j]]
        results.append(apply(name, *operands[: len(ops.OPS[name].grads)]))
    return results[-1], results[len(results) // 2], functools.reduce(functools.partial(apply, "add"), results[-12::3])


@pytest.mark.parametrize("seed", range(40))
def test_long_random_programs(seed):
    generator = random.Random(seed)
    steps = long_program(generator, generator.choice((40, 150, 400)))
    columns = np.random.default_rng(seed).normal(size=(3, 33))
    expected = run_long_program(steps, columns, apply_arrays)

    def function(*x):
        return run_long_program(steps, x, call)

    for axes in ((0, 0, 0), (0, None, None), (None, 0, None)):
        arguments = [c if axis == 0 else c[4] for c, axis in zip(columns, axes, strict=True)]
        other = run_long_program(steps, [np.broadcast_to(x, 33) for x in arguments], apply_arrays)
        for got, numbers in zip(compile(vmap(function, in_axes=axes))(*arguments), other, strict=True):
            assert_same_bits(got, numbers)
    assert_same_bits(compile(function)(*columns[:, 4]), [column[4] for column in expected])

    derivative = grad(lambda *x: function(*x)[2], argnums=(0, 1, 2))
    at = [column[7] for column in vmap(derivative)(*columns)]
    assert_same_bits(compile(derivative)(*columns[:, 7]), at)
    values = [Value(x) for x in columns[:, 7]]
    function(*values)[2].backward()
    scale = max(1.0, *(abs(v.grad) for v in values))
    np.testing.assert_allclose(at, [v.grad for v in values], rtol=1e-9, atol=1e-9 * scale)


def test_a_constant_that_was_first_used_for_nothing():
    """It stands far before the sum that uses it."""

    def f(x):
        x + 5.0
        y = x
        for _ in range(20):
            y = autograd.sin(y)
        return y * x + 5.0

    x = np.linspace(-2.0, 2.0, 9)
    y = functools.reduce(lambda y, _: np.sin(y), range(20), x)
    assert_same_bits(vmap(f)(x), y * x + 5.0)
    assert compile(f)(2.0) == (y * x + 5.0)[-1]


# -- nodes with many operands


SEQUENCES = {
    "sum": functions.sum,
    "mean": functions.mean,
    "dot": lambda x: functions.dot(x[:3], x[2:5]),
    "dot with numbers": lambda x: functions.dot(x, [0.5, -1.0, 2.0, 3.0, -0.25]),
    "logsumexp": functions.logsumexp,
    "softmax": lambda x: functions.dot(functions.softmax(x), [1.0, -2.0, 3.0, 0.5, 1.5]),
    "log_softmax": lambda x: functions.log_softmax(x)[3],
}
EXACT_SEQUENCES = {
    "sum": mpmath.fsum,
    "mean": lambda x: mpmath.fsum(x) / 5,
    "dot": lambda x: mpmath.fdot(x[:3], x[2:5]),
    "dot with numbers": lambda x: mpmath.fdot(x, [0.5, -1.0, 2.0, 3.0, -0.25]),
    "logsumexp": lambda x: mpmath.log(mpmath.fsum(map(mpmath.exp, x))),
    "softmax": lambda x: mpmath.fdot(map(mpmath.exp, x), [1.0, -2.0, 3.0, 0.5, 1.5]) / mpmath.fsum(map(mpmath.exp, x)),
    "log_softmax": lambda x: x[3] - mpmath.log(mpmath.fsum(map(mpmath.exp, x))),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_functions_of_sequences(name):
    function, exact = SEQUENCES[name], EXACT_SEQUENCES[name]
    points = np.random.default_rng(0).normal(0.0, 2.0, (40, 5))
    values, gradient = vmap(value_and_grad(function))(points)
    matrices = vmap(hessian(function))(points)
    point = compile(value_and_grad(function))
    for x, value, slopes, matrix in zip(points, values, gradient, matrices, strict=True):
        inputs = [Value(number) for number in x]
        eager = function(inputs)
        eager.backward()
        assert value == pytest.approx(eager.data, rel=1e-14, abs=1e-14)
        np.testing.assert_allclose(slopes, [v.grad for v in inputs], rtol=1e-12, atol=1e-14)
        at_point = point(x)
        assert bits(at_point[0]) == bits(value)
        assert_same_bits(at_point[1], slopes)
        with mpmath.workdps(60):
            step = mpmath.mpf(10) ** -20
            numbers = [mpmath.mpf(number) for number in x]
            assert value == pytest.approx(float(exact(numbers)), rel=1e-13)
            for i in range(5):
                moved = [[n + sign * step * (k == i) for k, n in enumerate(numbers)] for sign in (1, 0, -1)]
                up, middle, down = map(exact, moved)
                assert slopes[i] == pytest.approx(float((up - down) / (2 * step)), rel=1e-12, abs=1e-13)
                assert matrix[i, i] == pytest.approx(float((up - 2 * middle + down) / step**2), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("name", ["dot", "logsumexp", "softmax"])
def test_functions_of_sequences_do_not_overflow(name):
    x = np.array([800.0, -800.0, 799.0, 1.0, 0.0])
    inputs = [Value(number) for number in x]
    eager = SEQUENCES[name](inputs)
    eager.backward()
    value, gradient = compile(value_and_grad(SEQUENCES[name]))(x)
    assert value == pytest.approx(eager.data, rel=1e-14)
    np.testing.assert_allclose(gradient, [v.grad for v in inputs], rtol=1e-12)


LOSSES = {
    "mse": lambda scores: losses.mse(scores, [[0.5, -1.0, 2.0], [0.0, 1.0, 3.0]]),
    "hinge": lambda scores: losses.hinge([row[0] for row in scores], [1, -1], reduction="sum"),
    "binary_cross_entropy": lambda scores: losses.binary_cross_entropy([row[1] for row in scores], [1, 0]),
    "cross_entropy": lambda scores: losses.cross_entropy(scores, [2, 0]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    loss, scores = LOSSES[name], np.random.default_rng(5).normal(size=(2, 3))
    inputs = [[Value(x) for x in row] for row in scores]
    eager = loss(inputs)
    eager.backward()
    value, gradient = compile(value_and_grad(loss))(scores)
    assert value == pytest.approx(eager.data, rel=1e-14)
    np.testing.assert_allclose(gradient, [[v.grad for v in row] for row in inputs], rtol=1e-12, atol=1e-15)
    many = np.array([scores, -scores, 2.0 * scores])
    batch = vmap(grad(loss))(many)
    assert_same_bits(batch[0], gradient)
    step = 1e-6
    direction = np.arange(1.0, 7.0).reshape(2, 3)
    differences = (grad(loss)(scores + step * direction) - grad(loss)(scores - step * direction)) / (2 * step)
    np.testing.assert_allclose(np.tensordot(hessian(loss)(scores), direction, 2), differences, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu", "silu", "softplus", "leaky_relu", "linear"])
def test_layers(activation):
    """A model's inputs and its parameters receive the same gradients from a program over a batch."""
    model = MLP(3, [4, 2], activation=activation, seed=3)
    X = np.random.default_rng(1).normal(size=(11, 3))
    eager = [[Value(x) for x in row] for row in X]
    total = sum(sum(output * output for output in model(row)) for row in eager)
    model.zero_grad()
    total.backward()
    expected = [p.grad for p in model.parameters()]

    outputs = vmap(model)(X)
    squares = functions.sum([output * output for row in np.transpose(outputs) for output in row])
    assert squares.data == pytest.approx(total.data, rel=1e-12)
    model.zero_grad()
    squares.backward()
    np.testing.assert_allclose([p.grad for p in model.parameters()], expected, rtol=1e-11, atol=1e-13)

    by_input = vmap(grad(lambda row: functions.sum([output * output for output in model(row)])))(X)
    np.testing.assert_allclose(data(by_input), [[x.grad for x in row] for row in eager], rtol=1e-11, atol=1e-13)


def test_a_jacobian_of_a_layer():
    model = MLP(3, [4, 2], activation="tanh", seed=0)
    x = np.array([0.5, -1.0, 2.0])
    rows = []
    for i in range(2):
        inputs = [Value(number) for number in x]
        model(inputs)[i].backward()
        rows.append([v.grad for v in inputs])
    got = jacobian(lambda x: np.array(model(x)))(x)
    np.testing.assert_allclose(data(got), rows, rtol=1e-12)
