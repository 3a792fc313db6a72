"""What the interpreter runs, for other Cython modules to ``cimport``."""

from autograd._interpreter.interpreter cimport Instruction, Schedule
from autograd._ir.code cimport Code


cdef class Executable:
    """A code made ready to run: fused instructions in slots."""
    cdef Schedule schedule
    # The Python functions of LANE_CALL.
    cdef tuple calls
    # By phase.
    cdef Instruction *instructions[3]
    cdef unsigned *arguments
    cdef double *constants
    # The outcomes of the guards in the order of the trace, as doubles: 0 or 1, or the number that a LANE_SAME demands.
    cdef bytes path
    # By number of a guard, from 0 on: how many guards run before it.
    cdef unsigned *ranks


# `varying` says for every input and captured Value of the code whether it differs from lane to lane, `summed` for every
# output whether its sum over the lanes is wanted. Both may be None, for none at all. With `only_guards` it has no
# outputs.
cdef Executable make_executable(Code code, bytes varying, bytes summed, bint only_guards)
