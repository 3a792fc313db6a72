"""Bodies, for other Cython modules to ``cimport``."""

from autograd._core cimport Value
from autograd._ir.code cimport Code
from autograd._program.program cimport Program
from autograd._program.specializations cimport Specializations


cdef class Body(Specializations):
    """A function whose programs capture nothing."""


cdef class Captures:
    """The Values from outside that bodies use, in the order of the inputs that they become."""
    cdef list values
    # By identity, the position.
    cdef dict positions
    # Whether there may be no new ones.
    cdef bint settled

    cdef int add(self, Value value) except -1
    cdef Py_ssize_t position(self, Value value) except -1


cdef class Closed(Body):
    """A traced function whose captured Values are inputs."""
    # How many inputs come before these.
    cdef Py_ssize_t size
    cdef Captures captures

    # Trace the function at a point; its code captures Values.
    cdef Code trace(self, list point)
    # The same code with inputs for the captured Values.
    cdef Code closed(self, Code code)
    # Give all programs an input for every captured Value.
    cdef int widen(self) except -1


cdef class Derived(Body):
    """A derivative of a body. Its first inputs are those of the body, so that it takes the same branches."""
    cdef Body base

    cdef Code derive(self, Code code)


cdef class Forward(Derived):
    """Forward mode: the outputs, then the tangent of each."""
    cdef list wrt


cdef class Reverse(Derived):
    """Reverse mode: the adjoint of each input in `wrt`, to some of which another input is added."""
    cdef list wrt
    cdef list of
    # Of these of its outputs.
    cdef list added


cdef Captures new_captures()
# The error where a branch uses a Value that none has used before.
cdef object new_value()
# Give a derivative its base, and the programs of that.
cdef Derived derived(Derived body, Body base)
