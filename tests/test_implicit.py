"""Implicit functions against published numbers, closed forms and mpmath."""

import math

import numpy as np
import pytest

from autograd import (
    Value,
    compile,
    cos,
    erfc,
    exp,
    grad,
    hessian,
    jacfwd,
    jacobian,
    jacrev,
    log,
    no_grad,
    sin,
    trace,
    value_and_grad,
    vmap,
    where,
)
from autograd.implicit import ConvergenceError, custom_root, fixed_point, root


def newton(g, x):
    for _ in range(50):
        h = 1e-7
        x = x - g(x) * h / (g(x + h) - g(x))
        if abs(g(x)) < 1e-15:
            break
    return x


SOLVERS = {
    "root": lambda f, x0: root(f, x0),
    "bracket": lambda f, x0: root(f, x0, (x0 - 2.0, x0 + 2.0)),
    "fixed_point": lambda f, x0: fixed_point(lambda x: x - f(x), x0),
    "custom_root": lambda f, x0: custom_root(f, x0, newton),
}
EVERY_SOLVER = pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS)


def derivatives(f, *point):
    """Return the value and the first three derivatives by the first argument."""
    result = []
    for _ in range(4):
        result.append(f(*point))
        f = grad(f)
    return result


@EVERY_SOLVER
def test_keplers_equation(solve):
    def anomaly(mean, eccentricity):
        return solve(lambda e: e - eccentricity * sin(e) - mean, mean)

    expected = [1.59974854822752945, 0.982927622426926935, -0.569552581942502092, 1.00628615906922315]
    assert derivatives(anomaly, 1.0, 0.6) == pytest.approx(expected, rel=1e-13)
    assert grad(anomaly, argnums=1)(1.0, 0.6) == pytest.approx(0.982515690938811328, rel=1e-13)
    mean, eccentricity = Value(1.0), Value(0.6)
    result = anomaly(mean, eccentricity)
    (2.0 * result).backward()
    assert [result.data, mean.grad / 2, eccentricity.grad / 2] == pytest.approx(
        [*expected[:2], 0.982515690938811328], rel=1e-13
    )
    assert anomaly(1.0, eccentricity).data == pytest.approx(expected[0], rel=1e-15)
    assert type(anomaly(1.0, 0.6)) is float
    with no_grad():
        assert anomaly(mean, 0.6).data == pytest.approx(expected[0], rel=1e-15)
    means = np.linspace(0.1, 3.0, 20)
    for transform in (grad, lambda f: grad(grad(f)), jacfwd):
        batch = compile(vmap(transform(anomaly), in_axes=(0, None)))(means, 0.6)
        assert batch == pytest.approx([transform(anomaly)(m, 0.6) for m in means.tolist()], rel=1e-11)


def price(volatility, strike=95.0, spot=100.0, rate=0.03):
    d = (log(spot / strike) + rate) / volatility + 0.5 * volatility

    def normal(x):
        return 0.5 * erfc(-x * 0.5**0.5)

    return spot * normal(d) - strike * exp(-rate) * normal(d - volatility)


def test_an_implied_volatility():
    def implied(paid):
        return root(lambda volatility: price(volatility) - paid, 0.5)

    def bracketed(paid):
        return root(lambda volatility: price(volatility) - paid, 3.0, (0.01, 5.0))

    # The third derivative by mpmath.
    expected = [0.2, 0.0284964001792604715, -0.000630207656951801314, 0.000320394614740253959]
    assert derivatives(implied, 12.1797020417631108) == pytest.approx(expected, rel=1e-13)
    assert derivatives(bracketed, 12.1797020417631108) == pytest.approx(expected, rel=1e-13)
    volatilities = np.random.default_rng(0).uniform(0.05, 1.0, 2000)
    paid = vmap(price)(volatilities)
    for f in (implied, bracketed):
        np.testing.assert_allclose(vmap(f)(paid), volatilities, rtol=1e-7)
    np.testing.assert_allclose(
        vmap(grad(implied))(paid) * vmap(grad(price))(volatilities), np.ones(2000), rtol=1e-6
    )


def test_orders_of_derivatives():
    """The order m of the root of x**2 - a against the closed form; more than was asked for is wrong."""
    for order in (1, 3, 7):
        f = lambda a, order=order: root(lambda x: x * x - a, 1.0, order=order)  # noqa: E731
        for k in range(1, order + 1):
            f = grad(f)
            expected = math.prod(0.5 - j for j in range(k)) * 2.0 ** (0.5 - k)
            assert f(2.0) == pytest.approx(expected, rel=1e-9), (order, k)
    short = trace(lambda a: root(lambda x: x * x - a, 1.0, order=1), 2.0)
    assert short.instructions < trace(lambda a: root(lambda x: x * x - a, 1.0, order=3), 2.0).instructions


