# Part of _core.pyx: the topological order and the backward sweep.

cdef struct Order:
    Node **nodes
    Py_ssize_t size
    Py_ssize_t capacity
    bint calls_python
    # Why there is no order: a changed leaf, or a node of a running pass; NULL for want of memory.
    Node *fault

# The buffer of the last backward, for the next one; a nested one finds it gone and makes its own.
cdef Order spare
memset(&spare, 0, sizeof(Order))

# A larger buffer is given back at once.
cdef enum:
    MOST_SPARE_NODES = 65536

# The mark of a node of a pass that calls Python code, until the pass is over.
cdef enum:
    RUNNING = 0x80


cdef Order borrow_order() noexcept:
    cdef Order order = spare
    memset(&spare, 0, sizeof(Order))
    order.size = 0
    order.calls_python = False
    order.fault = NULL
    return order


cdef void return_order(Order *order) noexcept:
    global spare
    if spare.nodes == NULL and order.capacity <= MOST_SPARE_NODES:
        spare = order[0]
    else:
        PyMem_RawFree(order.nodes)


cdef inline bint append(Order *order, Node *node) noexcept:
    cdef Py_ssize_t capacity
    cdef void *larger
    if order.size == order.capacity:
        capacity = 2 * order.capacity + 256
        larger = PyMem_RawRealloc(order.nodes, capacity * sizeof(Node *))
        if larger == NULL:
            return False
        order.nodes = <Node **> larger
        order.capacity = capacity
    order.nodes[order.size] = node
    order.size += 1
    return True


cdef inline Node *next_parent(Node *node) noexcept:
    """The parent at the node's cursor, which moves on; NULL behind the last."""
    cdef unsigned char i = node.cursor
    if node.op == OP_BLOCK or node.op == OP_CUSTOM:
        return next_of_many(node)
    node.cursor += 1
    if i == 0:
        return node.left
    return node.right if i == 1 else NULL


cdef Node *next_of_many(Node *node) noexcept:
    """`next_parent` where there may be more than two; the position is kept in `immediate`."""
    cdef Py_ssize_t i = <Py_ssize_t> node.immediate if node.cursor else 0
    node.cursor = 1
    node.immediate = <double> (i + 1)
    if node.op == OP_BLOCK:
        return block_input(<Block> block_around(node), i)
    if node.left == NULL or i >= PyTuple_GET_SIZE(<PyObject *> node.left):
        return NULL
    return node_of(PyTuple_GET_ITEM(<PyObject *> node.left, i))


cdef unsigned long long next_change() noexcept:
    global changes
    changes += 1
    return changes


cdef bint is_changed(Node *parent, Node *node) noexcept:
    """Whether the data of `parent` was set after `node` had read it.

    The stamps are modulo 2^32. A node is taken to be younger than 2^32 changes; leaves may be of any age.
    """
    if <int> (parent.stamp - node.stamp) <= 0:
        return False
    if parent.op == OP_LEAF:
        return parent.immediate > <double> (changes - <unsigned> (<unsigned> changes - node.stamp))
    return parent.op == OP_CUSTOM


cdef inline void enter(Node *node, Node *child) noexcept:
    node.mark = 1
    node.cursor = 0
    memcpy(&node.adjoint, &child, sizeof(Node *))


cdef inline Node *leave(Node *node) noexcept:
    cdef Node *child
    memcpy(&child, &node.adjoint, sizeof(Node *))
    node.adjoint = 0.0
    node.cursor = False
    return child


cdef bint sort(Node *root, Order *order) noexcept:
    """Order the computed nodes below `root`, parents before children, visiting parents left to right.

    Every node on the way down keeps the child it was reached from in the room of its adjoint, which is about to be set
    to zero anyway, so that the depth-first search needs no stack. All nodes of the order are left marked. Returns
    False, with no mark left, when a leaf changed since the graph read it, the graph is part of a running pass, or
    memory runs out.
    """
    cdef Node *node = root
    cdef Node *parent
    if root.mark:
        order.fault = root
        return False
    enter(root, NULL)
    while node != NULL:
        parent = next_parent(node)
        if parent != NULL:
            if <int> (parent.stamp - node.stamp) > 0 and is_changed(parent, node):
                order.fault = parent
                break
            if parent.op != OP_LEAF:
                if not parent.mark:
                    enter(parent, node)
                    node = parent
                elif parent.mark == RUNNING:
                    order.fault = parent
                    break
        else:
            if not append(order, node):
                break
            if node.op == OP_CUSTOM:
                order.calls_python |= node.right == NULL
            elif node.op == OP_BLOCK:
                order.fault = (<Block> block_around(node)).changed()
                if order.fault != NULL:
                    break
                order.calls_python |= start_adjoints(<Block> block_around(node))
            node = leave(node)
    if node == NULL:
        return True
    while node != NULL:
        node.mark = 0
        node = leave(node)
    set_marks(order, 0)
    return False


