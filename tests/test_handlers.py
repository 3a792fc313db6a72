"""Exceptions in traced functions: under a handler, an operation raises what plain Python does."""

import contextlib
import itertools
import math
import sys

import numpy as np
import pytest
from bits import assert_same_bits, data

import autograd
from autograd import MLP, Value, compile, exp, grad, hessian, log, no_grad, sqrt, trace, value_and_grad, vmap
from autograd.ops import OPS

INF, NAN = math.inf, math.nan
NUMBERS = (
    -INF, -1e308, -1000.0, -2.5, -2.0, -1.0, -0.5, -1e-300, -0.0, 0.0, 1e-300, 0.5, 1.0, 2.0, 3.0, 709.0, 709.78, 710.0,
    711.0, 1e200, 1e308, INF, NAN,
)  # fmt: skip
PAIRS = list(itertools.product(NUMBERS, repeat=2))
BOTH = (ValueError, ArithmeticError)


def raises(function, *arguments):
    """Return the type and message of what a call raises; None if it returns."""
    try:
        function(*arguments)
    except BOTH as error:
        return type(error), str(error)
    return None


def apply(row, *operands):
    """Return a primitive of operands, some of which are Values."""
    if row.python.startswith("operator"):
        return row.python_function(*operands)
    return getattr(autograd, row.name)(*operands)


# Every primitive that raises somewhere, with the points to try: the table of what raises what is Python's.
RAISING = {
    row.name: row
    for row in OPS.values()
    if row.base == row.name
    and row.python_function
    and (row.parameters or row.python.startswith("operator"))
    and any(raises(row.python_function, *x) for x in (PAIRS if len(row.grads) == 2 else [(a,) for a in NUMBERS]))
}


def test_the_primitives_that_raise():
    exp2 = "exp2 " if hasattr(math, "exp2") else ""  # new in Python 3.11
    assert " ".join(RAISING) == (
        f"div pow floor_divide remainder fmod floor ceil trunc rint exp {exp2}expm1 log log1p log2 log10 "
        "sqrt sin cos tan arcsin arccos sinh cosh arccosh arctanh"
    )


def guarded(row):
    """Return a function that takes another path for each type of exception."""

    def function(x, y):
        try:
            operands = (x, y)[: len(row.grads)]
            apply(row, *operands)
            return 1.0
        except ZeroDivisionError:
            return 2.0
        except OverflowError:
            return 3.0
        except ValueError:
            return 4.0

    return function


@pytest.mark.parametrize("name", RAISING)
def test_every_primitive_raises_where_it_does_eagerly(name):
    row = RAISING[name]
    function = guarded(row)
    points = PAIRS if len(row.grads) == 2 else [(x, 1.0) for x in NUMBERS]
    eager = [data(function(Value(x), Value(y))) for x, y in points]
    x, y = np.array(points).T
    assert {2.0, 3.0, 4.0} & set(eager)
    assert_same_bits(vmap(function)(x, y), eager, x, y)
    compiled = compile(function)
    assert_same_bits([compiled(*point) for point in points], eager, x, y)
    # The captured Value is an operand as well.
    captured = Value(0.0)
    of_captured = compile(lambda x: function(x, captured))
    for (a, b), expected in zip(points, eager, strict=True):
        captured.data = b
        assert_same_bits(data(of_captured(a)), expected, a, b)


@pytest.mark.parametrize("name", [name for name in RAISING if len(RAISING[name].grads) == 2])
def test_an_operand_may_be_a_number(name):
    function = guarded(RAISING[name])
    numbers = np.array(NUMBERS)
    for number in NUMBERS:
        for with_number in (lambda x, n=number: function(x, n), lambda x, n=number: function(n, x)):
            eager = [data(with_number(Value(x))) for x in NUMBERS]
            assert_same_bits(vmap(with_number)(numbers), eager, numbers, number)


@pytest.mark.parametrize("name", RAISING)
def test_type_and_message_are_those_of_eager_work(name):
    row = RAISING[name]
    for point in PAIRS if len(row.grads) == 2 else [(x,) for x in NUMBERS]:
        seen = []

        def function(*operands, seen=seen):
            try:
                apply(row, *operands)
            except BOTH as error:
                seen.append((type(error), str(error)))
            else:
                seen.append(None)
            return operands[0]

        trace(function, *point)
        function(*map(Value, point))
        assert seen[0] == seen[1], point


def test_a_function_of_numbers_raises_as_well():
    def function(x):
        try:
            return x + log(-1.0)
        except ValueError:
            return x + 1.0

    assert compile(function)(2.0) == 3.0
    assert math.isnan(compile(lambda x: x + log(-1.0))(2.0))


def test_outside_of_a_try_nothing_raises():
    x = np.array([0.0, -1.0, 1000.0])
    with np.errstate(all="ignore"):
        expected = 1 / x, np.log(x), np.exp(x)
    for function, numbers in zip((lambda x: 1 / x, log, exp), expected, strict=True):
        assert_same_bits(vmap(function)(x), numbers)
        try:
            # A handler around the call is none of the function's.
            assert_same_bits(vmap(lambda x, f=function: f(x))(x), numbers)
        except BOTH:
            pytest.fail("an operation raised")

    def beside(x):
        try:
            y = x + 1.0
        except ZeroDivisionError:
            y = x
        return 1 / x + y

    assert compile(beside)(0.0) == INF


def reciprocal(x):
    return 1 / x


def in_a_helper(x):
    try:
        return reciprocal(x)
    except ZeroDivisionError:
        return x + 5.0


def nested(x):
    try:
        try:
            return sqrt(x) / (x - 1.0)
        except ValueError:
            return -x
    except ZeroDivisionError:
        return x * 10.0


