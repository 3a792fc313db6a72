"""Programs, for other Cython modules to ``cimport``."""

from autograd._interpreter.executable cimport Executable
from autograd._interpreter.interpreter cimport Array
from autograd._ir.code cimport Code


cdef class Program:
    cdef Code code
    cdef readonly Py_ssize_t inputs
    cdef readonly Py_ssize_t outputs
    # Caches: the executable for one point, those for lanes (by what varies and what is summed), the derivatives for
    # the backward pass (by what they are of and with respect to), the program without its guards.
    cdef Executable point
    cdef dict executables
    cdef dict pullbacks
    cdef Program unguarded

    # The executable for what varies from lane to lane (by input) and what is summed over the lanes (by output).
    # With `only_guards`, that of the guards without the outputs.
    cdef Executable executable(self, bytes varying, bytes summed, bint only_guards=*)
    # Run it, and return whether a guard failed; see `autograd._interpreter.interpreter.run`.
    cdef int run(self, bytes varying, bytes summed, Py_ssize_t lanes, const Py_ssize_t *rows, const Array *inputs,
                 const Array *outputs, unsigned *failed, int threads, bint only_guards=*) except -1
    # Run it for one row of the arrays, and return the number of the guard that failed, 0 if none did.
    cdef unsigned run_point(self, Py_ssize_t row, const Array *inputs, const Array *outputs) except? 0xFFFFFFFF
    # The program of the branches that were traced, wherever it is run.
    cdef Program without_guards(self)
    # File and line of a guard.
    cdef tuple place(self, unsigned guard)


cdef Program new_program(Code code)
# Add to a cache of a program.
cdef int keep(dict kept, object key, object item) except -1
# For every input, whether it varies from lane to lane.
cdef bytes varying_of(const Array *inputs, Py_ssize_t count)
