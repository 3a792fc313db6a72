"""Calls of Programs with structured arguments: what the functions in ``transforms.py`` return.

A `Transform` keeps a `Plan` for every structure of arguments it has met: the trees of the arguments and results, and
the programs. A call finds the plan by reading its arguments into a `Frame`, the memory of one call, and runs. The kinds
of transforms differ in the derivative of the traced program that they take, and in what they make of its outputs.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc, PyMem_RawRealloc
from libc.string cimport memcpy, memset

from autograd._core cimport Value
from autograd._interpreter.interpreter cimport Array
from autograd._program.program cimport Program, Ways
from autograd._program.tracing cimport tracing
from autograd._transforms.pytree cimport (
    ARRAY, FIXED, NUMBER, NUMBERS, SEQUENCE, STATIC, Builder, Leaves, Numbers, Objects, Reader, Tree, address, describe,
    object_array, read, same, unflatten,
)

import functools
import operator
import sys
import types

import numpy

from autograd._program.program import trace


cdef extern from "Python.h":
    int Py_EnterRecursiveCall(const char *) except -1
    void Py_LeaveRecursiveCall() noexcept

# Named, because Cython loses the exceptions of isinstance where the tuple is written in the call.
cdef tuple SEQUENCES = (list, tuple)


cdef void *allocate(Py_ssize_t count, size_t size) except NULL:
    cdef void *memory = PyMem_RawMalloc(count * size)
    if memory == NULL:
        raise MemoryError(f"no memory for {count} numbers of a call")
    return memory


# ---------------------------------------------------------------------------------------------------------------------
# Plans

# How many ways through the branches of a function get a program if nothing else is said.
cdef Py_ssize_t MOST_WAYS = 64

# How many structures of arguments a compiled function has plans for at once. A static argument that is another one in
# every call would let them grow without end.
cdef Py_ssize_t MOST_PLANS = 128


@cython.internal
@cython.auto_pickle(False)
cdef class Structure:
    """The arguments and results of a function, and how to trace it for them."""
    cdef Transform transform
    cdef Tree arguments
    cdef Tree keywords
    cdef Py_ssize_t size
    # Whether there is a Value among the arguments that are passed on as they are.
    cdef bint passes_values
    # The arguments to differentiate by, and their numbers.
    cdef list trees
    cdef list wrt
    # Known when the function has been traced.
    cdef Tree output
    cdef Tree aux
    cdef Py_ssize_t output_count
    # Of a program with a lane for each row of a matrix, or for each column; -1 for one point.
    cdef Py_ssize_t lanes
    cdef bint by_column

    def make(self, point):
        """Trace the function at a point, and take the derivative."""
        return self.transform.derive(self, trace(self.evaluate, point[:self.size]))

    def evaluate(self, values):
        """Call the function with Values, and return its result as a list."""
        cdef Transform transform = self.transform
        cdef Builder builder = new_builder(transform.caller, False)
        cdef Objects leaves = Objects.__new__(Objects)
        cdef Tree aux = None
        leaves.items = values
        result = transform.traced(*unflatten(self.arguments, leaves), **unflatten(self.keywords, leaves))
        builder.numbers = []
        builder.is_result = True
        if transform.has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                raise TypeError(
                    f"{transform.caller} with has_aux expects a function that returns a pair (output, aux), got "
                    f"{type(result).__name__} {result!r}"
                )
            result, auxiliary = result
        output = builder.build(result, "result")
        if transform.needs_scalar and not is_scalar(output):
            raise TypeError(f"{transform.caller} expects a function with one scalar output, got {describe(output)}")
        if transform.has_aux:
            aux = builder.build(auxiliary, "aux")
        self.set_output(output, aux, builder.size)
        return builder.numbers

    cdef int set_output(self, Tree output, Tree aux, Py_ssize_t count) except -1:
        if self.output is None:
            self.output, self.aux, self.output_count = output, aux, count
            return 0
        for old, new in ((self.output, output), (self.aux, aux)):
            if new is not None and not same(old, new):
                raise TypeError(
                    f"{self.transform.caller}: a function must return one structure on all its branches; "
                    f"{self.transform.__name__} returned {describe(old)} on one and {describe(new)} on another"
                )
        return 0


cdef bint is_scalar(Tree tree) noexcept:
    return tree.kind == NUMBER or tree.kind == ARRAY and tree.shape == ()


cdef bint has_value(Tree tree) except -1:
    """Whether there is a Value among the static objects."""
    if tree.kind == STATIC:
        return contains_value(tree.static)
    for child in tree.children or ():
        if has_value(child):
            return True
    return False


cdef bint contains_value(object x) except -1:
    if isinstance(x, dict):
        x = x.values()
    elif isinstance(x, numpy.ndarray):
        x = x.ravel().tolist() if x.dtype == object else ()
    elif not isinstance(x, SEQUENCES):
        return isinstance(x, Value)
    Py_EnterRecursiveCall(" while looking for Values in an argument")
    try:
        for item in x:
            if contains_value(item):
                return True
    finally:
        Py_LeaveRecursiveCall()
    return False


cdef Builder new_builder(str caller, bint lasting):
    cdef Builder builder = Builder.__new__(Builder)
    builder.caller = caller
    builder.lasting = lasting
    return builder


cdef Tree arguments_tree(Builder builder, tuple arguments, list axes):
    """The structure of positional arguments."""
    cdef Tree tree = builder.leaf(SEQUENCE, "arguments", 0)
    tree.type = tuple
    tree.children = []
    for i, (argument, axis) in enumerate(zip(arguments, axes)):
        tree.children.append(builder.build(argument, f"argument {i}", axis))
    tree.size = builder.size
    return tree


@cython.internal
@cython.auto_pickle(False)
cdef class Plan:
    """What is kept for one structure of arguments."""
    cdef Structure structure
    cdef Ways ways
    # The memory of the last call, for the next one; one at the same time finds it gone and makes its own.
    cdef Frame spare


@cython.internal
@cython.auto_pickle(False)
cdef class Frame(Reader):
    """The memory of a call. Without lanes, `lanes` is -1."""
    cdef Plan plan
    cdef double *numbers
    # The numbers of the inputs that are no arguments.
    cdef double *extra
    cdef Array *outputs
    cdef Numbers results

    def __dealloc__(self):
        PyMem_RawFree(self.numbers)
        PyMem_RawFree(self.extra)
        PyMem_RawFree(self.outputs)


cdef Frame new_frame(Plan plan):
    """Room for the arguments."""
    cdef Frame frame = Frame.__new__(Frame)
    cdef Py_ssize_t n = plan.structure.size
    cdef Py_ssize_t i
    frame.plan = plan
    frame.caller = plan.structure.transform.caller
    frame.lanes = -1
    frame.kept = []
    frame.numbers = <double *> allocate(n, sizeof(double))
    frame.inputs = <Array *> allocate(n, sizeof(Array))
    for i in range(n):
        frame.inputs[i] = Array(frame.numbers + i, 0)
    return frame


cdef int complete(Frame frame) except -1:
    """Make the room that only a traced program tells the size of."""
    cdef Structure structure = frame.plan.structure
    cdef Program program = frame.plan.ways.programs[0]
    cdef Py_ssize_t n = structure.size
    cdef Py_ssize_t extra = program.inputs - n
    cdef Py_ssize_t outputs = program.outputs
    cdef Py_ssize_t lanes = structure.lanes
    cdef Py_ssize_t i
    cdef Array *inputs = <Array *> PyMem_RawRealloc(frame.inputs, (n + extra) * sizeof(Array))
    if inputs == NULL:
        raise MemoryError(f"no memory for {n + extra} inputs")
    frame.inputs = inputs
    frame.extra = <double *> allocate(2 * extra, sizeof(double))
    memset(frame.extra, 0, 2 * extra * sizeof(double))
    frame.outputs = <Array *> allocate(outputs, sizeof(Array))
    frame.results = Numbers.__new__(Numbers)
    if structure.transform.is_batched:
        return 0
    frame.results.data = <double *> allocate(outputs * (1 if lanes < 0 else lanes), sizeof(double))
    frame.lanes = lanes
    if lanes < 0:
        for i in range(extra):
            inputs[n + i] = Array(frame.extra + i, 0)
    elif extra:
        # Lane i has a one in input i: a row of zeros around a one, for each input from another place on.
        frame.extra[extra - 1] = 1.0
        for i in range(extra):
            inputs[n + i] = Array(frame.extra + extra - 1 - i, 1)
    for i in range(outputs):
        if lanes < 0:
            frame.outputs[i] = Array(frame.results.data + i, 0)
        elif structure.by_column:
            frame.outputs[i] = Array(frame.results.data + i * lanes, 1)
        else:
            frame.outputs[i] = Array(frame.results.data + i, outputs)
    return 0


cdef Frame borrow(Plan plan):
    cdef Frame frame = plan.spare
    if frame is None:
        frame = new_frame(plan)
        complete(frame)
        return frame
    plan.spare = None
    frame.plan = plan
    return frame


cdef int give_back(Frame frame) except -1:
    cdef Plan plan = frame.plan
    frame.plan = None
    frame.values = None
    frame.mapped = None
    if frame.kept:
        frame.kept = []
    plan.spare = frame
    return 0


# ---------------------------------------------------------------------------------------------------------------------
# Results

@cython.internal
@cython.auto_pickle(False)
cdef class Rows(Leaves):
    """Of a matrix: each leaf is the structure of the columns."""
    cdef Structure structure
    cdef Leaves matrix
    cdef Py_ssize_t width

    cdef object scalar(self, Py_ssize_t i):
        return self.columns(i, 1, None)

    cdef object array(self, Py_ssize_t start, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t columns, tuple shape):
        return self.columns(start, columns, shape)

    cdef object columns(self, Py_ssize_t row, Py_ssize_t rows, tuple shape):
        cdef Columns leaves = Columns.__new__(Columns)
        leaves.matrix = self.matrix
        leaves.width = self.width
        leaves.row = row
        leaves.rows = rows
        leaves.shape = shape
        return gradient(self.structure, leaves, 0)


@cython.internal
@cython.auto_pickle(False)
cdef class Columns(Leaves):
    """Some rows of a matrix, which make an array of `shape` or, if it is None, a number: each leaf is a column."""
    cdef Leaves matrix
    cdef Py_ssize_t width
    cdef Py_ssize_t row
    cdef Py_ssize_t rows
    cdef tuple shape

    cdef object scalar(self, Py_ssize_t i):
        if self.shape is None:
            return self.matrix.scalar(self.row * self.width + i)
        return self.array(i, 1, 0, 1, ())

    cdef object array(self, Py_ssize_t start, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t columns, tuple shape):
        return self.matrix.array(self.row * self.width + start, self.rows, self.width, columns,
                                 (self.shape or ()) + shape)


cdef object gradient(Structure structure, Leaves leaves, Py_ssize_t start):
    """Leaves from `start` on in the structure of the arguments that are differentiated by."""
    cdef Tree tree
    cdef list gradients = []
    for tree in structure.trees:
        gradients.append(unflatten(tree, leaves, start - tree.start))
        start += tree.size
    return gradients[0] if isinstance(structure.transform.argnums, int) else tuple(gradients)


# ---------------------------------------------------------------------------------------------------------------------
# Transforms

@cython.auto_pickle(False)
cdef class Transform:
    """A function that runs programs of another function.

    Parameters
    ----------
    function : callable
        What is traced; a compiled one makes this one compiled.
    caller : str
        Who made it, for messages.
    **options
        compiled : bool, default False
            Keep the plans.
        static_argnums : tuple of int
        max_ways : int
        threads : int, 0 to choose
        argnums : int or tuple of int, all arguments if it is missing
        has_aux : bool
        in_axes, out_axes : see `autograd.vmap`
    """
    cdef readonly object function
    # The same, but what was compiled in the place of a compiled function.
    cdef object traced
    cdef readonly bint compiled
    cdef str caller
    cdef dict options
    cdef tuple plans
    cdef int threads
    # An int, a tuple of int, or None for all arguments.
    cdef object argnums
    cdef bint has_aux
    cdef bint needs_scalar
    cdef bint is_batched
    cdef bint is_derivative
    # Whether results are numbers though the function uses a Value: those of derivatives, also of many points.
    cdef bint gives_numbers
    cdef dict derived
    cdef dict __dict__
    cdef object __weakref__

    def __init__(self, function, caller, **options):
        if isinstance(function, Transform) and function.compiled:
            kept = ("compiled", "static_argnums", "max_ways")
            inherited = (<Transform> function).options
            options = {name: inherited[name] for name in kept if name in inherited} | options
        self.function = function
        self.traced = (<Transform> function).traced if type(function) is Compiled else function
        self.caller = caller
        self.options = options
        self.compiled = options.get("compiled", False)
        self.threads = options.get("threads", 0)
        self.argnums = options.get("argnums")
        self.has_aux = options.get("has_aux", False)
        self.is_derivative = self.gives_numbers = True
        self.plans = ()
        self.__name__ = type(function).__name__
        functools.update_wrapper(self, function)

    def __call__(self, *args, **kwargs):
        cdef Frame frame = self.start(args, kwargs)
        result = self.run(frame)
        give_back(frame)
        return result

    def __get__(self, instance, owner):
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self):
        text = f"{self.caller}({self.__name__})"
        return f"compile({text})" if self.compiled and type(self) is not Compiled else text

    def __reduce__(self):
        try:
            if operator.attrgetter(self.__qualname__)(sys.modules[self.__module__]) is self:
                # It decorates a function, so it is found by the name of that.
                return self.__qualname__
        except (AttributeError, KeyError):
            pass
        return functools.partial(type(self), caller=self.caller, **self.options), (self.function,)

    @property
    def programs(self):
        """The programs so far, those of the last structure of arguments first."""
        return tuple(program for plan in self.plans for program in (<Plan> plan).ways.programs)

    def program_at(self, *args):
        """The program of the function at these arguments."""
        cdef Frame frame = self.start(args, {})
        return frame.plan.ways.programs[0]

    def with_options(self, **options):
        """The same transform with other options."""
        return type(self)(self.function, self.caller, **(self.options | options))

    def derivative(self, kind, caller):
        """The derivative of a compiled function that is not kept by the user."""
        if self.derived is None:
            self.derived = {}
        if kind not in self.derived:
            self.derived[kind] = kind(self, caller)
        return self.derived[kind]

    # -- what the kinds differ in

    cdef Program derive(self, Structure structure, Program program):
        """The program that is run, of the traced one."""
        raise NotImplementedError

    cdef object assemble(self, Structure structure, Leaves leaves):
        """What a call returns."""
        raise NotImplementedError

    cdef Leaves leaves_of_values(self, Structure structure, list outputs):
        """Outputs that are Values as `assemble` takes them."""
        cdef Objects leaves = Objects.__new__(Objects)
        leaves.items = outputs
        return leaves

    cdef list axes(self, Py_ssize_t count):
        """For each argument FIXED, or None if its numbers are traced."""
        if self.compiled or self.argnums is None:
            return [None] * count
        axes = [FIXED] * count
        for i in self.positions(count):
            axes[i] = None
        return axes

    # -- a call

    cdef list positions(self, Py_ssize_t count):
        """The arguments to differentiate by, counted from the front."""
        if self.argnums is None:
            return list(range(count))
        numbers = (self.argnums,) if isinstance(self.argnums, int) else self.argnums
        return positions_of(self.caller, "argnums", numbers, count)

    cdef Structure new_structure(self, tuple args, dict kwargs):
        cdef Structure structure = Structure.__new__(Structure)
        cdef Builder builder = new_builder(self.caller, self.compiled)
        cdef Tree tree
        cdef list axes = self.axes(len(args))
        for i in positions_of(self.caller, "static_argnums", self.options.get("static_argnums", ()), len(args)):
            axes[i] = FIXED
        structure.transform = self
        structure.lanes = -1
        structure.arguments = arguments_tree(builder, args, axes)
        structure.keywords = builder.container(kwargs, "argument", [None if self.compiled else FIXED] * len(kwargs))
        structure.size = builder.size
        structure.passes_values = has_value(structure.arguments) or has_value(structure.keywords)
        structure.trees = []
        structure.wrt = []
        for i in self.positions(len(args)) if self.is_derivative else ():
            tree = structure.arguments.children[i]
            if axes[i] is FIXED:
                raise TypeError(f"{self.caller}: {tree.name} is static and cannot be differentiated by")
            if tree.kind == STATIC and self.argnums is not None:
                raise TypeError(
                    f"{self.caller}: {tree.name} must be a number, an array, or a list, tuple or dict of these to be "
                    f"differentiated by, got {type(args[i]).__name__} {args[i]!r}"
                )
            structure.trees.append(tree)
            structure.wrt += range(tree.start, tree.start + tree.size)
        return structure

    cdef Frame start(self, tuple args, dict kwargs):
        """A frame with the arguments."""
        cdef tuple plans = self.plans
        cdef Plan plan
        cdef Frame frame
        for plan in plans:
            frame = borrow(plan)
            if read(plan.structure.arguments, args, frame, 0) and read(plan.structure.keywords, kwargs, frame, 0):
                if plan is not plans[0]:
                    self.put_first(plan)
                return frame
            give_back(frame)
        plan = Plan.__new__(Plan)
        plan.structure = self.new_structure(args, kwargs)
        plan.ways = Ways(plan.structure.make, self.options.get("max_ways", MOST_WAYS), self.__name__)
        frame = new_frame(plan)
        if not (read(plan.structure.arguments, args, frame, 0) and read(plan.structure.keywords, kwargs, frame, 0)):
            raise RuntimeError(f"{self.caller}: the arguments changed while they were read")
        if self.is_batched and frame.mapped is None:
            raise ValueError(f"{self.caller}: there is nothing to map over, no argument has a mapped axis")
        plan.ways.prepare_at(first_point(frame))
        complete(frame)
        if self.compiled:
            self.put_first(plan)
        return frame

    cdef int put_first(self, Plan plan) except -1:
        """Let the next call look at a plan before the others; forget those that were used longest ago."""
        cdef list plans = [plan]
        for other in self.plans:
            if other is not plan and len(plans) < MOST_PLANS:
                plans.append(other)
        self.plans = tuple(plans)
        return 0

    cdef bint makes_values(self, Frame frame):
        """Whether results are Values. A derivative of numbers is a number, except in a trace, which has to see it."""
        if frame.values is not None or frame.plan.structure.passes_values:
            return True
        return frame.plan.ways.captures() and (not self.gives_numbers or tracing())

    cdef object run(self, Frame frame):
        cdef Structure structure = frame.plan.structure
        if not self.makes_values(frame):
            frame.plan.ways.run(frame.inputs, frame.lanes, frame.outputs, self.threads)
            # On another way the function may have used a Value for the first time.
            if not self.makes_values(frame):
                return self.assemble(structure, frame.results)
        return self.assemble(structure, self.leaves_of_values(structure, self.call(frame)))

    cdef list call(self, Frame frame):
        """Run and record."""
        return frame.plan.ways.call(frame.inputs, frame.lanes, frame.values or [], self.threads)


cdef list positions_of(str caller, str option, object numbers, Py_ssize_t count):
    """Arguments given by number, counted from the front."""
    cdef list positions = []
    for number in numbers:
        if not -count <= number < count:
            raise TypeError(
                f"{caller}: {option} names argument {number}, but the call has {count} positional argument"
                + "s" * (count != 1)
            )
        position = number + count if number < 0 else number
        if position in positions:
            raise ValueError(f"{caller}: {option} names argument {position} twice")
        positions.append(position)
    return positions


cdef list first_point(Frame frame):
    """The numbers of the first lane, ones if there is none."""
    cdef Py_ssize_t n = frame.plan.structure.size
    cdef list point = [1.0] * n
    cdef Py_ssize_t i
    if frame.lanes:
        for i in range(n):
            point[i] = frame.inputs[i].data[0]
    return point


cdef class Compiled(Transform):
    """See `autograd.compile`."""

    def __init__(self, function, caller, **options):
        Transform.__init__(self, function, caller, **options)
        self.is_derivative = False
        self.gives_numbers = isinstance(function, Transform) and (<Transform> function).gives_numbers

    cdef Program derive(self, Structure structure, Program program):
        return program

    cdef object assemble(self, Structure structure, Leaves leaves):
        return unflatten(structure.output, leaves)


cdef class Mapped(Compiled):
    """See `autograd.vmap`."""
    cdef object in_axes
    cdef Py_ssize_t out_axes

    def __init__(self, function, caller, **options):
        Compiled.__init__(self, function, caller, **options)
        self.is_batched = True
        self.in_axes = options["in_axes"]
        self.out_axes = options["out_axes"]

    cdef list axes(self, Py_ssize_t count):
        axes = self.in_axes
        if not isinstance(axes, tuple):
            axes = (axes,) * count
        elif len(axes) != count:
            raise ValueError(
                f"{self.caller}: in_axes {axes!r} must have an entry for each positional argument, got {count} of these"
            )
        return list(axes) if self.compiled else [fix(axis) for axis in axes]

    cdef object run(self, Frame frame):
        cdef Structure structure = frame.plan.structure
        cdef ObjectBatch values
        cdef Batch batch
        if not self.makes_values(frame):
            batch = Batch.__new__(Batch)
            batch.transform = self
            batch.outputs = frame.outputs
            batch.lanes = frame.lanes
            result = unflatten(structure.output, batch)
            frame.plan.ways.run(frame.inputs, frame.lanes, frame.outputs, self.threads)
            if not self.makes_values(frame):
                return result
        values = ObjectBatch.__new__(ObjectBatch)
        values.transform = self
        values.lanes = frame.lanes
        values.items = self.call(frame)
        return unflatten(structure.output, values)

    cdef Py_ssize_t output_axis(self, tuple shape) except -1:
        """Where the lanes go in an array whose part of one lane has this shape."""
        cdef Py_ssize_t count = len(shape) + 1
        if not -count <= self.out_axes < count:
            raise ValueError(
                f"{self.caller}: out_axes {self.out_axes} is out of range for a result of shape {shape} in each lane"
            )
        return self.out_axes + count if self.out_axes < 0 else self.out_axes


@cython.internal
@cython.auto_pickle(False)
cdef class Batch(Leaves):
    """Arrays with an axis for the lanes, to which the outputs are made to point."""
    cdef Mapped transform
    cdef Array *outputs
    cdef Py_ssize_t lanes

    cdef object scalar(self, Py_ssize_t i):
        return self.array(i, 1, 0, 1, ())

    cdef object array(self, Py_ssize_t start, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t columns, tuple shape):
        cdef Py_ssize_t axis = self.transform.output_axis(shape)
        array = numpy.empty(shape[:axis] + (self.lanes,) + shape[axis:])
        cdef double *data = address(array)
        cdef Py_ssize_t i
        # How many numbers of one lane lie side by side.
        cdef Py_ssize_t run = 1
        for length in shape[axis:]:
            run *= <Py_ssize_t> length
        for i in range(columns):
            self.outputs[start + i] = Array(data + i // run * run * self.lanes + i % run, run)
        return array


@cython.internal
@cython.auto_pickle(False)
cdef class ObjectBatch(Leaves):
    """Arrays of Values, with an axis for the lanes."""
    cdef Mapped transform
    cdef Py_ssize_t lanes
    # By output, of a Value for each lane.
    cdef list items

    cdef object scalar(self, Py_ssize_t i):
        return self.array(i, 1, 0, 1, ())

    cdef object array(self, Py_ssize_t start, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t columns, tuple shape):
        cdef list items = []
        for lanes in self.items[start:start + columns]:
            items += lanes
        array = object_array(items, shape + (self.lanes,))
        return numpy.ascontiguousarray(numpy.moveaxis(array, -1, self.transform.output_axis(shape)))


cdef object fix(object axes):
    """Axes with FIXED for None: a plain function gets the argument itself."""
    if axes is None:
        return FIXED
    if isinstance(axes, dict):
        return {key: fix(item) for key, item in axes.items()}
    return axes if isinstance(axes, int) else [fix(item) for item in axes]


cdef class Gradient(Transform):
    """See `autograd.grad` and `autograd.value_and_grad`."""
    cdef bint has_value

    def __init__(self, function, caller, **options):
        Transform.__init__(self, function, caller, **options)
        self.needs_scalar = True
        self.has_value = options["has_value"]

    cdef Program derive(self, Structure structure, Program program):
        return program.reverse(structure.wrt, [0], range(0 if self.has_value else 1, structure.output_count), True)

    cdef object assemble(self, Structure structure, Leaves leaves):
        cdef Py_ssize_t shift = 0 if self.has_value else -1
        result = gradient(structure, leaves, structure.output_count + shift)
        if not self.has_aux:
            return (leaves.scalar(0), result) if self.has_value else result
        aux = unflatten(structure.aux, leaves, shift)
        return ((leaves.scalar(0), aux), result) if self.has_value else (result, aux)


cdef class Jacobian(Transform):
    """See `autograd.jacobian`: forward mode with a lane for each column, or reverse mode with one for each row."""

    cdef Program derive(self, Structure structure, Program program):
        cdef Py_ssize_t columns = len(structure.wrt)
        cdef Py_ssize_t rows = structure.output_count
        structure.by_column = columns <= rows
        structure.lanes = columns if structure.by_column else rows
        return program.forward(structure.wrt) if structure.by_column else program.reverse(structure.wrt, range(rows))

    cdef object assemble(self, Structure structure, Leaves leaves):
        return unflatten(structure.output, rows_of(structure, leaves))

    cdef Leaves leaves_of_values(self, Structure structure, list outputs):
        cdef Objects leaves = Objects.__new__(Objects)
        leaves.items = []
        for row in outputs if structure.by_column else zip(*outputs):
            leaves.items += row
        return leaves


cdef Rows rows_of(Structure structure, Leaves leaves):
    cdef Rows rows = Rows.__new__(Rows)
    rows.structure = structure
    rows.matrix = leaves
    rows.width = len(structure.wrt)
    return rows


cdef class Hessian(Jacobian):
    """See `autograd.hessian`: the Jacobian of the gradient, with a lane for each column."""

    def __init__(self, function, caller, **options):
        Transform.__init__(self, function, caller, **options)
        self.needs_scalar = True

    cdef Program derive(self, Structure structure, Program program):
        structure.by_column = True
        structure.lanes = len(structure.wrt)
        return second_derivative(structure, program)

    cdef object assemble(self, Structure structure, Leaves leaves):
        return gradient(structure, rows_of(structure, leaves), 0)


cdef Program second_derivative(Structure structure, Program program):
    """The program of the product of the Hessian with a tangent."""
    return program.reverse(structure.wrt, [0], (), True).forward(structure.wrt)


# ---------------------------------------------------------------------------------------------------------------------
# Derivatives at a point, in a direction

cdef int read_direction(Frame frame, Tree tree, object direction, str what) except -1:
    """Read tangents or cotangents, the inputs after the arguments."""
    if not read(tree, direction, frame, frame.plan.structure.size):
        got = describe(new_builder(frame.caller, False).build(direction, what))
        raise TypeError(f"{frame.caller} expects {what} of the structure {describe(tree)}, got {got}")
    return 0


cdef class Jvp(Transform):
    """See `autograd.jvp`."""

    def at(self, primals, tangents):
        """The derivative at `primals` in the direction `tangents`, both tuples."""
        for what, arguments in (("primals", primals), ("tangents", tangents)):
            if not isinstance(arguments, tuple):
                raise TypeError(
                    f"{self.caller} expects {what} as a tuple with an entry for each argument, got "
                    f"{type(arguments).__name__} {arguments!r}"
                )
        cdef Frame frame = self.start(primals, {})
        read_direction(frame, frame.plan.structure.arguments, tangents, "tangents")
        result = self.run(frame)
        give_back(frame)
        return result

    cdef Program derive(self, Structure structure, Program program):
        return program.forward(structure.wrt, range(structure.output_count))

    cdef object assemble(self, Structure structure, Leaves leaves):
        return unflatten(structure.output, leaves), unflatten(structure.output, leaves, structure.output_count)


cdef class Hvp(Jvp):
    """See `autograd.hvp`."""

    def __init__(self, function, caller, **options):
        Transform.__init__(self, function, caller, **options)
        self.needs_scalar = True

    cdef Program derive(self, Structure structure, Program program):
        return second_derivative(structure, program)

    cdef object assemble(self, Structure structure, Leaves leaves):
        return gradient(structure, leaves, 0)


cdef class Vjp(Transform):
    """See `autograd.vjp`. The cotangents of the call that gives the output are zero."""

    def at(self, primals):
        """The output at `primals`, and the pullback."""
        cdef Pullback pullback = Pullback.__new__(Pullback)
        pullback.transform = self
        pullback.frame = self.start(primals, {})
        return self.run(pullback.copy())[0], pullback

    cdef Program derive(self, Structure structure, Program program):
        outputs = range(structure.output_count)
        return program.reverse(structure.wrt, outputs, outputs)

    cdef object assemble(self, Structure structure, Leaves leaves):
        return unflatten(structure.output, leaves), gradient(structure, leaves, structure.output_count)


@cython.internal
@cython.auto_pickle(False)
cdef class Pullback:
    """The derivatives of a result at a point, as a function of the cotangents; a tuple, with one for each primal."""
    cdef Vjp transform
    cdef Frame frame

    def __call__(self, cotangents):
        cdef Frame frame = self.copy()
        read_direction(frame, frame.plan.structure.output, cotangents, "cotangents")
        return self.transform.run(frame)[1]

    cdef Frame copy(self):
        """A frame of the same arguments; their numbers are all in one place, because nothing is mapped."""
        cdef Frame frame = new_frame(self.frame.plan)
        complete(frame)
        memcpy(frame.numbers, self.frame.numbers, frame.plan.structure.size * sizeof(double))
        frame.values = self.frame.values and list(self.frame.values)
        return frame


# ---------------------------------------------------------------------------------------------------------------------
# Flat arguments

@cython.auto_pickle(False)
cdef class Raveled:
    """The numbers and Values in an object as one array.

    Parameters
    ----------
    caller : str
        For messages.
    x : object
        A tuple of arguments, or what a function returned.
    name : str, optional
        What messages call it, if it is no tuple of arguments.
    """
    cdef Tree tree
    cdef list items

    def __init__(self, caller, x, name=None):
        cdef Builder builder = new_builder(caller, False)
        builder.numbers = self.items = []
        self.tree = arguments_tree(builder, x, [None] * len(x)) if name is None else builder.build(x, name)

    @property
    def objects(self):
        """The array."""
        return object_array(self.items, (len(self.items),))

    @property
    def numbers(self):
        """The array of the numbers alone."""
        return numpy.array([x.item() if isinstance(x, Value) else x for x in self.items], numpy.float64)

    def unravel(self, numbers):
        """An object of other numbers, an array of floats or Values, as a function under trace gets it."""
        cdef Objects leaves = Objects.__new__(Objects)
        leaves.items = [x if isinstance(x, Value) else Value(x) for x in numbers.tolist()]
        return unflatten(self.tree, leaves)

    def name(self, Py_ssize_t i):
        """What messages call number i."""
        return name_of(self.tree, i)


cdef str name_of(Tree tree, Py_ssize_t i):
    cdef Tree child
    if tree.kind == NUMBERS:
        return f"{tree.name}[{i - tree.start}]"
    if tree.kind == ARRAY:
        index = map(int, numpy.unravel_index(i - tree.start, tree.shape))
        return f"{tree.name}[{', '.join(map(str, index))}]"
    for child in tree.children or ():
        if child.start <= i < child.start + child.size:
            return name_of(child, i)
    return tree.name
