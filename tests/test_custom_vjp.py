"""Operations with derivatives of the user's own."""

import functools
import gc
import inspect
import math
import sys
import weakref

import numpy as np
import pytest

import autograd
from autograd import Value, custom_vjp, no_grad
from autograd.functions import exp, log, sum, tanh


def define(fun, fwd, bwd):
    function = custom_vjp(fun, pure_callback=True)
    function.defvjp(fwd, bwd)
    return function


@pytest.fixture
def hypotenuse():
    """A function of two scalars."""

    @custom_vjp(pure_callback=True)
    def hypotenuse(x, y=4.0):
        """Return the length."""
        return math.hypot(x, y)

    def fwd(x, y):
        r = math.hypot(x, y)
        return r, (x, y, r)

    def bwd(residuals, g):
        x, y, r = residuals
        return g * x / r, g * y / r

    hypotenuse.defvjp(fwd, bwd)
    return hypotenuse


@pytest.fixture
def divmod_list():
    """A function of a list and a scalar with several outputs: the sum of the squares by y, and y times each."""

    def fun(xs, y):
        return [sum(x * x for x in xs) / y, *(y * x for x in xs)]

    def fwd(xs, y):
        return fun(xs, y), (xs, y)

    def bwd(residuals, g):
        (xs, y), (first, *rest) = residuals, g
        by_xs = [first * 2 * x / y + h * y for x, h in zip(xs, rest, strict=True)]
        return by_xs, -first * sum(x * x for x in xs) / y**2 + sum(h * x for x, h in zip(xs, rest, strict=True))

    return define(fun, fwd, bwd), fun


def test_a_function_of_scalars(hypotenuse):
    x, y = Value(3.0), Value(4.0)
    result = hypotenuse(x, y)
    assert isinstance(result, Value) and result.data == 5.0
    result.backward(10.0)
    assert (x.grad, y.grad) == (6.0, 8.0)
    result.backward(10.0)
    assert (x.grad, y.grad) == (12.0, 16.0)
    x.grad = 0.0
    (hypotenuse(x, 4) + hypotenuse(np.float64(3.0), x)).backward()
    assert x.grad == pytest.approx(0.6 + math.sqrt(0.5))


def test_the_same_value_twice(hypotenuse):
    x = Value(-1.0)
    hypotenuse(x, x).backward()
    assert x.grad == pytest.approx(-math.sqrt(2.0), rel=1e-15)


@pytest.mark.parametrize("kind", [list, tuple, iter, lambda xs: np.array(xs, object)])
def test_sequences_and_several_outputs(divmod_list, kind):
    function, fun = divmod_list
    point, weights = [0.5, -1.5, 2.0, 3.0], [1.0, -2.0, 0.5, 4.0]
    *xs, y = map(Value, point)
    outputs = function(kind(xs), y)
    assert type(outputs) is list and len(outputs) == 4
    assert len({output._block for output in outputs}) == 1
    sum(w * output for w, output in zip(weights, outputs, strict=True)).backward()
    got = [v.grad for v in (*xs, y)]
    *others, z = map(Value, point)
    sum(w * output for w, output in zip(weights, fun(others, z), strict=True)).backward()
    assert outputs == fun(others, z)
    assert got == pytest.approx([v.grad for v in (*others, z)], rel=1e-12)


def test_numbers_among_the_values(divmod_list):
    function, _ = divmod_list
    a, b = Value(1.0), Value(2.0)
    function([a, 3.0, b], 2)[0].backward()
    assert (a.grad, b.grad) == (1.0, 2.0)
    function(np.array([1.0, 2.0]), a)[0].backward()
    assert a.grad == 1.0 - 5.0
    function([], a)


def test_only_one_of_several_outputs_has_a_gradient(divmod_list):
    function, _ = divmod_list
    x, y = Value(3.0), Value(2.0)
    first, second = function([x], y)
    second.backward()
    assert (x.grad, y.grad, first.grad, second.grad) == (2.0, 3.0, 0.0, 1.0)


