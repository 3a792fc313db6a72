"""Classes that are containers, for other Cython modules to ``cimport``."""


cdef class Registration:
    """How the objects of a class are taken apart and made again."""
    # Functions: of an object, the pair of its children and what else it consists of; of the latter and children, an
    # object; of an object, what the names of its children append to its own in messages; of what else it consists of, a
    # key that is equal where that is interchangeable. The last two may be None: positions, and `key_of`.
    cdef object flatten
    cdef object unflatten
    cdef object names
    cdef object key
    # Whether the children are Values that the object holds like a captured one, not numbers given in a call.
    cdef bint holds

    cdef tuple take_apart(self, object x)
    cdef list names_of(self, object x, Py_ssize_t count)


# The registration for an object, or None if it is no container.
cdef Registration registration_of(object x)
