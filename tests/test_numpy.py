"""Values among NumPy's scalars and arrays."""

import math

import numpy as np
import pytest
from bits import bits

from autograd import Value, functions, ops

SCALARS = [
    np.float64(2),
    np.float32(2),
    np.float16(2),
    np.longdouble(2),
    np.int8(2),
    np.int16(2),
    np.int32(2),
    np.int64(2),
    np.uint8(2),
    np.uint64(2),
]


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda s: type(s).__name__)
def test_scalar_on_either_side_gives_a_value(scalar):
    for operate, derivatives in [
        (np.add, (1, 1)),
        (np.subtract, (1, -1)),
        (np.multiply, (2, 2)),
        (np.true_divide, (0.5, -2 / 9)),
        (np.power, (6, 8 * math.log(2))),
    ]:
        python = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}[operate.__name__]
        v, w = Value(3.0), Value(3.0)
        left, right = eval(f"v {python} s", {"v": v, "s": scalar}), eval(f"s {python} v", {"v": w, "s": scalar})
        assert type(left) is type(right) is Value
        assert (left.data, right.data) == (eval(f"3.0 {python} 2.0"), eval(f"2.0 {python} 3.0"))
        left.backward()
        right.backward()
        assert (v.grad, w.grad) == pytest.approx(derivatives, rel=1e-15)
        assert type(operate(v, scalar)) is type(operate(scalar, v)) is Value


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda s: type(s).__name__)
def test_comparison_with_a_scalar(scalar):
    v = Value(3.0)
    assert scalar < v and v > scalar and scalar <= v and v >= scalar and scalar != v and v != scalar
    assert not (scalar > v or v < scalar or scalar == v or v == scalar)
    assert scalar == Value(2.0) and Value(2.0) == scalar


@pytest.mark.parametrize("integer", [2**53 + 1, -(2**53) - 1, 2**62 + 1])
def test_a_large_integer_of_numpy_is_compared_as_the_double_that_numpy_makes_of_it(integer):
    scalar = np.int64(integer)
    v = Value(float(integer))
    assert (v == scalar) is bool(v.data == scalar) is True
    assert (v < scalar, v > scalar, v != scalar) == (False, False, False)
    assert (v + scalar).data == v.data + float(scalar)


def test_numpy_booleans():
    v = Value(3.0)
    assert v > np.True_ and v != np.False_ and Value(1.0) == np.True_ and Value(np.True_).data == 1.0
    assert (np.bool_(True) * v).data == (v * np.bool_(True)).data == 3.0
    assert (np.bool_(True) + v).data == 4.0


def check_array(got, expected, shape=None):
    assert isinstance(got, np.ndarray) and got.dtype == object
    assert got.shape == (shape or np.shape(expected))
    assert all(type(value) is Value for value in got.flat)
    assert [value.data for value in got.flat] == np.ravel(expected).tolist()


def test_array_of_numbers_and_a_value():
    numbers = np.array([1.0, 2.0, 4.0])
    for operate in (np.add, np.subtract, np.multiply, np.true_divide, np.power):
        python = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}[operate.__name__]
        for left, right in [("a", "v"), ("v", "a")]:
            v = Value(3.0)
            got = eval(f"{left} {python} {right}", {"a": numbers, "v": v})
            expected = eval(f"{left} {python} {right}", {"a": numbers, "v": 3.0})
            check_array(got, expected)
            functions.sum(got).backward()
            assert v.grad != 0.0


@pytest.mark.parametrize("dtype", [float, np.float32, int, np.uint8])
def test_arrays_of_every_kind_and_shape(dtype):
    v = Value(3.0)
    check_array(np.arange(6, dtype=dtype).reshape(2, 3) * v, np.arange(6.0).reshape(2, 3) * 3)
    check_array(v * np.zeros((0, 2), dtype), [], (0, 2))
    for zero_dimensional in (v * np.array(2, dtype), np.array(2, dtype) * v):
        assert type(zero_dimensional) is Value and zero_dimensional.data == 6.0


