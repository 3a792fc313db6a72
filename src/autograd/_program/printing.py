"""Prints instructions as source: C, CUDA and NumPy.

A function to print is a list with the instructions of a code by position, tuples of a kind and what belongs to it:

- ``("input", number)``, ``("constant", float)``;
- ``("op", name, operands)``, a primitive of the table; ``("where", symbol, operands)``, of two comparands and two arms;
- ``("guard", operand, outcome, place)`` and ``("same", operand, operand, place)``.

The expressions are those of the op table. C and CUDA have the functions of ``_kernels/`` with them, so that their bits
are those of a Program; a function is cut into parts of `PART` instructions, which keeps the time to compile
proportional to the instructions. Numbers that a later part needs are in a work array, whose places are used again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy

from autograd import ops
from autograd._build.codegen import is_function, to_c

PART = 500

#: The headers of the elementary functions, each after those that it includes.
FAMILIES = (
    "arithmetic", "division", "logarithm", "exponential", "power", "trigonometric", "inverse_trigonometric", "error",
)

#: Functions that NumPy lacks and SciPy has.
OF_SCIPY = ("erf", "erfc")

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
"""

SAME = """\
PART_OF int same(double a, double b)
{
    return bits_of(a) == bits_of(b) || (a != a && b != b);
}
"""


@dataclass(frozen=True)
class Block:
    """An argument or a result of a C function: a vector, or a sparse matrix of which it has the entries by columns.

    Parameters
    ----------
    name : str
    first : int
        The number of its first input or output; None if the function does not read it.
    rows, columns : int
    ends, indices : sequence of int, optional
        The pattern in the CSC format; None for a dense vector.
    """

    name: str
    first: int | None
    rows: int
    columns: int = 1
    ends: Sequence[int] | None = None
    indices: Sequence[int] | None = None

    @property
    def count(self) -> int:
        return self.rows * self.columns if self.indices is None else len(self.indices)

    def sparsity(self) -> list[int]:
        ends, indices = self.ends, self.indices
        if ends is None or indices is None:
            ends, indices = [0, self.rows], range(self.rows)
        return [self.rows, self.columns, *ends, *indices]


@dataclass(frozen=True)
class Function:
    """A function to print: its instructions, and the positions of its outputs."""

    name: str
    instructions: list[tuple[Any, ...] | None]
    outputs: list[int]
    arguments: tuple[Block, ...] = ()
    results: tuple[Block, ...] = ()

    @property
    def places(self) -> list[str]:
        """Where the branches of the guards are, in the order of their numbers."""
        return [i[-1] for i in self.instructions if i is not None and i[0] in ("guard", "same")]


def operands_of(instruction: tuple[Any, ...]) -> tuple[int, ...]:
    match instruction:
        case ("op" | "where", _, operands):
            return tuple(operands)
        case ("guard", operand, _, _):
            return (operand,)
        case ("same", a, b, _):
            return (a, b)
    return ()


# ---- C and CUDA ----


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


def parts(function: Function) -> tuple[list[list[int]], dict[int, int], int]:
    """Cut a function: the instructions of every part, where in the work array numbers are, and its size."""
    steps = [i for i, x in enumerate(function.instructions) if x is not None and x[0] not in ("input", "constant")]
    cut = [steps[k : k + PART] for k in range(0, len(steps), PART)] or [[]]
    part_of = {i: k for k, part in enumerate(cut) for i in part}
    last: dict[int, int] = {}
    for i in steps:
        for operand in operands_of(function.instructions[i] or ()):
            last[operand] = part_of[i]
    for output in function.outputs:
        last[output] = max(last.get(output, 0), part_of.get(output, 0))
    slots: dict[int, int] = {}
    free: list[int] = []
    ending: dict[int, list[int]] = {}
    size = 0
    for k, part in enumerate(cut):
        for i in part:
            if last.get(i, k) > k:
                if free:
                    slots[i] = free.pop()
                else:
                    slots[i], size = size, size + 1
                ending.setdefault(last[i], []).append(slots[i])
        free += ending.pop(k, [])
    return cut, slots, size