cdef int raise_fault(Order *order) except -1:
    """Raise the exception for a graph that could not be ordered."""
    if order.fault == NULL:
        raise MemoryError(f"no memory to order a graph of more than {order.size} nodes")
    value = <Value> owner(order.fault)
    name = f"labelled {value.label!r}" if value.label else f"of data {value.node.primal!r}"
    if order.fault.mark == RUNNING:
        raise RuntimeError(
            f"backward() was called on a Value {name} during a backward pass that goes through it, which would lose "
            "the gradients of that pass; in a _backward, add to the grad of the parents only"
        )
    raise RuntimeError(
        f"the data of a leaf {name} was set after this graph had read it, so that backward() would give the gradient "
        "at neither the old nor the new data; call backward() before setting data, or compute the graph again"
    )


cdef void set_marks(Order *order, unsigned char mark) noexcept:
    cdef Py_ssize_t i
    for i in range(order.size):
        order.nodes[i].mark = mark


cdef inline void push_node(Node *node) noexcept:
    """Add the gradients of a node that has a row in the table, or is an output, to its parents."""
    cdef Node *left = node.left
    cdef Node *right = node.right if node.right != NULL else left
    cdef unsigned received
    if node.op == OP_OUTPUT:
        push_output(node)
        return
    received = op_push(node.op, node.adjoint, node.primal, node.immediate, &left.primal, &right.primal,
                       &left.adjoint, &right.adjoint)
    left.cursor |= received & 1
    right.cursor |= received >> 1


cdef Py_ssize_t sweep(Node **nodes, Py_ssize_t size, unsigned char mark) noexcept:
    """Mark and push the nodes from the end down to one of another kind, and return how many are left."""
    cdef Node *node
    while size:
        node = nodes[size - 1]
        node.mark = mark
        if node.op == OP_CUSTOM or node.op == OP_BLOCK:
            return size
        if node.cursor:
            push_node(node)
        size -= 1
    return 0


cdef int push_other(Node *node) except -1:
    """Push a hand-made node or a Block, if it has received an adjoint."""
    cdef Node *parent
    if not node.cursor:
        return 0
    if node.op == OP_BLOCK:
        return (<Block> block_around(node)).push()
    push_custom(<Value> owner(node))
    # What the closure adds to is not known.
    node.cursor = 0
    parent = next_parent(node)
    while parent != NULL:
        parent.cursor = True
        parent = next_parent(node)
    return 0


cdef int run_backward(Value root, double seed) except -1:
    cdef Order order
    cdef Py_ssize_t left
    cdef unsigned char mark = 0
    forbid_in_trace("backward() was called")
    if root.node.flags & TRACED:
        forbid_outside("backward() was called")
    if root.node.op == OP_LEAF:
        root.node.adjoint += seed
        return 0
    order = borrow_order()
    try:
        if not sort(&root.node, &order):
            raise_fault(&order)
        shrink(order.size)
        if order.calls_python:
            # Python code may run a backward pass of its own, though not on these nodes.
            mark = RUNNING
            set_marks(&order, mark)
        receive(&root.node, seed)
        if special and anomalies_here:
            sweep_examining(&order)
            left = 0
        else:
            left = sweep(order.nodes, order.size, mark)
        while left:
            push_other(order.nodes[left - 1])
            left = sweep(order.nodes, left - 1, mark)
        if mark:
            set_marks(&order, 0)
    except BaseException:
        set_marks(&order, 0)
        raise
    finally:
        return_order(&order)
    return 0


def start_backward(Value root not None, gradient):
    """Begin a backward pass that `push_node_of` continues, and return the computed nodes, parents before children.

    They are Values, and a Block before its outputs. Their gradients are zero, and that of the root is `gradient`.
    """
    cdef Order order
    cdef Py_ssize_t i
    cdef double seed = as_number(gradient, "gradient")
    cdef list nodes = []
    forbid_in_trace("a backward pass was begun")
    if root.node.op == OP_LEAF:
        root.node.adjoint += seed
        return nodes
    order = borrow_order()
    try:
        if not sort(&root.node, &order):
            raise_fault(&order)
        set_marks(&order, 0)
        receive(&root.node, seed)
        for i in range(order.size):
            nodes.append(<object> (block_around if order.nodes[i].op == OP_BLOCK else owner)(order.nodes[i]))
    finally:
        return_order(&order)
    return nodes


def push_node_of(item not None):
    """Push a Value or a Block of a pass. Return whether it had received a gradient; if not, nothing happens."""
    cdef Node *node = &(<Block> item).node if isinstance(item, Block) else &(<Value?> item).node
    if not node.cursor:
        return False
    if node.op == OP_BLOCK or node.op == OP_CUSTOM:
        push_other(node)
    else:
        push_node(node)
    return True
