"""Slots, for other Cython modules to ``cimport``."""

from autograd._interpreter.fusion cimport Fusion
from autograd._interpreter.interpreter cimport Instruction, Schedule


# Write the instructions of a fusion, in the order of the phases, with their arguments and constants, and describe them
# in `schedule`.
cdef int assign_slots(
    Fusion fusion, Instruction *instructions, unsigned *arguments, double *constants, Schedule *schedule
) except -1
