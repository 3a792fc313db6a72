"""The kernels of the primitives, for other Cython modules to ``cimport``."""


# The table of elementary functions, by op: the `functions` of C that includes functions.h.
cdef const void *function_table() noexcept
# Whether an op is an elementary function, computed for many numbers in little more time than for one.
cdef bint is_function(unsigned op) noexcept nogil
# The value of a primitive, with the bits that a program computes.
cdef double kernel_value(unsigned op, double a, double b) noexcept nogil
