"""Fusion, for other Cython modules to ``cimport``."""

from autograd._interpreter.interpreter cimport Instruction
from autograd._ir.code cimport Code


# The phase in which an instruction runs: once before the lanes, for every lane, once after the lanes.
cdef enum:
    PROLOGUE
    BODY
    EPILOGUE


# The fused instructions have no slots yet: `out` and the operands, `kinds` many, are positions in the code, and so are
# the `operands` that are arguments of a dot product or a call; in a map see `grouping`.
cdef class Fusion:
    cdef Code code
    cdef Py_ssize_t size
    # NEAR; at a point, any distance is near.
    cdef Py_ssize_t near
    # By position in the code: the number of uses, whether the result varies, the last position that needs it.
    cdef unsigned *uses
    cdef unsigned char *varies
    cdef unsigned *needed
    # By position: whether the instruction became part of another one; the length of the chain of additions that ends
    # with it, 0 if it takes in no product; whether the product that it takes in is its second operand.
    cdef unsigned char *absorbed
    cdef unsigned char *length
    cdef unsigned char *product
    # By position: whether the instruction has been appended out of turn, as inputs and the results of calls are.
    cdef unsigned char *done
    # The fused instructions of each phase.
    cdef Instruction *fused[3]
    cdef Py_ssize_t counts[3]
    cdef unsigned *operands
    cdef Py_ssize_t operand_total
    cdef Py_ssize_t placed_count
    cdef Py_ssize_t sum_count
    cdef bint calls_python

    cdef void end_search(self) noexcept


# The fused instructions of a code. `varying` says for every input and captured Value whether it differs from lane to
# lane, `summed` for every output whether its sum over the lanes is wanted. Both may be None, for none at all.
cdef Fusion fuse(Code code, bytes varying, bytes summed)
