from autograd._ir.code cimport Code


# The source of a code in a language; see `Program.to_source`.
cdef str source_of(Code code, object language, object name, object derivatives)
