"""The engine: `Value`, the topological order, the backward sweep.

A Value is one small object. Its `Node` holds the number, the adjoint, the op and raw owning pointers to at most two
parents; there is no tuple, set, closure or dict per node, and the garbage collector does not track it. A graph only
points from newer to older nodes, so it holds no cycle. A user can make one by assigning a `_backward` closure that
refers to its own node: such a node, and every Value computed from it, is allocated for the collector, which tracks it.

The mathematics stands in the table of ``ops.py``, from which the kernels `op_value` and `op_push` and the public
functions are generated.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc, PyMem_RawRealloc
from cpython.object cimport Py_EQ, Py_GE, Py_GT, Py_LE, Py_LT, PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from libc.math cimport INFINITY, isfinite as finite
from libc.string cimport memcpy, memset

from autograd._cpython cimport (
    PyFloat_AS_DOUBLE, PyFloat_AsDouble, PyFloat_Check, PyFloat_CheckExact, PyLong_AsDouble, PyObject_ClearWeakRefs,
    PyObject_Free, PyObject_GC_Del, PyObject_GC_Track, PyObject_GC_UnTrack, PyObject_GenericSetAttr, PyObject_IS_GC,
    PyObject_Init, PyObject_Malloc, PyObject_RichCompare, PyObject_Vectorcall, PyTuple_GET_ITEM, PyTuple_GET_SIZE,
    PyType_GenericAlloc, PyType_Modified, PyVectorcall_NARGS, Py_CLEAR, Py_REFCNT, Py_TPFLAGS_HAVE_GC,
    Py_TPFLAGS_IMMUTABLETYPE, Py_TYPE, Py_XDECREF, TypeSlots, traverseproc, visitproc,
)

import contextlib
import copyreg
import inspect
import numbers
import os
import sys
from operator import index

import numpy

from autograd import _hooks, ops

cdef double inf = INFINITY

include "_ops.pxi"

cdef extern from "_core.h":
    int paused_here "autograd_paused_here"
    PyObject *tracer_here "autograd_tracer_here"
    int anomalies_here "autograd_anomalies_here"
    int draining_here "autograd_draining_here"
    object steal "autograd_steal" (PyObject *object)
    int add_dict "autograd_add_dict" (PyTypeObject *type) except -1


if ops.digest() != TABLE_DIGEST:
    raise ImportError(
        "autograd/ops.py is not the table that the compiled core was built from; rebuild with `pip install .` or "
        "`python setup.py build_ext --inplace`"
    )

# By op: its row of the table (None for the special kinds), and Python's function of the same value.
cdef tuple ROWS = tuple(ops.OPS.get(name) for name in OP_NAMES)
cdef tuple PYTHON_FUNCTIONS = tuple(row and row.python_function for row in ROWS)


# Count of changes to data.
cdef unsigned long long changes = 0

include "_memory.pxi"


# ---------------------------------------------------------------------------------------------------------------------
# Recording

# Number of open no_grad and detect_anomaly blocks and traces of all threads. While it is zero, operations skip the
# thread's own state.
cdef int special = 0


class Switch(type):
    """The kind of a class of context managers, which as a decorator is called or not."""

    def __call__(cls, function=None, /):
        switch = type.__call__(cls)
        return switch if function is None else switch(function)

    def __enter__(cls):
        raise TypeError(f"write `with {cls.__name__}():`, with parentheses: {cls.__name__} is a class")

    def __exit__(cls, *exception):
        """Make ``with`` look for `__enter__`."""


class Switched(contextlib.ContextDecorator):
    """A context manager that sets a mode of this thread, and a decorator."""

    def __call__(self, func):
        name = type(self).__name__
        if not callable(func) or isinstance(func, type):
            raise TypeError(
                f"{name} decorates a function, got {func!r}; around statements write `with {name}():`"
            )
        if inspect.isgeneratorfunction(func) or inspect.iscoroutinefunction(func) or inspect.isasyncgenfunction(func):
            raise TypeError(
                f"{name} cannot decorate the generator or coroutine {func.__name__}, whose body runs after its call is "
                f"over; write `with {name}():` in it, with no yield or await inside"
            )
        return contextlib.ContextDecorator.__call__(self, func)


class no_grad(Switched, metaclass=Switch):
    """Evaluate without recording, as a context manager or a decorator.

    Operations inside return Values without parents: they cost less, hold no graph and pass no gradient. Other threads
    are not affected.

    Raises
    ------
    TypeError
        If it decorates a class, a generator or a coroutine.

    Examples
    --------
    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y._prev
    set()
    >>> @no_grad
    ... def square(x):
    ...     return x * x
    >>> square(x)._prev
    set()
    """

    def __enter__(self):
        global special, paused_here
        special += 1
        paused_here += 1
        return self

    def __exit__(self, *exception):
        global special, paused_here
        if not paused_here:
            raise RuntimeError("this thread is in no no_grad block that could be left")
        special -= 1
        paused_here -= 1


cdef bint recording() noexcept:
    return not (special and paused_here and tracer_here == NULL)


cdef inline Value record1(unsigned short op, double primal, double immediate, Value left):
    cdef Value value
    if special and is_special():
        return record_specially(op, primal, immediate, left, None)
    value = new_node(op, primal, immediate, left.node.flags)
    Py_INCREF(left)
    value.node.left = &left.node
    return value


cdef inline Value record2(unsigned short op, double primal, Value left, Value right):
    cdef Value value
    if special and is_special():
        return record_specially(op, primal, 0.0, left, right)
    value = new_node(op, primal, 0.0, left.node.flags | right.node.flags)
    Py_INCREF(left)
    value.node.left = &left.node
    Py_INCREF(right)
    value.node.right = &right.node
    return value


cdef bint is_special() noexcept:
    return paused_here or tracer_here != NULL or anomalies_here


cdef Value record_specially(unsigned short op, double primal, double immediate, Value left, Value right):
    """Record in a trace, record and examine, or do not record."""
    cdef Value value
    cdef unsigned flags = left.node.flags | (0 if right is None else right.node.flags)
    if tracer_here == NULL and not anomalies_here:
        return new_node(OP_LEAF, primal, 0.0, flags & TRACED)
    # A trace marks the Value itself.
    value = new_node(op, primal, immediate, flags if tracer_here == NULL else flags & COLLECTABLE)
    Py_INCREF(left)
    value.node.left = &left.node
    if right is not None:
        Py_INCREF(right)
        value.node.right = &right.node
    return specially(value)


cdef Value specially(Value value):
    """Record a new Value in the trace, or examine it; without recording, return a leaf."""
    if tracer_here != NULL:
        return traced(value)
    if anomalies_here:
        examine(value)
    return new_node(OP_LEAF, value.node.primal, 0.0, value.node.flags & TRACED) if paused_here else value


cdef Value traced(Value value):
    """Record a new Value in the trace. Within no_grad, return a `stop_gradient` of it."""
    tracer().record(value)
    return value if not paused_here or value.node.op == OP_STOP_GRADIENT else stop_gradient(value)


cdef Value stop_gradient(Value value):
    return record_specially(OP_STOP_GRADIENT, value.node.primal, 0.0, value, None)


cdef Value new_leaf(double primal):
    """A leaf."""
    cdef Value value = new_node(OP_LEAF, primal, 0.0, 0)
    if special and tracer_here != NULL:
        tracer().record(value)
    return value


# ---------------------------------------------------------------------------------------------------------------------
# Tracing

@cython.auto_pickle(False)
cdef class Tracer:
    """Records the thread's operations on a tape; implemented by `autograd._program.tracing.Trace`."""

    cdef int record(self, Value value) except -1:
        raise NotImplementedError

    cdef object compare(self, Value value, object other, int comparison):
        raise NotImplementedError

    cdef int decide(self, Value value) except -1:
        raise NotImplementedError

    cdef int read(self, Value value) except -1:
        raise NotImplementedError

    cdef bint handles(self) except -1:
        raise NotImplementedError


