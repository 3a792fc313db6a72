"""Programs, for other Cython modules to ``cimport``."""

from autograd._ir.code cimport Code
from autograd._core cimport Block, Node
from autograd._interpreter.interpreter cimport Array
from autograd._interpreter.executable cimport Executable


cdef class Program:
    cdef Code code
    cdef readonly Py_ssize_t inputs
    cdef readonly Py_ssize_t outputs
    # Made when first needed: what runs one point, what runs lanes (by what varies and what is summed), derivatives for
    # the backward pass (by what they are of and with respect to), the program without its guards.
    cdef Executable point
    cdef dict executables
    cdef dict pullbacks
    cdef Program unguarded

    cdef Executable executable(self, bytes varying, bytes summed)
    cdef Program without_guards(self)
    cdef int run(self, bytes varying, bytes summed, Py_ssize_t lanes, const Py_ssize_t *rows, const Array *inputs,
                 const Array *outputs, unsigned char *failed, int threads) except -1
    cdef int run_point(self, const Array *inputs, const Array *outputs, bint *failed) except -1


cdef class Ways:
    """All programs of one function for one structure of arguments."""
    cdef object make
    cdef readonly Py_ssize_t max_ways
    cdef str name
    cdef list found
    # The program that served the last point, and whether the warning has been given.
    cdef Py_ssize_t latest
    cdef bint warned

    # Make a program at a point if there is none yet, as there has to be before what follows is called.
    cdef int prepare_at(self, list point) except -1
    cdef bint captures(self) noexcept
    cdef Py_ssize_t input_count(self) noexcept
    cdef Py_ssize_t output_count(self) noexcept
    # Run at one point (lanes is -1) or for every lane. `parts`, if not None, receives what ran: pairs of a program and
    # the rows, as bytes, or None for all.
    cdef int run(self, const Array *inputs, Py_ssize_t lanes, const Array *outputs, int threads,
                 list parts=*) except -1
    # The same as one Block of the graph. `values` lists (Value, input, lane), the lane being -1 where the input is one
    # for all; the arrays have their data. Returns for every output a Value, or a list with one for every lane.
    cdef list call(self, const Array *inputs, Py_ssize_t lanes, list values, int threads)

    cdef Program new_way(self, list point)
    cdef int run_at(self, const Array *inputs, const Array *outputs, list parts) except -1
    cdef Py_ssize_t run_rows(self, Program program, bytes varying, const Array *inputs, const Array *outputs,
                             Py_ssize_t **rows, Py_ssize_t count, unsigned char *failed, int threads,
                             list parts) except -1
    cdef int run_rest(self, const Array *inputs, const Array *outputs, const Py_ssize_t *rows, Py_ssize_t count,
                      list parts) except -1
    cdef int run_where_traced(self, Program program, const Array *inputs, Py_ssize_t row, const Array *outputs,
                              list parts) except -1
    cdef int run_fresh(self, const Array *inputs, Py_ssize_t row, const Array *outputs, list parts) except -1
    cdef int warn(self, const Array *inputs, Py_ssize_t row) except -1


cdef class Call(Block):
    """A run of a compiled function in the graph."""
    cdef str function
    cdef Py_ssize_t lanes
    # (program, rows or None, positions of its captured Values among the inputs of the Block, or None where these are
    # all the inputs after the arguments)
    cdef list parts
    # The numbers of the arguments with Values. By input of the Block that is one: which of these, and its lane or -1.
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
