"""Calls of programs in the graph, for other Cython modules to ``cimport``."""

from autograd._core cimport Block, Node
from autograd._interpreter.interpreter cimport Array
from autograd._ir.code cimport Code
from autograd._program.program cimport Program


cdef class Call(Block):
    """A run of a compiled function in the graph."""
    cdef str function
    cdef Py_ssize_t lanes
    # Where its derivatives run, as in `Specializations`.
    cdef object team
    # (program, rows or None for all, the inputs of the Block that are its captured Values, or None where these are all
    # the inputs after the arguments)
    cdef list parts
    # The numbers of the arguments with Values. For every input of the Block that is one: its index among these, and its
    # lane or -1.
    cdef tuple differentiated
    cdef list places
    # The inputs of the program, copied.
    cdef Array *arrays
    cdef double *data
    cdef Py_ssize_t array_count

    cdef Node *captured_input(self, list captured, Py_ssize_t i) noexcept
    cdef Program pullback(self, Program program, tuple of)
    cdef int push_part(self, Program program, bytes rows, list captured) except -1
    cdef list lower_lane(self, Code code, Program program, list operands, list captured, Py_ssize_t lane)


cdef int begin_call(Call block, str name, const Array *inputs, Py_ssize_t input_count, Py_ssize_t lanes,
                    Py_ssize_t outputs, list values, list parts) except -1
# Of `count` rows, all if `rows` is NULL, those that did not fail, as bytes.
cdef bytes passed_rows(const Py_ssize_t *rows, Py_ssize_t count, const unsigned char *failed)
