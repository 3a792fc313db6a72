"""Transforms, for other Cython modules to ``cimport``."""

from autograd._interpreter.interpreter cimport Array
from autograd._program.program cimport Program
from autograd._program.specializations cimport Specializations
from autograd._transforms.compression cimport Compression
from autograd._transforms.pytree cimport Builder, Leaves, Numbers, Tree
from autograd._transforms.signature cimport Reader, Signature


cdef class Compilation(Specializations):
    """The programs of a transform for one signature of arguments."""
    cdef Transform transform
    cdef Signature signature
    # The structure of the function's result.
    cdef Tree output
    # Of a Jacobian: the pattern that it has at least, and how it is computed; None if it is dense.
    cdef object sparsity
    cdef Compression compression
    # The memory of the last call, for the next one; a call during another finds it gone and makes its own.
    cdef Frame spare


cdef class Frame(Reader):
    """The memory of a call. Without lanes, `lanes` is -1."""
    cdef Compilation compilation
    cdef double *numbers
    # The numbers of the inputs after the arguments: tangents or cotangents.
    cdef double *seeds
    cdef Array *outputs
    cdef Numbers results
    # If not None, receives what ran, as in `Specializations.run`.
    cdef list parts

    # Make the room that depends on the program, with this many numbers, at first zero, for the results.
    cdef int reserve(self, Py_ssize_t results) except -1


cdef class Transform:
    cdef readonly object function
    # The function that is traced.
    cdef object traced
    cdef readonly bint compiled
    cdef str caller
    cdef dict options
    # By signature, that of the last call first.
    cdef tuple compilations
    cdef int threads
    # Where a batch runs; see `Specializations`.
    cdef object team
    cdef dict derivatives
    cdef dict __dict__
    cdef object __weakref__

    # A call, step by step.
    cdef Frame start(self, tuple args, dict kwargs)
    cdef Frame compile(self, tuple args, dict kwargs)
    cdef Signature signature(self, tuple args, dict kwargs)
    cdef tuple trace(self, Signature signature, list point)
    cdef tuple trace_once(self, Signature signature, list point)
    cdef tuple evaluate(self, Signature signature, list values)
    cdef object run(self, Frame frame)
    cdef object record(self, Frame frame)

    # The differences between the kinds.
    cdef int read_options(self) except -1
    cdef object inlined(self)
    cdef bint is_derivative(self)
    cdef list axes(self, list names)
    cdef list keyword_axes(self, list names)
    cdef list differentiated(self, Tree arguments, list axes)
    cdef list first_point(self, Signature signature, Frame frame)
    cdef Tree output_of(self, Builder builder, object result)
    cdef Program derive(self, Compilation compilation, Program program)
    cdef int make_room(self, Frame frame) except -1
    cdef object assemble(self, Signature signature, Tree output, Leaves leaves)
    cdef Leaves leaves_of_values(self, Frame frame, list outputs)

    cdef int put_first(self, Compilation compilation) except -1
    cdef bint makes_values(self, Frame frame)


# A frame for arguments of a signature, as yet without room for what depends on the program.
cdef Frame new_frame(str caller, Signature signature)
cdef int give_back(Frame frame) except -1
