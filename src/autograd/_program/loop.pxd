"""Loops, for other Cython modules to ``cimport``."""

from autograd._interpreter.interpreter cimport Array, Subprogram
from autograd._program.bodies cimport Body


# Where an input of a body comes from, and where an output goes.
cdef enum Variable:
    # A number that a step passes on to the next.
    CARRY
    # A number for each step.
    TRACK
    # A number that all steps share.
    SCALAR
    # As a target: a number that is the sum over the steps of a batch.
    TOTAL
    NOWHERE


cdef dict VARIABLES
# Pairs of a `Variable` and a number, with the name for each `Variable`.
cdef list named(list variables)


# As `Loop.checkpoint`.
cdef enum:
    ALL = -1
    AUTO = 0


cdef class Sweep:
    """A loop over the steps, as one of several of a `Loop`. Scalars and tracks are numbered over all sweeps."""
    cdef Body body
    cdef bint descending
    # By input of the body: the kind of its source, and its number.
    cdef list sources
    # By output of the body: the kind of its target, and its number.
    cdef list targets
    # By carry: the scalar that it starts from, the scalar that it ends as, and the track of what it was before each
    # step, None if that is not kept.
    cdef list init
    cdef list finals
    cdef list before

    cdef bint is_active(self, set scalars, set tracks) except -1


cdef class Sum:
    """The sum of two scalars, between sweeps."""
    cdef Py_ssize_t result
    cdef Py_ssize_t a
    cdef Py_ssize_t b


cdef Sum new_sum(Py_ssize_t result, Py_ssize_t a, Py_ssize_t b)


cdef class Loop(Subprogram):
    """A loop as an instruction; its derivatives are loops."""
    cdef readonly str __name__
    # Whether no step needs another, so that the steps of each lane run as lanes themselves: a batch.
    cdef bint parallel
    # How many steps there are, -1 if the condition decides.
    cdef Py_ssize_t steps
    # A body with one output, true where the first sweep takes another step, and the sources of its inputs.
    cdef Body condition
    cdef list condition_sources
    # The most steps that the condition may ask for; -1 for any number.
    cdef Py_ssize_t max_steps
    # How many carries reverse mode keeps, ALL or AUTO.
    cdef Py_ssize_t checkpoint
    # Pairs of SCALAR or TRACK and a number. A track stands for an operand or result for each step.
    cdef list operands
    cdef list results
    # `Sweep` and `Sum`, in order.
    cdef list operations
    # How many scalars and tracks there are, and the numbers of those tracks that are constant, as arrays.
    cdef Py_ssize_t scalars
    cdef Py_ssize_t tracks
    cdef dict constants
    # Of reverse mode: the loop that gives the results of the primal one and keeps the carries that this one reads.
    cdef readonly Loop recording
    # Of such a loop: the primal one, and by thread the execution whose carries it keeps.
    cdef Loop primal
    cdef dict executions

    cdef Loop copy(self)
    cdef Py_ssize_t new_scalar(self) noexcept
    cdef Py_ssize_t new_track(self) noexcept
    cdef Py_ssize_t width(self, tuple variable) except -1


# Record the call of a loop in the trace that is under way, and return its results: floats if there is no Value among
# the operands.
cdef list call_loop(Loop loop, list operands)
