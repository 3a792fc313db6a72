"""Names of parameters, for other Cython modules to ``cimport``."""


# The names, as the signature of a function has them, of the first `count` positional arguments; the position of one
# whose name is not known.
cdef list parameter_names(object function, Py_ssize_t count)
