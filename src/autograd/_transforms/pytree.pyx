"""Pytrees: the structures of numbers and arrays nested in lists, tuples, dicts and other containers.

Programs have numbers for inputs and outputs; the functions that they are traced from take and return pytrees of these.
A `Tree` describes a structure: `Builder.build` finds the structure of an object, and `unflatten` makes an object of a
structure and of leaves. `read` in `autograd._transforms.signature` finds the numbers in an object of a known structure.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree
from libc.string cimport memcpy

from autograd._core cimport Value, check_array, number
from autograd._cpython cimport address
from autograd._transforms.keys cimport key_of
from autograd._transforms.nodes cimport Registration, registration_of
from autograd._transforms.parameter_names cimport parameter_names

import numpy

cdef extern from "Python.h":
    int Py_EnterRecursiveCall(const char *) except -1
    void Py_LeaveRecursiveCall() noexcept

cdef type ndarray = numpy.ndarray
cdef object new_array = numpy.empty
FIXED = object()


# ---------------------------------------------------------------------------------------------------------------------
# Finding a structure

@cython.auto_pickle(False)
cdef class Tree:
    """A structure of numbers."""


cdef Builder new_builder(str caller, bint lasting):
    cdef Builder builder = Builder.__new__(Builder)
    builder.caller = caller
    builder.lasting = lasting
    return builder


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
    """Finds the structure of objects."""

    cdef Tree leaf(self, Kind kind, str name, Py_ssize_t size):
        cdef Tree tree = Tree.__new__(Tree)
        tree.kind = kind
        tree.name = name
        tree.axis = -1
        tree.settled = True
        tree.start = self.size
        tree.size = size
        self.size += size
        return tree

    cdef Tree build(self, object x, str name, object axis=None):
        cdef Tree tree
        if axis is FIXED:
            return self.static(x, name)
        if axis is not None and not isinstance(axis, int):
            if isinstance(axis, dict) and type(x) is not dict:
                registration = registration_of(x)
                if registration is not None:
                    return self.node(registration, x, name, axis)
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
        registration = registration_of(x)
        return self.static(x, name) if registration is None else self.node(registration, x, name, axis)

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
            tree.hash = hash_of(
                x, f"{self.caller}: {name} is no number or array, and as {type(x).__name__} is not hashable it cannot "
                "be a static argument either"
            )
            tree.key = key_of(x, &tree.settled)
        return tree

    cdef Tree array(self, object x, str name, object axis):
        cdef Tree tree
        check_array(x, f"{self.caller}: {name}")
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
        """Return the structure of a mapped argument in one lane."""
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
            tree.key = key_of(tuple(x), &tree.settled)
            items = list(x.values())
        else:
            tree = self.leaf(SEQUENCE, name, 0)
            tree.type = type(x)
            labels, items = range(len(x)), list(x)
        names = []
        for label in labels:
            names.append(f"{name}[{label!r}]")
        self.add_children(tree, items, names, axes)
        return tree

    cdef Tree node(self, Registration registration, object x, str name, object axes):
        """Return the structure of an object of a registered class; the axes are one for all, or a dict by name."""
        cdef Tree tree = self.leaf(NODE, name, 0)
        if self.is_result and registration.holds:
            raise TypeError(
                f"{self.caller} expects a function of numbers, arrays and containers of these; its {name} is the "
                f"module {x!r}: return its parameters instead"
            )
        items, tree.static = registration.take_apart(x)
        tree.type, tree.registration = type(x), registration
        names = registration.names_of(x, len(items))
        if isinstance(axes, dict):
            by_part = {f".{part}": axis for part, axis in axes.items()}
            if set(by_part) != set(names):
                raise ValueError(
                    f"{self.caller}: in_axes is {outline(axes)} for {name}, a {type(x).__name__} with the parts "
                    f"{', '.join(names)}"
                )
            axes = list(map(by_part.get, names))
        else:
            axes = [axes] * len(items)
        if registration.key is not None:
            tree.key = registration.key(tree.static)
        else:
            if self.lasting:
                hash_of(
                    tree.static,
                    f"{self.caller}: what {name}, a {type(x).__name__}, holds besides its parts must be hashable, got "
                    f"{tree.static!r}"
                )
            tree.key = key_of(tree.static, &tree.settled)
        self.add_children(tree, items, prefixed(name, names), axes)
        return tree

    cdef int add_children(self, Tree tree, list items, list names, object axes) except -1:
        tree.children = []
        if not items:
            return 0
        Py_EnterRecursiveCall(" while finding the structure of an object")
        try:
            for name, item, axis in zip(names, items, axes):
                tree.children.append(self.build(item, name, axis))
        finally:
            Py_LeaveRecursiveCall()
        tree.size = self.size - tree.start
        return 0

    cdef Tree arguments(self, tuple arguments, list names, list axes):
        cdef Tree tree = self.leaf(SEQUENCE, "arguments", 0)
        tree.type = tuple
        self.add_children(tree, list(arguments), prefixed("argument ", names), axes)
        return tree

    cdef Tree keywords(self, dict keywords, list axes):
        cdef Tree tree = self.leaf(MAPPING, "keywords", 0)
        tree.keys = list(keywords)
        tree.key = key_of(tuple(keywords), &tree.settled)
        self.add_children(tree, list(keywords.values()), prefixed("argument ", tree.keys), axes)
        return tree

    cdef object axes_of_items(self, object axes, object x, str name):
        """A container of axes as a list in the order of the items."""
        if type(x) is dict and isinstance(axes, dict) and axes.keys() == x.keys():
            return [axes[key] for key in x]
        if is_sequence(x) and is_sequence(axes) and len(axes) == len(x):
            return axes
        raise ValueError(f"{self.caller}: in_axes is {outline(axes)} for {name}, which is {outline(x)}")


cdef list prefixed(str prefix, list names):
    cdef list result = []
    for name in names:
        result.append(f"{prefix}{name}")
    return result


cdef object hash_of(object x, str message):
    try:
        return hash(x)
    except TypeError:
        raise TypeError(message) from None


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
    cdef bint settled
    if a.kind != b.kind or a.size != b.size or a.shape != b.shape or a.type is not b.type or a.key != b.key:
        return False
    if a.registration is not b.registration:
        return False
    if a.kind == STATIC:
        return key_of(a.static, &settled) == key_of(b.static, &settled)
    if a.children is not None:
        if len(a.children) != len(b.children):
            return False
        for i in range(len(a.children)):
            if not same(a.children[i], b.children[i]):
                return False
    return True


cdef str describe(Tree tree):
    """Return a structure in words."""
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
# Making objects

@cython.auto_pickle(False)
cdef class Leaves:
    """The leaves that an object is made of."""

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
    if kind == NODE:
        return tree.registration.unflatten(tree.static, items)
    if tree.type is list:
        return items
    return tuple(items) if tree.type is tuple else tree.type._make(items)


# ---------------------------------------------------------------------------------------------------------------------
# Flat arguments

@cython.auto_pickle(False)
@cython.binding(False)
cdef class Raveled:
    """An object as one flat array of its numbers and Values.

    Parameters
    ----------
    caller : str
        For messages.
    x : object
        A tuple of arguments, or what a function returned.
    name : str, optional
        The name of `x` in messages, if it is no tuple of arguments.
    function : callable, optional
        Whose arguments they are, for their names in messages.
    """
    cdef Tree tree
    cdef list items

    def __init__(self, caller, x, name=None, function=None):
        cdef Builder builder = new_builder(caller, False)
        builder.numbers = self.items = []
        if name is None:
            self.tree = builder.arguments(x, parameter_names(function, len(x)), [None] * len(x))
        else:
            self.tree = builder.build(x, name)

    @property
    def objects(self):
        """The array."""
        return object_array(self.items, (len(self.items),))

    @property
    def numbers(self):
        """The array of the numbers alone."""
        return numpy.array([x.item() if isinstance(x, Value) else x for x in self.items], numpy.float64)

    def unravel(self, numbers):
        """Return an object of the same structure with other numbers, an array of floats or Values, as Values."""
        cdef Objects leaves = Objects.__new__(Objects)
        leaves.items = [x if isinstance(x, Value) else Value(x) for x in numbers.tolist()]
        return unflatten(self.tree, leaves)

    def name(self, Py_ssize_t i):
        """Return the name of number i in messages."""
        return name_of(self.tree, i)


cdef str name_of(Tree tree, Py_ssize_t i):
    cdef Tree child
    if tree.kind == NUMBERS:
        return f"{tree.name}[{i - tree.start}]"
    if tree.kind == ARRAY:
        index = map(int, numpy.unravel_index(i - tree.start, tree.shape))
        return f"{tree.name}[{', '.join(map(str, index))}]"
    for child in tree.children or ():
        if child.start <= i < child.start + child.size:
            return name_of(child, i)
    return tree.name
