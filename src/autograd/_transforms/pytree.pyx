"""Structures of arguments and results.

A Program has numbers for inputs and outputs; the functions it is traced from take and return nested lists, tuples and
dicts of numbers and arrays. A `Tree` describes such a structure. What is done with an object of a structure is a walk
through both at once: `Builder.build` finds the structure of an object, `read` tells whether another has it too and
where its numbers are, `unflatten` makes an object of new numbers.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_RawFree
from cpython.object cimport PyObject
from libc.string cimport memcpy, memset

from autograd._core cimport Value, number
from autograd._cpython cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE

import numpy

cdef extern from "Python.h":
    int PyBuffer_ToContiguous(void *, const Py_buffer *, Py_ssize_t, char) except -1
    Py_ssize_t PyLong_AsSsize_t(PyObject *) noexcept
    PyObject *PySequence_Fast_GET_ITEM(object, Py_ssize_t) noexcept
    Py_ssize_t PySequence_Fast_GET_SIZE(object) noexcept
    int Py_EnterRecursiveCall(const char *) except -1
    void Py_LeaveRecursiveCall() noexcept

cdef type ndarray = numpy.ndarray
cdef object FLOAT64 = numpy.dtype(numpy.float64)
cdef object new_array = numpy.empty

# The kinds of dtype that are read, and the most axes that NumPy allows.
cdef str REAL = "fiubO"
cdef enum:
    MOST_AXES = 64

FIXED = object()


# ---------------------------------------------------------------------------------------------------------------------
# Finding a structure

@cython.auto_pickle(False)
cdef class Tree:
    """A structure of numbers."""


cdef bint is_number(object x) except -1:
    cdef double ignored = 0.0
    return isinstance(x, Value) or number(x, &ignored)


cdef bint is_sequence(object x) except -1:
    """Whether this is a list, a tuple or a named tuple."""
    return type(x) is list or type(x) is tuple or isinstance(x, tuple) and hasattr(x, "_make")


cdef bint is_numbers(object x) except -1:
    """Whether this is a list or tuple of nothing but numbers."""
    if type(x) is not list and type(x) is not tuple:
        return False
    for item in x:
        if not is_number(item):
            return False
    return True


@cython.auto_pickle(False)
cdef class Builder:
    """Finds out the structure of objects."""

    cdef Tree leaf(self, Kind kind, str name, Py_ssize_t size):
        cdef Tree tree = Tree.__new__(Tree)
        tree.kind = kind
        tree.name = name
        tree.axis = -1
        tree.start = self.size
        tree.size = size
        self.size += size
        return tree

    cdef Tree build(self, object x, str name, object axis=None):
        cdef Tree tree
        if axis is FIXED:
            return self.static(x, name)
        if axis is not None and not isinstance(axis, int):
            return self.container(x, name, self.axes_of_items(axis, x, name))
        if is_number(x):
            if axis is not None:
                raise ValueError(
                    f"{self.caller}: {name} is the number {x!r}, which has no axis {axis}; its in_axes should be None"
                )
            self.collect((x,))
            return self.leaf(NUMBER, name, 1)
        if isinstance(x, ndarray):
            return self.array(x, name, axis)
        if is_numbers(x):
            if axis is not None:
                return self.rows(axis, (len(x),), name)
            self.collect(x)
            tree = self.leaf(NUMBERS, name, len(x))
            tree.type = type(x)
            return tree
        if is_sequence(x) or type(x) is dict:
            return self.container(x, name, [axis] * len(x))
        return self.static(x, name)

    cdef int collect(self, object numbers) except -1:
        if self.numbers is not None:
            self.numbers.extend(numbers)
        return 0

    cdef Tree static(self, object x, str name):
        cdef Tree tree = self.leaf(STATIC, name, 0)
        tree.static = x
        if self.is_result and x is not None and not isinstance(x, str):
            raise TypeError(
                f"{self.caller} expects a function of numbers, arrays, and lists, tuples and dicts of these, got "
                f"{type(x).__name__} {x!r} as {name}"
            )
        if self.lasting:
            try:
                tree.hash = hash(x)
            except TypeError:
                raise TypeError(
                    f"{self.caller}: {name} is no number or array, and as {type(x).__name__} is not hashable it cannot "
                    "be a static argument either"
                ) from None
        return tree

    cdef Tree array(self, object x, str name, object axis):
        cdef Tree tree
        if x.dtype.kind not in REAL:
            raise TypeError(f"{self.caller}: {name} must be an array of real numbers or Values, got dtype {x.dtype}")
        if x.dtype.kind == "O" or self.numbers is not None:
            items = x.ravel().tolist()
            for item in items:
                if not is_number(item):
                    raise TypeError(
                        f"{self.caller}: {name} must be an array of real numbers or Values, got one of "
                        f"{type(item).__name__} {item!r}"
                    )
            self.collect(items)
        if axis is not None:
            return self.rows(axis, x.shape, name)
        tree = self.leaf(ARRAY, name, product(x.shape))
        tree.shape = x.shape
        return tree

    cdef Tree rows(self, Py_ssize_t axis, tuple shape, str name):
        """What a lane gets of a mapped argument."""
        cdef Tree tree
        if not -len(shape) <= axis < len(shape):
            raise ValueError(f"{self.caller}: {name} has no axis {axis}: its shape is {shape}")
        if axis < 0:
            axis += len(shape)
        shape = shape[:axis] + shape[axis + 1:]
        tree = self.leaf(ARRAY if shape else NUMBER, name, product(shape))
        tree.shape = shape
        tree.axis = axis
        return tree

    cdef Tree container(self, object x, str name, object axes):
        cdef Tree tree
        if type(x) is dict:
            tree = self.leaf(MAPPING, name, 0)
            tree.keys = labels = list(x)
            items = list(x.values())
        else:
            tree = self.leaf(SEQUENCE, name, 0)
            tree.type = type(x)
            labels, items = range(len(x)), x
        tree.children = []
        Py_EnterRecursiveCall(" while finding the structure of an object")
        try:
            for label, item, axis in zip(labels, items, axes):
                tree.children.append(self.build(item, f"{name}[{label!r}]", axis))
        finally:
            Py_LeaveRecursiveCall()
        tree.size = self.size - tree.start
        return tree

    cdef object axes_of_items(self, object axes, object x, str name):
        """A container of axes as a list in the order of the items."""
        if type(x) is dict and isinstance(axes, dict) and axes.keys() == x.keys():
            return [axes[key] for key in x]
        if is_sequence(x) and is_sequence(axes) and len(axes) == len(x):
            return axes
        raise ValueError(f"{self.caller}: in_axes is {outline(axes)} for {name}, which is {outline(x)}")


cdef str outline(object x):
    if isinstance(x, dict):
        return f"a dict with the keys {', '.join(map(repr, x))}"
    return f"a {type(x).__name__} of length {len(x)}" if is_sequence(x) else f"of type {type(x).__name__}"


cdef Py_ssize_t product(tuple shape) except -1:
    cdef Py_ssize_t size = 1
    for length in shape:
        size *= <Py_ssize_t> length
    return size


cdef bint same(Tree a, Tree b) except -1:
    """Whether two structures are the same."""
    cdef Py_ssize_t i
    if a.kind != b.kind or a.size != b.size or a.shape != b.shape or a.type is not b.type or a.keys != b.keys:
        return False
    if a.kind == STATIC:
        return type(a.static) is type(b.static) and a.static == b.static
    if a.children is not None:
        if len(a.children) != len(b.children):
            return False
        for i in range(len(a.children)):
            if not same(a.children[i], b.children[i]):
                return False
    return True


cdef str describe(Tree tree):
    """A structure in words."""
    cdef list items
    if tree.kind == NUMBER:
        return "a number"
    if tree.kind == ARRAY:
        return f"an array of shape {tree.shape}"
    if tree.kind == STATIC:
        return repr(tree.static)
    if tree.kind == NUMBERS:
        return f"a {tree.type.__name__} of {tree.size} number" + "s" * (tree.size != 1)
    items = []
    for child in tree.children:
        items.append(describe(child))
    if tree.kind == MAPPING:
        return "a dict {" + ", ".join(map("{!r}: {}".format, tree.keys, items)) + "}"
    return f"a {tree.type.__name__} ({', '.join(items)})"


# ---------------------------------------------------------------------------------------------------------------------
# Reading arguments

@cython.auto_pickle(False)
cdef class Reader:
    """Where the numbers of arguments are."""

    def __dealloc__(self):
        PyMem_RawFree(self.inputs)


cdef bint read(Tree tree, object x, Reader reader, Py_ssize_t shift) except -1:
    cdef Kind kind = tree.kind
    cdef Py_ssize_t at = tree.start + shift
    if tree.axis >= 0:
        return read_rows(tree, x, reader)
    if kind == NUMBER:
        return read_number(reader, x, reader.inputs[at].data, at, -1)
    if kind == ARRAY:
        return read_array(tree, x, reader, at)
    if kind == NUMBERS:
        return type(x) is tree.type and read_numbers(reader, x, at, tree.size)
    if kind == SEQUENCE:
        return type(x) is tree.type and read_items(tree, tuple(x), reader, shift)
    if kind == MAPPING:
        # The order counts: a function may see it.
        return type(x) is dict and list(x) == tree.keys and read_items(tree, tuple((<dict> x).values()), reader, shift)
    return is_static(tree, x)


cdef bint read_items(Tree tree, tuple items, Reader reader, Py_ssize_t shift) except -1:
    """Read the items of a container; not from itself, because a number of a foreign type may do anything to it."""
    cdef Py_ssize_t i
    if len(items) != len(tree.children):
        return False
    for i in range(len(items)):
        if not read(tree.children[i], items[i], reader, shift):
            return False
    return True


cdef bint is_static(Tree tree, object x) except -1:
    """Whether this is the static object or equal to it."""
    if x is tree.static:
        return True
    if type(x) is not type(tree.static):
        return False
    try:
        # Values are compared by number but hashed by identity, which tells a tuple of other Values apart.
        if hash(x) != tree.hash:
            return False
    except TypeError:
        return False
    return x == tree.static


cdef inline bint read_number(Reader reader, object x, double *place, Py_ssize_t input, Py_ssize_t lane) except -1:
    if PyFloat_CheckExact(<PyObject *> x):
        place[0] = PyFloat_AS_DOUBLE(<PyObject *> x)
        return True
    return read_other_number(reader, x, place, input, lane)


cdef bint read_other_number(Reader reader, object x, double *place, Py_ssize_t input, Py_ssize_t lane) except -1:
    if not isinstance(x, Value):
        return number(x, place)
    place[0] = (<Value> x).node.primal
    if reader.values is None:
        reader.values = []
    reader.values.append((x, input, lane))
    return True


cdef bint read_numbers(Reader reader, object x, Py_ssize_t at, Py_ssize_t n) except -1:
    """Read a list or tuple into the places of n inputs."""
    cdef Py_ssize_t i
    for i in range(n):
        # Reading a number of a foreign type runs Python code, which may do anything to a list.
        if PySequence_Fast_GET_SIZE(x) != n:
            return False
        if not read_number(reader, <object> PySequence_Fast_GET_ITEM(x, i), reader.inputs[at + i].data, at + i, -1):
            return False
    return PySequence_Fast_GET_SIZE(x) == n


cdef bint read_array(Tree tree, object x, Reader reader, Py_ssize_t at) except -1:
    """Copy an array that all lanes share."""
    cdef Py_buffer view
    cdef bint fits
    if type(x) is not ndarray or x.dtype is not FLOAT64:
        if not isinstance(x, ndarray) or x.shape != tree.shape or x.dtype.kind not in REAL:
            return False
        if x.dtype.kind == "O":
            return read_numbers(reader, x.ravel().tolist(), at, tree.size)
        x = numpy.asarray(x, FLOAT64)
    PyObject_GetBuffer(x, &view, PyBUF_STRIDES)
    try:
        fits = has_shape(&view, tree.shape)
        if fits and tree.size:
            PyBuffer_ToContiguous(reader.inputs[at].data, &view, view.len, b"C")
    finally:
        PyBuffer_Release(&view)
    return fits


cdef inline bint has_shape(const Py_buffer *view, tuple shape) noexcept:
    cdef int i
    if view.ndim != PyTuple_GET_SIZE(<PyObject *> shape):
        return False
    for i in range(view.ndim):
        if view.shape[i] != PyLong_AsSsize_t(PyTuple_GET_ITEM(<PyObject *> shape, i)):
            return False
    return True


cdef bint read_rows(Tree tree, object x, Reader reader) except -1:
    """Read a mapped argument: an array with the lanes along one axis, or numbers that are lanes."""
    cdef Py_ssize_t axis = tree.axis
    cdef Py_ssize_t lanes
    cdef tuple shape
    if isinstance(x, ndarray):
        shape = x.shape
        if len(shape) != len(tree.shape) + 1 or shape[:axis] + shape[axis + 1:] != tree.shape:
            return False
        if x.dtype.kind not in REAL:
            return False
        lanes = shape[axis]
        if x.dtype.kind == "O":
            if not read_lanes(tree, numpy.moveaxis(x, axis, 0).ravel().tolist(), lanes, reader):
                return False
        else:
            point_to(tree, x, reader)
    elif tree.shape or type(x) is not list and type(x) is not tuple:
        return False
    else:
        lanes = len(x)
        if not read_lanes(tree, list(x), lanes, reader):
            return False
    if reader.mapped is None:
        reader.mapped = tree
        reader.lanes = lanes
    elif lanes != reader.lanes:
        raise ValueError(
            f"{reader.caller}: the mapped axes must have one length, but {reader.mapped.name} has {reader.lanes} along "
            f"axis {reader.mapped.axis} and {tree.name} has {lanes} along axis {axis}"
        )
    return True


cdef bint read_lanes(Tree tree, list items, Py_ssize_t lanes, Reader reader) except -1:
    """Read numbers and Values, row by row."""
    array = new_array(lanes * tree.size)
    cdef double *data = address(array)
    cdef Py_ssize_t i
    reader.kept.append(array)
    for i in range(tree.size):
        reader.inputs[tree.start + i].data = data + i
        reader.inputs[tree.start + i].stride = tree.size
    for i in range(lanes * tree.size):
        if not read_number(reader, items[i], data + i, tree.start + i % tree.size, i // tree.size):
            return False
    return True


cdef double *address(object array) except? NULL:
    """Where the numbers of a contiguous array of doubles are."""
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, PyBUF_SIMPLE)
    PyBuffer_Release(&view)
    return <double *> view.buf


cdef int point_to(Tree tree, object array, Reader reader) except -1:
    """Let the inputs point into an array where it is, or into a copy if it holds no aligned doubles."""
    cdef Py_buffer view
    if not holds_doubles(array):
        array = numpy.array(array, FLOAT64)
    PyObject_GetBuffer(array, &view, PyBUF_STRIDES)
    try:
        point_into(&view, reader.inputs + tree.start, tree.size, tree.axis)
    finally:
        PyBuffer_Release(&view)
    reader.kept.append(array)
    return 0


cdef bint holds_doubles(object array) except -1:
    """Whether all numbers are doubles that lie a whole number of doubles apart."""
    cdef Py_buffer view
    cdef size_t bits
    cdef int i
    if array.dtype is not FLOAT64:
        return False
    PyObject_GetBuffer(array, &view, PyBUF_STRIDES)
    bits = <size_t> view.buf
    for i in range(view.ndim):
        bits |= <size_t> view.strides[i]
    PyBuffer_Release(&view)
    return bits % sizeof(double) == 0


cdef int point_into(const Py_buffer *view, Array *inputs, Py_ssize_t size, Py_ssize_t axis) except -1:
    cdef Py_ssize_t index[MOST_AXES]
    cdef char *entry = <char *> view.buf
    cdef Py_ssize_t i, k
    memset(index, 0, sizeof(index))
    for i in range(size):
        inputs[i].data = <double *> entry
        inputs[i].stride = view.strides[axis] // <Py_ssize_t> sizeof(double)
        for k in range(view.ndim - 1, -1, -1):
            if k != axis:
                index[k] += 1
                entry += view.strides[k]
                if index[k] < view.shape[k]:
                    break
                entry -= index[k] * view.strides[k]
                index[k] = 0
    return 0


# ---------------------------------------------------------------------------------------------------------------------
# Making objects

@cython.auto_pickle(False)
cdef class Leaves:
    """What an object is made of."""

    cdef object scalar(self, Py_ssize_t i):
        raise NotImplementedError

    cdef object array(self, Py_ssize_t start, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t columns, tuple shape):
        raise NotImplementedError


@cython.auto_pickle(False)
cdef class Numbers(Leaves):
    """Floats and arrays of these."""

    def __dealloc__(self):
        PyMem_RawFree(self.data)

    cdef object scalar(self, Py_ssize_t i):
        return self.data[i]

    cdef object array(self, Py_ssize_t start, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t columns, tuple shape):
        array = new_array(shape)
        cdef double *data = address(array)
        cdef Py_ssize_t i
        for i in range(rows):
            memcpy(data + i * columns, self.data + start + i * step, columns * sizeof(double))
        return array


@cython.auto_pickle(False)
cdef class Objects(Leaves):
    """Values and arrays of these."""

    cdef object scalar(self, Py_ssize_t i):
        return self.items[i]

    cdef object array(self, Py_ssize_t start, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t columns, tuple shape):
        cdef list items = []
        cdef Py_ssize_t i
        for i in range(rows):
            items += self.items[start + i * step:start + i * step + columns]
        return object_array(items, shape)


cdef object object_array(list items, tuple shape):
    return numpy.fromiter(items, object, len(items)).reshape(shape)


cdef object unflatten(Tree tree, Leaves leaves, Py_ssize_t shift=0):
    """An object of the structure, with leaves for its numbers; number i of the tree is leaf i + `shift`."""
    cdef Kind kind = tree.kind
    cdef Py_ssize_t start = tree.start + shift
    cdef Py_ssize_t i
    cdef list items
    if kind == NUMBER:
        return leaves.scalar(start)
    if kind == ARRAY:
        return leaves.array(start, 1, 0, tree.size, tree.shape)
    if kind == STATIC:
        return tree.static
    if kind == NUMBERS:
        items = [None] * tree.size
        for i in range(tree.size):
            items[i] = leaves.scalar(start + i)
    else:
        items = []
        for child in tree.children:
            items.append(unflatten(child, leaves, shift))
    if kind == MAPPING:
        return dict(zip(tree.keys, items))
    if tree.type is list:
        return items
    return tuple(items) if tree.type is tuple else tree.type._make(items)