cdef inline Tracer tracer():
    return <Tracer> tracer_here


cdef Tracer current_tracer():
    return None if tracer_here == NULL else <Tracer> tracer_here


cdef void set_tracer(Tracer tracer, int pauses) noexcept:
    global tracer_here, paused_here, special
    special += (tracer is not None) - (tracer_here != NULL) + pauses - paused_here
    tracer_here = NULL if tracer is None else <PyObject *> tracer
    paused_here = pauses


cdef int pauses() noexcept:
    return paused_here


cdef double read(Value value) except? -1:
    """The number of a Value, for use outside of the graph. In a trace it records a guard on its bits."""
    if special and tracer_here != NULL:
        tracer().read(value)
    elif value.node.flags & TRACED:
        forbid_outside("its number was asked for")
    return value.node.primal


cdef int forbid_in_trace(str what) except -1:
    if special and tracer_here != NULL:
        raise RuntimeError(f"{what} while a function is traced: a replay would not repeat it; do it outside")
    return 0


cdef int forbid_outside(str what) except -1:
    raise RuntimeError(
        f"a Value of a traced function, or one computed from it, was used outside of the trace: {what}. Its number "
        "belongs to the point of the trace, and a replay would not change it; return it, or pass it as an argument"
    )


# ---------------------------------------------------------------------------------------------------------------------
# Operands

# Named, because Cython loses the exceptions of isinstance where the tuple is written in the call.
cdef tuple REAL = (numbers.Real, numpy.bool_)
# NumPy's real scalar types whose conversion to a double is all that an operand needs. They are looked up by type,
# because `isinstance` with `numbers.Real` takes 190 ns, and a comparison with a float takes NumPy 1.7 us. Not among
# them are float64, which is a float, and longdouble, which has numbers that no double has.
cdef frozenset NUMPY_SCALARS = frozenset(numpy.dtype(code).type for code in "?bhilqBHILQef")
cdef object NUMPY_TRUE = numpy.True_
cdef object NUMPY_FALSE = numpy.False_
cdef tuple COMPARABLE = (numbers.Number, numpy.generic, numpy.ndarray)
cdef tuple SEQUENCE = (tuple, list)
cdef str REMEDY_IN_TRACE = (
    "make it a static argument, as by compile(f, static_argnums=1) and passing it by position"
)
# What changes the meaning of an array's numbers, which are all that a calculation here reads.
cdef tuple PECULIAR_ARRAYS = (numpy.ma.MaskedArray, numpy.matrix)


cdef int number(object x, double *result) except -1:
    """Store `x` as a double and return 1 if it is a real number, else return 0.

    Numbers are int, float, bool, NumPy's real scalars and other `numbers.Real`. There is no other test for them.
    """
    if PyFloat_Check(<PyObject *> x):
        result[0] = PyFloat_AS_DOUBLE(<PyObject *> x)
        return 1
    if isinstance(x, int):
        result[0] = PyLong_AsDouble(x)
        return 1
    if type(x) in NUMPY_SCALARS:
        result[0] = numpy_number(x)
        return 1
    if isinstance(x, REAL):
        result[0] = float(x)
        return 1
    return 0


