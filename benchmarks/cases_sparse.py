"""Jacobians and Hessians of functions whose results depend on a few numbers each, sparse and dense, beside JAX's."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from cases_programs import arrays, seconds_of
from engines import Engine
from registry import Workload, benchmark, section, target

Function = Callable[..., Any]

SPARSE = section(
    "sparse",
    "Jacobians and Hessians with structure",
    "`compile(jacobian(f))` and `compile(hessian(f))` of functions of a band or a grid, in scalar Python, at a point. "
    "A sparse result is an array of scipy.sparse with a structure of its own; a dense one is a NumPy array, for which "
    "JAX runs `jit` of `jacfwd` or `hessian`, confined to one core. Pattern and coloring are found in the first call, "
    "which is not timed, and timed by themselves in their row.",
)


def random_point(n: int) -> Any:
    return arrays(importlib.import_module("random").Random(n).choices([0.1 * k for k in range(1, 10)], k=n))[0]


def near_the_diagonal(matrix: Any) -> list[float]:
    """Return some entries of the diagonal and of what is beside it."""
    numpy = importlib.import_module("numpy")
    return [number for k in (-1, 0, 1) for number in numpy.diagonal(matrix, k)[:5].tolist()]


def rosenbrock(engine: Engine) -> Function:
    return lambda x: sum(100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2 for i in range(len(x) - 1))


def chain(engine: Engine) -> Function:
    sin = engine.functions["sin"]
    return lambda x: sum(sin(x[i] * x[i + 1]) + x[i] ** 4 for i in range(len(x) - 1))


def banded(engine: Engine) -> Function:
    sin = engine.functions["sin"]

    def function(x: Any) -> list[Any]:
        n = len(x)
        return [sum(sin(x[i] * x[j]) for j in range(max(0, i - 2), min(n, i + 3))) for i in range(n)]

    return function


def heat(engine: Engine) -> Function:
    def function(u: Any) -> list[Any]:
        padded = [0.0, *u, 0.0]
        return [padded[i - 1] - 2.0 * padded[i] + padded[i + 1] for i in range(1, len(padded) - 1)]

    return function


def _derivative(engine: Engine, function: Function, second: bool, sparse: bool) -> Function:
    if engine.name != "jax":
        transform = engine.module.hessian if second else engine.module.jacobian
        compiled: Function = engine.module.compile(transform(function, sparse=sparse))
        return compiled
    numpy = importlib.import_module("numpy")
    stacked = function if second else lambda x: engine.module.numpy.stack(function(x))
    transform = engine.module.hessian if second else engine.module.jacfwd
    jitted = engine.module.jit(transform(stacked))
    return lambda x: numpy.asarray(jitted(x))


def _workload(engine: Engine, function: Function, n: int, *, second: bool, sparse: bool) -> Workload:
    numpy = importlib.import_module("numpy")
    x, derivative = random_point(n), _derivative(engine, function, second, sparse)

    def matrix() -> Any:
        result = derivative(x)
        return result.toarray() if sparse and engine.name != "jax" else numpy.asarray(result)

    def check() -> list[float]:
        return near_the_diagonal(matrix())

    matrix()
    return Workload(lambda repetitions: {"whole": seconds_of(derivative, (x,), repetitions)}, check)


def _case(
    name: str, title: str, make: Callable[[Engine], Function], n: int, *, second: bool, with_jax: bool, unit: str = "us"
) -> None:
    ways = ("autograd", "autograd/dense", *(("jax",) if with_jax else ()))
    case = benchmark(name, SPARSE, title, ways, unit=unit, per=1, of="call", left_out_by_quick=("jax",))
    registered = case(lambda engine: _workload(engine, make(engine), n, second=second, sparse=True))
    registered.on("autograd/dense", "dense")(
        lambda engine: _workload(engine, make(engine), n, second=second, sparse=False)
    )


_case("hessian_rosenbrock", "Hessian of Rosenbrock, 100 variables", rosenbrock, 100, second=True, with_jax=True)
_case("hessian_rosenbrock_200", "Hessian of Rosenbrock, 200 variables", rosenbrock, 200, second=True, with_jax=False)
_case("hessian_tridiagonal", "Tridiagonal Hessian, 1,000 variables", chain, 1_000, second=True, with_jax=False)
_case("jacobian_banded", "Jacobian of 5 bands, 1,000 x 1,000", banded, 1_000, second=False, with_jax=False)
_case("jacobian_heat", "Jacobian of the heat equation, 200 points", heat, 200, second=False, with_jax=True)

LARGE = 100_000


@benchmark(
    "hessian_large",
    SPARSE,
    f"Tridiagonal Hessian, {LARGE:,} variables",
    ("autograd",),
    unit="ms",
    per=1,
    of="call",
    left_out_by_quick=("autograd",),
)
def hessian_large(engine: Engine) -> Workload:
    derivative, x = engine.module.compile(engine.module.hessian(chain(engine), sparse=True)), random_point(LARGE)
    derivative(x)
    return Workload(lambda repetitions: {"whole": seconds_of(derivative, (x,), repetitions)})


@benchmark("coloring", SPARSE, "Pattern and coloring of Rosenbrock, 200 variables", ("autograd",), unit="us", of="call")
def coloring(engine: Engine) -> Workload:
    structure = importlib.import_module("autograd._transforms.structure")
    pattern = engine.module.hessian(rosenbrock(engine), sparse=True).sparsity(random_point(200))
    return Workload(lambda repetitions: {"whole": seconds_of(structure.coloring, (pattern, True), repetitions)})


target("Hessian of Rosenbrock, 100 variables: us", "hessian_rosenbrock", "autograd/dense", at_most=20.0)
target("Sparse Hessian of Rosenbrock, 200 variables: us", "hessian_rosenbrock_200", "autograd", at_most=8.0)
target("Tridiagonal Hessian, 1,000 variables: us", "hessian_tridiagonal", "autograd", at_most=300.0)
target("Jacobian of 5 bands, 1,000 x 1,000: us", "jacobian_banded", "autograd", at_most=250.0)
target("Jacobian of the heat equation, 200 points: us", "jacobian_heat", "autograd", at_most=2.0)
target("Tridiagonal Hessian, 100,000 variables: ms", "hessian_large", "autograd", at_most=20.0)
