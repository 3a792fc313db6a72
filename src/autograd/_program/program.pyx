"""Programs: traced functions that run without Python.

A `Program` is a function as flat instructions (`autograd._ir.code`) with the executables made of them. It takes the
branches that the function took at the point of the trace, and its guards check in every run that they still hold.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_RawFree
from libc.string cimport memcpy

from autograd._cpython cimport TypeSlots
from autograd._core cimport TRACED, Value, detecting, number
from autograd._interpreter.executable cimport Executable, make_executable
from autograd._interpreter.interpreter cimport LANE_MAP, Array, Instruction, run as run_schedule
from autograd._ir.code cimport Code, room
from autograd._ir.derivatives cimport forward, reverse
from autograd._ir.listing cimport listing, plural, sizes
from autograd._ir.opcodes cimport CODE_CONSTANT, is_guard
from autograd._program.anomalies cimport examine_run
from autograd._program.tracing cimport check_captured, tracing

import os

from autograd import _files, _hooks


cdef Program new_program(Code code):
    cdef Program program = Program.__new__(Program)
    program.code = code
    program.inputs = code.inputs
    program.outputs = len(code.outputs)
    return program


# At most this many executables and this many derivatives of a program are kept: there can be one for each subset of the
# inputs, or of the outputs.
cdef Py_ssize_t MOST_KEPT = 32


cdef int keep(dict kept, object key, object item) except -1:
    """Add to a cache, in the place of the oldest item if it is full."""
    if len(kept) >= MOST_KEPT:
        kept.pop(next(iter(kept)), None)
    kept[key] = item
    return 0


@cython.auto_pickle(False)
@cython.binding(False)
@cython.embedsignature(True)
@cython.embedsignature.format("clinic")
cdef class Program:
    """A traced function: flat instructions that run without Python.

    ``print(program)`` lists what was recorded. What runs is shorter, since products and sums are fused and results
    share slots: `instructions`, `slots` and `nbytes` count it.

    Programs come from `autograd.trace` and from compiled functions, as their `programs`. They can be saved and pickled,
    with the data of the Values that they captured.

    Attributes
    ----------
    inputs, outputs : int
        How many numbers go in and come out.

    Examples
    --------
    >>> from autograd import trace
    >>> program = trace(lambda x, y: x * y + x, 2.0, 3.0)
    >>> print(program)
    Program: 2 inputs, 1 output; 4 instructions, 2 slots, 112 bytes
      v0 = input 0
      v1 = input 1
      v2 = v0 * v1
      v3 = v0 + v2
      output 0 = v3
    >>> program(2.0, 5.0)
    [12.0]
    """

    def __cinit__(self):
        self.code = Code.__new__(Code)
        self.executables = {}
        self.pullbacks = {}

    def __init__(self):
        raise TypeError("a Program is made by tracing a function: autograd.trace(f, *arguments)")

    @property
    def captured(self):
        """The Values from outside that the function used, whose data is read in every run."""
        return tuple(self.code.captured)

    @property
    def instructions(self):
        """Number of instructions that one point takes, be it many of the same at once."""
        cdef Executable executable = self.executable(None, None)
        cdef const Instruction *instruction
        cdef Py_ssize_t i, total = 0
        for i in range(executable.schedule.prologue_size):
            instruction = &executable.schedule.prologue[i]
            total += instruction.d if instruction.op == LANE_MAP else 1
        return total

    @property
    def slots(self):
        """Number of doubles that one point needs at once, constants included."""
        cdef Executable executable = self.executable(None, None)
        return executable.schedule.uniform_slots

    @property
    def nbytes(self):
        """Bytes of instructions and slots."""
        return self.instructions * sizeof(Instruction) + self.slots * sizeof(double)

    cdef Executable executable(self, bytes varying, bytes summed, bint only_guards=False):
        if varying is None and summed is None:
            if self.point is None:
                self.point = make_executable(self.code, None, None, False)
            return self.point
        key = varying, summed, only_guards
        executable = self.executables.get(key)
        if executable is None:
            # All lanes share the captured Values.
            executable = make_executable(self.code, varying + bytes(len(self.code.captured)), summed, only_guards)
            keep(self.executables, key, executable)
        return executable

    cdef int run(self, bytes varying, bytes summed, Py_ssize_t lanes, const Py_ssize_t *rows, const Array *inputs,
                 const Array *outputs, unsigned *failed, int threads, bint only_guards=False) except -1:
        cdef Executable executable = self.executable(varying, summed, only_guards)
        cdef Py_ssize_t captured = len(self.code.captured)
        cdef const Array *all = inputs
        cdef Array *arrays = NULL
        cdef Value value
        cdef Py_ssize_t i
        cdef int failure
        if captured:
            all = arrays = <Array *> room(self.inputs + captured, sizeof(Array))
            memcpy(arrays, inputs, self.inputs * sizeof(Array))
        try:
            for i in range(captured):
                value = self.code.captured[i]
                if value.node.flags & TRACED:
                    check_captured(value)
                arrays[self.inputs + i] = Array(&value.node.primal, 0)
            failure = run_schedule(&executable.schedule, executable.calls, lanes, rows, all, outputs, failed, threads)
            # A point in a trace becomes part of a program, which is examined when it runs and knows the lane.
            if detecting() and not only_guards and (varying is not None or not tracing()):
                examine_run(self.code, varying, summed, lanes, rows, all, outputs, failed if failure else NULL)
        finally:
            PyMem_RawFree(arrays)
        return failure

    cdef unsigned run_point(self, Py_ssize_t row, const Array *inputs, const Array *outputs) except? 0xFFFFFFFF:
        cdef unsigned failed = 0
        self.run(None, None, 1, &row, inputs, outputs, &failed, 1)
        return failed

    cdef Program without_guards(self):
        cdef Code code
        cdef Py_ssize_t i
        if self.unguarded is None:
            code = self.code.copy_of()
            for i in range(code.size):
                if is_guard(code.entries[i].op):
                    # A constant that nothing uses.
                    code.entries[i].op = CODE_CONSTANT
            self.unguarded = new_program(code)
        return self.unguarded

    def reverse(self, wrt, of, keep=(), ones=False):
        """Return the program of a derivative by reverse mode.

        Parameters
        ----------
        wrt : sequence of int
            Inputs with respect to which to differentiate.
        of : sequence of int
            Outputs to differentiate the weighted sum of.
        keep : sequence of int, default ()
            Outputs to keep.
        ones : bool, default False
            Whether the weights are all one. If not, they are inputs, after those of this program.

        Returns
        -------
        Program
            Its outputs are the kept ones, then a derivative for each input in `wrt`.

        Examples
        --------
        >>> from autograd import trace
        >>> trace(lambda x, y: x * y, 2.0, 3.0).reverse([0, 1], [0], ones=True)(2.0, 3.0)
        [3.0, 2.0]
        """
        return new_program(reverse(
            self.code, indices("wrt", wrt, self.inputs), indices("of", of, self.outputs),
            indices("keep", keep, self.outputs), ones,
        ))

    def forward(self, wrt, keep=()):
        """Return the program of a derivative by forward mode.

        Parameters
        ----------
        wrt : sequence of int
            Inputs that have a tangent, each a further input after those of this program.
        keep : sequence of int, default ()
            Outputs to keep.

        Returns
        -------
        Program
            Its outputs are the kept ones, then the tangent of every output.

        Examples
        --------
        >>> from autograd import trace
        >>> trace(lambda x, y: x * y, 2.0, 3.0).forward([0], keep=[0])(2.0, 3.0, 1.0)
        [6.0, 3.0]
        """
        return new_program(forward(
            self.code, indices("wrt", wrt, self.inputs), indices("keep", keep, self.outputs),
        ))

    def to_source(self, language, *, name="f", derivatives=()):
        """Return the program as source in another language.

        Captured Values become constants, with the data that they have now.

        Parameters
        ----------
        language : {"c", "cuda", "numpy"}
            C99 without dependencies, in the interface of CasADi: an argument ``x`` with the inputs, a result ``y`` with
            the outputs. Its bits are those of the program. Or a kernel of CUDA over lanes; or Python over NumPy. Loops
            stay loops in all of them.
        name : str, default "f"
            The name of the function.
        derivatives : sequence of str, default ()
            Which derivatives to add: ``"jac"``, the Jacobian, sparse where it is; ``"fwd1"`` and ``"adj1"``, its
            products with a tangent and an adjoint; ``"grad"``, the gradient of one output; ``"hess"``, the Hessian of
            the sum of the outputs, each times a weight. They are called ``jac_f`` and so on.

        Returns
        -------
        str

        Raises
        ------
        TypeError
            If the program calls a function of Python.
        NotImplementedError
            In C and CUDA, for the derivative of a `while_loop` without `max_steps`.
        ValueError
            If an argument is none of these.

        Examples
        --------
        >>> from autograd import trace
        >>> print(trace(lambda x, y: x * y + 1.0, 2.0, 3.0).to_source("numpy"))
        import numpy as np
        <BLANKLINE>
        <BLANKLINE>
        def f(x):
            \"""A program of autograd: 2 inputs, 1 output.
        <BLANKLINE>
            The inputs are x[0], x[1], ...: numbers, or arrays of a number for each point.\"""
            x0 = x[0]
            x1 = x[1]
            v0 = x0 * x1
            v1 = v0 + 1.0
            return (v1,)
        <BLANKLINE>
        """
        return _hooks.call("program_to_source", self, language, name, derivatives)

    def __call__(self, *inputs):
        """Run the program at a point.

        Parameters
        ----------
        *inputs : float

        Returns
        -------
        list of float

        Raises
        ------
        TypeError
            If the number of inputs is not that of the program, or one is no number.
        RuntimeError
            If a guard fails: the function takes another branch than where it was traced. A compiled function would
            follow it.
        """
        cdef double *numbers
        cdef Array *arrays
        cdef Py_ssize_t i
        cdef unsigned guard
        if len(inputs) != self.inputs:
            raise TypeError(f"Program expects {self.inputs} inputs, got {len(inputs)}")
        numbers = <double *> room(self.inputs + self.outputs, sizeof(double))
        arrays = NULL
        try:
            arrays = <Array *> room(self.inputs + self.outputs, sizeof(Array))
            for i in range(self.inputs + self.outputs):
                arrays[i] = Array(numbers + i, 0)
            for i in range(self.inputs):
                if not number(inputs[i], numbers + i):
                    raise TypeError(f"Program expects numbers, got {type(inputs[i]).__name__} as input {i}")
            guard = self.run_point(0, arrays, arrays + self.inputs)
            if guard:
                file, line = self.place(guard)
                raise RuntimeError(f"the traced function takes another way here, at {file}:{line}")
            results = []
            for i in range(self.outputs):
                results.append(numbers[self.inputs + i])
            return results
        finally:
            PyMem_RawFree(numbers)
            PyMem_RawFree(arrays)

    cdef tuple place(self, unsigned guard):
        # Guards have their numbers in the expanded code, in which two of this code may be one.
        return list(self.code.expanded().places.values())[guard - 1]

    def _closed(self):
        """Return the program with the captured Values as inputs after its own."""
        cdef Code code = Code.__new__(Code)
        cdef list loads = []
        code.inputs = self.inputs + len(self.code.captured)
        for i in range(code.inputs):
            loads.append(code.load(i))
        code.outputs = code.inline(self.code, loads)
        code.finish()
        return new_program(code)

    def _is_same(self, Program other not None):
        """Whether another program has the same instructions, constants and guards, and captured the very Values."""
        return self.code.is_same(other.code)

    def __repr__(self):
        counts = plural(self.inputs, "input"), plural(self.outputs, "output"), plural(self.instructions, "instruction")
        return f"<Program: {', '.join(counts)}>"

    def __str__(self):
        return "\n".join([
            f"Program: {sizes(self.code)}; {plural(self.instructions, 'instruction')}, {plural(self.slots, 'slot')}, "
            f"{plural(self.nbytes, 'byte')}",
            *listing(self.code),
        ])

    def save(self, path):
        """Write the program to a file, which `load` reads without the function that was traced.

        The file has the instructions, the data and the labels of the captured Values, and for every loop the branches
        that its steps have taken so far. It takes the place of an older one at once, or not at all.

        Parameters
        ----------
        path : str or os.PathLike

        Raises
        ------
        TypeError
            If the program calls a function of Python: one with ``pure_callback=True``.
        OSError

        Examples
        --------
        >>> import os, tempfile
        >>> from autograd import Program, trace
        >>> path = os.path.join(tempfile.mkdtemp(), "product.program")
        >>> trace(lambda x, y: x * y, 2.0, 3.0).save(path)
        >>> Program.load(path)(4.0, 5.0)
        [20.0]
        """
        content = _hooks.call("program_to_file", self)
        with _files.replacing(path) as file:
            file.write(content)

    @classmethod
    def load(cls, path):
        """Read a program from a file that `save` wrote, in any process and with any version of Python.

        No code is run: a file has instructions only. A branch of a loop that was not taken before the program was saved
        is a RuntimeError when it is run.

        Parameters
        ----------
        path : str or os.PathLike

        Returns
        -------
        Program
            It captures new Values, with the data and the labels of those of the program that was saved.

        Raises
        ------
        ValueError
            If the file is damaged, is of another version, or is no file of a program.
        OSError
        """
        with open(path, "rb") as file:
            try:
                return _hooks.call("program_from_bytes", file.read())
            except ValueError as error:
                raise ValueError(f"{os.fspath(path)}: {error}") from error

    def __reduce__(self):
        return Program._restore, _hooks.call("program_to_bytes", self)

    @classmethod
    def _restore(cls, *content):
        """Make the program that was pickled. A pickle names it by the class, which is public."""
        return _hooks.call("program_from_bytes", *content)


(<TypeSlots *> Program).tp_name = "autograd.Program"


cdef list indices(str name, object numbers, Py_ssize_t count):
    """Check numbers of inputs or outputs."""
    checked = list(numbers)
    for i in checked:
        if not isinstance(i, int) or not 0 <= i < count:
            raise ValueError(f"{name} must be numbers from 0 to {count - 1}, got {i!r}")
    return checked


cdef bytes varying_of(const Array *inputs, Py_ssize_t count):
    cdef bytes varying = PyBytes_FromStringAndSize(NULL, count)
    cdef char *flags = PyBytes_AS_STRING(varying)
    cdef Py_ssize_t i
    for i in range(count):
        flags[i] = inputs[i].stride != 0
    return varying
