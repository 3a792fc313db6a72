"""The order of instructions, for other Cython modules to ``cimport``."""

from autograd._ir.code cimport Code


# The instructions that are of use, in an order that is good for lanes, or for a point.
cdef Code ordered(Code code, bint for_point)