def test_arrays_of_values():
    a = np.array([Value(1.0), Value(2.0)])
    b = np.array([Value(3.0), Value(4.0)])
    assert a.dtype == object and a.shape == (2,)
    for got, expected in [
        (a + b, [4, 6]),
        (a - b, [-2, -2]),
        (a * b, [3, 8]),
        (a / b, [1 / 3, 0.5]),
        (a**b, [1, 16]),
        (a**2, [1, 4]),
        (2**a, [2, 4]),
        (-a, [-1, -2]),
        (+a, [1, 2]),
        (abs(-a), [1, 2]),
        (a * np.array([5.0, 6.0]), [5, 12]),
        (np.array([5, 6]) - a, [4, 4]),
        (a * 2 + 1, [3, 5]),
        (a[:, None] * b, [[3, 4], [6, 8]]),
        (a * Value(2.0), [2, 4]),
        (Value(2.0) * a, [2, 4]),
        (a @ np.array([[b[0], b[1]], [b[1], b[0]]]), [11, 10]),
        (np.outer(a, b), [[3, 4], [6, 8]]),
        (np.cumsum(a), [1, 3]),
    ]:
        check_array(got, expected)


def test_reductions_give_values_with_gradients():
    for reduce, data, grads in [
        (lambda a, b: a @ b, 11.0, [3.0, 4.0]),
        (lambda a, b: np.dot(a, b), 11.0, [3.0, 4.0]),
        (lambda a, b: a.sum(), 3.0, [1.0, 1.0]),
        (lambda a, b: np.sum(a * b), 11.0, [3.0, 4.0]),
        (lambda a, b: a.mean(), 1.5, [0.5, 0.5]),
        (lambda a, b: a.prod(), 2.0, [2.0, 1.0]),
        (lambda a, b: a.max(), 2.0, [0.0, 1.0]),
        (lambda a, b: functions.sum(a), 3.0, [1.0, 1.0]),
        (lambda a, b: functions.dot(a, b), 11.0, [3.0, 4.0]),
        (lambda a, b: sum(a), 3.0, [1.0, 1.0]),
    ]:
        a = np.array([Value(1.0), Value(2.0)])
        result = reduce(a, np.array([3.0, 4.0]))
        assert type(result) is Value and result.data == data
        result.backward()
        assert [v.grad for v in a] == grads


#: NumPy's sign of an object compares it with 0, and is an integer.
NUMPYS = sorted(
    name
    for name, row in ops.OPS.items()
    if row.parameters and hasattr(np, name) and len(row.grads) == 1 and name != "sign"
)


def test_there_are_functions_of_numpy():
    assert {"exp", "log", "sin", "tanh", "sqrt", "cbrt", "arctan", "log1p"} <= set(NUMPYS)


@pytest.mark.parametrize("name", NUMPYS)
def test_functions_of_numpy_work_on_values_and_arrays_of_values(name):
    x = 1.25 if name == "arccosh" else 0.25
    expected = getattr(Value(x), name)()
    expected_leaf = next(iter(expected._prev))
    expected.backward()

    v = Value(x)
    got = getattr(np, name)(v)
    assert type(got) is Value and bits(got.data) == bits(expected.data)
    got.backward()
    assert v.grad == expected_leaf.grad

    values = np.array([[Value(x), Value(x)]])
    got = getattr(np, name)(values)
    assert got.shape == (1, 2) and bits(got[0, 1].data) == bits(expected.data)
    got[0, 1].backward()
    assert [value.grad for value in values[0]] == [0.0, expected_leaf.grad]


def test_functions_of_numpy_of_two_arguments():
    for function, data in [
        (np.hypot, 5.0),
        (np.arctan2, math.atan2(3, 4)),
        (np.fmod, 3.0),
        (np.remainder, 3.0),
        (np.floor_divide, 0.0),
    ]:
        a, b = Value(3.0), Value(4.0)
        assert function(a, b).data == data
        check_array(function(np.array([a]), np.array([b])), [data])
        check_array(function(np.array([a]), 4.0), [data])


def test_maximum_and_minimum_of_numpy_choose():
    v = Value(2.0)
    assert np.maximum(v, 0) is v and np.minimum(v, 5) is v
    assert np.maximum(v, 3) == 3
    a = np.array([Value(-1.0), Value(2.0)])
    rectified = np.maximum(a, 0)
    assert [float(getattr(x, "data", x)) for x in rectified] == [0.0, 2.0]
    assert rectified[1] is a[1]
    assert np.sort(a[::-1])[0] is a[0]
    assert np.argmax(a) == 1


def test_absolute_negative_square_of_numpy():
    v = Value(-3.0)
    assert [f(v).data for f in (np.abs, np.negative, np.square, np.reciprocal)] == [
        3.0,
        3.0,
        9.0,
        pytest.approx(-1 / 3),
    ]