cdef inline double numpy_number(object x) except? -1:
    """A number of one of the NUMPY_SCALARS as a double. NumPy's own conversion of a bool takes 150 ns."""
    return 1.0 if x is NUMPY_TRUE else 0.0 if x is NUMPY_FALSE else PyFloat_AsDouble(x)


cdef inline double as_number(object x, str what) except? -1:
    """`x` as a double; `what` names it in the error."""
    return PyFloat_AS_DOUBLE(<PyObject *> x) if PyFloat_CheckExact(<PyObject *> x) else as_number_rest(x, what)


cdef double as_number_rest(object x, str what) except? -1:
    cdef double result = 0.0
    if not number(x, &result):
        remedy = "; use its .data" if isinstance(x, Value) else ""
        raise TypeError(f"{what} must be a real number, got {type(x).__name__} {x!r}{remedy}")
    return result


cdef bint is_real_array(object x) except -1:
    return x.dtype.kind in "fiubO" and (type(x) is numpy.ndarray or not isinstance(x, PECULIAR_ARRAYS))


cpdef object check_array(object x, str what):
    """Raise TypeError unless an array is one of real numbers or objects, and no masked array or matrix.

    `what` names it in the error.
    """
    if is_real_array(x):
        return
    if isinstance(x, numpy.ma.MaskedArray):
        got = "a masked array; .filled(number) and .compressed() make plain arrays of it"
    elif isinstance(x, numpy.matrix):
        got = "a matrix; numpy.asarray() makes a plain array of it"
    else:
        got = f"dtype {x.dtype}" + "; take .real, .imag or abs()" * (x.dtype.kind == "c")
    raise TypeError(f"{what} must be an array of real numbers or Values, got {got}")


cdef double python_value(unsigned op, double a, double b, double c) except? -1:
    """The value of an operation by Python's function, which may raise."""
    operands = {"a": a, "b": b, "c": c}
    arguments = list(map(operands.__getitem__, ROWS[op].arguments))
    result = PYTHON_FUNCTIONS[op](*arguments)
    if isinstance(result, complex):
        raise ValueError(f"{arguments[0]!r} ** {arguments[1]!r} is complex: a negative base needs an integer exponent")
    return result


cdef double special_value(unsigned op, double a, double b, double c) except? -1:
    """`python_value`, except in a trace, where the C value stands and `Tracer.record` raises."""
    return op_value(op, a, b, c) if special and tracer_here != NULL else python_value(op, a, b, c)


cdef inline double evaluate(unsigned op, double a, double b, double c) except? -1:
    """The value of an operation, raising where Python raises."""
    cdef double r = op_value(op, a, b, c)
    cdef int fallback = op_python_fallback(op)
    if fallback == 2 or (fallback == 1 and not finite(r)):
        return special_value(op, a, b, c)
    return r


cdef double evaluate_numbers(unsigned op, double a, double b) except? -1:
    """The value of a function of numbers. In a trace it raises as an operation on Values does."""
    if special and tracer_here != NULL and op_python_fallback(op) and tracer().handles():
        return python_value(op, a, b, 0.0)
    return evaluate(op, a, b, 0.0)


cdef double checked_value(unsigned op, double a, double b, double c) except? -1:
    """`evaluate` as a function that other modules can `cimport`."""
    return evaluate(op, a, b, c)


# ---------------------------------------------------------------------------------------------------------------------
# Operations
#
# A binary primitive comes as three ops: `op` on two Values, `op_c` with a number on the right, `c_op` with one on the
# left. The inline functions handle the commonest operand types, the functions `..._rest` the others.

cdef inline object unary(unsigned op, Value x):
    return record1(op, evaluate(op, x.node.primal, 0.0, 0.0), 0.0, x)


cdef inline object operate(unsigned op, unsigned op_c, Value x, object y):
    """``x op y``."""
    cdef double c
    if type(y) is Value:
        return record2(op, evaluate(op, x.node.primal, (<Value> y).node.primal, 0.0), x, <Value> y)
    if PyFloat_CheckExact(<PyObject *> y):
        c = PyFloat_AS_DOUBLE(<PyObject *> y)
        return record1(op_c, evaluate(op_c, x.node.primal, 0.0, c), c, x)
    return operate_rest(op, op_c, x, y)


cdef object operate_rest(unsigned op, unsigned op_c, Value x, object y):
    cdef double c
    if isinstance(y, Value):
        return record2(op, evaluate(op, x.node.primal, (<Value> y).node.primal, 0.0), x, <Value> y)
    if number(y, &c):
        return record1(op_c, evaluate(op_c, x.node.primal, 0.0, c), c, x)
    return elementwise(op, x, y) if isinstance(y, numpy.ndarray) else NotImplemented


cdef inline object reflect(unsigned op, unsigned c_op, Value x, object y):
    """``y op x``, where `y` is no Value."""
    cdef double c
    if PyFloat_CheckExact(<PyObject *> y):
        c = PyFloat_AS_DOUBLE(<PyObject *> y)
        return record1(c_op, evaluate(c_op, x.node.primal, 0.0, c), c, x)
    if number(y, &c):
        return record1(c_op, evaluate(c_op, x.node.primal, 0.0, c), c, x)
    return elementwise(op, y, x) if isinstance(y, numpy.ndarray) else NotImplemented


cdef inline object unary_function(unsigned op, object x):
    if type(x) is Value:
        return unary(op, <Value> x)
    return unary_function_rest(op, x)


