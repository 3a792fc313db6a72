"""What the interpreter runs, for other Cython modules to ``cimport``."""

from autograd._ir.code cimport Code
from autograd._interpreter.interpreter cimport Instruction, Schedule


cdef class Routine:
    """A Code made ready to run: fused instructions in slots."""
    cdef Schedule schedule
    cdef tuple calls
    cdef Instruction *instructions
    cdef unsigned *arguments
    cdef double *constants


# `varying`: for every input and captured Value of the code whether it differs from lane to lane; `summed`: for every
# output whether its sum over the lanes is wanted. Both may be None, for none at all.
cdef Routine make_routine(Code code, bytes varying, bytes summed)
