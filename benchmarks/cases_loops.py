"""Loops as instructions, beside the same loops unrolled and JAX's."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import models
import simulations
from cases_programs import CHECKED, arrays, at_a_point, over_a_batch, with_functions, workload
from engines import Engine
from registry import Workload, benchmark, section, target

LOOPS = section(
    "loops",
    "Loops and batches inside programs",
    "Value and gradient of recurrences, and of a function with a `vmap` inside. "
    "Where autograd's row says nothing, the loop is one instruction, a `scan`; "
    "unrolled, it is Python's own loop. JAX runs `lax.scan` of the same body, confined to one core. The column of the "
    "value is the function without its derivative. The first call traces and compiles.",
)

DECAY_STEPS, DECAY_POINTS = 100_000, 1_024


def _scan(engine: Engine) -> Callable[..., Any]:
    return engine.module.lax.scan if engine.name == "jax" else engine.module.loops.scan  # type: ignore[no-any-return]


def _decay(engine: Engine, steps: int = DECAY_STEPS) -> Callable[[Any], Any]:
    scan = _scan(engine)

    def function(p: Any) -> Any:
        # A carry that depends on p from the start, so that every engine gives it one type.
        return scan(lambda x, _: (x - (1.0 / steps) * x * p, None), 1.0 + 0.0 * p, None, length=steps)[0]

    return function


@benchmark(
    "decay",
    LOOPS,
    f"Decay of {DECAY_STEPS:,} steps, {DECAY_POINTS:,} points",
    ("autograd", "jax"),
    unit="us",
    per=DECAY_POINTS,
    of="point",
    base="value",
    left_out_by_quick=("jax",),
)
def decay(engine: Engine) -> Workload:
    points = [0.5 + k / DECAY_POINTS for k in range(DECAY_POINTS)]
    return over_a_batch(engine, _decay(engine), arrays(points))


RING_STEPS, RING = 614, 60


def _ring(engine: Engine, body_only: bool = True) -> Callable[[Any], Any]:
    tanh, scan = engine.functions["tanh"], _scan(engine)

    def step(c: Any, x: Any) -> Any:
        return [c[k] + 0.01 * (tanh(c[(k + 1) % RING]) - 0.1 * c[k] + 0.01 * x) for k in range(RING)]

    def looped(x: Any) -> Any:
        start = [x * (0.1 + 0.01 * k) for k in range(RING)]
        carry, _ = scan(lambda c, _: (step(c, x), None), start, None, length=RING_STEPS)
        return carry[0] * carry[0]

    def unrolled(x: Any) -> Any:
        carry = [x * (0.1 + 0.01 * k) for k in range(RING)]
        for _ in range(RING_STEPS):
            carry = step(carry, x)
        return carry[0] * carry[0]

    return looped if body_only else unrolled


@benchmark(
    "ring",
    LOOPS,
    f"{RING_STEPS} steps with {RING} numbers carried, one point",
    ("autograd", "autograd/unrolled", "jax"),
    unit="ms",
    per=1,
    of="call",
    base="value",
    left_out_by_quick=("jax",),
)
def ring(engine: Engine) -> Workload:
    return at_a_point(engine, _ring(engine), (0.5,))


@ring.on("autograd/unrolled", "unrolled")
def ring_unrolled(engine: Engine) -> Workload:
    return at_a_point(engine, _ring(engine, body_only=False), (0.5,))


HESTON_POINTS = 2_000


def _heston(engine: Engine) -> Callable[..., Any]:
    functions, scan = engine.functions, _scan(engine)
    exp, sqrt, maximum = (functions[name] for name in ("exp", "sqrt", "maximum"))
    step = 1.0 / simulations.STEPS

    def payoff(
        spot: Any, variance: Any, kappa: Any, theta: Any, xi: Any, rho: Any, rate: Any, first: Any, second: Any
    ) -> Any:
        def advance(carry: Any, normals: Any) -> Any:
            log_spot, variance = carry
            positive = maximum(variance, 0.0)
            deviation = sqrt(positive + 1e-12) * step**0.5
            log_spot = log_spot + (rate - 0.5 * positive) * step + deviation * normals[0]
            noise = xi * deviation * (rho * normals[0] + sqrt(1.0 - rho * rho) * normals[1])
            return (log_spot, variance + kappa * (theta - positive) * step + noise), None

        (log_spot, _), _ = scan(advance, (0.0 * spot, variance), (first, second))
        return exp(-rate) * maximum(spot * exp(log_spot) - 100.0, 0.0)

    return payoff


@benchmark(
    "heston_scan",
    LOOPS,
    f"Heston, 252 steps, seven sensitivities, {HESTON_POINTS:,} points",
    ("autograd", "autograd/unrolled", "jax"),
    unit="us",
    per=HESTON_POINTS,
    of="point",
    base="value",
    left_out_by_quick=("jax",),
)
def heston_scan(engine: Engine) -> Workload:
    return _heston_workload(engine, _heston(engine))


@heston_scan.on("autograd/unrolled", "unrolled")
def heston_unrolled(engine: Engine) -> Workload:
    return _heston_workload(engine, with_functions(simulations.heston, engine))


def _heston_workload(engine: Engine, payoff: Callable[..., Any]) -> Workload:
    parameters = (100.0, 0.04, 1.5, 0.04, 0.3, -0.6, 0.03)
    normals = arrays(*(simulations.normals(HESTON_POINTS, seed=seed) for seed in range(2)))
    axes = (None,) * len(parameters) + (0, 0)
    argnums = tuple(range(len(parameters)))
    return over_a_batch(engine, payoff, [*parameters, *normals], argnums=argnums, in_axes=axes)


ROWS, COLUMNS = 1_000, 20


def _logistic(engine: Engine) -> tuple[Callable[[Any], Any], Any]:
    """Return the loss of a logistic regression, and the weights."""
    numpy = importlib.import_module("numpy")
    generator = numpy.random.default_rng(0)
    x, weights = generator.normal(size=(ROWS, COLUMNS)), generator.normal(size=COLUMNS) * 0.1
    labels = (generator.random(ROWS) > 0.5) * 1.0
    module = engine.module

    def loss(w: Any, x: Any, label: Any) -> Any:
        if engine.name == "jax":
            score = module.numpy.dot(w, x)
            return module.nn.softplus(score) - label * score
        score = module.dot(w, x)
        return module.softplus(score) - label * score

    mean = module.numpy.mean if engine.name == "jax" else module.mean
    return lambda w: mean(module.vmap(loss, (None, 0, 0))(w, x, labels)), weights


@benchmark(
    "logistic",
    LOOPS,
    f"Mean of a vmap in a function: logistic regression on {ROWS:,} x {COLUMNS}",
    ("autograd", "autograd/numpy", "jax"),
    unit="us",
    per=1,
    of="call",
    base="value",
    left_out_by_quick=("jax",),
)
def logistic(engine: Engine) -> Workload:
    function, weights = _logistic(engine)
    return at_a_point(engine, function, arrays(weights))


@logistic.on("autograd/numpy", "NumPy, the gradient by hand")
def logistic_numpy(engine: Engine) -> Workload:
    numpy = importlib.import_module("numpy")
    generator = numpy.random.default_rng(0)
    x, weights = generator.normal(size=(ROWS, COLUMNS)), generator.normal(size=COLUMNS) * 0.1
    labels = (generator.random(ROWS) > 0.5) * 1.0

    def value(w: Any) -> Any:
        scores = x @ w
        return (numpy.logaddexp(0.0, scores) - labels * scores).mean()

    def both(w: Any) -> Any:
        scores = x @ w
        slopes = 1.0 / (1.0 + numpy.exp(-scores)) - labels
        return (numpy.logaddexp(0.0, scores) - labels * scores).mean(), x.T @ slopes / ROWS

    return workload(value, both, (weights,), None)


VOLATILITIES = 200_000


@benchmark(
    "implied_volatility",
    LOOPS,
    f"{VOLATILITIES:,} implied volatilities, with first and second derivatives",
    ("autograd",),
    per=VOLATILITIES,
    of="point",
    base="value",
)
def implied_volatility(engine: Engine) -> Workload:
    functions, module = engine.functions, engine.module
    exp, log, sqrt, maximum = (functions[name] for name in ("exp", "log", "sqrt", "maximum"))
    erfc = module.erfc

    def price(volatility: Any, spot: Any, strike: Any, rate: Any, time: Any) -> Any:
        deviation = volatility * sqrt(time)
        d = (log(spot / strike) + rate * time) / deviation + 0.5 * deviation
        return 0.5 * (spot * erfc(-d * 0.5**0.5) - strike * exp(-rate * time) * erfc((deviation - d) * 0.5**0.5))

    def implied(paid: Any, spot: Any, strike: Any, rate: Any, time: Any) -> Any:
        # The estimate of Corrado and Miller (1996).
        discounted = strike * exp(-rate * time)
        half = paid - 0.5 * (spot - discounted)
        inside = maximum(half * half - (spot - discounted) ** 2 / math.pi, 0.0)
        start = maximum(sqrt(2.0 * math.pi / time) / (spot + discounted) * (half + sqrt(inside)), 0.05)
        return module.implicit.root(lambda x: price(x, spot, strike, rate, time) - paid, start)

    def with_derivatives(paid: Any, *rest: Any) -> Any:
        def slope(paid: Any) -> Any:
            value, gradient = module.value_and_grad(implied)(paid, *rest)
            return gradient, value

        return module.value_and_grad(slope, has_aux=True)(paid)

    spots, strikes, rates, volatilities, times = arrays(*models.options(VOLATILITIES))
    # Prices that determine a volatility, with some time value.
    kept = [0.7 < strike / spot < 1.4 for strike, spot in zip(strikes, spots, strict=True)]
    volatilities, spots, strikes, rates, times = (x[kept] for x in (volatilities + 0.1, spots, strikes, rates, times))
    paid = module.vmap(price)(volatilities, spots, strikes, rates, times)
    batch = [module.compile(module.vmap(f, threads=1)) for f in (implied, with_derivatives)]
    return workload(*batch, [paid, spots, strikes, rates, times], CHECKED)


target("Logistic regression: over NumPy by hand", "logistic", "autograd", "autograd/numpy", at_most=1.25)
target("Ring: the loop over JAX", "ring", "autograd", "jax", at_most=0.25)
target("Heston: the loop over unrolled", "heston_scan", "autograd", "autograd/unrolled", at_most=1.2)
target("Implied volatilities with two derivatives: nanoseconds a point", "implied_volatility", "autograd", at_most=250)
