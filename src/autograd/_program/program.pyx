"""Programs: traced functions, replayed.

A `Program` is a function as flat instructions (`autograd._ir.code`) with what it takes to run them. It has the branches
that the function took at the point where it was traced, and checks on every run that they are still the right ones.
`Ways` holds all programs of a function, one for each way through its branches, makes new ones where a point goes a new
way, and runs every lane of a batch by the program of its own.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_RawFree
from cpython.object cimport PyObject
from libc.string cimport memcmp, memcpy, memset

import hashlib
import itertools
import warnings

import numpy

from autograd import _core, ops

from autograd._ir.code cimport CODE_CONSTANT, CODE_RESULT, Code, Entry, operand_count, room
from autograd._ir.derivatives cimport forward, reverse
from autograd._ir.formulas cimport base_of
from autograd._core cimport (
    TRACED, Block, Node, Value, add_input, new_leaf, new_output, number, receive, recording, set_sizes,
)
from autograd._interpreter.interpreter cimport (
    LANE_CALL, LANE_GUARD, LANE_LOAD, LANE_SAME, LANE_WHERE_EQ, LANE_WHERE_LE, LANE_WHERE_LT, Array, Instruction,
    run as run_schedule,
)
from autograd._interpreter.executable cimport Routine, make_routine
from autograd._program.tracing cimport Observation, Trace, check_captured, run_traced

cdef extern from "_kernels/ops.h" nogil:
    enum:
        OP_LEAF
        OP_OUTPUT


cdef inline PyObject *owner(Node *node) noexcept:
    """The Value around a node."""
    return <PyObject *> (<char *> node - sizeof(PyObject))


# ---------------------------------------------------------------------------------------------------------------------
# From traces to code

@cython.internal
@cython.auto_pickle(False)
cdef class Lowering:
    """A trace on its way to code."""
    cdef Trace trace
    cdef Code code
    # By position on the tape.
    cdef unsigned *positions
    # The captured Values and the outputs of Blocks so far, by identity.
    cdef dict captured
    cdef dict blocks

    def __dealloc__(self):
        PyMem_RawFree(self.positions)

    cdef unsigned find(self, Value value) except? 0xFFFFFFFF:
        """The instruction for a Value; one that was not made in the trace is captured."""
        cdef Py_ssize_t i = self.trace.position(value)
        if i >= 0:
            return self.positions[i]
        if value not in self.captured:
            if value.node.flags & TRACED:
                check_captured(value)
            self.captured[value] = self.code.load(self.code.inputs + len(self.code.captured))
            self.code.captured.append(value)
        return self.captured[value]

    cdef unsigned lower(self, Value value) except? 0xFFFFFFFF:
        cdef Node *node = &value.node
        cdef unsigned a = 0, b = 0, immediate = 0, op
        cdef Block block
        if node.op == OP_LEAF:
            return self.code.constant(node.primal)
        if node.op == OP_OUTPUT:
            block = value._block
            if block not in self.blocks:
                operands = []
                for i in range(block.input_count):
                    operands.append(self.find(<Value> owner(block.inputs[i])))
                self.blocks[block] = block.lower(self.code, operands)
            return self.blocks[block][<Py_ssize_t> node.immediate]
        a = self.find(<Value> owner(node.left))
        if node.right != NULL:
            b = self.find(<Value> owner(node.right))
        else:
            immediate = self.code.constant(node.immediate)
        op = base_of(node.op, &a, &b, immediate)
        return self.code.emit(op, a, b if operand_count(op) > 1 else 0)


cdef Code lower(Trace trace, Py_ssize_t inputs, list outputs):
    """The code for what a trace took down, of which the first Values are the inputs."""
    cdef Lowering lowering = Lowering.__new__(Lowering)
    cdef Code code = Code.__new__(Code)
    cdef Observation observation
    cdef Py_ssize_t i, k = 0, size = len(trace.tape)
    cdef double c = 0.0
    code.inputs = inputs
    lowering.trace, lowering.code, lowering.captured, lowering.blocks = trace, code, {}, {}
    lowering.positions = <unsigned *> room(size, sizeof(unsigned))
    for i in range(size + 1):
        while k < len(trace.observations) and (<Observation> trace.observations[k]).position <= i:
            observation = trace.observations[k]
            if observation.is_decision:
                code.guard(lowering.find(observation.value), observation.value.node.primal != 0.0, observation.place)
            else:
                code.same(lowering.find(observation.value), observation.value.node.primal, observation.place)
            k += 1
        if i < size:
            lowering.positions[i] = code.load(i) if i < inputs else lowering.lower(<Value> trace.tape[i])
    for output in outputs:
        if isinstance(output, Value):
            code.outputs.append(lowering.find(<Value> output))
        else:
            number(output, &c)
            code.outputs.append(code.constant(c))
    return code


def trace(function, point):
    """Run a function once on Values and return what it did as a program.

    Parameters
    ----------
    function : callable
        Called with a list of Values, it returns a sequence of Values and numbers.
    point : sequence of float
        The data of these Values.

    Returns
    -------
    Program
    """
    cdef list inputs = []
    cdef list outputs = []
    cdef Trace taken = run_traced(function, list(point), inputs, outputs)
    return new_program(lower(taken, len(inputs), outputs))


cdef Program new_program(Code code):
    cdef Program program = Program.__new__(Program)
    program.code = code
    program.inputs = code.inputs
    program.outputs = len(code.outputs)
    return program


# ---------------------------------------------------------------------------------------------------------------------
# Programs

# So many routines and so many derivatives of a program are kept: there can be one for each subset of the inputs, or of
# the outputs.
cdef Py_ssize_t MOST_KEPT = 32


cdef int keep(dict kept, object key, object item) except -1:
    """Keep something, in the place of what has been there for longest if there is much."""
    if len(kept) >= MOST_KEPT:
        kept.pop(next(iter(kept)), None)
    kept[key] = item
    return 0


# How far a derivative of a program has been asked for is no part of it.
@cython.auto_pickle(False)
cdef class Program:
    """A traced function: flat instructions that run without Python.

    ``print(program)`` lists what was recorded. What runs is shorter, since products and sums are fused and results
    share slots: `instructions`, `slots` and `nbytes` count it.

    Programs come from `autograd.trace` and from compiled functions, as their `programs`. They can be pickled, with the
    data of the Values that they captured.

    Attributes
    ----------
    inputs, outputs : int
        How many numbers go in and come out.

    Examples
    --------
    >>> from autograd import trace
    >>> program = trace(lambda x, y: x * y + x, 2.0, 3.0)
    >>> print(program)
    Program: 2 inputs, 1 output; 4 instructions, 3 slots, 120 bytes
      v0 = input 0
      v1 = input 1
      v2 = v0 * v1
      v3 = v0 + v2
      output 0 = v3
    >>> program(2.0, 5.0)
    [12.0]
    """

    def __cinit__(self):
        # Nothing to compute, until `new_program` says what.
        self.code = Code.__new__(Code)
        self.routines = {}
        self.pullbacks = {}

    def __init__(self):
        raise TypeError("a Program is made by tracing a function: autograd.trace(f, *arguments)")

    @property
    def captured(self):
        """The Values from outside that the function used, whose data is read in every run."""
        return tuple(self.code.captured)

    @property
    def instructions(self):
        """Number of instructions that one point takes."""
        cdef Routine routine = self.routine(None, None)
        return routine.schedule.prologue_size

    @property
    def slots(self):
        """Number of doubles that one point needs at once, constants included."""
        cdef Routine routine = self.routine(None, None)
        return routine.schedule.uniform_slots

    @property
    def nbytes(self):
        """Bytes of instructions and slots."""
        return self.instructions * sizeof(Instruction) + self.slots * sizeof(double)

    cdef Routine routine(self, bytes varying, bytes summed):
        if varying is None and summed is None:
            if self.point is None:
                self.point = make_routine(self.code, None, None)
            return self.point
        key = varying, summed
        routine = self.routines.get(key)
        if routine is None:
            if self.code.captured:
                # What is captured is one number for all lanes.
                routine = make_routine(self.code, varying + bytes(len(self.code.captured)), summed)
            else:
                routine = make_routine(self.code, varying, summed)
            keep(self.routines, key, routine)
        return routine

    cdef int run(self, bytes varying, bytes summed, Py_ssize_t lanes, const Py_ssize_t *rows, const Array *inputs,
                 const Array *outputs, unsigned char *failed, int threads) except -1:
        cdef Routine routine = self.routine(varying, summed)
        cdef Py_ssize_t captured = len(self.code.captured)
        cdef Array *arrays = NULL
        cdef Value value
        cdef Py_ssize_t i
        if not captured:
            return run_schedule(&routine.schedule, routine.calls, lanes, rows, inputs, outputs, failed, threads)
        arrays = <Array *> room(self.inputs + captured, sizeof(Array))
        memcpy(arrays, inputs, self.inputs * sizeof(Array))
        try:
            for i in range(captured):
                value = self.code.captured[i]
                if value.node.flags & TRACED:
                    check_captured(value)
                arrays[self.inputs + i].data = &value.node.primal
                arrays[self.inputs + i].stride = 0
            return run_schedule(&routine.schedule, routine.calls, lanes, rows, arrays, outputs, failed, threads)
        finally:
            PyMem_RawFree(arrays)

    cdef Program without_guards(self):
        """The program of the way that was traced, wherever it is run."""
        cdef Code code
        cdef Py_ssize_t i
        if self.unguarded is None:
            code = self.code.copy_of()
            for i in range(code.size):
                if code.entries[i].op == LANE_GUARD or code.entries[i].op == LANE_SAME:
                    # A constant that nobody uses.
                    code.entries[i].op = CODE_CONSTANT
            self.unguarded = new_program(code)
        return self.unguarded

    cdef int run_point(self, const Array *inputs, const Array *outputs, bint *failed) except -1:
        cdef unsigned char one = 0
        self.run(None, None, 1, NULL, inputs, outputs, &one, 1)
        failed[0] = one
        return 0

    def reverse(self, wrt, of, keep=(), ones=False):
        """Return the program of a derivative by reverse mode.

        Parameters
        ----------
        wrt : sequence of int
            Inputs with respect to which to differentiate.
        of : sequence of int
            Outputs to differentiate the weighted sum of.
        keep : sequence of int, default ()
            Outputs to keep.
        ones : bool, default False
            Whether the weights are all one. If not, they are inputs, after those of this program.

        Returns
        -------
        Program
            Its outputs are the kept ones, then a derivative for each input in `wrt`.

        Examples
        --------
        >>> from autograd import trace
        >>> trace(lambda x, y: x * y, 2.0, 3.0).reverse([0, 1], [0], ones=True)(2.0, 3.0)
        [3.0, 2.0]
        """
        return new_program(reverse(
            self.code, indices("wrt", wrt, self.inputs), indices("of", of, self.outputs),
            indices("keep", keep, self.outputs), ones,
        ))

    def forward(self, wrt, keep=()):
        """Return the program of a derivative by forward mode.

        Parameters
        ----------
        wrt : sequence of int
            Inputs that have a tangent, each a further input after those of this program.
        keep : sequence of int, default ()
            Outputs to keep.

        Returns
        -------
        Program
            Its outputs are the kept ones, then the tangent of every output.

        Examples
        --------
        >>> from autograd import trace
        >>> trace(lambda x, y: x * y, 2.0, 3.0).forward([0], keep=[0])(2.0, 3.0, 1.0)
        [6.0, 3.0]
        """
        return new_program(forward(
            self.code, indices("wrt", wrt, self.inputs), indices("keep", keep, self.outputs),
        ))

    def __call__(self, *inputs):
        """Run the program at a point.

        Parameters
        ----------
        *inputs : float

        Returns
        -------
        list of float

        Raises
        ------
        TypeError
            If the number of inputs is not that of the program, or one is no number.
        RuntimeError
            If the function takes another way there than where it was traced. A compiled function would follow it.
        """
        cdef double *numbers
        cdef Array *arrays
        cdef Py_ssize_t i
        cdef bint failed = False
        if len(inputs) != self.inputs:
            raise TypeError(f"Program expects {self.inputs} inputs, got {len(inputs)}")
        numbers = <double *> room(self.inputs + self.outputs, sizeof(double))
        arrays = NULL
        try:
            arrays = <Array *> room(self.inputs + self.outputs, sizeof(Array))
            for i in range(self.inputs + self.outputs):
                arrays[i].data = numbers + i
                arrays[i].stride = 0
            for i in range(self.inputs):
                if not number(inputs[i], numbers + i):
                    raise TypeError(f"Program expects numbers, got {type(inputs[i]).__name__} as input {i}")
            self.run_point(arrays, arrays + self.inputs, &failed)
            if failed:
                file, line = first_difference(self, arrays, 0)
                raise RuntimeError(f"the traced function takes another way here, at {file}:{line}")
            results = []
            for i in range(self.outputs):
                results.append(numbers[self.inputs + i])
            return results
        finally:
            PyMem_RawFree(numbers)
            PyMem_RawFree(arrays)

    def __repr__(self):
        counts = plural(self.inputs, "input"), plural(self.outputs, "output"), plural(self.instructions, "instruction")
        return f"<Program: {', '.join(counts)}>"

    def __str__(self):
        return "\n".join(listing(self))

    @cython.binding(False)
    def __reduce__(self):
        return _restore, (FORMAT, packed(self.code))


cdef list indices(str name, object numbers, Py_ssize_t count):
    """Numbers of inputs or outputs."""
    checked = list(numbers)
    for i in checked:
        if not isinstance(i, int) or not 0 <= i < count:
            raise ValueError(f"{name} must be numbers from 0 to {count - 1}, got {i!r}")
    return checked


cdef tuple first_difference(Program program, const Array *inputs, Py_ssize_t row):
    """File and line of the first guard of a program that fails for a row; of its last if none does."""
    cdef Code code = program.code.copy_of()
    cdef Program probe
    cdef double *results
    cdef Array *arrays
    cdef Py_ssize_t i, k
    cdef bint failed
    cdef Entry *entry
    guards = []
    for i in range(code.size):
        if code.entries[i].op == LANE_GUARD or code.entries[i].op == LANE_SAME:
            guards.append(i)
    code.outputs = [code.entries[<Py_ssize_t> guard].a for guard in guards]
    probe = new_program(code).without_guards()
    results = <double *> room(len(guards), sizeof(double))
    arrays = <Array *> room(program.inputs + len(guards), sizeof(Array))
    for i in range(program.inputs):
        arrays[i].data = inputs[i].data + row * inputs[i].stride
        arrays[i].stride = 0
    for k in range(len(guards)):
        arrays[program.inputs + k].data = results + k
        arrays[program.inputs + k].stride = 0
    found = "<unknown>", 0
    try:
        probe.run_point(arrays, arrays + program.inputs, &failed)
        for k in range(len(guards)):
            entry = &code.entries[<Py_ssize_t> guards[k]]
            found = code.places[guards[k]]
            if entry.op == LANE_GUARD:
                if (results[k] != 0.0) != entry.b:
                    break
            elif not same_bits(code, entry.b, results[k]):
                break
    finally:
        PyMem_RawFree(results)
        PyMem_RawFree(arrays)
    return found


cdef bint same_bits(Code code, unsigned constant, double x):
    cdef double expected = 0.0
    code.is_constant(constant, &expected)
    return not memcmp(&expected, &x, sizeof(double)) or (x != x and expected != expected)


# ---------------------------------------------------------------------------------------------------------------------
# Text

cdef str plural(Py_ssize_t count, str noun):
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


cdef list listing(Program program):
    """The lines of a program's text."""
    cdef Code code = program.code
    cdef Entry *entry
    cdef Py_ssize_t i, k
    cdef set alive = live(code)
    cdef dict names = {}
    cdef double constant = 0.0
    new_name = map("v{}".format, itertools.count()).__next__
    counts = [plural(program.inputs, "input")]
    if code.captured:
        counts.append(f"{len(code.captured)} captured")
    counts.append(plural(program.outputs, "output"))
    lines = [
        f"Program: {', '.join(counts)}; {plural(program.instructions, 'instruction')}, "
        f"{plural(program.slots, 'slot')}, {plural(program.nbytes, 'byte')}"
    ]
    for i in range(code.size):
        if i not in alive:
            continue
        entry = &code.entries[i]
        operands = []
        for k in range(code.arity(entry)):
            operands.append(names.get(code.operand(entry, k)))
        if code.is_constant(i, &constant):
            names[i] = repr(constant)
        elif entry.op == LANE_GUARD:
            lines.append(f"  guard {'' if entry.b else 'not '}{operands[0]}  # {place_of(code, i)}")
        elif entry.op == LANE_SAME:
            lines.append(f"  guard {operands[0]} is {operands[1]}  # {place_of(code, i)}")
        elif entry.op == LANE_CALL:
            results = []
            for k in range(entry.d):
                names[i + 1 + k] = new_name()
                results.append(names[i + 1 + k])
            lines.append(f"  {', '.join(results)} = {code.calls[entry.a].__name__}({', '.join(operands)})")
        elif entry.op != CODE_RESULT:
            names[i] = new_name()
            lines.append(f"  {names[i]} = {expression(code, entry, operands)}")
    for k, output in enumerate(code.outputs):
        lines.append(f"  output {k} = {names[output]}")
    return lines


