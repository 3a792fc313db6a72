"""Compiled functions with their derivatives: over batches, at one point, and what compiling takes."""

from __future__ import annotations

import ctypes
import importlib
import os
import random
import re
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import models
from engines import Engine, Unsupported
from registry import Workload, benchmark, section, target

Function = Callable[..., Any]
# The number of points of a batch whose results are compared.
CHECKED = 5

PROGRAMS = section(
    "programs",
    "Compiled value and gradient",
    "`compile(vmap(value_and_grad(f)))` for a batch, `compile(value_and_grad(f))` for a point, with `f` in scalar "
    "Python (`models.py`). A call takes all inputs as NumPy arrays and returns all outputs as NumPy arrays, a value "
    "and a gradient for every point: float64, on one thread unless a row says two, compiled before. JAX does the "
    "same with `jit` over the same `f`, or over what its row says, and its results are read by `numpy.asarray`, "
    "which waits for them; it runs on the CPU and is confined to one core, without asynchronous dispatch, which "
    "makes it faster here. The column of the value is `f` compiled without derivatives, timed in a loop of its own "
    "in the same turn; derivatives are what the whole takes beyond that. Black-Scholes: the price of a call option "
    "and its derivatives by spot, strike, rate, volatility and maturity, all of them different for every point. "
    "Swaptions: 15 payer swaptions on a path of the LIBOR market model, 40 steps of 80 forward rates, and the "
    "derivatives of every path by the accrual period, 80 volatilities and 80 rates, which the paths have in common. "
    "C is `swaptions.c`, the value of a path and nothing else. Rosenbrock: the function of 100 variables that is "
    "evaluated eagerly above.",
)


def with_functions(make: Callable[[Any], Function], engine: Engine) -> Function:
    return make(SimpleNamespace(**engine.functions))


def arrays(*data: Any) -> list[Any]:
    numpy = importlib.import_module("numpy")
    return [numpy.array(numbers) for numbers in data]


def program(engine: Engine, function: Function) -> Function:
    """Compile as the engine's users do; the compiled function takes and returns NumPy arrays."""
    if engine.name != "jax":
        compiled: Function = engine.module.compile(function)
        return compiled
    jitted, to_numpy = engine.module.jit(function), importlib.import_module("numpy").asarray
    return lambda *arguments: engine.module.tree.map(to_numpy, jitted(*arguments))


def seconds_of(function: Function, arguments: Sequence[Any], repetitions: int) -> float:
    begin = perf_counter()
    for _ in range(repetitions):
        function(*arguments)
    return perf_counter() - begin


def _numbers(results: Any, rows: int | None) -> list[float]:
    """Return the numbers of results; of an array, those in the first rows."""
    if isinstance(results, (tuple, list)):
        return [number for result in results for number in _numbers(result, rows)]
    return results[:rows].flatten().tolist() if getattr(results, "ndim", 0) else [float(results)]


def workload(value: Function, value_and_grad: Function, arguments: Sequence[Any], rows: int | None) -> Workload:
    """Time a function with its derivatives, and compare the results for some rows of a batch, or for all."""

    def run(repetitions: int) -> dict[str, float]:
        alone = seconds_of(value, arguments, repetitions)
        return {"value": alone, "derivatives": seconds_of(value_and_grad, arguments, repetitions) - alone}

    def check() -> list[float]:
        return _numbers([value(*arguments), value_and_grad(*arguments)], rows)

    return Workload(run, check)


def at_a_point(engine: Engine, function: Function, arguments: Sequence[Any]) -> Workload:
    both = engine.module.value_and_grad(function)
    return workload(program(engine, function), program(engine, both), arguments, None)


def over_a_batch(
    engine: Engine,
    function: Function,
    arguments: Sequence[Any],
    *,
    argnums: int | tuple[int, ...] = 0,
    in_axes: int | tuple[int | None, ...] = 0,
    threads: int = 1,
) -> Workload:
    vmap = engine.module.vmap if engine.name == "jax" else partial(engine.module.vmap, threads=threads)
    both = engine.module.value_and_grad(function, argnums=argnums)
    value, value_and_grad = (program(engine, vmap(each, in_axes=in_axes)) for each in (function, both))
    return workload(value, value_and_grad, arguments, CHECKED)


OPTIONS = 200_000


def _black_scholes(engine: Engine, threads: int) -> Workload:
    arguments = arrays(*models.options(OPTIONS))
    function = with_functions(models.black_scholes, engine)
    return over_a_batch(engine, function, arguments, argnums=(0, 1, 2, 3, 4), threads=threads)


@benchmark(
    "black_scholes",
    PROGRAMS,
    f"Black-Scholes and five sensitivities, {OPTIONS:,} points",
    ("autograd", "autograd/threads", "heyoka", "jax"),
    per=OPTIONS,
    of="point",
    base="value",
    left_out_by_quick=("heyoka",),
)
def black_scholes(engine: Engine) -> Workload:
    return _black_scholes(engine, 1)


