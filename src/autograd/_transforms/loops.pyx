"""Tracing of loops: what `autograd.loops` records in a trace.

The body is traced in a trace of its own, inside that of the function around it. The Values of the outer trace, and the
parameters, that the body uses become operands of the loop. Where a lane takes another branch in a step of a replay, the
body is traced again, with the numbers of that lane and step.
"""

cimport cython
from autograd._core cimport Value
from autograd._ir.code cimport Code
from autograd._program.bodies cimport Captures, Closed, new_captures, new_value
from autograd._program.loop cimport CARRY, SCALAR, TRACK, Loop, Sweep, call_loop
from autograd._program.lowering cimport lower
from autograd._program.program cimport new_program
from autograd._program.tracing cimport Trace, tracing
from autograd._transforms.pytree cimport (
    Builder, Leaves, Objects, Tree, describe, new_builder, object_array, same, unflatten,
)

import numpy

from autograd._program.bodies import NewCapture


def is_tracing():
    """Return whether a trace is under way in this thread."""
    return tracing()


@cython.internal
@cython.auto_pickle(False)
cdef class Traced(Closed):
    """The body of a loop, or its condition, as a function of the numbers of pytrees and of captured Values."""
    cdef str caller
    cdef object function
    # The arguments, whose numbers are the first inputs, and the structure of the result.
    cdef list arguments
    cdef Tree output

    cdef Code trace(self, list point):
        """Return the code of the function, which captures Values."""
        cdef Trace trace = Trace.__new__(Trace)
        cdef Builder builder = new_builder(self.caller, False)
        cdef Objects leaves = Objects.__new__(Objects)
        cdef list arguments = []
        cdef Py_ssize_t start = 0
        cdef Tree tree, output
        try:
            leaves.items = trace.begin(point)
            for tree in self.arguments:
                arguments.append(unflatten(tree, leaves, start))
                start += tree.size
            result = self.function(*arguments)
            builder.numbers = []
            builder.is_result = True
            output = self.structure(builder, result)
        finally:
            trace.end()
        if self.output is None:
            self.output = output
        elif not same(self.output, output):
            raise TypeError(f"{self.caller}: a function must return one structure on all its branches; it returned "
                            f"{describe(self.output)} on one and {describe(output)} on another")
        try:
            return lower(trace, self.size, builder.numbers)
        except RuntimeError as error:
            # A Value of a trace that has ended.
            if self.captures.settled:
                raise new_value() from error
            raise

    cdef Tree structure(self, Builder builder, object result):
        """Return the structure of a result, and check it."""
        cdef Tree carry = self.arguments[0]
        cdef Tree returned
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(f"{self.caller}: the function must return a pair (carry, y), got {type(result).__name__}")
        returned = builder.build(result[0], "the carry")
        if not same(carry, returned):
            raise TypeError(
                f"{self.caller}: the carry must keep its structure: {describe(carry)} went in, and "
                f"{describe(returned)} came out"
            )
        return builder.build(result[1], "y")


@cython.internal
@cython.auto_pickle(False)
cdef class Condition(Traced):
    """The condition of a loop."""

    cdef Tree structure(self, Builder builder, object result):
        # A bool that no Value decides, as `and` makes, is a number.
        cdef Tree tree = builder.build(float(result) if isinstance(result, bool) else result, "the condition")
        if tree.size != 1:
            raise TypeError(f"{self.caller}: the condition must return a truth value, got {describe(tree)}")
        return tree


@cython.internal
@cython.auto_pickle(False)
cdef class Stacked(Leaves):
    """The outputs of all steps: arrays with an axis for the steps in front."""
    # By output of a step: a list with one for each step.
    cdef list items
    cdef Py_ssize_t steps

    cdef object scalar(self, Py_ssize_t i):
        return self.array(i, 1, 0, 1, ())

    cdef object array(self, Py_ssize_t start, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t columns, tuple shape):
        cdef list items = []
        cdef bint values = False
        for track in self.items[start:start + columns]:
            items += track
        for item in items:
            values |= isinstance(item, Value)
        array = object_array(items, (columns * self.steps,)) if values else numpy.array(items)
        return numpy.ascontiguousarray(array.reshape(columns, self.steps).T).reshape((self.steps,) + shape)


cdef Tree structure_of(str caller, object x, str name, list numbers):
    cdef Builder builder = new_builder(caller, False)
    builder.numbers = numbers
    return builder.build(x, name)


cdef int begin_body(Traced body, str caller, object function, list arguments, Captures captures) except -1:
    cdef Tree tree
    body.caller = body.name = caller
    body.function, body.arguments, body.captures = function, arguments, captures
    body.size = 0
    for tree in arguments:
        body.size += tree.size
    return 0


