"""Keys: which static objects and dictionary keys are interchangeable.

Equal is not the same: ``1``, ``1.0`` and ``True`` are equal, as are ``0.0`` and ``-0.0``, and ``Decimal("1")`` and
``Decimal("1.00")``, but a function may compute something else for each. `key_of` makes a key of plain Python objects
that are equal only where the objects are of the same types and of the same content, to the bit.

- Text, bytes, numbers, NumPy scalars, dates, ranges and slices count by type and content;
- tuples, named tuples, frozen sets and frozen dataclasses by type and the keys of their items, in their order;
- bound methods by the object and the function;
- everything else, Values included, by identity, along with its hash if it has a hash of its own.
"""

cimport cython
from libc.string cimport memcpy

from autograd._core cimport Value

import datetime
import decimal
import enum
import fractions
import types

import numpy

cdef extern from "Python.h":
    int Py_EnterRecursiveCall(const char *) except -1
    void Py_LeaveRecursiveCall() noexcept

# Immutable types whose content is what `pickle` takes.
cdef frozenset RECORDS = frozenset({
    complex, range, slice, decimal.Decimal, fractions.Fraction,
    datetime.date, datetime.time, datetime.datetime, datetime.timedelta, datetime.timezone,
})
cdef type METHOD = types.MethodType
# Methods of built-in types, and functions, whose `__self__` is a module.
cdef type BUILTIN = types.BuiltinFunctionType
cdef object ENUM = enum.Enum
cdef type NUMPY_SCALAR = numpy.generic
# The only NumPy scalar that can be changed.
cdef type NUMPY_RECORD = numpy.void


@cython.final
@cython.internal
@cython.auto_pickle(False)
cdef class Identity:
    """An object that is equal to nothing but itself."""
    cdef object referent

    def __eq__(self, other):
        return isinstance(other, Identity) and self.referent is (<Identity> other).referent


cdef Identity identity(object x):
    cdef Identity result = Identity.__new__(Identity)
    result.referent = x
    return result


cdef object key_of(object x, bint *settled):
    cdef object kind = type(x)
    cdef long long bits
    cdef double number
    if kind is str or kind is int:
        # No other key is text or an int.
        return x
    if kind is float:
        number = x
        memcpy(&bits, &number, sizeof(double))
        return float, bits
    if kind is bytes:
        return bytes, x
    if kind is tuple or kind is frozenset:
        return key_of_items(kind, tuple(x), settled)
    if kind in RECORDS:
        return key_of_items(kind, x.__reduce_ex__(4)[1], settled)
    if isinstance(x, NUMPY_SCALAR) and not isinstance(x, NUMPY_RECORD):
        return identity(kind), x.dtype.str, x.tobytes()
    if kind is METHOD:
        return METHOD, identity(x.__self__), identity(x.__func__)
    if kind is BUILTIN:
        return BUILTIN, identity(x.__self__), x.__name__
    if isinstance(x, tuple) and hasattr(kind, "_fields"):
        attributes = getattr(x, "__dict__", None)
        if attributes is None:
            return key_of_items(kind, tuple(x), settled)
        settled[0] = False
        return key_of_items(kind, (*x, *attributes.items()), settled)
    if is_frozen(kind):
        return key_of_items(kind, contents(x, kind.__dataclass_fields__), settled)
    if x is None or kind is bool or kind is Value or isinstance(x, ENUM) or kind.__hash__ is object.__hash__:
        return (identity(x),)
    settled[0] = False
    try:
        return identity(x), hash(x)
    except TypeError:
        return (identity(x),)


cdef tuple key_of_items(object kind, tuple items, bint *settled):
    cdef list keys = [identity(kind)]
    Py_EnterRecursiveCall(" while making the key of a static argument")
    try:
        for item in items:
            keys.append(key_of(item, settled))
    finally:
        Py_LeaveRecursiveCall()
    return tuple(keys)


cdef bint is_frozen(object kind) except -1:
    """Whether a class is a dataclass that is compared by its fields, which cannot be set."""
    parameters = kind.__dict__.get("__dataclass_params__")
    return parameters is not None and parameters.frozen and parameters.eq


cdef tuple contents(object x, dict fields):
    """The fields of an object of a frozen dataclass, and what its making set besides."""
    cdef list items = []
    for name in fields:
        items.append(getattr(x, name, None))
    for item in getattr(x, "__dict__", {}).items():
        if item[0] not in fields:
            items.append(item)
    return tuple(items)
