"""The table of elementary functions: NumPy's inner loops, and the kernels of this package."""

from cpython.object cimport PyObject

import numpy

cdef extern from *:
    """
    #include "_kernels/table.h"
    /* The first fields of a ufunc, unchanged since NumPy 1.0. */
    typedef struct {
        PyObject_HEAD
        int nin, nout, nargs, identity;
        const Loop *functions;
        void *const *data;
        int ntypes, reserved;
        const char *name, *types;
    } Ufunc;
    /* The type number of `double` in `types`. */
    enum { UFUNC_DOUBLE = 12 };
    """
    enum:
        OP_COUNT
        UFUNC_DOUBLE
    ctypedef void (*Loop)(char **, const Py_ssize_t *, const Py_ssize_t *, void *) noexcept
    ctypedef struct Function:
        const char *name
        int operands
        Loop loop
        void *data
    ctypedef struct Ufunc:
        int nin
        int nargs
        const Loop *functions
        void **data
        int ntypes
        const char *types
    Function *entries "function_table"
    int function_needs_loop(unsigned) noexcept nogil
    void function_choose_kernels() noexcept nogil
    double value "kernel_value" (unsigned, double, double) noexcept nogil


cdef int find_loops() except -1:
    """Enter NumPy's loops for doubles, which have the bits of NumPy's functions and run without the GIL."""
    cdef int op
    cdef Function *function
    cdef Ufunc *ufunc
    cdef int i, j
    for op in range(OP_COUNT):
        if not function_needs_loop(op):
            continue
        function = &entries[op]
        loops = getattr(numpy, function.name.decode())
        if not isinstance(loops, numpy.ufunc):
            raise ImportError(f"numpy.{loops.__name__} is not a ufunc")
        ufunc = <Ufunc *> <PyObject *> loops
        for i in range(ufunc.ntypes):
            for j in range(ufunc.nargs):
                if ufunc.types[i * ufunc.nargs + j] != UFUNC_DOUBLE:
                    break
            else:
                function.loop = ufunc.functions[i]
                function.data = ufunc.data[i]
                break  # NumPy uses the first; some ufuncs have a second, less accurate one
        if function.loop == NULL or ufunc.nin != function.operands:
            raise ImportError(f"numpy.{loops.__name__} has no loop for doubles")
    function_choose_kernels()
    return 0


find_loops()


cdef const void *function_table() noexcept:
    return entries


cdef bint is_function(unsigned op) noexcept nogil:
    return op < OP_COUNT and entries[op].operands > 0


cdef double kernel_value(unsigned op, double a, double b) noexcept nogil:
    return value(op, a, b)