cdef object unary_function_rest(unsigned op, object x):
    cdef double a
    if number(x, &a):
        return evaluate_numbers(op, a, 0.0)
    if isinstance(x, Value):
        return unary(op, <Value> x)
    if isinstance(x, numpy.ndarray):
        return elementwise(op, x)
    raise TypeError(f"{OP_NAMES[op]}: expected a Value, a number or an array, got {type(x).__name__} {x!r}")


cdef object binary_function(unsigned op, unsigned op_c, unsigned c_op, object x, object y):
    cdef double a, b
    if isinstance(x, Value):
        result = operate(op, op_c, <Value> x, y)
    elif isinstance(y, Value):
        result = reflect(op, c_op, <Value> y, x)
    elif number(x, &a) and number(y, &b):
        return evaluate_numbers(op, a, b)
    elif isinstance(x, numpy.ndarray) or isinstance(y, numpy.ndarray):
        return elementwise(op, x, y)
    else:
        result = NotImplemented
    if result is NotImplemented:
        raise TypeError(
            f"{OP_NAMES[op]}: expected Values, numbers or arrays, got {type(x).__name__} {x!r} and "
            f"{type(y).__name__} {y!r}"
        )
    return result


cdef object elementwise(unsigned op, object x, object y=None):
    """Apply a primitive to arrays: NumPy's function to numbers, ours to arrays of Values."""
    row = ROWS[op]
    operands = (x,) if y is None else (x, y)
    function = globals()[row.name] if row.parameters else row.python_function
    arrays = list(map(numpy.asanyarray, operands))
    for array in arrays:
        check_array(array, f"{OP_NAMES[op]}: an operand")
    if any(array.dtype == object for array in arrays):
        return numpy.frompyfunc(function, len(arrays), 1)(*operands)
    if hasattr(numpy, row.name):
        return getattr(numpy, row.name)(*operands)
    return numpy.asarray(numpy.frompyfunc(function, len(arrays), 1)(*operands), dtype=float)[()]


include "_block.pxi"

include "_backward.pxi"

include "_anomalies.pxi"


# ---------------------------------------------------------------------------------------------------------------------
# Value

# The names of attributes that were set, or that a Value has; any name may be, but one that is ours misspelt.
cdef set accepted_names = set()
cdef str DATA = "data"
cdef str GRAD = "grad"
cdef tuple OUR_NAMES = (DATA, GRAD, "label", "_prev", "_backward")
cdef enum:
    MOST_NAMES = 1000


cdef int accept_name(str name) except -1:
    """Raise AttributeError if the name of a free attribute is a misspelling of one of ours."""
    if not hasattr(Value, name):
        import difflib
        for ours in OUR_NAMES:
            # A mark such as in `grad2` or `_data` is on purpose.
            if (
                name[:1] == ours[:1] and abs(len(name) - len(ours)) <= 1
                and name.strip("_0123456789") != ours.strip("_")
                and (sorted(name) == sorted(ours) or difflib.get_close_matches(name, [ours], 1, 0.8))
            ):
                raise AttributeError(
                    f"a Value has no attribute {name!r}: did you mean {ours!r}? A free attribute needs another name"
                )
    if len(accepted_names) >= MOST_NAMES:
        accepted_names.clear()
    accepted_names.add(name)
    return 0


cdef dict attributes_of(Value value):
    """The instance's __dict__, which is made on first use."""
    cdef dict attributes
    if value.node.attributes == NULL:
        attributes = {}
        Py_INCREF(attributes)
        value.node.attributes = <PyObject *> attributes
    return <dict> value.node.attributes


cdef object attribute(Value value, str name, object default):
    return default if value.node.attributes == NULL else (<dict> value.node.attributes).get(name, default)


cdef int push_custom(Value value) except -1:
    """Add the gradients of a hand-made node to its parents: by its local gradients or its assigned closure."""
    cdef Node *node = &value.node
    cdef Py_ssize_t i
    if node.right != NULL:
        for i in range(PyTuple_GET_SIZE(<PyObject *> node.left)):
            node_of(PyTuple_GET_ITEM(<PyObject *> node.left, i)).adjoint += (
                node.adjoint * PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(<PyObject *> node.right, i))
            )
        return 0
    closure = attribute(value, "_backward", None)
    if closure is not None:
        closure()
    return 0


cdef unsigned inherited_flags(tuple parents) except? 0xFFFF:
    """The flags that a hand-made node inherits from its parents, which must be Values."""
    cdef unsigned flags = 0
    for parent in parents:
        if not isinstance(parent, Value):
            raise TypeError(f"_children must be Values, got {type(parent).__name__} {parent!r}")
        flags |= (<Value> parent).node.flags & (COLLECTABLE | TRACED)
    return flags


cdef tuple as_local_grads(object grads, Py_ssize_t count):
    """The local gradients of a hand-made node of `count` children, as a tuple of floats."""
    if not isinstance(grads, SEQUENCE):
        raise TypeError(f"local_grads must be a tuple or list of numbers, got {type(grads).__name__} {grads!r}")
    cdef list floats = []
    cdef bint are_floats = type(grads) is tuple
    for x in grads:
        are_floats &= PyFloat_CheckExact(<PyObject *> x)
    if not are_floats:
        for x in grads:
            floats.append(as_number(x, "a local gradient"))
        grads = tuple(floats)
    if len(grads) != count:
        raise ValueError(f"local_grads must hold one number for each child, got {len(grads)} for {count}")
    return grads


