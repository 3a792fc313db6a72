"""Structures of arguments and results, for other Cython modules to ``cimport``."""

from autograd._interpreter.interpreter cimport Array


cdef enum Kind:
    NUMBER
    ARRAY
    # A list or tuple of nothing but numbers.
    NUMBERS
    SEQUENCE
    MAPPING
    # Anything else: an object that is passed on as it is.
    STATIC


cdef class Tree:
    """A structure of numbers, which are counted through from left to right."""
    cdef Kind kind
    # What messages call it.
    cdef readonly str name
    # The number it starts with, and how many there are in it.
    cdef Py_ssize_t start
    cdef Py_ssize_t size
    # In a batch: the axis of the argument along which the lanes lie; -1 where all lanes have the same.
    cdef Py_ssize_t axis
    # ARRAY: of one lane.
    cdef tuple shape
    # NUMBERS and SEQUENCE: list, tuple or the class of a named tuple.
    cdef object type
    # SEQUENCE and MAPPING.
    cdef list children
    cdef list keys
    # STATIC: the object, and its hash where the structure serves for more than one call.
    cdef object static
    cdef object hash


cdef class Builder:
    """Finds out the structure of objects."""
    # What messages call the caller.
    cdef str caller
    # Static objects are compared with those of later calls.
    cdef bint lasting
    # Only None and text may be static.
    cdef bint is_result
    # How many numbers there are so far, and the numbers if they are asked for.
    cdef Py_ssize_t size
    cdef list numbers

    # The structure of an object. The axis is that along which the lanes of a batch lie, None where all lanes have the
    # same, or a container of axes; FIXED makes anything static.
    cdef Tree build(self, object x, str name, object axis=*)
    cdef Tree leaf(self, Kind kind, str name, Py_ssize_t size)
    cdef Tree static(self, object x, str name)
    cdef Tree array(self, object x, str name, object axis)
    cdef Tree rows(self, Py_ssize_t axis, tuple shape, str name)
    cdef Tree container(self, object x, str name, object axes)
    cdef object axes_of_items(self, object axes, object x, str name)
    cdef int collect(self, object numbers) except -1


cdef object FIXED


cdef class Reader:
    """Where the numbers of arguments are. A number that all lanes share is written to the place its input points to."""
    cdef str caller
    cdef Array *inputs
    # How many rows the mapped arguments have, and the first of these.
    cdef Py_ssize_t lanes
    cdef Tree mapped
    # (Value, input, lane), the lane -1 where all lanes share it; None where there is no Value.
    cdef list values
    # What the inputs point into.
    cdef list kept


# Read the numbers of an object if it has the structure; those of the tree are the inputs from its start + `shift` on.
cdef bint read(Tree tree, object x, Reader reader, Py_ssize_t shift) except -1


cdef class Leaves:
    """What an object is made of: by its number a leaf, or `rows` x `columns` leaves, rows `step` apart, as an array."""
    cdef object scalar(self, Py_ssize_t i)
    cdef object array(self, Py_ssize_t start, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t columns, tuple shape)


cdef class Numbers(Leaves):
    """Floats and arrays of these."""
    cdef double *data


cdef class Objects(Leaves):
    """Values and arrays of these."""
    cdef list items


cdef double *address(object array) except? NULL
cdef object unflatten(Tree tree, Leaves leaves, Py_ssize_t shift=*)
cdef bint same(Tree a, Tree b) except -1
cdef str describe(Tree tree)
cdef object object_array(list items, tuple shape)
