"""Scheduling, for other Cython modules to ``cimport``."""

from autograd._ir.code cimport Code


# The live instructions of a code, in an order that is good for lanes, or for a point.
cdef Code ordered(Code code, bint for_point)
