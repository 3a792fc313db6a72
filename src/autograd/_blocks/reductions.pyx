"""Functions of many Values, each call one node.

A call reads its sequences into one array of doubles, the entries; the rest is loops in C. Most functions have one
output, whose partial derivatives are known as soon as its value is: a kernel returns the value and leaves the
derivatives in the place of the entries.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsDouble, PyLong_CheckExact
from cpython.object cimport PyObject
from libc.math cimport exp, isinf, isnan, log1p
from libc.string cimport memcpy

from autograd._core cimport (
    Value, add_input, current_tracer, new_leaf, new_output, number, receive, recording, set_sizes,
)
from autograd._program.tracing cimport tracing

import operator

import numpy

from autograd._blocks import scalar as _scalar

cdef extern from "Python.h":
    PyObject *PySequence_Fast_GET_ITEM(object, Py_ssize_t) noexcept
    Py_ssize_t PyNumber_AsSsize_t(object, PyObject *) except? -1

cdef extern from "_kernels/ops.h" nogil:
    enum:
        OP_RELU
        OP_SOFTPLUS
    double op_value(unsigned op, double a, double b, double c) noexcept
    void op_push(unsigned op, double g, double r, double c, const double *pa, const double *pb,
                 double *ga, double *gb) noexcept


# ---------------------------------------------------------------------------------------------------------------------
# Reading sequences

@cython.auto_pickle(False)
cdef class Gathered(Block):
    """A function of sequences."""

    cdef str name(self):
        return self.operation


cdef int make_room(Gathered block, str operation, Py_ssize_t entries, Py_ssize_t outputs) except -1:
    set_sizes(block, entries, outputs + 2 * entries)
    block.operation = operation
    block.output_count = outputs
    block.entries = block.adjoints + outputs
    block.capacity = entries
    block.positions = <Py_ssize_t *> (block.entries + entries)
    return 0


cdef object as_sequence(object values):
    if type(values) is list or type(values) is tuple:
        return values
    if isinstance(values, numpy.ndarray):
        if type(values) is numpy.ndarray and values.ndim == 1 and values.dtype.kind in "fiub":
            return numpy.ascontiguousarray(values, numpy.float64)
        values = values.tolist()
    try:
        iterator = iter(values)
    except TypeError:
        return None
    return list(iterator)


cdef object sequence(str function, str what, object values):
    items = as_sequence(values)
    if items is None:
        raise TypeError(f"{function} expects a sequence of {what}, got {type(values).__name__}")
    return items


cdef bint is_row(object x):
    return type(x) is list or hasattr(x, "__len__")


cdef list rows_of(str function, str what, object values):
    """The rows of `values`, as sequences."""
    rows = []
    for i, row in enumerate(values):
        if not is_row(row):
            raise TypeError(f"{function} expects a row of {what} at index {i}, got {type(row).__name__}")
        rows.append(sequence(function, what, row))
    return rows


cdef Py_ssize_t total_length(list rows) except -1:
    cdef Py_ssize_t length = 0
    for row in rows:
        length += len(row)
    return length


cdef str place(Py_ssize_t i, str within, Py_ssize_t index):
    return f"{i} of {within} {index}" if within else f"{i}"


cdef int gather(Gathered block, object row, Py_ssize_t n, str what, str within="", Py_ssize_t index=0) except -1:
    cdef Py_ssize_t done = gather_items(block, row, n)
    if done == n:
        return 0
    if done < 0 or len(row) != n:
        raise changed(block)
    raise TypeError(
        f"{block.operation} expects {what} {place(done, within, index)} to be one number, got "
        f"{type(row[done]).__name__}"
    )


cdef object changed(Gathered block):
    # Converting a number of a foreign type may run Python code, which may do anything to the sequences.
    return RuntimeError(f"{block.operation}: a sequence changed its length while it was read")


cdef Py_ssize_t gather_items(Gathered block, object row, Py_ssize_t n) except -2:
    """Append entries up to one that is no number, and return how many they are; -1 if there is no room for n."""
    cdef Py_ssize_t i
    cdef PyObject *x
    if n > block.capacity - block.size:
        return -1
    if isinstance(row, numpy.ndarray):
        return gather_array(block, row, n)
    for i in range(n):
        x = PySequence_Fast_GET_ITEM(row, i)
        if type(<object> x) is Value:
            append_input(block, <Value> x)
        elif PyFloat_CheckExact(<object> x):
            append(block, PyFloat_AS_DOUBLE(<object> x))
        elif PyLong_CheckExact(<object> x):
            append(block, PyLong_AsDouble(<object> x))
        elif not append_other(block, <object> x) or len(row) != n:
            return i
    return n


cdef Py_ssize_t gather_array(Gathered block, object array, Py_ssize_t n) except -2:
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, PyBUF_SIMPLE)
    cdef bint fits = view.len == <Py_ssize_t> (n * sizeof(double))
    if fits:
        memcpy(block.entries + block.size, view.buf, view.len)
        block.size += n
    PyBuffer_Release(&view)
    return n if fits else -1


cdef inline void append(Gathered block, double x) noexcept:
    block.entries[block.size] = x
    block.size += 1


cdef inline void append_input(Gathered block, Value value) noexcept:
    block.positions[block.input_count] = block.size
    add_input(block, value)
    append(block, value.node.primal)


cdef bint append_other(Gathered block, object x) except -1:
    """Append an instance of a subclass of Value, or a number of any kind; return False for other things."""
    cdef double primal = 0.0
    if isinstance(x, Value):
        append_input(block, <Value> x)
    elif number(x, &primal):
        append(block, primal)
    else:
        return False
    return True


cdef int gather_rows(Gathered block, list rows, Py_ssize_t count, str what, str within) except -1:
    """Append the `count` entries of several sequences."""
    cdef Py_ssize_t end = block.size + count
    for i, row in enumerate(rows):
        gather(block, row, len(row), what, within, i)
    if block.size != end:
        raise changed(block)
    return 0


cdef int gather_values(Gathered block, str function, object values, bint elementwise=False) except -1:
    """Gather the one argument of a function with one output or, if it is elementwise, an output for each entry."""
    values = sequence(function, "values", values)
    cdef Py_ssize_t n = len(values)
    make_room(block, function, n, n if elementwise else 1)
    return gather(block, values, n, "value")


cdef bint is_traced(Gathered block):
    """Whether the elementary operations are to be recorded in place of the Block."""
    return block.input_count and tracing()


cdef list items(Gathered block):
    """The entries as they came, before a kernel has worked on them: Values and floats."""
    cdef list entries = floats(block.entries, block.size)
    cdef Py_ssize_t k
    cdef list values = Block.parents(block)
    for k in range(block.input_count):
        entries[block.positions[k]] = values[k]
    return entries


cdef object result(Block block, Py_ssize_t index, double primal):
    """What a call returns: a float if there is no Value among its arguments."""
    if not block.input_count:
        return primal
    return new_output(block, index, primal) if recording() else new_leaf(primal)


# Not comprehensions: in Cython 3.3 these give an item up twice where there is no memory for the list to grow.

cdef list results(Block block, const double *primals):
    cdef list items = [None] * block.output_count
    cdef Py_ssize_t i
    for i in range(block.output_count):
        items[i] = result(block, i, primals[i])
    return items


cdef list floats(const double *x, Py_ssize_t n):
    cdef list items = [None] * n
    cdef Py_ssize_t i
    for i in range(n):
        items[i] = x[i]
    return items


cdef int check_not_empty(Gathered block) except -1:
    if not block.size:
        raise ValueError(f"{block.operation} expects at least one value, got none")
    return 0


# ---------------------------------------------------------------------------------------------------------------------
# One output

@cython.internal
@cython.auto_pickle(False)
cdef class Reduction(Gathered):
    """A function with one output, ``f(entries) / divisor``. The derivatives of f take the place of the entries."""
    cdef double divisor

    cdef int push(self) except -1:
        cdef double g = self.adjoints[0] / self.divisor
        cdef Py_ssize_t k
        for k in range(self.input_count):
            receive(self.inputs[k], g * self.entries[self.positions[k]])
        return 0


cdef object finish(Reduction block, double f, double divisor=1.0):
    block.divisor = divisor
    return result(block, 0, f / divisor)


def sum(values, /):
    """Sum of Values and numbers, from left to right.

    Parameters
    ----------
    values : iterable of Value or number

    Returns
    -------
    Value or float
        A float if there is no Value among them; 0.0 if there is nothing.

    Examples
    --------
    >>> from autograd import Value
    >>> sum([Value(1.0), 2.0, Value(3.0)])
    Value(data=6.0, grad=0.0)
    """
    cdef Reduction block = Reduction.__new__(Reduction)
    gather_values(block, "sum", values)
    if is_traced(block):
        return _scalar.total(items(block))
    return finish(block, total(block.entries, block.size))


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
        If there is nothing to take the mean of.

    Examples
    --------
    >>> from autograd import Value
    >>> mean([Value(1.0), 2.0])
    Value(data=1.5, grad=0.0)
    """
    cdef Reduction block = Reduction.__new__(Reduction)
    gather_values(block, "mean", values)
    check_not_empty(block)
    if is_traced(block):
        return _scalar.total(items(block)) / block.size
    return finish(block, total(block.entries, block.size), <double> block.size)