cdef str place_of(Code code, Py_ssize_t i):
    file, line = code.places[i]
    return f"{file}:{line}"


cdef str expression(Code code, Entry *entry, list operands):
    if entry.op == LANE_LOAD:
        if entry.a < code.inputs:
            return f"input {entry.a}"
        label = code.captured[entry.a - code.inputs].label
        return f"captured {entry.a - code.inputs}" + (f" ({label})" if label else "")
    if operand_count(entry.op) == 4:
        symbol = {LANE_WHERE_LT: "<", LANE_WHERE_LE: "<=", LANE_WHERE_EQ: "=="}[entry.op]
        return f"where({operands[0]} {symbol} {operands[1]}, {operands[2]}, {operands[3]})"
    row = ops.OPS[_core.OP_NAMES[entry.op]]
    if len(operands) == 2 and not row.symbol.isidentifier():
        return f"{operands[0]} {row.symbol} {operands[1]}"
    return f"-{operands[0]}" if row.name == "neg" else f"{row.name}({', '.join(operands)})"


cdef set live(Code code):
    """The instructions that an output or a guard needs."""
    cdef Py_ssize_t i, k
    cdef Entry *entry
    cdef set alive = set(code.outputs)
    for i in reversed(range(code.size)):
        entry = &code.entries[i]
        if entry.op == LANE_GUARD or entry.op == LANE_SAME:
            alive.add(i)
        if i in alive:
            for k in range(code.arity(entry)):
                alive.add(code.operand(entry, k))
    return alive


