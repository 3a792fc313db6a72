"""Traces, for other Cython modules to ``cimport``."""

from autograd._core cimport Tracer, Value
from autograd._program.handlers cimport Handlers


# Before the operation at `position` of the tape, Python asked for the truth of `value`, or else for its number.
cdef class Observation:
    cdef Py_ssize_t position
    cdef Value value
    cdef bint is_decision
    # File and line of the function that asked.
    cdef tuple place


cdef class Trace(Tracer):
    # Every Value made, in order.
    cdef list tape
    cdef list observations
    # By position on the tape: file and line of the operation. None, unless anomalies are looked for.
    cdef dict lines
    # The trace around this one, or None, and the pauses of recording there.
    cdef Trace outer
    cdef int outer_pauses
    cdef Handlers handlers
    # Whether the trace is recording the condition under which an operation raises.
    cdef bint checking

    # Begin to record, and return a new Value for every number of a point: the inputs.
    cdef list begin(self, list point)
    cdef void end(self) noexcept

    cdef Py_ssize_t position(self, Value value) noexcept
    cdef int observe(self, Value value, bint is_decision) except -1
    # Record a guard on the condition under which an eager operation raises, and raise as it does.
    cdef int check(self, Value value) except -1
    cdef bint raises(self, Value value) except -1
    # Record a guard on a comparison, and return its truth.
    cdef bint holds(self, object x, int comparison, object y) except -1
    cdef bint is_finite(self, object x) except -1
    cdef bint is_nan(self, object x) except -1


# Raise if a TRACED Value that a function captured is of no trace under way in this thread.
cdef int check_captured(Value value) except -1
# Whether this thread is in a trace.
cdef bint tracing() noexcept
