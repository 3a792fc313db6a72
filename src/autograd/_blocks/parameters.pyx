"""The walk over a module: finds the parameters and the modules in its attributes, however deeply nested.

It looks into the fields of dense layers, the attributes of objects that have a method `parameters`, dicts, lists,
tuples, and NumPy arrays of objects. Every object is visited once, so cycles end.
"""

from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE, PyList_New
from cpython.mem cimport PyMem_RawFree, PyMem_RawRealloc
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from libc.string cimport memcmp

import numpy

from autograd._core cimport Node, Value, node_of
from autograd._cpython cimport ListLayout, PyObject_GenericGetDict, Py_TYPE, Py_XDECREF
from autograd._blocks.dense cimport DenseDropout, DenseLayer, DenseNetwork, DenseNeuron, Fields

cdef extern from "_kernels/ops.h" nogil:
    enum:
        OP_LEAF

cdef type ndarray = numpy.ndarray
# Named because an exception in isinstance() is lost where the tuple is written in place (Cython 3.3.1).
cdef tuple SEQUENCES = (list, tuple)
# What can hold no Value.
cdef tuple PLAIN = (str, bytes, int, float, type(None))

# Marks a leaf that is already in the list.
cdef enum:
    FOUND = 1

# The leaves found so far: owned references, in an array because a list would grow in many small steps.
cdef struct Found:
    PyObject **items
    Py_ssize_t size
    Py_ssize_t capacity

# What `add_leaves` goes into: lists of Values; neurons, with these in them; layers of neurons; networks of layers.
cdef enum:
    VALUES
    NEURON
    LAYER
    NETWORK


def parameters(root, list names=None):
    """Return the leaves that a module holds, each once, in the order of definition.

    Parameters
    ----------
    root : object with attributes
    names : list, optional
        Receives the name of each: the path of attributes, positions and keys, joined by dots.
    """
    return walk(root, names, None)


def modules(root, type kind not None):
    """Return the objects of a kind that a module holds, itself included: each once, before those in it."""
    cdef list holders = []
    cdef list found = []
    walk(root, None, holders)
    for holder in holders:
        if isinstance(holder, kind):
            found.append(holder)
    return found


def snapshot(root):
    """Return the objects that a module holds, each with what is in it now, for `is_unchanged`."""
    cdef list holders = []
    cdef list taken = []
    walk(root, None, holders)
    for holder in holders:
        taken.append((holder, contents(holder)))
    return taken


def is_unchanged(list taken not None):
    """Whether all in a snapshot is as it was: numbers and text equal to the bit, everything else the same object."""
    for holder, before in taken:
        if not same(contents(holder), before):
            return False
    return True


def are_same(list one not None, list other not None):
    """Whether two snapshots are of the same objects with the same in them, in the sense of `is_unchanged`."""
    cdef Py_ssize_t i
    if len(one) != len(other):
        return False
    for i in range(len(one)):
        if one[i][0] is not other[i][0] or not same(one[i][1], other[i][1]):
            return False
    return True


cdef list contents(object holder):
    """What decides how a holder computes: the attributes of a module, the leaves and modules in a container.

    Left out are the generator of a dropout, as a trace does not draw, and what else is in a container, such as a log.
    """
    cdef list found = []
    cdef dict attributes
    cdef bint whole
    if isinstance(holder, DenseNeuron):
        # Without names, as there are many neurons.
        neuron = <DenseNeuron> holder
        found = [neuron.w, neuron.b, neuron.nonlin, neuron.activation]
        if type(neuron.w) is list:
            found += <list> neuron.w
        attributes = PyObject_GenericGetDict(holder, NULL)
        if attributes:
            for key, child in attributes.items():
                found += (key, child)
    elif type(holder) is list:
        for child in <list> holder:
            if is_leaf(child) or is_module(child):
                found.append(child)
    else:
        whole = is_module(holder)
        for key, child in children_of(holder):
            if whole and not (key == "rng" and isinstance(holder, DenseDropout)) or is_leaf(child) or is_module(child):
                found += (key, child)
    return found


cdef inline bint is_leaf(object x) noexcept:
    return isinstance(x, Value) and (<Value> x).node.op == OP_LEAF


cdef inline bint is_module(object x) except -1:
    """Whether the attributes of an object may be parameters."""
    return isinstance(x, Fields) or hasattr(x, "parameters")


cdef bint same(list now, list before) except -1:
    """Whether the items of two lists are the same objects, or numbers and text equal to the bit."""
    cdef Py_ssize_t i
    cdef double a, b
    if len(now) != len(before):
        return False
    if not now or not memcmp((<ListLayout *> now).ob_item, (<ListLayout *> before).ob_item,
                             len(now) * sizeof(PyObject *)):
        return True
    for i in range(len(now)):
        x, y = now[i], before[i]
        if x is not y:
            if type(x) is not type(y) or not isinstance(x, PLAIN) or x != y:
                return False
            if isinstance(x, float):
                a, b = x, y
                if memcmp(&a, &b, sizeof(double)):
                    return False
    return True


cdef list walk(object root, list names, list holders):
    """Return the leaves; append their names to `names`, and every object that may hold some to `holders`."""
    cdef Found leaves = Found(NULL, 0, 0)
    cdef Py_ssize_t i
    try:
        if names is not None or holders is not None or not add_leaves(root, &leaves, NETWORK):
            add_all_leaves(root, &leaves, names, holders)
        return as_list(&leaves)
    finally:
        for i in range(leaves.size):
            node_of(leaves.items[i]).mark = 0
            Py_XDECREF(leaves.items[i])
        PyMem_RawFree(leaves.items)


