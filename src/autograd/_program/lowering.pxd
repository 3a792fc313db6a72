"""Lowering, for other Cython modules to ``cimport``."""

from autograd._interpreter.interpreter cimport LANE_GUARD, LANE_SAME
from autograd._ir.code cimport Code
from autograd._program.tracing cimport Trace


cdef inline bint is_guard(unsigned op) noexcept:
    """Whether an instruction is a guard, which fails a lane and has no result."""
    return op == LANE_GUARD or op == LANE_SAME


# The instructions of a trace, whose first `inputs` Values are the inputs.
cdef Code lower(Trace trace, Py_ssize_t inputs, list outputs)