# ---------------------------------------------------------------------------------------------------------------------
# Pickling

cdef int FORMAT = 1

# Names of the instructions that are no ops of the table. Ops are pickled by name: numbers change with the table.
cdef dict SPECIAL = {
    CODE_CONSTANT: "constant",
    CODE_RESULT: "result",
    LANE_LOAD: "load",
    LANE_CALL: "call",
    LANE_GUARD: "guard",
    LANE_SAME: "same",
    LANE_WHERE_LT: "where_less",
    LANE_WHERE_LE: "where_less_equal",
    LANE_WHERE_EQ: "where_equal",
}
cdef dict BY_NAME = {name: op for op, name in SPECIAL.items()} | {
    name: op for op, name in enumerate(_core.OP_NAMES) if name in ops.OPS and ops.OPS[name].base == name
}


cdef dict packed(Code code):
    """What a pickle has of a code."""
    cdef Py_ssize_t i
    table = numpy.frombuffer(
        PyBytes_FromStringAndSize(<char *> code.entries, code.size * sizeof(Entry)), numpy.uint32
    ).reshape(-1, 5)
    numbers = numpy.unique(table[:, 0])
    names = [SPECIAL.get(op) or _core.OP_NAMES[op] for op in numbers.tolist()]
    entries = table.copy()
    entries[:, 0] = numpy.searchsorted(numbers, table[:, 0])
    content = {
        "inputs": code.inputs,
        "names": names,
        "entries": entries.astype("<u4").tobytes(),
        "arguments": [code.arguments[i] for i in range(code.argument_count)],
        "outputs": list(code.outputs),
        "places": dict(code.places),
    }
    return {**content, "checksum": checksum(content), "captured": code.captured, "calls": code.calls}


