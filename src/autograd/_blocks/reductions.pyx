"""Functions of a sequence of Values, each call one node.

A function with one output computes its derivatives along with its value; they overwrite the entries.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsDouble, PyLong_CheckExact
from cpython.object cimport PyObject
from libc.math cimport INFINITY, exp, isnan, log1p
from libc.string cimport memcpy

from autograd._core cimport Block, Value, add_input, check_array, number, receive, set_sizes
from autograd._ir.code cimport NONE, Code, is_constant
from autograd._ir.opcodes cimport LANE_WHERE_EQ

import numpy

cdef extern from "Python.h":
    PyObject *PySequence_Fast_GET_ITEM(object, Py_ssize_t) noexcept

cdef extern from "_kernels/pairs.h" nogil:
    enum:
        OP_ADD
        OP_SUB
        OP_MUL
        OP_DIV
        OP_EXP
        OP_LOG1P
        OP_LESS
        OP_DIFFERENCE
    double op_difference(double a, double b) noexcept
    double op_pairs(unsigned op, Py_ssize_t n, double *x, double *y, double c) noexcept


include "gathering.pxi"


cdef int check_not_empty(Gathered block) except -1:
    if not block.size:
        raise ValueError(f"{block.operation} expects at least one value, got none")
    return 0


# ---------------------------------------------------------------------------------------------------------------------
# One output

@cython.auto_pickle(False)
cdef class Reduction(Gathered):
    """A function with one output, ``f(entries) / divisor``; f is the sum, unless a subclass overrides it."""

    cdef double reduce(self) noexcept:
        cdef double *x = self.entries
        cdef double value = x[0] if self.size else 0.0
        cdef Py_ssize_t i
        for i in range(1, self.size):
            value += x[i]
        for i in range(self.size):
            x[i] = 1.0
        return value

    cdef unsigned emit_reduction(self, Code code, list entries) except? 0xFFFFFFFF:
        return emit_sum(code, entries)

    cdef int evaluate(self, double *primals) except -1:
        primals[0] = self.reduce() / self.divisor
        return 0

    cdef list emit(self, Code code, list entries):
        return [code.emit(OP_DIV, self.emit_reduction(code, entries), code.constant(self.divisor))]

    cdef int push(self) except -1:
        cdef double g = self.adjoints[0] / self.divisor
        cdef Py_ssize_t k
        for k in range(self.input_count):
            receive(self.inputs[k], g * self.entries[self.positions[k]])
        return 0


cdef object finish(Reduction block, double divisor=1.0):
    block.divisor = divisor
    return result(block, 0, compute(block)[0])


cdef unsigned emit_sum(Code code, list terms) except? 0xFFFFFFFF:
    """Emit the sum of instructions, from left to right."""
    cdef unsigned total = terms[0] if terms else code.constant(0.0)
    cdef Py_ssize_t i
    for i in range(1, len(terms)):
        total = code.emit(OP_ADD, total, terms[i])
    return total


def sum(values, /):
    """Sum of Values and numbers, from left to right.

    Parameters
    ----------
    values : iterable of Value or number

    Returns
    -------
    Value or float
        A float if there is no Value among them; 0.0 for an empty sequence.

    Examples
    --------
    >>> from autograd import Value
    >>> sum([Value(1.0), 2.0, Value(3.0)])
    Value(data=6.0, grad=0.0)
    """
    cdef Reduction block = Reduction.__new__(Reduction)
    gather_values(block, "sum", values)
    return finish(block)


def mean(values, /):
    """Arithmetic mean of Values and numbers.

    Parameters
    ----------
    values : iterable of Value or number, shape (n,)

    Returns
    -------
    Value or float
        A float if there is no Value among them.

    Raises
    ------
    ValueError
        If there is no value.

    Examples
    --------
    >>> from autograd import Value
    >>> mean([Value(1.0), 2.0])
    Value(data=1.5, grad=0.0)
    """
    cdef Reduction block = Reduction.__new__(Reduction)
    gather_values(block, "mean", values)
    check_not_empty(block)
    return finish(block, <double> block.size)


@cython.auto_pickle(False)
cdef class PairSum(Reduction):
    """A sum over pairs from left to right; the entries are all first operands, then all second ones."""

    cdef double reduce(self) noexcept:
        cdef Py_ssize_t n = self.size // 2
        return op_pairs(self.op, n, self.entries, self.entries + n, self.parameter)

    cdef unsigned emit_reduction(self, Code code, list entries) except? 0xFFFFFFFF:
        cdef Py_ssize_t i, n = self.size // 2
        cdef unsigned c = 0 if self.op == OP_MUL else code.constant(self.parameter)
        cdef list terms = []
        for i in range(n):
            terms.append(code.emit(self.op, entries[i], entries[n + i], c))
        return emit_sum(code, terms)


def dot(xs, ys, /):
    """Sum of the products of two sequences of Values and numbers, from left to right.

    Parameters
    ----------
    xs, ys : iterable of Value or number, shape (n,)

    Returns
    -------
    Value or float
        A float if there is no Value among them; 0.0 if both are empty.

    Raises
    ------
    ValueError
        If the lengths differ.

    Examples
    --------
    >>> from autograd import Value
    >>> dot([Value(1.0), Value(2.0)], [3.0, 4.0])
    Value(data=11.0, grad=0.0)
    """
    cdef PairSum block = PairSum.__new__(PairSum)
    xs = sequence("dot", "values", xs)
    ys = sequence("dot", "values", ys)
    cdef Py_ssize_t n = len(xs)
    if n != len(ys):
        raise ValueError(f"dot expects sequences of one length, got {n} and {len(ys)}")
    make_room(block, "dot", 2 * n, 1)
    gather(block, xs, n, "x")
    gather(block, ys, n, "y")
    block.op = OP_MUL
    return finish(block)


# ---------------------------------------------------------------------------------------------------------------------
# Exponentials of a row of scores
#
# All formulas use the largest score `m` and `rest`, the sum of ``exp(x - m)`` over the other scores. The exponential of
# the largest, 1, is kept apart because adding it would round small terms away. Equal scores have the difference 0, even
# if infinite, so that functions of differences take their limit for equal scores.

cdef Py_ssize_t largest(const double *x, Py_ssize_t n) noexcept nogil:
    """Return the index of the first largest number, or of a nan if there is one."""
    cdef Py_ssize_t top = 0
    cdef Py_ssize_t i
    for i in range(1, n):
        if x[i] > x[top] or isnan(x[i]):
            top = i
    return top


cdef double exponentials(double *x, Py_ssize_t n, Py_ssize_t top) noexcept nogil:
    """Replace x by ``exp(x - x[top])``, with `top` the index of the largest, and return the sum of all others."""
    cdef double m = x[top]
    cdef double rest = 0.0
    cdef Py_ssize_t i
    for i in range(n):
        if i != top:
            x[i] = exp(op_difference(x[i], m))
            rest += x[i]
    x[top] = m if isnan(m) else 1.0
    return rest


cdef void normalise(double *x, Py_ssize_t n, double divisor) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        x[i] /= divisor


cdef int emit_score(Code code, unsigned x, unsigned *top, unsigned *rest, unsigned excluded=NONE) except -1:
    """Update the largest score and the rest with a score, except where `excluded` is true."""
    cdef unsigned larger = code.emit(OP_LESS, top[0], x)
    cdef unsigned term = code.where(
        larger, code.emit(OP_DIFFERENCE, top[0], x), code.emit(OP_DIFFERENCE, x, top[0]))
    if excluded != NONE:
        term = code.where(excluded, code.constant(-INFINITY), term)
    term = code.emit(OP_EXP, term)
    rest[0] = code.where(
        larger,
        code.emit(OP_MUL, code.emit(OP_ADD, rest[0], code.constant(1.0)), term),
        code.emit(OP_ADD, rest[0], term))
    top[0] = code.where(larger, x, top[0])
    return 0


cdef int emit_scores(Code code, list scores, unsigned *top, unsigned *rest) except -1:
    """Emit the largest of all scores, and the rest."""
    cdef Py_ssize_t i
    top[0], rest[0] = scores[0], code.constant(0.0)
    for i in range(1, len(scores)):
        emit_score(code, scores[i], top, rest)
    return 0


@cython.internal
@cython.auto_pickle(False)
cdef class LogSumExp(Reduction):
    """``m + log1p(rest)``."""

    cdef double reduce(self) noexcept:
        cdef double *x = self.entries
        cdef Py_ssize_t top = largest(x, self.size)
        cdef double m = x[top]
        cdef double rest = exponentials(x, self.size, top)
        normalise(x, self.size, INFINITY if m == -INFINITY else x[top] + rest)
        return m + log1p(rest)

    cdef unsigned emit_reduction(self, Code code, list entries) except? 0xFFFFFFFF:
        cdef unsigned top, rest
        cdef unsigned lowest = code.constant(-INFINITY)
        emit_scores(code, entries, &top, &rest)
        return code.emit(LANE_WHERE_EQ, top, lowest, lowest, code.emit(OP_ADD, top, code.emit(OP_LOG1P, rest)))


def logsumexp(values, /):
    """Logarithm of the sum of the exponentials, a smooth maximum.

    With m the largest of the values it is ``m + log(sum of exp(x - m))``, which does not overflow. The derivatives are
    the exponentials' shares of their sum; equal values have equal shares, even if infinite, but where all are -inf the
    derivatives are 0.

    Parameters
    ----------
    values : iterable of Value or number, shape (n,)

    Returns
    -------
    Value or float
        A float if there is no Value among them.

    Raises
    ------
    ValueError
        If there is no value.

    Examples
    --------
    >>> logsumexp([1000.0, 1000.0])
    1000.6931471805599
    """
    cdef LogSumExp block = LogSumExp.__new__(LogSumExp)
    gather_values(block, "logsumexp", values)
    check_not_empty(block)
    return finish(block)


# ---------------------------------------------------------------------------------------------------------------------
# One output for each entry

@cython.internal
@cython.auto_pickle(False)
cdef class Softmax(Gathered):
    """Probabilities ``exp(x - m) / (1 + rest)``, or their logarithms ``x - m - log1p(rest)``.

    The probabilities overwrite the entries.
    """
    cdef bint logarithmic
    # The index of the largest probability, and the sum of all others.
    cdef Py_ssize_t top
    cdef double rest

    cdef int evaluate(self, double *primals) except -1:
        cdef Py_ssize_t i, n = self.size
        cdef double *x = self.entries
        cdef Py_ssize_t top = largest(x, n)
        cdef double m = x[top]
        cdef double rest, divisor, correction
        if self.logarithmic:
            for i in range(n):
                primals[i] = op_difference(x[i], m)
        rest = exponentials(x, n, top)
        divisor = x[top] + rest
        correction = log1p(rest) if self.logarithmic else 0.0
        normalise(x, n, divisor)
        for i in range(n):
            primals[i] = primals[i] - correction if self.logarithmic else x[i]
        self.top = top
        self.rest = rest / divisor
        return 0

    cdef list emit(self, Code code, list entries):
        cdef list outputs = []
        cdef unsigned top, rest, difference
        emit_scores(code, entries, &top, &rest)
        for x in entries:
            difference = code.emit(OP_DIFFERENCE, x, top)
            outputs.append(
                code.emit(OP_SUB, difference, code.emit(OP_LOG1P, rest)) if self.logarithmic else
                code.emit(OP_DIV, code.emit(OP_EXP, difference), code.emit(OP_ADD, code.constant(1.0), rest)))
        return outputs

    cdef int push(self) except -1:
        cdef double *g = self.adjoints
        cdef double *p = self.entries
        cdef Py_ssize_t top = self.top
        cdef double others = 0.0
        cdef Py_ssize_t i, k
        # With p[top] nearly 1 the gradient at `top` would cancel in the usual formulas, g - p * sum(g) and
        # p * (g - sum(p * g)).
        for i in range(self.output_count):
            if i != top:
                others += g[i] if self.logarithmic else p[i] * (g[i] - g[top])
        for k in range(self.input_count):
            i = self.positions[k]
            if not self.logarithmic:
                receive(self.inputs[k], p[i] * (g[i] - g[top] - others))
            elif i == top:
                receive(self.inputs[k], g[top] * self.rest - p[top] * others)
            else:
                receive(self.inputs[k], g[i] - p[i] * (others + g[top]))
        return 0


def softmax(values, /):
    """Probabilities proportional to the exponentials, ``exp(x) / sum of exp(x)``, without overflow.

    Parameters
    ----------
    values : iterable of Value or number, shape (n,)

    Returns
    -------
    list of Value or float, shape (n,)
        Floats if there is no Value among them.

    Raises
    ------
    ValueError
        If there is no value.

    Notes
    -----
    Equal scores have equal probabilities, even if infinite.

    Examples
    --------
    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    return probabilities("softmax", values, False)


def log_softmax(values, /):
    """Logarithms of the probabilities of `softmax`, accurate where these underflow or are nearly 1.

    Parameters
    ----------
    values : iterable of Value or number, shape (n,)

    Returns
    -------
    list of Value or float, shape (n,)
        Floats if there is no Value among them.

    Raises
    ------
    ValueError
        If there is no value.

    Examples
    --------
    >>> log_softmax([0.0, 1000.0])
    [-1000.0, 0.0]
    """
    return probabilities("log_softmax", values, True)


cdef list probabilities(str function, object values, bint logarithmic):
    cdef Softmax block = Softmax.__new__(Softmax)
    block.logarithmic = logarithmic
    gather_values(block, function, values, True)
    check_not_empty(block)
    return results(block, compute(block))