cdef int make_by_hand(Value value, tuple parents, tuple local_grads) except -1:
    """Make a new Value a hand-made node; `local_grads` may be None."""
    cdef Node *node = &value.node
    cdef unsigned flags = inherited_flags(parents)
    if local_grads is None:
        flags |= COLLECTABLE
    if flags & COLLECTABLE and not PyObject_IS_GC(<PyObject *> value):
        raise TypeError("a hand-made node is made by calling Value(data, children, op)")
    if not recording():
        return 0
    Py_INCREF(parents)
    node.left = <Node *> <PyObject *> parents
    if local_grads is not None:
        Py_INCREF(local_grads)
        node.right = <Node *> <PyObject *> local_grads
    node.stamp = <unsigned> changes
    node.op = OP_CUSTOM
    node.flags |= flags
    if special and anomalies_here:
        examine(value)
    return 0


cdef tuple local_grads(Value value, tuple children):
    """The derivatives of a Value with respect to its children."""
    cdef Node *node = &value.node
    cdef Node *right = node.left if node.right == NULL else node.right
    cdef double own = node.adjoint, a = 0.0, b = 0.0
    cdef list former = [], grads = []
    if node.op == OP_LEAF:
        return ()
    if node.op == OP_CUSTOM and node.right != NULL:
        return <tuple> <PyObject *> node.right
    if node.op != OP_CUSTOM and node.op != OP_OUTPUT:
        op_push(node.op, 1.0, node.primal, node.immediate, &node.left.primal, &right.primal, &a, &b)
        grads = [a, b]
        return tuple(grads[:len(children)])
    # What a Block or a closure adds to the children's gradients for a gradient of one.
    for child in children:
        former.append(child.grad)
    try:
        for child in children:
            child.grad = 0.0
        node.adjoint = 1.0
        value._push_gradient()
        for child in children:
            grads.append(child.grad)
            child.grad = 0.0
    finally:
        node.adjoint = own
        for child, grad in zip(children, former):
            child.grad = grad
    return tuple(grads)


