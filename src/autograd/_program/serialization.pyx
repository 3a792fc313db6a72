"""Programs as bytes: what a file has, and what is pickled.

A file is

====== ====== ===========================================================================
offset length
====== ====== ===========================================================================
0      8      ``93 41 47 50 52 4F 47 0A`` (hexadecimal)
8      4      the version of the format, 1
12     4      the length of the header
16     8      the length of all that follows the checksum
24     32     SHA-256 of bytes 0 to 24 and of all that follows the checksum
56            the header: JSON in UTF-8
              the arrays, in the order in which the header counts them
====== ====== ===========================================================================

Numbers are little-endian. The header has ``objects``, each of which refers to earlier ones by their positions; the last
one is the code of the program. An object is a dict with its `kind`:

- ``"code"``: instructions. `inputs`, `captured` (the labels of the captured Values), `names` (of the instructions that
  occur), `size`, `arguments`, `outputs`, `places` (position, file and line of every guard), and `calls`: an object,
  ``{"function": k}`` for function k of those that are pickled beside the bytes, for every function that it calls. Its
  arrays are five 32-bit numbers for each instruction, the first a position in `names` and the others as an `Entry` has
  them; the arguments of calls, 32-bit numbers; and the data of the captured Values, floats of 64 bits.
- ``"rule"``: a derivative that was given, as `DerivativeRule`.
- ``"body"``: the programs of a function that a loop runs.
- ``"loop"``: as `Loop`, with sweeps and sums; its arrays are the constant tracks.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize

import hashlib
import json
import struct

import numpy

from autograd import _core, ops

from autograd._core cimport Value
from autograd._ir.code cimport Code, DerivativeRule, Entry, arity, new_derivative_rule, operands_of
from autograd._ir.opcodes cimport (
    CODE_CONSTANT, CODE_RESULT, LANE_CALL, LANE_GUARD, LANE_LOAD, LANE_SAME, LANE_WHERE_EQ, LANE_WHERE_LE,
    LANE_WHERE_LT, has_value, is_guard,
)
from autograd._program.bodies cimport Body
from autograd._program.loop cimport (
    ALL, CARRY, NOWHERE, SCALAR, TOTAL, TRACK, VARIABLES, Loop, Sum, Sweep, named, new_sum,
)
from autograd._program.program cimport Program, new_program

cdef bytes MAGIC = b"\x93AGPROG\n"
cdef int VERSION = 1
cdef object PREFIX = struct.Struct("<8sIIQ")
cdef Py_ssize_t CONTENT = PREFIX.size + 32

# Instructions are named, because their numbers change with the table; these are not in the table.
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
cdef dict BY_VARIABLE = {name: kind for kind, name in VARIABLES.items()}
cdef tuple LOOP_NUMBERS = ("steps", "max_steps", "checkpoint", "scalars", "tracks")


# ---------------------------------------------------------------------------------------------------------------------
# Writing

@cython.internal
@cython.auto_pickle(False)
cdef class Encoder:
    """The objects and arrays of a program."""
    cdef list objects
    cdef list arrays
    # By identity of what was written: the position. `kept` keeps the identities alive.
    cdef dict positions
    cdef list kept
    # The functions of Python that the program calls.
    cdef list functions

    def __cinit__(self):
        self.objects, self.arrays, self.positions, self.kept, self.functions = [], [], {}, [], []

    cdef object add(self, object item, dict content):
        self.positions[id(item)] = len(self.objects)
        self.kept.append(item)
        self.objects.append(content)
        return len(self.objects) - 1

    cdef object code(self, Code code):
        cdef Py_ssize_t i
        cdef list calls = [], arguments = [], numbers = [], labels = [], names = [], places = []
        if id(code) in self.positions:
            return self.positions[id(code)]
        for function in code.calls:
            calls.append(self.call(function))
        for i in range(code.argument_count):
            arguments.append(code.arguments[i])
        for value in code.captured:
            numbers.append((<Value> value).data)
            labels.append(str((<Value> value).label))
        for i, (file, line) in code.places.items():
            places.append((i, file, line))
        table = numpy.frombuffer(
            PyBytes_FromStringAndSize(<char *> code.entries, code.size * sizeof(Entry)), numpy.uint32
        ).reshape(-1, 5).copy()
        kinds, table[:, 0] = numpy.unique(table[:, 0], return_inverse=True)
        for op in kinds.tolist():
            names.append(SPECIAL.get(op) or _core.OP_NAMES[op])
        self.arrays += [table.astype("<u4"), numpy.array(arguments, "<u4"), numpy.array(numbers, "<f8")]
        return self.add(code, {
            "kind": "code",
            "inputs": code.inputs,
            "captured": labels,
            "names": names,
            "size": code.size,
            "arguments": code.argument_count,
            "outputs": list(code.outputs),
            "places": places,
            "calls": calls,
        })

    cdef object call(self, object function):
        if isinstance(function, Loop):
            return self.loop(function)
        if isinstance(function, DerivativeRule):
            return self.rule(function)
        self.functions.append(function)
        return {"function": len(self.functions) - 1}

    cdef object rule(self, DerivativeRule rule):
        if id(rule) in self.positions:
            return self.positions[id(rule)]
        return self.add(rule, {
            "kind": "rule", "name": rule.__name__, "code": self.code(rule.code), "pullback": bool(rule.pullback),
            "arguments": rule.arguments, "results": rule.results,
        })

    cdef object body(self, Body body):
        cdef list programs = []
        if body is None:
            return None
        if id(body) in self.positions:
            return self.positions[id(body)]
        for program in body.programs:
            programs.append(self.code((<Program> program).code))
        return self.add(body, {"kind": "body", "name": body.name, "programs": programs})

    cdef object loop(self, Loop loop):
        if loop.primal is not None:
            loop = loop.primal
        if id(loop) in self.positions:
            return self.positions[id(loop)]
        operations = []
        for operation in loop.operations:
            if isinstance(operation, Sum):
                operations.append([(<Sum> operation).result, (<Sum> operation).a, (<Sum> operation).b])
            else:
                operations.append(self.sweep(operation))
        content = {
            "kind": "loop", "name": loop.__name__, "parallel": bool(loop.parallel), "steps": loop.steps,
            "max_steps": loop.max_steps, "checkpoint": loop.checkpoint, "scalars": loop.scalars,
            "tracks": loop.tracks, "condition": self.body(loop.condition),
            "condition_sources": named(loop.condition_sources or []), "operands": named(loop.operands),
            "results": named(loop.results), "operations": operations, "constants": list(loop.constants),
        }
        for track in loop.constants.values():
            self.arrays.append(track.astype("<f8"))
        return self.add(loop, content)

    cdef dict sweep(self, Sweep sweep):
        return {
            "body": self.body(sweep.body), "descending": bool(sweep.descending), "sources": named(sweep.sources),
            "targets": named(sweep.targets), "init": sweep.init, "finals": sweep.finals, "before": sweep.before,
        }


def packed(Program program not None):
    """Return a program as bytes, its captured Values, and the functions of Python that it calls."""
    cdef Encoder encoder = Encoder.__new__(Encoder)
    encoder.code(program.code)
    header = json.dumps({"objects": encoder.objects}, separators=(",", ":")).encode()
    content = header + b"".join(encoder.arrays)
    prefix = PREFIX.pack(MAGIC, VERSION, len(header), len(content))
    return prefix + checksum(prefix, content) + content, list(program.code.captured), encoder.functions


def to_file(Program program not None):
    """Return the bytes of a file with a program."""
    content, _, functions = packed(program)
    if functions:
        function = functions[0]
        raise TypeError(
            f"the program calls {getattr(function, '__name__', type(function).__name__)}, a function of Python, which "
            "cannot leave this process: write its rule in Values, without pure_callback"
        )
    return content


cdef bytes checksum(bytes prefix, object content):
    digest = hashlib.sha256(prefix)
    digest.update(content)
    return digest.digest()


# ---------------------------------------------------------------------------------------------------------------------
# Reading

def unpacked(content, captured=None, functions=()):
    """Return the program of some bytes.

    Parameters
    ----------
    content : bytes
    captured : list of Value, optional
        Those to capture, in the place of new ones with the data that is in the bytes.
    functions : sequence of callable
        The functions of Python that it calls.
    """
    cdef Decoder decoder
    if not isinstance(content, bytes | bytearray | memoryview) or len(content) < CONTENT:
        raise ValueError("this is no Program of autograd, or the first part of one")
    prefix = bytes(content[:PREFIX.size])
    magic, version, header_length, length = PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise ValueError("this is no Program of autograd")
    if version != VERSION:
        raise ValueError(
            f"this Program has version {version} of the format, and this version of autograd reads {VERSION}: trace "
            "the function again"
        )
    content = memoryview(content)
    if len(content) - CONTENT != length or header_length > length or (
            checksum(prefix, content[CONTENT:]) != content[PREFIX.size:CONTENT]):
        raise ValueError("this Program is damaged: its length or checksum is wrong")
    decoder = Decoder.__new__(Decoder)
    decoder.content, decoder.at, decoder.functions = content, CONTENT + header_length, functions
    try:
        code = decoder.read(json.loads(bytes(content[CONTENT:CONTENT + header_length])), captured)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"this Program is damaged or was not written by autograd: {error}") from error
    return new_program(code)


cdef Py_ssize_t count(object number, Py_ssize_t least=0) except? -2:
    """Return a number of things, or check a position."""
    if type(number) is not int or not least <= number <= MOST:
        raise ValueError(f"it has {number!r} where a number of things should be")
    return number


cdef object MOST = 2**31


cdef str text(object item):
    if not isinstance(item, str):
        raise TypeError(f"it has {item!r} where a text should be")
    return item


cdef bint flag(object item) except -1:
    if not isinstance(item, bool):
        raise TypeError(f"it has {item!r} where true or false should be")
    return item


@cython.internal
@cython.auto_pickle(False)
cdef class Decoder:
    """The objects of a file."""
    cdef object content
    cdef Py_ssize_t at
    cdef object functions
    cdef list objects

    cdef Code read(self, object header, object captured):
        cdef Code code = None
        cdef list items = header["objects"]
        self.objects = []
        for position, item in enumerate(items):
            kind = item["kind"]
            last = position == len(items) - 1
            if kind == "code":
                code = self.code(item, captured, last)
                self.objects.append(code)
            elif kind == "rule":
                self.objects.append(new_derivative_rule(
                    text(item["name"]), self.get(item["code"], Code), flag(item["pullback"]), count(item["arguments"]),
                    count(item["results"])))
            elif kind == "body":
                self.objects.append(self.body(item))
            elif kind == "loop":
                self.objects.append(self.loop(item))
            else:
                raise ValueError(f"it has an unknown object {kind!r}")
        if self.at != len(self.content) or not self.objects or self.objects[-1] is not code:
            raise ValueError("something is behind the program")
        return code

    cdef object get(self, object position, type kind):
        item = self.objects[count(position)]
        if not isinstance(item, kind):
            raise TypeError(f"object {position} is no {kind.__name__}")
        return item

    cdef object array(self, str dtype, Py_ssize_t size):
        cdef Py_ssize_t length = size * numpy.dtype(dtype).itemsize
        if length > len(self.content) - self.at:
            raise ValueError("an array is missing")
        array = numpy.frombuffer(self.content[self.at:self.at + length], dtype)
        self.at += length
        return array.astype(array.dtype.newbyteorder("="))

    cdef Code code(self, dict item, object captured, bint last):
        cdef Code code = Code.__new__(Code)
        cdef list numbers = []
        for name in item["names"]:
            if name not in BY_NAME:
                raise ValueError(f"it has the unknown instruction {name!r}")
            numbers.append(BY_NAME[name])
        code.inputs = count(item["inputs"])
        table = self.array("<u4", 5 * count(item["size"])).reshape(-1, 5)
        table[:, 0] = numpy.array(numbers, numpy.uint32)[table[:, 0]]
        for op, a, b, c, d in table.tolist():
            code.append(op, a, b, c, d)
        for argument in self.array("<u4", count(item["arguments"])).tolist():
            code.add_argument(argument)
        labels = item["captured"]
        data = self.array("<f8", len(labels)).tolist()
        if labels and not last:
            raise ValueError("a part of it captures Values")
        if captured is None or not last:
            captured = []
            for number, label in zip(data, labels):
                captured.append(Value(number, label=text(label)))
        if len(captured) != len(labels):
            raise ValueError(f"it captures {len(labels)} Values, and is given {len(captured)}")
        code.captured = list(captured)
        for call in item["calls"]:
            if isinstance(call, dict):
                code.calls.append(self.functions[count(call["function"])])
            else:
                code.calls.append(self.get(call, object))
                if isinstance(code.calls[-1], Code | Body):
                    raise TypeError("it calls what is no function")
        for i, file, line in item["places"]:
            code.places[count(i)] = text(file), count(line)
        for output in item["outputs"]:
            code.outputs.append(count(output))
        check(code)
        code.finish()
        return code

    cdef Body body(self, dict item):
        cdef Body body = Body.__new__(Body)
        body.name = text(item["name"])
        for position in item["programs"]:
            body.add(new_program(self.get(position, Code)))
        if not body.programs:
            raise ValueError("a loop has no body")
        return body

    cdef Loop loop(self, dict item):
        cdef Loop loop = Loop.__new__(Loop)
        loop.__name__, loop.parallel = text(item["name"]), flag(item["parallel"])
        loop.steps, loop.max_steps = count(item["steps"], -1), count(item["max_steps"], -1)
        loop.checkpoint = count(item["checkpoint"], ALL)
        loop.scalars, loop.tracks = count(item["scalars"]), count(item["tracks"])
        if item["condition"] is not None:
            loop.condition = self.get(item["condition"], Body)
            loop.condition_sources = variables(item["condition_sources"])
        loop.operands, loop.results = variables(item["operands"]), variables(item["results"])
        loop.constants, loop.operations = {}, []
        for track in item["constants"]:
            loop.constants[count(track)] = self.array("<f8", loop.steps)
        for operation in item["operations"]:
            if isinstance(operation, list):
                result, a, b = operation
                loop.operations.append(new_sum(count(result), count(a, -1), count(b, -1)))
            else:
                loop.operations.append(self.sweep(operation))
        check_loop(loop)
        return loop

    cdef Sweep sweep(self, dict item):
        cdef Sweep sweep = Sweep.__new__(Sweep)
        sweep.body, sweep.descending = self.get(item["body"], Body), flag(item["descending"])
        sweep.sources, sweep.targets = variables(item["sources"]), variables(item["targets"])
        sweep.init, sweep.finals, sweep.before = [], [], []
        for scalar in item["init"]:
            sweep.init.append(count(scalar, -1))
        for scalar in item["finals"]:
            sweep.finals.append(count(scalar))
        for track in item["before"]:
            sweep.before.append(None if track is None else count(track))
        return sweep


cdef list variables(object items):
    result = []
    for kind, number in items:
        result.append((BY_VARIABLE[kind], count(number, -1)))
    return result


# ---------------------------------------------------------------------------------------------------------------------
# Checks of what is read: a right checksum does not prove who wrote it

cdef int check(Code code) except -1:
    """Raise if an instruction refers to something that does not exist."""
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
            function = code.calls[entry.a]
            if isinstance(function, DerivativeRule) and not fits(<DerivativeRule> function, entry):
                raise ValueError(f"instruction {i} does not fit the rule that it calls")
            if isinstance(function, Loop) and (
                    width_of(function, (<Loop> function).operands) != <Py_ssize_t> entry.c
                    or width_of(function, (<Loop> function).results) != <Py_ssize_t> entry.d):
                raise ValueError(f"instruction {i} does not fit the loop that it calls")
            for k in range(entry.d):
                if not is_result(&code.entries[i + 1 + k], i, k):
                    raise ValueError(f"the results of instruction {i} are not there")
        elif entry.op == CODE_RESULT:
            if entry.a >= i or code.entries[entry.a].op != LANE_CALL or i - entry.a > code.entries[entry.a].d:
                raise ValueError(f"instruction {i} is the result of no call")
            continue
        elif is_guard(entry.op) and i not in code.places:
            raise ValueError(f"guard {i} has no place")
        for k in range(arity(entry)):
            if operands_of(code, entry)[k] >= i or not has_value(code.entries[operands_of(code, entry)[k]].op):
                raise ValueError(f"instruction {i} needs a number that is not there")
    for output in code.outputs:
        if not 0 <= output < code.size or not has_value(code.entries[<Py_ssize_t> output].op):
            raise ValueError("an output is not there")
    return 0


cdef bint fits(DerivativeRule rule, Entry *call) except -1:
    """Whether a call has the operands and results of a rule."""
    cdef Py_ssize_t seeds = rule.results if rule.pullback else rule.arguments
    cdef Py_ssize_t needed = call.c - rule.arguments - rule.results
    return (
        0 <= rule.arguments and rule.results == call.d and needed >= 0
        and rule.code.inputs == seeds + rule.results + needed
        and len(rule.code.outputs) == (rule.arguments if rule.pullback else rule.results)
    )


cdef inline bint is_result(Entry *entry, Py_ssize_t call, Py_ssize_t k) noexcept:
    return entry.op == CODE_RESULT and entry.a == call and entry.b == k


cdef int check_loop(Loop loop) except -1:
    """Raise if a loop refers to something that does not exist."""
    cdef Sweep sweep
    cdef Sum sum
    cdef set scalars = {-1}, tracks = {-1} | loop.constants.keys()
    cdef bint sound = (loop.condition is None) == (loop.steps >= 0)
    for kind, number in loop.operands:
        sound &= kind in (SCALAR, TRACK) and number >= 0
        (scalars if kind == SCALAR else tracks).add(number)
    if loop.condition is not None:
        # It belongs to the first sweep.
        sweep = loop.operations[0]
        sound &= not loop.parallel and fits_body(
            loop.condition, loop.condition_sources, 1, len(sweep.init), scalars, set())
    for operation in loop.operations:
        if isinstance(operation, Sum):
            sum = operation
            sound &= sum.a in scalars and sum.b in scalars
            scalars.add(sum.result)
            continue
        sweep = operation
        carries = len(sweep.init)
        sound &= (
            fits_body(sweep.body, sweep.sources, len(sweep.targets), carries, scalars, tracks)
            and carries == len(sweep.finals) == len(sweep.before) and scalars.issuperset(sweep.init)
        )
        for kind, number in sweep.targets:
            sound &= kind != SCALAR and (kind == NOWHERE or number >= 0) and (kind != CARRY or number < carries) and (
                kind != TOTAL or loop.parallel)
            (scalars if kind == TOTAL else tracks if kind == TRACK else set()).add(number)
        scalars.update(sweep.finals)
        tracks.update(sweep.before)
        if loop.parallel:
            sound &= not carries and len(sweep.body.programs) == 1 and (
                not (<Program> sweep.body.programs[0]).code.places)
    for kind, number in loop.results:
        sound &= number in (scalars if kind == SCALAR else tracks if kind == TRACK else ())
    tracks.discard(None)
    sound &= max(scalars) < loop.scalars and max(tracks) < loop.tracks
    if loop.steps < 0:
        sound &= all(kind == SCALAR for kind, _ in [*loop.operands, *loop.results]) and not loop.constants
    if not sound:
        raise ValueError(f"its {loop.__name__} does not fit together")
    return 0


cdef bint fits_body(Body body, list sources, Py_ssize_t outputs, Py_ssize_t carries, set scalars, set tracks) except -1:
    """Whether the programs of a body have these sources, which exist, and so many outputs."""
    cdef Program program
    for program in body.programs:
        if program.inputs != len(sources) or program.outputs != outputs:
            return False
    for kind, number in sources:
        if number not in (scalars if kind == SCALAR else tracks if kind == TRACK else range(carries)
                          if kind == CARRY else ()):
            return False
    return True


cdef Py_ssize_t width_of(Loop loop, list variables) except -1:
    cdef Py_ssize_t width = 0
    for variable in variables:
        width += loop.width(variable)
    return width