cdef str checksum(dict content):
    return hashlib.sha256(repr(sorted(content.items())).encode()).hexdigest()


def _restore(version, content):
    """Make the program that was pickled."""
    if version != FORMAT:
        raise ValueError(
            f"this Program was pickled in format {version!r}, and this version of autograd reads format {FORMAT}: "
            "trace the function again"
        )
    try:
        return new_program(unpacked(dict(content)))
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError) as error:
        raise ValueError(f"this pickle of a Program is damaged or not one of autograd's: {error}") from error


cdef Code unpacked(dict content):
    cdef Code code = Code.__new__(Code)
    code.captured, code.calls = list(content.pop("captured")), list(content.pop("calls"))
    if content.pop("checksum") != checksum(content):
        raise ValueError("its checksum is wrong")
    code.inputs = content["inputs"]
    unknown = [name for name in content["names"] if name not in BY_NAME]
    if unknown:
        raise ValueError(f"it has the unknown instructions {', '.join(unknown)}")
    entries = numpy.frombuffer(content["entries"], "<u4").reshape(-1, 5).astype(numpy.uint32)
    entries[:, 0] = numpy.array([BY_NAME[name] for name in content["names"]], numpy.uint32)[entries[:, 0]]
    for op, a, b, c, d in entries.tolist():
        code.append(op, a, b, c, d)
    for argument in content["arguments"]:
        code.add_argument(argument)
    code.places = content["places"]
    code.outputs = content["outputs"]
    check(code)
    return code


