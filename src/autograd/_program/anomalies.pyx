"""Anomalies of programs: which instruction gave the first infinity or nan, and in which lane."""

from cpython.mem cimport PyMem_RawFree
from libc.math cimport isfinite

from autograd._interpreter.interpreter cimport Array
from autograd._ir.code cimport Code, arity, is_constant, operands_of, room
from autograd._interpreter.evaluation cimport evaluate, origin
from autograd._ir.listing cimport listing, right_side
from autograd._ir.opcodes cimport LANE_CALL, LANE_LOAD


cdef int examine_run(Code code, bytes varying, bytes summed, Py_ssize_t lanes, const Py_ssize_t *rows,
                     const Array *inputs, const Array *outputs, const unsigned *failed) except -1:
    cdef Py_ssize_t lane, row, k
    cdef Py_ssize_t count = len(code.outputs)
    cdef bint total
    for k in range(count):
        if summed is not None and summed[k] and lanes and not isfinite(outputs[k].data[0]):
            for lane in range(lanes):
                examine_lane(code, lane if rows == NULL else rows[lane], varying is not None, k, inputs)
            raise FloatingPointError(
                f"a program: output {k}, a sum over {lanes} lanes, is {outputs[k].data[0]!r}, of terms that are finite"
            )
    for lane in range(lanes):
        if failed != NULL and failed[lane]:
            continue
        row = lane if rows == NULL else rows[lane]
        for k in range(count):
            total = summed is not None and summed[k]
            if not total and not isfinite(outputs[k].data[row * outputs[k].stride]):
                examine_lane(code, row, varying is not None, k, inputs)
    return 0


cdef int examine_lane(Code code, Py_ssize_t row, bint in_lanes, Py_ssize_t output, const Array *inputs) except -1:
    """Run the instructions one by one, and raise for the one that an output which is not finite comes from."""
    cdef Py_ssize_t count = code.inputs + len(code.captured)
    cdef Py_ssize_t k
    cdef unsigned i, result, operand
    cdef double known = 0.0
    cdef double *point = <double *> room(count, sizeof(double))
    cdef double *numbers = NULL
    cdef dict names = {}
    try:
        for k in range(count):
            point[k] = inputs[k].data[row * inputs[k].stride]
        numbers = evaluate(code, point)
        i = code.outputs[output]
        if isfinite(numbers[i]):
            return 0
        i = origin(code, numbers, i)
        listing(code, names)
        operands = []
        for k in range(arity(&code.entries[i])):
            operand = operands_of(code, &code.entries[i])[k]
            if not is_constant(code, operand, &known):
                operands.append(f"{names[operand]} = {numbers[operand]!r}")
        # The results of a call follow it.
        result = i
        while code.entries[i].op == LANE_CALL and (result == i or isfinite(numbers[result])):
            result += 1
        number, name = numbers[result], names[result]
        is_input = code.entries[i].op == LANE_LOAD
        is_number = is_constant(code, i, &known)
    finally:
        PyMem_RawFree(point)
        PyMem_RawFree(numbers)
    place = None if code.lines is None else code.lines.get(i)
    at = "" if place is None else f" at {place[0]}:{place[1]}"
    of = f" in lane {row}" if in_lanes else ""
    if is_number:
        raise FloatingPointError(f"a program{of}: output {output} is {number!r}, from the constant {number!r}{at}")
    if is_input:
        raise FloatingPointError(f"a program{of}: {right_side(code, i, names)} is {number!r}")
    where = f", where {', '.join(dict.fromkeys(operands))}" if operands else ""
    raise FloatingPointError(
        f"a program{of}: the instruction {name} = {right_side(code, i, names)}{at} gave {number!r}{where}"
    )
