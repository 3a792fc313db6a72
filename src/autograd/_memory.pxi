# Part of _core.pyx: making and freeing nodes.

# The free list: dead nodes kept for reuse, linked by `left`. The nodes of a graph die together, so a list shorter than
# the graph is of little use: forward, backward and free of a million nodes take two thirds of the time that they take
# with a list of 16 000. At the limit the list keeps 80 MB; it shrinks when the graphs do. Sanitizer builds have none,
# because reuse hides errors.
cdef extern from *:
    """
    #ifdef AUTOGRAD_NO_REUSE
    #define AUTOGRAD_MOST_FREE_NODES 0
    #else
    #define AUTOGRAD_MOST_FREE_NODES 1048576
    #endif
    """
    int MOST_FREE_NODES "AUTOGRAD_MOST_FREE_NODES"

cdef Node *free_nodes = NULL
cdef int free_count = 0

# Over the last backward passes: their number, the fewest nodes on the free list, the most nodes of a graph.
cdef int pass_count = 0
cdef int least_free = MOST_FREE_NODES
cdef Py_ssize_t largest_graph = 0

# The free list may shrink after so many passes, by at least so many nodes.
cdef enum:
    PASSES_TO_SHRINK = 64
    LEAST_TO_SHRINK = 4096

# Objects to be freed. Freeing a graph fills and drains this list instead of recursing. `quiet` says that the object
# being freed calls no Python code, so that no other thread can run.
cdef PyObject **dying = NULL
cdef Py_ssize_t dying_count = 0
cdef Py_ssize_t dying_capacity = 0
cdef bint quiet = False


cdef inline Value new_node(unsigned short op, double primal, double immediate, unsigned flags):
    """A Value without parents. `flags` are those of its future parents, of which it inherits COLLECTABLE and TRACED."""
    global free_nodes, free_count
    cdef PyObject *value
    cdef Node *node = free_nodes
    if flags & (COLLECTABLE | TRACED):
        return new_flagged(op, primal, immediate, flags)
    if node != NULL:
        free_nodes = node.left
        free_count -= 1
        value = owner(node)
    else:
        value = <PyObject *> PyObject_Malloc(sizeof(PyObject) + sizeof(Node))
        if value == NULL:
            raise MemoryError("no memory for a Value")
        node = node_of(value)
    memset(node, 0, sizeof(Node))
    node.primal = primal
    node.immediate = immediate
    node.op = op
    node.stamp = <unsigned> changes
    return <Value> steal(PyObject_Init(value, <PyTypeObject *> Value))


cdef Value new_flagged(unsigned short op, double primal, double immediate, unsigned flags):
    cdef Value value
    if flags & COLLECTABLE:
        value = new_collectable(op, primal, immediate)
    else:
        value = new_node(op, primal, immediate, 0)
    value.node.flags |= flags & TRACED
    return value


cdef Value new_collectable(unsigned short op, double primal, double immediate):
    cdef PyObject *object = PyType_GenericAlloc(<PyTypeObject *> Value, 0)
    cdef Node *node = node_of(object)
    node.primal = primal
    node.immediate = immediate
    node.op = op
    node.stamp = <unsigned> changes
    node.flags = COLLECTABLE
    return <Value> steal(object)


cdef PyObject *value_alloc(PyTypeObject *kind, Py_ssize_t size) except NULL:
    """Allocate for ``__new__``. A subclass has its own `tp_alloc`."""
    cdef Value value = new_node(OP_LEAF, 0.0, 0.0, 0)
    Py_INCREF(value)
    return <PyObject *> value


cdef inline int value_is_gc(PyObject *value) noexcept:
    """Whether a Value was allocated with room for the collector."""
    return Py_TYPE(value) != <PyTypeObject *> Value or node_of(value).flags & COLLECTABLE


cdef inline PyObject *left_object(Node *node) noexcept nogil:
    """The object that a node's `left` owns a reference to."""
    if node.op == OP_CUSTOM:
        return <PyObject *> node.left
    return block_around(node.left) if node.op == OP_OUTPUT else owner(node.left)


cdef inline PyObject *right_object(Node *node) noexcept nogil:
    """The object that a node's `right` owns a reference to."""
    return <PyObject *> node.right if node.op == OP_CUSTOM else owner(node.right)