cdef int check(Code code) except -1:
    """Raise if something is not there that is needed: a checksum is no proof that a pickle was written by us."""
    cdef Py_ssize_t i, k
    cdef Entry *entry
    for value in code.captured:
        if not isinstance(value, Value):
            raise TypeError(f"it has captured {value!r}, which is no Value")
    if code.inputs < 0:
        raise ValueError("its number of inputs is negative")
    for i in range(code.size):
        entry = &code.entries[i]
        if entry.op == LANE_LOAD:
            if entry.a >= code.inputs + len(code.captured):
                raise ValueError(f"instruction {i} loads an input that is not there")
            if entry.a < len(code.loads) and code.loads[entry.a] is not None:
                raise ValueError(f"instruction {i} loads an input again")
            code.note_load(entry.a, i)
        elif entry.op == LANE_CALL:
            if entry.a >= len(code.calls) or (
                    <Py_ssize_t> entry.b + entry.c > code.argument_count or i + entry.d >= code.size):
                raise ValueError(f"instruction {i} calls what is not there")
            for k in range(entry.d):
                if not is_result(&code.entries[i + 1 + k], i, k):
                    raise ValueError(f"the results of instruction {i} are not there")
        elif entry.op == CODE_RESULT:
            if entry.a >= i or code.entries[entry.a].op != LANE_CALL or i - entry.a > code.entries[entry.a].d:
                raise ValueError(f"instruction {i} is the result of no call")
            continue
        elif (entry.op == LANE_GUARD or entry.op == LANE_SAME) and i not in code.places:
            raise ValueError(f"guard {i} has no place")
        for k in range(code.arity(entry)):
            if code.operand(entry, k) >= i or not is_number(code, code.operand(entry, k)):
                raise ValueError(f"instruction {i} needs a number that is not there")
    for output in code.outputs:
        if not 0 <= output < code.size or not is_number(code, output):
            raise ValueError("an output is not there")
    return 0


cdef inline bint is_result(Entry *entry, Py_ssize_t call, Py_ssize_t k) noexcept:
    return entry.op == CODE_RESULT and entry.a == call and entry.b == k


cdef inline bint is_number(Code code, Py_ssize_t i) noexcept:
    """Whether an instruction has a result that others may use."""
    cdef unsigned op = code.entries[i].op
    return op != LANE_GUARD and op != LANE_SAME and op != LANE_CALL


# ---------------------------------------------------------------------------------------------------------------------
# Ways

