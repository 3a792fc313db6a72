"""What other libraries do with the functions of `cases_programs` and `cases_sparse`, and what it takes to get there.

A way is a function of an engine that makes a call without arguments: the value, or the value and its derivatives.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import cases_sparse
import models
from cases_programs import (
    CHECKED,
    OPTIONS,
    VARIABLES,
    arrays,
    black_scholes,
    jax_rosenbrock,
    memory_growth,
    program,
    rosenbrock_point,
    seconds_of,
    with_functions,
    workload,
)
from engines import Engine
from registry import BENCHMARKS, Benchmark, Workload, benchmark, section

Function = Callable[..., Any]
Way = Callable[[Engine, bool], Function]
Builder = Callable[[str], Callable[[Engine], Workload]]

GETTING_READY = section(
    "peers",
    "Getting ready, beside other libraries",
    "The time from a function in scalar Python (or as its row above says) to the first value and gradient: tracing, "
    "differentiating, compiling, and a call. Memory is the growth of the process's peak meanwhile, in a new process "
    "each time.",
)


def _ready(name: str, title: str, ways: dict[str, Way], eager: tuple[str, ...]) -> None:
    """Register the time until the first result, of all ways but the eager ones, and the memory of all."""

    def make(entry: str) -> Callable[[Engine], Callable[[], Function]]:
        return lambda engine: partial(ways[entry], engine, True)

    def time(entry: str) -> Callable[[Engine], Workload]:
        def build(engine: Engine) -> Workload:
            make(entry)(engine)()()  # what is imported and generated once
            return Workload(lambda n: {"whole": seconds_of(lambda: make(entry)(engine)()(), (), n)})

        return build

    def memory(entry: str) -> Callable[[Engine], Workload]:
        return lambda engine: memory_growth(lambda: make(entry)(engine)()())

    def register(name: str, title: str, entries: tuple[str, ...], builder: Builder, **options: Any) -> None:
        case = benchmark(name, GETTING_READY, title, entries, **options)(builder("autograd"))
        for entry in entries:
            case.on(entry, _WORDS.get(entry, ""))(builder(entry))

    compiled = tuple(entry for entry in ways if entry not in eager)
    register(f"ready_{name}", f"Until the first result: {title}", compiled, time, unit="ms")
    register(f"memory_{name}", f"Memory: {title}", tuple(ways), memory, unit="MB", fresh=True)


def _peers(case: Benchmark, ways: dict[str, Way], rows: int | None) -> None:
    """Let other libraries take part in a benchmark of a value and its gradient."""
    for entry, way in ways.items():
        if entry in case.entries:
            continue
        case.entries += (entry,)
        case.left_out_by_quick += (entry,)
        case.on(entry, _WORDS[entry])(
            lambda engine, way=way: workload(way(engine, False), way(engine, True), (), rows)
        )


_WORDS = {
    "torch": "eager, arrays",
    "hips": "eager, arrays",
    "heyoka": "expressions, LLVM",
    "casadi": "expressions, its interpreter",
    "ddx": "expressions, LLVM",
    "xad": "a tape; the value with floats",
    "fastdual": "dual numbers; the value with floats",
    "asdex": "`jit` of arrays",
}


def _transform(engine: Engine, function: Function, derivatives: bool, **options: Any) -> Function:
    return engine.module.value_and_grad(function, **options) if derivatives else function  # type: ignore[no-any-return]


# ---- Rosenbrock's function at a point ----


def _point() -> list[float]:
    return models.rosenbrock_point(VARIABLES)


def _transformed(engine: Engine, derivatives: bool) -> Function:
    function = _transform(engine, with_functions(models.rosenbrock, engine), derivatives)
    return partial(program(engine, function), *arrays(_point()))


def _torch_rosenbrock(engine: Engine, derivatives: bool) -> Function:
    torch = engine.module
    x = torch.tensor(_point(), dtype=torch.float64, requires_grad=derivatives)
    function = jax_rosenbrock(torch)

    def both() -> tuple[Any, Any]:
        value = function(x)
        return value.item(), torch.autograd.grad(value, x)[0].numpy()

    return both if derivatives else lambda: function(x).item()


def _hips_rosenbrock(engine: Engine, derivatives: bool) -> Function:
    function = jax_rosenbrock(importlib.import_module("autograd.numpy"))
    both = importlib.import_module("autograd").value_and_grad(function)
    return partial(both if derivatives else function, *arrays(_point()))


def _heyoka_rosenbrock(engine: Engine, derivatives: bool) -> Function:
    hy = engine.module
    xs = [hy.make_vars(f"x{i}") for i in range(VARIABLES)]
    value = with_functions(models.rosenbrock, engine)(xs)
    gradient = hy.diff_tensors([value], diff_args=xs, diff_order=1).gradient if derivatives else []
    function = hy.cfunc([value, *gradient], vars=xs)
    (x,) = arrays(_point())

    def call() -> tuple[Any, Any]:
        results = function(x)
        return results[0], results[1:]

    return call if derivatives else lambda: function(x)[0]


def _casadi_function(engine: Engine, inputs: list[Any], outputs: list[Any], data: list[Any]) -> tuple[Any, list[Any]]:
    """Return a call that reads and writes memory in place, as is fastest, and the arrays of its results."""
    numpy = importlib.import_module("numpy")
    function = engine.module.Function("f", inputs, outputs)
    buffer, call = function.buffer()
    results = [numpy.empty(function.nnz_out(k)) for k in range(len(outputs))]
    for k, array in enumerate(data):
        buffer.set_arg(k, memoryview(array))
    for k, array in enumerate(results):
        buffer.set_res(k, memoryview(array))
    call.buffer = buffer, function, data  # kept alive with the call
    return call, results


def _casadi_rosenbrock(engine: Engine, derivatives: bool) -> Function:
    casadi = engine.module
    x = casadi.SX.sym("x", VARIABLES)
    value = with_functions(models.rosenbrock, engine)(casadi.vertsplit(x))
    outputs = [value, casadi.gradient(value, x)] if derivatives else [value]
    return _calling(*_casadi_function(engine, [x], outputs, arrays(_point())))


def _calling(call: Function, results: list[Any]) -> Function:
    def run() -> Any:
        call()
        return (results[0][0], results[1]) if len(results) > 1 else results[0][0]

    return run


def _ddx_rosenbrock(engine: Engine, derivatives: bool) -> Function:
    ddx = engine.module
    model = with_functions(models.rosenbrock, engine)
    equation = ddx.equation(lambda: model([ddx.var(f"x{i}") for i in range(VARIABLES)])).compile()
    want = ddx.Want.JACOBIAN if derivatives else ddx.Want.VALUE
    call = equation.buffer(*arrays(_point()), want=want)

    def run() -> Any:
        call()
        return (call.value, call.jacobian) if derivatives else call.value

    return run


def _xad_rosenbrock(engine: Engine, derivatives: bool) -> Function:
    xad, function, point = engine.module, with_functions(models.rosenbrock, engine), _point()

    def both() -> tuple[float, list[float]]:
        xs = [xad.Real(x) for x in point]
        with xad.Tape() as tape:
            tape.registerInputs(xs)
            tape.newRecording()
            result = function(xs)
            tape.registerOutput(result)
            result.derivative = 1.0
            tape.computeAdjoints()
            return result.value, [x.derivative for x in xs]

    return both if derivatives else lambda: function(point)


def _fastdual_rosenbrock(engine: Engine, derivatives: bool) -> Function:
    fastdual, function, point = engine.module, with_functions(models.rosenbrock, engine), _point()

    def both() -> tuple[float, Any]:
        fastdual.reset()
        xs = [fastdual.Dual(x) for x in point]
        result = function(xs)
        return fastdual.val(result), [fastdual.der(result, x) for x in xs]

    return both if derivatives else lambda: function(point)


ROSENBROCK: dict[str, Way] = {
    "autograd": _transformed,
    "ddx": _ddx_rosenbrock,
    "casadi": _casadi_rosenbrock,
    "heyoka": _heyoka_rosenbrock,
    "jax": _transformed,
    "torch": _torch_rosenbrock,
    "hips": _hips_rosenbrock,
    "xad": _xad_rosenbrock,
    "fastdual": _fastdual_rosenbrock,
}
_peers(rosenbrock_point, ROSENBROCK, None)
_ready("rosenbrock", f"Rosenbrock, {VARIABLES} variables", ROSENBROCK, ("torch", "hips", "xad", "fastdual"))

# ---- Black-Scholes over a batch ----


@cache
def _options() -> list[Any]:
    return arrays(*models.options(OPTIONS))


def _transformed_batch(engine: Engine, derivatives: bool) -> Function:
    function = with_functions(models.black_scholes, engine)
    function = _transform(engine, function, derivatives, argnums=(0, 1, 2, 3, 4))
    options = {} if engine.name == "jax" else {"threads": 1}
    return partial(program(engine, engine.module.vmap(function, **options)), *_options())


def _torch_batch(engine: Engine, derivatives: bool) -> Function:
    torch = engine.module
    function = models.black_scholes(torch)
    columns = [torch.tensor(column, requires_grad=derivatives) for column in _options()]

    def both() -> tuple[Any, Any]:
        values = function(*columns)
        gradients = torch.autograd.grad(values.sum(), columns)
        return values.detach().numpy(), [gradient.numpy() for gradient in gradients]

    return both if derivatives else lambda: function(*columns).numpy()


def _hips_batch(engine: Engine, derivatives: bool) -> Function:
    function, columns = with_functions(models.black_scholes, engine), _options()
    if not derivatives:
        return partial(function, *columns)
    ones = importlib.import_module("numpy").ones(OPTIONS)

    def both() -> tuple[Any, Any]:
        pullback, values = engine.module.make_vjp(function, (0, 1, 2, 3, 4))(*columns)
        return values, pullback(ones)

    return both


def _casadi_batch(engine: Engine, derivatives: bool) -> Function:
    casadi, numpy = engine.module, importlib.import_module("numpy")
    x = casadi.SX.sym("x", 5)
    value = with_functions(models.black_scholes, engine)(*casadi.vertsplit(x))
    outputs = [value, casadi.gradient(value, x)] if derivatives else [value]
    function = casadi.Function("f", [x], outputs).map(OPTIONS)
    # A column for each point.
    symbols = casadi.MX.sym("x", 5, OPTIONS)
    points = numpy.ascontiguousarray(numpy.array(_options()).T).reshape(-1)
    results = function(symbols)
    call, memory = _casadi_function(engine, [symbols], list(results) if derivatives else [results], [points])

    def run() -> Any:
        call()
        return (memory[0], list(memory[1].reshape(-1, 5).T)) if derivatives else memory[0]

    return run


def _ddx_batch(engine: Engine, derivatives: bool) -> Function:
    ddx, numpy = engine.module, importlib.import_module("numpy")
    model = with_functions(models.black_scholes, engine)
    equation = ddx.equation(lambda: model(*(ddx.var(f"x{i}") for i in range(5)))).compile(points=OPTIONS)
    call = equation.buffer(numpy.array(_options()), want=ddx.Want.JACOBIAN if derivatives else ddx.Want.VALUE)

    def run() -> Any:
        call()
        return (call.value, list(call.jacobian)) if derivatives else call.value

    return run


def _heyoka_batch(engine: Engine, derivatives: bool) -> Function:
    hy, numpy = engine.module, importlib.import_module("numpy")
    xs = [hy.make_vars(f"x{i}") for i in range(5)]
    value = with_functions(models.black_scholes, engine)(*xs)
    gradient = hy.diff_tensors([value], diff_args=xs, diff_order=1).gradient if derivatives else []
    function, points = hy.cfunc([value, *gradient], vars=xs), numpy.array(_options())
    return lambda: function(points)


BATCH: dict[str, Way] = {
    "autograd": _transformed_batch,
    "heyoka": _heyoka_batch,
    "ddx": _ddx_batch,
    "casadi": _casadi_batch,
    "jax": _transformed_batch,
    "torch": _torch_batch,
    "hips": _hips_batch,
}
_peers(black_scholes, BATCH, CHECKED)
_ready("black_scholes", f"Black-Scholes, {OPTIONS:,} points", BATCH, ("torch", "hips"))

# ---- Matrices with structure ----


def _casadi_matrix(engine: Engine, function: Function, n: int, second: bool) -> tuple[Function, Function]:
    casadi = engine.module
    x = casadi.SX.sym("x", n)
    result = function(casadi.vertsplit(x))
    matrix = casadi.hessian(result, x)[0] if second else casadi.jacobian(casadi.vertcat(*result), x)
    call, results = _casadi_function(engine, [x], [matrix], [cases_sparse.random_point(n)])

    def dense() -> Any:
        call()
        array = importlib.import_module("numpy").zeros(matrix.shape)
        array[tuple(matrix.sparsity().get_triplet())] = results[0]
        return array

    return call, dense


def _asdex_matrix(engine: Engine, function: Function, n: int, second: bool) -> tuple[Function, Function]:
    jax, numpy = importlib.import_module("jax"), importlib.import_module("numpy")
    x = cases_sparse.random_point(n)
    matrix = jax.jit((engine.module.hessian if second else engine.module.jacobian)(function, x))

    def call() -> Any:
        return jax.block_until_ready(matrix(x))

    return call, lambda: numpy.asarray(call().todense())


def _ddx_matrix(engine: Engine, function: Function, n: int, second: bool) -> tuple[Function, Function]:
    ddx = engine.module
    result = ddx.equation(lambda: _tuple(function([ddx.var(f"x{i}") for i in range(n)]))).compile()
    call = result.buffer(cases_sparse.random_point(n), want=ddx.Want.HESSIAN if second else ddx.Want.JACOBIAN)

    def dense() -> Any:
        call()
        return call.hessian if second else call.jacobian

    return call, dense


def _tuple(result: Any) -> Any:
    return tuple(result) if isinstance(result, list) else result


def _rosenbrock_of_arrays(x: Any) -> Any:
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def _heat_of_arrays(u: Any) -> Any:
    padded = importlib.import_module("jax.numpy").pad(u, 1)
    return padded[:-2] - 2.0 * padded[1:-1] + padded[2:]


def _structured(name: str, n: int, make: Callable[[Engine], Function], of_arrays: Function, second: bool) -> None:
    case = BENCHMARKS[name]

    def build(engine: Engine, matrix: Function, function: Function) -> Workload:
        call, dense = matrix(engine, function, n, second)
        call()

        def check() -> list[float]:
            return cases_sparse.near_the_diagonal(dense())

        return Workload(lambda repetitions: {"whole": seconds_of(call, (), repetitions)}, check)

    case.entries += ("casadi", "asdex", "ddx")
    case.left_out_by_quick += ("casadi", "asdex", "ddx")
    case.on("casadi", "sparse, its interpreter")(lambda engine: build(engine, _casadi_matrix, make(engine)))
    case.on("asdex", "sparse, `jit` of arrays")(lambda engine: build(engine, _asdex_matrix, of_arrays))
    case.on("ddx", "dense, coloured, LLVM")(lambda engine: build(engine, _ddx_matrix, make(engine)))


_structured("hessian_rosenbrock", 100, cases_sparse.rosenbrock, _rosenbrock_of_arrays, second=True)
_structured("jacobian_heat", 200, cases_sparse.heat, _heat_of_arrays, second=False)
