"""C and CUDA: functions in parts, and loops as functions.

A function is cut into parts of `PART` instructions, which keeps the time to compile proportional to the instructions.
Numbers that a later part needs, and the results of loops, are in a work array, whose places are used again. Behind them
is the frame of the loop that runs: its operands, its scalars and tracks, the carries before and after a step, and what
its bodies need for themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from autograd._source.c import c_expressions, c_number
from autograd._source.functions import ZERO, Function, PrintedLoop, PrintedSweep, Variable, operands_of

PART = 500
#: The kinds of instructions that are statements.
COMPUTED = ("op", "where", "guard", "same", "loop")
#: So many assignments from and to places side by side become a loop.
RUN = 4

#: Where a number is: an expression with ``{0}`` for an index, and the index, None if it has none. Where it is assigned,
#: the statement, with ``{1}`` for the value.
Place = tuple[str, int | None]

#: The parameters of the functions that a loop calls: carries before and after the step, the frame, the step.
HEAD = "const double *now, double *next, double *w, long long step"


def moves(pairs: Sequence[tuple[Place, Place]]) -> list[str]:
    """Print the assignments of sources to targets."""
    lines = []
    first = 0
    while first < len(pairs):
        (target, to), (source, at) = pairs[first]
        last = first + 1
        if to is not None and at is not None:
            while last < len(pairs) and pairs[last] == (
                    (target, to + last - first), (source, at + last - first)):
                last += 1
        if last - first >= RUN:
            text = target.format(f"({to} + i)", source.format(f"({at} + i)"))
            lines += [f"    for (long long i = 0; i < {last - first}; i++)", f"        {text}"]
        else:
            last = first + 1
            lines.append(f"    {target.format(to, source.format(at))}")
        first = last
    return lines


def kind(instruction: tuple[Any, ...] | None) -> str:
    return instruction[0] if instruction else ""


def unused(head: str) -> list[str]:
    return [f"    (void){parameter.split('*')[-1].split()[-1]};" for parameter in head.split(", ")]


def parts(function: Function) -> tuple[list[list[int]], dict[int, int], int]:
    """Cut a function: the instructions of every part, where in the work array numbers are, and its size."""
    instructions = function.instructions
    cut: list[list[int]] = [[]]
    size = 0
    for i, x in enumerate(instructions):
        if x is None or x[0] not in COMPUTED:
            continue
        if size >= PART:
            cut.append([])
            size = 0
        cut[-1].append(i)
        # The operands of a loop are copied.
        size += 1 + (x[0] == "loop") * sum(kind(instructions[j]) in COMPUTED for j in operands_of(x))
    part_of = {i: k for k, part in enumerate(cut) for i in part}

    def home(i: int) -> int:
        x = instructions[i] or ("",)
        return x[1] if x[0] == "result" else i

    last: dict[int, int] = {}
    for part in cut:
        for i in part:
            for operand in operands_of(instructions[i] or ()):
                last[home(operand)] = part_of[i]
    for output in map(home, function.outputs):
        last[output] = max(last.get(output, 0), part_of.get(output, 0))
    slots: dict[int, int] = {}
    free: dict[int, list[int]] = {}
    ending: dict[int, list[tuple[int, int]]] = {}
    size = 0
    for k, part in enumerate(cut):
        for i in part:
            x = instructions[i] or ("",)
            width = x[1].result_count if x[0] == "loop" else 1
            if last.get(i, k) > k or x[0] == "loop":
                if free.get(width):
                    slots[i] = free[width].pop()
                else:
                    slots[i], size = size, size + width
                ending.setdefault(last.get(i, k), []).append((width, slots[i]))
        for width, slot in ending.pop(k, []):
            free.setdefault(width, []).append(slot)
    return cut, slots, size


class CPrinter:
    """Prints a function and all that it calls, under names that begin with its own.

    Attributes
    ----------
    text : list of str
        Functions and tables, each after those that it needs.
    places : list of str
        Where the branches are that fail, by the code that is returned then, from 1 on.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.text: list[str] = []
        self.places: list[str] = []
        self.loops: dict[int, tuple[str, int]] = {}
        self.count = 0

    def code(self, place: str) -> int:
        self.places.append(place)
        return len(self.places)

    def new_name(self, kind: str) -> str:
        self.count += 1
        return f"{self.name}_{kind}{self.count}"

    def table(self, numbers: Sequence[float]) -> str:
        """Print a table and return the expression of its elements."""
        name = self.new_name("table")
        self.text.append(f"TABLE double {name}[] = {{{', '.join(map(c_number, numbers)) or 0}}};\n")
        return name + "[{0}]"

    def function(self, name: str, function: Function, head: str, call: str, load: Callable[[int], Place],
                 store: Callable[[int], Place], base: int = 0) -> int:
        """Print a function, and return how far in the work array it goes.

        Parameters
        ----------
        head, call : str
            The parameters of all parts, and the arguments.
        load, store : callable
            Return where an input is, and where an output goes.
        base : int
            Where in the work array its own places begin.
        """
        instructions = function.instructions
        loops = {i: self.loop(x[1]) for i, x in enumerate(instructions) if x is not None and x[0] == "loop"}
        cut, slots, size = parts(function)
        frame = base + size
        expressions = c_expressions({x[1] for x in instructions if x is not None and x[0] == "op"})
        part_of = {i: k for k, part in enumerate(cut) for i in part}
        stores: dict[int, list[tuple[int, int]]] = {}
        for number, i in enumerate(function.outputs):
            x = instructions[i] or ("",)
            at = part_of.get(x[1] if x[0] == "result" else i, len(cut) - 1)
            stores.setdefault(at, []).append((number, i))

        def place(i: int) -> Place:
            match instructions[i] or ():
                case ("constant", number):
                    return c_number(number), None
                case ("input", number):
                    return load(number)
                case ("result", position, number):
                    return "w[{0}]", base + slots[position] + number
            return ("w[{0}]", base + slots[i]) if i in slots else (f"v{i}", None)

        def places(positions: Sequence[int]) -> list[Place]:
            found: list[Place] = []
            for constant, group in groupby(positions, lambda i: kind(instructions[i]) == "constant"):
                some = list(group)
                if constant and len(some) >= RUN:
                    table = self.table([(instructions[i] or ())[1] for i in some])
                    found += [(table, k) for k in range(len(some))]
                else:
                    found += map(place, some)
            return found

        for k, part in enumerate(cut):
            lines: list[str] = []
            here: set[int] = set()

            def operand(i: int, lines: list[str] = lines, here: set[int] = here) -> str:
                text, index = place(i)
                if kind(instructions[i]) == "constant":
                    return text
                if i not in here:
                    here.add(i)
                    lines.append(f"    const double v{i} = {text.format(index)};")
                return f"v{i}"

            for i in part:
                instruction = instructions[i] or ("",)
                here.add(i)
                if instruction[0] == "loop":
                    targets = [("w[{0}] = {1};", frame + j) for j in range(len(instruction[2]))]
                    lines += moves(list(zip(targets, places(instruction[2]), strict=True)))
                    lines += self.checked(f"{loops[i][0]}(w + {frame}, w + {base + slots[i]})")
                    continue
                operands = [operand(j) for j in operands_of(instruction)]
                match instruction:
                    case ("op", op, _):
                        lines.append(f"    const double v{i} = {expressions[op](*operands)};")
                    case ("where", symbol, _):
                        a, b, true, false = operands
                        lines.append(f"    const double v{i} = {a} {symbol} {b} ? {true} : {false};")
                    case ("guard", _, outcome, where):
                        lines += [f"    if ({operands[0]} {'==' if outcome else '!='} 0.0)",
                                  f"        return {self.code(where)};"]
                    case ("same", _, _, where):
                        lines += [f"    if (!same({', '.join(operands)}))", f"        return {self.code(where)};"]
                if i in slots:
                    lines.append(f"    w[{base + slots[i]}] = v{i};")
            numbers, outputs = zip(*stores[k], strict=True) if k in stores else ((), ())
            lines += moves(list(zip(map(store, numbers), places(outputs), strict=True)))
            self.define(name if len(cut) == 1 else f"{name}_part{k}", head, [*unused(head), *lines])
        if len(cut) > 1:
            self.define(name, head, [line for k in range(len(cut)) for line in self.checked(f"{name}_part{k}({call})")])
        return frame + max((size for _, size in loops.values()), default=0)

    def define(self, name: str, head: str, lines: Sequence[str]) -> None:
        self.text.append("\n".join([f"PART_OF int {name}({head})", "{", *lines, "    return 0;", "}", ""]))

    def checked(self, call: str) -> list[str]:
        lines = ["{", f"    const int status = {call};", "    if (status)", "        return status;", "}"]
        return [f"    {line}" for line in lines]

    def ways(self, name: str, ways: list[Function], load: Callable[[int], Place],
             store: Callable[[int], Place], base: int) -> int:
        """Print a body, which takes the first way that serves, and return how far in the frame it goes."""
        call = "now, next, w, step"
        names = [name] if len(ways) == 1 else [f"{name}_way{k}" for k in range(len(ways))]
        size = max(self.function(*pair, HEAD, call, load, store, base) for pair in zip(names, ways, strict=True))
        if len(ways) > 1:
            lines = [line for way in names[1:] for line in ("    if (status)", f"        status = {way}({call});")]
            text = ["{", f"    int status = {names[0]}({call});", *lines, "    return status;", "}", ""]
            self.text.append("\n".join([f"PART_OF int {name}({HEAD})", *text]))
        return size

    def loop(self, loop: PrintedLoop) -> tuple[str, int]:
        """Print a loop, and return its name and the size of its frame."""
        if id(loop) not in self.loops:
            self.loops[id(loop)] = LoopFrame(self, loop).print()
        return self.loops[id(loop)]