@cython.auto_pickle(False)
cdef class Ways:
    """All programs of one function for one structure of arguments.

    Parameters
    ----------
    make : callable
        Gives the program for the way that the function takes at a point, a list of float.
    max_ways : int, default 64
        So many programs are kept. Points that go yet another way get one that serves them alone, with a warning.
    name : str, default "f"
        What warnings call the function.
    """

    def __init__(self, make, max_ways=64, name="f"):
        if max_ways < 1:
            raise ValueError(f"max_ways must be at least 1, got {max_ways!r}")
        self.make = make
        self.max_ways = max_ways
        self.name = name
        self.found = []

    @property
    def programs(self):
        """The programs so far, in the order in which their ways were met."""
        return tuple(self.found)

    cdef bint captures(self) noexcept:
        for program in self.found:
            if (<Program> program).code.captured:
                return True
        return False

    cdef Py_ssize_t input_count(self) noexcept:
        return (<Program> self.found[0]).inputs

    cdef Py_ssize_t output_count(self) noexcept:
        return (<Program> self.found[0]).outputs

    cdef Program new_way(self, list point):
        cdef Program program = self.make(point)
        if self.found and (program.inputs != self.input_count() or program.outputs != self.output_count()):
            raise ValueError(
                f"{self.name} returns {plural(program.outputs, 'number')} at one point and "
                f"{plural(self.output_count(), 'number')} at another"
            )
        return program

    cdef int prepare_at(self, list point) except -1:
        if not self.found:
            self.found.append(self.new_way(point))
        return 0

    cdef int run(self, const Array *inputs, Py_ssize_t lanes, const Array *outputs, int threads,
                 list parts=None) except -1:
        cdef Py_ssize_t *rows = NULL
        cdef unsigned char *failed = NULL
        cdef Py_ssize_t left = lanes
        cdef Py_ssize_t k = 0
        cdef Program program
        if lanes < 0:
            return self.run_at(inputs, outputs, parts)
        varying = varying_of(inputs, self.input_count())
        failed = <unsigned char *> room(lanes, 1)
        try:
            while left:
                if k == len(self.found):
                    if k >= self.max_ways:
                        self.warn(inputs, rows[0])
                        self.run_rest(inputs, outputs, rows, left, parts)
                        break
                    self.found.append(self.new_way(point_at(inputs, self.input_count(), rows[0])))
                program = self.found[k]
                left = self.run_rows(program, varying, inputs, outputs, &rows, left, failed, threads, parts)
                k += 1
        finally:
            PyMem_RawFree(rows)
            PyMem_RawFree(failed)
        return 0

    cdef Py_ssize_t run_rows(self, Program program, bytes varying, const Array *inputs, const Array *outputs,
                             Py_ssize_t **rows, Py_ssize_t count, unsigned char *failed, int threads,
                             list parts) except -1:
        """Run a program for the rows that are left; leave those of another way, and return how many they are."""
        cdef Py_ssize_t i, left = 0
        program.run(varying, None, count, rows[0], inputs, outputs, failed, threads)
        for i in range(count):
            left += failed[i]
        if parts is not None and left < count:
            parts.append((program, None if left == 0 and rows[0] == NULL else passed_rows(rows[0], count, failed)))
        if left == 0:
            return 0
        if rows[0] == NULL:
            rows[0] = <Py_ssize_t *> room(count, sizeof(Py_ssize_t))
            for i in range(count):
                rows[0][i] = i
        left = 0
        for i in range(count):
            if failed[i]:
                rows[0][left] = rows[0][i]
                left += 1
        return left

    cdef int run_rest(self, const Array *inputs, const Array *outputs, const Py_ssize_t *rows, Py_ssize_t count,
                      list parts) except -1:
        """Call the function itself for each of the rows."""
        cdef Py_ssize_t i
        for i in range(count):
            self.run_fresh(inputs, rows[i], outputs, parts)
        return 0

    cdef int run_at(self, const Array *inputs, const Array *outputs, list parts) except -1:
        cdef Py_ssize_t k, n
        cdef bint failed = False
        cdef Program program
        n = len(self.found)
        for k in range(n):
            # The way of the last point first.
            program = self.found[(self.latest + k) % n]
            program.run_point(inputs, outputs, &failed)
            if not failed:
                if k:
                    self.latest = (self.latest + k) % n
                if parts is not None:
                    parts.append((program, None))
                return 0
        if n >= self.max_ways:
            self.warn(inputs, 0)
            return self.run_fresh(inputs, 0, outputs, parts)
        program = self.new_way(point_at(inputs, self.input_count(), 0))
        self.found.append(program)
        self.latest = n
        return self.run_where_traced(program, inputs, 0, outputs, parts)

    cdef int run_fresh(self, const Array *inputs, Py_ssize_t row, const Array *outputs, list parts) except -1:
        """Run the function itself for a row, which makes a program for this row alone."""
        program = self.new_way(point_at(inputs, self.input_count(), row))
        return self.run_where_traced(program, inputs, row, outputs, parts)

    cdef int run_where_traced(self, Program program, const Array *inputs, Py_ssize_t row, const Array *outputs,
                              list parts) except -1:
        """Run a program at the point where it was traced."""
        cdef Array *arrays = <Array *> room(program.inputs + program.outputs, sizeof(Array))
        cdef bint failed = False
        cdef Py_ssize_t i
        try:
            for i in range(program.inputs):
                arrays[i].data = inputs[i].data + row * inputs[i].stride
                arrays[i].stride = 0
            for i in range(program.outputs):
                arrays[program.inputs + i].data = outputs[i].data + row * outputs[i].stride
                arrays[program.inputs + i].stride = 0
            program.without_guards().run_point(arrays, arrays + program.inputs, &failed)
        finally:
            PyMem_RawFree(arrays)
        if parts is not None:
            # With its guards, which a trace around this call needs.
            parts.append((program, PyBytes_FromStringAndSize(<char *> &row, sizeof(Py_ssize_t))))
        return 0

    cdef int warn(self, const Array *inputs, Py_ssize_t row) except -1:
        if not self.warned:
            self.warned = True
            file, line = first_difference(self.found[len(self.found) - 1], inputs, row)
            warnings.warn(
                f"{self.name} takes more than {self.max_ways} ways through its branches, the last of them at "
                f"{file}:{line}; points that go yet another way run without a program. Write the branch with where(), "
                "or raise max_ways",
                RuntimeWarning,
                # The caller: nothing of this package that it called is written in Python.
                stacklevel=1,
            )
        return 0

    cdef list call(self, const Array *inputs, Py_ssize_t lanes, list values, int threads):
        cdef Py_ssize_t count = max(lanes, 1) if lanes else 0
        cdef Py_ssize_t outputs = self.output_count()
        cdef Call block = Call.__new__(Call)
        cdef double *results = <double *> room(outputs * count, sizeof(double))
        cdef Array *arrays = NULL
        cdef Py_ssize_t i, k
        cdef list columns = []
        try:
            arrays = <Array *> room(outputs, sizeof(Array))
            for i in range(outputs):
                arrays[i].data = results + i * count
                arrays[i].stride = 1
            parts = []
            self.run(inputs, lanes, arrays, threads, parts)
            begin_call(block, self.name, inputs, self.input_count(), count, outputs, values, parts)
            for i in range(outputs):
                column = []
                for k in range(count):
                    primal = results[i * count + k]
                    column.append(new_output(block, i * count + k, primal) if recording() else new_leaf(primal))
                columns.append(column[0] if lanes < 0 else column)
        finally:
            PyMem_RawFree(results)
            PyMem_RawFree(arrays)
        return columns


