"""Evaluation of a code instruction by instruction, for other Cython modules to ``cimport``."""

from autograd._ir.code cimport Code


# The number of every instruction, given those of the inputs and captured Values; by position, to be freed.
cdef double *evaluate(Code code, const double *inputs) except NULL
# The instruction that a number which is not finite comes from: the last one back from `i` whose operands are finite.
cdef unsigned origin(Code code, const double *numbers, unsigned i) except? 0xFFFFFFFF
# The adjoint of every instruction, given those of the outputs; by position, to be freed. The code has no calls.
cdef double *adjoints(Code code, double *numbers, list seeds) except NULL
