"""Signatures: the structure of a call's arguments, and reading arguments of a known structure.

A `Signature` has the structures of the positional and keyword arguments and the arguments to differentiate by.
`matches` tells whether the arguments of a call have it, and reads their numbers on the way; arrays that are mapped are
used where they are, without a copy.
"""

cimport cython
from cpython.buffer cimport PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer
from cpython.dict cimport PyDict_Next
from cpython.mem cimport PyMem_RawFree
from cpython.object cimport PyObject
from libc.string cimport memset

from autograd._core cimport Value, is_real_array, number
from autograd._cpython cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE, address
from autograd._interpreter.interpreter cimport Array
from autograd._transforms.keys cimport key_of
from autograd._transforms.pytree cimport ARRAY, MAPPING, NODE, NUMBER, NUMBERS, SEQUENCE, STATIC, Kind, Tree

import numpy

cdef extern from "Python.h":
    int PyBuffer_ToContiguous(void *, const Py_buffer *, Py_ssize_t, char) except -1
    Py_ssize_t PyLong_AsSsize_t(PyObject *) noexcept
    PyObject *PyList_GET_ITEM(object, Py_ssize_t) noexcept
    PyObject *PySequence_Fast_GET_ITEM(object, Py_ssize_t) noexcept
    Py_ssize_t PySequence_Fast_GET_SIZE(object) noexcept
    int Py_EnterRecursiveCall(const char *) except -1
    void Py_LeaveRecursiveCall() noexcept

cdef type ndarray = numpy.ndarray
cdef object FLOAT64 = numpy.dtype(numpy.float64)
cdef object new_array = numpy.empty

# The most axes that NumPy allows.
cdef enum:
    MOST_AXES = 64

# Named, because Cython loses the exceptions of isinstance where the tuple is written in the call.
cdef tuple SEQUENCES = (list, tuple)


@cython.auto_pickle(False)
cdef class Signature:
    """The structure of the arguments of a call."""

    cdef bint matches(self, tuple args, dict kwargs, Reader reader) except -1:
        return read(self.arguments, args, reader, 0) and read(self.keywords, kwargs, reader, 0)


cdef Signature new_signature(Tree arguments, Tree keywords, list differentiated):
    cdef Signature signature = Signature.__new__(Signature)
    cdef Tree tree
    signature.arguments, signature.keywords, signature.differentiated = arguments, keywords, differentiated
    signature.size = arguments.size + keywords.size
    signature.passes_values = has_value(arguments) or has_value(keywords)
    signature.wrt = []
    for tree in differentiated:
        signature.wrt += range(tree.start, tree.start + tree.size)
    return signature


cdef bint has_value(Tree tree) except -1:
    """Whether there is a Value among the static objects of a structure."""
    if (tree.kind == STATIC or tree.kind == NODE) and contains_value(tree.static):
        return True
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


cdef list positions_of(str caller, str option, object numbers, Py_ssize_t count):
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


# ---------------------------------------------------------------------------------------------------------------------
# Reading arguments

@cython.auto_pickle(False)
cdef class Reader:
    """The numbers of arguments, in the order of the inputs."""

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
    if kind == MAPPING and type(x) is dict and read_floats(tree, <dict> x, reader, shift):
        return True
    if kind == NUMBERS:
        return type(x) is tree.type and read_numbers(reader, x, at, tree.size)
    if kind == SEQUENCE:
        return type(x) is tree.type and read_items(tree, tuple(x), reader, shift)
    if kind == MAPPING:
        return type(x) is dict and has_keys(tree, x) and read_items(tree, tuple((<dict> x).values()), reader, shift)
    if kind == NODE:
        return type(x) is tree.type and read_node(tree, x, reader, shift)
    return is_static(tree, x)


cdef bint read_items(Tree tree, tuple items, Reader reader, Py_ssize_t shift) except -1:
    """Read the items of a container from a copy, because reading a number of a foreign type may change it."""
    cdef Py_ssize_t i
    if len(items) != len(tree.children):
        return False
    for i in range(len(items)):
        if not read(tree.children[i], items[i], reader, shift):
            return False
    return True


cdef bint read_node(Tree tree, object x, Reader reader, Py_ssize_t shift) except -1:
    """Read the children of an object of a registered class."""
    cdef bint settled
    cdef bint fits
    cdef list values = reader.values
    items, rest = tree.registration.take_apart(x)
    if tree.registration.key is not None:
        fits = tree.registration.key(rest) == tree.key
    else:
        fits = rest is tree.static and tree.settled or key_of(rest, &settled) == tree.key
    if not fits or not tree.registration.holds:
        return fits and read_items(tree, tuple(items), reader, shift)
    reader.values = None
    fits = read_items(tree, tuple(items), reader, shift)
    reader.held = (reader.held or []) + (reader.values or [])
    reader.values = values
    return fits


cdef bint has_keys(Tree tree, dict x) except -1:
    """Whether a dict has the keys, in their order: a function may see it."""
    cdef bint settled = tree.settled
    cdef Py_ssize_t i = 0
    if len(x) != len(tree.keys):
        return False
    for key in x:
        settled &= <PyObject *> key == PyList_GET_ITEM(tree.keys, i)
        i += 1
    return settled or key_of(tuple(x), &settled) == tree.key


cdef bint is_static(Tree tree, object x) except -1:
    """Whether an object is interchangeable with the static object."""
    cdef bint settled
    if x is tree.static and tree.settled:
        return True
    if type(x) is not type(tree.static):
        return False
    try:
        # Not of the same content where the hash is another; most that differ are told apart by it, without a key.
        if hash(x) != tree.hash:
            return False
    except TypeError:
        return False
    return key_of(x, &settled) == tree.key


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


cdef bint read_floats(Tree tree, dict x, Reader reader, Py_ssize_t shift) noexcept:
    """Read a dict of floats whose keys are the very strings; return False for any other.

    No Python code runs, so items are read where they are: a fifth of the time of a whole call is saved.
    """
    cdef PyObject *key
    cdef PyObject *item
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t position = 0
    cdef Tree child
    if len(x) != len(tree.keys):
        return False
    while PyDict_Next(x, &position, &key, &item):
        child = <Tree> PySequence_Fast_GET_ITEM(tree.children, i)
        if key != PySequence_Fast_GET_ITEM(tree.keys, i) or type(<object> key) is not str:
            return False
        if child.kind != NUMBER or child.axis >= 0 or not PyFloat_CheckExact(item):
            return False
        reader.inputs[child.start + shift].data[0] = PyFloat_AS_DOUBLE(item)
        i += 1
    return True


cdef bint read_numbers(Reader reader, object x, Py_ssize_t at, Py_ssize_t n) except -1:
    """Read a list or tuple as n inputs."""
    cdef Py_ssize_t i
    for i in range(n):
        # Reading a number of a foreign type runs Python code, which may change the list.
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
        if not isinstance(x, ndarray) or x.shape != tree.shape or not is_real_array(x):
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
    """Read a mapped argument: an array with the lanes along one axis, or a sequence with a number for each lane."""
    cdef Py_ssize_t axis = tree.axis
    cdef Py_ssize_t lanes
    cdef tuple shape
    if isinstance(x, ndarray):
        shape = x.shape
        if len(shape) != len(tree.shape) + 1 or shape[:axis] + shape[axis + 1:] != tree.shape:
            return False
        if not is_real_array(x):
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


cdef int point_to(Tree tree, object array, Reader reader) except -1:
    """Let the inputs point into an array, or into a copy if it does not hold aligned doubles."""
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
