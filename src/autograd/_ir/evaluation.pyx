"""Evaluation of a code instruction by instruction, with every number kept: for drawings, and to find anomalies."""

from cpython.mem cimport PyMem_RawFree
from libc.math cimport isfinite

from autograd._ir.code cimport Code, Entry, arity, is_constant, operands_of, room
from autograd._ir.formulas cimport evaluate_any
from autograd._ir.opcodes cimport CODE_RESULT, LANE_CALL, LANE_LOAD, OP_COUNT, is_choice, takes_first


cdef double *evaluate(Code code, const double *inputs) except NULL:
    cdef double *numbers = <double *> room(code.size, sizeof(double))
    cdef Entry *entry
    cdef double x[4]
    cdef Py_ssize_t i, k
    try:
        for i in range(code.size):
            entry = &code.entries[i]
            if entry.op == LANE_LOAD:
                numbers[i] = inputs[entry.a]
            elif entry.op == LANE_CALL:
                operands = []
                for k in range(entry.c):
                    operands.append(numbers[code.arguments[entry.b + k]])
                for k, result in enumerate(code.calls[entry.a](*operands)):
                    numbers[i + 1 + k] = result
            elif entry.op < OP_COUNT or is_choice(entry.op):
                x[0] = x[1] = x[2] = x[3] = 0.0
                for k in range(arity(entry)):
                    x[k] = numbers[operands_of(code, entry)[k]]
                numbers[i] = evaluate_any(entry.op, x)
            else:
                # A result of a call is there already.
                is_constant(code, i, &numbers[i])
    except BaseException:
        PyMem_RawFree(numbers)
        raise
    return numbers


cdef unsigned origin(Code code, const double *numbers, unsigned i) except? 0xFFFFFFFF:
    cdef Entry *entry
    cdef unsigned operand
    cdef Py_ssize_t k, first, last
    while True:
        entry = &code.entries[i]
        if entry.op == CODE_RESULT:
            i = entry.a
            continue
        first, last = 0, arity(entry)
        if is_choice(entry.op):
            first = 2 if takes_first(entry.op, numbers[entry.a], numbers[entry.b]) else 3
            last = first + 1
        for k in range(first, last):
            operand = operands_of(code, entry)[k]
            if not isfinite(numbers[operand]):
                i = operand
                break
        else:
            return i