@pytest.mark.parametrize("kind", [tuple, list])
def test_the_gradient_has_the_form_of_the_output(kind):
    seen = []

    def bwd(residuals, g):
        seen.append(g)
        return (0.0,)

    x = Value(1.0)
    function = define(lambda x: None, lambda x: (kind([x, 2 * x]), None), bwd)
    outputs = function(x)
    assert type(outputs) is kind
    (outputs[1] * 3.0).backward()
    assert seen == [kind([0.0, 3.0])] and type(seen[0]) is kind
    define(lambda x: None, lambda x: (np.array([x, 2 * x]), None), bwd)(x)[0].backward()
    assert seen[1] == [1.0, 0.0]
    define(lambda x: None, lambda x: (np.float64(x), None), bwd)(x).backward()
    assert type(seen[2]) is float


def test_what_the_functions_get_and_numbers_give():
    seen = []

    def fun(*arguments):
        seen.append(arguments)
        return 1

    def fwd(*arguments):
        seen.append(arguments)
        return np.float32(1.0), None

    function = define(fun, fwd, lambda residuals, g: (None, None, None))
    result = function(True, (1, np.int64(2)), np.array([3, 4]))
    assert (type(result), result) == (float, 1.0)
    assert isinstance(function(Value(1.0), (Value(1.0), 2), np.array([3, 4])), Value)
    assert seen == [(1.0, [1.0, 2.0], [3.0, 4.0])] * 2
    for arguments in seen:
        assert type(arguments[0]) is float
        for items in arguments[1:]:
            assert type(items) is list and {type(item) for item in items} == {float}


def test_numbers_keep_the_form_of_the_output():
    function = define(lambda x: (x, np.float64(2)), None.__class__, None.__class__)
    assert function(1) == (1.0, 2.0) and [type(x) for x in function(1)] == [float, float]
    assert define(lambda x: np.array([x]), list, list)(1) == [1.0]
    assert define(lambda x: [], list, list)(1) == []


def test_no_grad_runs_the_function_itself(hypotenuse):
    with no_grad():
        result = hypotenuse(Value(3.0), 4.0)
    assert (type(result), result.data, result._prev) == (Value, 5.0, set())
    function = define(lambda x: (x, x), None.__class__, None.__class__)
    with no_grad():
        assert [type(output) for output in function(Value(1.0))] == [Value, Value]


def test_none_stands_for_zero(divmod_list):
    x, y, z = Value(1.0), Value(2.0), Value(3.0)
    returned = (None, [None, 5], None)
    function = define(lambda *a: 0.0, lambda *a: (0.0, None), lambda residuals, g: returned)
    function(x, [y, z], [x, x]).backward()
    assert (x.grad, y.grad, z.grad) == (0.0, 0.0, 5.0)
    returned = (1, np.array([2.0, 3.0]), (fraction for fraction in (0.5, 0.25)))
    function(x, [y, z], [x, x]).backward()
    assert (x.grad, y.grad, z.grad) == (1.75, 2.0, 8.0)


def test_in_a_larger_graph_and_against_scalar_nodes():
    def logistic(x):
        return 1.0 / (1.0 + math.exp(-x))

    def bwd(r, g):
        return (g * r * (1 - r),)

    def fwd(x):
        return logistic(x), logistic(x)

    function = define(logistic, fwd, bwd)

    def network(sigmoid, x, y):
        inner = sigmoid(x * y)
        return sigmoid(inner + tanh(sigmoid(inner) * x)) * inner + log(sigmoid(y))

    gradients = []
    for sigmoid in (function, lambda x: 1.0 / (1.0 + exp(-x))):
        x, y = Value(0.7), Value(-1.3)
        result = network(sigmoid, x, y)
        result.backward()
        gradients.append([result.data, x.grad, y.grad])
    assert gradients[0] == pytest.approx(gradients[1], rel=1e-12)