# Unlike Python functions, methods without binding check the type of `self`.
@cython.binding(False)
@cython.embedsignature(True)
@cython.embedsignature.format("clinic")
cdef class Value:
    """Value(data, _children=(), _op="", label="", *, children=(), local_grads=None)
--

    A number that remembers how it was computed.

    Arithmetic on Values is arithmetic on floats, to the bit and with the exceptions of `float` and `math`; `backward`
    fills in the derivatives.

    Parameters
    ----------
    data : real number
        The number, kept as a float.
    _children : iterable of Value, optional
        Makes a hand-made node with these parents. Either give its `local_grads`, or assign its `_backward`, a function
        without arguments that adds to the parents' `grad` what this node's `grad` contributes.
    _op : str, optional
        What a hand-made node shows as its operation; or, as a tuple or list, its `local_grads`.
    label : str, optional
        A name, shown in drawings.
    children : iterable of Value, optional
        The same as `_children`.
    local_grads : tuple or list of real number, optional
        The derivative of a hand-made node with respect to each of its children.

    Attributes
    ----------
    data : float
        May be set on leaves and hand-made nodes.
    grad : float
        The derivative of the last `backward` root with respect to this Value. Leaves accumulate it.
    label : str

    Notes
    -----
    The comparisons compare numbers, while `hash` goes by identity, so that Values serve in sets and as keys. There is
    no ``__float__``: ``math.exp(v)`` would lose the gradient silently; write ``v.exp()``, or ``math.exp(v.data)``.

    A free attribute that refers to something computed from the very Value that bears it keeps both alive.

    Examples
    --------
    >>> a, b = Value(2.0), Value(-3.0, label="b")
    >>> c = a * b + a**2
    >>> c.backward()
    >>> c, a.grad, b.grad
    (Value(data=-2.0, grad=1.0), 1.0, 2.0)
    >>> d = Value(c.data**2, (c,), (2 * c.data,))
    >>> d._children, d._local_grads
    ((Value(data=-2.0, grad=1.0),), (-4.0,))
    """

    __array_priority__ = 1000.0

    def __init__(self, data, _children=(), _op="", label="", *, children=(), local_grads=None):
        cdef Node *node = &self.node
        if node.op != OP_LEAF:
            raise RuntimeError("a computed Value cannot be initialised again")
        change_primal(node, as_number(data, "data"), next_change())
        if node.flags & SHARED:
            touch_shared()
        if label != "":
            self.label = label
        if isinstance(_op, SEQUENCE) and local_grads is None:
            _op, local_grads = "", _op
        if not isinstance(_op, str):
            raise TypeError(f"_op must be a str, got {type(_op).__name__} {_op!r}")
        if _op:
            attributes_of(self)["_op"] = _op
        parents = (*_children, *children)
        if local_grads is not None:
            local_grads = as_local_grads(local_grads, len(parents))
        if not parents:
            if special and tracer_here != NULL:
                tracer().record(self)
            return
        forbid_in_trace("a node was made by hand, which has a derivative that only custom_vjp could make known,")
        make_by_hand(self, parents, local_grads)

    @property
    def data(self):
        """The number."""
        return read(self)

    @data.setter
    def data(self, value):
        if self.node.op != OP_LEAF and self.node.op != OP_CUSTOM:
            raise AttributeError(
                f"data of a Value computed by {self._op!r} cannot be set: set the leaves and compute it again, or "
                "take detach()"
            )
        forbid_in_trace("data was set")
        change_primal(&self.node, as_number(value, "data"), next_change())
        if self.node.flags & SHARED:
            touch_shared()

    @data.deleter
    def data(self):
        raise AttributeError("data cannot be deleted")

    @property
    def grad(self):
        """The derivative of the last `backward` root with respect to this Value."""
        forbid_in_trace("grad was looked at")
        settle(&self.node)
        return self.node.adjoint

    @grad.setter
    def grad(self, value):
        cdef double grad = as_number(value, "grad")
        forbid_in_trace("grad was set")
        settle(&self.node)
        self.node.adjoint = grad
        self.node.cursor = True

    @grad.deleter
    def grad(self):
        raise AttributeError("grad cannot be deleted")

    @property
    def label(self):
        """A name, shown in drawings."""
        return attribute(self, "label", "")

    @label.setter
    def label(self, text):
        if not isinstance(text, str):
            raise TypeError(f"label must be a str, got {type(text).__name__} {text!r}")
        attributes_of(self)["label"] = text

    @label.deleter
    def label(self):
        self.label = ""

    # -- micrograd's inside

    @property
    def _op(self):
        """The operation that made this Value; empty for a leaf."""
        cdef unsigned op = self.node.op
        if op == OP_LEAF or op == OP_CUSTOM:
            return attribute(self, "_op", "")
        if op == OP_OUTPUT:
            return (<Block> block_around(self.node.left)).name()
        return ops.label(OP_NAMES[op], self.node.immediate)

    @_op.setter
    def _op(self, text):
        if self.node.op != OP_CUSTOM:
            raise AttributeError("_op can be set on nodes made by hand, as Value(data, children, op)")
        if not isinstance(text, str):
            raise TypeError(f"_op must be a str, got {type(text).__name__} {text!r}")
        attributes_of(self)["_op"] = text

    @_op.deleter
    def _op(self):
        raise AttributeError("_op cannot be deleted")

    @property
    def _operands(self):
        """The parents in the order of the operation, a number that was an operand as a float."""
        cdef Node *node = &self.node
        if node.op == OP_LEAF:
            return ()
        if node.op == OP_CUSTOM:
            return <object> <PyObject *> node.left
        if node.op == OP_OUTPUT:
            return tuple((<Block> block_around(node.left)).parents())
        operands = {"a": <object> owner(node.left), "c": node.immediate}
        if node.right != NULL:
            operands["b"] = <object> owner(node.right)
        return tuple(map(operands.__getitem__, ROWS[node.op].arguments))

    @property
    def _prev(self):
        """The set of parents; a number that was an operand appears as a leaf."""
        return {x if isinstance(x, Value) else new_leaf(x) for x in self._operands}

    @_prev.setter
    def _prev(self, parents):
        cdef Node *node = &self.node
        cdef PyObject *former = <PyObject *> node.left
        if node.op != OP_CUSTOM or node.right != NULL:
            raise AttributeError(
                "_prev can be set on nodes made by hand without local gradients, as Value(data, children, op)"
            )
        if node.mark:
            raise RuntimeError("_prev was set while a backward pass went through the node")
        parents = tuple(parents)
        node.flags |= inherited_flags(parents)
        Py_INCREF(parents)
        node.left = <Node *> <PyObject *> parents
        node.stamp = <unsigned> changes
        Py_XDECREF(former)

    @_prev.deleter
    def _prev(self):
        raise AttributeError("_prev cannot be deleted")

    @property
    def _children(self):
        """The parents in the order of the operation, as a tuple; a number that was an operand is not among them."""
        cdef list children = []
        for x in self._operands:
            if isinstance(x, Value):
                children.append(x)
        return tuple(children)

    @property
    def _local_grads(self):
        """The derivative of this Value with respect to each of its `_children`.

        For the output of a Block and a node with an assigned `_backward`, a child that occurs more than once has the
        whole of its derivative at the first place and zero at the others.
        """
        forbid_in_trace("local gradients were looked at")
        return local_grads(self, self._children)

    @property
    def _backward(self):
        """A function that adds this node's gradients to the `grad` of its parents, once.

        May be assigned on hand-made nodes.
        """
        return attribute(self, "_backward", self._push_gradient)

    @_backward.setter
    def _backward(self, closure):
        if not callable(closure):
            raise TypeError(f"_backward must be callable, got {type(closure).__name__} {closure!r}")
        cdef bint has_local_grads = self.node.op == OP_CUSTOM and self.node.right != NULL
        is_computed = self.node.op != OP_LEAF and self.node.op != OP_CUSTOM
        if is_computed or has_local_grads or not PyObject_IS_GC(<PyObject *> self):
            raise AttributeError(
                "_backward can be assigned on nodes made by hand, as Value(data, children, op); this Value "
                + (f"was computed by {self._op!r}" if is_computed else
                   "has local gradients" if has_local_grads else "is a leaf")
            )
        attributes_of(self)["_backward"] = closure

    @_backward.deleter
    def _backward(self):
        attributes_of(self).pop("_backward", None)

    @property
    def _block(self):
        """The Block that this Value is an output of, or None."""
        return <Block> block_around(self.node.left) if self.node.op == OP_OUTPUT else None

    def _push_gradient(self):
        """Add this node's gradients to the `grad` of its parents, once.

        An output of a Block passes on what it contributes alone, as if the gradients of the other outputs were zero.
        """
        cdef Block block
        if self.node.op == OP_OUTPUT:
            block = <Block> block_around(self.node.left)
            start_adjoints(block)
            push_output(&self.node)
            block.push()
        elif self.node.op == OP_CUSTOM:
            push_custom(self)
        elif self.node.op != OP_LEAF:
            push_node(&self.node)

    # -- the engine

    def backward(self, gradient=1.0):
        """Compute the derivatives of this Value with respect to everything it was computed from.

        Parameters
        ----------
        gradient : real number, default 1.0
            The derivative of the final result with respect to this Value.

        Raises
        ------
        TypeError
            If `gradient` is no real number.
        RuntimeError
            If the data of a leaf was set after the graph had read it; or in an assigned `_backward`, if the running
            pass goes through the graph.

        Notes
        -----
        The `grad` of leaves accumulates over calls; that of computed Values starts afresh in every call. The order of
        the sweep is deterministic, and depth is bounded by memory only.

        Examples
        --------
        >>> x = Value(3.0)
        >>> y = x * x
        >>> y.backward()
        >>> y.backward()
        >>> x.grad, y.grad
        (12.0, 1.0)
        """
        run_backward(self, as_number(gradient, "gradient"))

    def item(self):
        """Return the number as a float."""
        return read(self)

    def detach(self):
        """Return a new leaf of the same number, which passes no gradient on."""
        if special and tracer_here != NULL:
            return stop_gradient(self)
        return new_node(OP_LEAF, self.node.primal, 0.0, self.node.flags & TRACED)

    # -- operators

    def __add__(self, other):
        return operate(OP_ADD, OP_ADD_C, self, other)

    def __radd__(self, other):
        return reflect(OP_ADD, OP_ADD_C, self, other)

    def __sub__(self, other):
        return operate(OP_SUB, OP_SUB_C, self, other)

    def __rsub__(self, other):
        return reflect(OP_SUB, OP_C_SUB, self, other)

    def __mul__(self, other):
        return operate(OP_MUL, OP_MUL_C, self, other)

    def __rmul__(self, other):
        return reflect(OP_MUL, OP_MUL_C, self, other)

    def __truediv__(self, other):
        return operate(OP_DIV, OP_DIV_C, self, other)

    def __rtruediv__(self, other):
        return reflect(OP_DIV, OP_C_DIV, self, other)

    def __floordiv__(self, other):
        return operate(OP_FLOOR_DIVIDE, OP_FLOOR_DIVIDE_C, self, other)

    def __rfloordiv__(self, other):
        return reflect(OP_FLOOR_DIVIDE, OP_C_FLOOR_DIVIDE, self, other)

    def __mod__(self, other):
        return operate(OP_REMAINDER, OP_REMAINDER_C, self, other)

    def __rmod__(self, other):
        return reflect(OP_REMAINDER, OP_C_REMAINDER, self, other)

    def __divmod__(self, other):
        quotient = self.__floordiv__(other)
        return NotImplemented if quotient is NotImplemented else (quotient, self.__mod__(other))

    def __rdivmod__(self, other):
        quotient = self.__rfloordiv__(other)
        return NotImplemented if quotient is NotImplemented else (quotient, self.__rmod__(other))

    def __pow__(self, other, modulo):
        return operate(OP_POW, OP_POW_C, self, other) if modulo is None else NotImplemented

    def __rpow__(self, other, modulo):
        return reflect(OP_POW, OP_C_POW, self, other) if modulo is None else NotImplemented

    def __neg__(self):
        return unary(OP_NEG, self)

    def __pos__(self):
        return self

    def __abs__(self):
        return unary(OP_ABS, self)

    def __round__(self, ndigits=None):
        return unary(OP_RINT, self) if ndigits is None else operate(OP_ROUND_TO, OP_ROUND_TO_C, self, index(ndigits))

    def __floor__(self):
        return unary(OP_FLOOR, self)

    def __ceil__(self):
        return unary(OP_CEIL, self)

    def __trunc__(self):
        return unary(OP_TRUNC, self)

    def conjugate(self):
        """Return the Value itself, as a float does; NumPy's `var` and `vdot` ask for it."""
        return self

    def __bool__(self):
        if special and tracer_here != NULL:
            tracer().decide(self)
        elif self.node.flags & TRACED:
            forbid_outside("its truth was asked for")
        return self.node.primal != 0.0

    def __setattr__(self, name, value):
        # First what a loop sets.
        if name is not DATA and name is not GRAD and name not in accepted_names and type(self) is Value:
            accept_name(name)
        PyObject_GenericSetAttr(self, name, value)

    def __index__(self):
        if special and tracer_here != NULL:
            raise TypeError(
                "a Value was used as a plain number (an index, a number of steps, an item of an array of floats, to "
                "multiply a sequence, or by int, float or math) while a function is traced, where it stands for any "
                "number: "
                f"{REMEDY_IN_TRACE}, or use where(), the functions of autograd and arrays with dtype=object"
            )
        raise TypeError(
            "a Value was used as a plain number (an index, a number of steps, an item of an array of floats, to "
            "multiply a sequence, or by int, float or math), which would lose its gradient: take .data, the functions "
            f"of autograd, or an array with dtype=object; got {self!r}"
        )

    def __hash__(self):
        if special and tracer_here != NULL and self.node.flags & TRACED:
            raise TypeError(
                "a Value was used as a key of a dict or a member of a set while a function is traced, where no number "
                f"is found to be equal to it: {REMEDY_IN_TRACE}, use where(), or take id(value) as the key"
            )
        return (<Py_ssize_t> <PyObject *> self) >> 4

    def __richcmp__(self, other, int comparison):
        cdef double a = (<Value> self).node.primal
        cdef double b
        if special and tracer_here != NULL:
            traced_result = tracer().compare(<Value> self, other, comparison)
            if traced_result is not None:
                return traced_result
        elif self.node.flags & TRACED:
            forbid_outside("it was compared")
        if isinstance(other, Value):
            b = (<Value> other).node.primal
        elif PyFloat_Check(<PyObject *> other):
            b = PyFloat_AS_DOUBLE(<PyObject *> other)
        elif type(other) in NUMPY_SCALARS:
            # By its own number: NumPy would round ours to the type of the other.
            b = numpy_number(other)
        elif isinstance(other, COMPARABLE):
            # As a float compares: exactly with integers and fractions of any size.
            return PyObject_RichCompare(read(<Value> self), other, comparison)
        else:
            return NotImplemented
        if comparison == Py_LT:
            return a < b
        if comparison == Py_LE:
            return a <= b
        if comparison == Py_GT:
            return a > b
        if comparison == Py_GE:
            return a >= b
        return (a == b) == (comparison == Py_EQ)

    # -- text and copies

    def __repr__(self):
        if self.node.flags & TRACED and tracer_here == NULL:
            # Not an error, since errors show what they are about.
            return "<Value of a trace that is over>"
        settle(&self.node)
        return f"Value(data={read(self)!r}, grad={self.node.adjoint!r})"

    def _repr_html_(self):
        """The Value as a small table, for notebooks."""
        return _hooks.call("value_to_html", self)

    def __format__(self, str specification not None):
        return format(read(self), specification) if specification else repr(self)

    def __reduce__(self):
        if self.node.op != OP_LEAF:
            raise TypeError(
                f"a Value computed by {self._op!r} cannot be copied or pickled, for its graph would have to go along; "
                "take detach() for the number alone"
            )
        if hasattr(self, "__getstate__"):
            state = self.__getstate__()
        else:  # Python 3.10
            state = None if self.node.attributes == NULL else <object> self.node.attributes
            slots = {name: getattr(self, name) for name in copyreg._slotnames(type(self)) if hasattr(self, name)}
            if slots:
                state = state, slots
        return type(self)._restore, (read(self), self.grad), state

    @classmethod
    def _restore(cls, data, grad):
        """Make the copy of a leaf. A pickle names it by the class, which is public."""
        cdef Value value = cls.__new__(cls)
        value.data = data
        value.grad = grad
        return value


