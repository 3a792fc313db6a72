"""The kernels of the primitives, for other Cython modules to ``cimport``."""


cdef extern from "_kernels/functions.h" nogil:
    ctypedef void (*Loop)(char **, const Py_ssize_t *, const Py_ssize_t *, void *) noexcept
    ctypedef struct Function:
        const char *name
        int operands
        Loop loop
        void *data


# The table of elementary functions, by op, for C that includes functions.h.
cdef const Function *function_table() noexcept
# Whether an op is an elementary function, computed for many numbers in little more time than for one.
cdef bint is_function(unsigned op) noexcept nogil
# The value of a primitive, with the bits that a program computes.
cdef double kernel_value(unsigned op, double a, double b) noexcept nogil
