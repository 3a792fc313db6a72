"""Slot allocation, for other Cython modules to ``cimport``."""

from autograd._interpreter.fusion cimport Fusion
from autograd._interpreter.interpreter cimport Schedule


# Write slots in the place of positions into the instructions of a fusion and its `operands`, and the constants.
cdef int assign_slots(Fusion fusion, double *constants, Schedule *schedule) except -1
