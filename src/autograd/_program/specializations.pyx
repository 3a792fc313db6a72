"""Specializations: which program serves a point or a lane.

A program holds for one way through the branches of a function. Where a guard fails, the next program is tried; where
all fail, the function is traced at the point that is left, up to `max_ways` programs. Beyond these every point is
traced for itself.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_RawFree

import warnings

from autograd._core cimport new_leaf, new_output, recording
from autograd._interpreter.interpreter cimport Array
from autograd._ir.code cimport room
from autograd._program.call cimport Call, begin_call, passed_rows
from autograd._program.program cimport Program, varying_of


@cython.auto_pickle(False)
cdef class Specializations:
    """The programs of one function, a specialization for every way through its branches that was met."""

    def __cinit__(self):
        self.programs = []

    cdef Program specialize(self, list point):
        raise NotImplementedError

    cdef int add(self, Program program) except -1:
        self.programs.append(program)
        self.captures |= len(program.code.captured) > 0
        return 0

    cdef int run(self, const Array *inputs, Py_ssize_t lanes, const Array *outputs, int threads,
                 list parts=None) except -1:
        if lanes < 0:
            return self.run_point(inputs, outputs, parts)
        return self.run_lanes(inputs, lanes, outputs, threads, parts)

    cdef int run_point(self, const Array *inputs, const Array *outputs, list parts) except -1:
        cdef Py_ssize_t k
        cdef Py_ssize_t n = len(self.programs)
        cdef Program program
        for k in range(n):
            # The program of the last point first.
            program = self.programs[(self.latest + k) % n]
            if program.run_point(0, inputs, outputs):
                if k:
                    self.latest = (self.latest + k) % n
                if parts is not None:
                    parts.append((program, None))
                return 0
        if n >= self.max_ways:
            self.warn(0, inputs)
        program = self.specialize(self.point_at(0, inputs))
        if n < self.max_ways:
            self.add(program)
            self.latest = n
        return self.run_traced(program, 0, inputs, outputs, parts)

    cdef int run_lanes(self, const Array *inputs, Py_ssize_t lanes, const Array *outputs, int threads,
                       list parts) except -1:
        cdef Py_ssize_t *rows = NULL
        cdef unsigned char *failed = NULL
        cdef Py_ssize_t left = lanes
        cdef Py_ssize_t i, k = 0
        varying = varying_of(inputs, (<Program> self.programs[0]).inputs)
        failed = <unsigned char *> room(lanes, 1)
        try:
            while left and k < self.max_ways:
                if k == len(self.programs):
                    self.add(self.specialize(self.point_at(rows[0], inputs)))
                left = self.run_rows(self.programs[k], varying, inputs, outputs, &rows, left, failed, threads, parts)
                k += 1
            if left:
                self.warn(rows[0], inputs)
            for i in range(left):
                self.run_traced(self.specialize(self.point_at(rows[i], inputs)), rows[i], inputs, outputs, parts)
        finally:
            PyMem_RawFree(rows)
            PyMem_RawFree(failed)
        return 0

    cdef Py_ssize_t run_rows(self, Program program, bytes varying, const Array *inputs, const Array *outputs,
                             Py_ssize_t **rows, Py_ssize_t count, unsigned char *failed, int threads,
                             list parts) except -1:
        """Run a program for `count` rows, keep those in which a guard failed, and return how many they are."""
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

    cdef int run_traced(self, Program program, Py_ssize_t row, const Array *inputs, const Array *outputs,
                        list parts) except -1:
        """Run a program for the row at which it was traced."""
        program.without_guards().run_point(row, inputs, outputs)
        if parts is not None:
            # With its guards, which a trace around this call needs.
            parts.append((program, PyBytes_FromStringAndSize(<char *> &row, sizeof(Py_ssize_t))))
        return 0

    cdef list point_at(self, Py_ssize_t row, const Array *inputs):
        cdef list point = []
        cdef Py_ssize_t i
        for i in range((<Program> self.programs[0]).inputs):
            point.append(inputs[i].data[row * inputs[i].stride])
        return point

    cdef int warn(self, Py_ssize_t row, const Array *inputs) except -1:
        if not self.warned:
            self.warned = True
            file, line = (<Program> self.programs[len(self.programs) - 1]).failing_guard(row, inputs)
            warnings.warn(
                f"{self.name} takes more than {self.max_ways} ways through its branches, the last of them at "
                f"{file}:{line}; points that go yet another way run without a program. Write the branch with where(), "
                "or raise max_ways",
                RuntimeWarning,
                # The caller: nothing of this package that it called is written in Python.
                stacklevel=1,
            )
        return 0

    cdef list call(self, const Array *inputs, Py_ssize_t lanes, list values, int threads, list ran):
        cdef Py_ssize_t count = max(lanes, 1) if lanes else 0
        cdef Py_ssize_t outputs = (<Program> self.programs[0]).outputs
        cdef Call block = Call.__new__(Call)
        cdef double *results = <double *> room(outputs * count, sizeof(double))
        cdef Array *arrays = NULL
        cdef Py_ssize_t i, k
        cdef list columns = []
        try:
            arrays = <Array *> room(outputs, sizeof(Array))
            for i in range(outputs):
                arrays[i] = Array(results + i * count, 1)
            parts = []
            self.run(inputs, lanes, arrays, threads, parts)
            if ran is not None:
                ran += parts
            begin_call(block, self.name, inputs, (<Program> self.programs[0]).inputs, count, outputs, values, parts)
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
