"""Whole graphs: a chain of operations, Rosenbrock's function, and the memory of a node."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import models
from engines import Engine, Unsupported
from registry import Workload, benchmark, section, target


def _extend(x: Any, a: Any, b: Any, length: int) -> Any:
    """Make a chain of operations, each a node whose operand is the one before."""
    for _ in range(length // 2):
        x = x * a
        x = x + b
    return x


def _differentiate(
    evaluate: Callable[[], Any], leaves: Sequence[Any], depth: int, *, differentiates: bool
) -> Workload:
    """Time an evaluation, its backward pass and the release of its graph; on plain numbers, the evaluation alone."""

    def run_value(repetitions: int) -> dict[str, float]:
        begin = perf_counter()
        for _ in range(repetitions):
            evaluate()
        return {"forward": perf_counter() - begin}

    def run(repetitions: int) -> dict[str, float]:
        forward = backward = free = 0.0
        for _ in range(repetitions):
            begin = perf_counter()
            result = evaluate()
            evaluated = perf_counter()
            result.backward()
            differentiated = perf_counter()
            del result
            freed = perf_counter()
            forward += evaluated - begin
            backward += differentiated - evaluated
            free += freed - differentiated
        return {"forward": forward, "backward": backward, "free": free}

    def check() -> list[float]:
        before = [float(leaf.grad or 0.0) for leaf in leaves]
        result = evaluate()
        result.backward()
        after = [float(leaf.grad) for leaf in leaves]
        return [float(result.data), *(new - old for old, new in zip(before, after, strict=True))]

    return Workload(run, check, depth) if differentiates else Workload(run_value)


CHAIN = section(
    "chain",
    "A chain of operations",
    "`x = x * a; x = x + b` over and over, with `a` and `b` Values: every operation is a node that rests on "
    "the one before. Nanoseconds for one operation, split into computing the value (forward), `backward()`, "
    "and dropping the last node (free). Plain floats run the very same loop on floats, torch on 0-d float64 "
    "tensors. The nodes of the pure-Python engines are cycles, so dropping the last one frees nothing: the "
    "collector does, in the middle of other work when it is on, and never when it is off.",
)


def _chain(length: int) -> Callable[[Engine], Workload]:
    def build(engine: Engine) -> Workload:
        leaves = engine.Value(1.0), engine.Value(0.9999), engine.Value(0.0001)
        return _differentiate(
            lambda: _extend(*leaves, length), leaves, length + 1, differentiates=engine.differentiates
        )

    return build


benchmark(
    "chain_1000",
    CHAIN,
    "Chain of 1,000 operations",
    ("autograd", "float", "pure_python", "micrograd", "torch"),
    per=1000,
)(_chain(1000))
benchmark(
    "chain_1000000",
    CHAIN,
    "Chain of 1,000,000 operations",
    ("autograd", "float", "pure_python"),
    per=1_000_000,
    left_out_by_quick=("pure_python",),
)(_chain(1_000_000))

for _name, _length, _bound in (("chain_1000000", "10^6", 5.5), ("chain_1000", "10^3", 3.2)):
    target(
        f"Chain of {_length}: forward + backward + free, over the same loop on plain floats",
        _name,
        "autograd",
        "float",
        at_most=_bound,
    )
for _key, _state, _bound in (("pure_python:off", "off", 25), ("pure_python", "on", 35)):
    target(
        f"Chain of 10^3: pure Python with the collector {_state}, over autograd",
        "chain_1000",
        _key,
        "autograd",
        at_least=_bound,
    )

ROSENBROCK = section(
    "rosenbrock",
    "Value and gradient of a function of 100 variables",
    "Rosenbrock's function with sine and exponential, the sum over i of "
    "`100 (x[i+1] - x[i]**2)**2 + (1 - x[i])**2 + sin(x[i]) exp(-x[i+1])`, at `x[i] = 1.2 + 0.1 sin(i)`: "
    "1,287 operations, a new graph for every evaluation, in microseconds. Plain floats compute the value "
    "only, with `math.sin` and `math.exp`; torch works on 0-d float64 tensors.",
)


@benchmark(
    "rosenbrock",
    ROSENBROCK,
    "Rosenbrock with sin and exp, 100 variables",
    ("autograd", "float", "pure_python", "micrograd", "torch"),
    unit="us",
)
def rosenbrock(engine: Engine) -> Workload:
    missing = [name for name in ("sin", "exp") if name not in engine.functions]
    if missing:
        raise Unsupported(f"{engine.title} has no {' and no '.join(missing)}")
    xs = list(map(engine.Value, models.rosenbrock_point(100)))
    function = models.rosenbrock(SimpleNamespace(**engine.functions))
    return _differentiate(lambda: function(xs), xs, 500, differentiates=engine.differentiates)


target(
    "Rosenbrock: value and gradient, over its value on plain floats",
    "rosenbrock",
    "autograd",
    "float",
    at_most=5,
)

MEMORY_NODES = 100_000
MEMORY = section(
    "memory",
    "Memory of a node",
    f"Growth of the process's resident memory while a chain of {MEMORY_NODES:,} operations is built, for one "
    "operation and with everything that its node holds; each round in a new process.",
)
_STATM = Path("/proc/self/statm")


@benchmark(
    "memory",
    MEMORY,
    "Bytes for a node",
    ("autograd", "pure_python", "micrograd", "torch"),
    unit="B",
    per=MEMORY_NODES,
    fresh=True,
)
def memory(engine: Engine) -> Workload:
    if not _STATM.exists():
        raise Unsupported("resident memory is read from /proc, which this system does not have")

    def resident() -> int:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def run(repetitions: int) -> dict[str, float]:
        a, b = engine.Value(0.9999), engine.Value(0.0001)
        # The first nodes fill free blocks left in the heap by the start of the interpreter.
        x = _extend(engine.Value(1.0), a, b, 20_000)
        before = resident()
        x = _extend(x, a, b, MEMORY_NODES * repetitions)
        return {"node": float(resident() - before)}

    return Workload(run)


target("Bytes for a node", "memory", "autograd", at_most=96)
