"""Pickling of Programs: instructions as plain data, and a check of what is read back."""

from cpython.bytes cimport PyBytes_FromStringAndSize

import hashlib

import numpy

from autograd import _core, ops

from autograd._core cimport Value
from autograd._ir.code cimport Code, Entry, DerivativeRule, arity, new_derivative_rule, operands_of
from autograd._ir.opcodes cimport (
    CODE_CONSTANT, CODE_RESULT, LANE_CALL, LANE_GUARD, LANE_LOAD, LANE_SAME, LANE_WHERE_EQ, LANE_WHERE_LE,
    LANE_WHERE_LT, has_value, is_guard,
)

cdef int FORMAT = 1

# Instructions are pickled by name, because their numbers change with the table; these are not in the table.
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
    return {**content, "checksum": checksum(content), "captured": code.captured,
            "calls": list(map(packed_call, code.calls))}


def packed_call(function):
    """Return a rule as plain data, and any other function itself."""
    if not isinstance(function, DerivativeRule):
        return function
    rule = <DerivativeRule> function
    return {"name": rule.__name__, "code": packed(rule.code), "pullback": rule.pullback,
            "arguments": rule.arguments, "results": rule.results}


def unpacked_call(function):
    """Return what `packed_call` took."""
    if not isinstance(function, dict):
        return function
    return new_derivative_rule(
        function["name"], read(dict(function["code"])), function["pullback"], function["arguments"],
        function["results"],
    )


cdef str checksum(dict content):
    return hashlib.sha256(repr(sorted(content.items())).encode()).hexdigest()


cdef Code unpacked(object version, object content):
    if version != FORMAT:
        raise ValueError(
            f"this Program was pickled in format {version!r}, and this version of autograd reads format {FORMAT}: "
            "trace the function again"
        )
    try:
        return read(dict(content))
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError) as error:
        raise ValueError(f"this pickle of a Program is damaged or not one of autograd's: {error}") from error


cdef Code read(dict content):
    cdef Code code = Code.__new__(Code)
    code.captured, code.calls = list(content.pop("captured")), list(map(unpacked_call, content.pop("calls")))
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
    """Raise if an instruction refers to something that does not exist: a right checksum does not prove who wrote it."""
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