def test_clip_of_numpy():
    a = np.array([Value(-1.0), Value(0.5), Value(2.0)])
    assert [float(getattr(x, "data", x)) for x in np.clip(a, 0, 1)] == [0.0, 0.5, 1.0]


def test_a_function_that_has_no_derivative_rule_is_a_type_error():
    for function in (np.spacing, np.logaddexp, np.heaviside):
        with pytest.raises(TypeError):
            function(*[Value(2.0)] * function.nin)


def test_conversion_to_a_float_array_is_a_type_error():
    v = Value(2.0)
    for convert in (
        lambda: np.array([v, v], float),
        lambda: np.array([v]).astype(float),
        lambda: np.asarray(v, dtype=float),
        lambda: np.full(3, v, dtype=float),
        lambda: np.zeros(2).__setitem__(slice(None), v),
        lambda: np.float64(v),
    ):
        with pytest.raises(TypeError):
            convert()


def test_in_place_operators_make_a_new_array():
    numbers = result = np.ones(2)
    result *= Value(2.0)
    check_array(result, [2.0, 2.0])
    assert numbers.tolist() == [1.0, 1.0]


def test_comparison_of_a_value_with_an_array_is_elementwise():
    v = Value(2.0)
    numbers = np.array([1.0, 2.0, 3.0])
    assert (v < numbers).tolist() == (numbers > v).tolist() == [False, False, True]
    assert (v == numbers).tolist() == (numbers == v).tolist() == [False, True, False]
    assert (np.array([v, v * 2]) >= 3).tolist() == [False, True]


def test_an_exception_passes_through_numpy():
    with pytest.raises(ZeroDivisionError):
        np.array([1.0, 2.0]) / Value(0.0)
    with pytest.raises(ValueError, match="math domain"):
        np.log(np.array([Value(-1.0)]))


def test_functions_on_arrays_that_mix_numbers_and_values():
    mixed = np.array([Value(1.0), 2.0, 3], dtype=object)
    got = functions.exp(mixed)
    assert [type(x) for x in got] == [Value, float, float]
    assert [bits(getattr(x, "data", x)) for x in got] == [bits(math.exp(k)) for k in (1, 2, 3)]
    assert (functions.hypot(np.array([3.0, 6.0]), np.array([4.0, 8.0]))).tolist() == [5.0, 10.0]
    assert functions.maximum(np.array([[1.0], [5.0]]), np.array([2.0, 9.0])).tolist() == [[2.0, 9.0], [5.0, 9.0]]


def test_functions_on_arrays_broadcast_values():
    v = Value(2.0)
    got = functions.maximum(np.arange(4.0).reshape(2, 2), v)
    check_array(got, [[2, 2], [2, 3]])
    functions.sum(got.ravel()).backward()
    assert v.grad == 2.5


def test_functions_on_arrays_of_no_numbers_are_errors():
    for array in (np.array(["a"]), np.array([None]), np.array([object()])):
        for function in (functions.exp, functions.sigmoid):
            with pytest.raises((TypeError, ValueError)):
                function(array)
    with pytest.raises(ValueError, match="broadcast"):
        functions.hypot(np.ones(2), np.ones(3))


def test_constructor_takes_scalars_but_no_arrays():
    assert Value(np.float32(0.5)).data == 0.5
    for array in (np.array(1.0), np.ones(1), np.ones((1, 1))):
        with pytest.raises(TypeError, match="data must be a real number, got ndarray"):
            Value(array)
    assert [Value(x).data for x in np.linspace(0, 1, 3)] == [0.0, 0.5, 1.0]


def test_a_gradient_descent_written_with_arrays():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(20, 3))
    targets = inputs @ np.array([1.0, -2.0, 0.5]) + 0.25
    weights, bias = np.array([Value(0.0) for _ in range(3)]), Value(0.0)
    for _ in range(100):
        residuals = inputs @ weights + bias - targets
        loss = (residuals**2).mean()
        for parameter in (*weights, bias):
            parameter.grad = 0.0
        loss.backward()
        for parameter in (*weights, bias):
            parameter.data -= 0.2 * parameter.grad
    assert [w.data for w in weights] == pytest.approx([1.0, -2.0, 0.5], abs=1e-3)
    assert bias.data == pytest.approx(0.25, abs=1e-3)