def record(str caller, f, condition, init, first, list columns, Py_ssize_t steps, bint descending,
           Py_ssize_t max_steps, Py_ssize_t checkpoint):
    """Record a loop in the trace that is under way, and return its carry and its stacked outputs.

    Parameters
    ----------
    caller : str
        The public function, for messages.
    f : callable
        ``f(carry, x)`` returns the next carry and an output.
    condition : callable or None
        Of the carry.
    init : object
        The carry to start from.
    first : object
        What `x` is in a step; its numbers are those of the first row of the columns.
    columns : list
        By number of `x`: a list of Values and numbers, or an array of numbers, one for each step.
    steps : int
        -1 if the condition decides.
    descending : bool
        Whether the last step comes first.
    max_steps : int
        -1 for no limit.
    checkpoint : int
        How many carries reverse mode keeps, 0 to choose, -1 for all.
    """
    cdef list numbers = []
    cdef Tree carry = structure_of(caller, init, "init", numbers)
    cdef Tree x = structure_of(caller, first, "x", [])
    cdef Captures captures = new_captures()
    cdef Traced body = Traced.__new__(Traced)
    cdef Condition ends = None
    cdef Objects leaves
    cdef Stacked stacked
    cdef Loop loop
    cdef Py_ssize_t i
    begin_body(body, caller, f, [carry, x], captures)
    if condition is not None:
        ends = Condition.__new__(Condition)
        begin_body(ends, caller, condition, [carry], captures)
    point = plain(numbers)
    row = []
    for column in columns:
        row.append(plain([column[-1 if descending else 0]])[0] if steps else 1.0)
    body.add(new_program(body.closed(body.trace(point + row))))
    if ends is not None:
        ends.add(new_program(ends.closed(ends.trace(point))))
    while True:
        body.widen()
        if ends is not None:
            ends.widen()
        operands = numbers + captures.values
        loop = new_loop(caller, body, ends, columns, operands, steps, descending, max_steps)
        loop.checkpoint = checkpoint
        try:
            items = call_loop(loop, operands)
            break
        except NewCapture:
            pass
    captures.settled = True
    leaves = Objects.__new__(Objects)
    leaves.items = items
    stacked = Stacked.__new__(Stacked)
    stacked.steps, stacked.items = max(steps, 0), [None] * carry.size
    for i in range(carry.size, len(items), max(steps, 1)):
        stacked.items.append(items[i:i + steps])
    for _ in range(len(stacked.items), carry.size + body.output.size):
        stacked.items.append([])
    return unflatten(carry, leaves), unflatten(body.output, stacked)


cdef list plain(list numbers):
    """Return the numbers of Values, without recording that they were read, and of anything else."""
    cdef list result = []
    for number in numbers:
        result.append((<Value> number).node.primal if isinstance(number, Value) else float(number))
    return result


cdef Loop new_loop(str caller, Traced body, Traced condition, list columns, list operands, Py_ssize_t steps,
                   bint descending, Py_ssize_t max_steps):
    """Return the loop of a body, and add the columns that are not constant to the operands."""
    cdef Loop loop = Loop.__new__(Loop)
    cdef Sweep sweep = Sweep.__new__(Sweep)
    cdef Tree carry = body.arguments[0]
    cdef Py_ssize_t i
    cdef list captured = [(SCALAR, i) for i in range(carry.size, len(operands))]
    loop.__name__, loop.steps, loop.max_steps = caller, steps, max_steps
    loop.scalars = len(operands)
    loop.operands = [(SCALAR, i) for i in range(len(operands))]
    loop.constants = {}
    sweep.body, sweep.descending = body, descending
    carries = [(CARRY, i) for i in range(carry.size)]
    sweep.sources = list(carries)
    for column in columns:
        track = loop.new_track()
        if isinstance(column, numpy.ndarray):
            loop.constants[track] = numpy.ascontiguousarray(column, numpy.float64)
        else:
            loop.operands.append((TRACK, track))
            operands.extend(column)
        sweep.sources.append((TRACK, track))
    sweep.sources += captured
    sweep.init = list(range(carry.size))
    sweep.finals = [loop.new_scalar() for _ in carries]
    sweep.before = [None] * carry.size
    sweep.targets = list(carries)
    for _ in range(body.output.size):
        sweep.targets.append((TRACK, loop.new_track()))
    loop.results = [(SCALAR, i) for i in sweep.finals] + sweep.targets[carry.size:]
    loop.operations = [sweep]
    if condition is not None:
        loop.condition, loop.condition_sources = condition, carries + captured
    return loop
