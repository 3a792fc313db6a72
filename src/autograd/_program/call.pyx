"""Calls of programs as nodes of the eager graph.

A `Call` is a Block: its backward pass runs derivatives of the programs that ran, and its lowering puts their
instructions into the code of a trace around it.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_RawFree
from cpython.object cimport PyObject
from libc.string cimport memcpy

import numpy

from autograd._core cimport Block, Node, Value, add_input, detecting, receive, set_sizes
from autograd._interpreter.interpreter cimport Array
from autograd._ir.code cimport Code, room
from autograd._ir.derivatives cimport reverse
from autograd._program.program cimport Program, keep, new_program, varying_of


# Calls for more lanes than this, without branches, stay batches in the code of a trace.
cdef Py_ssize_t MOST_UNROLLED = 16

# Emits a call as a batch; it is registered by `autograd._program.loop`, which is above this module.
cdef object lower_batch = None


def set_lower_batch(function):
    """Register what emits a call as a batch: a function of the call, the code and its operands."""
    global lower_batch
    lower_batch = function


@cython.auto_pickle(False)
cdef class Call(Block):
    """A run of a compiled function in the graph.

    Its inputs are the Values among the arguments, then those that its programs captured.
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
        """Return the input that is captured Value number i of a program."""
        return self.inputs[len(self.places) + i if captured is None else <Py_ssize_t> captured[i]]

    cdef Program pullback(self, Program program, tuple of):
        """Return the derivative of some outputs by the arguments that are Values, then by what the program captured."""
        key = self.differentiated, of
        pullback = program.pullbacks.get(key)
        if pullback is None:
            wrt = [*self.differentiated, *range(program.inputs, program.inputs + len(program.code.captured))]
            pullback = new_program(reverse(program.code, wrt, list(of), [], False))
            keep(program.pullbacks, key, pullback)
        return pullback

    cdef int push_part(self, Program program, bytes rows, list captured) except -1:
        """Add the gradients of the rows that a program ran, None for all."""
        cdef Py_ssize_t differentiated = len(self.differentiated)
        cdef Py_ssize_t count = self.lanes
        cdef Py_ssize_t i, k, lane, outputs
        cdef bytes alive = alive_rows(self, rows)
        cdef const Py_ssize_t *subset = NULL
        cdef Program pullback
        cdef Array *arrays = NULL
        cdef double *results = NULL
        cdef unsigned *failed = NULL
        cdef bint failure
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
            failed = <unsigned *> room(count, sizeof(unsigned))
            memcpy(arrays, self.arrays, self.array_count * sizeof(Array))
            for i in range(len(of)):
                arrays[self.array_count + i] = Array(self.adjoints + <Py_ssize_t> of[i] * self.lanes, 1)
            # A row for each argument, then a number for each captured Value.
            for i in range(outputs):
                arrays[pullback.inputs + i] = Array(
                    results + min(i, differentiated) * self.lanes + max(0, i - differentiated), not summed[i])
            if self.lanes == 1:
                # Nothing varies: a point.
                failure = pullback.run(None, None, 1, NULL, arrays, arrays + pullback.inputs, failed, 1)
            elif self.team is not None and not detecting():
                failure = self.team.run_summed(pullback, bytes(varying), bytes(summed), count, <size_t> subset,
                                               <size_t> arrays, <size_t> (arrays + pullback.inputs))
            else:
                failure = pullback.run(bytes(varying), bytes(summed), count, subset, arrays, arrays + pullback.inputs,
                                       failed, 0)
            if failure:
                raise RuntimeError(
                    f"data that {self.function} captured changed between its call and backward, so that it would now "
                    "take another way through its branches"
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
        """Emit the instructions of the programs for every lane, or a batch if there are many, without branches."""
        cdef Py_ssize_t k
        outputs = [None] * self.output_count
        if self.lanes > MOST_UNROLLED and len(self.parts) == 1 and not (<Program> self.parts[0][0]).code.places:
            return lower_batch(self, code, operands)
        for program, rows, captured in self.parts:
            for lane in range(self.lanes) if rows is None else numpy.frombuffer(rows, numpy.intp).tolist():
                for k, output in enumerate(self.lower_lane(code, program, operands, captured, lane)):
                    outputs[k * self.lanes + lane] = output
        return outputs

    cdef list lower_lane(self, Code code, Program program, list operands, list captured, Py_ssize_t lane):
        cdef list loads = [None] * program.inputs
        cdef Py_ssize_t i
        for i, (argument, of_lane) in enumerate(self.places):
            if of_lane < 0 or of_lane == lane:
                loads[self.differentiated[argument]] = operands[i]
        for i in range(program.inputs):
            if loads[i] is None:
                loads[i] = code.constant(self.arrays[i].data[lane * self.arrays[i].stride])
        for i in range(len(program.code.captured)):
            loads.append(operands[len(self.places) + i if captured is None else <Py_ssize_t> captured[i]])
        return code.inline(program.code, loads)


cdef int begin_call(Call block, str name, const Array *inputs, Py_ssize_t input_count, Py_ssize_t lanes,
                    Py_ssize_t outputs, list values, list parts) except -1:
    """Fill in a Call. The inputs are copied, because arrays may change before the backward pass."""
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
        captured = []
        block.parts = []
        # By identity.
        numbers = {}
        for program, rows in parts:
            positions = []
            for value in (<Program> program).code.captured:
                identity = <size_t> <PyObject *> value
                if identity not in numbers:
                    numbers[identity] = len(values) + len(captured)
                    captured.append(value)
                positions.append(numbers[identity])
            block.parts.append((program, rows, positions))
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
        block.arrays[i] = Array(data, inputs[i].stride != 0)
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
    """Return those rows of a part that the root depends on; None if these are all lanes."""
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
    """Whether a row is among these, which are in ascending order."""
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


cdef bytes passed_rows(const Py_ssize_t *rows, Py_ssize_t count, const unsigned char *failed):
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
