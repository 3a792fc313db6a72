"""Programs printed as C and compiled, beside the interpreter that runs the same programs."""

from __future__ import annotations

import ctypes
import importlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import models
from cases_programs import CHECKED, OPTIONS, VARIABLES, arrays, at_a_point, over_a_batch, with_functions, workload
from engines import Engine, Unsupported
from registry import Workload, benchmark, section

Function = Callable[..., Any]

SOURCE = section(
    "source",
    "Programs as C",
    "The interpreter beside the C that `to_source` prints, compiled by `cc -O2` and called by ctypes. Both have the "
    "same bits. A batch is the text for CUDA, which as C is a loop over the points: the interpreter runs each "
    "instruction for a block of points, with the vector functions of the processor at hand, the C all instructions for "
    "each point.",
)


def library(text: str) -> ctypes.CDLL:
    compiler = shutil.which("cc")
    if compiler is None:
        raise Unsupported("there is no C compiler named cc")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        source, target = Path(directory, "source.c"), Path(directory, "source.so")
        source.write_text(text, encoding="utf-8")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", str(source), "-o", str(target), "-lm"], check=True)
        return ctypes.CDLL(str(target))


def at_a_point_in_c(program: Any, x: Any) -> Function:
    """Return a function that calls a program in C at a point; its outputs are a value and a gradient, if that."""
    numpy = importlib.import_module("numpy")
    c = library(program.to_source("c"))
    sizes = (ctypes.c_longlong * 4)()
    c.f_work(*(ctypes.byref(sizes, 8 * k) for k in range(4)))
    y, w = numpy.empty(program.outputs), numpy.empty(max(sizes[3], 1))
    arguments, results = (ctypes.c_void_p * 1)(x.ctypes.data), (ctypes.c_void_p * 1)(y.ctypes.data)
    work = w.ctypes.data_as(ctypes.c_void_p)

    def call(*_: Any) -> Any:
        assert c.f(arguments, results, None, work, 0) == 0
        return y[0] if len(y) == 1 else (y[0], y[1:])

    return call


def over_a_batch_in_c(program: Any, rows: Sequence[Any]) -> Function:
    numpy = importlib.import_module("numpy")
    c = library(program.to_source("cuda"))
    x, lanes = numpy.array(rows), len(rows[0])
    y, status = numpy.empty((program.outputs, lanes)), numpy.empty(lanes, numpy.int32)
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (x, y, status)]

    def call(*_: Any) -> Any:
        c.f(ctypes.c_longlong(lanes), *pointers)
        return y[0] if len(y) == 1 else (y[0], tuple(y[1:]))

    return call


@benchmark(
    "source_point",
    SOURCE,
    f"Rosenbrock with sin and exp, {VARIABLES} variables, one point",
    ("autograd", "autograd/c"),
    unit="us",
    base="value",
)
def source_point(engine: Engine) -> Workload:
    return at_a_point(engine, with_functions(models.rosenbrock, engine), arrays(models.rosenbrock_point(VARIABLES)))


@source_point.on("autograd/c", "as C")
def source_point_c(engine: Engine) -> Workload:
    function, (x,) = with_functions(models.rosenbrock, engine), arrays(models.rosenbrock_point(VARIABLES))
    trace, value_and_grad = engine.module.trace, engine.module.value_and_grad
    value, both = (at_a_point_in_c(trace(each, x), x) for each in (function, value_and_grad(function)))
    return workload(value, both, [x], None)


@benchmark(
    "source_batch",
    SOURCE,
    f"Black-Scholes and five sensitivities, {OPTIONS:,} points",
    ("autograd", "autograd/c"),
    per=OPTIONS,
    of="point",
    base="value",
)
def source_batch(engine: Engine) -> Workload:
    function = with_functions(models.black_scholes, engine)
    return over_a_batch(engine, function, arrays(*models.options(OPTIONS)), argnums=(0, 1, 2, 3, 4))


@source_batch.on("autograd/c", "as C")
def source_batch_c(engine: Engine) -> Workload:
    function, rows = with_functions(models.black_scholes, engine), arrays(*models.options(OPTIONS))
    point = [row[0] for row in rows]
    both = engine.module.value_and_grad(function, argnums=(0, 1, 2, 3, 4))
    functions = (over_a_batch_in_c(engine.module.trace(each, *point), rows) for each in (function, both))
    return workload(*functions, rows, CHECKED)
