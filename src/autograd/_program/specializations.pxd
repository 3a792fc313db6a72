"""Specializations, for other Cython modules to ``cimport``."""

from autograd._interpreter.interpreter cimport Array
from autograd._program.program cimport Program


cdef class Specializations:
    """The programs of one function, a specialization for every way through its branches that was met."""
    # What messages call the function.
    cdef str name
    # At most this many programs are kept.
    cdef Py_ssize_t max_ways
    # The programs, the first of which there always is, and whether one of them captures a Value.
    cdef list programs
    cdef bint captures
    # The program that served the last point, and whether the warning has been given.
    cdef Py_ssize_t latest
    cdef bint warned

    # Trace the function at a point. The kinds of specializations override it.
    cdef Program specialize(self, list point)
    cdef int add(self, Program program) except -1
    # Run at one point (lanes is -1) or for every lane. `parts`, if not None, receives what ran: pairs of a program and
    # its rows, as bytes, or None for all.
    cdef int run(self, const Array *inputs, Py_ssize_t lanes, const Array *outputs, int threads,
                 list parts=*) except -1
    # Run as one Block of the graph. `values` lists (Value, input, lane), the lane being -1 where all lanes share the
    # input; the arrays have their data; `ran`, if not None, receives what ran. Returns a Value for every output, or a
    # list with one for every lane.
    cdef list call(self, const Array *inputs, Py_ssize_t lanes, list values, int threads, list ran)

    cdef int run_lanes(self, const Array *inputs, Py_ssize_t lanes, const Array *outputs, int threads,
                       list parts) except -1
    cdef Py_ssize_t run_rows(self, Program program, bytes varying, const Array *inputs, const Array *outputs,
                             Py_ssize_t **rows, Py_ssize_t count, unsigned char *failed, int threads,
                             list parts) except -1
    cdef int run_point(self, const Array *inputs, const Array *outputs, list parts) except -1
    cdef int run_traced(self, Program program, Py_ssize_t row, const Array *inputs, const Array *outputs,
                        list parts) except -1
    cdef list point_at(self, Py_ssize_t row, const Array *inputs)
    cdef int warn(self, Py_ssize_t row, const Array *inputs) except -1