# -- the face


def test_a_call_is_one_node_with_the_name_of_the_function(hypotenuse):
    x, y = Value(3.0), Value(4.0)
    result = hypotenuse(x, y)
    assert (result._op, result._prev) == ("hypotenuse", {x, y})
    assert (result._block._op, result._block._prev) == ("hypotenuse", [x, y])
    result.grad = 5.0
    result._backward()
    assert (x.grad, y.grad) == (3.0, 4.0)
    partial = define(functools.partial(math.pow, 2.0), lambda x: (2.0**x, x), lambda x, g: (g,))
    assert partial(x)._op == "partial"


def test_it_looks_like_the_function(hypotenuse):
    assert hypotenuse.__name__ == "hypotenuse" and hypotenuse.__doc__ == "Return the length."
    assert hypotenuse.__module__ == __name__
    assert list(inspect.signature(hypotenuse).parameters) == ["x", "y"]
    assert autograd.custom_vjp is custom_vjp


def test_keywords_and_defaults_are_passed_by_position(hypotenuse):
    x, y = Value(3.0), Value(4.0)
    hypotenuse(y=y, x=x).backward()
    hypotenuse(x).backward()
    assert (x.grad, y.grad) == (1.2, 0.8)
    assert hypotenuse(x=3.0) == 5.0
    for arguments, keywords in [((), {}), ((1.0, 2.0, 3.0), {}), ((x,), {"z": 1.0}), ((x,), {"x": x})]:
        with pytest.raises(TypeError, match="argument"):
            hypotenuse(*arguments, **keywords)
    with pytest.raises(TypeError, match="must take its arguments by position, also scale"):
        define(lambda x, *, scale=1.0: x, list, list)(x)


def test_a_function_without_signature():
    with pytest.raises(ValueError):
        inspect.signature(math.hypot)
    function = define(math.hypot, lambda x, y: (5.0, None), lambda residuals, g: (g, g))
    x = Value(3.0)
    function(x, 4.0).backward()
    assert (x.grad, function(3, 4)) == (1.0, 5.0)
    with pytest.raises(TypeError, match="hypot has no signature, so its arguments must be given by position"):
        function(x=x)


# -- errors


def test_without_a_derivative():
    function = custom_vjp(math.exp)
    for argument in (1.0, Value(1.0)):
        with pytest.raises(RuntimeError, match=r"^exp has no derivative: call its defvjp\(fwd, bwd\) first"):
            function(argument)


def test_what_is_no_function():
    for thing in (None, 1.0, "f", Value(1.0)):
        with pytest.raises(TypeError, match=f"^custom_vjp expects a function, got {type(thing).__name__}"):
            custom_vjp(thing)
        with pytest.raises(TypeError, match=f"^defvjp of exp expects a function as fwd, got {type(thing).__name__}"):
            custom_vjp(math.exp).defvjp(thing, math.exp)
        with pytest.raises(TypeError, match=f"^defvjp of exp expects a function as bwd, got {type(thing).__name__}"):
            custom_vjp(math.exp).defvjp(math.exp, thing)


def test_bad_arguments(hypotenuse):
    for thing in (None, object(), 1j):
        message = f"argument 1 to be a Value, a number or a sequence of these, got {type(thing).__name__}"
        with pytest.raises(TypeError, match=f"^hypotenuse expects {message}"):
            hypotenuse(Value(1.0), thing)
    for thing in ("ab", [[1.0]], [None], [1.0, Value(1.0), "x"], np.ones((1, 1))):
        message = r"item \d of argument 1 to be one number, got (str|list|None)"
        with pytest.raises(TypeError, match=f"^hypotenuse expects {message}"):
            hypotenuse(Value(1.0), thing)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (None, "must return a number, or a tuple or list of numbers, got NoneType"),
        (Value(1.0), "must return a number, or a tuple or list of numbers, got Value"),
        ([1.0, None], "must return numbers, got NoneType as output 1"),
        ((Value(1.0), 1.0), "must return numbers, got Value as output 0"),
        ([[1.0]], "must return numbers, got list as output 0"),
        ("ab", "must return numbers, got str as output 0"),
    ],
)
def test_bad_outputs(output, message):
    def f(x):
        return output

    function = define(f, lambda x: (output, None), list)
    for argument in (1.0, Value(1.0)):
        with pytest.raises(TypeError, match=f"^f {message}"):
            function(argument)


