"""Tracing: records a thread's operations on a tape while a function runs.

Every Value that the thread makes goes on the tape, and its stamp is its position there. A Value that is used and not
on the tape is captured. A comparison makes a Value that is 1 or 0; when Python asks for its truth, the trace becomes
specific to the answer, and records an observation that every replay has to check. So it does when a number is read, by
`data`, `item`, `repr` or a format. Operations that a replay cannot repeat, `backward` or setting `data`, raise.

The numbers in a trace are those that a replay computes, to the bit, and follow IEEE: nothing raises, unless a handler
of the traced function surrounds the operation. There, the condition under which eager work raises becomes a guard, and
the function sees the exception.
"""

cimport cython
from cpython.object cimport Py_EQ, Py_GE, Py_GT, Py_LE, Py_LT, Py_NE, PyObject
from libc.math cimport INFINITY, NAN

import itertools

from autograd import _core, ops

from autograd._ir.formulas cimport value_of
from autograd._core cimport (
    TRACED, Node, Tracer, Value, caller, current_tracer, detecting, forbid_outside, new_leaf, number, pauses,
    python_value, record_specially, set_tracer,
)
from autograd._cpython cimport PyObject_RichCompare
from autograd._program.handlers cimport handlers_within_running_frame

cdef extern from "_kernels/ops.h" nogil:
    enum:
        OP_LEAF
        OP_OUTPUT
        OP_COUNT
        OP_ABS
        OP_POW
        OP_POW_C
        OP_C_POW
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


# Numbers among which every function of Python that can raise does.
cdef tuple POINTS = (0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1e3, -1e3, 1e4, INFINITY, -INFINITY)

# By op: whether the eager operation can raise; whether it does so exactly where its second operand is zero; whether
# exactly where its value is not finite, since it makes an integer.
cdef bint can_raise[OP_COUNT]
cdef bint divides[OP_COUNT]
cdef bint makes_integer[OP_COUNT]
cdef tuple DIVISIONS = ("div", "floor_divide", "remainder")


cdef int read_table() except -1:
    cdef unsigned op
    for op in range(<unsigned> OP_COUNT):
        row = ops.OPS.get(_core.OP_NAMES[op])
        can_raise[op] = False
        divides[op] = row is not None and row.base in DIVISIONS
        if row is not None and row.python_function is not None:
            for point in itertools.product(POINTS, repeat=len(row.arguments)):
                try:
                    row.python_function(*point)
                except (ValueError, ArithmeticError):
                    can_raise[op] = True
                    break
            try:
                row.python_function(*(NAN, 1.0)[:len(row.arguments)])
                makes_integer[op] = False
            except (ValueError, ArithmeticError):
                makes_integer[op] = not divides[op]
    return 0


read_table()


@cython.auto_pickle(False)
cdef class Observation:
    """The truth of a Value, or its number, that a replay has to check."""


@cython.auto_pickle(False)
cdef class Trace(Tracer):
    """The tape of one run of a function."""

    def __cinit__(self):
        self.outer = current_tracer()
        self.outer_pauses = pauses()
        self.tape = []
        self.observations = []
        self.lines = {} if detecting() else None

    cdef list begin(self, list point):
        cdef list inputs = []
        self.handlers = handlers_within_running_frame()
        set_tracer(self, 0)
        for x in point:
            inputs.append(new_leaf(x))
        return inputs

    cdef void end(self) noexcept:
        self.handlers = None
        set_tracer(self.outer, self.outer_pauses)

    cdef Py_ssize_t position(self, Value value) noexcept:
        """Return the position of a Value on the tape; -1 if it was not made in this trace."""
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
        if self.lines is not None:
            self.lines[node.stamp] = caller()
        if node.op > OP_OUTPUT:
            node.primal = value_of(node.op, node.left.primal, node.right.primal if node.right != NULL else 0.0,
                                   node.immediate)
            if can_raise[node.op] and not self.checking and self.handles():
                self.check(value)
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

    cdef bint handles(self) except -1:
        # Exceptions pass through no_grad.
        return self.handlers.is_handled(pauses())

    cdef int check(self, Value value) except -1:
        cdef Node *node = &value.node
        self.checking = True
        try:
            if not self.raises(value):
                return 0
        finally:
            self.checking = False
        python_value(node.op, node.left.primal, node.right.primal if node.right != NULL else 0.0, node.immediate)
        # Python's result is the largest number or nearly so, where that of a replay is infinite.
        raise OverflowError("math range error")

    cdef bint raises(self, Value value) except -1:
        """Decide whether the eager operation raises."""
        cdef unsigned op = value.node.op
        operands = value._operands
        x = operands[0]
        y = operands[len(operands) - 1]
        if divides[op]:
            return self.holds(y, Py_EQ, 0.0)
        if self.is_finite(value):
            return False
        if makes_integer[op]:
            # A guard for what Python says: of nan or of infinity.
            self.is_nan(value)
            return True
        if op == OP_POW or op == OP_POW_C or op == OP_C_POW:
            if not self.is_finite(x) or not self.is_finite(y):
                return False
            # Guards for what Python says: a complex power, which may overflow; a power of zero; an overflow.
            if self.is_nan(value):
                self.is_finite(abs(x) ** y)
            else:
                self.holds(x, Py_EQ, 0.0)
            return True
        if self.is_finite(x) and (y is x or self.is_finite(y)):
            return True
        return self.is_nan(value) and not self.is_nan(x) and (y is x or not self.is_nan(y))

    cdef bint holds(self, object x, int comparison, object y) except -1:
        if not isinstance(x, Value):
            return PyObject_RichCompare(x, y, comparison)
        truth = <Value> self.compare(<Value> x, y, comparison)
        self.decide(truth)
        return truth.node.primal != 0.0

    cdef bint is_finite(self, object x) except -1:
        size = record_specially(OP_ABS, 0.0, 0.0, <Value> x, None) if isinstance(x, Value) else abs(x)
        return self.holds(size, Py_LT, INFINITY)

    cdef bint is_nan(self, object x) except -1:
        return self.holds(x, Py_NE, x)


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


cdef int check_captured(Value value) except -1:
    """Raise unless a traced Value belongs to a trace that is under way in this thread."""
    cdef Trace trace = current_tracer()
    while trace is not None and trace.position(value) < 0:
        trace = trace.outer
    if trace is None:
        forbid_outside("another traced or compiled function used it")
    return 0


cdef bint tracing() noexcept:
    return current_tracer() is not None
