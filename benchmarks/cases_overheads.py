"""What Python takes around the work: parameters, updates, and calls that compute little."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from itertools import repeat
from time import perf_counter
from typing import Any

import numpy
from engines import Engine
from registry import Benchmark, Workload, benchmark, section, target

SECTION = section(
    "overheads",
    "What Python takes around the work",
    "Statements that compute little, in a loop; beside them `v * 2.0` in the same loop, a product of a Value. The "
    "network is `MLP(2, [16, 16, 1])`, with its 337 parameters, and has been called before. The compiled functions "
    "return a product of two of their numbers. `SGD.step` is for a million parameters, whose nodes take 80 MB.",
    wide=True,
)

_TIMER = """
def timer(repetitions, {names}):
    begin = perf_counter()
    for _ in repeat(None, repetitions):
        {statement}
    return {{"statement": perf_counter() - begin}}
"""

Names = dict[str, Any]


def _workload(names: Names, statement: str) -> Workload:
    namespace: Names = {"perf_counter": perf_counter, "repeat": repeat}
    exec(_TIMER.format(names=", ".join(names), statement=statement), namespace)
    return Workload(lambda repetitions: namespace["timer"](repetitions, **names))


def _network(engine: Engine) -> Names:
    assert engine.MLP is not None
    random.seed(1337)
    model, point = engine.MLP(2, [16, 16, 1]), [0.5, -0.25]
    model(point).backward()
    return {"model": model, "point": point, "row": numpy.array(point), "parameters": model.parameters(), "rate": 1e-9}


def _compiled(function: Callable[..., Any], *arguments: Any) -> Callable[[Engine], Names]:
    def make(engine: Engine) -> Names:
        compiled = engine.module.compile(function)
        compiled(*arguments)
        return {"f": compiled, **{f"x{i}": argument for i, argument in enumerate(arguments)}}

    return make


def _derivative(engine: Engine) -> Names:
    return {"grad": engine.module.grad, "f": lambda x: x * x * x + 2.0 * x}


def _optimizer(engine: Engine) -> Names:
    parameters = [engine.Value(0.5) for _ in range(1_000_000)]
    for parameter in parameters:
        parameter.grad = 1.0
    return {"optimizer": importlib.import_module("autograd.optim").SGD(parameters, lr=1e-9)}


def _copy() -> Names:
    return {"copyto": numpy.copyto, "a": numpy.ones(10_000_000), "b": numpy.ones(10_000_000)}


def _register(
    name: str, title: str, make: Callable[[Engine], Names], statement: str, beside: str = "product", **options: Any
) -> Benchmark:
    entries = ("autograd", f"autograd/{beside}") if beside else ("autograd",)
    case = benchmark(name, SECTION, title, entries, **options)(lambda engine: _workload(make(engine), statement))
    if beside == "product":
        case.on("autograd/product", "v * 2.0")(lambda engine: _workload({"v": engine.Value(1.5)}, "v * 2.0"))
    return case


_register("parameters", "model.parameters()", _network, "model.parameters()")
_register("zero_grad", "model.zero_grad()", _network, "model.zero_grad()")
_register(
    "update",
    "p.data -= rate * p.grad",
    _network,
    "for p in parameters: p.data -= rate * p.grad",
    beside="",
    per=337,
    of="parameter",
)
ARRAY_ROW = _register("array_row", "model(row), an array", _network, "model(row)", beside="list")
ARRAY_ROW.on("autograd/list", "with a list")(lambda engine: _workload(_network(engine), "model(point)"))
_register(
    "call_scalars",
    "a compiled call, five scalars",
    _compiled(lambda a, b, c, d, e: a * e, 1.0, 2.0, 3.0, 4.0, 5.0),
    "f(x0, x1, x2, x3, x4)",
)
_register(
    "call_dict",
    "a compiled call, a dict of two",
    _compiled(lambda d: d["a"] * d["b"], {"a": 1.0, "b": 2.0}),
    "f(x0)",
)
_register(
    "call_array",
    "a compiled call, an array of 100",
    _compiled(lambda x: x[0] * x[99], numpy.linspace(0.0, 1.0, 100)),
    "f(x0)",
)
_register("grad_plain", "grad(f)(2.0), f a lambda", _derivative, "grad(f)(2.0)")
SGD_MILLION = _register(
    "sgd_million",
    "SGD.step, a million parameters",
    _optimizer,
    "optimizer.step()",
    beside="copy",
    per=1_000_000,
    of="parameter",
)
SGD_MILLION.on("autograd/copy", "a copy of 80 MB")(lambda engine: _workload(_copy(), "copyto(a, b)"))

target("model.parameters() of 337, over Value * 2.0", "parameters", "autograd", "autograd/product", at_most=75)
target("model.parameters() of 337: nanoseconds", "parameters", "autograd", at_most=3000)
target("model.zero_grad() of 337: nanoseconds", "zero_grad", "autograd", at_most=3000)
target("model(row), an array over a list", "array_row", "autograd", "autograd/list", at_most=1.3)
target("A compiled call with five scalars: nanoseconds", "call_scalars", "autograd", at_most=500)
target("A compiled call with a dict of two: nanoseconds", "call_dict", "autograd", at_most=500)
target("A compiled call with an array of 100: nanoseconds", "call_array", "autograd", at_most=600)
target("grad(f)(2.0) of a lambda: nanoseconds", "grad_plain", "autograd", at_most=12_000)
target("SGD.step, nanoseconds a parameter of a million", "sgd_million", "autograd", at_most=5)
target("SGD.step, over a copy of the bytes of the nodes", "sgd_million", "autograd", "autograd/copy", at_most=1.25)