@pytest.mark.parametrize("returned", [1.0, None, (1.0,), (1.0, 2.0, 3.0), [1.0, None]])
def test_fwd_returns_a_pair(returned):
    function = define(math.exp, lambda x: returned, list)
    with pytest.raises(TypeError, match=r"^fwd of exp must return a pair \(output, residuals\), got"):
        function(Value(1.0))


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        (None, TypeError, "a tuple with a gradient for each argument, got NoneType"),
        (1.0, TypeError, "a tuple with a gradient for each argument, got float"),
        ([1.0, [1.0, 2.0]], TypeError, "a tuple with a gradient for each argument, got list"),
        ((), ValueError, "a gradient for each of the 2 arguments, got 0"),
        ((1.0,), ValueError, "a gradient for each of the 2 arguments, got 1"),
        ((1.0, [1.0, 2.0], 3.0), ValueError, "a gradient for each of the 2 arguments, got 3"),
        (("1", None), TypeError, "a number or None as gradient 0, got str"),
        ((Value(1.0), None), TypeError, "a number or None as gradient 0, got Value"),
        (([1.0], None), TypeError, "a number or None as gradient 0, got list"),
        ((1.0, 2.0), TypeError, "a sequence of numbers as gradient 1, got float"),
        ((1.0, Value(2.0)), TypeError, "a sequence of numbers as gradient 1, got Value"),
        ((1.0, [1.0]), ValueError, "2 numbers as gradient 1, got 1"),
        ((1.0, np.ones(3)), ValueError, "2 numbers as gradient 1, got 3"),
        ((1.0, [1.0, "2"]), TypeError, "a number or None as number 1 of gradient 1, got str"),
        ((1.0, np.ones((2, 2))), TypeError, "a number or None as number 0 of gradient 1, got list"),
    ],
)
def test_bad_gradients_leave_the_graph_usable(returned, error, message):
    def f(x, ys):
        return x

    answer = returned
    function = define(f, lambda x, ys: (x, None), lambda residuals, g: answer)
    x, y, z = Value(1.0), Value(2.0), Value(3.0)
    result = function(tanh(x), [y * z, z]) * y
    with pytest.raises(error, match=f"^bwd of f must return {message}"):
        result.backward()
    assert (x.grad, z.grad) == (0.0, 0.0)
    y.grad = 0.0
    answer = (g := 1.0), [g, 1.0]
    result.backward()
    assert (x.grad, y.grad, z.grad) == pytest.approx((1 - math.tanh(1.0) ** 2, math.tanh(1.0) + 3.0, 3.0), rel=1e-15)


def test_an_exception_inside_leaves_the_graph_usable():
    broken = {"fwd", "bwd"}

    def fwd(x):
        if "fwd" in broken:
            raise KeyError("fwd")
        return 2 * x, None

    def bwd(residuals, g):
        if "bwd" in broken:
            raise KeyError("bwd")
        return (2 * g,)

    double = define(lambda x: 2 * x, fwd, bwd)
    x = Value(3.0)
    inner = x * x
    count = sys.getrefcount(inner)
    with pytest.raises(KeyError, match="fwd"):
        double(inner)
    assert sys.getrefcount(inner) == count
    broken.remove("fwd")
    result = double(inner) + inner
    with pytest.raises(KeyError, match="bwd"):
        result.backward()
    broken.remove("bwd")
    result.backward()
    assert (x.grad, inner.grad) == (18.0, 3.0)


