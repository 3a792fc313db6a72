"""`where`: a choice between two values that every replay of a trace makes again."""

cimport cython

import numpy

from autograd._core cimport Block, Value, add_input, check_array, new_leaf, new_output, number, receive, set_sizes
from autograd._ir.code cimport Code
from autograd._program.tracing cimport tracing


@cython.internal
@cython.auto_pickle(False)
cdef class Where(Block):
    """Records a choice between two Values in a trace."""

    cdef str name(self):
        return "where"

    cdef list lower(self, object code, list operands):
        condition, x, y = operands
        return [(<Code> code).where(condition, x, y)]

    cdef int push(self) except -1:
        receive(self.inputs[1 if self.inputs[0].primal != 0.0 else 2], self.adjoints[0])
        return 0


def where(condition, x, y, /):
    """Choose between two values: `x` where the condition holds, else `y`.

    In a traced function both values are computed and every point makes its own choice; an ``if`` would specialize the
    program to one branch. The value that is not chosen receives no gradient.

    Parameters
    ----------
    condition : bool, Value, number or array
        For example a comparison of two Values. A number is true if it is not zero.
    x, y : Value, number or array

    Returns
    -------
    Value, float or array
        Elementwise if an argument is an array.

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
    for argument in (condition, x, y):
        check_array(numpy.asanyarray(argument), "where: an operand")
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