class LoopFrame:
    """The frame of a loop: where its numbers are.

    Attributes
    ----------
    size : int
    scalars : dict of int to Place
    tracks : dict of int to str
        Expressions with ``{0}`` for the step.
    """

    def __init__(self, printer: CPrinter, loop: PrintedLoop) -> None:
        self.printer, self.loop = printer, loop
        self.name = printer.new_name("loop")
        self.size = 0
        self.scalars: dict[int, Place] = {ZERO: ("0.0", None)}
        self.tracks: dict[int, str] = {ZERO: "0.0"}
        for kind, number in loop.operands:
            if kind == "scalar":
                self.scalars[number] = "w[{0}]", self.take(1)
            else:
                self.tracks[number] = self.rows(self.take(loop.steps))
        for number, numbers in loop.constants.items():
            self.tracks[number] = printer.table(numbers)

    def take(self, count: int) -> int:
        self.size += count
        return self.size - count

    def rows(self, first: int, width: int = 1) -> str:
        return f"w[{first} + {width} * {{0}}]" if width > 1 else f"w[{first} + {{0}}]"

    def most_steps(self) -> int:
        if self.loop.steps >= 0:
            return self.loop.steps
        if self.loop.max_steps < 0:
            raise NotImplementedError(
                f"the derivative of a {self.loop.name} keeps numbers of every step, for which C and CUDA have memory "
                "beforehand: give the loop max_steps"
            )
        return self.loop.max_steps

    def load(self, sources: list[Variable]) -> Callable[[int], Place]:
        def place(number: int) -> Place:
            kind, i = sources[number]
            if kind == "carry":
                return "now[{0}]", i
            return self.scalars[i] if kind == "scalar" else (self.tracks[i].format("step"), None)

        return place

    def print(self) -> tuple[str, int]:
        loop = self.loop
        lines = [f"    long long steps = {max(loop.steps, 0)}, k;"]
        # The bodies have all that is behind the frame in common.
        bodies: list[tuple[str, list[Function], list[Variable], Callable[[int], Place]]] = []
        answer = self.take(1) if loop.condition else 0
        if loop.condition:
            bodies.append((f"{self.name}_condition", loop.condition, loop.condition_sources,
                           lambda number: ("next[0] = {1};", None)))
        for k, operation in enumerate(loop.operations):
            if isinstance(operation, PrintedSweep):
                body = f"{self.name}_sweep{k}"
                lines += self.sweep(operation, body, bodies, answer if loop.condition and k == 0 else None)
            else:
                result, a, b = operation
                self.scalars[result] = "w[{0}]", self.take(1)
                x, y, z = (text.format(i) for text, i in (self.scalars[j] for j in (a, b, result)))
                lines.append(f"    {z} = {x} + {y};")
        results: list[tuple[Place, Place]] = []
        for kind, number in loop.results:
            for step in range(loop.steps if kind == "track" else 1):
                source = (self.tracks[number], step) if kind == "track" else self.scalars[number]
                results.append((("y[{0}] = {1};", len(results)), source))
        size = max((self.printer.ways(name, ways, self.load(sources), store, self.size)
                    for name, ways, sources, store in bodies), default=self.size)
        self.printer.text.append(f"/* {loop.name} */")
        self.printer.define(self.name, "double *w, double *y", [
            *lines, *moves(results), "    (void)w, (void)y, (void)steps, (void)k;"])
        return self.name, size

    def sweep(self, sweep: PrintedSweep, name: str, bodies: list[
            tuple[str, list[Function], list[Variable], Callable[[int], Place]]], answer: int | None) -> list[str]:
        """Return the statements of a sweep, after giving its numbers places; `answer` is the place for a condition."""
        carries = len(sweep.init)
        start = [self.scalars[scalar] for scalar in sweep.init]
        outputs: list[Place] = []
        totals: list[int] = []
        for kind, number in sweep.targets:
            if kind == "track":
                self.tracks[number] = self.rows(self.take(self.most_steps()))
                outputs.append((self.tracks[number].format("step") + " = {1};", None))
            elif kind == "total":
                outputs.append((f"w[{{total}} + {8 * len(totals)} + step % 8] += {{1}};", None))
                totals.append(number)
            else:
                outputs.append(("next[{0}] = {1};", number))
        partial, first_total = self.take(8 * len(totals)), self.take(len(totals))
        outputs = [(o[0].replace("{total}", str(partial)), o[1]) for o in outputs]
        for k, total in enumerate(totals):
            self.scalars[total] = "w[{0}]", first_total + k
        keeps = any(track is not None for track in sweep.before)
        if keeps:
            rows = self.take((self.most_steps() + 1) * carries)
            for k, track in enumerate(sweep.before):
                if track is not None:
                    self.tracks[track] = self.rows(rows + k, carries)
            now = f"w + {rows} + {carries} * " + ("(steps ? steps - 1 : 0)" if sweep.descending else "0")
            following = f"w + {rows} + {carries} * " + (
                "(step ? step - 1 : steps)" if sweep.descending else "(step + 1)")
        else:
            rows = self.take(2 * carries)
            now, following = f"w + {rows}", f"w + {rows + carries}"
        finals = self.take(carries)
        lines = [f"    double *now = {now}, *next = {'now' if keeps else following};",
                 *moves([(("now[{0}] = {1};", k), place) for k, place in enumerate(start)])]
        if totals:
            lines += [f"    for (k = 0; k < {9 * len(totals)}; k++)", f"        w[{partial} + k] = 0.0;"]
        lines.append("    for (k = 0;; k++) {" if answer is not None else "    for (k = 0; k < steps; k++) {")
        lines.append(f"    const long long step = {'steps - 1 - k' if sweep.descending else 'k'};")
        if answer is not None:
            lines += self.printer.checked(f"{self.name}_condition(now, w + {answer}, w, step)")
            lines += [f"    if (w[{answer}] == 0.0)", "        break;"]
            if self.loop.max_steps >= 0:
                lines += [f"    if (k == {self.loop.max_steps})",
                          f"        return {self.printer.code(self.loop.end_message())};"]
        if keeps:
            lines.append(f"    next = {following};")
        lines += self.printer.checked(f"{name}(now, next, w, step)")
        lines += ["    now = next;"] if keeps else ["    double *const other = now;", "    now = next, next = other;"]
        if totals:
            lines += [
                f"    if ((k + 1) % {sweep.segment} == 0 || k + 1 == steps)",
                f"        for (long long j = 0; j < {len(totals)}; j++) {{",
                f"            double *const p = w + {partial} + 8 * j, *const total = w + {first_total} + j;",
                "            const double sum = ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]));",
                f"            *total = k < {sweep.segment} ? sum : *total + sum;",
                "            for (long long i = 0; i < 8; i++)",
                "                p[i] = 0.0;",
                "        }",
            ]
        lines.append("    }")
        if answer is not None:
            lines.append("    steps = k;")
        lines += moves([(("w[{0}] = {1};", finals + k), ("now[{0}]", k)) for k in range(carries)])
        for k, scalar in enumerate(sweep.finals):
            self.scalars[scalar] = "w[{0}]", finals + k
        bodies.append((name, sweep.ways, sweep.sources, lambda number: outputs[number]))
        return ["    {", *(f"    {line}" for line in lines), "    }"]