@black_scholes.on("autograd/threads", "two threads")
def black_scholes_threads(engine: Engine) -> Workload:
    if (os.cpu_count() or 1) < 2:
        raise Unsupported("the machine has one core")
    return _black_scholes(engine, 2)


PATHS = 1_000


def _swaptions(engine: Engine, path: Function) -> Workload:
    d, *market = models.swaption_market()
    arguments = [d, *arrays(*market, models.swaption_paths(PATHS))]
    return over_a_batch(engine, path, arguments, argnums=(0, 1, 2), in_axes=(None, None, None, 0))


@benchmark(
    "swaptions",
    PROGRAMS,
    f"Swaptions and 161 sensitivities, {PATHS:,} paths",
    ("autograd", "c", "jax", "jax/loops"),
    unit="us",
    per=PATHS,
    of="path",
    base="value",
    left_out_by_quick=("jax", "jax/loops"),
)
def swaptions(engine: Engine) -> Workload:
    return _swaptions(engine, with_functions(models.swaptions, engine))


@swaptions.on("c", "cc -O2, the value alone")
def swaptions_c(engine: Engine) -> Workload:
    def vector(numbers: Sequence[float]) -> Any:
        return (ctypes.c_double * len(numbers))(*numbers)

    d, volatilities, rates = models.swaption_market()
    normals = [number for path in models.swaption_paths(PATHS) for number in path]
    values = vector([0.0] * PATHS)
    pointers = [ctypes.byref(array) for array in (vector(volatilities), vector(rates), vector(normals), values)]
    function = engine.module("swaptions.c", "-O2").swaptions
    function.restype = None
    function.argtypes = [ctypes.c_double, *[ctypes.c_void_p] * 4, ctypes.c_int]

    def check() -> list[float]:
        function(d, *pointers, PATHS)
        return list(values[:CHECKED])

    return Workload(lambda repetitions: {"value": seconds_of(function, (d, *pointers, PATHS), repetitions)}, check)


def _jax_swaptions(jax: Any, step: Function) -> Function:
    """Return the value of a path; every step moves the rates that are not fixed yet to the front."""
    jnp = jax.numpy
    last = jnp.array(models.MATURITIES) - 1
    strikes = jnp.array(models.STRIKES)

    def path(d: Any, volatilities: Any, rates: Any, normals: Any) -> Any:
        def fix(rates: Any, normal: Any) -> tuple[Any, Any]:
            evolved = step(d, volatilities[:-1], rates[1:], jnp.sqrt(d) * normal)
            return jnp.append(evolved, 0.0), rates[0]

        rates, fixed = jax.lax.scan(fix, rates, normals)
        bonds = jnp.cumprod(1.0 / (1.0 + d * rates[: models.RATES - models.STEPS]))
        annuities = d * jnp.cumsum(bonds)
        payoffs = jnp.maximum(1.0 - bonds[last, None] - strikes * annuities[last, None], 0.0)
        return 100.0 * jnp.sum(payoffs) / jnp.prod(1.0 + d * fixed)

    return path


@swaptions.on("jax", "arrays of rates, a scan over the steps")
def swaptions_jax(engine: Engine) -> Workload:
    jnp = engine.module.numpy

    def step(d: Any, volatilities: Any, rates: Any, shock: Any) -> Any:
        c = d * volatilities
        drift = jnp.cumsum(c * rates / (1.0 + d * rates))
        return rates * jnp.exp(c * drift + volatilities * (shock - c / 2.0))

    return _swaptions(engine, _jax_swaptions(engine.module, step))


@swaptions.on("jax/loops", "scans over steps and rates, rematerialised")
def swaptions_jax_loops(engine: Engine) -> Workload:
    jax = engine.module

    def step(d: Any, volatilities: Any, rates: Any, shock: Any) -> Any:
        def evolve(drift: Any, pair: Any) -> tuple[Any, Any]:
            volatility, rate = pair
            c = d * volatility
            drift = drift + c * rate / (1.0 + d * rate)
            return drift, rate * jax.numpy.exp(c * drift + volatility * (shock - c / 2.0))

        return jax.lax.scan(jax.checkpoint(evolve), 0.0, (volatilities, rates))[1]

    # Storing the intermediate results of a step for the reverse pass takes three times as long as recomputing them.
    return _swaptions(engine, _jax_swaptions(jax, jax.checkpoint(step)))


VARIABLES = 100
POINTS = 10_000


def jax_rosenbrock(jnp: Any) -> Function:
    def function(xs: Any) -> Any:
        x, y = xs[:-1], xs[1:]
        return jnp.sum(100.0 * (y - x**2) ** 2 + (1.0 - x) ** 2 + jnp.sin(x) * jnp.exp(-y))

    return function


