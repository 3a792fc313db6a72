"""Losses over pairs of predictions and targets and over rows of class scores, each call one node, and the accuracy."""

cimport cython
from cpython.object cimport PyObject
from libc.math cimport log1p

from autograd._blocks.reductions cimport (
    Gathered, PairSum, Reduction, changed, emit_score, emit_sum, exponentials, finish, gather, gather_rows, is_row,
    largest, make_room, normalise, place, rows_of, sequence, total_length,
)
from autograd._core cimport Block, Value, check_array, current_tracer
from autograd._ir.code cimport Code
from autograd._program.tracing cimport tracing

import operator

import numpy

from autograd import _core

cdef extern from "Python.h":
    Py_ssize_t PyNumber_AsSsize_t(object, PyObject *) except? -1

cdef extern from "_kernels/ops.h" nogil:
    enum:
        OP_ADD
        OP_SUB
        OP_LESS
        OP_EQUAL
        OP_LOG1P
    double op_difference(double a, double b) noexcept


cdef dict OPS = {name: op for op, name in enumerate(_core.OP_NAMES)}


# ---------------------------------------------------------------------------------------------------------------------
# Pairs

def loss_of_pairs(function, row, predictions, targets, reduction, parameter=0.0, labels=None):
    """Sum or average a loss of the op table over pairs.

    Parameters
    ----------
    function : str
        The public function, for error messages.
    row : str
        The row of the table.
    predictions, targets, reduction
        See `autograd.losses`.
    parameter : float
        The parameter of the row.
    labels : tuple of int, optional
        The only numbers allowed as targets.
    """
    cdef PairSum block = PairSum.__new__(PairSum)
    cdef Py_ssize_t n = gather_pairs(block, function, labels, predictions, targets)
    block.op = OPS[row]
    block.parameter = parameter
    return finish(block, divisor_of(reduction, n))


cdef double divisor_of(object reduction, Py_ssize_t n) except 0.0:
    if reduction == "mean":
        return n
    if reduction == "sum":
        return 1.0
    raise ValueError(f"reduction must be one of mean, sum, got {reduction!r}")


