"""Anomalies of programs, for other Cython modules to ``cimport``."""

from autograd._interpreter.interpreter cimport Array
from autograd._ir.code cimport Code


# Raise FloatingPointError if an output of a run is not finite. The arguments are those of the run, as in
# `autograd._interpreter.interpreter.run`, `failed` being NULL where no guard failed.
cdef int examine_run(Code code, bytes varying, bytes summed, Py_ssize_t lanes, const Py_ssize_t *rows,
                     const Array *inputs, const Array *outputs, const unsigned *failed) except -1
