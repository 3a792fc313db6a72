"""Python over NumPy, without functions of its own: loops are loops over lists.

A body with several ways through its branches is tried way after way: ``while not taken`` is left by a way that serves,
or where a branch is another one. Where a condition ends a loop, lanes that have ended keep their carries. ``[()]``
makes a number of an array without axes, for Numba.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy

from autograd import ops
from autograd._source.functions import (
    ZERO,
    Function,
    Matrix,
    PrintedLoop,
    PrintedSweep,
    Variable,
    all_instructions,
    operands_of,
)

#: Functions that NumPy lacks and SciPy has.
OF_SCIPY = ("erf", "erfc")
#: So many outputs that are a list are returned as one.
RUN = 16


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


def numpy_source(functions: Sequence[Function], title: str) -> str:
    """Print functions of arrays in Python, over NumPy."""
    used = {x[1] for x in all_instructions(functions) if x[0] == "op"}
    lines = ["import numpy as np"]
    if special := [name for name in OF_SCIPY if name in used]:
        lines.append(f"from scipy.special import {', '.join(special)}")
    for function in functions:
        lines += PythonPrinter(function).print(title)
    return "\n".join([*lines, ""])


def pattern_of(matrix: Matrix) -> list[str]:
    if matrix.ends is None or matrix.indices is None:
        return []
    return [
        "",
        f"    The result has the entries of a matrix of {matrix.rows} x {matrix.columns} by columns, the format CSC.",
        f"    indptr: {[*matrix.ends]}",
        f"    indices: {[*matrix.indices]}",
    ]


class PythonPrinter:
    """Prints a function.

    Attributes
    ----------
    margin : str
        The indentation of the next line.
    flag : str
        Of the way that is being tried around the next line, the variable that says whether it serves; empty if none is.
    live : str
        The variable that says which lanes take the step, empty if all do.
    """

    def __init__(self, function: Function) -> None:
        self.printed = function
        self.lines: list[str] = []
        self.margin = "    "
        self.counts: dict[str, int] = {}
        self.flag = ""
        self.live = ""
        self.loads: dict[int, str] = {}

    def new(self, kind: str) -> str:
        self.counts[kind] = self.counts.get(kind, -1) + 1
        return f"{kind}{self.counts[kind]}"

    def line(self, text: str) -> None:
        self.lines.append(self.margin + text)

    def print(self, title: str) -> list[str]:
        function = self.printed
        given = [matrix.name for matrix in function.arguments if matrix.first is not None]
        first = ", ".join(f"{given[0]}[{i}]" for i in (0, 1))
        named = f"{first}, ..." + "".join(f", then {name}[0], ..." for name in given[1:])
        head = ["", "", f"def {function.name}({', '.join(given)}):", f'    """{title}', "",
                f"    The inputs are {named}: numbers, or arrays of a number for each point."]
        for matrix in function.results:
            head += pattern_of(matrix)
        head[-1] += '"""'
        outputs = self.run(function, self.load)
        self.line(f"return ({self.joined(outputs)})")
        return head + self.lines

    def element(self, number: int) -> tuple[str, int]:
        for matrix in self.printed.arguments:
            if matrix.first is not None and matrix.first <= number < matrix.first + matrix.count:
                return matrix.name, number - matrix.first
        raise AssertionError(number)

    def load(self, number: int) -> str:
        if number not in self.loads:
            name, i = self.element(number)
            self.loads[number] = f"{name}{i}"
            self.line(f"{name}{i} = {name}[{i}]")
        return self.loads[number]

    def joined(self, outputs: list[str]) -> str:
        """Return the elements of a tuple, of which those of a whole list are the list."""
        pieces = []
        k = 0
        while k < len(outputs):
            name, bracket, _ = outputs[k].partition("[")
            size = 1
            while bracket and k + size < len(outputs) and outputs[k + size] == f"{name}[{size}]":
                size += 1
            whole = bracket and size >= RUN and outputs[k] == f"{name}[0]"
            pieces += [f"*{name}[:{size}]"] if whole else outputs[k : k + size]
            k += size
        return f"{', '.join(pieces)}," if len(pieces) == 1 else ", ".join(pieces)

    def fail(self, holds: str, place: str) -> None:
        """Leave the way, or raise, unless something holds in all lanes that take the step."""
        if self.live:
            holds = f"np.logical_or({holds}, np.logical_not({self.live}))"
        self.line(f"if not np.all({holds}):")
        self.leave(place)

    def leave(self, place: str) -> None:
        if self.flag:
            self.line(f"    {self.flag} = False")
            self.line("    break")
        else:
            self.line(f"    raise ValueError({f'the function takes another way here, at {place}'!r})")

    def run(self, function: Function, load: Callable[[int], str]) -> list[str]:
        """Print the instructions of a function, and return its outputs as expressions."""
        instructions = function.instructions
        names: dict[int, str] = {}

        def name(i: int) -> str:
            match instructions[i] or ():
                case ("input", number):
                    return load(number)
                case ("constant", number):
                    return numpy_number(number)
            return names[i]

        for i, instruction in enumerate(instructions):
            if instruction is None or instruction[0] in ("input", "constant", "result"):
                continue
            if instruction[0] == "loop":
                results = self.loop(instruction[1], [instructions[j] or () for j in instruction[2]],
                                    [partial(name, j) for j in instruction[2]])
                names |= {i + 1 + k: result for k, result in enumerate(results)}
                continue
            x = [name(j) for j in operands_of(instruction)]
            match instruction:
                case ("guard", _, outcome, place):
                    self.fail(f"{x[0]} {'!=' if outcome else '=='} 0.0", place)
                case ("same", _, _, place):
                    equal = f"({x[0]} == {x[1]}) & (np.signbit({x[0]}) == np.signbit({x[1]}))"
                    self.fail(f"{x[0]} != {x[0]}" if x[1] == "np.nan" else equal, place)
                case ("op", op, _):
                    names[i] = self.new("v")
                    self.line(f"{names[i]} = {numpy_expression(op, x)}")
                case ("where", symbol, _):
                    names[i] = self.new("v")
                    self.line(f"{names[i]} = np.where({x[0]} {symbol} {x[1]}, {x[2]}, {x[3]})[()]")
        return [name(i) for i in function.outputs]

    def loop(self, loop: PrintedLoop, instructions: list[tuple[Any, ...]], names: list[Callable[[], str]]) -> list[str]:
        """Print a loop, and return its results as expressions."""
        scalars: dict[int, str] = {ZERO: "0.0"}
        tracks: dict[int, str] = {}
        at = 0
        for kind, number in loop.operands:
            width = loop.steps if kind == "track" else 1
            if kind == "track":
                tracks[number] = self.listed(instructions[at : at + width], names[at : at + width])
            else:
                scalars[number] = names[at]()
            at += width
        for number, numbers in loop.constants.items():
            tracks[number] = self.new("t")
            self.line(f"{tracks[number]} = [{', '.join(map(numpy_number, numbers))}]")
        # Of a loop with a condition: the variable with its steps, the list of the lanes that take a step.
        steps, lives = (self.new("steps"), self.new("live")) if loop.condition else (str(loop.steps), "")
        for k, operation in enumerate(loop.operations):
            if isinstance(operation, PrintedSweep):
                ends = loop if loop.condition and k == 0 else None
                self.sweep(operation, scalars, tracks, steps, lives, ends)
            else:
                result, a, b = operation
                scalars[result] = self.new("v")
                self.line(f"{scalars[result]} = {scalars[a]} + {scalars[b]}")
        results = []
        for kind, number in loop.results:
            if kind == "scalar":
                results.append(scalars[number])
            else:
                results += [f"{tracks[number]}[{k}]" if number in tracks else "0.0" for k in range(loop.steps)]
        return results

    def listed(self, instructions: list[tuple[Any, ...]], names: list[Callable[[], str]]) -> str:
        """Print the list of a track of operands, and return its name."""
        track = self.new("t")
        if instructions and all(x[0] == "input" for x in instructions) and self.margin == "    ":
            places = [self.element(x[1]) for x in instructions]
            argument, first = places[0]
            if places == [(argument, first + k) for k in range(len(places))]:
                self.line(f"{track} = {argument}[{first}:{first + len(places)}]")
                return track
        self.line(f"{track} = [{self.joined([name() for name in names]).removesuffix(',') if names else ''}]")
        return track

    def sweep(self, sweep: PrintedSweep, scalars: dict[int, str], tracks: dict[int, str], steps: str, lives: str,
              ends: PrintedLoop | None) -> None:
        carries = [self.new("c") for _ in sweep.init]
        for carry, scalar in zip(carries, sweep.init, strict=True):
            self.line(f"{carry} = {scalars[scalar]}")
        made = [number for kind, number in sweep.targets if kind == "track"]
        for number in [*made, *(track for track in sweep.before if track is not None)]:
            tracks[number] = self.new("t")
            self.line(f"{tracks[number]} = [{'0.0][:0]' if ends else f'0.0] * {steps}'}")
        for kind, number in sweep.targets:
            if kind == "total":
                scalars[number] = self.new("s")
                self.line(f"{scalars[number]} = 0.0")
        step, around = self.new("k"), self.live
        if ends:
            self.line(f"{steps} = 0")
            self.line(f"{lives} = []")
            self.line("while True:")
        elif sweep.descending:
            self.line(f"for {step} in range({steps} - 1, -1, -1):")
        else:
            self.line(f"for {step} in range({steps}):")
        self.margin += "    "

        def reader(sources: list[Variable]) -> Callable[[int], str]:
            def load(number: int) -> str:
                kind, i = sources[number]
                if kind == "carry":
                    return carries[i]
                if kind == "scalar":
                    return scalars[i]
                return f"{tracks[i]}[{step}]" if i in tracks else "0.0"

            return load

        if ends:
            answer = self.ways(ends.condition, reader(ends.condition_sources))[0]
            live = self.new("more")
            self.line(f"{live} = {answer} != 0.0")
            if around:
                self.line(f"{live} = np.logical_and({live}, {around})")
            self.line(f"if not np.any({live}):")
            self.line("    break")
            if ends.max_steps >= 0:
                self.line(f"if {steps} == {ends.max_steps}:")
                self.line(f"    raise ValueError({ends.end_message()!r})")
            self.line(f"{lives}.append({live})")
            self.line(f"{step} = {steps}")
            self.live = live
        elif lives:
            self.live = self.new("more")
            self.line(f"{self.live} = {lives}[{step}]")

        def keep(number: int, value: str) -> None:
            self.line(f"{tracks[number]}.append({value})" if ends else f"{tracks[number]}[{step}] = {value}")

        for carry, track in zip(carries, sweep.before, strict=True):
            if track is not None:
                keep(track, carry)
        outputs = self.ways(sweep.ways, reader(sweep.sources))
        following = dict(enumerate(carries))
        for (kind, number), value in zip(sweep.targets, outputs, strict=True):
            if kind == "carry":
                following[number] = f"np.where({self.live}, {value}, {carries[number]})[()]" if self.live else value
            elif kind == "track":
                keep(number, f"np.where({self.live}, {value}, 0.0)[()]" if self.live else value)
            elif kind == "total":
                self.line(f"{scalars[number]} = {scalars[number]} + {value}")
        moved = [(carry, following[k]) for k, carry in enumerate(carries) if following[k] != carry]
        if moved:
            self.line(f"{', '.join(carry for carry, _ in moved)} = {', '.join(value for _, value in moved)}")
        if ends:
            self.line(f"{steps} = {steps} + 1")
        self.margin, self.live = self.margin[:-4], around
        if self.flag:
            self.line(f"if not {self.flag}:")
            self.line("    break")
        for carry, scalar in zip(carries, sweep.finals, strict=True):
            scalars[scalar] = carry

    def ways(self, ways: list[Function], load: Callable[[int], str]) -> list[str]:
        """Print a body, which takes the first way that serves, and return its outputs as expressions."""
        if len(ways) == 1:
            return self.run(ways[0], load)
        around, flag = self.flag, self.new("taken")
        results = [self.new("r") for _ in ways[0].outputs]
        self.line(f"{flag} = False")
        for way in ways:
            self.line(f"while not {flag}:")
            self.margin += "    "
            self.line(f"{flag} = True")
            self.flag = flag
            outputs = self.run(way, load)
            for result, output in zip(results, outputs, strict=True):
                self.line(f"{result} = {output}")
            self.line("break")
            self.margin, self.flag = self.margin[:-4], around
        places = [x[-1] for way in ways for x in way.instructions if x is not None and x[0] in ("guard", "same")]
        self.line(f"if not {flag}:")
        self.leave(places[0])
        return results
