"""The names that a function gives to its arguments."""

import types

cdef enum:
    # Of a code object: the function has a parameter ``*args``.
    HAS_VARARGS = 0x04

cdef type FUNCTION = types.FunctionType
cdef type METHOD = types.MethodType


cdef list parameter_names(object function, Py_ssize_t count):
    cdef Py_ssize_t i, first = 0, positional
    cdef list names
    while True:
        if isinstance(function, METHOD):
            function, first = function.__func__, first + 1
        elif hasattr(function, "__wrapped__"):
            # A transform, like any decorated function, has the parameters of the function that it wraps.
            function = function.__wrapped__
        else:
            break
    if not isinstance(function, FUNCTION):
        function, first = getattr(type(function), "__call__", None), first + 1
    if not isinstance(function, FUNCTION):
        return list(map(str, range(count)))
    code = function.__code__
    variables = code.co_varnames
    positional = code.co_argcount
    names = list(variables[first:min(positional, first + count)])
    for i in range(len(names), count):
        if code.co_flags & HAS_VARARGS:
            names.append(f"{variables[positional + code.co_kwonlyargcount]}[{i + first - positional}]")
        else:
            names.append(str(i))
    return names
