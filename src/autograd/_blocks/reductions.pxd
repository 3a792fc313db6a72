"""Functions of a sequence, for other Cython modules to ``cimport``."""

from autograd._blocks.gathering cimport Gathered
from autograd._ir.code cimport Code


cdef class Reduction(Gathered):
    """A function with one output, ``f(entries) / divisor``."""
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