def c_parts(function: Function, head: str, call: str, load: Callable[[int], str],
            store: Callable[[int, str], str]) -> tuple[str, int]:
    """Print the parts of a function and one that calls them, and return the size of the work array.

    Parameters
    ----------
    head, call : str
        The parameters of all of them, and the arguments.
    load : callable
        Returns the expression for an input.
    store : callable
        Returns the statement for an output.
    """
    instructions, name = function.instructions, function.name
    cut, slots, size = parts(function)
    expressions = c_expressions({x[1] for x in instructions if x is not None and x[0] == "op"})
    stores: dict[int, list[tuple[int, int]]] = {}
    part_of = {i: k for k, part in enumerate(cut) for i in part}
    for number, i in enumerate(function.outputs):
        stores.setdefault(part_of.get(i, len(cut) - 1), []).append((number, i))
    guard = 0
    text = []
    for k, part in enumerate(cut):
        lines: list[str] = []
        here: set[int] = set()

        def operand(i: int, lines: list[str] = lines, here: set[int] = here) -> str:
            known = instructions[i] or ()
            if known[0] == "constant":
                return c_number(known[1])
            if i not in here:
                here.add(i)
                lines.append(f"    const double v{i} = {load(known[1]) if known[0] == 'input' else f'w[{slots[i]}]'};")
            return f"v{i}"

        for i in part:
            instruction = instructions[i] or ()
            x = [operand(j) for j in operands_of(instruction)]
            match instruction:
                case ("op", op, _):
                    lines.append(f"    const double v{i} = {expressions[op](*x)};")
                case ("where", symbol, _):
                    lines.append(f"    const double v{i} = {x[0]} {symbol} {x[1]} ? {x[2]} : {x[3]};")
                case ("guard", _, outcome, _):
                    guard += 1
                    lines += [f"    if ({x[0]} {'==' if outcome else '!='} 0.0)", f"        return {guard};"]
                case ("same", _, _, _):
                    guard += 1
                    lines += [f"    if (!same({x[0]}, {x[1]}))", f"        return {guard};"]
            here.add(i)
            if i in slots:
                lines.append(f"    w[{slots[i]}] = v{i};")
        for number, i in stores.get(k, ()):
            value = operand(i)
            lines.append(f"    {store(number, value)}")
        lines = [f"PART_OF int {name}_part{k}({head})", "{", *unused(head), *lines, "    return 0;", "}", ""]
        text.append("\n".join(lines))
    calls = [f"    if (!status)\n        status = {name}_part{k}({call});" for k in range(len(cut))]
    text.append("\n".join([f"PART_OF int {name}_parts({head})", "{", "    int status = 0;", *calls,
                           "    return status;", "}", ""]))
    return "\n".join(text), size


def unused(head: str) -> list[str]:
    return [f"    (void){parameter.split('*')[-1].split()[-1]};" for parameter in head.split(", ")]


def c_source(functions: Sequence[Function], title: str) -> str:
    """Print functions in C99, with CasADi's interface."""
    text = [f"/* {title} */", preamble(functions)]
    text.append("#if defined(_WIN32)\n#define EXPORT __declspec(dllexport)\n#else\n#define EXPORT\n#endif")
    text.append("#ifdef __cplusplus\nextern \"C\" {\n#endif")
    text += [c_exported(function) for function in functions]
    text.append("#ifdef __cplusplus\n}\n#endif\n")
    return "\n".join(text)


