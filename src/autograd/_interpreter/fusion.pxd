"""Fusion, for other Cython modules to ``cimport``."""

from autograd._ir.code cimport Code


# An instruction before it has slots: its operands are positions in the code. Those of a dot product, a call or a map
# are `count` entries of the fusion's `operands` from `first` on, pairs for a dot product; the results of a call or a
# map, `flags` many, follow them.
cdef struct FusedInstruction:
    unsigned op
    unsigned flags
    unsigned out
    unsigned operands[4]
    unsigned operand_count
    unsigned first
    unsigned count

# The phase in which an instruction runs: once before the lanes, for every lane, once after the lanes.
cdef enum:
    PROLOGUE
    BODY
    EPILOGUE


cdef class Fusion:
    cdef Code code
    cdef Py_ssize_t size
    # NEAR; at a point, any distance is near.
    cdef Py_ssize_t near
    # By position in the code: the number of uses, whether the result varies, the last position that needs it.
    cdef unsigned *uses
    cdef unsigned char *varies
    cdef unsigned *needed
    # By position: whether the instruction became part of another one; the product that an addition takes in, the
    # addition before it in its chain, and the length of the chain.
    cdef unsigned char *absorbed
    cdef unsigned *product
    cdef unsigned *previous
    cdef unsigned *length
    # By position: whether the instruction has been appended out of turn, as inputs and the results of calls are.
    cdef unsigned char *done
    # The fused instructions of each phase.
    cdef FusedInstruction *fused[3]
    cdef Py_ssize_t counts[3]
    cdef unsigned *operands
    cdef Py_ssize_t operand_total
    cdef Py_ssize_t sum_count
    cdef bint calls_python


# The fused instructions of a code. `varying` says for every input and captured Value whether it differs from lane to
# lane, `summed` for every output whether its sum over the lanes is wanted. Both may be None, for none at all.
cdef Fusion fuse(Code code, bytes varying, bytes summed)
