"""The listing of a code, for other Cython modules to ``cimport``."""

from autograd._ir.code cimport Code


# A line for every instruction that is of use and every output. `names`, if given, receives what they are called, by
# position.
cdef list listing(Code code, dict names=*)
# What an instruction computes, in the table's symbols.
cdef str right_side(Code code, unsigned i, dict names)
# The operation of an instruction alone, and what an input or captured Value is called.
cdef str operation_name(Code code, unsigned i)
cdef str load_name(Code code, Py_ssize_t number)
# The numbers of inputs, captured Values and outputs, in words.
cdef str sizes(Code code)
cdef str plural(Py_ssize_t count, str noun)
