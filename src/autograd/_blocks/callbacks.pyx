"""Callbacks: calls of functions of floats with a user-defined derivative, which a program calls in every lane.

The functions receive floats for Values and lists of floats for sequences, so they can use `math`, NumPy or SciPy.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc

from autograd._blocks.reductions cimport Gathered, as_sequence, floats, gather, make_room, results
from autograd._ir.code cimport Code
from autograd._core cimport Value, number, receive, recording, set_calls
from autograd._program.tracing cimport tracing

import itertools
import operator


@cython.internal
@cython.auto_pickle(False)
cdef class Custom(Gathered):
    """A call of a `custom_vjp` function."""
    # By argument: None for a scalar, the length of a sequence.
    cdef list lengths
    # tuple or list; None for a single scalar.
    cdef object output_type
    # Allocated separately: the number of outputs is known only after the inputs are gathered.
    cdef double *own_adjoints
    # The custom_vjp, and its arguments that are not differentiated, by position.
    cdef object function
    cdef dict fixed

    def __dealloc__(self):
        PyMem_RawFree(self.own_adjoints)

    cdef list emit(self, Code code, list entries):
        """Emit a call of the function itself."""
        function = FlatCall(self.function, self.fixed, self.lengths, self.output_count)
        return code.call(function, entries, self.output_count)

    cdef int push(self) except -1:
        cdef list adjoints = floats(self.adjoints, self.output_count)
        cdef Py_ssize_t k
        bwd, residuals = self.calls
        read_gradients(self, bwd(
            *self.fixed.values(), residuals, adjoints[0] if self.output_type is None else self.output_type(adjoints)))
        for k in range(self.input_count):
            receive(self.inputs[k], self.entries[self.positions[k]])
        return 0


cdef object call(object function, dict fixed, tuple arguments):
    cdef Custom block = Custom.__new__(Custom)
    gather_arguments(block, function.__name__, arguments)
    cdef list plain = merged(fixed, plain_arguments(block))
    # A program calls the function again, for its value and for its residuals.
    cdef bint records = block.input_count and recording() and not tracing()
    block.function, block.fixed = function, fixed
    if block.input_count and tracing():
        set_calls(block, function)
    if records:
        output, residuals = check_pair(block.operation, function._fwd(*plain))
        set_calls(block, (function._bwd, residuals))
    else:
        output = function.__wrapped__(*plain)
    read_output(block, output)
    items = results(block, block.adjoints)
    return items[0] if block.output_type is None else block.output_type(items)


class FlatCall:
    """A callback as a program calls it, with all numbers in one flat sequence.

    Parameters
    ----------
    function : custom_vjp
    fixed : dict
        By position, the arguments that are not differentiated.
    lengths : list of int or None
        By argument: the length of a sequence, None for a scalar.
    outputs : int
        How many numbers the function returns.
    """

    def __init__(self, function, fixed, lengths, outputs):
        self.function, self.fixed, self.lengths, self.outputs = function, fixed, lengths, outputs
        self.__name__ = function.__name__

    def __eq__(self, other):
        return isinstance(other, FlatCall) and (self.function, self.lengths, self.outputs) == (
            other.function, other.lengths, other.outputs
        ) and self.fixed.keys() == other.fixed.keys() and all(
            map(operator.is_, self.fixed.values(), other.fixed.values()))

    def __call__(self, *numbers):
        return self.read(self.function.__wrapped__(*self.arguments(numbers)))

    def arguments(self, numbers):
        """Return the arguments of the function, unflattened."""
        rest = iter(numbers)
        arguments = []
        for length in self.lengths:
            arguments.append(next(rest) if length is None else list(itertools.islice(rest, length)))
        return merged(self.fixed, arguments)

    def read(self, output):
        """Return the numbers of an output of the function, flat."""
        cdef Custom block = Custom.__new__(Custom)
        block.operation = self.__name__
        read_output(block, output)
        if block.output_count != self.outputs:
            raise ValueError(
                f"{self.__name__} must return as many numbers as where it was traced, {self.outputs}, got "
                f"{block.output_count}"
            )
        return tuple(floats(block.adjoints, block.output_count))

    def pullback(self, received, active):
        """Return the vjp, the outputs whose cotangents it takes after all numbers, and the numbers that it is by."""
        return FlatPullback(self), range(len(received)), range(len(active))


class FlatPullback:
    """The vjp of a `FlatCall`."""

    def __init__(self, call):
        self.call = call
        self.__name__ = f"{call.__name__}_vjp"

    def __call__(self, *numbers):
        cdef Custom block = Custom.__new__(Custom)
        cdef Py_ssize_t count = len(numbers) - self.call.outputs
        function = self.call.function
        pair = check_pair(function.__name__, function._fwd(*self.call.arguments(numbers[:count])))
        # The same checks as in backward.
        make_room(block, self.call.__name__, count, 0)
        block.lengths = self.call.lengths
        cotangents = list(numbers[count:])
        output_type = output_type_of(pair[0])
        gradients = function._bwd(
            *self.call.fixed.values(), pair[1], cotangents[0] if output_type is None else output_type(cotangents))
        read_gradients(block, gradients)
        return tuple(floats(block.entries, count))

    def pullback(self, received, active):
        """Raise, as a callback has no second derivative."""
        raise TypeError(
            f"the derivative of {self.call.__name__} is a Python function and has none of its own: a function with "
            "pure_callback=True can be differentiated once, a rule that is written in Values as often as you like"
        )


cdef tuple check_pair(str function, object pair):
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise TypeError(f"fwd of {function} must return a pair (output, residuals), got {pair!r}")
    return pair


cdef object output_type_of(object output):
    """Return tuple or list; None for a single scalar."""
    cdef double ignored = 0.0
    return None if number(output, &ignored) else tuple if isinstance(output, tuple) else list


cdef int gather_arguments(Custom block, str function, tuple arguments) except -1:
    cdef double ignored = 0.0
    cdef Py_ssize_t i, count = 0
    cdef list rows = []
    block.lengths = []
    for i, argument in enumerate(arguments):
        if isinstance(argument, Value) or number(argument, &ignored):
            row, length = (argument,), None
        else:
            row = as_sequence(argument, function, "an argument")
            if row is None:
                raise TypeError(
                    f"{function} expects argument {i} to be a Value, a number or a sequence of these, got "
                    f"{type(argument).__name__}"
                )
            length = len(row)
        rows.append(row)
        block.lengths.append(length)
        count += len(row)
    make_room(block, function, count, 0)
    for i, (row, length) in enumerate(zip(rows, block.lengths)):
        gather(block, row, 1 if length is None else length, "item", "argument", i)
    return 0


cdef list merged(dict fixed, list arguments):
    """Return all arguments in order, given those that are not differentiated by position, in ascending order."""
    for position, argument in fixed.items():
        arguments.insert(position, argument)
    return arguments


cdef list plain_arguments(Custom block):
    cdef double *entry = block.entries
    cdef list plain = []
    for length in block.lengths:
        plain.append(entry[0] if length is None else floats(entry, length))
        entry += 1 if length is None else <Py_ssize_t> length
    return plain


cdef int read_output(Custom block, object output) except -1:
    """Read the output of the function or its `fwd` into the adjoints, which are not in use yet."""
    cdef Py_ssize_t i
    block.output_type = output_type_of(output)
    items = as_sequence((output,) if block.output_type is None else output, block.operation, "its result")
    if items is None:
        raise TypeError(
            f"{block.operation} must return a number, or a tuple or list of numbers, got {type(output).__name__}"
        )
    block.output_count = len(items)
    block.own_adjoints = <double *> PyMem_RawMalloc(block.output_count * sizeof(double))
    if block.own_adjoints == NULL:
        raise MemoryError(f"no memory for {block.output_count} outputs of {block.operation}")
    block.adjoints = block.own_adjoints
    for i, item in zip(range(block.output_count), items):
        if not number(item, block.adjoints + i):
            raise TypeError(f"{block.operation} must return numbers, got {type(item).__name__} as output {i}")
    return 0


cdef int read_gradients(Custom block, object gradients) except -1:
    """Overwrite the entries with the gradients that `bwd` returned."""
    cdef double *entry = block.entries
    cdef str bwd = f"bwd of {block.operation}"
    if not isinstance(gradients, tuple):
        raise TypeError(
            f"{bwd} must return a tuple with a gradient for each argument, got {type(gradients).__name__}"
        )
    if len(gradients) != len(block.lengths):
        raise ValueError(
            f"{bwd} must return a gradient for each of the {len(block.lengths)} arguments, got {len(gradients)}"
        )
    for i, (gradient, length) in enumerate(zip(gradients, block.lengths)):
        if length is None:
            read_gradient(gradient, entry, bwd, f"gradient {i}")
            entry += 1
            continue
        items = (None,) * length if gradient is None else as_sequence(gradient, bwd, "a gradient")
        if items is None:
            raise TypeError(f"{bwd} must return a sequence of numbers as gradient {i}, got {type(gradient).__name__}")
        if len(items) != length:
            raise ValueError(f"{bwd} must return {length} numbers as gradient {i}, got {len(items)}")
        for j, item in zip(range(length), items):
            read_gradient(item, entry, bwd, f"number {j} of gradient {i}")
            entry += 1
    return 0


cdef int read_gradient(object gradient, double *entry, str bwd, str what) except -1:
    if gradient is None:
        entry[0] = 0.0
    elif not number(gradient, entry):
        raise TypeError(f"{bwd} must return a number or None as {what}, got {type(gradient).__name__}")
    return 0