def _call(*arguments, **keywords):
    """The cases of ``Value(...)`` that are more than one number."""
    cdef tuple parents = ()
    cdef unsigned flags
    if len(arguments) > 1:
        parents = tuple(arguments[1])
        arguments = (arguments[0], parents, *arguments[2:])
    for name in ("_children", "children"):
        if name in keywords:
            keywords[name] = tuple(keywords[name])
            parents += keywords[name]
    flags = inherited_flags(parents)
    op = arguments[2] if len(arguments) > 2 else keywords.get("_op")
    if parents and keywords.get("local_grads") is None and not isinstance(op, SEQUENCE):
        flags |= COLLECTABLE
    cdef Value value = new_node(OP_LEAF, 0.0, 0.0, flags)
    value.__init__(*arguments, **keywords)
    return value


cdef object value_vectorcall(PyObject *kind, PyObject **arguments, size_t nargsf, PyObject *keywords):
    """``Value(...)``: a node with an assigned `_backward` needs room for the collector before it is initialised."""
    cdef Py_ssize_t count = 0 if keywords != NULL else PyVectorcall_NARGS(nargsf)
    cdef Value value
    if count == 1:
        return new_leaf(as_number(<object> arguments[0], "data"))
    if count == 3 and not special and type(<object> arguments[1]) is tuple and type(<object> arguments[2]) is tuple:
        # Scripts make every node so: a fifth of the time of the general case.
        parents = <tuple> arguments[1]
        grads = as_local_grads(<object> arguments[2], len(parents))
        value = new_node(OP_LEAF, as_number(<object> arguments[0], "data"), 0.0, inherited_flags(parents))
        if parents:
            make_by_hand(value, parents, grads)
        return value
    return PyObject_Vectorcall(_call, arguments, nargsf, keywords)


