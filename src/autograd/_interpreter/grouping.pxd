"""Grouping, for other Cython modules to ``cimport``."""

from autograd._interpreter.fusion cimport Fusion


# Make one instruction of those of the prologue that do the same next to each other.
#
# The positions in the code that such a LANE_MAP uses are among the `operands` of the fusion, from b on: c rows of d
# each, the results last. Those of LANE_LOAD and LANE_STORE are as in ``schedule.h``.
cdef int group(Fusion fusion) except -1