cdef double total(double *x, Py_ssize_t n) noexcept nogil:
    cdef double value = x[0] if n else 0.0
    cdef Py_ssize_t i
    for i in range(1, n):
        value += x[i]
    for i in range(n):
        x[i] = 1.0
    return value


def logsumexp(values, /):
    """Logarithm of the sum of the exponentials, a smooth maximum.

    With m the largest of the values it is ``m + log(sum of exp(x - m))``, which does not overflow.

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
    cdef Reduction block = Reduction.__new__(Reduction)
    gather_values(block, "logsumexp", values)
    check_not_empty(block)
    if is_traced(block):
        return _scalar.logsumexp(items(block))
    return finish(block, log_of_sum(block.entries, block.size))


cdef double log_of_sum(double *x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t top = largest(x, n)
    cdef double m = x[top]
    cdef double rest = exponentials(x, n, top)
    normalise(x, n, x[top] + rest)
    return m if isinf(m) else m + log1p(rest)


cdef Py_ssize_t largest(const double *x, Py_ssize_t n) noexcept nogil:
    """Index of the first largest, or of a nan if there is one."""
    cdef Py_ssize_t top = 0
    cdef Py_ssize_t i
    for i in range(1, n):
        if x[i] > x[top] or isnan(x[i]):
            top = i
    return top


cdef double exponentials(double *x, Py_ssize_t n, Py_ssize_t top) noexcept nogil:
    """Replace x by ``exp(x - x[top])``, where `top` is the largest, and return the sum of all the others.

    The exponential of the largest is 1, in a sum with which small ones would be lost.
    """
    cdef double m = x[top]
    cdef double rest = 0.0
    cdef Py_ssize_t i
    for i in range(n):
        if i != top:
            x[i] = exp(x[i] - m)
            rest += x[i]
    # Not exp(m - m), which is nan where m is infinite.
    x[top] = m if isnan(m) else 1.0
    return rest


cdef void normalise(double *x, Py_ssize_t n, double divisor) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        x[i] /= divisor


# ---------------------------------------------------------------------------------------------------------------------
# One output, a sum over pairs
#
# A kernel gets two entries, returns its part of the sum, and leaves its derivatives in their place.

ctypedef double (*PairKernel)(double *x, double *y) noexcept nogil


cdef double total_of_pairs(PairKernel kernel, double *x, Py_ssize_t n) noexcept nogil:
    """The sum over ``x[i], x[n + i]``, from left to right."""
    cdef double value = kernel(x, x + n) if n else 0.0
    cdef Py_ssize_t i
    for i in range(1, n):
        value += kernel(x + i, x + n + i)
    return value


cdef double product(double *x, double *y) noexcept nogil:
    cdef double a = x[0]
    x[0] = y[0]
    y[0] = a
    return a * x[0]


cdef double squared_error(double *prediction, double *target) noexcept nogil:
    cdef double difference = prediction[0] - target[0]
    prediction[0] = 2.0 * difference
    target[0] = -2.0 * difference
    return difference * difference


cdef double hinge_loss(double *score, double *label) noexcept nogil:
    return through(OP_RELU, 1.0 - label[0] * score[0], -label[0], score)


cdef double binary_loss(double *score, double *label) noexcept nogil:
    cdef double sign = -1.0 if label[0] == 1.0 else 1.0
    return through(OP_SOFTPLUS, sign * score[0], sign, score)


cdef inline double through(unsigned op, double a, double slope, double *x) noexcept nogil:
    """The value of a primitive of the table at `a`; x becomes its derivative by x, where that of `a` is `slope`."""
    cdef double r = op_value(op, a, 0.0, 0.0)
    x[0] = 0.0
    op_push(op, slope, r, 0.0, &a, NULL, x, NULL)
    return r


cdef double right_side(double *score, double *label) noexcept nogil:
    return (score[0] > 0.0) == (label[0] > 0.0)


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
    cdef Reduction block = Reduction.__new__(Reduction)
    xs = sequence("dot", "values", xs)
    ys = sequence("dot", "values", ys)
    cdef Py_ssize_t n = len(xs)
    if n != len(ys):
        raise ValueError(f"dot expects sequences of one length, got {n} and {len(ys)}")
    make_room(block, "dot", 2 * n, 1)
    gather(block, xs, n, "x")
    gather(block, ys, n, "y")
    if is_traced(block):
        entries = items(block)
        return _scalar.dot(entries[:n], entries[n:])
    return finish(block, total_of_pairs(product, block.entries, n))


def mse(predictions, targets, reduction, /):
    """See `autograd.losses.mse`."""
    return loss_of_pairs("mse", squared_error, None, predictions, targets, reduction)


def hinge(scores, labels, reduction, /):
    """See `autograd.losses.hinge`."""
    return loss_of_pairs("hinge", hinge_loss, (-1, 1), scores, labels, reduction)


def binary_cross_entropy(scores, labels, reduction, /):
    """See `autograd.losses.binary_cross_entropy`."""
    return loss_of_pairs("binary_cross_entropy", binary_loss, (0, 1), scores, labels, reduction)


cdef object loss_of_pairs(str function, PairKernel kernel, tuple labels, predictions, targets, reduction):
    cdef Reduction block = Reduction.__new__(Reduction)
    cdef Py_ssize_t n = gather_pairs(block, function, labels, predictions, targets)
    cdef double divisor = divisor_of(reduction, n)
    if is_traced(block):
        entries = items(block)
        return _scalar.total(list(map(_scalar.PAIRS[function], entries[:n], entries[n:]))) / divisor
    return finish(block, total_of_pairs(kernel, block.entries, n), divisor)


cdef double divisor_of(object reduction, Py_ssize_t n) except 0.0:
    if reduction == "mean":
        return n
    if reduction == "sum":
        return 1.0
    raise ValueError(f"reduction must be one of mean, sum, got {reduction!r}")


cdef Py_ssize_t gather_pairs(Gathered block, str function, tuple labels, predictions, targets) except -1:
    """Gather the predictions, then as many targets, and return how many.

    Both are scalars or rows of scalars. Where `labels` is given, the targets must be numbers among these.
    """
    cdef str within = ""
    cdef list prediction_rows, target_rows
    cdef Py_ssize_t inputs, n
    predictions = sequence(function, "predictions", predictions)
    targets = sequence(function, "targets", targets)
    check_lengths(function, predictions, targets)
    if is_row(predictions[0]) and is_row(targets[0]):
        within = "row"
        prediction_rows = rows_of(function, "predictions", predictions)
        target_rows = rows_of(function, "targets", targets)
        for i, (row, target_row) in enumerate(zip(prediction_rows, target_rows)):
            check_lengths(function, row, target_row, i)
    else:
        prediction_rows, target_rows = [predictions], [targets]
    n = total_length(prediction_rows)
    make_room(block, function, 2 * n, 1)
    gather_rows(block, prediction_rows, n, "prediction", within)
    inputs = block.input_count
    gather_rows(block, target_rows, n, "target", within)
    if labels is not None:
        check_labels(block, labels, inputs, target_rows, within)
    return n


cdef int check_lengths(str function, object predictions, object targets, object row=None) except -1:
    where = "" if row is None else f" in row {row}"
    if len(predictions) != len(targets):
        raise ValueError(
            f"{function} expects as many targets as predictions, got {len(targets)} and {len(predictions)}{where}"
        )
    if not len(predictions):
        raise ValueError(f"{function} expects at least one prediction, got none{where}")
    return 0


cdef int demand_one_of(object numbers, Value value) except -1:
    """Let a trace demand that a number stays among these, by a single guard."""
    current_tracer().decide(<Value> _scalar.total([value == number for number in numbers]))
    return 0


cdef int check_labels(Gathered block, tuple labels, Py_ssize_t inputs, list rows, str within) except -1:
    """Check the second half of the entries, those of `rows`; so many `inputs` come from the first half."""
    cdef double low = labels[0], middle = labels[1], high = labels[len(labels) - 1]
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t n = block.size // 2
    cdef Py_ssize_t numbers = block.positions[inputs] - n if block.input_count > inputs else n
    cdef double *x = block.entries + n
    if numbers < n and tracing():
        # A function that is traced may have its labels as arguments. A replay checks them too.
        for label in Block.parents(block)[inputs:]:
            demand_one_of(labels, <Value> label)
        numbers = n
    while i < numbers and (x[i] == low or x[i] == middle or x[i] == high):
        i += 1
    if i == n:
        return 0
    for j, row in enumerate(rows):
        if i < len(row):
            where = place(i, within, j)
            raise ValueError(f"{block.operation} expects labels in {labels}, got {row[i]!r} at index {where}")
        i -= len(row)
    raise changed(block)


# ---------------------------------------------------------------------------------------------------------------------
# One output, a sum over rows of class scores
#
# A kernel gets a row and the index of its class, and does as those of pairs do.

ctypedef double (*RowKernel)(double *x, Py_ssize_t n, Py_ssize_t target) noexcept nogil


cdef double class_loss(double *x, Py_ssize_t n, Py_ssize_t target) noexcept nogil:
    cdef Py_ssize_t top = largest(x, n)
    cdef double gap = x[top] - x[target] if target != top else 0.0
    cdef double rest = exponentials(x, n, top)
    cdef double divisor = x[top] + rest
    # The derivative p - 1 would cancel. It is the probability of all the other classes, negated.
    x[target] = -rest if target == top else x[target] - rest - x[top]
    normalise(x, n, divisor)
    return log1p(rest) + gap


cdef double right_class(double *x, Py_ssize_t n, Py_ssize_t target) noexcept nogil:
    return largest(x, n) == target


def cross_entropy(scores, targets, reduction, /):
    """See `autograd.losses.cross_entropy`."""
    cdef Reduction block = Reduction.__new__(Reduction)
    cdef double loss = 0.0
    if hasattr(targets, "__index__") and not is_row(targets):
        scores, targets = [scores], [targets]
    scores = sequence("cross_entropy", "predictions", scores)
    cdef Py_ssize_t n = gather_classes(block, "cross_entropy", class_loss, scores, targets, &loss)
    cdef double divisor = divisor_of(reduction, n)
    if is_traced(block):
        return _scalar.cross_entropy(rows_of("cross_entropy", "class scores", scores), list(targets)) / divisor
    return finish(block, loss, divisor)


def accuracy(scores, targets, /):
    """See `autograd.losses.accuracy`."""
    cdef Gathered block = Gathered.__new__(Gathered)
    cdef double hits = 0.0
    cdef Py_ssize_t n
    scores = sequence("accuracy", "predictions", scores)
    if len(scores) and is_row(scores[0]):
        n = gather_classes(block, "accuracy", right_class, scores, targets, &hits)
    else:
        n = gather_pairs(block, "accuracy", (-1, 0, 1), scores, targets)
        hits = total_of_pairs(right_side, block.entries, n)
    if is_traced(block):
        for value in Block.parents(block):
            current_tracer().read(<Value> value)
    return hits / n


cdef Py_ssize_t gather_classes(
    Gathered block, str function, RowKernel kernel, scores, targets, double *value
) except -1:
    """Gather rows with the indices of their classes, add up what the kernel returns, and return how many."""
    cdef list rows
    cdef Py_ssize_t i, n, index
    cdef double *x
    scores = sequence(function, "predictions", scores)
    # Indices are not to become doubles.
    targets = sequence(function, "targets", targets.tolist() if isinstance(targets, numpy.ndarray) else targets)
    check_lengths(function, scores, targets)
    rows = rows_of(function, "class scores", scores)
    make_room(block, function, total_length(rows), 1)
    for i, (row, target) in enumerate(zip(rows, targets)):
        n = len(row)
        if n < 2:
            raise ValueError(f"{function} expects at least two class scores at index {i}, got {n}")
        try:
            if isinstance(target, Value) and tracing() and (<Value> target).node.primal.is_integer():
                demand_one_of(range(n), <Value> target)
                index = <Py_ssize_t> (<Value> target).node.primal
            else:
                index = PyNumber_AsSsize_t(target, NULL)
        except TypeError:
            raise TypeError(
                f"{function} expects integer classes as targets, got {type(target).__name__} at index {i}"
            ) from None
        if not 0 <= index < n:
            given = index if isinstance(target, Value) else operator.index(target)
            raise ValueError(f"{function} expects classes from 0 to {n - 1}, got {given} at index {i}")
        x = block.entries + block.size
        gather(block, row, n, "class score", "row", i)
        value[0] += kernel(x, n, index)
    return len(rows)


# ---------------------------------------------------------------------------------------------------------------------
# An output for each entry

@cython.internal
@cython.auto_pickle(False)
cdef class Softmax(Gathered):
    """Probabilities or their logarithms. The probabilities take the place of the entries."""
    cdef bint logarithmic
    # The most probable, and the probability of all the others.
    cdef Py_ssize_t top
    cdef double rest

    cdef int push(self) except -1:
        cdef double *g = self.adjoints
        cdef double *p = self.entries
        cdef Py_ssize_t top = self.top
        cdef double others = 0.0
        cdef Py_ssize_t i, k
        # What is left of the most probable one's gradient if p is nearly 1 would cancel in the usual formulas,
        # g - p * sum(g) and p * (g - sum(p * g)).
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

    Examples
    --------
    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    return probabilities("softmax", values, False)


def log_softmax(values, /):
    """Logarithms of the probabilities that `softmax` gives, exact where those vanish or are nearly 1.

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
    gather_values(block, function, values, True)
    check_not_empty(block)
    if is_traced(block):
        return (_scalar.log_softmax if logarithmic else _scalar.softmax)(items(block))
    cdef Py_ssize_t i, n = block.size
    cdef double *x = block.entries
    # The adjoints are not in use before there is an output.
    cdef double *primals = block.adjoints
    cdef Py_ssize_t top = largest(x, n)
    for i in range(n):
        primals[i] = x[i] - x[top] if i != top or isnan(x[i]) else 0.0
    cdef double rest = exponentials(x, n, top)
    cdef double divisor = x[top] + rest
    normalise(x, n, divisor)
    for i in range(n):
        primals[i] = primals[i] - log1p(rest) if logarithmic else x[i]
    block.logarithmic = logarithmic
    block.top = top
    block.rest = rest / divisor
    return results(block, primals)
