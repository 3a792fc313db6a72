"""Handlers around a running operation, for other Cython modules to ``cimport``."""

from cpython.object cimport PyObject


cdef Handlers handlers_within_running_frame()


# Where to look for handlers: in the frames within `bottom`, which is borrowed.
cdef class Handlers:
    cdef PyObject *bottom
    # The outermost of the frames, if nothing in it can be handled.
    cdef object clean
    # The handlers of places that were looked up.
    cdef dict known

    # Whether a handler surrounds the running operation. Of the `with` statements, `harmless` may be those of a manager
    # that lets exceptions pass.
    cdef bint is_handled(self, int harmless) except -1
    cdef bint look(self, PyObject *frame, int harmless) except -1
    cdef tuple handlers_of(self, PyObject *frame)