cdef list as_list(Found *leaves):
    """Return the leaves as a list, which takes over the references."""
    cdef list result = PyList_New(leaves.size)
    cdef Py_ssize_t i
    for i in range(leaves.size):
        node_of(leaves.items[i]).mark = 0
        (<ListLayout *> result).ob_item[i] = leaves.items[i]
    leaves.size = 0
    return result


cdef int add_all_leaves(object root, Found *leaves, list names, list holders) except -1:
    cdef list waiting = [(None, root)]
    cdef set seen = set()
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, Value):
            if add_leaf(<PyObject *> item, leaves) and names is not None:
                names.append(path)
        elif type(item) is list or isinstance(item, Fields) or not isinstance(item, PLAIN):
            identity = <size_t> <PyObject *> item
            if identity not in seen:
                seen.add(identity)
                if holders is not None:
                    holders.append(item)
                if names is not None or not add_leaves(item, leaves, most_at_once(item, holders)):
                    for key, child in reversed(children_of(item)):
                        name = None if names is None else f"{key}" if path is None else f"{path}.{key}"
                        waiting.append((name, child))
    return 0


cdef list children_of(object holder):
    """What a module or a container holds, with attribute names, positions and keys."""
    if isinstance(holder, Fields):
        items = holder._fields
    elif is_module(holder):
        items = getattr(holder, "__dict__", {})
    elif isinstance(holder, dict):
        items = holder
    elif isinstance(holder, SEQUENCES):
        return list(enumerate(holder))
    elif isinstance(holder, ndarray) and holder.dtype == object:
        return list(enumerate(holder.flat))
    else:
        return []
    return list(items.items())


cdef int most_at_once(object item, list holders) except -1:
    """What `add_leaves` may go into: nothing that the walk has to list among the holders, as it does neurons."""
    return NETWORK if holders is None else NEURON if isinstance(item, DenseNeuron) else VALUES


cdef bint add_leaves(object holder, Found *leaves, int most) except -1:
    """Append the leaves of a list or a module and return True, or a first part of them and return False.

    It is False for all but lists and modules of the usual kinds and contents, each in one of a higher kind; so the
    recursion ends, and takes no longer than a call of the module.
    """
    cdef Py_ssize_t i = 0
    cdef PyObject *item
    if type(holder) is list:
        # By index and without counting references: no Python code runs that could change the list.
        while i < PyList_GET_SIZE(holder):
            item = PyList_GET_ITEM(holder, i)
            if Py_TYPE(item) == <PyTypeObject *> Value:
                add_leaf(item, leaves)
            elif type(<object> item) is list or not add_leaves(<object> item, leaves, most):
                return False
            i += 1
        return True
    if isinstance(holder, DenseNeuron):
        neuron = <DenseNeuron> holder
        if (most < NEURON or type(neuron.b) is not Value or type(neuron.w) is not list
                or not add_leaves(neuron.w, leaves, VALUES)):
            return False
        add_leaf(<PyObject *> neuron.b, leaves)
        return is_plain(neuron.nonlin) and is_plain(neuron.activation) and add_attributes(holder, leaves, VALUES)
    if isinstance(holder, DenseLayer):
        inside, most = (<DenseLayer> holder).neurons, (most >= LAYER) * NEURON
    elif isinstance(holder, DenseNetwork):
        inside, most = (<DenseNetwork> holder).layers, (most >= NETWORK) * LAYER
    else:
        return False
    if not most or type(inside) is not list or not add_leaves(inside, leaves, most):
        return False
    return add_attributes(holder, leaves, VALUES)


cdef bint add_attributes(object holder, Found *leaves, int most) except -1:
    """`add_leaves` for what is in the `__dict__` of a module."""
    cdef dict attributes = PyObject_GenericGetDict(holder, NULL)
    if attributes:
        for item in attributes.values():
            if type(item) is Value:
                add_leaf(<PyObject *> item, leaves)
            elif not is_plain(item) and not add_leaves(item, leaves, most):
                return False
    return True


cdef inline bint is_plain(object x) noexcept:
    """`isinstance` with the commonest PLAIN types, without looking for a `__class__` of its own."""
    return type(x) is str or type(x) is bool or x is None or type(x) is float or type(x) is int


cdef inline bint add_leaf(PyObject *value, Found *leaves) except -1:
    """Append a Value if it is a leaf that is not there yet, and return whether it was."""
    cdef Node *node = node_of(value)
    if node.op != OP_LEAF or node.mark:
        return False
    if leaves.size == leaves.capacity:
        grow(leaves)
    Py_INCREF(<object> value)
    leaves.items[leaves.size] = value
    leaves.size += 1
    node.mark = FOUND
    return True


cdef int grow(Found *leaves) except -1:
    cdef Py_ssize_t capacity = 4 * leaves.capacity + 128
    cdef PyObject **items = <PyObject **> PyMem_RawRealloc(leaves.items, capacity * sizeof(PyObject *))
    if items == NULL:
        raise MemoryError(f"no memory for {capacity} parameters")
    leaves.items, leaves.capacity = items, capacity
    return 0
