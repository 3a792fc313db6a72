# cython: auto_pickle=False
"""Classes that are containers besides list, tuple and dict.

A class is registered by itself, as ``OrderedDict`` is, or along with its subclasses, as ``Module`` is by `autograd.nn`.
Dataclasses need no registration: their children are the fields, except those whose metadata has ``static=True``.
"""

import collections
import dataclasses

# By class; the classes in `families` stand for their subclasses too.
cdef dict registrations = {}
cdef list families = []

cdef type TUPLE = tuple


cdef class Registration:
    """How the objects of a class are taken apart and made again."""

    cdef tuple take_apart(self, object x):
        """Return the children and the rest."""
        pair = self.flatten(x)
        if not isinstance(pair, TUPLE) or len(pair) != 2:
            raise TypeError(
                f"the function that flattens {type(x).__name__} must return a pair (children, rest), got {pair!r}"
            )
        children, rest = pair
        return list(children), rest

    cdef list names_of(self, object x, Py_ssize_t count):
        """Return what the names of the children append to that of an object."""
        cdef list names = []
        for i in range(count):
            names.append(f"[{i}]")
        return names if self.names is None else list(self.names(x))


cdef Registration new_registration(object flatten, object unflatten, object names, object key, bint holds):
    cdef Registration registration = Registration.__new__(Registration)
    registration.flatten, registration.unflatten = flatten, unflatten
    registration.names, registration.key, registration.holds = names, key, holds
    return registration


cdef Registration registration_of(object x):
    cdef object kind = type(x)
    registration = registrations.get(kind)
    if registration is None:
        for family, registration in families:
            if isinstance(x, family):
                registrations[kind] = registration
                return registration
        if not isinstance(getattr(kind, "__dataclass_fields__", None), dict):
            return None
        registration = registrations[kind] = dataclass_registration(kind)
    return registration


def register(kind, flatten, unflatten, names=None, key=None, holds=False, family=False):
    """Register a class, or with `family` a class and its subclasses: see `Registration`."""
    registration = new_registration(flatten, unflatten, names, key, holds)
    if family:
        families.append((kind, registration))
    else:
        registrations[kind] = registration


cdef Registration dataclass_registration(object kind):
    cdef list dynamic = []
    cdef list names = []
    for field in dataclasses.fields(kind):
        if not field.metadata.get("static"):
            dynamic.append(field.name)
            names.append(f".{field.name}")

    def flatten(x):
        cdef list children = []
        rest = {}
        for field in dataclasses.fields(kind):
            if field.name in dynamic:
                children.append(getattr(x, field.name))
            else:
                rest[field.name] = getattr(x, field.name)
        for name, item in (getattr(x, "__dict__", None) or {}).items():
            if name not in dynamic:
                rest[name] = item
        return children, tuple(rest.items())

    def unflatten(rest, children):
        x = object.__new__(kind)
        for name, item in (*rest, *zip(dynamic, children)):
            object.__setattr__(x, name, item)
        return x

    return new_registration(flatten, unflatten, lambda x: names, None, False)


register(
    collections.OrderedDict,
    lambda x: (list(x.values()), tuple(x)),
    lambda keys, children: collections.OrderedDict(zip(keys, children)),
    lambda x: map("[{!r}]".format, x),
)
