"""Expressions of C and CUDA, and the functions that they call.

The expressions are those of the op table. The functions of ``_kernels/`` are printed where they are used, so that the
bits are those of a Program.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from importlib import resources

from autograd import ops
from autograd._build.codegen import is_function, to_c
from autograd._source.functions import Function, all_instructions

#: The headers of the elementary functions, each after those that it includes.
FAMILIES = (
    "arithmetic", "division", "logarithm", "exponential", "power", "trigonometric", "inverse_trigonometric", "error",
)

C_PROLOGUE = """\
#if defined(__FAST_MATH__)
#error "compile without -ffast-math"
#endif
/* A fused multiply-add would round differently. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__) && !defined(__CUDACC__)
#pragma GCC optimize("fp-contract=off")
#endif
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-const-variable"
#endif
#if defined(__CUDACC_RTC__)
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
#ifndef INFINITY
#define INFINITY __longlong_as_double(0x7ff0000000000000LL)
#endif
#ifndef NAN
#define NAN __longlong_as_double(0x7ff8000000000000LL)
#endif
#else
#include <math.h>
#include <stdint.h>
#include <string.h>
#endif
#if defined(__GNUC__) && !defined(__CUDACC__)
#define PART_OF static __attribute__((noinline, unused))
#else
#define PART_OF static
#endif
#if defined(__CUDACC__)
#define TABLE static __device__ const
#else
#define TABLE static const
#endif
"""

SAME = """\
PART_OF int same(double a, double b)
{
    return bits_of(a) == bits_of(b) || (a != a && b != b);
}
"""


def c_number(number: float) -> str:
    if math.isnan(number):
        return "NAN"
    if math.isinf(number):
        return "INFINITY" if number > 0 else "(-INFINITY)"
    text = repr(number) if number == int(number) and abs(number) < 1e15 else number.hex()
    return f"({text})" if text.startswith("-") else text


def c_function(name: str) -> str:
    """Return the name in C of a function of the table."""
    row = ops.OPS[name]
    return "power" if name == "pow" else f"call_{name}" if is_function(row) else row.libm


def c_expressions(names: Iterable[str]) -> dict[str, Callable[..., str]]:
    """Return a printer for each primitive, from operands to an expression."""

    def printer(name: str) -> Callable[..., str]:
        arguments = ops.OPS[name].arguments
        if is_function(ops.OPS[name]):
            return lambda *operands: f"{c_function(name)}({', '.join(operands)})"
        pieces = re.split(r"\b([ab])\b", to_c(ops.OPS[name].value, c_function))
        if pieces[0].startswith("(") and pieces[-1].endswith(")"):
            pieces[0], pieces[-1] = pieces[0][1:], pieces[-1][:-1]
        if "".join(pieces).count("(") != "".join(pieces).count(")"):
            raise AssertionError(name)
        return lambda *operands: "".join(
            operands[arguments.index(p)] if k % 2 else p for k, p in enumerate(pieces)
        )

    return {name: printer(name) for name in names}


def kernels(names: Iterable[str], with_bits: bool) -> str:
    """Return the functions of ``_kernels/`` that primitives call, with the headers that they are in."""
    names = sorted(set(names))
    texts = {
        family: resources.files("autograd._kernels").joinpath(f"{family}.h").read_text(encoding="utf-8")
        for family in FAMILIES
    }
    needed = {"arithmetic"} if with_bits else set()
    for name in names:
        # As it is, or by a macro.
        definition = re.compile(rf"kernel_{name}\(double|^[A-Z_]+\({name}[,)]", re.MULTILINE)
        needed |= {family for family in FAMILIES if definition.search(texts[family])}
    for family in reversed(FAMILIES):
        if family in needed:
            needed |= set(re.findall(r'#include "(\w+)\.h"', texts[family]))
    lines = [re.sub(r"^#include .*\n", "", texts[f], flags=re.MULTILINE) for f in FAMILIES if f in needed]
    for name in names:
        operands = ops.OPS[name].arguments
        lines.append(
            f"PART_OF double {c_function(name)}({', '.join(f'double {k}' for k in operands)})\n"
            f"{{\n    return kernel_{name}({', '.join(operands)});\n}}\n"
        )
    return "\n".join(lines)


def preamble(functions: Sequence[Function]) -> str:
    used = list(all_instructions(functions))
    has_same = any(x[0] == "same" for x in used)
    text = [C_PROLOGUE, kernels({x[1] for x in used if x[0] == "op" and is_function(ops.OPS[x[1]])}, has_same)]
    return "\n".join([*text, SAME] if has_same else text)