@benchmark(
    "rosenbrock_point",
    PROGRAMS,
    f"Rosenbrock with sin and exp, {VARIABLES} variables, one point",
    ("autograd", "jax", "jax/arrays"),
    unit="us",
    base="value",
    left_out_by_quick=("jax",),
)
def rosenbrock_point(engine: Engine) -> Workload:
    return at_a_point(engine, with_functions(models.rosenbrock, engine), arrays(models.rosenbrock_point(VARIABLES)))


rosenbrock_point.on("jax", "the same loop over scalars")(rosenbrock_point.build)


@rosenbrock_point.on("jax/arrays", "written for arrays")
def rosenbrock_point_arrays(engine: Engine) -> Workload:
    function = jax_rosenbrock(engine.module.numpy)
    return at_a_point(engine, function, arrays(models.rosenbrock_point(VARIABLES)))


def _rosenbrock_points() -> list[Any]:
    numbers = models.rosenbrock_point(VARIABLES + POINTS)
    return arrays([numbers[i : i + VARIABLES] for i in range(POINTS)])


@benchmark(
    "rosenbrock_batch",
    PROGRAMS,
    f"Rosenbrock with sin and exp, {VARIABLES} variables, {POINTS:,} points",
    ("autograd", "jax"),
    unit="us",
    per=POINTS,
    of="point",
    base="value",
)
def rosenbrock_batch(engine: Engine) -> Workload:
    return over_a_batch(engine, with_functions(models.rosenbrock, engine), _rosenbrock_points())


@rosenbrock_batch.on("jax", "written for arrays")
def rosenbrock_batch_jax(engine: Engine) -> Workload:
    return over_a_batch(engine, jax_rosenbrock(engine.module.numpy), _rosenbrock_points())


BRANCHES = section(
    "branches",
    "Branches",
    "`compile(vmap(value_and_grad(f)))` where `f` finds the interval of a number by `if`, and every interval is a way "
    "of its own through the branches: nanoseconds a point in a batch, after the first call. A compiled function keeps "
    "64 programs, so that with 100 ways every call traces 36 of them again. Point by point it is "
    "`compile(value_and_grad(f))` in a loop of Python. JAX cannot follow an `if`: its `f` is `where` all the way down, "
    "which computes every interval for every point.",
)

BRANCHING = 100_000


def _branching_points(ways: int) -> list[float]:
    generator = random.Random(1337)
    return [generator.uniform(0.0, ways) for _ in range(BRANCHING)]


def _ways(engine: Engine, function: Function, ways: int) -> Workload:
    warnings.filterwarnings("ignore", ".* takes more than ", RuntimeWarning)
    return over_a_batch(engine, function, arrays(_branching_points(ways)))


def _ways_by_where(engine: Engine, ways: int) -> Workload:
    where = engine.module.numpy.where

    def function(x: Any, low: int = 0, high: int = ways) -> Any:
        if high - low == 1:
            return x * (x - low)
        middle = (low + high) // 2
        return where(x < middle, function(x, low, middle), function(x, middle, high))

    return _ways(engine, lambda x: function(x), ways)


def _ways_by_points(engine: Engine, ways: int) -> Workload:
    points, function = _branching_points(ways), models.bisection(ways)
    functions = [program(engine, f) for f in (function, engine.module.value_and_grad(function))]

    def over(function: Function, count: int) -> list[Any]:
        return [function(x) for x in points[:count]]

    def run(repetitions: int) -> dict[str, float]:
        alone, both = (seconds_of(over, (function, BRANCHING), repetitions) for function in functions)
        return {"value": alone, "derivatives": both - alone}

    def check() -> list[float]:
        value, both = (over(function, CHECKED) for function in functions)
        return _numbers([value, *zip(*both, strict=True)], None)

    return Workload(run, check)


def _register_ways(ways: int, entries: tuple[str, ...]) -> None:
    @benchmark(
        f"ways_{ways}",
        BRANCHES,
        f"{ways} ways, {BRANCHING:,} points",
        entries,
        per=BRANCHING,
        of="point",
        base="value",
        left_out_by_quick=("autograd/points",),
    )
    def build(engine: Engine) -> Workload:
        return _ways(engine, models.bisection(ways), ways)

    build.on("autograd/points", "point by point")(partial(_ways_by_points, ways=ways))
    build.on("jax", "where instead of if")(partial(_ways_by_where, ways=ways))


_register_ways(64, ("autograd", "autograd/points", "jax"))
_register_ways(100, ("autograd", "jax"))

COMPILING = section(
    "compiling",
    "Tracing and compiling",
    "The first call of `compile(value_and_grad(f))`, which traces the function, differentiates, and makes the program, "
    "less a second call: microseconds for an operation of `f`, which is Rosenbrock's function of so many variables, a "
    "loop over scalars. JAX, `jit` of the same loop, takes seconds: its figure times the operations. The column of the "
    "value is `compile(f)`. Memory is the growth of the process's peak meanwhile, in a new process.",
)


