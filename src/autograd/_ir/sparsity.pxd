"""Sparsity, for other Cython modules to ``cimport``."""

from autograd._ir.code cimport Code


# The pattern of the Jacobian of a code by some of its inputs, as the two arrays of the CSR format (int32, the columns
# of a row sorted). None if that takes more than `limit` comparisons of indices; a negative limit is none.
cdef tuple sparsity(Code code, list wrt, Py_ssize_t limit)
