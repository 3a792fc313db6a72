"""A network called on one point, and the gradients of its parameters."""

from __future__ import annotations

import random
from itertools import pairwise, repeat
from time import perf_counter
from typing import Any

from engines import Engine
from networks import plain
from registry import Workload, benchmark, section, target

SECTION = section(
    "calls",
    "A network called on one point",
    "`model(x).backward()` for `x` a list of floats, `sum(model(x)).backward()` where there are several outputs: the "
    "outputs, the gradients of all parameters, and the end of the graph. What Python takes to make calls at all is "
    "measured beside it, in a loop with two calls of built-ins that do nothing, `len(x)` for the model and "
    "`number.conjugate()` for `backward()`, and is subtracted: it is the negative part in the table. PyTorch calls "
    "an `nn.Sequential` on a float64 tensor, with `.sum()` for several outputs.",
)

_TIMER = """
def timer(repetitions, model, x, number=1.0):
    begin = perf_counter()
    for _ in repeat(None, repetitions):
        {statement}
    return perf_counter() - begin
"""


def _timer(statement: str) -> Any:
    namespace: dict[str, Any] = {"perf_counter": perf_counter, "repeat": repeat}
    exec(_TIMER.format(statement=statement), namespace)
    return namespace["timer"]


def _workload(engine: Engine, widths: tuple[int, ...]) -> Workload:
    assert engine.MLP is not None
    random.seed(1337)
    model = engine.MLP(widths[0], list(widths[1:]))
    point = [random.uniform(-1, 1) for _ in range(widths[0])]
    x, total = point, "sum(model(x))"
    if engine.name == "torch":
        x, total = engine.module.tensor(point, dtype=engine.module.float64), "model(x).sum()"
    calls = _timer(f"{'model(x)' if widths[-1] == 1 else total}.backward()")
    empty_calls = _timer("len(x); number.conjugate()")

    def run(repetitions: int) -> dict[str, float]:
        return {"calls": calls(repetitions, model, x), "empty calls": -empty_calls(repetitions, model, point)}

    def check() -> list[float]:
        calls(1, model, x)
        outputs = [model(x)] if widths[-1] == 1 else model(x)
        return plain(output.data for output in outputs) + plain(p.grad for p in model.parameters())

    return Workload(run, check, depth=300)


def _register(name: str, widths: tuple[int, ...], **options: Any) -> None:
    title = f"MLP({widths[0]}, {list(widths[1:])}), forward and backward"

    @benchmark(name, SECTION, title, ("autograd", "torch", "pure_python"), **options)
    def build(engine: Engine) -> Workload:
        return _workload(engine, widths)


NARROW = (2, 16, 16, 1)
WIDE = (64, 64, 64, 10)
WEIGHTS = sum(nin * nout for nin, nout in pairwise(WIDE))
_register("call", NARROW, unit="us")
_register("call_wide", WIDE, per=WEIGHTS, of="weight", left_out_by_quick=("pure_python",))

target("MLP(2, [16, 16, 1]), forward and backward: microseconds a point", "call", "autograd", at_most=1.5)
target("MLP(64, [64, 64, 10]), forward and backward: nanoseconds a weight", "call_wide", "autograd", at_most=1.0)
