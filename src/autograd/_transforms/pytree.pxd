"""Pytrees, for other Cython modules to ``cimport``."""

from autograd._transforms.nodes cimport Registration


cdef enum Kind:
    NUMBER
    ARRAY
    # A list or tuple of nothing but numbers.
    NUMBERS
    SEQUENCE
    MAPPING
    # An object of a class that is a container.
    NODE
    # Anything else: an object that is passed on as it is.
    STATIC


cdef class Tree:
    """A structure of numbers, which are numbered from left to right."""
    cdef Kind kind
    # The name in messages.
    cdef readonly str name
    # The first number, and how many there are.
    cdef Py_ssize_t start
    cdef Py_ssize_t size
    # The axis of a mapped argument along which the lanes lie; -1 where all lanes share it.
    cdef Py_ssize_t axis
    # ARRAY: of one lane.
    cdef tuple shape
    # NUMBERS, SEQUENCE and NODE: the class.
    cdef object type
    # SEQUENCE, MAPPING and NODE.
    cdef list children
    cdef list keys
    cdef Registration registration
    # STATIC: the object, and its hash where the structure serves for more than one call. NODE: what it consists of
    # besides the children.
    cdef object static
    cdef object hash
    # STATIC, MAPPING and NODE: the key of the object, of the tuple of keys or of what is besides the children; it is
    # not needed for the very same objects if it is settled.
    cdef object key
    cdef bint settled


cdef class Builder:
    """Finds the structure of objects."""
    # The name of the caller in messages.
    cdef str caller
    # Whether static objects are compared with those of later calls, and have to be hashable.
    cdef bint lasting
    # Whether only None and text may be static.
    cdef bint is_result
    # The number of numbers so far, and the numbers unless it is None.
    cdef Py_ssize_t size
    cdef list numbers

    # Find the structure of an object. The axis is that along which the lanes lie, None where all lanes share the
    # object, or a container of axes; FIXED makes anything static.
    cdef Tree build(self, object x, str name, object axis=*)
    cdef Tree leaf(self, Kind kind, str name, Py_ssize_t size)
    cdef Tree static(self, object x, str name)
    cdef Tree array(self, object x, str name, object axis)
    cdef Tree rows(self, Py_ssize_t axis, tuple shape, str name)
    cdef Tree container(self, object x, str name, object axes)
    cdef Tree node(self, Registration registration, object x, str name, object axes)
    cdef int add_children(self, Tree tree, list items, list names, object axes) except -1
    # The structure of positional arguments and of those given by keyword, each with its name and axis.
    cdef Tree arguments(self, tuple arguments, list names, list axes)
    cdef Tree keywords(self, dict keywords, list axes)
    cdef object axes_of_items(self, object axes, object x, str name)
    cdef int collect(self, object numbers) except -1


cdef Builder new_builder(str caller, bint lasting)
cdef object FIXED


cdef class Leaves:
    """The leaves that an object is made of: one of them, or `rows` x `columns`, rows `step` apart, as an array."""
    cdef object scalar(self, Py_ssize_t i)
    cdef object array(self, Py_ssize_t start, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t columns, tuple shape)


cdef class Numbers(Leaves):
    """Floats and arrays of these."""
    cdef double *data


cdef class Objects(Leaves):
    """Values and arrays of these."""
    cdef list items


# The numbers of a contiguous array of doubles.
# Make an object of a structure; number i of the tree is leaf i + `shift`.
cdef object unflatten(Tree tree, Leaves leaves, Py_ssize_t shift=*)
cdef bint same(Tree a, Tree b) except -1
cdef str describe(Tree tree)
cdef object object_array(list items, tuple shape)
