# cython: auto_pickle=False
"""The kinds of transforms: compiled functions, maps over lanes, and derivatives.

Each overrides the steps of `Transform` in which it differs: the derivative of the program that it runs, the lanes in
which it runs, and the object that it makes of the outputs. They compose, because each is a function that others trace;
a `Compiled` one is traced through.
"""

cimport cython
from libc.string cimport memcmp, memcpy, memset

from autograd._core cimport Value, new_leaf
from autograd._cpython cimport TypeSlots, address
from autograd._interpreter.interpreter cimport Array
from autograd._ir.code cimport room
from autograd._ir.derivatives cimport reverse
from autograd._ir.sparsity cimport sparsity
from autograd._program.program cimport Program, new_program
from autograd._program.tracing cimport tracing
from autograd._transforms.compression cimport Compression, new_compression
from autograd._transforms.pytree cimport (
    ARRAY, FIXED, MAPPING, NUMBER, NUMBERS, SEQUENCE, STATIC, Builder, Leaves, Numbers, Objects, Tree, describe,
    new_builder,
    object_array, unflatten,
)
from autograd._transforms.results cimport new_result
from autograd._transforms.signature cimport Signature, positions_of, read
from autograd._transforms.transform cimport Compilation, Frame, Transform, give_back, new_frame

import numpy

from autograd._program.executors import Team
from autograd._transforms.structure import Sparsity, coloring as coloring_of


cdef class Compiled(Transform):
    """See `autograd.compile`."""

    def __repr__(self):
        return f"{self.caller}({self.__name__})"

    cdef object inlined(self):
        return self.traced


# ---------------------------------------------------------------------------------------------------------------------
# Many points at once

cdef class Mapped(Transform):
    """See `autograd.vmap`."""
    cdef object in_axes
    cdef object out_axes

    cdef int read_options(self) except -1:
        self.in_axes = self.options["in_axes"]
        self.out_axes = self.options["out_axes"]
        if self.options.get("executor") is not None:
            self.team = Team(self.options["executor"], self.options["chunk"], self.threads or 1)
        return 0

    cdef list axes(self, list names):
        axes = self.in_axes
        if isinstance(axes, dict):
            return self.axes_by_name(names)
        if not isinstance(axes, tuple):
            axes = (axes,) * len(names)
        elif len(axes) != len(names):
            raise ValueError(
                f"{self.caller}: in_axes {axes!r} must have an entry for each positional argument, got {len(names)} of "
                "these"
            )
        return list(axes) if self.compiled else [fix(axis) for axis in axes]

    cdef list keyword_axes(self, list names):
        if isinstance(self.in_axes, dict):
            return self.axes_by_name(names)
        return Transform.keyword_axes(self, names)

    cdef list axes_by_name(self, list names):
        """Return the axes of arguments in a dict by the name of the parameter; what it does not name is shared."""
        axes = [self.in_axes.get(name) for name in names]
        return axes if self.compiled else [fix(axis) for axis in axes]

    cdef list first_point(self, Signature signature, Frame frame):
        if frame.mapped is None:
            raise ValueError(
                f"{self.caller}: there is nothing to map over, as no argument has an axis by in_axes {self.in_axes!r}"
            )
        return Transform.first_point(self, signature, frame) if frame.lanes else [1.0] * signature.size

    cdef int make_room(self, Frame frame) except -1:
        return frame.reserve(0)

    cdef object run(self, Frame frame):
        cdef Compilation compilation = frame.compilation
        cdef Batch batch
        if not self.makes_values(frame):
            batch = Batch.__new__(Batch)
            batch.transform = self
            batch.outputs = frame.outputs
            batch.lanes = frame.lanes
            batch.axes = self.axes_of_outputs(compilation.output)
            # The outputs point into the arrays of the result.
            result = self.assemble(compilation.signature, compilation.output, batch)
            compilation.run(frame.inputs, frame.lanes, frame.outputs, self.threads)
            if not self.makes_values(frame):
                return result
        return self.record(frame)

    cdef Leaves leaves_of_values(self, Frame frame, list outputs):
        cdef ObjectBatch leaves = ObjectBatch.__new__(ObjectBatch)
        leaves.transform = self
        leaves.lanes = frame.lanes
        leaves.items = outputs
        leaves.axes = self.axes_of_outputs(frame.compilation.output)
        return leaves

    cdef list axes_of_outputs(self, Tree output):
        """Return `out_axes` for each number of the result; None where it is the same for all."""
        cdef list axes
        if isinstance(self.out_axes, int):
            return None
        axes = []
        spread(self, self.out_axes, output, axes)
        return axes

    cdef Py_ssize_t output_axis(self, list axes, Py_ssize_t start, tuple shape) except -1:
        """Return the axis of the lanes in an array whose part of one lane has this shape, from number `start` on."""
        cdef Py_ssize_t count = len(shape) + 1
        cdef Py_ssize_t axis = self.out_axes if axes is None else axes[start] if axes else 0
        if not -count <= axis < count:
            raise ValueError(
                f"{self.caller}: out_axes {axis} is out of range for a result of shape {shape} in each lane"
            )
        return axis + count if axis < 0 else axis


