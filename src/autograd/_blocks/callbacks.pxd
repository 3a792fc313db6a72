"""Callbacks, for other Cython modules to ``cimport``."""


# Call a `custom_vjp` function with these arguments, besides those that are not differentiated, by position.
cdef object call(object function, dict fixed, tuple arguments)
cdef tuple check_pair(str function, object pair)
cdef list merged(dict fixed, list arguments)
