# cython: auto_pickle=False
"""Bodies: the functions that loops and batches inside programs run, and their derivatives.

The programs of a body capture nothing: what the function uses from around it, Values of the trace around it or
parameters, are inputs after those of its arguments. Where a lane goes a way that none has gone, the function is traced
again, with the numbers of that lane in the Values that it uses.
"""

cimport cython
from cpython.object cimport PyObject

from autograd._core cimport TRACED, Value
from autograd._ir.code cimport Code
from autograd._ir.derivatives cimport forward, reverse
from autograd._program.program cimport Program, new_program
from autograd._program.specializations cimport Specializations

cdef extern from "_kernels/ops.h" nogil:
    enum:
        OP_ADD


@cython.auto_pickle(False)
cdef class Body(Specializations):
    """The function of a sweep: its programs, to which kinds of bodies add by tracing."""

    def __cinit__(self):
        self.max_ways = 64

    cdef Program specialize(self, list point):
        """Raise: a body that was loaded has no function to trace."""
        try:
            self.programs[0](*point)
        except RuntimeError as error:
            raise RuntimeError(
                f"{self.name} of a program that was loaded takes a branch that no step had taken when it was saved: "
                f"{error}"
            ) from None
        raise NotImplementedError


cdef object new_value():
    return NotImplementedError(
        "a loop took a branch on which its body uses a Value that it used on no branch where the loop was traced; pass "
        "that Value in the carry"
    )


class NewCapture(Exception):
    """A body used a Value for the first time."""


@cython.auto_pickle(False)
cdef class Captures:
    """The Values from outside that bodies use, in the order of the inputs that they become."""

    cdef int add(self, Value value) except -1:
        identity = <size_t> <PyObject *> value
        if identity not in self.positions:
            if self.settled:
                raise new_value()
            self.positions[identity] = len(self.values)
            self.values.append(value)
        return 0

    cdef Py_ssize_t position(self, Value value) except -1:
        return self.positions[<size_t> <PyObject *> value]


cdef Captures new_captures():
    cdef Captures captures = Captures.__new__(Captures)
    captures.values, captures.positions = [], {}
    return captures


@cython.auto_pickle(False)
cdef class Closed(Body):
    """A traced function whose captured Values are inputs."""

    cdef Code trace(self, list point):
        raise NotImplementedError

    cdef Program specialize(self, list point):
        """Trace the function, with the numbers of the captured Values at this point."""
        cdef list numbers = [], flags = []
        cdef Value value
        cdef Py_ssize_t i
        for i in range(self.size, len(point)):
            value = self.captures.values[i - self.size]
            numbers.append(value.node.primal)
            flags.append(value.node.flags & TRACED)
            value.node.primal = point[i]
            # The trace of an interior Value may have ended.
            value.node.flags &= ~TRACED
        try:
            code = self.closed(self.trace(point[:self.size]))
            if (<Code> code).inputs != len(point):
                raise NewCapture
            return new_program(code)
        finally:
            for i in range(len(numbers)):
                value = self.captures.values[i]
                value.node.primal = numbers[i]
                value.node.flags |= <unsigned char> flags[i]

    cdef Code closed(self, Code code):
        """Return the code with the captured Values as inputs after those of the arguments."""
        cdef Code result = code.copy_of()
        cdef list loads = code.loads
        cdef Value value
        cdef Py_ssize_t i, k
        for value in code.captured:
            self.captures.add(value)
        result.inputs = self.size + len(self.captures.values)
        result.loads = loads[:self.size] + [None] * (result.inputs - min(len(loads), self.size))
        for i in range(self.size, len(loads)):
            if loads[i] is not None:
                k = self.size + self.captures.position(code.captured[i - self.size])
                result.loads[k] = loads[i]
                result.entries[<Py_ssize_t> loads[i]].a = k
        result.captured = []
        return result

    cdef int widen(self) except -1:
        """Give all programs an input for every captured Value."""
        cdef Program program
        cdef list programs = self.programs
        self.programs, self.root, self.latest = [], None, None
        for program in programs:
            program.code.loads += [None] * (self.size + len(self.captures.values) - len(program.code.loads))
            program.code.inputs = self.size + len(self.captures.values)
            self.add(new_program(program.code))
        return 0


@cython.auto_pickle(False)
cdef class Derived(Body):
    """A derivative of a body. Its first inputs are those of the body, so that it takes the same branches."""

    cdef Code derive(self, Code code):
        raise NotImplementedError

    cdef Program specialize(self, list point):
        cdef Py_ssize_t inputs = (<Program> self.base.programs[0]).inputs
        return new_program(self.derive(self.base.specialize(point[:inputs]).code))


cdef Derived derived(Derived body, Body base):
    body.base, body.name = base, base.name
    for program in base.programs:
        body.add(new_program(body.derive((<Program> program).code)))
    return body


@cython.auto_pickle(False)
cdef class Forward(Derived):
    """Forward mode: the outputs, then the tangent of each."""

    cdef Code derive(self, Code code):
        return forward(code, self.wrt, list(range(len(code.outputs))))


@cython.auto_pickle(False)
cdef class Reverse(Derived):
    """Reverse mode: the adjoint of each input in `wrt`, to some of which another input is added."""

    cdef Code derive(self, Code code):
        cdef Code result = reverse(code, self.wrt, self.of, [], False).copy_of()
        for output in self.added:
            result.inputs += 1
            result.outputs[output] = result.emit(OP_ADD, result.load(result.inputs - 1), result.outputs[output])
        result.finish()
        return result
