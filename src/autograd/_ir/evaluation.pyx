"""Evaluation of a code instruction by instruction, with every number kept: for drawings, and to find anomalies."""

from cpython.mem cimport PyMem_RawFree
from libc.math cimport isfinite

from autograd._ir.code cimport Code, Entry, arity, is_constant, operands_of, room
from autograd._ir.formulas cimport evaluate_any
from autograd._ir.opcodes cimport CODE_RESULT, LANE_CALL, LANE_LOAD, OP_COUNT, is_choice, takes_first


cdef extern from "_kernels/ops.h" nogil:
    unsigned op_push(unsigned op, double g, double r, double c, const double *pa, const double *pb,
                     double *ga, double *gb) noexcept


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


cdef double *adjoints(Code code, double *numbers, list seeds) except NULL:
    cdef double *gradients = <double *> room(code.size, sizeof(double))
    cdef Entry *entry
    cdef unsigned a, b
    cdef Py_ssize_t i
    for output, seed in zip(code.outputs, seeds):
        gradients[<Py_ssize_t> output] += <double> seed
    for i in reversed(range(code.size)):
        entry = &code.entries[i]
        # As in a backward pass, what receives nothing passes nothing.
        if gradients[i] == 0.0:
            continue
        if is_choice(entry.op):
            a = entry.c if takes_first(entry.op, numbers[entry.a], numbers[entry.b]) else entry.d
            gradients[a] += gradients[i]
        elif entry.op < OP_COUNT:
            a = entry.a
            b = entry.b if arity(entry) > 1 else a
            op_push(entry.op, gradients[i], numbers[i], numbers[entry.c] if arity(entry) > 2 else 0.0,
                    &numbers[a], &numbers[b], &gradients[a], &gradients[b])
    return gradients
