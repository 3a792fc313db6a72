"""Traces: what a function does to Values, taken down while it runs.

While a function is traced, every Value that its thread makes goes on a tape. So the Values made inside are known (a
Value's stamp is its position there) from those made before, which the function has captured. A comparison gives a
Value that is 1 or 0, and only when Python asks whether it is true does the trace become one of the case at hand: that
is an observation, which a replay has to check. So is every look at a number, by `data`, `item`, `repr` or a format.
What a replay could not repeat at all, `backward` or setting `data`, raises.

The numbers of a trace are those that a replay finds, to the bit, and follow IEEE: nothing raises.
"""

cimport cython
from cpython.object cimport Py_EQ, Py_GE, Py_GT, Py_LE, Py_LT, PyObject

import os
import sys

import numpy

from autograd._ir.code cimport Code, value_of
from autograd._core cimport (
    TRACED, Block, Node, Tracer, Value, add_input, current_tracer, forbid_outside, new_leaf, new_output, number,
    pauses, record_specially, set_sizes, set_tracer,
)

cdef extern from "_kernels/ops.h" nogil:
    enum:
        OP_LEAF
        OP_OUTPUT
        OP_LESS
        OP_LESS_C
        OP_C_LESS
        OP_LESS_EQUAL
        OP_LESS_EQUAL_C
        OP_C_LESS_EQUAL
        OP_EQUAL
        OP_EQUAL_C
        OP_NOT_EQUAL
        OP_NOT_EQUAL_C


@cython.auto_pickle(False)
cdef class Observation:
    """Something that a replay has to check."""


@cython.auto_pickle(False)
cdef class Trace(Tracer):
    """What one run of a function did."""

    def __cinit__(self):
        self.tape = []
        self.observations = []

    cdef Py_ssize_t position(self, Value value) noexcept:
        """Where on the tape a Value is; -1 if it was not made in this trace."""
        cdef size_t i = value.node.stamp
        if i < <size_t> len(self.tape) and <PyObject *> self.tape[i] == <PyObject *> value:
            return i
        return -1

    cdef int record(self, Value value) except -1:
        cdef Node *node = &value.node
        if self.position(value) >= 0:
            return 0
        node.stamp = len(self.tape)
        node.flags |= TRACED
        self.tape.append(value)
        if node.op > OP_OUTPUT:
            node.primal = value_of(node.op, node.left.primal, node.right.primal if node.right != NULL else 0.0,
                                   node.immediate)
        return 0

    cdef object compare(self, Value value, object other, int comparison):
        cdef double c = 0.0
        if isinstance(other, Value):
            right = <Value> other
            if comparison == Py_GT or comparison == Py_GE:
                value, right = right, value
            if comparison == Py_LT or comparison == Py_GT:
                return record_specially(OP_LESS, 0.0, 0.0, value, right)
            if comparison == Py_LE or comparison == Py_GE:
                return record_specially(OP_LESS_EQUAL, 0.0, 0.0, value, right)
            return record_specially(OP_EQUAL if comparison == Py_EQ else OP_NOT_EQUAL, 0.0, 0.0, value, right)
        # An integer or fraction that no double equals is compared by the number itself.
        try:
            if not number(other, &c) or (not isinstance(other, float) and c != other):
                return None
        except OverflowError:
            return None
        return record_specially(comparison_with_number(comparison), 0.0, c, value, None)

    cdef int decide(self, Value value) except -1:
        return self.observe(value, True)

    cdef int read(self, Value value) except -1:
        return self.observe(value, False)

    cdef int observe(self, Value value, bint is_decision) except -1:
        cdef Observation observation = Observation.__new__(Observation)
        observation.position = len(self.tape)
        observation.value = value
        observation.is_decision = is_decision
        observation.place = caller()
        self.observations.append(observation)
        return 0