cdef list point_at(const Array *inputs, Py_ssize_t count, Py_ssize_t row):
    cdef list point = []
    cdef Py_ssize_t i
    for i in range(count):
        point.append(inputs[i].data[row * inputs[i].stride])
    return point


cdef bytes varying_of(const Array *inputs, Py_ssize_t count):
    """By input, whether it differs from lane to lane."""
    cdef bytes varying = PyBytes_FromStringAndSize(NULL, count)
    cdef char *flags = PyBytes_AS_STRING(varying)
    cdef Py_ssize_t i
    for i in range(count):
        flags[i] = inputs[i].stride != 0
    return varying


cdef bytes passed_rows(const Py_ssize_t *rows, Py_ssize_t count, const unsigned char *failed):
    """The rows that did not fail, as bytes."""
    cdef Py_ssize_t i, k = 0
    cdef Py_ssize_t passed = count
    cdef bytes result
    cdef Py_ssize_t *target
    for i in range(count):
        passed -= failed[i]
    result = PyBytes_FromStringAndSize(NULL, passed * sizeof(Py_ssize_t))
    target = <Py_ssize_t *> PyBytes_AS_STRING(result)
    for i in range(count):
        if not failed[i]:
            target[k] = i if rows == NULL else rows[i]
            k += 1
    return result


# ---------------------------------------------------------------------------------------------------------------------
# Calls in the graph

@cython.auto_pickle(False)
cdef class Call(Block):
    """A run of a compiled function in the graph.

    Its inputs are the Values among the arguments, then those that its programs captured. It passes gradients back by
    running the derivatives of these programs.
    """

    def __dealloc__(self):
        PyMem_RawFree(self.arrays)
        PyMem_RawFree(self.data)

    cdef str name(self):
        return self.function

    cdef int push(self) except -1:
        for program, rows, captured in self.parts:
            self.push_part(program, rows, captured)
        return 0

    cdef Node *captured_input(self, list captured, Py_ssize_t i) noexcept:
        """The input that is a program's captured Value number i."""
        return self.inputs[len(self.places) + i if captured is None else <Py_ssize_t> captured[i]]

    cdef Program pullback(self, Program program, tuple of):
        """The derivative of some outputs by the arguments that are Values, then by what the program captured."""
        key = self.differentiated, of
        pullback = program.pullbacks.get(key)
        if pullback is None:
            wrt = [*self.differentiated, *range(program.inputs, program.inputs + len(program.code.captured))]
            pullback = new_program(reverse(program.code, wrt, list(of), [], False))
            keep(program.pullbacks, key, pullback)
        return pullback

    cdef int push_part(self, Program program, bytes rows, list captured) except -1:
        """Add the gradients that come from the rows that a program ran, None standing for all."""
        cdef Py_ssize_t differentiated = len(self.differentiated)
        cdef Py_ssize_t count = self.lanes
        cdef Py_ssize_t i, k, lane, outputs
        cdef bytes alive = alive_rows(self, rows)
        cdef const Py_ssize_t *subset = NULL
        cdef Program pullback
        cdef Array *arrays = NULL
        cdef double *results = NULL
        cdef unsigned char *failed = NULL
        if alive is not None:
            count = len(alive) // sizeof(Py_ssize_t)
            subset = <const Py_ssize_t *> PyBytes_AS_STRING(alive)
        # Only outputs that the root depends on: of others not even an infinite derivative counts.
        of = []
        for k in range(program.outputs):
            if any_adjoint(self, k):
                of.append(k)
        if not count or not of:
            return 0
        pullback = self.pullback(program, tuple(of))
        outputs = pullback.outputs
        varying = bytearray(varying_of(self.arrays, self.array_count))
        varying += b"\1" * len(of)
        summed = bytearray(b"\1" * outputs)
        for i in range(differentiated):
            summed[i] = 0 if self.arrays[<Py_ssize_t> self.differentiated[i]].stride else 1
        try:
            arrays = <Array *> room(pullback.inputs + pullback.outputs, sizeof(Array))
            results = <double *> room(differentiated * self.lanes + outputs, sizeof(double))
            failed = <unsigned char *> room(count, 1)
            memcpy(arrays, self.arrays, self.array_count * sizeof(Array))
            for i in range(len(of)):
                arrays[self.array_count + i].data = self.adjoints + <Py_ssize_t> of[i] * self.lanes
                arrays[self.array_count + i].stride = 1
            # A row for each argument, then a number for each captured Value.
            for i in range(outputs):
                arrays[pullback.inputs + i].data = results + min(i, differentiated) * self.lanes + max(
                    0, i - differentiated)
                arrays[pullback.inputs + i].stride = 0 if summed[i] else 1
            memset(failed, 0, count)
            if self.lanes == 1:
                # Nothing varies: a point.
                pullback.run(None, None, 1, NULL, arrays, arrays + pullback.inputs, failed, 1)
            else:
                pullback.run(bytes(varying), bytes(summed), count, subset, arrays, arrays + pullback.inputs, failed, 0)
            for i in range(count):
                if failed[i]:
                    raise RuntimeError(
                        f"data that {self.function} captured changed between its call and backward, so that it would "
                        "now take another way through its branches"
                    )
            for i in range(len(self.places)):
                k, lane = self.places[i]
                k *= self.lanes
                if lane < 0:
                    receive(self.inputs[i], results[k])
                elif (rows is None or has_row(rows, lane)) and (alive is None or has_row(alive, lane)):
                    receive(self.inputs[i], results[k + lane])
            for i in range(outputs - differentiated):
                receive(self.captured_input(captured, i), results[differentiated * self.lanes + i])
        finally:
            PyMem_RawFree(arrays)
            PyMem_RawFree(results)
            PyMem_RawFree(failed)
        return 0

    cdef list lower(self, object code, list operands):
        """Put the instructions of the programs in the place of the call, for every lane."""
        cdef Py_ssize_t k
        outputs = [None] * self.output_count
        for program, rows, captured in self.parts:
            for lane in range(self.lanes) if rows is None else numpy.frombuffer(rows, numpy.intp).tolist():
                for k, output in enumerate(self.lower_lane(code, program, operands, captured, lane)):
                    outputs[k * self.lanes + lane] = output
        return outputs

    cdef list lower_lane(self, Code code, Program program, list operands, list captured, Py_ssize_t lane):
        cdef list loads = []
        cdef Py_ssize_t i
        for i in range(program.inputs):
            loads.append(code.constant(self.arrays[i].data[lane * self.arrays[i].stride]))
        for i, (argument, of_lane) in enumerate(self.places):
            if of_lane < 0 or of_lane == lane:
                loads[self.differentiated[argument]] = operands[i]
        for i in range(len(program.code.captured)):
            loads.append(operands[len(self.places) + i if captured is None else <Py_ssize_t> captured[i]])
        return code.inline(program.code, loads)