def test_bwd_may_differentiate():
    """Sum of the derivatives of an inner graph, which `bwd` builds anew."""

    def bwd(x, g):
        inner = Value(x)
        (inner * inner * inner).backward()
        return (g * inner.grad,)

    cube = define(lambda x: x**3, lambda x: (x**3, x), bwd)
    x = Value(2.0)
    cube(cube(x) * 0.5).backward()
    assert x.grad == 3 * 4.0**2 * 0.5 * 12.0


# -- memory


def test_residuals_and_inputs_live_as_long_as_the_outputs():
    class Residuals:
        pass

    kept = []

    def fwd(x):
        residuals = Residuals()
        kept.append(weakref.ref(residuals))
        return (x, x), residuals

    function = define(lambda x: x, fwd, lambda residuals, g: (g[0],))
    x = Value(1.0)
    first, second = function(x)
    alive = weakref.ref(x)
    del x, first
    assert kept[0]() is not None and alive() is not None
    second.backward()
    del second
    assert kept[0]() is None and alive() is None


def test_a_cycle_through_the_residuals_is_collected():
    class Recorder:
        """Keeps its output and, as a method is its `bwd`, is kept by it."""

        def __init__(self):
            self.function = define(math.exp, lambda x: (math.exp(x), self), lambda residuals, g: (g,))

        def __call__(self, x):
            self.output = self.function(x)
            return tanh(self.output)

    recorder, x = Recorder(), Value(1.0)
    recorder.last = autograd.sum([recorder(x), 1.0])
    alive = [weakref.ref(recorder), weakref.ref(x)]
    del recorder, x
    gc.collect()
    assert [reference() for reference in alive] == [None, None]


def test_without_memory_there_is_an_exception_and_nothing_leaks():
    pytest.importorskip("_testcapi")
    from out_of_memory import call_without_memory

    x = [Value(float(i)) for i in range(1, 20)]
    counts = [sys.getrefcount(v) for v in x]
    function = define(list, lambda xs: (xs, xs), lambda xs, g: (g,))
    function(x)  # fills the caches of Python
    failures = 0
    for start in range(30):
        failures += call_without_memory(lambda: function(x), start, 1)[0]
        assert [sys.getrefcount(v) for v in x] == counts
    assert failures


def test_a_deep_chain(run_python):
    program = """
from autograd import Value, custom_vjp
double = custom_vjp(lambda x, ys: [2 * x, *ys])
double.defvjp(lambda x, ys: ([2 * x, *ys], [x] * 10), lambda residuals, g: (2 * g[0], g[1:]))
leaf = Value(1.0)
x = y = leaf
for _ in range(100_000):
    x, y = double(x, [y])
    x = x * 0.5
(x + y).backward()
print(leaf.grad)
del x, y
print(leaf.data)
"""
    assert run_python(program).split() == ["2.0", "1.0"]


def test_memory_is_flat_over_many_calls(run_python):
    program = """
import tracemalloc
from autograd import Value, custom_vjp
function = custom_vjp(lambda x, ys: [x, *ys])
function.defvjp(lambda x, ys: ([x, *ys], (x, ys)), lambda residuals, g: (g[0], g[1:]))
broken = custom_vjp(lambda x, ys: [x, *ys])
broken.defvjp(lambda x, ys: ([x, *ys], (x, ys)), lambda residuals, g: (g[0], g[2:]))
x = [Value(0.1 * i) for i in range(10)]
def calls(n):
    for i in range(n):
        function(x[0], x)[3].backward()
        try:
            broken(x[0], x)[3].backward()
        except ValueError:
            pass
    return tracemalloc.get_traced_memory()[0]
tracemalloc.start()
print(calls(100), calls(20_000))
"""
    before, after = map(int, run_python(program).split())
    assert after - before < 20_000  # bytes