def c_exported(function: Function) -> str:
    name = function.name

    def find(blocks: Sequence[Block], number: int) -> tuple[int, int]:
        for k, block in enumerate(blocks):
            if block.first is not None and block.first <= number < block.first + block.count:
                return k, number - block.first
        raise AssertionError(number)

    def load(number: int) -> str:
        k, i = find(function.arguments, number)
        return f"arg[{k}] ? arg[{k}][{i}] : 0.0"

    def store(number: int, value: str) -> str:
        k, i = find(function.results, number)
        return f"if (res[{k}]) res[{k}][{i}] = {value};"

    body, size = c_parts(function, "const double **arg, double **res, double *w", "arg, res, w", load, store)
    places = function.places
    lines = [body, c_documentation(function)]
    lines.append(
        f"EXPORT int {name}(const double **arg, double **res, long long int *iw, double *w, int mem)\n"
        f"{{\n    (void)iw, (void)mem;\n    return {name}_parts(arg, res, w);\n}}"
    )
    for kind, blocks in (("in", function.arguments), ("out", function.results)):
        lines.append(f"EXPORT long long int {name}_n_{kind}(void) {{ return {len(blocks)}; }}")
        cases = [f"case {k}: return \"{block.name}\";" for k, block in enumerate(blocks)]
        lines.append(c_switch(f"EXPORT const char *{name}_name_{kind}(long long int i)", cases))
        cases = []
        for k, block in enumerate(blocks):
            pattern = ", ".join(map(str, block.sparsity()))
            lines.append(f"static const long long int {name}_pattern_{kind}{k}[] = {{{pattern}}};")
            cases.append(f"case {k}: return {name}_pattern_{kind}{k};")
        lines.append(c_switch(f"EXPORT const long long int *{name}_sparsity_{kind}(long long int i)", cases))
    lines.append(
        f"EXPORT int {name}_work(long long int *sz_arg, long long int *sz_res, long long int *sz_iw, "
        f"long long int *sz_w)\n{{\n    if (sz_arg) *sz_arg = {len(function.arguments)};\n"
        f"    if (sz_res) *sz_res = {len(function.results)};\n    if (sz_iw) *sz_iw = 0;\n"
        f"    if (sz_w) *sz_w = {size};\n    return 0;\n}}"
    )
    cases = [f"case {k}: return {c_string(place)};" for k, place in enumerate(places, 1)]
    lines.append("/* The branch that a code which is not 0 is of. */")
    lines.append(c_switch(f"EXPORT const char *{name}_branch(int i)", cases))
    return "\n".join(lines) + "\n"


def c_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def c_switch(head: str, cases: list[str]) -> str:
    lines = [head, "{", "    switch (i) {", *cases, "default: return 0;", "    }", "}"]
    return "\n".join(lines)


def c_documentation(function: Function) -> str:
    arguments, results = (
        ", ".join(f"{b.name} ({b.count})" for b in blocks) for blocks in (function.arguments, function.results)
    )
    return f"/* {function.name}: {arguments} -> {results} */"


def preamble(functions: Sequence[Function]) -> str:
    used = [x for f in functions for x in f.instructions if x is not None]
    has_same = any(x[0] == "same" for x in used)
    text = [C_PROLOGUE, kernels({x[1] for x in used if x[0] == "op" and is_function(ops.OPS[x[1]])}, has_same)]
    return "\n".join([*text, SAME] if has_same else text)


