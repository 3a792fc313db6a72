"""Formulas and simulations as programs: each with the derivatives by its parameters, over a batch on one core."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import models
import simulations
from cases_programs import CHECKED, OPTIONS, arrays, black_scholes, over_a_batch, seconds_of, with_functions
from engines import Engine
from registry import Benchmark, Workload, benchmark, section, target

Function = Callable[..., Any]

SIMULATIONS = section(
    "simulations",
    "Formulas and simulations",
    "Value and gradient by all parameters in one call, with the functions in scalar Python (`simulations.py`): the "
    "implied volatility of the SABR model, a path of 252 steps for an Asian option and in Heston's model, 100 "
    "Runge-Kutta steps of the Lorenz system, ten steps of an LSTM cell. Every point of the batch has its own "
    "arguments, but for the parameters of the paths, which are the same. heyoka makes machine code of the same "
    "functions of its expressions, in a compact form for the simulations; JAX runs what its row says. Each is confined "
    "to one core. The column of the value is the function without derivatives.",
)


def expressions(
    engine: Engine, model: Function, arguments: Sequence[Any], argnums: Sequence[int], compact: bool
) -> Workload:
    """Compile a model of expressions; an argument is a number for all points, a row, or a row for each point."""
    hy, numpy = engine.module, importlib.import_module("numpy")
    points = max(len(x) for x in arguments if getattr(x, "ndim", 0) > 0)
    variables: list[Any] = []
    rows: list[Any] = []
    operands: list[Any] = []
    for x in arguments:
        columns = numpy.broadcast_to(numpy.asarray(x).T, (*numpy.shape(x)[1:], points)).reshape(-1, points)
        names = [hy.make_vars(f"x{len(variables) + k}") for k in range(len(columns))]
        variables += names
        rows += list(columns)
        operands.append(names if getattr(x, "ndim", 0) > 1 else names[0])
    result = with_functions(model, engine)(*operands)
    chosen = [x for k in argnums for x in (operands[k] if isinstance(operands[k], list) else [operands[k]])]
    gradient = hy.diff_tensors([result], diff_args=chosen, diff_order=1).gradient
    matrix = numpy.ascontiguousarray(numpy.array(rows))

    def compiled(outputs: list[Any]) -> Function:
        function = hy.cfunc(outputs, vars=variables, compact_mode=compact)
        return lambda: function(matrix)

    value, both = compiled([result]), compiled([result, *gradient])

    def run(repetitions: int) -> dict[str, float]:
        alone = seconds_of(value, (), repetitions)
        return {"value": alone, "derivatives": seconds_of(both, (), repetitions) - alone}

    def check() -> list[float]:
        results = both()
        found, first = [value()[0], results[0]], 1
        for k in argnums:
            count = len(operands[k]) if isinstance(operands[k], list) else 1
            found.append(results[first : first + count].T)
            first += count
        return [number for array in found for number in array[:CHECKED].flatten().tolist()]

    return Workload(run, check)


def _register(
    name: str,
    title: str,
    model: Function,
    make_arguments: Callable[[], tuple[list[Any], tuple[int, ...], Any]],
    points: int,
    *,
    unit: str,
    jax: tuple[str, Callable[[Any], Function]],
    compact: bool,
) -> Benchmark:
    """Register a model with its arguments, the numbers of those that it is differentiated by, and their axes."""

    @benchmark(
        name,
        SIMULATIONS,
        f"{title}, {points:,} points",
        ("autograd", "heyoka", "jax"),
        unit=unit,
        per=points,
        of="point",
        base="value",
        left_out_by_quick=("jax", "heyoka"),
    )
    def build(engine: Engine) -> Workload:
        arguments, argnums, axes = make_arguments()
        return over_a_batch(engine, with_functions(model, engine), arguments, argnums=argnums, in_axes=axes)

    @build.on("heyoka", "the same function of expressions")
    def build_heyoka(engine: Engine) -> Workload:
        arguments, argnums, _ = make_arguments()
        return expressions(engine, model, arguments, argnums, compact)

    words, make_jax = jax

    @build.on("jax", words)
    def build_jax(engine: Engine) -> Workload:
        arguments, argnums, axes = make_arguments()
        return over_a_batch(engine, make_jax(engine), arguments, argnums=argnums, in_axes=axes)

    return build


def _same(model: Function) -> tuple[str, Callable[[Any], Function]]:
    return "`jit` of the same function", partial(with_functions, model)


def _asian_jax(engine: Engine) -> Function:
    jnp = engine.module.numpy

    def payoff(spot: Any, rate: Any, volatility: Any, maturity: Any, normals: Any) -> Any:
        step = maturity / simulations.STEPS
        logs = jnp.cumsum((rate - 0.5 * volatility * volatility) * step + volatility * jnp.sqrt(step) * normals)
        mean = jnp.sum(spot * jnp.exp(logs)) / simulations.STEPS
        return jnp.exp(-rate * maturity) * jnp.maximum(mean - 100.0, 0.0)

    return payoff


def _heston_jax(engine: Engine) -> Function:
    jax, jnp = engine.module, engine.module.numpy
    step = 1.0 / simulations.STEPS

    def payoff(
        spot: Any, variance: Any, kappa: Any, theta: Any, xi: Any, rho: Any, rate: Any, first: Any, second: Any
    ) -> Any:
        def advance(carry: Any, normals: Any) -> tuple[Any, None]:
            log_spot, variance = carry
            positive = jnp.maximum(variance, 0.0)
            deviation = jnp.sqrt(positive + 1e-12) * step**0.5
            log_spot = log_spot + (rate - 0.5 * positive) * step + deviation * normals[0]
            noise = xi * deviation * (rho * normals[0] + jnp.sqrt(1.0 - rho * rho) * normals[1])
            return (log_spot, variance + kappa * (theta - positive) * step + noise), None

        (log_spot, _), _ = jax.lax.scan(advance, (0.0 * spot, variance), (first, second))
        return jnp.exp(-rate) * jnp.maximum(spot * jnp.exp(log_spot) - 100.0, 0.0)

    return payoff


def _lorenz_jax(engine: Engine) -> Function:
    jax, jnp = engine.module, engine.module.numpy

    def energy(x: Any, y: Any, z: Any, sigma: Any, rho: Any, beta: Any) -> Any:
        def slope(s: Any) -> Any:
            return jnp.stack([sigma * (s[1] - s[0]), s[0] * (rho - s[2]) - s[1], s[0] * s[1] - beta * s[2]])

        def advance(s: Any, _: Any) -> tuple[Any, None]:
            h = 0.01
            k1 = slope(s)
            k2 = slope(s + 0.5 * h * k1)
            k3 = slope(s + 0.5 * h * k2)
            k4 = slope(s + h * k3)
            return s + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4), None

        state, _ = jax.lax.scan(advance, jnp.stack([x, y, z]), None, length=100)
        return jnp.sum(state * state)

    return energy


def _paths(*parameters: float, drivers: int, count: int) -> tuple[list[Any], tuple[int, ...], Any]:
    normals = arrays(*(simulations.normals(count, seed=seed) for seed in range(drivers)))
    axes = (None,) * len(parameters) + (0,) * drivers
    return [*parameters, *normals], tuple(range(len(parameters))), axes


def _lstm_arguments() -> tuple[list[Any], tuple[int, ...], Any]:
    weights, inputs = simulations.normals(5_000, 12, 1), simulations.normals(5_000, 10, 2)
    return arrays(weights, inputs), (0,), 0


def _columns(rows: list[list[float]]) -> tuple[list[Any], tuple[int, ...], Any]:
    return arrays(*rows), tuple(range(len(rows))), 0


_register(
    "sabr",
    "SABR and seven sensitivities",
    simulations.sabr,
    lambda: _columns(simulations.smiles(20_000)),
    20_000,
    unit="ns",
    jax=_same(simulations.sabr),
    compact=False,
)
_register(
    "asian",
    "Asian option, 252 steps, four sensitivities",
    simulations.asian,
    lambda: _paths(100.0, 0.03, 0.2, 1.0, drivers=1, count=2_000),
    2_000,
    unit="us",
    jax=("arrays of steps", _asian_jax),
    compact=True,
)
_register(
    "heston",
    "Heston, 252 steps, seven sensitivities",
    simulations.heston,
    lambda: _paths(100.0, 0.04, 1.5, 0.04, 0.3, -0.6, 0.03, drivers=2, count=2_000),
    2_000,
    unit="us",
    jax=("a scan over the steps", _heston_jax),
    compact=True,
)
_register(
    "lorenz",
    "Lorenz, 100 Runge-Kutta steps, six sensitivities",
    simulations.lorenz,
    lambda: _columns(simulations.lorenz_points(2_000)),
    2_000,
    unit="us",
    jax=("a scan over the steps", _lorenz_jax),
    compact=True,
)
_register(
    "lstm",
    "LSTM cell, ten steps, twelve sensitivities",
    simulations.lstm,
    _lstm_arguments,
    5_000,
    unit="us",
    jax=_same(simulations.lstm),
    compact=True,
)

target("SABR: over heyoka", "sabr", "autograd", "heyoka", at_most=1.2)
target("Asian option: over heyoka", "asian", "autograd", "heyoka", at_most=0.85)
target("Heston: over heyoka", "heston", "autograd", "heyoka", at_most=1.25)
target("Lorenz: over heyoka", "lorenz", "autograd", "heyoka", at_most=0.9)
for _name in ("sabr", "asian", "heston", "lorenz", "lstm"):
    target(f"{_name}: over JAX", _name, "autograd", "jax", at_most=0.7)


@black_scholes.on("heyoka", "the same function of expressions")
def black_scholes_heyoka(engine: Engine) -> Workload:
    arguments = arrays(*models.options(OPTIONS))
    return expressions(engine, models.black_scholes, arguments, (0, 1, 2, 3, 4), False)


target("Black-Scholes: over heyoka", "black_scholes", "autograd", "heyoka", at_most=1.25)