cdef int spread(Mapped mapped, object axes, Tree output, list result) except -1:
    """Append the axis of each number of a result, by the container of axes for it."""
    cdef list parts = None
    if isinstance(axes, int):
        result += [axes] * output.size
        return 0
    if isinstance(axes, dict) and output.kind == MAPPING and set(axes) == set(output.keys):
        parts = [axes[key] for key in output.keys]
    elif isinstance(axes, tuple) and output.kind == SEQUENCE and len(axes) == len(output.children):
        parts = list(axes)
    elif isinstance(axes, tuple) and output.kind == NUMBERS and len(axes) == output.size:
        for axis in axes:
            if not isinstance(axis, int):
                break
            result.append(axis)
        else:
            return 0
    if parts is None:
        raise ValueError(f"{mapped.caller}: out_axes {axes!r} does not fit {output.name}, which is {describe(output)}")
    for part, child in zip(parts, output.children):
        spread(mapped, part, child, result)
    return 0


@cython.internal
cdef class Batch(Leaves):
    """Arrays with an axis for the lanes, which the outputs of the program are made to point into."""
    cdef Mapped transform
    cdef list axes
    cdef Array *outputs
    cdef Py_ssize_t lanes

    cdef object scalar(self, Py_ssize_t i):
        return self.array(i, 1, 0, 1, ())

    cdef object array(self, Py_ssize_t start, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t columns, tuple shape):
        cdef Py_ssize_t axis = self.transform.output_axis(self.axes, start, shape)
        array = new_result(shape[:axis] + (self.lanes,) + shape[axis:])
        cdef double *data = address(array)
        cdef Py_ssize_t i
        # This many numbers of one lane lie side by side.
        cdef Py_ssize_t run = 1
        for length in shape[axis:]:
            run *= <Py_ssize_t> length
        for i in range(columns):
            self.outputs[start + i] = Array(data + i // run * run * self.lanes + i % run, run)
        return array


@cython.internal
cdef class ObjectBatch(Leaves):
    """Arrays of Values, with an axis for the lanes."""
    cdef Mapped transform
    cdef list axes
    cdef Py_ssize_t lanes
    # For every output a list with a Value for each lane.
    cdef list items

    cdef object scalar(self, Py_ssize_t i):
        return self.array(i, 1, 0, 1, ())

    cdef object array(self, Py_ssize_t start, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t columns, tuple shape):
        cdef list items = []
        for lanes in self.items[start:start + columns]:
            items += lanes
        array = object_array(items, shape + (self.lanes,))
        return numpy.ascontiguousarray(numpy.moveaxis(array, -1, self.transform.output_axis(self.axes, start, shape)))


cdef object fix(object axes):
    """Replace None by FIXED in axes, so that a plain function gets the argument itself."""
    if axes is None:
        return FIXED
    if isinstance(axes, dict):
        return {key: fix(item) for key, item in axes.items()}
    return axes if isinstance(axes, int) else [fix(item) for item in axes]


# ---------------------------------------------------------------------------------------------------------------------
# Derivatives

cdef class Derivative(Transform):
    """A transform that runs a derivative of the program."""
    # An int, a tuple of int, or None for all arguments.
    cdef object argnums

    cdef int read_options(self) except -1:
        self.argnums = self.options.get("argnums")
        return 0

    cdef bint is_derivative(self):
        return True

    cdef list axes(self, list names):
        if self.compiled or self.argnums is None:
            return [None] * len(names)
        axes = [FIXED] * len(names)
        for i in self.positions(len(names)):
            axes[i] = None
        return axes

    cdef list positions(self, Py_ssize_t count):
        """Return the positions of the arguments to differentiate by."""
        if self.argnums is None:
            return list(range(count))
        numbers = (self.argnums,) if isinstance(self.argnums, int) else self.argnums
        return positions_of(self.caller, "argnums", numbers, count)

    cdef list differentiated(self, Tree arguments, list axes):
        cdef list trees = []
        cdef Tree tree
        for i in self.positions(len(axes)):
            tree = arguments.children[i]
            if axes[i] is FIXED:
                raise TypeError(f"{self.caller}: {tree.name} is static and cannot be differentiated by")
            if tree.kind == STATIC and self.argnums is not None:
                raise TypeError(
                    f"{self.caller}: {tree.name} must be a number, an array, or a container of these to be "
                    f"differentiated by, got {type(tree.static).__name__} {tree.static!r}"
                )
            trees.append(tree)
        return trees

    cdef Tree scalar_of(self, Builder builder, object result):
        """Return the structure of a result that has to be a scalar."""
        cdef Tree output = builder.build(result, "result")
        if output.kind != NUMBER and not (output.kind == ARRAY and output.shape == ()):
            raise TypeError(f"{self.caller} expects a function with one scalar output, got {describe(output)}")
        return output

    cdef object gradient(self, Signature signature, Leaves leaves, Py_ssize_t start):
        """Return the leaves from `start` on in the structure of the arguments to differentiate by."""
        cdef Tree tree
        cdef list gradients = []
        for tree in signature.differentiated:
            gradients.append(unflatten(tree, leaves, start - tree.start))
            start += tree.size
        return gradients[0] if isinstance(self.argnums, int) else tuple(gradients)


cdef class Gradient(Derivative):
    """See `autograd.grad`. With `has_aux`, the structure of the result is the pair (output, aux)."""
    cdef bint has_aux

    cdef int read_options(self) except -1:
        self.has_aux = self.options["has_aux"]
        return Derivative.read_options(self)

    cdef Tree output_of(self, Builder builder, object result):
        cdef Tree pair
        if not self.has_aux:
            return self.scalar_of(builder, result)
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(
                f"{self.caller} with has_aux expects a function that returns a pair (output, aux), got "
                f"{type(result).__name__} {result!r}"
            )
        pair = builder.leaf(SEQUENCE, "result", 0)
        pair.type = tuple
        pair.children = [self.scalar_of(builder, result[0]), builder.build(result[1], "aux")]
        pair.size = builder.size
        return pair

    cdef Program derive(self, Compilation compilation, Program program):
        kept = list(range(1, compilation.output.size))
        return new_program(reverse(program.code, compilation.signature.wrt, [0], kept, True))

    cdef object assemble(self, Signature signature, Tree output, Leaves leaves):
        result = self.gradient(signature, leaves, output.size - 1)
        return (result, unflatten(output.children[1], leaves, -1)) if self.has_aux else result


cdef class ValueAndGradient(Gradient):
    """See `autograd.value_and_grad`."""

    cdef Program derive(self, Compilation compilation, Program program):
        kept = list(range(compilation.output.size))
        return new_program(reverse(program.code, compilation.signature.wrt, [0], kept, True))

    cdef object assemble(self, Signature signature, Tree output, Leaves leaves):
        value = (leaves.scalar(0), unflatten(output.children[1], leaves)) if self.has_aux else leaves.scalar(0)
        return value, self.gradient(signature, leaves, output.size)


# The most comparisons of indices, for an instruction, that a dense result is worth.
cdef Py_ssize_t MOST_WORK = 16
# The least lanes of a dense result that is computed once for which it pays to find a pattern.
cdef Py_ssize_t LEAST_LANES = 64
# The most instructions that passes for more than a few colors go over.
cdef Py_ssize_t FEW_COLORS = 4
cdef Py_ssize_t MOST_INSTRUCTIONS = 1000000
# By mode: what is colored.
cdef dict COLORED = {None: ("columns", "rows"), "forward": ("columns",), "reverse": ("rows",)}


class Grown(Exception):
    """The function took a way on which its derivative has entries outside of the pattern so far: the pattern now."""


@cython.binding(False)
@cython.embedsignature(True)
@cython.embedsignature.format("clinic")
cdef class Jacobian(Derivative):
    """See `autograd.jacobian`.

    As a `Compression` if that pays, and always for a sparse result; or in forward mode with a lane for each column, or
    reverse mode with one for each row.
    """
    # The format of the result; None if it is dense.
    cdef object form
    # The pattern that the user gave, if any.
    cdef object given

    cdef int read_options(self) except -1:
        self.form = self.options.get("form")
        self.given = self.options.get("sparsity")
        return Derivative.read_options(self)

    def sparsity(self, *args, **kwargs):
        """Return the pattern of the derivative, the union over the ways through `f` so far, that at `args` included.
        """
        return self.coloring(*args, **kwargs).sparsity

    def coloring(self, *args, **kwargs):
        """Return the coloring by which the derivative is computed."""
        cdef Frame frame
        if self.form is None:
            return self.with_options(form="csr").coloring(*args, **kwargs)
        frame = self.start(args, kwargs)
        while True:
            try:
                frame.compilation.run(frame.inputs, frame.lanes, frame.outputs, self.threads)
                break
            except Grown as grown:
                pattern = grown.args[0]
            frame = self.grown(frame, pattern)
        coloring = frame.compilation.compression.coloring
        give_back(frame)
        return coloring

    cdef bint by_column(self, Signature signature, Tree output) except -1:
        mode = self.options.get("mode")
        return len(signature.wrt) <= output.size if mode is None else mode == "forward"

    cdef Program primal_of(self, Signature signature, Program program):
        """Return the program of which this is the Jacobian."""
        return program

    cdef bint is_symmetric(self) noexcept:
        return False

    cdef Program derive(self, Compilation compilation, Program program):
        cdef list wrt = compilation.signature.wrt
        cdef Program source = self.primal_of(compilation.signature, program)
        cdef Compression compression
        if not compilation.programs:
            return self.compress(compilation, source)
        compression = compilation.compression
        if compression is not None:
            pattern = pattern_of(source, wrt, -1)
            self.check_given(pattern)
            if pattern not in compression.coloring.sparsity:
                raise Grown(pattern | compression.coloring.sparsity)
            if not compression.lanes:
                return compression.entries_of(source.code, wrt)
        return self.in_lanes(compilation, source)

    cdef Program in_lanes(self, Compilation compilation, Program source):
        """Return the program of a lane, which computes a sum of columns or of rows."""
        if self.uses_columns(compilation):
            return source.forward(compilation.signature.wrt)
        return source.reverse(compilation.signature.wrt, range(source.outputs))

    cdef bint uses_columns(self, Compilation compilation) except -1:
        if compilation.compression is not None:
            return compilation.compression.by_column
        return self.by_column(compilation.signature, compilation.output)

    cdef Program compress(self, Compilation compilation, Program source):
        """Choose how to compute the Jacobian of a program, the first of a compilation, and return what does."""
        cdef list wrt = compilation.signature.wrt
        cdef Py_ssize_t colors, lanes = min(source.outputs, <Py_ssize_t> len(wrt))
        cdef bint dense = self.form is None
        cdef Program entries, in_lanes
        cdef bint once = not self.compiled and not tracing()
        if dense and (source.code.calls or lanes < (LEAST_LANES if once else 2)):
            return self.in_lanes(compilation, source)
        pattern = pattern_of(source, wrt, MOST_WORK * source.code.size if dense else -1)
        if pattern is None:
            return self.in_lanes(compilation, source)
        self.check_given(pattern)
        for other in (compilation.sparsity, self.given):
            if other is not None:
                pattern = pattern | other
        coloring = coloring_of(pattern, self.is_symmetric(), COLORED[self.options.get("mode")])
        colors = coloring.count
        compilation.compression = new_compression(coloring, self.form)
        if source.code.calls or colors * source.code.size > MOST_INSTRUCTIONS and colors > FEW_COLORS:
            entries = None
        elif once and colors > FEW_COLORS:
            # One run does not pay for so many passes.
            entries = None
        else:
            entries = compilation.compression.entries_of(source.code, wrt)
        if entries is not None and (tracing() or colors <= FEW_COLORS and not dense):
            return entries
        in_lanes = self.in_lanes(compilation, source)
        # An instruction takes 5 ns at a point, and in a few lanes 20 ns and 0.4 ns for each.
        if entries is not None and entries.instructions <= (4.0 + colors / 12.0) * in_lanes.instructions:
            return entries
        if dense and 2 * colors > lanes:
            compilation.compression = None
            return self.in_lanes(compilation, source)
        compilation.compression.lanes = max(colors, 1)
        return in_lanes

    cdef int check_given(self, object pattern) except -1:
        if self.given is not None and pattern not in self.given:
            if pattern.shape != self.given.shape:
                raise ValueError(
                    f"{self.caller}: sparsity has the shape {self.given.shape}, but the derivative has {pattern.shape}")
            rows = numpy.setdiff1d(pattern._keys, self.given._keys)
            row, column = divmod(int(rows[0]), pattern.shape[1])
            raise ValueError(
                f"{self.caller}: sparsity lacks {len(rows)} entries of the derivative, the first in row {row}, column "
                f"{column}"
            )
        return 0

    cdef int make_room(self, Frame frame) except -1:
        cdef Compilation compilation = frame.compilation
        cdef Compression compression = compilation.compression
        cdef Signature signature = compilation.signature
        cdef Program program = compilation.programs[0]
        cdef Py_ssize_t outputs = program.outputs
        cdef Py_ssize_t i
        # Each seed is an input after the arguments, one in the lane of its color.
        cdef Py_ssize_t seeds = program.inputs - signature.size
        cdef Py_ssize_t lanes = seeds if compression is None else compression.lanes
        cdef bint in_place
        if compression is not None and not lanes:
            # The data of a sparse matrix, or what is made of parts of the matrix: the entries in their places, among
            # zeros that stay.
            in_place = self.form is not None or self.shape_of(signature, compilation.output) is None
            frame.reserve(compression.size if in_place else outputs)
            for i in range(outputs):
                frame.outputs[i] = Array(frame.results.data + (compression.places[i] if in_place else i), 0)
            return 0
        frame.reserve(lanes * outputs)
        frame.lanes = lanes
        if seeds:
            # All inputs read one row, zeros around a one, each from another place on.
            frame.seeds[lanes - 1] = 1.0
        for i in range(seeds):
            frame.inputs[signature.size + i] = Array(frame.seeds + lanes - 1 - (
                i if compression is None else <Py_ssize_t> compression.coloring.colors[i]), 1)
        for i in range(outputs):
            if compression is not None or self.uses_columns(compilation):
                frame.outputs[i] = Array(frame.results.data + i * lanes, 1)
            else:
                frame.outputs[i] = Array(frame.results.data + i, outputs)
        return 0

    cdef object run(self, Frame frame):
        cdef Compilation compilation = frame.compilation
        if self.form is not None and self.makes_values(frame):
            raise TypeError(
                f"{self.caller} with sparse=True returns numbers, and takes no Values: differentiate the dense one, or "
                "call it outside of the function that another transform traces"
            )
        if compilation.compression is None:
            return Derivative.run(self, frame)
        try:
            if not self.makes_values(frame):
                compilation.run(frame.inputs, frame.lanes, frame.outputs, self.threads, frame.parts)
            return self.record(frame) if self.makes_values(frame) else self.result_of(frame)
        except Grown as grown:
            pattern = grown.args[0]
        frame = self.grown(frame, pattern)
        result = self.run(frame)
        give_back(frame)
        return result

    cdef object result_of(self, Frame frame):
        """Return the result that a compression has computed."""
        cdef Compilation compilation = frame.compilation
        cdef Compression compression = compilation.compression
        cdef Numbers matrix
        if self.form is not None:
            return compression.sparse_array(frame.results.data)
        shape = self.shape_of(compilation.signature, compilation.output)
        if shape is not None:
            # Of a large array the pages of fresh memory cost more than the zeros.
            array = new_result(shape)
            memset(address(array), 0, compression.size * sizeof(double))
            compression.gather(frame.results.data, address(array))
            return self.container_of(compilation.output, array)
        if not compression.lanes:
            return self.assemble(compilation.signature, compilation.output, frame.results)
        matrix = Numbers.__new__(Numbers)
        matrix.data = <double *> room(compression.size, sizeof(double))
        compression.gather(frame.results.data, matrix.data)
        return self.assemble(compilation.signature, compilation.output, matrix)

    cdef tuple shape_of(self, Signature signature, Tree output):
        """Return the shape of a dense result that is one array, or its rows; None if it is not."""
        cdef Tree argument = signature.differentiated[0]
        if not isinstance(self.argnums, int) or argument.kind != ARRAY:
            return None
        if output.kind == NUMBERS and argument.shape:
            return (output.size,) + argument.shape
        return output.shape + argument.shape if output.kind == ARRAY else None

    cdef object container_of(self, Tree output, object array):
        """Return a dense result, made of the array of its numbers."""
        if output.kind == ARRAY:
            return array
        return list(array) if output.type is list else tuple(array) if output.type is tuple else (
            output.type._make(array))

    cdef Frame grown(self, Frame frame, object pattern):
        """Return a frame with the same numbers of a compilation whose pattern is larger, in the place of that of this.

        The other ways through the function are traced again when they are needed.
        """
        cdef Compilation former = frame.compilation
        cdef Signature signature = former.signature
        cdef Compilation compilation = Compilation.__new__(Compilation)
        cdef Frame larger = new_frame(self.caller, signature)
        compilation.name, compilation.max_ways, compilation.transform = former.name, former.max_ways, self
        compilation.signature, compilation.sparsity = signature, pattern
        program, compilation.output = self.trace(signature, self.first_point(signature, frame))
        compilation.add(self.derive(compilation, program))
        kept = list(self.compilations)
        if former in kept:
            kept[kept.index(former)] = compilation
        self.compilations = tuple(kept)
        larger.compilation = compilation
        self.make_room(larger)
        memcpy(larger.numbers, frame.numbers, signature.size * sizeof(double))
        larger.values, larger.held = frame.values and list(frame.values), frame.held and list(frame.held)
        larger.parts = frame.parts
        return larger

    cdef object assemble(self, Signature signature, Tree output, Leaves leaves):
        return unflatten(output, self.rows(signature, leaves))

    cdef Rows rows(self, Signature signature, Leaves leaves):
        cdef Rows rows = Rows.__new__(Rows)
        rows.transform = self
        rows.signature = signature
        rows.matrix = leaves
        rows.width = len(signature.wrt)
        return rows

    cdef Leaves leaves_of_values(self, Frame frame, list outputs):
        cdef Objects leaves = Objects.__new__(Objects)
        cdef Compression compression = frame.compilation.compression
        cdef Py_ssize_t e
        leaves.items = []
        if compression is not None:
            while len(leaves.items) < compression.size:
                leaves.items.append(new_leaf(0.0))
            for e in range(compression.nnz):
                output = outputs[compression.lines[e]][compression.colors[e]] if compression.lanes else outputs[e]
                leaves.items[compression.places[e]] = output
            return leaves
        for row in outputs if self.by_column(frame.compilation.signature, frame.compilation.output) else zip(*outputs):
            leaves.items += row
        return leaves


cdef object pattern_of(Program program, list wrt, Py_ssize_t limit):
    """Return the pattern of the Jacobian of a program, None beyond a limit: see `autograd._ir.sparsity`."""
    arrays = sparsity(program.code, wrt, limit)
    return None if arrays is None else Sparsity._of((program.outputs, len(wrt)), *arrays)


cdef class Hessian(Jacobian):
    """See `autograd.hessian`: the Jacobian of the gradient, with a lane for each column."""

    cdef Tree output_of(self, Builder builder, object result):
        return self.scalar_of(builder, result)

    cdef bint by_column(self, Signature signature, Tree output) except -1:
        return True

    cdef Program primal_of(self, Signature signature, Program program):
        return gradient_of(signature, program)

    cdef bint is_symmetric(self) noexcept:
        return True

    cdef tuple shape_of(self, Signature signature, Tree output):
        return Jacobian.shape_of(self, signature, signature.differentiated[0])

    cdef object container_of(self, Tree output, object array):
        return array

    cdef object assemble(self, Signature signature, Tree output, Leaves leaves):
        return self.gradient(signature, self.rows(signature, leaves), 0)


cdef Program gradient_of(Signature signature, Program program):
    """Return the program of the gradient."""
    return program.reverse(signature.wrt, [0], (), True)


@cython.internal
cdef class Rows(Leaves):
    """The rows of a matrix: each leaf is the structure of the columns."""
    cdef Derivative transform
    cdef Signature signature
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
        return self.transform.gradient(self.signature, leaves, 0)


@cython.internal
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


# ---------------------------------------------------------------------------------------------------------------------
# Derivatives at a point, in a direction

cdef int read_direction(Frame frame, Tree tree, object direction, str what) except -1:
    """Read tangents or cotangents, the inputs after the arguments."""
    if not read(tree, direction, frame, frame.compilation.signature.size):
        got = describe(new_builder(frame.caller, False).build(direction, what))
        raise TypeError(f"{frame.caller} expects {what} of the structure {describe(tree)}, got {got}")
    return 0


@cython.binding(False)
cdef class Jvp(Derivative):
    """See `autograd.jvp`."""

    def at(self, primals, tangents):
        """Return the derivative at `primals` in the direction `tangents`, both tuples."""
        for what, arguments in (("primals", primals), ("tangents", tangents)):
            if not isinstance(arguments, tuple):
                raise TypeError(
                    f"{self.caller} expects {what} as a tuple with an entry for each argument, got "
                    f"{type(arguments).__name__} {arguments!r}"
                )
        cdef Frame frame = self.start(primals, {})
        read_direction(frame, frame.compilation.signature.arguments, tangents, "tangents")
        result = self.run(frame)
        give_back(frame)
        return result

    cdef Program derive(self, Compilation compilation, Program program):
        return program.forward(compilation.signature.wrt, range(compilation.output.size))

    cdef object assemble(self, Signature signature, Tree output, Leaves leaves):
        return unflatten(output, leaves), unflatten(output, leaves, output.size)


cdef class Hvp(Jvp):
    """See `autograd.hvp`."""

    cdef Tree output_of(self, Builder builder, object result):
        return self.scalar_of(builder, result)

    cdef Program derive(self, Compilation compilation, Program program):
        return gradient_of(compilation.signature, program).forward(compilation.signature.wrt)

    cdef object assemble(self, Signature signature, Tree output, Leaves leaves):
        return self.gradient(signature, leaves, 0)


@cython.binding(False)
cdef class Vjp(Derivative):
    """See `autograd.vjp`. The cotangents of the call that gives the output are zero."""

    def at(self, primals):
        """Return the output at `primals`, and the pullback."""
        cdef Pullback pullback = Pullback.__new__(Pullback)
        cdef Frame frame
        pullback.transform = self
        pullback.frame = self.start(primals, {})
        frame = pullback.copy()
        frame.parts = []
        output = self.run(frame)[0]
        pullback.captured = []
        for program, _ in frame.parts:
            for value in (<Program> program).code.captured:
                pullback.captured.append((value, (<Value> value).node.primal))
        return output, pullback

    cdef Program derive(self, Compilation compilation, Program program):
        outputs = range(compilation.output.size)
        return program.reverse(compilation.signature.wrt, outputs, outputs)

    cdef object assemble(self, Signature signature, Tree output, Leaves leaves):
        return unflatten(output, leaves), self.gradient(signature, leaves, output.size)


@cython.internal
cdef class Pullback:
    """A function of the cotangents that returns a tuple with the derivative by each primal."""
    cdef Vjp transform
    cdef Frame frame
    # The Values that the function captured, each with its number.
    cdef list captured

    def __call__(self, cotangents):
        cdef Frame frame = self.copy()
        cdef double before
        for value, number in self.captured:
            before = number
            if memcmp(&before, &(<Value> value).node.primal, sizeof(double)):
                raise RuntimeError(
                    f"{self.transform.caller}: a Value that {frame.compilation.name} captured was {before!r} when the "
                    f"output was computed and is {(<Value> value).node.primal!r} now, so that the pullback would not "
                    "be that of the output; call it before setting data, or call vjp again"
                )
        read_direction(frame, frame.compilation.output, cotangents, "cotangents")
        return self.transform.run(frame)[1]

    cdef Frame copy(self):
        """Return a frame of the same arguments. Nothing is mapped, so that their numbers are all in one place."""
        cdef Signature signature = self.frame.compilation.signature
        cdef Frame frame = new_frame(self.frame.caller, signature)
        frame.compilation = self.frame.compilation
        self.transform.make_room(frame)
        memcpy(frame.numbers, self.frame.numbers, signature.size * sizeof(double))
        frame.values = self.frame.values and list(self.frame.values)
        return frame


# ---------------------------------------------------------------------------------------------------------------------
# The names in pickles, which are public

(<TypeSlots *> Compiled).tp_name = "autograd.transforms.Compiled"
(<TypeSlots *> Mapped).tp_name = "autograd.transforms.Mapped"
(<TypeSlots *> Gradient).tp_name = "autograd.transforms.Gradient"
(<TypeSlots *> ValueAndGradient).tp_name = "autograd.transforms.ValueAndGradient"
(<TypeSlots *> Jacobian).tp_name = "autograd.transforms.Jacobian"
(<TypeSlots *> Hessian).tp_name = "autograd.transforms.Hessian"
