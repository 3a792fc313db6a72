# Part of _core.pyx: Blocks, and the gradients that dense layers defer.

@cython.auto_pickle(False)
cdef class Block:
    """An operation with many inputs and outputs."""

    def __cinit__(self):
        self.node.op = OP_BLOCK
        self.node.stamp = <unsigned> changes
        PyObject_GC_UnTrack(<PyObject *> self)

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.input_count):
            release(owner(self.inputs[i]))
        PyMem_RawFree(self.inputs)
        drain()

    @property
    def _op(self):
        """The name that the outputs show as their operation."""
        return self.name()

    @property
    def _prev(self):
        """Every Value that the outputs depend on directly, in order."""
        return self.parents()

    @cython.binding(False)
    def __reduce__(self):
        raise TypeError(f"a {type(self).__name__} belongs to a graph and cannot be copied or pickled")

    cdef int push(self) except -1:
        raise NotImplementedError

    cdef Node *changed(self) noexcept:
        return NULL

    cdef str name(self):
        return type(self).__name__

    cdef list lower(self, object code, list operands):
        raise TypeError(f"{self.name()} cannot be part of a traced function")

    cdef list sources(self):
        return Block.parents(self)

    cdef list parents(self):
        # No comprehension: where its list cannot grow, Cython 3.3.1 releases the item twice.
        cdef list parents = []
        for i in range(self.input_count):
            parents.append(<object> owner(self.inputs[i]))
        return parents


cdef int set_sizes(Block block, Py_ssize_t most_inputs, Py_ssize_t outputs) except -1:
    """Allocate the inputs and the adjoints of the outputs."""
    block.inputs = <Node **> PyMem_RawMalloc(most_inputs * sizeof(Node *) + outputs * sizeof(double))
    if block.inputs == NULL:
        raise MemoryError(f"no memory for a Block of {most_inputs} inputs and {outputs} outputs")
    block.adjoints = <double *> (block.inputs + most_inputs)
    block.output_count = outputs
    return 0


cdef void inherit(Block block, unsigned char flags) noexcept:
    """Inherit the flags of an input."""
    block.node.flags |= flags & TRACED
    if flags & COLLECTABLE:
        track(block)


cdef void track(Block block) noexcept:
    """Let the garbage collector track a Block."""
    if not block.node.flags & COLLECTABLE:
        block.node.flags |= COLLECTABLE
        PyObject_GC_Track(<PyObject *> block)


cdef void set_calls(Block block, object calls) noexcept:
    """Set the Python objects that `push` calls. They may refer to anything, so the Block is tracked."""
    block.calls = calls
    track(block)


# Cython's own traverse function, which visits the attributes that are Python objects.
cdef traverseproc traverse_attributes = NULL


cdef int block_traverse(PyObject *block, visitproc visit, void *argument) noexcept:
    """Visit the attributes and the inputs of a Block, for the garbage collector."""
    cdef int stop = traverse_attributes(block, visit, argument)
    cdef Py_ssize_t i
    for i in range((<Block> block).input_count):
        if stop:
            break
        stop = visit(owner((<Block> block).inputs[i]), argument)
    return stop


cdef Value new_output(Block block, Py_ssize_t index, double primal):
    """The Value of output number `index`; a leaf if nothing is recorded."""
    cdef Value value = new_node(OP_OUTPUT, primal, <double> index, block.node.flags)
    Py_INCREF(block)
    value.node.left = &block.node
    return specially(value) if special else value


cdef inline Node *block_input(Block block, Py_ssize_t i) noexcept:
    return block.inputs[i] if i < block.input_count else NULL


cdef inline bint start_adjoints(Block block) noexcept:
    """Set the adjoints of a Block to zero. Return whether its `push` calls Python code."""
    memset(block.adjoints, 0, block.output_count * sizeof(double))
    return block.calls is not None


cdef inline void push_output(Node *node) noexcept:
    """Add the adjoint of an output to its Block."""
    node.left.cursor = True
    (<Block> block_around(node.left)).adjoints[<Py_ssize_t> node.immediate] += node.adjoint


# ---------------------------------------------------------------------------------------------------------------------
# Deferred gradients
#
# A dense layer copies the data of its parameters into one array and accumulates their gradients in another. Such a leaf
# is SHARED: setting its data increments a version, and reading its gradient first flushes the arrays into the leaves.

cdef Py_ssize_t version = 0

# At most this many Deferred wait for a flush, because they may belong to models that are no longer used. They are held
# in an array, because no allocation may fail in a flush.
cdef enum:
    MOST_WAITING = 16

cdef PyObject *waiting[MOST_WAITING]
cdef int waiting_count = 0


@cython.auto_pickle(False)
cdef class Deferred:
    """Gradients of leaves accumulated in an array, not yet added to the leaves."""

    cdef void flush(self) noexcept:
        pass


cdef Py_ssize_t shared_version() noexcept:
    return version


cdef void touch_shared() noexcept:
    global version
    version += 1


cdef void defer(Deferred deferred) noexcept:
    global waiting_count
    if not deferred.waiting:
        if waiting_count == MOST_WAITING:
            flush_deferred()
        Py_INCREF(deferred)
        waiting[waiting_count] = <PyObject *> deferred
        waiting_count += 1
        deferred.waiting = True


cdef void flush_deferred() noexcept:
    global waiting_count
    cdef Deferred deferred
    while waiting_count:
        waiting_count -= 1
        deferred = <Deferred> waiting[waiting_count]
        Py_XDECREF(waiting[waiting_count])
        deferred.waiting = False
        deferred.flush()


cdef inline void settle(Node *node) noexcept:
    """Flush deferred gradients if the leaf may have one."""
    if node.flags & SHARED and waiting_count:
        flush_deferred()
