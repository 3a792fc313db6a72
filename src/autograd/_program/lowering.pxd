"""Lowering, for other Cython modules to ``cimport``."""

from autograd._ir.code cimport Code
from autograd._program.tracing cimport Trace


# The instructions of a trace, whose first `inputs` Values are the inputs.
cdef Code lower(Trace trace, Py_ssize_t inputs, list outputs)