cdef unsigned comparison_with_number(int comparison) noexcept:
    if comparison == Py_LT:
        return OP_LESS_C
    if comparison == Py_LE:
        return OP_LESS_EQUAL_C
    if comparison == Py_GT:
        return OP_C_LESS
    if comparison == Py_GE:
        return OP_C_LESS_EQUAL
    return OP_EQUAL_C if comparison == Py_EQ else OP_NOT_EQUAL_C


# The package that this file is in a folder of.
cdef str PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


cdef tuple caller():
    """File and line of the function that is running, be it called through others of this package."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


cdef int check_captured(Value value) except -1:
    """Raise if a Value from outside is not of a trace around this one, but of one that is over or another thread's."""
    cdef Trace trace = current_tracer()
    while trace is not None and trace.position(value) < 0:
        trace = trace.outer
    if trace is None:
        forbid_outside("another traced or compiled function used it")
    return 0


cdef bint tracing() noexcept:
    return current_tracer() is not None


cdef Trace run_traced(object function, list point, list inputs, list outputs):
    """Call `function` with a list of new Values of these numbers, which `inputs` receives; extend `outputs` by what it
    returns."""
    cdef Trace trace = Trace.__new__(Trace)
    cdef Tracer outer = current_tracer()
    cdef int outer_pauses = pauses()
    trace.outer = outer
    set_tracer(trace, 0)
    try:
        for x in point:
            inputs.append(new_leaf(x))
        outputs.extend(function(list(inputs)))
    finally:
        set_tracer(outer, outer_pauses)
    return trace


# ---------------------------------------------------------------------------------------------------------------------
# where

@cython.internal
@cython.auto_pickle(False)
cdef class Where(Block):
    """A choice between two Values that is made anew by every replay."""

    cdef str name(self):
        return "where"

    cdef list lower(self, object code, list operands):
        condition, x, y = operands
        return [(<Code> code).where(condition, x, y)]

    cdef int push(self) except -1:
        self.inputs[1 if self.inputs[0].primal != 0.0 else 2].adjoint += self.adjoints[0]
        return 0


def where(condition, x, y, /):
    """Choose between two values: `x` where the condition holds, else `y`.

    In a traced function the choice is made anew for every point, and both values are computed; an ``if`` would make the
    program one of the case at hand.

    Parameters
    ----------
    condition : bool, Value, number or array
        Such as the comparison of two Values. A number holds if it is not zero.
    x, y : Value, number or array

    Returns
    -------
    Value, float or array
        Elementwise if there is an array among the arguments.

    Raises
    ------
    TypeError
        If an argument is something else.

    Examples
    --------
    >>> from autograd import Value
    >>> x = Value(-2.0)
    >>> where(x < 0, -x, x)
    Value(data=2.0, grad=0.0)
    """
    cdef double c = 0.0
    for argument in (condition, x, y):
        if isinstance(argument, numpy.ndarray):
            return choose_elementwise(condition, x, y)
        if not isinstance(argument, Value) and not number(argument, &c):
            raise TypeError(
                f"where: expected Values, numbers or arrays, got {type(argument).__name__} {argument!r}"
            )
    if isinstance(condition, Value) and tracing():
        return choose(<Value> condition, as_value(x), as_value(y))
    chosen = x if condition else y
    if not isinstance(chosen, Value):
        number(chosen, &c)
        return c
    return chosen


cdef object choose_elementwise(condition, x, y):
    chosen = numpy.frompyfunc(where, 3, 1)(condition, x, y)
    for argument in (condition, x, y):
        if numpy.asarray(argument).dtype == object:
            return chosen
    return chosen.astype(numpy.float64)


cdef Value as_value(object x):
    cdef double primal = 0.0
    if isinstance(x, Value):
        return <Value> x
    number(x, &primal)
    return new_leaf(primal)


cdef Value choose(Value condition, Value x, Value y):
    cdef Where block = Where.__new__(Where)
    set_sizes(block, 3, 1)
    add_input(block, condition)
    add_input(block, x)
    add_input(block, y)
    return new_output(block, 0, x.node.primal if condition.node.primal != 0.0 else y.node.primal)