cdef Py_ssize_t gather_pairs(Gathered block, str function, tuple labels, predictions, targets) except -1:
    """Gather the predictions, then the targets, and return the number of pairs.

    Both are scalars or rows of scalars. If `labels` is given, each target must be one of them.
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
    """Record a single guard, which fails unless a Value is one of these numbers."""
    total = 0.0
    for number in numbers:
        total = total + (value == number)
    current_tracer().decide(<Value> total)
    return 0


cdef int check_labels(Gathered block, tuple labels, Py_ssize_t inputs, list rows, str within) except -1:
    """Check the labels: the second half of the entries, read from `rows`. The first half has `inputs` inputs."""
    cdef double low = labels[0], middle = labels[1], high = labels[len(labels) - 1]
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t n = block.size // 2
    cdef Py_ssize_t numbers = block.positions[inputs] - n if block.input_count > inputs else n
    cdef double *x = block.entries + n
    if numbers < n and tracing():
        # Labels may be arguments of a traced function; a guard checks them in every replay.
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
# Rows of class scores

@cython.internal
@cython.auto_pickle(False)
cdef class CrossEntropy(Reduction):
    """The sum over rows of ``(m - x[target]) + log1p(rest)``."""
    # By row: the number of scores, and the class; -1 if the class is a Value, gathered after the scores.
    cdef Py_ssize_t rows
    cdef Py_ssize_t *lengths
    cdef Py_ssize_t *targets

    cdef double reduce(self) noexcept:
        cdef double *x = self.entries
        cdef double value = 0.0
        cdef Py_ssize_t i
        for i in range(self.rows):
            value += class_loss(x, self.lengths[i], self.targets[i])
            x += self.lengths[i]
        return value

    cdef unsigned emit_reduction(self, Code code, list entries) except? 0xFFFFFFFF:
        cdef list losses = []
        cdef Py_ssize_t start = 0
        cdef Py_ssize_t i, n
        for i in range(self.rows):
            n = self.lengths[i]
            if self.targets[i] < 0:
                losses.append(emit_computed_class(code, entries[start : start + n], entries[start + n]))
                start += 1
            else:
                losses.append(emit_class(code, entries[start : start + n], self.targets[i]))
            start += n
        return emit_sum(code, losses)


cdef double class_loss(double *x, Py_ssize_t n, Py_ssize_t target) noexcept:
    """Return the loss of a row of scores, and overwrite the scores with its derivatives."""
    cdef Py_ssize_t top = largest(x, n)
    cdef double gap = op_difference(x[top], x[target])
    cdef double rest = exponentials(x, n, top)
    cdef double divisor = x[top] + rest
    # Minus the probability of all other classes, as p - 1 would cancel.
    x[target] = -rest if target == top else x[target] - rest - x[top]
    normalise(x, n, divisor)
    return log1p(rest) + gap


cdef unsigned emit_class(Code code, list scores, Py_ssize_t target) except? 0xFFFFFFFF:
    """Emit the loss of a row of scores."""
    # Starts with the target: if it is the largest, its derivative comes from the rest alone and does not cancel.
    cdef unsigned top = scores[target], rest = code.constant(0.0)
    for i, score in enumerate(scores):
        if i != target:
            emit_score(code, score, &top, &rest)
    return emit_loss(code, top, rest, scores[target])


cdef unsigned emit_computed_class(Code code, list scores, unsigned target) except? 0xFFFFFFFF:
    """Emit the loss of a row of scores whose class is an instruction."""
    cdef list chosen = []
    cdef unsigned score = scores[0], top, rest = code.constant(0.0)
    for i in range(len(scores)):
        chosen.append(code.emit(OP_EQUAL, target, code.constant(i)))
        score = code.where(chosen[i], scores[i], score)
    top = score
    for i in range(len(scores)):
        emit_score(code, scores[i], &top, &rest, chosen[i])
    return emit_loss(code, top, rest, score)


cdef unsigned emit_loss(Code code, unsigned top, unsigned rest, unsigned score) except? 0xFFFFFFFF:
    cdef unsigned gap = code.where(
        code.emit(OP_LESS, score, top), code.emit(OP_SUB, top, score), code.constant(0.0))
    return code.emit(OP_ADD, code.emit(OP_LOG1P, rest), gap)


def cross_entropy(scores, targets, reduction, /):
    """See `autograd.losses.cross_entropy`."""
    cdef CrossEntropy block = CrossEntropy.__new__(CrossEntropy)
    if hasattr(targets, "__index__") and not is_row(targets):
        scores, targets = [scores], [targets]
    cdef Py_ssize_t n = gather_classes(block, "cross_entropy", scores, targets)
    return finish(block, divisor_of(reduction, n))


def accuracy(scores, targets, /):
    """See `autograd.losses.accuracy`."""
    cdef CrossEntropy block = CrossEntropy.__new__(CrossEntropy)
    cdef double *x
    cdef Py_ssize_t i, k, n, hits = 0
    cdef bint computed
    scores = sequence("accuracy", "predictions", scores)
    if len(scores) and is_row(scores[0]):
        n = gather_classes(block, "accuracy", scores, targets)
        x = block.entries
        for i in range(n):
            k = block.lengths[i]
            computed = block.targets[i] < 0
            hits += largest(x, k) == (<Py_ssize_t> x[k] if computed else block.targets[i])
            x += k + computed
    else:
        n = gather_pairs(block, "accuracy", (-1, 0, 1), scores, targets)
        x = block.entries
        for i in range(n):
            hits += (x[i] > 0.0) == (x[n + i] > 0.0)
    if tracing():
        for value in Block.parents(block):
            current_tracer().read(<Value> value)
    return hits / <double> n


cdef Py_ssize_t gather_classes(CrossEntropy block, str function, scores, targets) except -1:
    """Gather rows of scores and the indices of their classes, and return the number of rows."""
    cdef list rows
    cdef Py_ssize_t i, n, count, index
    cdef bint computed
    scores = sequence(function, "predictions", scores)
    # Not through `as_sequence`, which would convert indices to doubles.
    if isinstance(targets, numpy.ndarray):
        check_array(targets, f"{function}: targets")
        targets = targets.tolist()
    targets = sequence(function, "targets", targets)
    check_lengths(function, scores, targets)
    rows = rows_of(function, "class scores", scores)
    count = total_length(rows) + len(rows)
    # Stored after the positions of all possible inputs.
    make_room(block, function, count + 2 * len(rows), 1)
    block.lengths = block.positions + count
    block.targets = block.lengths + len(rows)
    for row, target in zip(rows, targets):
        i = block.rows
        n = len(row)
        if n < 2:
            raise ValueError(f"{function} expects at least two class scores at index {i}, got {n}")
        computed = isinstance(target, Value) and tracing() and (<Value> target).node.primal.is_integer()
        try:
            if computed:
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
        gather(block, row, n, "class score", "row", i)
        if computed:
            gather(block, [target], 1, "class")
        block.lengths[i] = n
        block.targets[i] = -1 if computed else index
        block.rows += 1
    return block.rows
