"""One operation of each kind: its node is made and dropped at once."""

from __future__ import annotations

from itertools import repeat
from time import perf_counter
from typing import Any

import numpy
from engines import FUNCTIONS, Engine, Unsupported
from registry import Workload, benchmark, section, target

# Copies of the statement in the body of the loop, so that the loop itself takes a small part of the time.
UNROLLED = 20

# Name, title in the report, statement.
OPERATIONS = (
    ("value", "Value(2.0)", "make(number)"),
    ("add", "Value + Value", "a + b"),
    ("add_number", "Value + 2.0", "a + number"),
    ("number_add", "2.0 + Value", "number + a"),
    ("sub", "Value - Value", "a - b"),
    ("sub_number", "Value - 2.0", "a - number"),
    ("number_sub", "2.0 - Value", "number - a"),
    ("mul", "Value * Value", "a * b"),
    ("mul_number", "Value * 2.0", "a * number"),
    ("number_mul", "2.0 * Value", "number * a"),
    ("div", "Value / Value", "a / b"),
    ("div_number", "Value / 2.0", "a / number"),
    ("number_div", "2.0 / Value", "number / a"),
    ("square", "Value ** 2", "a ** 2"),
    ("pow_number", "Value ** 2.0", "a ** number"),
    ("pow", "Value ** Value", "a ** b"),
    ("number_pow", "2.0 ** Value", "number ** a"),
    ("neg", "-Value", "-a"),
    ("abs", "abs(Value)", "abs(a)"),
    ("relu", "Value.relu()", "a.relu()"),
    ("tanh_method", "Value.tanh()", "a.tanh()"),
    *((name, f"{name}(Value)", f"{name}(a)") for name in FUNCTIONS),
)
# Statements with a NumPy scalar as an operand, each compared with the same statement on a float.
NUMPY_OPERANDS = (
    ("numpy_value", "Value(np.int64)", "make(number)"),
    ("numpy_mul", "np.int64 * Value", "number * a"),
    ("mul_numpy", "Value * np.int64", "a * number"),
    ("mul_numpy_bool", "Value * np.bool_", "a * number"),
    ("mul_float32", "Value * np.float32", "a * number"),
    ("value_numpy_bool", "Value(np.bool_)", "make(number)"),
    ("value_float32", "Value(np.float32)", "make(number)"),
    ("greater_numpy", "Value > np.int64", "a > number"),
)
NUMPY_TYPES = {
    "mul_numpy_bool": numpy.bool_,
    "mul_float32": numpy.float32,
    "value_numpy_bool": numpy.bool_,
    "value_float32": numpy.float32,
}
# The equivalent on plain numbers of statements that do not run on them.
ON_NUMBERS = {"relu": "a if a > 0.0 else 0.0", "tanh_method": "tanh(a)"}

_TIMER = """
def timer(repetitions, a, b, number, make, {functions}):
    start = perf_counter()
    for _ in repeat(None, repetitions):
        {body}
    return {{"operation": perf_counter() - start}}
"""

SECTION = section(
    "operations",
    "One operation",
    "Its node is made and dropped at once. Operands are local variables; the statement is written out "
    f"{UNROLLED} times in the body of a loop, whose own cost is left in for everyone. The yardsticks run "
    "the same expression on floats (functions from `math`) and on complex numbers (functions from `cmath`; "
    "`2.0` is complex too). Functions are called as the engine's users do: `exp(x)` with autograd and torch, "
    "`Value.exp(x)` in pure Python. A Value of torch is a 0-d float64 tensor. On, off: the cyclic collector.",
    wide=True,
)


NUMPY_SECTION = section(
    "numpy_operands",
    "Scalars of NumPy as operands",
    "A Value and a scalar of NumPy, as iterating over an array gives them, beside the same statement with a float, and "
    "`Value * 2.0`. Of `np.int64 * Value` about 400 ns are NumPy's own.",
)


def _workload(engine: Engine, name: str, statement: str, number: Any = 2.0) -> Workload:
    code = statement if engine.differentiates else ON_NUMBERS.get(name, statement)
    source = _TIMER.format(functions=", ".join(FUNCTIONS), body="; ".join([code] * UNROLLED))
    namespace: dict[str, Any] = {"perf_counter": perf_counter, "repeat": repeat}
    exec(source, namespace)  # like timeit: the statement itself is in the loop, not a call of it
    timer = namespace["timer"]
    a, b = engine.Value(1.3), engine.Value(0.7)
    number = complex(number) if engine.name == "complex" else number
    functions = [engine.functions.get(function) for function in FUNCTIONS]

    def run(repetitions: int) -> dict[str, float]:
        return timer(repetitions, a, b, number, engine.Value, *functions)

    try:
        run(1)
    except (AssertionError, AttributeError, TypeError) as error:
        raise Unsupported(f"{engine.title} has no such operation ({error})") from error
    return Workload(run)


def _register(name: str, words: str, statement: str) -> None:
    @benchmark(name, SECTION, words, ("autograd", "float", "complex", "pure_python", "torch"), per=UNROLLED)
    def build(engine: Engine) -> Workload:
        return _workload(engine, name, statement)


def _register_numpy(name: str, words: str, statement: str) -> None:
    entries = ("autograd", "autograd/float", "autograd/product", "pure_python", "torch")

    @benchmark(name, NUMPY_SECTION, words, entries, per=UNROLLED)
    def build(engine: Engine) -> Workload:
        return _workload(engine, name, statement, NUMPY_TYPES.get(name, numpy.int64)(2))

    @build.on("autograd/float", "with a float")
    def on_float(engine: Engine) -> Workload:
        return _workload(engine, name, statement)

    @build.on("autograd/product", "Value * 2.0")
    def on_product(engine: Engine) -> Workload:
        return _workload(engine, name, "a * number")


for _row in OPERATIONS:
    _register(*_row)
for _row in NUMPY_OPERANDS:
    _register_numpy(*_row)

target("Value * Value, over complex * complex", "mul", "autograd", "complex", at_most=1.15)
target("Value * 2.0, over complex * complex", "mul_number", "autograd", "complex", at_most=1.25)
target("np.int64 * Value, over Value * 2.0", "numpy_mul", "autograd", "autograd/product", at_most=11)
target("Value * np.int64, over Value * 2.0", "mul_numpy", "autograd", "autograd/product", at_most=2.6)
target("Value > np.int64, over Value * 2.0", "greater_numpy", "autograd", "autograd/product", at_most=2.6)
target("Value(np.int64): nanoseconds", "numpy_value", "autograd", at_most=100)
