"""Traces, for other Cython modules to ``cimport``."""

from autograd._core cimport Tracer, Value


# Before the entry at `position` of the tape somebody asked whether `value` is true, or else what number it is.
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
    # The trace that this one is part of, or None.
    cdef Trace outer

    cdef Py_ssize_t position(self, Value value) noexcept
    cdef int observe(self, Value value, bint is_decision) except -1


# Raise if a TRACED Value that a function captured is of no trace under way in this thread.
cdef int check_captured(Value value) except -1
# Whether this thread is in a trace.
cdef bint tracing() noexcept
cdef Trace run_traced(object function, list point, list inputs, list outputs)
