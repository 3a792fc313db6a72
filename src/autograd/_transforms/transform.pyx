"""Transforms: functions that run programs of another function. What `autograd.transforms` returns.

A call goes through these steps:

1. `start` finds the `Compilation` for the signature of the arguments, and reads their numbers into a `Frame`;
2. a new signature is compiled: the function is traced, and `derive` takes the derivative of its program;
3. `run` lets the specializations of the compilation run (`autograd._program.specializations`);
4. `assemble` makes an object of the outputs.

The kinds of transforms, in `autograd._transforms.kinds`, override the steps in which they differ.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc, PyMem_RawRealloc
from cpython.object cimport PyObject
from libc.string cimport memset

from autograd._core cimport free_node_count, keep_free_nodes
from autograd._interpreter.interpreter cimport Array
from autograd._ir.code cimport room
from autograd._program.lowering cimport lower
from autograd._program.program cimport Program, new_program
from autograd._program.specializations cimport Specializations, note_lane
from autograd._program.tracing cimport Trace, tracing
from autograd._transforms.parameter_names cimport parameter_names
from autograd._transforms.pytree cimport (
    FIXED, Builder, Leaves, Numbers, Objects, Tree, describe, new_builder, same, unflatten,
)
from autograd._transforms.signature cimport Reader, Signature, new_signature, positions_of

import functools
import operator
import random
import sys
import types

import numpy

# At most this many specializations are kept for a signature if `max_ways` is not given.
cdef Py_ssize_t MOST_SPECIALIZATIONS = 64

# A compiled function keeps programs for at most this many signatures. A static argument that is another one in every
# call would let them grow without end.
cdef Py_ssize_t MOST_SIGNATURES = 128


cdef object MT19937 = numpy.random.MT19937
# The generator of the module `random`, and the size of its part in C.
cdef object GENERATOR = random.getstate.__self__
cdef Py_ssize_t GENERATOR_SIZE = random.Random.__base__.__basicsize__


cdef tuple random_states():
    """Return the states of the generators behind the modules `random` and `numpy.random`, to be compared."""
    # As they are in memory: as Python objects, each takes 100 us.
    own = PyBytes_FromStringAndSize(<char *> <void *> GENERATOR + sizeof(PyObject), GENERATOR_SIZE - sizeof(PyObject))
    generator = numpy.random.get_bit_generator()
    if type(generator) is MT19937:
        # 624 words and a position.
        state = PyBytes_FromStringAndSize(<char *> <size_t> generator.ctypes.state_address, 625 * sizeof(int))
    else:
        state = repr(generator.state)
    return own, GENERATOR.gauss_next, state


cdef void *allocate(Py_ssize_t count, size_t size) except NULL:
    cdef void *memory = PyMem_RawMalloc(count * size)
    if memory == NULL:
        raise MemoryError(f"no memory for {count} numbers of a call")
    return memory


@cython.auto_pickle(False)
cdef class Compilation(Specializations):
    """The programs of a transform for one signature of arguments."""

    cdef Program specialize(self, list point):
        cdef Program program
        cdef Tree output
        program, output = self.transform.trace(self.signature, point)
        if not same(self.output, output):
            raise TypeError(
                f"{self.transform.caller}: a function must return one structure on all its branches; {self.name} "
                f"returned {describe(self.output)} on one and {describe(output)} on another"
            )
        return self.transform.derive(self, program)


@cython.auto_pickle(False)
cdef class Frame(Reader):
    """The memory of a call."""

    def __dealloc__(self):
        PyMem_RawFree(self.numbers)
        PyMem_RawFree(self.seeds)
        PyMem_RawFree(self.outputs)

    cdef int reserve(self, Py_ssize_t results) except -1:
        cdef Program program = self.compilation.programs[0]
        cdef Py_ssize_t seeds = 2 * (program.inputs - self.compilation.signature.size)
        cdef Array *inputs = <Array *> PyMem_RawRealloc(self.inputs, (program.inputs + 1) * sizeof(Array))
        if inputs == NULL:
            raise MemoryError(f"no memory for {program.inputs} inputs")
        self.inputs = inputs
        self.seeds = <double *> allocate(seeds, sizeof(double))
        memset(self.seeds, 0, seeds * sizeof(double))
        self.outputs = <Array *> allocate(program.outputs, sizeof(Array))
        self.results = Numbers.__new__(Numbers)
        self.results.data = <double *> room(results, sizeof(double))
        return 0


cdef Frame new_frame(str caller, Signature signature):
    cdef Frame frame = Frame.__new__(Frame)
    cdef Py_ssize_t i
    frame.caller = caller
    frame.lanes = -1
    frame.kept = []
    frame.numbers = <double *> allocate(signature.size, sizeof(double))
    frame.inputs = <Array *> allocate(signature.size, sizeof(Array))
    for i in range(signature.size):
        frame.inputs[i] = Array(frame.numbers + i, 0)
    return frame


cdef Frame borrow(Compilation compilation):
    cdef Frame frame = compilation.spare
    if frame is None:
        frame = new_frame(compilation.transform.caller, compilation.signature)
        frame.compilation = compilation
        compilation.transform.make_room(frame)
        return frame
    compilation.spare = None
    frame.compilation = compilation
    return frame


cdef int give_back(Frame frame) except -1:
    cdef Compilation compilation = frame.compilation
    frame.compilation = None
    frame.values = frame.held = None
    frame.mapped = None
    if frame.kept:
        frame.kept = []
    compilation.spare = frame
    return 0


# Stands for an attribute that a function does not have.
cdef object MISSING = object()


@cython.auto_pickle(False)
@cython.binding(False)
@cython.embedsignature(True)
@cython.embedsignature.format("clinic")
cdef class Transform:
    """A function that runs the program of another function; the kinds run a derivative of it, or for many points.

    Parameters
    ----------
    function : callable
        The function to trace. The transform of a compiled one is compiled.
    caller : str
        The public function that made it, for messages.
    **options
        compiled : bool, default False
            Whether to keep programs from call to call.
        static_argnums : tuple of int
        static_argnames : tuple of str
        max_ways : int
        threads : int, 0 to choose
        argnums : int or tuple of int, all arguments if it is missing
        has_aux : bool
        in_axes, out_axes : see `autograd.vmap`
    """

    def __init__(self, function, caller, **options):
        if isinstance(function, Transform) and function.compiled:
            kept = ("compiled", "static_argnums", "static_argnames", "max_ways")
            inherited = (<Transform> function).options
            options = {name: inherited[name] for name in kept if name in inherited} | options
        self.function = function
        self.traced = (<Transform> function).inlined() if isinstance(function, Transform) else function
        self.caller = caller
        self.options = options
        self.compiled = options.get("compiled", False)
        self.threads = options.get("threads", 0)
        self.compilations = ()
        self.read_options()
        # As functools.update_wrapper, in a third of its time.
        attributes = <dict> (<object> self).__dict__
        attributes["__name__"] = type(function).__name__
        for name in functools.WRAPPER_ASSIGNMENTS:
            attribute = getattr(function, name, MISSING)
            if attribute is not MISSING:
                attributes[name] = attribute
        attributes.update(getattr(function, "__dict__", ()))
        attributes["__wrapped__"] = function

    def __call__(self, *args, **kwargs):
        cdef Frame frame = self.start(args, kwargs)
        result = self.run(frame)
        give_back(frame)
        return result

    def __get__(self, instance, owner):
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self):
        text = f"{self.caller}({self.__name__})"
        return f"compile({text})" if self.compiled else text

    def __reduce__(self):
        try:
            if operator.attrgetter(self.__qualname__)(sys.modules[self.__module__]) is self:
                # It decorates a function, so it is found by the name of that.
                return self.__qualname__
        except (AttributeError, KeyError):
            pass
        return functools.partial(type(self), caller=self.caller, **self.options), (self.function,)

    @property
    def programs(self):
        """The programs so far, those of the last signature first."""
        return tuple(program for compilation in self.compilations for program in (<Compilation> compilation).programs)

    def program_at(self, *args):
        """Return the program of the function at these arguments."""
        return self.start(args, {}).compilation.programs[0]

    def to_source(self, language, *args, name="f", derivatives=()):
        """Return the program of the function at these arguments as source: see `Program.to_source`."""
        return self.program_at(*args).to_source(language, name=name, derivatives=derivatives)

    def with_options(self, **options):
        """Return the same transform with other options."""
        return type(self)(self.function, self.caller, **(self.options | options))

    def derivative(self, kind, caller):
        """Return a derivative of this compiled function, the same in every call, for a user who does not keep it."""
        if self.derivatives is None:
            self.derivatives = {}
        if kind not in self.derivatives:
            self.derivatives[kind] = kind(self, caller)
        return self.derivatives[kind]

    # -- a call, step by step

    cdef Frame start(self, tuple args, dict kwargs):
        """Return a frame of the compilation for these arguments, with their numbers."""
        cdef tuple compilations = self.compilations
        cdef Compilation compilation
        cdef Frame frame
        for compilation in compilations:
            frame = borrow(compilation)
            if compilation.signature.matches(args, kwargs, frame):
                if compilation is not compilations[0]:
                    self.put_first(compilation)
                return frame
            give_back(frame)
        return self.compile(args, kwargs)

    cdef Frame compile(self, tuple args, dict kwargs):
        """Make a compilation for the signature of these arguments, and return a frame with their numbers."""
        cdef Signature signature = self.signature(args, kwargs)
        cdef Frame frame = new_frame(self.caller, signature)
        cdef Compilation compilation = Compilation.__new__(Compilation)
        if not signature.matches(args, kwargs, frame):
            raise RuntimeError(f"{self.caller}: the arguments changed while they were read")
        compilation.name = self.__name__
        compilation.max_ways = self.options.get("max_ways", MOST_SPECIALIZATIONS)
        compilation.transform, compilation.team = self, self.team
        compilation.signature = signature
        point = self.first_point(signature, frame)
        try:
            program, compilation.output = self.trace(signature, point)
        except Exception as error:
            if frame.lanes > 0:
                note_lane(error, 0)
            raise
        compilation.add(self.derive(compilation, program))
        frame.compilation = compilation
        self.make_room(frame)
        if self.compiled:
            self.put_first(compilation)
        return frame

    cdef Signature signature(self, tuple args, dict kwargs):
        cdef Builder builder = new_builder(self.caller, self.compiled)
        cdef list names = parameter_names(self.function, len(args))
        cdef list axes = self.axes(names)
        cdef tuple static_names = self.options.get("static_argnames", ())
        static = positions_of(self.caller, "static_argnums", self.options.get("static_argnums", ()), len(args))
        for i, name in enumerate(names):
            if i in static or name in static_names:
                axes[i] = FIXED
        arguments = builder.arguments(args, names, axes)
        by_keyword = self.keyword_axes(list(kwargs))
        for i, name in enumerate(kwargs):
            if name in static_names:
                by_keyword[i] = FIXED
        keywords = builder.keywords(kwargs, by_keyword)
        return new_signature(arguments, keywords, self.differentiated(arguments, axes))

    cdef tuple trace(self, Signature signature, list point):
        """Return the program of the function at a point, and the structure of its result."""
        if not self.compiled:
            return self.trace_once(signature, point)
        before = random_states()
        program, output = self.trace_once(signature, point)
        # Another thread may have drawn the numbers: then a second trace is the same.
        if random_states() != before and not (<Program> program).code.is_same(
            (<Program> self.trace_once(signature, point)[0]).code
        ):
            raise RuntimeError(
                f"{self.caller}: {self.__name__} draws random numbers, of random or numpy.random, which would be the "
                "same in every replay; pass them as arguments"
            )
        return program, output

    cdef tuple trace_once(self, Signature signature, list point):
        cdef int free = free_node_count()
        cdef Trace trace = Trace.__new__(Trace)
        cdef Program program
        try:
            output, numbers = self.evaluate(signature, trace.begin(point[:signature.size]))
        finally:
            trace.end()
        program = new_program(lower(trace, signature.size, numbers))
        # A trace can be much larger than any graph that follows it, and what it is compiled to needs the memory.
        trace = numbers = None
        keep_free_nodes(free)
        return program, output

    cdef tuple evaluate(self, Signature signature, list values):
        """Call the function with Values, and return the structure of its result and the numbers in it."""
        cdef Builder builder = new_builder(self.caller, False)
        cdef Objects leaves = Objects.__new__(Objects)
        leaves.items = values
        result = self.traced(*unflatten(signature.arguments, leaves), **unflatten(signature.keywords, leaves))
        builder.numbers = []
        builder.is_result = True
        return self.output_of(builder, result), builder.numbers

    cdef object run(self, Frame frame):
        """Run the programs, and return the result of the call."""
        cdef Compilation compilation = frame.compilation
        if not self.makes_values(frame):
            compilation.run(frame.inputs, frame.lanes, frame.outputs, self.threads, frame.parts)
            # In a new specialization the function may have used a Value for the first time.
            if not self.makes_values(frame):
                return self.assemble(compilation.signature, compilation.output, frame.results)
        return self.record(frame)

    cdef object record(self, Frame frame):
        """Run the programs as one Block of the graph, and return a result of Values."""
        cdef Compilation compilation = frame.compilation
        cdef list outputs = compilation.call(
            frame.inputs, frame.lanes, (frame.values or []) + (frame.held or []), self.threads, frame.parts)
        return self.assemble(compilation.signature, compilation.output, self.leaves_of_values(frame, outputs))

    cdef bint makes_values(self, Frame frame):
        """Whether the results are Values. A derivative of numbers is a number, except in a trace around the call."""
        if frame.values is not None or frame.compilation.signature.passes_values:
            return True
        return (frame.compilation.captures or frame.held is not None) and (tracing() or not self.is_derivative())

    cdef int put_first(self, Compilation compilation) except -1:
        """Let the next call try this compilation first; drop those that were used longest ago."""
        cdef list compilations = [compilation]
        for other in self.compilations:
            if other is not compilation and len(compilations) < MOST_SIGNATURES:
                compilations.append(other)
        self.compilations = tuple(compilations)
        return 0

    # -- the differences between the kinds

    cdef int read_options(self) except -1:
        return 0

    cdef object inlined(self):
        """Return the function that transforms of this one trace."""
        return self

    cdef bint is_derivative(self):
        """Whether results are derivatives, be it for many points."""
        return isinstance(self.function, Transform) and (<Transform> self.function).is_derivative()

    cdef list axes(self, list names):
        """Return for each positional argument its axes as `Builder.build` takes them."""
        return [None] * len(names)

    cdef list keyword_axes(self, list names):
        """Return the same for each argument that is given by keyword."""
        return [None if self.compiled else FIXED] * len(names)

    cdef list differentiated(self, Tree arguments, list axes):
        """Return the arguments to differentiate by."""
        return []

    cdef list first_point(self, Signature signature, Frame frame):
        """Return the numbers at which to trace."""
        cdef list point = []
        cdef Py_ssize_t i
        for i in range(signature.size):
            point.append(frame.inputs[i].data[0])
        return point

    cdef Tree output_of(self, Builder builder, object result):
        """Return the structure of the function's result."""
        return builder.build(result, "result")

    cdef Program derive(self, Compilation compilation, Program program):
        """Return the program to run, made from that of the function."""
        return program

    cdef int make_room(self, Frame frame) except -1:
        """Give every input and output its place in the frame."""
        cdef Program program = frame.compilation.programs[0]
        cdef Py_ssize_t n = frame.compilation.signature.size
        cdef Py_ssize_t i
        frame.reserve(program.outputs)
        for i in range(program.inputs - n):
            frame.inputs[n + i] = Array(frame.seeds + i, 0)
        for i in range(program.outputs):
            frame.outputs[i] = Array(frame.results.data + i, 0)
        return 0

    cdef object assemble(self, Signature signature, Tree output, Leaves leaves):
        """Return the result of a call, made from the outputs of the program."""
        return unflatten(output, leaves)

    cdef Leaves leaves_of_values(self, Frame frame, list outputs):
        """Return outputs that are Values as leaves."""
        cdef Objects leaves = Objects.__new__(Objects)
        leaves.items = outputs
        return leaves
