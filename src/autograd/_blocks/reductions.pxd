"""Functions of sequences and reading these, for other Cython modules to ``cimport``."""

from autograd._core cimport Block, new_output
from autograd._ir.code cimport Code
from autograd._program.tracing cimport tracing


cdef class Gathered(Block):
    """A function of sequences. Their numbers and the data of their Values, in order, are its entries."""
    cdef str operation
    cdef double *entries
    cdef Py_ssize_t size
    cdef Py_ssize_t capacity
    # Which entry an input is.
    cdef Py_ssize_t *positions

    # Compute the outputs, and leave in the entries what `push` needs.
    cdef int evaluate(self, double *primals) except -1
    # Emit the same as instructions, given those of the entries, and return those of the outputs.
    cdef list emit(self, Code code, list entries)


# Make room for entries, inputs and the adjoints of outputs, all in one piece.
cdef int make_room(Gathered block, str operation, Py_ssize_t entries, Py_ssize_t outputs) except -1
# `values` as what `gather` reads, a list, a tuple or an array of doubles; None where there is nothing to iterate.
cdef object as_sequence(object values, str function, str what)
# The same; `what` it should have in the error where there is nothing to iterate.
cdef object sequence(str function, str what, object values)
cdef bint is_row(object x)
cdef list rows_of(str function, str what, object values)
cdef Py_ssize_t total_length(list rows) except -1
# Append the n entries of a sequence, for which there must be room; the Values among them become inputs. In messages an
# entry is a `what`, and the sequence is number `index` of the `within`, if it is one of many.
cdef int gather(Gathered block, object row, Py_ssize_t n, str what, str within=*, Py_ssize_t index=*) except -1
cdef int gather_rows(Gathered block, list rows, Py_ssize_t count, str what, str within) except -1
cdef int gather_values(Gathered block, str function, object values, bint elementwise=*) except -1
# Where in the sequences an entry is, for messages.
cdef str place(Py_ssize_t i, str within, Py_ssize_t index)
cdef object changed(Gathered block)
# Compute the outputs of any Block from its lowering: in a trace, the numbers that a replay will find.
cdef int fold(Block block, double *primals) except -1
# Compute the outputs of a call, and return them in the place of their adjoints, which are not in use yet. In line, as
# what follows: a call of three numbers takes 5 % less.
cdef inline double *compute(Gathered block) except NULL:
    if block.input_count and tracing():
        fold(block, block.adjoints)
    else:
        block.evaluate(block.adjoints)
    return block.adjoints
# What a call returns, by the values of its outputs: floats if there is no Value among its arguments.
cdef inline object result(Block block, Py_ssize_t index, double primal):
    if not block.input_count:
        return primal
    return new_output(block, index, primal)
cdef list results(Block block, const double *primals)
cdef list floats(const double *x, Py_ssize_t n)


cdef class Reduction(Gathered):
    """A function with one output, ``f(entries) / divisor``; f is the sum, or what a subclass says."""
    cdef double divisor

    # f, of which the derivatives take the place of the entries, and the same as instructions.
    cdef double reduce(self) noexcept
    cdef unsigned emit_reduction(self, Code code, list entries) except? 0xFFFFFFFF


cdef class PairSum(Reduction):
    """A sum over pairs of an op of the table: a product, or a loss with a parameter."""
    cdef unsigned op
    cdef double parameter


cdef object finish(Reduction block, double divisor=*)
cdef unsigned emit_sum(Code code, list terms) except? 0xFFFFFFFF
cdef Py_ssize_t largest(const double *x, Py_ssize_t n) noexcept nogil
cdef double exponentials(double *x, Py_ssize_t n, Py_ssize_t top) noexcept nogil
cdef void normalise(double *x, Py_ssize_t n, double divisor) noexcept nogil
cdef int emit_score(Code code, unsigned x, unsigned *top, unsigned *rest, unsigned excluded=*) except -1