def cuda_source(function: Function, title: str) -> str:
    """Print a kernel over lanes in CUDA, which compiled as C is a loop over them."""
    name = function.name
    head = "const double *x, double *y, long long lanes, double *w"
    body, size = c_parts(function, head, "x, y, lanes, w", "x[{} * lanes]".format, "y[{} * lanes] = {};".format)
    places = [f" *   {k}: {place.replace('*/', '* /')}" for k, place in enumerate(function.places, 1)]
    signature = "(long long lanes, const double *x, double *y, int *status)"
    return "\n".join([
        f"/* {title}",
        " *",
        " * Input i of a lane is x[i * lanes + lane], output i y[i * lanes + lane]. status[lane] is 0, or the number",
        " * of the branch that the lane does not take:",
        *(places or [" *   there is none"]),
        " * Options of NVRTC: --device-as-default-execution-space --fmad=false */",
        preamble([function]),
        body,
        f"PART_OF int {name}_lane(const double *x, double *y, long long lanes)",
        "{",
        f"    double w[{max(size, 1)}];",
        f"    return {name}_parts(x, y, lanes, w);",
        "}",
        "",
        "#if defined(__CUDACC__)",
        f'extern "C" __global__ void {name}{signature}',
        "{",
        "    const long long lane = blockIdx.x * (long long)blockDim.x + threadIdx.x;",
        "    if (lane < lanes)",
        f"        status[lane] = {name}_lane(x + lane, y + lane, lanes);",
        "}",
        "#else",
        f"void {name}{signature}",
        "{",
        "    for (long long lane = 0; lane < lanes; lane++)",
        f"        status[lane] = {name}_lane(x + lane, y + lane, lanes);",
        "}",
        "#endif",
        "",
    ])


# ---- NumPy ----


def numpy_number(number: float) -> str:
    if math.isnan(number):
        return "np.nan"
    if math.isinf(number):
        return "np.inf" if number > 0 else "(-np.inf)"
    return f"({number!r})" if math.copysign(1.0, number) < 0 else repr(number)


def numpy_expression(name: str, operands: list[str]) -> str:
    row = ops.OPS[name]
    if name == "pow":
        return f"np.power({', '.join(operands)})"
    if name in OF_SCIPY:
        return f"{name}({', '.join(operands)})"
    if name == "abs" or row.doc and isinstance(getattr(numpy, name, None), numpy.ufunc):
        return f"np.{name}({', '.join(operands)})"
    functions = {f: f"np.{f}" for f in ("where", "abs", "exp", "log1p", "maximum", "tanh")}
    return ops.substitute(row.value, functions | dict(zip(row.arguments, operands, strict=True)))


def numpy_source(function: Function, title: str) -> str:
    """Print a function of an array in Python, over NumPy."""
    instructions = function.instructions
    used = {x[1] for x in instructions if x is not None and x[0] == "op"}
    lines = ["import numpy as np"]
    if special := [name for name in OF_SCIPY if name in used]:
        lines.append(f"from scipy.special import {', '.join(special)}")
    lines += ["", "", f"def {function.name}(x):", f'    """{title}', "", "    The inputs are x[0], x[1], ...: numbers,"
              ' or arrays of a number for each point."""']
    names: dict[int, str] = {}
    count = guard = 0
    for i, instruction in enumerate(instructions):
        if instruction is None:
            continue
        x = [names[j] for j in operands_of(instruction)]
        match instruction:
            case ("input", number):
                names[i] = f"x{number}"
                lines.append(f"    x{number} = x[{number}]")
            case ("constant", number):
                names[i] = numpy_number(number)
            case ("guard" | "same", *_, place):
                guard += 1
                if instruction[0] == "guard":
                    holds = f"{x[0]} {'!=' if instruction[2] else '=='} 0.0"
                else:
                    holds = f"({x[0]} == {x[1]}) & (np.signbit({x[0]}) == np.signbit({x[1]}))"
                    if x[1] == "np.nan":
                        holds = f"{x[0]} != {x[0]}"
                message = f"the function takes another way here, at {place}"
                lines += [f"    if not np.all({holds}):", f"        raise ValueError({message!r})"]
            case _:
                names[i] = f"v{count}"
                count += 1
                right = numpy_expression(instruction[1], x) if instruction[0] == "op" else (
                    f"np.where({x[0]} {instruction[1]} {x[1]}, {x[2]}, {x[3]})")
                lines.append(f"    {names[i]} = {right}")
    outputs = "".join(f"{names[i]}, " for i in function.outputs)
    lines.append(f"    return ({outputs.rstrip() if len(function.outputs) == 1 else outputs.rstrip(', ')})")
    return "\n".join([*lines, ""])
