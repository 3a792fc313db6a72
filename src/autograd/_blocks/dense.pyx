"""Dense layers as single nodes: what `autograd.nn` is built on.

A call of a neuron, a layer or a network is one Block, computed from a `Plan`: the data of the parameters in one array,
gathered again after a parameter changes, and an array that accumulates their gradients until one is read. In a trace
the parameters are inputs of the Block, and its outputs are computed from its lowering.

The plan is a cache; the user's objects (lists of neurons, lists of Values, an activation) are authoritative. Every call
compares them with what the plan was made from and, if anything differs, makes a new plan. A module without a plan (a
neuron with its own `__call__`, a weight that is not a number) runs as scalar operations.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree, PyMem_RawMalloc, PyMem_RawRealloc
from cpython.object cimport PyObject
from libc.math cimport isfinite
from libc.string cimport memcmp, memcpy, memset

import copyreg
import numbers
import random
from collections.abc import Mapping

import numpy

from autograd import _core, ops
from autograd._frames import as_array

from autograd._cpython cimport ListLayout, PyBuffer_ToContiguous, Py_TYPE
from autograd._core cimport (
    SHARED,
    TRACED,
    Block,
    Deferred,
    Node,
    Value,
    add_input,
    check_array,
    checked_value,
    current_tracer,
    defer,
    forbid_in_trace,
    is_changed,
    new_output,
    number,
    owner,
    receive,
    set_sizes,
    shared_version,
    track,
)
from autograd._blocks.reductions cimport fold
from autograd._ir.code cimport Code
from autograd._program.tracing cimport tracing

cdef extern from "_kernels/maps.h" nogil:
    enum:
        OP_LEAF
        OP_ADD
        OP_MUL
        OP_LEAKY_RELU
        OP_LEAKY_RELU_C
    int op_python_fallback(unsigned op) noexcept
    void op_map(unsigned op, Py_ssize_t n, const double *a, double c, double *r) noexcept
    unsigned op_push(unsigned op, double g, double r, double c, const double *a, const double *b, double *ga,
                     double *gb) noexcept
    void op_map_push(unsigned op, Py_ssize_t n, const double *g, const double *r, double c, const double *a,
                     double *ga) noexcept

cdef extern from "_kernels/dense.h" nogil:
    bint dense_is_finite(Py_ssize_t n, const double *x) noexcept
    void dense_forward(Py_ssize_t rows, Py_ssize_t n_in, Py_ssize_t n_out, const double *x, const double *w,
                       const double *b, double *z) noexcept
    void dense_backward(Py_ssize_t rows, Py_ssize_t n_in, Py_ssize_t n_out, const double *x, const double *v,
                        const double *g, double *gw, double *gb, double *gx) noexcept


cdef type ndarray = numpy.ndarray
cdef object FLOAT64 = numpy.dtype(numpy.float64)

# Named because an exception in isinstance() is lost where the tuple is written in place (Cython 3.3.1).
cdef tuple SCALARS = (Value, numbers.Real)
cdef tuple NO_ROWS = (str, bytes, Mapping)

cdef dict fused_activations():
    """Map each activation that a Block can compute to its op and its immediate, the default of a second parameter."""
    cdef dict fused = {None: (OP_LEAF, 0.0)}
    for row in ops.OPS.values():
        if row.name in _core.OP_FUNCTIONS:
            default = row.parameters[-1].partition("=")[2]
            if default:
                fused[getattr(_core, row.name)] = _core.OP_NAMES.index(row.name + "_c"), float(default)
            elif row.arguments == "a":
                fused[getattr(_core, row.name)] = _core.OP_NAMES.index(row.name), 0.0
    return fused


# None stands for the identity.
cdef dict FUSED = fused_activations()


# ---------------------------------------------------------------------------------------------------------------------
# Plans

cdef void *allocate(size_t count, size_t size) except NULL:
    cdef void *memory = PyMem_RawCalloc(count + 1, size)
    if memory == NULL:
        raise MemoryError("no memory for a layer")
    return memory


@cython.auto_pickle(False)
cdef class Plan(Deferred):
    """The parameters of some layers, gathered in one array."""

    def __dealloc__(self):
        PyMem_RawFree(self.stages)
        PyMem_RawFree(self.shots)
        PyMem_RawFree(self.weights)
        PyMem_RawFree(self.nodes)
        PyMem_RawFree(self.data)
        PyMem_RawFree(self.transposed)
        PyMem_RawFree(self.grad)
        PyMem_RawFree(self.computed)
        PyMem_RawFree(self.scratch)

    cdef void refresh(self) noexcept:
        """Gather the data of the parameters again if any changed."""
        cdef Py_ssize_t i
        if self.version != shared_version():
            for i in range(self.size):
                if self.nodes[i] != NULL:
                    self.data[i] = self.nodes[i].primal
            self.version = shared_version()

    cdef const double *weights_by_output(self, Stage *stage) noexcept:
        """Return the weights of a stage stored by output, copied again if any changed."""
        cdef const double *w = self.data + stage.weights
        cdef double *v = self.transposed + stage.weights
        cdef Py_ssize_t i, j
        if stage.transposed_version != self.version:
            for i in range(stage.n_in):
                for j in range(stage.n_out):
                    v[j * stage.n_in + i] = w[i * stage.n_out + j]
            stage.transposed_version = self.version
        return v

    cdef void flush(self) noexcept:
        cdef Py_ssize_t i
        for i in range(self.size):
            if self.nodes[i] != NULL:
                self.nodes[i].adjoint += self.grad[i]
        memset(self.grad, 0, self.size * sizeof(double))


cdef bint can_plan(object neurons, bint alone) except -1:
    """Whether a Block can compute these neurons, as the only layer (`alone`) or as one of several."""
    cdef double c
    if type(neurons) is not list or not neurons:
        return False
    for neuron in neurons:
        if not isinstance(neuron, DenseNeuron) or not called_as(<PyObject *> neuron, DenseNeuron):
            return False
        if not alone and not is_fused(neuron.function()):
            return False
        w = (<DenseNeuron> neuron).w
        if type(w) is not list or not w or len(w) != len((<DenseNeuron> neurons[0]).w):
            return False
        for parameter in (*w, (<DenseNeuron> neuron).b):
            if not isinstance(parameter, Value) and not number(parameter, &c):
                return False
    return True


cdef bint is_fused(object function):
    """Whether an activation can be part of a Block."""
    try:
        return function in FUSED
    except TypeError:
        return False


cdef Plan make_plan(str title, list groups):
    """Make a plan, or return None if a Block cannot compute the layers.

    `title` names the module in drawings and error messages. `groups` lists (layer, neurons, dropout); layer and dropout
    may be None.
    """
    cdef Plan plan = Plan.__new__(Plan)
    cdef Py_ssize_t neuron_count = 0, weight_count = 0, k
    for _, neurons, _ in groups:
        if not can_plan(neurons, len(groups) == 1):
            return None
        neuron_count += len(neurons)
        weight_count += len(neurons) * len((<DenseNeuron> neurons[0]).w)
    plan.title = title
    plan.keep = []
    plan.custom = []
    plan.size = weight_count + neuron_count
    plan.stages = <Stage *> allocate(len(groups), sizeof(Stage))
    plan.shots = <NeuronShot *> allocate(neuron_count, sizeof(NeuronShot))
    plan.weights = <PyObject **> allocate(weight_count, sizeof(PyObject *))
    plan.nodes = <Node **> allocate(plan.size, sizeof(Node *))
    plan.data = <double *> allocate(plan.size, sizeof(double))
    plan.transposed = <double *> allocate(plan.size, sizeof(double))
    plan.grad = <double *> allocate(plan.size, sizeof(double))
    plan.computed = <Py_ssize_t *> allocate(plan.size, sizeof(Py_ssize_t))
    for k in range(len(groups)):
        layer, neurons, dropout = groups[k]
        if k and len((<DenseNeuron> neurons[0]).w) != plan.stages[k - 1].n_out:
            return None
        add_stage(plan, layer, neurons, dropout)
    if not any(plan.custom):
        plan.custom = None
    plan.version = shared_version()
    return plan


cdef int add_stage(Plan plan, object layer, list neurons, object dropout) except -1:
    """Append a layer to a plan."""
    cdef Stage *stage = &plan.stages[plan.stage_count]
    cdef Stage *previous = stage - 1 if plan.stage_count else NULL
    cdef NeuronShot *shot
    cdef DenseNeuron neuron
    cdef Py_ssize_t i, j
    cdef bint linear = True
    stage.layer = <PyObject *> layer if layer is not None else NULL
    stage.neurons = <PyObject *> neurons
    stage.dropout = <PyObject *> dropout if dropout is not None else NULL
    stage.n_in = len((<DenseNeuron> neurons[0]).w)
    stage.n_out = len(neurons)
    stage.transposed_version = -1
    if previous != NULL:
        stage.first_neuron = previous.first_neuron + previous.n_out
        stage.first_weight = previous.first_weight + previous.n_in * previous.n_out
        stage.weights = previous.weights + (previous.n_in + 1) * previous.n_out
        stage.x_at = previous.out_at
    else:
        plan.row_size = stage.n_in
    stage.uniform = True
    for j in range(stage.n_out):
        neuron = neurons[j]
        shot = &plan.shots[stage.first_neuron + j]
        shot.neuron = <PyObject *> neuron
        shot.kind = Py_TYPE(<PyObject *> neuron)
        shot.w = <PyObject *> neuron.w
        shot.b = <PyObject *> neuron.b
        shot.nonlin = <PyObject *> neuron.nonlin
        shot.activation = <PyObject *> neuron.activation
        # Not the neuron itself, whose own plan would close a reference cycle.
        plan.keep.append((type(neuron), neuron.w, list(neuron.w), neuron.b, neuron.nonlin, neuron.activation))
        function = neuron.function()
        fused = is_fused(function)
        shot.op, shot.immediate = FUSED[function] if fused else (OP_LEAF, 0.0)
        plan.custom.append(None if fused else function)
        plan.refers_to_users |= not fused or not isinstance(neuron.nonlin, (bool, int))
        linear &= shot.op == OP_LEAF
        plan.can_raise |= op_python_fallback(shot.op) > 0
        stage.uniform &= shot.op == plan.shots[stage.first_neuron].op
        for i in range(stage.n_in):
            plan.weights[stage.first_weight + j * stage.n_in + i] = <PyObject *> neuron.w[i]
            add_parameter(plan, stage.weights + i * stage.n_out + j, neuron.w[i])
        add_parameter(plan, stage.weights + stage.n_in * stage.n_out + j, neuron.b)
    stage.z_at = stage.r_at = plan.row_size
    plan.row_size += stage.n_out
    if not linear:
        stage.r_at = plan.row_size
        plan.row_size += stage.n_out
    stage.out_at = stage.r_at
    if dropout is not None:
        plan.refers_to_users |= (<DenseDropout> dropout).rng is not None
        stage.scale_at = plan.row_size
        stage.out_at = plan.row_size + stage.n_out
        plan.row_size += 2 * stage.n_out
    plan.widest = max(plan.widest, stage.n_in, stage.n_out)
    plan.stage_count += 1
    return 0


cdef int add_parameter(Plan plan, Py_ssize_t place, object parameter) except -1:
    """Enter a weight or bias in a plan: a leaf, a computed Value, or a number."""
    cdef Node *node
    if not isinstance(parameter, Value):
        number(parameter, &plan.data[place])
        return 0
    node = &(<Value> parameter).node
    plan.nodes[place] = node
    plan.data[place] = node.primal
    node.flags |= SHARED
    if node.op != OP_LEAF:
        plan.computed[plan.computed_count] = place
        plan.computed_count += 1
    return 0


cdef inline bint same_neuron(Plan plan, Stage *stage, Py_ssize_t j, DenseNeuron neuron) noexcept:
    """Whether a neuron is unchanged since the plan was made."""
    cdef NeuronShot *shot = &plan.shots[stage.first_neuron + j]
    cdef PyObject *w = <PyObject *> neuron.w
    return (
        w == shot.w
        and Py_TYPE(<PyObject *> neuron) == shot.kind
        and <PyObject *> neuron.b == shot.b
        and <PyObject *> neuron.nonlin == shot.nonlin
        and <PyObject *> neuron.activation == shot.activation
        and (<ListLayout *> w).ob_size == stage.n_in
        and (not stage.n_in or not memcmp((<ListLayout *> w).ob_item,
                                          plan.weights + stage.first_weight + j * stage.n_in,
                                          stage.n_in * sizeof(PyObject *)))
    )


cdef bint same_neurons(Plan plan, Stage *stage, PyObject *neurons) noexcept:
    """Whether a list of neurons is unchanged since the plan was made."""
    cdef PyObject *neuron
    cdef Py_ssize_t j
    if neurons != stage.neurons or (<ListLayout *> neurons).ob_size != stage.n_out:
        return False
    for j in range(stage.n_out):
        neuron = (<ListLayout *> neurons).ob_item[j]
        if neuron != plan.shots[stage.first_neuron + j].neuron or not called_as(neuron, DenseNeuron):
            return False
        if not same_neuron(plan, stage, j, <DenseNeuron> neuron):
            return False
    return True


cdef bint same_layers(Plan plan, PyObject *layers) noexcept:
    """Whether a list of layers and dropouts is unchanged since the plan was made."""
    cdef PyObject **items
    cdef Py_ssize_t left, k
    cdef Stage *stage
    if layers != plan.layers:
        return False
    items = (<ListLayout *> layers).ob_item
    left = (<ListLayout *> layers).ob_size
    for k in range(plan.stage_count):
        stage = &plan.stages[k]
        if left == 0 or items[0] != stage.layer or not called_as(items[0], DenseLayer):
            return False
        if not same_neurons(plan, stage, <PyObject *> (<DenseLayer> items[0]).neurons):
            return False
        items += 1
        left -= 1
        if stage.dropout != NULL:
            if left == 0 or items[0] != stage.dropout or not called_as(items[0], DenseDropout):
                return False
            items += 1
            left -= 1
    return left == 0


# ---------------------------------------------------------------------------------------------------------------------
# Calls

@cython.auto_pickle(False)
cdef class DenseBlock(Block):
    """One call of the layers of a plan."""

    def __dealloc__(self):
        PyMem_RawFree(self.values)

    cdef Node *changed(self) noexcept:
        cdef Py_ssize_t i
        if self.version != shared_version():
            for i in range(self.plan.size):
                if self.plan.nodes[i] != NULL and is_changed(self.plan.nodes[i], &self.node):
                    return self.plan.nodes[i]
        return NULL

    cdef str name(self):
        return self.plan.title

    cdef list parents(self):
        """The inputs, then the weights and biases that are Values."""
        cdef list parents = Block.parents(self)
        cdef Plan plan = self.plan
        cdef Stage *stage
        cdef Py_ssize_t k, j, i
        for k in range(plan.stage_count):
            stage = &plan.stages[k]
            for j in range(stage.n_out):
                for i in range(stage.n_in):
                    parents.append(<object> plan.weights[stage.first_weight + j * stage.n_in + i])
                parents.append(<object> plan.shots[stage.first_neuron + j].b)
        values = []
        for value in dict.fromkeys(parents):
            if isinstance(value, Value):
                values.append(value)
        return values

    cdef int forward(self) except -1:
        """Compute all stages from the inputs already stored in `values`."""
        cdef Plan plan = self.plan
        cdef Stage *stage
        cdef const double *w
        cdef double *z
        cdef Py_ssize_t k
        plan.refresh()
        self.version = plan.version
        for k in range(plan.stage_count):
            stage = &plan.stages[k]
            w = plan.data + stage.weights
            z = self.values + self.rows * stage.z_at
            dense_forward(self.rows, stage.n_in, stage.n_out, self.values + self.rows * stage.x_at, w,
                          w + stage.n_in * stage.n_out, z)
            if stage.r_at != stage.z_at:
                self.activate(stage, z, self.values + self.rows * stage.r_at)
            if stage.dropout != NULL:
                self.drop(stage, <DenseDropout> stage.dropout)
        return 0

    cdef list sources(self):
        """The inputs, then the parameters that are Values, which an eager call does not have among its inputs."""
        cdef list sources = Block.parents(self)
        cdef Plan plan = self.plan
        cdef Py_ssize_t i
        if self.node.flags & TRACED:
            return sources
        del sources[self.input_count - plan.computed_count:]
        for i in range(plan.size):
            if plan.nodes[i] != NULL:
                sources.append(<object> owner(plan.nodes[i]))
        return sources

    cdef list lower(self, object code, list operands):
        """Emit the weighted sums, starting with the bias, and the activations; a trace has no active dropout."""
        cdef Code emitting = code
        cdef Plan plan = self.plan
        cdef Stage *stage = plan.stages
        cdef Py_ssize_t count = len(operands) - value_count(plan)
        cdef Py_ssize_t i, j, k, row
        cdef unsigned z
        cdef list x = [None] * (self.rows * stage.n_in)
        cdef list outputs = []
        cdef list parameters = []
        for i in range(count):
            x[self.places[i]] = operands[i]
        for i in range(self.rows * stage.n_in):
            if x[i] is None:
                x[i] = emitting.constant(self.values[i])
        for i in range(plan.size):
            if plan.nodes[i] == NULL:
                parameters.append(emitting.constant(plan.data[i]))
            else:
                parameters.append(operands[count])
                count += 1
        for k in range(plan.stage_count):
            stage = &plan.stages[k]
            outputs = []
            for row in range(self.rows):
                for j in range(stage.n_out):
                    z = parameters[stage.weights + stage.n_in * stage.n_out + j]
                    for i in range(stage.n_in):
                        z = emitting.emit(OP_ADD, z, emitting.emit(
                            OP_MUL, parameters[stage.weights + i * stage.n_out + j], x[row * stage.n_in + i]))
                    outputs.append(emit_activation(emitting, &plan.shots[stage.first_neuron + j], z))
            x = outputs
        return outputs

    cdef int trace(self) except -1:
        """Append the parameters to the inputs, and compute the outputs with the bits of a replay."""
        cdef Plan plan = self.plan
        cdef Py_ssize_t i
        for i in range(plan.stage_count):
            if plan.stages[i].dropout != NULL:
                # Raises if the dropout is active.
                (<DenseDropout> plan.stages[i].dropout).draw(0, NULL)
        for i in range(plan.size):
            if plan.nodes[i] != NULL:
                add_input(self, <Value> owner(plan.nodes[i]))
        return fold(self, self.values + self.rows * plan.stages[plan.stage_count - 1].out_at)

    cdef int activate(self, Stage *stage, const double *z, double *r) except -1:
        cdef NeuronShot *shots = self.plan.shots + stage.first_neuron
        cdef Py_ssize_t i, j
        cdef Py_ssize_t n = self.rows * stage.n_out
        if stage.uniform:
            op_map(shots.op, n, z, shots.immediate, r)
            if not op_python_fallback(shots.op):
                return 0
        else:
            for i in range(n):
                j = i % stage.n_out
                r[i] = z[i]
                op_map(shots[j].op, 1, z + i, shots[j].immediate, r + i)
        for i in range(n):
            # Raises what the scalar operation raises.
            if not isfinite(r[i]) and op_python_fallback(shots[i % stage.n_out].op):
                r[i] = checked_value(shots[i % stage.n_out].op, z[i], 0.0, shots[i % stage.n_out].immediate)
        return 0

    cdef int drop(self, Stage *stage, DenseDropout dropout) except -1:
        cdef double *scale = self.values + self.rows * stage.scale_at
        cdef double *r = self.values + self.rows * stage.r_at
        cdef double *out = self.values + self.rows * stage.out_at
        cdef Py_ssize_t i
        dropout.draw(self.rows * stage.n_out, scale)
        for i in range(self.rows * stage.n_out):
            out[i] = r[i] * scale[i]
        return 0

    cdef int push(self) except -1:
        cdef Plan plan = self.plan
        cdef Stage *stage
        cdef NeuronShot *shots
        cdef NeuronShot *shot
        cdef double ignored
        cdef double *x
        cdef double *z
        cdef double *r
        cdef double *g
        cdef double *gz
        cdef double *picked
        cdef double *grad
        cdef Py_ssize_t *live
        cdef Py_ssize_t k, i, j, n, end, rows
        cdef Py_ssize_t inputs = self.input_count - plan.computed_count
        plan.refresh()
        # Inputs, like weights, are read in the backward pass: scalar operations multiply by the current data.
        for i in range(inputs):
            self.values[self.places[i]] = self.inputs[i].primal
        if plan.scratch_rows < self.rows:
            g = <double *> PyMem_RawRealloc(plan.scratch, self.rows * (3 * plan.widest + 1) * sizeof(double))
            if g == NULL:
                raise MemoryError("no memory for the gradients of a layer")
            plan.scratch = g
            plan.scratch_rows = self.rows
        g = plan.scratch
        gz = g + self.rows * plan.widest
        picked = gz + self.rows * plan.widest
        live = <Py_ssize_t *> (picked + self.rows * plan.widest)
        # Gradients are stored for the live rows only, without gaps; values for all rows.
        n = plan.stages[plan.stage_count - 1].n_out
        rows = self.live_rows(live, n)
        pick(g, self.adjoints, rows, live, n)
        defer(plan)
        for k in reversed(range(plan.stage_count)):
            stage = &plan.stages[k]
            shots = plan.shots + stage.first_neuron
            n = stage.n_out
            x = self.values + self.rows * stage.x_at
            z = self.values + self.rows * stage.z_at
            r = self.values + self.rows * stage.r_at
            if stage.dropout != NULL:
                for i in range(rows):
                    for j in range(n):
                        g[i * n + j] *= self.values[self.rows * stage.scale_at + live[i] * n + j]
            if r == z:
                gz, g = g, gz
            elif stage.uniform:
                i = 0
                while i < rows:
                    end = run_end(live, rows, i)
                    op_map_push(shots.op, (end - i) * n, g + i * n, r + live[i] * n, shots.immediate, z + live[i] * n,
                                gz + i * n)
                    i = end
            else:
                for i in range(rows):
                    for j in range(n):
                        gz[i * n + j] = g[i * n + j]
                        op_map_push(shots[j].op, 1, g + i * n + j, r + live[i] * n + j, shots[j].immediate,
                                    z + live[i] * n + j, gz + i * n + j)
            if rows < self.rows:
                pick(picked, x, rows, live, stage.n_in)
                x = picked
            grad = plan.grad + stage.weights
            if dense_is_finite(self.rows * n, z):
                dense_backward(rows, stage.n_in, n, x, plan.weights_by_output(stage) if k or inputs else NULL, gz, grad,
                               grad + stage.n_in * n, g if k or inputs else NULL)
                continue
            # A neuron whose adjoint is dead (a `relu` below zero) passes nothing on, where a product would be 0 * inf.
            memset(g, 0, rows * stage.n_in * sizeof(double))
            for i in range(rows):
                for j in range(n):
                    shot = &shots[0 if stage.uniform else j]
                    if r == z or op_push(shot.op, 0.0, r[live[i] * n + j], shot.immediate, z + live[i] * n + j, NULL,
                                         &ignored, NULL):
                        push_neuron(stage.n_in, n, x + i * stage.n_in, plan.weights_by_output(stage) + j * stage.n_in,
                                    gz[i * n + j], grad + j, g + i * stage.n_in)
        # Inputs are in order of their places.
        n = plan.stages.n_in
        k = 0
        for i in range(inputs):
            while k < rows and live[k] < self.places[i] // n:
                k += 1
            if k < rows and live[k] == self.places[i] // n:
                receive(self.inputs[i], g[k * n + self.places[i] % n])
        # The adjoint of a computed weight must be complete before the sweep reaches it.
        for i in range(plan.computed_count):
            j = plan.computed[i]
            receive(plan.nodes[j], plan.grad[j])
            plan.grad[j] = 0.0
        return 0

    cdef Py_ssize_t live_rows(self, Py_ssize_t *live, Py_ssize_t n) noexcept:
        """Store the indices of the rows with a nonzero adjoint among their n outputs, and return their number.

        The other rows pass nothing on, even if their values are infinite.
        """
        cdef Py_ssize_t count = 0, row, i
        for row in range(self.rows):
            for i in range(row * n, (row + 1) * n):
                if self.adjoints[i] != 0.0:
                    live[count] = row
                    count += 1
                    break
        return count


cdef inline Py_ssize_t run_end(const Py_ssize_t *rows, Py_ssize_t count, Py_ssize_t i) noexcept:
    """Return the end of the run of consecutive rows that starts at index i."""
    i += 1
    while i < count and rows[i] == rows[i - 1] + 1:
        i += 1
    return i


cdef void push_neuron(Py_ssize_t n_in, Py_ssize_t n_out, const double *x, const double *v, double g, double *gw,
                      double *gx) noexcept:
    """`dense_backward` for one neuron and one row."""
    cdef Py_ssize_t i
    for i in range(n_in):
        gw[i * n_out] += x[i] * g
        gx[i] += g * v[i]
    gw[n_in * n_out] += g


cdef void pick(double *out, const double *x, Py_ssize_t count, const Py_ssize_t *rows, Py_ssize_t n) noexcept:
    """Copy the `count` rows of n numbers whose indices are in `rows`."""
    cdef Py_ssize_t i = 0, end
    while i < count:
        end = run_end(rows, count, i)
        memcpy(out + i * n, x + rows[i] * n, (end - i) * n * sizeof(double))
        i = end


cdef DenseBlock new_call(Plan plan, Py_ssize_t rows, Py_ssize_t input_values):
    """Return a Block with room for `rows` rows of inputs, at most `input_values` of them Values."""
    cdef DenseBlock block = DenseBlock.__new__(DenseBlock)
    cdef Stage *last = &plan.stages[plan.stage_count - 1]
    cdef size_t values = rows * plan.row_size * sizeof(double)
    block.plan = plan
    block.rows = rows
    if plan.refers_to_users:
        track(block)
    set_sizes(block, input_values + (plan.size if tracing() else plan.computed_count), rows * last.n_out)
    block.values = <double *> PyMem_RawMalloc(values + input_values * sizeof(Py_ssize_t) + 1)
    if block.values == NULL:
        raise MemoryError(f"no memory for {rows} rows")
    if input_values:
        block.places = <Py_ssize_t *> (block.values + rows * plan.row_size)
    return block


cdef unsigned emit_activation(Code code, NeuronShot *shot, unsigned z) except? 0xFFFFFFFF:
    if shot.op == OP_LEAF:
        return z
    if shot.op == OP_LEAKY_RELU_C:
        return code.emit(OP_LEAKY_RELU, z, code.constant(shot.immediate))
    return code.emit(shot.op, z)


cdef Py_ssize_t value_count(Plan plan) noexcept:
    """Return the number of parameters that are Values."""
    cdef Py_ssize_t count = 0, i
    for i in range(plan.size):
        count += plan.nodes[i] != NULL
    return count


cdef inline int read_input(DenseBlock block, Py_ssize_t place, object x) except -1:
    """Store an input, a Value or a number, at its place."""
    if type(x) is Value or isinstance(x, Value):
        block.values[place] = (<Value> x).node.primal
        block.places[block.input_count] = place
        add_input(block, <Value> x)
    elif not number(x, &block.values[place]):
        row, index = divmod(place, block.plan.stages.n_in)
        raise TypeError(
            f"{block.plan.title} expects Values or numbers as inputs, got {type(x).__name__} {x!r} at index {index}"
            + f" of row {row}" * (block.rows > 1)
        )
    return 0


cdef DenseBlock read_row(Plan plan, object x):
    """Return the Block for one row of inputs."""
    cdef Py_ssize_t n = plan.stages.n_in
    cdef Py_ssize_t i
    cdef DenseBlock block
    if type(x) is not list and type(x) is not tuple:
        x = row_of(plan.title, n, x)
    elif len(x) != n:
        raise wrong_length(plan.title, n, len(x))
    block = new_call(plan, 1, n)
    if type(x) is list:
        for i in range(n):
            # Converting a number of a foreign type may change the list.
            if i >= len(<list> x):
                raise wrong_length(plan.title, n, len(x))
            read_input(block, i, (<list> x)[i])
    else:
        for i in range(n):
            read_input(block, i, (<tuple> x)[i])
    return block


cdef object wrong_length(str title, object n, object length, object row=None):
    return ValueError(f"{title} expects {n} inputs, got {length}" + ("" if row is None else f" in row {row}"))


cdef object as_inputs(str title, object x):
    """Return an array-like object, such as a data frame, as an array, anything else as it is."""
    if type(x) is list or type(x) is tuple or isinstance(x, SCALARS):
        return x
    if not isinstance(x, ndarray) and hasattr(x, "__array__"):
        x = as_array(x)
    if isinstance(x, ndarray):
        check_array(x, f"inputs of {title}")
    return x


cdef object row_of(str title, object n, object x):
    """Return a row of n inputs as a list or tuple; a bare number or Value is a row of one. If n is None, return x."""
    if n is None:
        return x
    if isinstance(x, SCALARS):
        x = (x,)
    elif isinstance(x, ndarray):
        check_array(x, f"inputs of {title}")
        if x.ndim > 1:
            raise ValueError(f"{title} expects a row or a 2-D array of rows of {n} inputs, got shape {x.shape}")
        x = x.reshape(-1).tolist()
    elif isinstance(x, NO_ROWS) or not hasattr(x, "__len__") or not hasattr(x, "__getitem__"):
        raise TypeError(f"{title} expects a sequence of {n} inputs, got {type(x).__name__}")
    else:
        x = list(x)
    if len(x) != n:
        raise wrong_length(title, n, len(x))
    return x


cdef DenseBlock read_rows(Plan plan, object x):
    """Return the Block for the rows of a 2-D array, or of a list or tuple of rows."""
    cdef Py_ssize_t n = plan.stages.n_in
    cdef Py_ssize_t rows = len(x)
    cdef Py_ssize_t i
    cdef Py_buffer view
    cdef DenseBlock block
    if isinstance(x, ndarray):
        if x.shape[1] != n:
            raise wrong_length(plan.title, n, x.shape[1])
        items = x.ravel().tolist() if x.dtype == object else None
    else:
        items = []
        for row, inputs in enumerate(x):
            inputs = as_inputs(plan.title, inputs)
            if not hasattr(inputs, "__len__"):
                raise TypeError(f"{plan.title} expects rows of {n} inputs, got {type(inputs).__name__} as row {row}")
            if len(inputs) != n:
                raise wrong_length(plan.title, n, len(inputs), row)
            items += row_of(plan.title, n, inputs)
    if items is not None:
        block = new_call(plan, rows, rows * n)
        for i in range(rows * n):
            read_input(block, i, items[i])
        return block
    block = new_call(plan, rows, 0)
    PyObject_GetBuffer(numpy.ascontiguousarray(x, dtype=float), &view, PyBUF_SIMPLE)
    memcpy(block.values, view.buf, rows * n * sizeof(double))
    PyBuffer_Release(&view)
    return block


cdef bint raises_here(Plan plan) except -1:
    """Whether a trace has to see the activations one by one, since a handler surrounds them and they may raise."""
    return plan.can_raise and tracing() and current_tracer().handles()


cdef object run(Plan plan, object x):
    """Call the layers of a plan with one row or with several."""
    cdef bint batch = False
    cdef DenseBlock block = read_doubles(plan, x, &batch) if type(x) is ndarray and x.dtype is FLOAT64 else None
    if block is None:
        if type(x) is not list:
            x = as_inputs(plan.title, x)
        batch = is_batch(x)
        block = read_rows(plan, x) if batch else read_row(plan, x)
    cdef Py_ssize_t n_out = plan.stages[plan.stage_count - 1].n_out
    cdef Py_ssize_t i, row
    if tracing():
        block.trace()
    else:
        block.forward()
        for i in range(plan.computed_count):
            add_input(block, <Value> owner(plan.nodes[plan.computed[i]]))
    if n_out == 1:
        if not batch:
            return output(block, 0)
        return outputs(block, 0, block.rows)
    # No comprehensions: if their list cannot grow, Cython 3.3.1 releases the item twice.
    results = [None] * block.rows
    for row in range(block.rows):
        results[row] = outputs(block, row * n_out, n_out)
    return results if batch else results[0]


cdef DenseBlock read_doubles(Plan plan, object x, bint *batch):
    """Return the Block for an array of doubles, a row or a 2-D array, a `batch`; None if it is neither."""
    cdef Py_ssize_t n = plan.stages.n_in
    cdef Py_buffer view
    cdef DenseBlock block = None
    PyObject_GetBuffer(x, &view, PyBUF_STRIDES)
    try:
        if view.ndim == 1 or view.ndim == 2:
            batch[0] = view.ndim == 2
            if view.shape[view.ndim - 1] != n:
                raise wrong_length(plan.title, n, view.shape[view.ndim - 1])
            block = new_call(plan, view.shape[0] if batch[0] else 1, 0)
            if view.len:
                PyBuffer_ToContiguous(block.values, &view, view.len, b"C")
    finally:
        PyBuffer_Release(&view)
    return block


cdef list outputs(DenseBlock block, Py_ssize_t first, Py_ssize_t count):
    """Return `count` outputs, from number `first` on."""
    cdef list values = [None] * count
    cdef Py_ssize_t i
    for i in range(count):
        values[i] = output(block, first + i)
    return values


cdef inline object output(DenseBlock block, Py_ssize_t i):
    """Return output number `i`."""
    cdef Plan plan = block.plan
    cdef double data = block.values[block.rows * plan.stages[plan.stage_count - 1].out_at + i]
    value = new_output(block, i, data)
    if plan.custom is not None:
        function = plan.custom[i % plan.stages.n_out]
        return value if function is None else function(value)
    return value


cdef bint is_batch(object x):
    """Whether these are rows of inputs: a 2-D array, or a list or tuple of lists, tuples or arrays."""
    if type(x) is list:
        return len(<list> x) > 0 and is_sequence((<list> x)[0])
    if type(x) is tuple:
        return len(<tuple> x) > 0 and is_sequence((<tuple> x)[0])
    return isinstance(x, ndarray) and x.ndim == 2


cdef inline bint is_sequence(object x):
    return type(x) is not Value and (type(x) is list or type(x) is tuple or isinstance(x, ndarray))


# ---------------------------------------------------------------------------------------------------------------------
# Base classes of `autograd.nn`

@cython.auto_pickle(False)
cdef class Fields:
    """An object whose C fields are copied and pickled along with its __dict__."""

    cdef tuple field_names(self):
        return ()

    @property
    def _fields(self):
        """The attributes by name: the C fields, then those in __dict__."""
        fields = {name: getattr(self, name) for name in self.field_names()}
        fields.update(getattr(self, "__dict__", {}))
        return fields

    @cython.binding(False)
    def __reduce__(self):
        return copyreg.__newobj__, (type(self),), self._fields

    @cython.binding(False)
    def __setstate__(self, dict state not None):
        for name, value in state.items():
            setattr(self, name, value)


@cython.auto_pickle(False)
cdef class DenseNeuron(Fields):
    """A weighted sum and an activation.

    A subclass defines `function`, which returns the activation, or None for the identity.
    """

    cdef tuple field_names(self):
        return ("w", "b", "nonlin", "activation")

    def __call__(self, x):
        if self.plan is None or not same_neuron(self.plan, self.plan.stages, 0, self):
            self.plan = make_plan(type(self).__name__, [(None, [self], None)])
        if self.plan is not None and not raises_here(self.plan):
            return run(self.plan, x)
        # Scalar operations, for weights of foreign types, or for a trace that has to know where they raise.
        x = as_inputs(type(self).__name__, x)
        if is_batch(x):
            return list(map(self, x))
        # Python attribute access, as a subclass may define properties.
        neuron = <object> self
        x = row_of(type(self).__name__, neuron.nin, x)
        total = neuron.b
        for weight, value in zip(neuron.w, x, strict=True):
            total = total + weight * value
        function = neuron.function()
        return total if function is None else function(total)


@cython.auto_pickle(False)
cdef class DenseLayer(Fields):
    """Neurons with common inputs."""

    cdef tuple field_names(self):
        return ("neurons",)

    def __call__(self, x):
        if self.plan is None or not same_neurons(self.plan, self.plan.stages, <PyObject *> self.neurons):
            self.plan = make_plan(type(self).__name__, [(None, self.neurons, None)])
            if self.plan is not None:
                self.plan.keep.append(self.neurons)
        if self.plan is not None and not raises_here(self.plan):
            return run(self.plan, x)
        x = as_inputs(type(self).__name__, x)
        if is_batch(x):
            return list(map(self, x))
        x = row_of(type(self).__name__, (<object> self).nin, x)
        values = []
        for neuron in (<object> self).neurons:
            values.append(neuron(x))
        return values[0] if len(values) == 1 else values


@cython.auto_pickle(False)
cdef class DenseNetwork(Fields):
    """Layers in sequence."""

    cdef tuple field_names(self):
        return ("layers",)

    def __call__(self, x):
        if self.plan is None or not same_layers(self.plan, <PyObject *> self.layers):
            self.plan = plan_network(type(self).__name__, self.layers)
        if self.plan is not None and not raises_here(self.plan):
            return run(self.plan, x)
        x = as_inputs(type(self).__name__, x)
        if is_batch(x):
            return list(map(self, x))
        x = row_of(type(self).__name__, (<object> self).nin, x)
        for layer in (<object> self).layers:
            x = layer(x)
        return x


cdef Plan plan_network(str title, object layers):
    """Make the plan of a list of layers, each optionally followed by a dropout, or return None."""
    cdef list groups = []
    cdef Plan plan
    if type(layers) is not list:
        return None
    for layer in layers:
        if isinstance(layer, DenseLayer) and called_as(<PyObject *> layer, DenseLayer):
            groups.append((layer, (<DenseLayer> layer).neurons, None))
        elif (groups and groups[-1][2] is None and isinstance(layer, DenseDropout)
              and called_as(<PyObject *> layer, DenseDropout)):
            groups[-1] = (*groups[-1][:2], layer)
        else:
            return None
    plan = make_plan(title, groups) if groups else None
    if plan is not None:
        plan.layers = <PyObject *> layers
        plan.keep += [layers, groups]
    return plan


@cython.auto_pickle(False)
cdef class DenseDropout(Fields):
    """Sets inputs to zero at random."""

    cdef tuple field_names(self):
        return ("p", "training", "rng")

    cdef int draw(self, Py_ssize_t n, double *scale) except -1:
        """Draw the factors of `n` inputs: 0, or 1 / (1 - p), which keeps the mean."""
        cdef double p = self.p
        cdef Py_ssize_t i
        active = self.training and p > 0.0
        if active:
            forbid_in_trace("a Dropout in training drew random numbers")
        draw = random.random if self.rng is None else self.rng.random
        for i in range(n):
            scale[i] = 1.0 if not active else 0.0 if draw() < p else 1.0 / (1.0 - p)
        return 0

    def __call__(self, x):
        cdef double scale
        if not self.training or self.p == 0:
            return x
        if isinstance(x, SCALARS):
            self.draw(1, &scale)
            return x * scale
        return list(map(self, x))
