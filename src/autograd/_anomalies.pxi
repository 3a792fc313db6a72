# Part of _core.pyx: the search for the first infinity or nan.

# The folder of the package.
cdef str PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
# At most so many operands are listed.
cdef Py_ssize_t MOST_LISTED = 6
# By Value, in its attributes: file and line of the call that made it, while anomalies are looked for.
cdef str PLACE = "_place"


class detect_anomaly(Switched, metaclass=Switch):
    """Raise at the first infinity or nan that an operation, a gradient or a program gives.

    A context manager or a decorator, for this thread. Eager operations, calls of layers and other functions that make
    one node, `custom_vjp` functions and compiled functions are examined, and so are the gradients in `backward`. The
    error names the operation, its operands and the line that called it; of a program, the instruction and the lane.
    Inside, every Value notes the line that made it, which takes twenty times as long as the operation; outside nothing
    is examined and nothing takes longer.

    Raises
    ------
    FloatingPointError
        Inside, where a number is not finite. Where eager arithmetic raises anyway, as ``1 / Value(0)`` does, it is
        Python's exception.
    TypeError
        If it decorates a class, a generator or a coroutine.

    Notes
    -----
    A gradient is traced back to a line if its operation was carried out inside, too; an instruction of a compiled
    function if the function was traced inside. Of a program the results are examined; where one is not finite, the
    instructions run once more, one by one, for that lane, and the one is found that the result owes it to. What the arm
    of a `where` that was not taken computes is no anomaly.

    Examples
    --------
    >>> x = Value(1e200)
    >>> with detect_anomaly():
    ...     y = x * x
    Traceback (most recent call last):
    FloatingPointError: * gave inf at <doctest ...>:2, from 1e+200 and 1e+200
    """

    def __enter__(self):
        global special, anomalies_here
        special += 1
        anomalies_here += 1
        return self

    def __exit__(self, *exception):
        global special, anomalies_here
        if not anomalies_here:
            raise RuntimeError("this thread is in no detect_anomaly block that could be left")
        special -= 1
        anomalies_here -= 1


cdef bint detecting() noexcept:
    return special and anomalies_here


cdef tuple caller():
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


cdef int examine(Value value) except -1:
    """Note the place of a new Value, and raise unless its number is finite."""
    place = caller()
    attributes_of(value)[PLACE] = place
    if isfinite(value.node.primal):
        return 0
    raise FloatingPointError(
        f"{value._op or 'a node made by hand'} gave {value.node.primal!r}{in_words(place)}{from_operands(value)}"
    )


cdef str in_words(object place):
    return "" if place is None else f" at {place[0]}:{place[1]}"


cdef str from_operands(Value value):
    """The operands in words: of many, those that are not finite, or the first ones."""
    operands = value._operands
    named = []
    for operand in operands:
        x = (<Value> operand).node.primal if isinstance(operand, Value) else operand
        if len(operands) <= MOST_LISTED or not isfinite(x):
            label = operand.label if isinstance(operand, Value) else ""
            named.append(f"{label} = {x!r}" if label else repr(x))
    if len(operands) > MOST_LISTED:
        text = f", from {len(operands)} operands"
        if not named:
            return text + ", all of them finite"
        return f"{text}, among them {', '.join(named[:MOST_LISTED])}{', ...' if len(named) > MOST_LISTED else ''}"
    return f", from {' and '.join(named)}" if named else ""


cdef int sweep_examining(Order *order) except -1:
    """Push the nodes of an order from its end, and raise at the first gradient that is not finite."""
    cdef Py_ssize_t i
    cdef Node *node
    cdef Value value
    # By the address of a Block, one of its outputs.
    cdef dict outputs = {}
    for i in reversed(range(order.size)):
        node = order.nodes[i]
        node.mark = RUNNING if order.calls_python else 0
        if not node.cursor:
            continue
        if node.op == OP_OUTPUT:
            outputs[<size_t> node.left] = <object> owner(node)
            push_node(node)
            continue
        value = <Value> (outputs[<size_t> node] if node.op == OP_BLOCK else <object> owner(node))
        parents = value._children
        # The gradient of a leaf may be from a pass before.
        known = set()
        for k, parent in enumerate(parents):
            if not isfinite(parent.grad):
                known.add(k)
        if node.op == OP_BLOCK or node.op == OP_CUSTOM:
            push_other(node)
        else:
            push_node(node)
        for k, parent in enumerate(parents):
            if not isfinite(parent.grad) and k not in known:
                raise_gradient(value, k, parent)
    return 0


cdef int raise_gradient(Value value, Py_ssize_t k, Value parent) except -1:
    place = attribute(value, PLACE, None)
    name = f"{parent.label} = {parent.node.primal!r}" if parent.label else f"operand {k}, {parent.node.primal!r},"
    raise FloatingPointError(
        f"backward through {value._op or 'a node made by hand'}{in_words(place)} gave {name} the gradient "
        f"{parent.grad!r}: its result is {value.node.primal!r} with the gradient {value.grad!r}{from_operands(value)}"
    )
