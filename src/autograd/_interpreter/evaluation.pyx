"""Evaluation of a code instruction by instruction, with every number kept: for drawings, and to find anomalies."""

from cpython.mem cimport PyMem_RawFree
from libc.math cimport isfinite

from autograd._interpreter.interpreter cimport Array, Subprogram
from autograd._ir.code cimport Code, DerivativeRule, Entry, arity, is_constant, operands_of, room, rule_of
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
                evaluate_call(code, entry, numbers, numbers + i + 1)
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


cdef int evaluate_call(Code code, Entry *entry, double *numbers, double *results) except -1:
    cdef const unsigned *operands = code.arguments + entry.b
    cdef DerivativeRule rule = rule_of(code, entry)
    cdef Array *arrays
    cdef Py_ssize_t k
    function = code.calls[entry.a]
    if rule is not None:
        # Instructions computed the results, which are operands.
        for k in range(entry.d):
            results[k] = numbers[operands[rule.arguments + k]]
    elif isinstance(function, Subprogram):
        arrays = <Array *> room(entry.c + entry.d, sizeof(Array))
        for k in range(entry.c):
            arrays[k] = Array(numbers + operands[k], 0)
        for k in range(entry.d):
            arrays[entry.c + k] = Array(results + k, 0)
        try:
            (<Subprogram> function).run_lanes(arrays, 1, arrays + entry.c)
        finally:
            PyMem_RawFree(arrays)
    else:
        inputs = []
        for k in range(entry.c):
            inputs.append(numbers[operands[k]])
        for k, result in enumerate(function(*inputs)):
            results[k] = result
    return 0


cdef unsigned origin(Code code, const double *numbers, unsigned i) except? 0xFFFFFFFF:
    cdef Entry *entry
    cdef DerivativeRule rule
    cdef unsigned operand
    cdef Py_ssize_t k, first, last
    while True:
        entry = &code.entries[i]
        if entry.op == CODE_RESULT:
            i = entry.a
            rule = rule_of(code, &code.entries[i])
            if rule is not None:
                i = code.arguments[code.entries[i].b + rule.arguments + entry.b]
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
