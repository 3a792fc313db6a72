"""Signatures, for other Cython modules to ``cimport``."""

from autograd._interpreter.interpreter cimport Array
from autograd._transforms.pytree cimport Tree


cdef class Reader:
    """The numbers of arguments, in the order of the inputs. Those that all lanes share are copied to their places."""
    # The name of the caller in messages.
    cdef str caller
    cdef Array *inputs
    # The number of lanes, and the first mapped argument.
    cdef Py_ssize_t lanes
    cdef Tree mapped
    # (Value, input, lane), the lane -1 where all lanes share it; None where there is no Value.
    cdef list values
    # The same of Values in modules among the arguments.
    cdef list held
    # The arrays that the inputs point into.
    cdef list kept


cdef class Signature:
    """The structure of the arguments of a call."""
    cdef Tree arguments
    cdef Tree keywords
    # The number of numbers in them.
    cdef Py_ssize_t size
    # Whether there is a Value among the arguments that are passed on as they are.
    cdef bint passes_values
    # The arguments to differentiate by, and the numbers in these.
    cdef list differentiated
    cdef list wrt

    # Read the arguments of a call if they have this signature.
    cdef bint matches(self, tuple args, dict kwargs, Reader reader) except -1


cdef Signature new_signature(Tree arguments, Tree keywords, list differentiated)
# The positions that an option names, counted from the front.
cdef list positions_of(str caller, str option, object numbers, Py_ssize_t count)
# Read the numbers of an object if it has the structure; those of the tree are the inputs from its start + `shift` on.
cdef bint read(Tree tree, object x, Reader reader, Py_ssize_t shift) except -1