@pytest.mark.parametrize("kind", ["root", "fixed_point", "custom_root"])
def test_a_system_of_equations(kind):
    def solution(a, start=(2.0, 0.5)):
        def f(x):
            return [x[0] ** 2 + x[1] ** 2 - a[0], x[0] - x[1] * a[1]]

        if kind == "root":
            return root(f, np.array(start))
        if kind == "fixed_point":
            return fixed_point(lambda x: x - np.array(f(x)), np.array(start))
        fsolve = pytest.importorskip("scipy.optimize").fsolve
        return custom_root(f, list(start), lambda g, x: fsolve(g, x))

    def closed(a):
        y = (a[0] / (1 + a[1] ** 2)) ** 0.5
        return np.array([y * a[1], y])

    a = np.array([2.0, 0.5])
    for transform in (
        lambda f: f,
        jacobian,
        lambda f: jacfwd(jacrev(f)),
        lambda f: hessian(lambda a: f(a)[0] * f(a)[1]),
    ):
        np.testing.assert_allclose(transform(solution)(a), transform(closed)(a), rtol=1e-10, atol=1e-12)
    points = np.random.default_rng(1).uniform(0.5, 3.0, (30, 2))
    np.testing.assert_allclose(vmap(jacobian(solution))(points), vmap(jacobian(closed))(points), rtol=1e-9, atol=1e-11)
    values = [Value(2.0), Value(0.5)]
    x, y = solution(values)
    (x * y).backward()
    assert [v.grad for v in values] == pytest.approx(grad(lambda a: closed(a)[0] * closed(a)[1])(a).tolist(), rel=1e-10)


def test_many_equations():
    n = 12

    def f(x, a):
        return [3 * x[i] + sin(x[i]) - x[i - 1] * 0.5 - a[i] for i in range(n)]

    a = np.linspace(0.5, 2.0, n)
    x = root(lambda x: f(x, a), np.zeros(n))
    np.testing.assert_allclose(f(x, a), np.zeros(n), atol=1e-14)
    by_a = jacobian(lambda a: root(lambda x: f(x, a), np.zeros(n)))(a)
    np.testing.assert_allclose(by_a, np.linalg.inv(np.array(jacobian(f)(x, a))), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    ("f", "x0", "bracket", "expected"),
    [
        (lambda x: x**3 - 2 * x + 2, 0.0, (-3.0, 1.0), -1.7692923542386314),
        (lambda x: x**3 + x, 1.0, None, 0.0),
        (lambda x: x**3 + x, 1.0, (-1.0, 3.0), 0.0),
        (lambda x: exp(x) - 1e3, 1.0, None, math.log(1e3)),
        (lambda x: exp(x) - 1e-200, 1.0, (-1000.0, 10.0), math.log(1e-200)),
        (lambda x: x.arctan() if isinstance(x, Value) else math.atan(x), 30.0, None, 0.0),
        (lambda x: where(x < 1.5, -1.0, 1.0) + 0.0 * x, 1.2, (0.0, 4.0), 1.5),
        (lambda x: 2.0 - x, 3.0, (5.0, 1.0), 2.0),
        (lambda x: x - 1e-30, 1.0, None, 1e-30),
        (lambda x: (x - 1) ** 3, 3.0, None, 1.0),
        (lambda x: x - 2.0, 2.0, None, 2.0),
        (lambda x: x, 5.0, (0.0, 1.0), 0.0),
    ],
)
def test_searches(f, x0, bracket, expected):
    tolerance = {"rel": 1e-14, "abs": 1e-30} if expected != 1.0 else {"rel": 1e-4}
    assert root(f, x0, bracket, order=0) == pytest.approx(expected, **tolerance)
    batch = vmap(lambda start: root(f, start, bracket, order=0))
    np.testing.assert_allclose(batch(np.full(3, x0)), np.full(3, expected), tolerance["rel"], tolerance.get("abs", 0.0))


def test_a_search_that_finds_nothing_names_the_lane():
    def f(a):
        return root(lambda x: x * x + a, 1.0)

    with pytest.raises(ConvergenceError, match=r"^root: no root within 100 steps, which led to "):
        f(1.0)
    points = np.full(1000, -1.0)
    for lane in (0, 700):
        points[lane] = 1.0
        for g in (f, grad(f), compile(f)):
            with pytest.raises(ConvergenceError, match=rf"^in lane {lane}: root: no root within") as caught:
                vmap(g)(points)
            assert caught.value.lane == lane
        points[lane] = -4.0
        assert vmap(f)(points)[lane] == 2.0
    with pytest.raises(ConvergenceError, match=r"in lane 1: root: no change of sign between 1.0 and 2.0, or no root"):
        vmap(lambda a: root(lambda x: x - a, 1.5, (1.0, 2.0)))([1.5, 3.0])
    with pytest.raises(ConvergenceError, match=r"in lane 1: custom_root: guess returned 5.0, which is no root"):

        def guess(g, x):
            return 5.0

        vmap(lambda a: custom_root(lambda x: x * x - a, 1.0, guess))([25.0, -1.0])
    with pytest.raises(ConvergenceError, match="within 3 steps"):
        root(lambda x: exp(x) - 1e200, 1.0, max_steps=3)


def test_bad_arguments_and_exceptions_of_a_solver():
    with pytest.raises(ValueError, match=r"root expects a number or a vector as x0, got an array of shape \(2, 2\)"):
        root(lambda x: x, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="root: a bracket is for a number, and x0 is a vector"):
        root(lambda x: x, [1.0], (0.0, 1.0))

    def fail(g, x):
        raise KeyError("no luck")

    for call in (lambda f: f(2.0), lambda f: f(Value(2.0)), grad, vmap):
        with pytest.raises(KeyError, match="no luck"):
            call(lambda a: custom_root(lambda x: x - a, 1.0, fail))([2.0] if call is vmap else 2.0)


def test_a_fixed_point_that_repels():
    assert fixed_point(cos, 1.0) == pytest.approx(0.7390851332151607, rel=1e-15)
    assert fixed_point(lambda x: 3.0 * x - 4.0, 10.0) == pytest.approx(2.0, rel=1e-15)
    w = Value(3.0)
    value, slope = value_and_grad(lambda b: fixed_point(lambda x: w * x - b, 10.0))(4.0)
    assert (value, slope) == pytest.approx((2.0, 0.5), rel=1e-14)