def _compile_workload(engine: Engine, variables: int) -> Workload:
    arguments = arrays(models.rosenbrock_point(variables))

    def first_call(transform: Callable[[Function], Function]) -> float:
        # A new function every time, as JAX caches what it has compiled.
        compiled = program(engine, transform(with_functions(models.rosenbrock, engine)))
        return seconds_of(compiled, arguments, 1) - seconds_of(compiled, arguments, 1)

    def run(repetitions: int) -> dict[str, float]:
        value = sum(first_call(lambda function: function) for _ in range(repetitions))
        both = sum(first_call(engine.module.value_and_grad) for _ in range(repetitions))
        return {"value": value, "derivatives": both - value}

    return Workload(run)


def _register_compile(name: str, variables: int, engines: tuple[str, ...]) -> None:
    operations = models.rosenbrock_operations(variables)

    @benchmark(
        name,
        COMPILING,
        f"First call, {operations:,} operations",
        engines,
        unit="us",
        per=operations,
        base="value",
        left_out_by_quick=("jax",),
    )
    def build(engine: Engine) -> Workload:
        return _compile_workload(engine, variables)


_register_compile("compile_1300", VARIABLES, ("autograd", "jax"))
LARGE = (770, 7_693, 76_924)
for _variables in LARGE:
    _register_compile(f"compile_{_variables}", _variables, ("autograd",))

_STATUS = Path("/proc/self/status")


def _memory(name: str) -> int:
    """Return the bytes of an entry of the process's status, of which VmHWM is the peak of VmRSS."""
    found = re.search(rf"^{name}:\s*(\d+) kB$", _STATUS.read_text() if _STATUS.exists() else "", re.MULTILINE)
    if not found:
        raise Unsupported("peak memory is read from /proc, which this system does not have")
    return 1024 * int(found[1])


def memory_growth(work: Callable[[], object], warm_up: Callable[[], object] = lambda: None) -> Workload:
    """Measure by how much the process's peak of memory grows."""
    _memory("VmHWM")

    def run(repetitions: int) -> dict[str, float]:
        warm_up()
        # The peak is reset to what is resident now, the imports forgotten.
        Path("/proc/self/clear_refs").write_text("5")
        before = _memory("VmHWM")
        for _ in range(repetitions):
            work()
        return {"peak": float(_memory("VmHWM") - before)}

    return Workload(run)


def _register_memory(name: str, variables: int) -> None:
    operations = models.rosenbrock_operations(variables)

    @benchmark(
        name,
        COMPILING,
        f"Peak memory of the first call, {operations:,} operations",
        ("autograd",),
        unit="B",
        per=operations,
        fresh=True,
    )
    def build(engine: Engine) -> Workload:
        function = with_functions(models.rosenbrock, engine)

        def first_call(size: int) -> None:
            compiled = program(engine, engine.module.value_and_grad(function))
            compiled(*arrays(models.rosenbrock_point(size)))

        return memory_growth(lambda: first_call(variables), warm_up=lambda: first_call(VARIABLES))


for _variables in LARGE:
    _register_memory(f"compile_memory_{_variables}", _variables)

target("Black-Scholes, value and gradient: over JAX", "black_scholes", "autograd", "jax", at_most=0.7)
target("Black-Scholes: one thread over two", "black_scholes", "autograd", "autograd/threads", at_least=1.6)
target("Swaptions, value and 161 sensitivities: over the value in scalar C", "swaptions", "autograd", "c", at_most=1.6)
target("Swaptions: over JAX with arrays", "swaptions", "autograd", "jax", at_most=0.3)
target("Rosenbrock, compiled, one point: microseconds", "rosenbrock_point", "autograd", at_most=8)
target("Rosenbrock, compiled, one point: over JAX's jit", "rosenbrock_point", "autograd", "jax", at_most=0.15)
target("Rosenbrock, compiled, a batch: microseconds a point", "rosenbrock_batch", "autograd", at_most=1.0)
target("A batch with 64 ways: nanoseconds a point", "ways_64", "autograd", at_most=250)
target("A batch with 100 ways, of which 64 are kept: nanoseconds a point", "ways_100", "autograd", at_most=10_000)
target("Tracing and compiling 1,300 operations: microseconds each", "compile_1300", "autograd", at_most=2.0)
for _variables in LARGE:
    _what = f"Tracing and compiling {models.rosenbrock_operations(_variables):,} operations"
    target(f"{_what}: microseconds each", f"compile_{_variables}", "autograd", at_most=1.5)
    target(f"{_what}: bytes each", f"compile_memory_{_variables}", "autograd", at_most=250)
