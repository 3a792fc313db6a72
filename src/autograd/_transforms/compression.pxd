"""Compressed derivatives, for other Cython modules to ``cimport``."""

from autograd._ir.code cimport Code
from autograd._program.program cimport Program


cdef class Compression:
    """How a Jacobian is computed from its coloring, and where its entries are."""
    # A `Coloring`, and whether it is of columns.
    cdef object coloring
    cdef bint by_column
    # The number of colors that are lanes of a derivative in forward or reverse mode; 0 if the entries themselves are
    # the outputs of the program.
    cdef Py_ssize_t lanes
    # By entry of the pattern: the line and the color where it is read (see `Coloring.sources`), and its place in the
    # result.
    cdef int *lines
    cdef int *colors
    cdef Py_ssize_t *places
    # The number of entries, and that of the numbers in the result: as many for a sparse array.
    cdef Py_ssize_t nnz
    cdef Py_ssize_t size
    # A sparse array like the results, its attributes, and those that are indices with their names.
    cdef object template
    cdef dict attributes
    cdef tuple indices

    # Return the program whose outputs are the entries, given the code that has the derivative.
    cdef Program entries_of(self, Code source, list wrt)
    # Write the entries to their places in the result.
    cdef int gather(self, const double *computed, double *result) noexcept
    # Return the sparse array of what was computed, entries or lanes.
    cdef object sparse_array(self, const double *computed)


# `form` is "csr", "csc" or "coo", None for a dense result.
cdef Compression new_compression(object coloring, object form)