def by_the_outer(x):
    try:
        try:
            return 1 / x
        except ValueError:
            return x
    except ZeroDivisionError:
        return x + 3.0


def in_a_handler(x):
    try:
        try:
            return log(x)
        except ValueError:
            return 1 / x
    except ZeroDivisionError:
        return x + 9.0


def in_an_else(x):
    y = x * 2.0
    try:
        y = 1 / x
    except ZeroDivisionError:
        y = x + 1.0
    else:
        y = y + 1.0
    finally:
        y = y * 3.0
    return y


def swallowed_by_finally(x):
    try:
        return 1 / x
    finally:
        if x == 0:
            return x + 4.0  # noqa: B012


def suppressed(x):
    y = x
    with contextlib.suppress(ZeroDivisionError):
        y = 1 / x
    return y * 2.0


@contextlib.contextmanager
def manager(box):
    try:
        yield
    except ZeroDivisionError:
        box.append(6.0)


def by_a_generator(x):
    box = [0.0]
    with manager(box):
        box[0] = 1 / x
    return x + box[-1]


def of_a_comprehension(x):
    try:
        return sum([1 / (x - k) for k in range(3)])
    except ZeroDivisionError:
        return x + 0.5


def of_a_generator_expression(x):
    try:
        return sum(1 / (x - k) for k in range(3))
    except ZeroDivisionError:
        return x + 0.5


def in_a_loop(x):
    total = x * 0.0
    for k in range(3):
        try:
            total = total + 1 / (x - k)
        except ZeroDivisionError:
            continue
    return total


def until_it_raises(x):
    y = x
    try:
        while True:
            y = exp(y)
    except OverflowError:
        return y


@manager([])
def decorated(x, box):
    box[0] = 1 / x


def by_a_decorator(x):
    box = [x + 8.0]
    decorated(x, box)
    return box[0]


def within_no_grad(x):
    try:
        with no_grad():
            return 1 / x
    except ZeroDivisionError:
        return x + 2.0


FUNCTIONS = (
    in_a_helper, nested, by_the_outer, in_a_handler, in_an_else, swallowed_by_finally, suppressed, by_a_generator,
    of_a_comprehension, of_a_generator_expression, in_a_loop, until_it_raises, by_a_decorator, within_no_grad,
)  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_the_way_of_plain_python_is_taken(function):
    points = np.array([0.0, -1.0, 1.0, 2.0, -0.0, 0.5, 3.0, 2.0, 0.0])
    values, slopes = [], []
    for point in points:
        x = Value(point)
        y = function(x)
        y.backward()
        values.append(y.data)
        slopes.append(x.grad)
    compiled = compile(function)
    # Programs have exponentials of their own.
    for got in (vmap(function)(points), vmap(compiled)(points), [compiled(x) for x in points]):
        np.testing.assert_allclose(got, values, rtol=1e-14)
    for got in (vmap(grad(function))(points), [grad(compiled)(x) for x in points]):
        np.testing.assert_allclose(got, slopes, rtol=1e-13)
    for x, y, slope in zip(points, values, slopes, strict=True):
        np.testing.assert_allclose(value_and_grad(function)(x), (y, slope), rtol=1e-13)


def test_a_lane_that_raises_has_a_specialization():
    compiled = compile(suppressed)
    x = np.where(np.arange(1000) % 7, np.arange(1000.0), 0.0)
    with np.errstate(divide="ignore"):
        assert_same_bits(vmap(compiled)(x), np.where(x == 0, 0.0, 2 / x))
    assert [compiled(0.0), compiled(4.0)] == [0.0, 0.5]
    assert len(compiled.programs) == 2
    assert "== 0.0" in str(compiled.programs[0])
    assert hessian(suppressed)(2.0) == 0.5


def test_what_no_handler_catches_leaves_the_function():
    def function(x):
        try:
            return 1 / x
        except ValueError:
            return x

    compiled = compile(function)
    for call in (compiled, grad(function), lambda x: vmap(compiled)(np.array([1.0, x]))):
        with pytest.raises(ZeroDivisionError, match="division by zero"):
            call(0.0)
    assert compiled(4.0) == 0.25

    def renamed(x):
        try:
            return log(x)
        except ValueError as error:
            raise LookupError("no such row") from error

    with pytest.raises(LookupError, match="no such row"):
        compile(renamed)(-1.0)


def test_no_grad_is_no_handler():
    @no_grad()
    def decorated(x):
        return 1 / x

    def function(x):
        with no_grad():
            y = 1 / x
        return y + decorated(x)

    assert compile(function)(0.0) == INF


def test_another_trace_has_handlers_of_its_own():
    inner = compile(lambda x: 1 / x)

    def function(x):
        try:
            return inner(x) + grad(lambda z: log(z))(x)
        except ZeroDivisionError:
            return x

    assert function(0.0) == compile(function)(0.0) == INF


@pytest.mark.parametrize("activation", [exp, autograd.sin])
def test_a_layer_raises_where_its_activation_does(activation):
    model = MLP(1, [2, 1], activation=activation, seed=0)

    def function(x):
        try:
            return model([x])
        except OverflowError:
            return 2.0
        except ValueError:
            return 3.0

    points = np.array([0.5, 1e4, -1e4, INF, 0.25, NAN])
    eager = [data(function(Value(x))) for x in points]
    np.testing.assert_allclose(data(vmap(compile(function))(points)), eager, rtol=1e-13)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the stack of blocks shows handlers that tidy up, too")
def test_the_name_of_a_caught_exception_is_no_handler():
    def function(x):
        try:
            raise KeyError
        except KeyError as error:
            assert error is not None
            return 1 / x

    assert compile(function)(0.0) == INF
