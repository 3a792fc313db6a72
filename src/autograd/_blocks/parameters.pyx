"""The walk over a module: finds the parameters and the modules in its attributes, however deeply nested.

It looks into the fields of dense layers, the attributes of objects that have a method `parameters`, dicts, lists,
tuples, and NumPy arrays of objects. Every object is visited once, so cycles end.
"""

from cpython.object cimport PyObject

import numpy

from autograd._core cimport Value
from autograd._cpython cimport PyObject_GenericGetDict
from autograd._blocks.dense cimport DenseNeuron, Fields, called_as

cdef extern from "_kernels/maps.h" nogil:
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


cdef list walk(object root, list names, list holders):
    """Return the leaves; append their names to `names`, and every object that may hold some to `holders`."""
    cdef list leaves = []
    cdef list waiting = [(None, root)]
    cdef set seen = set()
    try:
        while waiting:
            path, item = waiting.pop()
            if isinstance(item, Value):
                if add_leaf(<Value> item, leaves) and names is not None:
                    names.append(path)
            elif type(item) is list or isinstance(item, Fields) or not isinstance(item, PLAIN):
                identity = <size_t> <PyObject *> item
                if identity not in seen:
                    seen.add(identity)
                    if holders is not None:
                        holders.append(item)
                    if names is not None or not add_leaves(item, leaves):
                        for key, child in reversed(children_of(item)):
                            name = None if names is None else f"{key}" if path is None else f"{path}.{key}"
                            waiting.append((name, child))
    finally:
        for value in leaves:
            (<Value> value).node.mark = 0
    return leaves


cdef list children_of(object holder):
    """What a module or a container holds, with attribute names, positions and keys."""
    if isinstance(holder, Fields):
        items = holder._fields
    elif hasattr(holder, "parameters"):
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


cdef bint add_leaves(object holder, list leaves) except -1:
    """Append the leaves of a neuron or a list that holds nothing but Values, and return whether it is one."""
    if isinstance(holder, DenseNeuron) and called_as(<PyObject *> holder, DenseNeuron):
        neuron = <DenseNeuron> holder
        if type(neuron.b) is Value and not PyObject_GenericGetDict(holder, NULL) and add_leaves(neuron.w, leaves):
            add_leaf(<Value> neuron.b, leaves)
            return True
        return False
    if type(holder) is not list:
        return False
    for item in <list> holder:
        if type(item) is not Value:
            return False
    for item in <list> holder:
        add_leaf(<Value> item, leaves)
    return True


cdef inline bint add_leaf(Value value, list leaves) except -1:
    """Append a Value if it is a leaf that is not there yet, and return whether it was."""
    if value.node.op != OP_LEAF or value.node.mark:
        return False
    leaves.append(value)
    value.node.mark = FOUND
    return True
