"""Slot allocation, for other Cython modules to ``cimport``."""

from autograd._interpreter.fusion cimport Fusion
from autograd._interpreter.interpreter cimport Schedule
from autograd._ir.code cimport Code


# The constants of a code that have uses, in the order of their slots.
cdef double *constants_of(Code code, const unsigned *uses) except NULL
# Write slots in the place of positions into the instructions of a fusion and its `operands`.
cdef int assign_slots(Fusion fusion, Schedule *schedule) except -1
