"""Pickling of instructions, for other Cython modules to ``cimport``."""

from autograd._ir.code cimport Code

cdef int FORMAT

# The content of a pickle, and the instructions of one.
cdef dict packed(Code code)
cdef Code unpacked(object version, object content)
