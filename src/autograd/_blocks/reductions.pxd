"""Operations on sequences of Values and numbers, for other Cython modules to ``cimport``."""

from autograd._core cimport Block


cdef class Gathered(Block):
    """A function of sequences. Their numbers and the data of their Values, in order, are its entries."""
    cdef str operation
    cdef double *entries
    cdef Py_ssize_t size
    cdef Py_ssize_t capacity
    # Which entry an input is.
    cdef Py_ssize_t *positions


# Make room for entries, inputs and the adjoints of outputs, all in one piece.
cdef int make_room(Gathered block, str operation, Py_ssize_t entries, Py_ssize_t outputs) except -1
# `values` as what `gather` reads, a list, a tuple or an array of doubles; None where there is nothing to iterate.
cdef object as_sequence(object values)
# Append the n entries of a sequence, for which there must be room; the Values among them become inputs. In messages an
# entry is a `what`, and the sequence is number `index` of the `within`, if it is one of many.
cdef int gather(Gathered block, object row, Py_ssize_t n, str what, str within=*, Py_ssize_t index=*) except -1
# What a call returns, by the values of its outputs: floats if there is no Value among its arguments.
cdef list results(Block block, const double *primals)
cdef list floats(const double *x, Py_ssize_t n)
