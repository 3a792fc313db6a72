"""The table of elementary functions, and the values of primitives at a point."""

cdef extern from *:
    """
    #include "_kernels/table.h"
    """
    enum:
        OP_COUNT
    ctypedef struct Function:
        int operands
    const Function *table "function_table"
    const void *functions
    double function_at(unsigned, const double *, const double *) noexcept nogil
    double op_value(unsigned, double, double, double) noexcept nogil


functions = table


cdef const void *function_table() noexcept:
    return table


cdef bint is_function(unsigned op) noexcept nogil:
    return op < OP_COUNT and table[op].operands > 0


cdef double kernel_value(unsigned op, double a, double b) noexcept nogil:
    return function_at(op, &a, &b) if is_function(op) else op_value(op, a, b, 0.0)
