"""Handlers around a running operation, for other Cython modules to ``cimport``."""

from cpython.object cimport PyObject


# The running frame, borrowed; NULL if the thread runs no Python function.
cdef PyObject *running_frame() noexcept
# Whether a handler surrounds the running operation in a frame within `bottom`. Of the `with` statements, `harmless` may
# be those of a manager that lets exceptions pass. `known` is a cache.
cdef bint is_handled(PyObject *bottom, int harmless, dict known) except -1