cdef int begin_call(Call block, str name, const Array *inputs, Py_ssize_t input_count, Py_ssize_t lanes,
                    Py_ssize_t outputs, list values, list parts) except -1:
    """Fill in a Call: what went in is copied, since arrays may change before the way back."""
    cdef Py_ssize_t i, k, size = 0
    cdef double *data
    block.function = name
    block.lanes = lanes
    block.array_count = input_count
    block.places = []
    places = {}
    for _, input_number, lane in values:
        block.places.append((places.setdefault(input_number, len(places)), lane))
    block.differentiated = tuple(places)
    if len(parts) == 1:
        program, rows = parts[0]
        captured = (<Program> program).code.captured
        block.parts = [(program, rows, None)]
    else:
        captured = {}
        block.parts = []
        for program, rows in parts:
            for value in (<Program> program).code.captured:
                captured.setdefault(value, len(values) + len(captured))
            block.parts.append((program, rows, list(map(captured.get, (<Program> program).code.captured))))
    set_sizes(block, len(values) + len(captured), outputs * lanes)
    for value, _, _ in values:
        add_input(block, <Value> value)
    for value in captured:
        add_input(block, <Value> value)
    for i in range(input_count):
        size += lanes if inputs[i].stride else 1
    block.arrays = <Array *> room(input_count, sizeof(Array))
    block.data = data = <double *> room(size, sizeof(double))
    for i in range(input_count):
        block.arrays[i].data = data
        block.arrays[i].stride = inputs[i].stride != 0
        for k in range(lanes if inputs[i].stride else 1):
            data[0] = inputs[i].data[k * inputs[i].stride]
            data += 1
    return 0


cdef bint any_adjoint(Call block, Py_ssize_t output) noexcept:
    cdef Py_ssize_t lane
    for lane in range(block.lanes):
        if block.adjoints[output * block.lanes + lane] != 0.0:
            return True
    return False


cdef bytes alive_rows(Call block, bytes rows):
    """Of the rows of a part, those that the root depends on; None if that is every lane."""
    cdef unsigned char *dead = <unsigned char *> room(block.lanes, 1)
    cdef Py_ssize_t count = block.lanes if rows is None else len(rows) // sizeof(Py_ssize_t)
    cdef const Py_ssize_t *subset = NULL
    if rows is not None:
        subset = <const Py_ssize_t *> PyBytes_AS_STRING(rows)
    cdef Py_ssize_t i, k, lane, total = 0
    for i in range(count):
        lane = i if subset == NULL else subset[i]
        dead[i] = 1
        for k in range(block.output_count // block.lanes):
            if block.adjoints[k * block.lanes + lane] != 0.0:
                dead[i] = 0
        total += dead[i]
    alive = rows if total == 0 else passed_rows(subset, count, dead)
    PyMem_RawFree(dead)
    return alive


cdef bint has_row(bytes rows, Py_ssize_t row) noexcept:
    """Whether a row is among these, which are in rising order."""
    cdef const Py_ssize_t *first = <const Py_ssize_t *> PyBytes_AS_STRING(rows)
    cdef Py_ssize_t low = 0
    cdef Py_ssize_t high = len(rows) // sizeof(Py_ssize_t)
    cdef Py_ssize_t middle
    while low < high:
        middle = (low + high) // 2
        if first[middle] < row:
            low = middle + 1
        else:
            high = middle
    return low < <Py_ssize_t> (len(rows) // sizeof(Py_ssize_t)) and first[low] == row