cdef void release(PyObject *object) noexcept:
    """Release a reference. If it is the last one, the object is freed later, by the outermost `value_dealloc`."""
    global dying, dying_count, dying_capacity
    cdef PyObject **larger
    cdef Py_ssize_t capacity
    if Py_REFCNT(object) == 1:
        if dying_count == dying_capacity:
            capacity = 2 * dying_capacity + 64
            larger = <PyObject **> PyMem_RawRealloc(dying, capacity * sizeof(PyObject *))
            if larger != NULL:
                dying = larger
                dying_capacity = capacity
        if dying_count < dying_capacity:
            dying[dying_count] = object
            dying_count += 1
            return
    Py_XDECREF(object)


cdef void value_dealloc(PyObject *value) noexcept:
    global free_nodes, free_count
    cdef Node *node = node_of(value)
    cdef bint is_gc = value_is_gc(value)
    if is_gc:
        PyObject_GC_UnTrack(value)
    if node.weak_references != NULL:
        PyObject_ClearWeakRefs(value)
    if node.attributes != NULL:
        release(node.attributes)
    if node.left != NULL:
        release(left_object(node))
        if node.right != NULL:
            release(right_object(node))
    if is_gc:
        (<TypeSlots *> Py_TYPE(value)).tp_free(value)
    elif free_count < MOST_FREE_NODES:
        node.left = free_nodes
        free_nodes = node
        free_count += 1
    else:
        PyObject_Free(value)
    drain()


cdef inline void drain() noexcept:
    if dying_count and not quiet and not draining_here:
        drain_all()


cdef void drain_all() noexcept:
    """Free the dying objects. A finalizer among them may wait for another thread, which then frees the rest."""
    global dying_count, quiet, draining_here
    cdef PyObject *object
    draining_here = True
    while dying_count:
        dying_count -= 1
        object = dying[dying_count]
        quiet = Py_TYPE(object) == <PyTypeObject *> Value and node_of(object).weak_references == NULL
        Py_XDECREF(object)
        quiet = False
    draining_here = False


cdef void give_back(int count) noexcept:
    """Free nodes of the free list."""
    global free_nodes, free_count
    cdef Node *node
    while count > 0 and free_nodes != NULL:
        node = free_nodes
        free_nodes = node.left
        free_count -= 1
        count -= 1
        PyObject_Free(owner(node))


cdef int free_node_count() noexcept:
    return free_count


cdef void keep_free_nodes(int count) noexcept:
    """Shorten the free list to `count` nodes if that is worth it."""
    if free_count - count > LEAST_TO_SHRINK:
        give_back(free_count - count)


cdef inline void shrink(Py_ssize_t graph_size) noexcept:
    """Give back the free nodes that no recent pass needed, if they are nine times the largest graph.

    Called in a backward pass, while the graph exists.
    """
    global pass_count, least_free, largest_graph
    least_free = min(least_free, free_count)
    largest_graph = max(largest_graph, graph_size)
    pass_count += 1
    if pass_count == PASSES_TO_SHRINK:
        if least_free > LEAST_TO_SHRINK and least_free > 9 * largest_graph:
            give_back(least_free)
        pass_count = 0
        least_free = MOST_FREE_NODES
        largest_graph = 0


def free_memory():
    """Give the memory that is kept for reuse back to Python's allocator.

    The memory of freed Values serves new ones, up to 80 MB, and is given back by itself when graphs become much
    smaller; that of large arrays returned by batches serves the next ones, up to 64 MB. Call this function to give all
    of it back at once.

    Examples
    --------
    >>> y = Value(1.0)
    >>> for _ in range(100_000):
    ...     y = y * 0.5
    >>> del y
    >>> free_memory()
    """
    global dying, dying_capacity
    give_back(free_count)
    PyMem_RawFree(spare.nodes)
    memset(&spare, 0, sizeof(Order))
    if not dying_count:
        PyMem_RawFree(dying)
        dying = NULL
        dying_capacity = 0
    _hooks.call("free_results")


cdef int value_traverse(PyObject *value, visitproc visit, void *argument) noexcept:
    """Visit the objects that a Value refers to, for the garbage collector."""
    cdef Node *node = node_of(value)
    cdef int stop = 0
    if node.attributes != NULL:
        stop = visit(node.attributes, argument)
    if not stop and node.left != NULL:
        stop = visit(left_object(node), argument)
    if not stop and node.right != NULL:
        stop = visit(right_object(node), argument)
    return stop


cdef int value_clear(PyObject *value) noexcept:
    """Break reference cycles. Every cycle contains an attribute, so parents that are no tuple can stay."""
    cdef Node *node = node_of(value)
    cdef PyObject *parents = <PyObject *> node.left
    Py_CLEAR(node.attributes)
    if node.op == OP_CUSTOM:
        node.left = NULL
        Py_XDECREF(parents)
    return 0
