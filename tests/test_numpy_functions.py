"""The functions of NumPy and SciPy on Values, on arrays of Values and in traces, against NumPy and closed forms."""

import math

import mpmath
import numpy as np
import pytest

import autograd
from autograd import Value, compile, functions, grad, hessian, jacobian, trace, vmap

INF, NAN = math.inf, math.nan
NUMBERS = [0.7, 1.9, 2.5]
#: Functions of an array, of numbers as of Values.
OF_ARRAYS = {
    "var": np.var,
    "std": np.std,
    "ddof": lambda a: np.var(a, ddof=1),
    "vdot": lambda a: np.vdot(a, a[::-1] * a),
    "cumsum": lambda a: np.cumsum(a * a)[1:].sum(),
    "cumprod": lambda a: np.cumprod(a).sum(),
    "prod": np.prod,
    "norm": np.linalg.norm,
    "norm_1": lambda a: np.linalg.norm(a, 1),
    "clip": lambda a: np.clip(a, 1.0, 2.0).sum(),
    "where": lambda a: np.where(a > 1.0, a * a, 3 * a).sum(),
    "maximum.reduce": np.maximum.reduce,
    "minimum.reduce": lambda a: np.minimum.reduce(a * a),
    "median": np.median,
    "quantile": lambda a: np.quantile(a, 0.3),
    "average": lambda a: np.average(a, weights=[1, 2, 3]),
    "ptp": np.ptp,
    "diff": lambda a: (np.diff(a) ** 2).sum(),
    "trapezoid": lambda a: np.trapezoid(a * a) if hasattr(np, "trapezoid") else np.trapz(a * a),
    "einsum": lambda a: np.einsum("i,j->", a, a),
    "convolve": lambda a: np.convolve(a, a)[2],
    "polyval": lambda a: np.polyval([1, 2, 3], a).sum(),
    "round": lambda a: (a * np.round(a, 1)).sum(),
    "floor": lambda a: (a * np.floor(a) + np.ceil(a) - np.trunc(a)).sum(),
    "remainder": lambda a: (a * a % 1.5 + 7.1 % a).sum(),
    "floor_divide": lambda a: (a * a // 0.3).sum() + a[0],
    "exp2": lambda a: np.exp2(a).sum(),
    "degrees": lambda a: np.sin(np.deg2rad(np.rad2deg(a))).sum(),
    "sign": lambda a: (np.sign(a - 1.0) * a).sum(),
}


def slopes(function):
    """Return central differences of a function of an array."""
    steps = 1e-6 * np.eye(len(NUMBERS))
    return [(function(np.array(NUMBERS) + h) - function(np.array(NUMBERS) - h)) / 2e-6 for h in steps]


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_functions_of_arrays_of_values(name):
    function = OF_ARRAYS[name]
    values = np.array([Value(x) for x in NUMBERS])
    result = function(values)
    result.backward()
    gradient = [v.grad for v in values]
    assert result.data == pytest.approx(function(np.array(NUMBERS)), rel=1e-14)
    assert gradient == pytest.approx(slopes(function), rel=1e-7, abs=1e-7)
    compiled = compile(function)
    assert compiled(np.array(NUMBERS)) == pytest.approx(result.data, rel=1e-14)
    assert grad(compiled)(np.array(NUMBERS)) == pytest.approx(gradient, rel=1e-13)
    assert vmap(grad(compiled))(np.array([NUMBERS, NUMBERS])) == pytest.approx(np.array([gradient] * 2), rel=1e-13)


@pytest.mark.parametrize("x", [7.25, -7.25, 2.0, -0.5, 0.0, 1e300, 2.675, 1e16])
def test_operators_have_the_bits_of_floats(x):
    for y in (2.0, -3.0, 0.1, 7.25):
        for got, expected in [
            (divmod(Value(x), y), divmod(x, y)),
            (divmod(Value(x), Value(y)), divmod(x, y)),
            (divmod(x, Value(y)), divmod(x, y)),
            ((Value(x) // y, x // Value(y)), (x // y, x // y)),
            ((Value(x) % y, x % Value(y)), (x % y, x % y)),
        ]:
            assert [repr(v.data) for v in got] == list(map(repr, expected))
    for digits in (0, 1, 2, -1):
        assert round(Value(x), digits).data == round(x, digits)
    for function in (round, math.floor, math.ceil, math.trunc):
        result = function(Value(x))
        assert type(result) is Value and result.data == function(x)


def test_foreign_operands_are_type_errors():
    for operate in (lambda x: Value(1.0) % x, lambda x: x // Value(1.0), lambda x: divmod(Value(1.0), x)):
        with pytest.raises(TypeError, match="unsupported operand"):
            operate(None)
    with pytest.raises(TypeError, match="integer"):
        round(Value(1.0), "1")
    for function in (functions.isnan, functions.isinf, functions.isfinite, functions.deg2rad, functions.nan_to_num):
        with pytest.raises(TypeError):
            function("1")
    assert divmod(np.array([5.0]), Value(2.0))[1][0].data == 1.0


def test_rounding_to_digits_in_programs():
    x = np.array([2.675, -1.25, 0.125, 1234.5678, 1e20, -0.04])
    for digits in (0, 1, 2, 3, -2):
        got = vmap(lambda v, n=digits: round(v, n))(x)
        assert got == pytest.approx(np.round(x, digits), rel=1e-15)
    assert grad(lambda v: round(v, 2) + v)(0.123) == 1.0


@pytest.mark.parametrize("x", [0.5, -INF, INF, NAN])
def test_isnan_and_its_like(x):
    for name in ("isnan", "isinf", "isfinite"):
        function, expected = getattr(functions, name), bool(getattr(np, name)(x))
        assert function(x) is function(Value(x)) is getattr(Value(x), name)() is expected
        assert function(np.array([x, 1.0])).tolist() == getattr(np, name)([x, 1.0]).tolist()
        with np.errstate(invalid="ignore"):  # NumPy warns of comparing a nan in an array of objects.
            assert function(np.array([Value(x)])).tolist() == [expected]

        def choose(v, function=function):
            return 1.0 if function(v) else 2.0

        compiled = compile(choose)
        assert compiled(0.25) == (1.0 if name == "isfinite" else 2.0)
        assert compiled(x) == (1.0 if expected else 2.0)
        assert vmap(compiled)([x, 0.25]).tolist() == [choose(x), choose(0.25)]
        assert vmap(lambda v, function=function: autograd.where(function(v), 1.0, 2.0))([x])[0] == choose(x)
    assert "guard" in str(trace(lambda v: 1.0 if functions.isnan(v) else v, 2.0))


@pytest.mark.parametrize(
    "x, value, slope", [(0.5, 0.5, 1), (NAN, 0.0, 0), (INF, 1.7976931348623157e308, 0), (-INF, -3.0, 0)]
)
def test_nan_to_num(x, value, slope):
    def f(v):
        return functions.nan_to_num(v, neginf=-3.0)

    v = Value(x)
    result = f(v)
    result.backward()
    assert (f(x), result.data, v.grad) == (value, value, slope)
    assert f(np.array([x])).tolist() == [value] and f(np.array([Value(x)]))[0].data == value
    assert vmap(f)([x]).tolist() == [value]
    assert vmap(grad(f))([x]).tolist() == [slope]
    assert functions.nan_to_num(Value(x), 1.0, 2.0).data == np.nan_to_num(x, nan=1.0, posinf=2.0)


XP, FP = [0.0, 1.0, 3.0, 4.0], [1.0, -1.0, 5.0, 5.5]


@pytest.mark.parametrize("x", [-1.0, 0.0, 0.25, 1.0, 2.9, 3.0, 4.0, 7.0, INF, -INF])
def test_interp_against_numpy(x):
    expected = np.interp(x, XP, FP)
    assert functions.interp(x, XP, FP) == functions.interp(Value(x), XP, FP).data == expected
    assert compile(functions.interp)(x, XP, FP) == expected
    assert vmap(lambda v: functions.interp(v, XP, FP))([x, x])[0] == expected


def test_derivatives_of_interp():
    def f(x, xp, fp):
        return functions.interp(x, xp, fp)

    by_x, by_xp, by_fp = grad(f, argnums=(0, 1, 2))(2.0, XP, FP)
    assert (by_x, list(by_fp)) == (3.0, [0, 0.5, 0.5, 0])
    assert list(by_xp) == pytest.approx([0, -1.5, -1.5, 0])
    x = Value(2.0)
    f(x, XP, FP).backward()
    assert x.grad == 3.0
    outside = Value(9.0)
    f(outside, XP, FP).backward()
    assert outside.grad == 0.0
    assert vmap(grad(f), in_axes=(0, None, None))([-1.0, 0.5, 3.5, 9.0], XP, FP).tolist() == [0.0, -2.0, 0.5, 0.0]
    values = functions.interp(np.array([Value(0.5), 2.0], dtype=object), XP, FP)
    assert (values[0].data, values[1]) == (0.0, 2.0)
    assert math.isnan(functions.interp(NAN, XP, FP)) and math.isnan(functions.interp(Value(NAN), XP, FP).data)
    assert functions.interp(np.array([0.5, 2.0]), XP, FP).tolist() == [0.0, 2.0]
    with pytest.raises(ValueError, match="got 4 and 1"):
        functions.interp(1.0, XP, [1.0])
    with pytest.raises(ValueError, match="at least one"):
        functions.interp(1.0, [], [])


def test_norm():
    values = [Value(3.0), 4.0]
    result = functions.norm(values)
    result.backward()
    assert (result.data, values[0].grad) == (5.0, pytest.approx(0.6, rel=1e-15))
    assert functions.norm([3, 4]) == functions.norm(np.array([3.0, 4.0])) == functions.norm(iter([3.0, 4.0])) == 5.0
    assert functions.norm([]) == 0.0
    assert hessian(functions.norm)([3.0, 4.0]) == pytest.approx(np.array([[16, -12], [-12, 9]]) / 125, rel=1e-14)
    assert math.isnan(functions.norm([Value(NAN)]).data)


@pytest.mark.parametrize("function", [functions.norm, lambda x: functions.hypot(x[0], x[1])])
def test_a_length_has_no_slope_at_zero(function):
    values = [Value(0.0), Value(-0.0)]
    result = function(values)
    result.backward()
    assert [result.data, *(v.grad for v in values)] == [0.0, 0.0, 0.0]
    for x in (np.zeros(2), np.array([0.0, 1.0])):
        assert np.isfinite(grad(function)(x)).all() and np.isfinite(jacobian(grad(function))(x)).all()
    assert vmap(grad(function))(np.zeros((3, 2))).tolist() == [[0.0, 0.0]] * 3


def test_logsumexp_of_nothing_has_no_slope():
    for n in (1, 3):
        values = [Value(-INF) for _ in range(n)]
        result = functions.logsumexp(values)
        result.backward()
        assert [result.data, *(v.grad for v in values)] == [-INF] + [0.0] * n
        assert vmap(grad(functions.logsumexp))(np.full((2, n), -INF)).tolist() == [[0.0] * n] * 2
    assert list(grad(functions.logsumexp)([-INF, 2.0])) == [0.0, 1.0]
    assert list(grad(functions.logsumexp)([INF, INF])) == [0.5, 0.5]


@pytest.mark.parametrize("a, b", [(0.3, -2.0), (700.0, 1.0), (-5.0, -5.0)])
def test_logaddexp_is_logsumexp_of_two(a, b):
    assert functions.logaddexp(a, b) == pytest.approx(np.logaddexp(a, b), rel=1e-15)
    assert functions.logaddexp2(a, b) == pytest.approx(np.logaddexp2(a, b), rel=1e-15)
    with mpmath.workdps(40):
        expected = mpmath.diff(lambda x: mpmath.log(mpmath.exp(x) + mpmath.exp(b)), a, 2)
    assert grad(grad(functions.logaddexp))(a, b) == pytest.approx(float(expected), rel=1e-12)


def test_degrees():
    assert functions.deg2rad(180) == functions.radians(180.0) == math.pi
    for x in (1.5, -77.7, 1e300):
        assert functions.deg2rad(Value(x)).data == math.radians(x)
        assert functions.degrees(Value(x)).data == math.degrees(x)