cdef int set_up_types() except -1:
    """Install what Cython has no syntax for.

    A `cdef dict __dict__` would make a dict for every node and cost half a multiplication; with the offsets, CPython
    makes it on first use. The type is one of the collector's, so that subclasses and hand-made nodes can be collected,
    but `tp_is_gc` exempts all other nodes, as it does static types among type objects. Methods may be assigned to the
    type, as to a class of Python.
    """
    global traverse_attributes
    cdef TypeSlots *slots = <TypeSlots *> Value
    cdef Node node
    slots.tp_name = "autograd.Value"
    slots.tp_dictoffset = sizeof(PyObject) + (<char *> &node.attributes - <char *> &node)
    slots.tp_weaklistoffset = sizeof(PyObject) + (<char *> &node.weak_references - <char *> &node)
    slots.tp_dealloc = value_dealloc
    slots.tp_traverse = value_traverse
    slots.tp_clear = value_clear
    slots.tp_is_gc = value_is_gc
    slots.tp_alloc = value_alloc
    slots.tp_free = PyObject_GC_Del
    slots.tp_flags |= Py_TPFLAGS_HAVE_GC
    slots.tp_flags &= ~<unsigned long> Py_TPFLAGS_IMMUTABLETYPE
    slots.tp_vectorcall = <void *> value_vectorcall
    add_dict(<PyTypeObject *> Value)
    methods = <dict> slots.tp_dict
    for name in OP_FUNCTIONS:
        methods[name] = globals()[name]
    PyType_Modified(<PyTypeObject *> Value)
    traverse_attributes = (<TypeSlots *> Block).tp_traverse
    (<TypeSlots *> Block).tp_traverse = block_traverse
    return 0


set_up_types()
