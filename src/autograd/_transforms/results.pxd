"""Result arrays, for other Cython modules to ``cimport``."""


# A new array of doubles, uninitialised.
cdef object new_result(tuple shape)
