"""The listing of a code: the text of ``print(program)``."""

from cpython.mem cimport PyMem_RawFree

import itertools

from autograd import _core, ops

from autograd._ir.code cimport Code, Entry, arity, is_constant, operands_of
from autograd._ir.liveness cimport count_uses
from autograd._ir.opcodes cimport (
    CODE_RESULT, LANE_CALL, LANE_GUARD, LANE_LOAD, LANE_SAME, LANE_WHERE_LE, LANE_WHERE_LT, is_choice,
)


cdef str plural(Py_ssize_t count, str noun):
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


cdef str sizes(Code code):
    counts = [plural(code.inputs, "input")]
    if code.captured:
        counts.append(f"{len(code.captured)} captured")
    counts.append(plural(len(code.outputs), "output"))
    return ", ".join(counts)


cdef list listing(Code code, dict names=None):
    cdef Entry *entry
    cdef Py_ssize_t i, k
    cdef unsigned *uses = count_uses(code)
    cdef list lines = []
    cdef double constant = 0.0
    names = {} if names is None else names
    new_name = map("v{}".format, itertools.count()).__next__
    try:
        for i in range(code.size):
            if not uses[i]:
                continue
            entry = &code.entries[i]
            operands = names_of_operands(code, entry, names)
            if is_constant(code, i, &constant):
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
                lines.append(f"  {', '.join(results)} = {right_side(code, i, names)}")
            elif entry.op != CODE_RESULT:
                names[i] = new_name()
                lines.append(f"  {names[i]} = {right_side(code, i, names)}")
    finally:
        PyMem_RawFree(uses)
    for k, output in enumerate(code.outputs):
        lines.append(f"  output {k} = {names[output]}")
    return lines


cdef list names_of_operands(Code code, Entry *entry, dict names):
    cdef list operands = []
    cdef Py_ssize_t k
    for k in range(arity(entry)):
        operands.append(names.get(operands_of(code, entry)[k]))
    return operands


cdef str right_side(Code code, unsigned i, dict names):
    cdef Entry *entry = &code.entries[i]
    operands = names_of_operands(code, entry, names)
    if entry.op == LANE_CALL:
        return f"{code.calls[entry.a].__name__}({', '.join(operands)})"
    return expression(code, entry, operands)


cdef str place_of(Code code, Py_ssize_t i):
    file, line = code.places[i]
    return f"{file}:{line}"


cdef str load_name(Code code, Py_ssize_t number):
    if number < code.inputs:
        return f"input {number}"
    label = code.captured[number - code.inputs].label
    return f"captured {number - code.inputs}" + (f" ({label})" if label else "")


cdef str operation_name(Code code, unsigned i):
    cdef Entry *entry = &code.entries[i]
    if entry.op == LANE_CALL:
        return code.calls[entry.a].__name__
    if entry.op == LANE_GUARD:
        return "guard" if entry.b else "guard not"
    if entry.op == LANE_SAME:
        return "guard is"
    return f"where {choice_symbol(entry.op)}" if is_choice(entry.op) else ops.OPS[_core.OP_NAMES[entry.op]].symbol


cdef str choice_symbol(unsigned op):
    return "<" if op == LANE_WHERE_LT else "<=" if op == LANE_WHERE_LE else "=="


cdef str expression(Code code, Entry *entry, list operands):
    """Return the right-hand side of an instruction, in the table's symbols."""
    if entry.op == LANE_LOAD:
        return load_name(code, entry.a)
    if is_choice(entry.op):
        return f"where({operands[0]} {choice_symbol(entry.op)} {operands[1]}, {operands[2]}, {operands[3]})"
    row = ops.OPS[_core.OP_NAMES[entry.op]]
    if len(operands) == 2 and not row.symbol.isidentifier():
        return f"{operands[0]} {row.symbol} {operands[1]}"
    return f"-{operands[0]}" if row.name == "neg" else f"{row.name}({', '.join(operands)})"
