"""None and other wrong objects in every argument of every public callable: an exception of Python's usual kinds.

Each group runs in an interpreter of its own, because what is tested for is a crash.
"""

import importlib
import pkgutil

import pytest

import autograd
from autograd import functions

SETUP = """
import copy, pickle, types
import numpy as np
import autograd._core as core
from autograd import Value, functions, no_grad

class Sub(Value):
    pass

class Liar:
    '''Claims to be whatever is asked for.'''
    __class__ = Value
    def __float__(self): raise ZeroDivisionError

WRONG = [None, 3, "x", b"x", [], (), {}, object(), object, Value, 1j, Liar(), np.array(["x"]), lambda: 0, type, ...]
NO_NUMBER = [thing for thing in WRONG if not isinstance(thing, int)]
USUAL = (TypeError, ValueError, AttributeError)

def fails(function, *arguments, **keywords):
    try:
        result = function(*arguments, **keywords)
    except USUAL:
        return
    raise AssertionError(f"{function} took {arguments} {keywords} and returned {result!r}")

def survives(function, *arguments):
    try:
        function(*arguments)
    except USUAL + (NotImplementedError, RuntimeError, OverflowError, ArithmeticError, KeyError):
        pass

def value():
    return Value(0.5)
"""

GROUPS = {
    "functions": """
for name in functions.__all__:
    function = getattr(functions, name)
    if name == "no_grad" or name not in core.__dict__:
        continue
    arity = core.__dict__[name].__code__.co_argcount
    for thing in NO_NUMBER:
        for place in range(arity):
            for other in (value(), 0.5, thing):
                arguments = [other] * arity
                arguments[place] = thing
                fails(function, *arguments)
    fails(function)
    fails(function, *[0.5] * (arity + 1))
    fails(function, 0.5, nonsense=1)
""",
    "losses": """
from autograd import losses
for thing in WRONG:
    for loss in (losses.mse, losses.hinge, losses.binary_cross_entropy, losses.cross_entropy, losses.accuracy):
        for other in (thing, [1], [value()], [[1, value()]]):
            survives(loss, thing, other)
            survives(loss, other, thing)
            survives(loss, [thing], other)
            survives(loss, other, [thing])
            survives(loss, [[thing, 1.0]], [other])
            survives(loss, [other], [[thing, 1]])
        if not isinstance(thing, (int, bytes)):
            fails(loss, [thing], [thing])
            fails(loss, [[thing, value()]], [[thing, 1]])
    fails(lambda: losses.mse([1.0], [1], reduction=thing))
""",
    "custom_vjp": """
for thing in WRONG:
    if not callable(thing):
        fails(functions.custom_vjp, thing)
        fails(functions.custom_vjp(abs).defvjp, abs, thing)
        fails(functions.custom_vjp(abs).defvjp, thing, abs)
    for returned in (thing, (thing,), (1.0, thing), ([1.0], thing), (1.0, 1.0, thing), [thing, thing]):
        function = functions.custom_vjp(lambda x, y: returned)
        function.defvjp(lambda x, y: returned, lambda residuals, g: returned)
        survives(function, 1.0, 1.0)
        survives(function, value(), thing)
        survives(function, value(), [1.0, value()])
        survives(function, value(), [thing, value()])
        function.defvjp(lambda x, y: (x, thing), lambda residuals, g: returned)
        for y in (1.0, value(), [], [1.0], [value()]):
            survives(function(value(), y).backward)
""",
    "sequences": """
of_values = (functions.sum, functions.mean, functions.logsumexp, functions.softmax, functions.log_softmax)
for thing in WRONG:
    if not (hasattr(thing, "__len__") and len(thing) == 0) and not isinstance(thing, bytes):
        for function in of_values:
            fails(function, thing)
        fails(functions.dot, thing, thing)
        fails(functions.dot, [value()], thing)
        fails(functions.dot, thing, [value()])
for thing in NO_NUMBER:
    for numbers in ([thing], [value(), thing], [thing, value()], [0.5, thing]):
        for function in of_values:
            fails(function, numbers)
        fails(functions.dot, numbers, [value()] * len(numbers))
        fails(functions.dot, [0.5] * len(numbers), numbers)
for function in of_values:
    fails(function)
fails(functions.dot, [])
""",
    "constructor": """
for thing in NO_NUMBER:
    for kind in (Value, Sub):
        fails(kind, thing)
        fails(kind, data=thing)
        fails(kind, thing, (value(),), "op")
        fails(kind, 1.0, (thing,))
        fails(kind, 1.0, [value(), thing])
        fails(value().__init__, thing)
for thing in WRONG:
    for kind in (Value, Sub):
        if not isinstance(thing, str):
            # An empty sequence holds the local gradients of no children.
            if not isinstance(thing, (list, tuple)):
                fails(kind, 1.0, (), thing)
            fails(kind, 1.0, (value(),), thing)
            if thing is not None:
                fails(kind, 1.0, (value(),), local_grads=thing)
                fails(kind, 1.0, (), local_grads=[thing])
                fails(kind, 1.0, (value(),), [thing] if not isinstance(thing, int) else thing)
            fails(kind, 1.0, label=thing)
        if not isinstance(thing, (list, tuple, dict)):
            fails(kind, 1.0, thing)
""",
    "attributes": """
computed = value() * 2
made = Value(1.0, (value(),), "made")
for node in (value(), Sub(0.5), made, computed):
    for thing in NO_NUMBER:
        fails(setattr, node, "data", thing)
        fails(setattr, node, "grad", thing)
        fails(node.backward, thing)
        fails(node.backward, gradient=thing)
    for thing in WRONG:
        if not isinstance(thing, str):
            fails(setattr, node, "label", thing)
            fails(node.__format__, thing)
        if not callable(thing):
            fails(setattr, node, "_backward", thing)
        if not isinstance(thing, dict):
            fails(setattr, node, "__dict__", thing)
        if node is not made or not isinstance(thing, (list, tuple, dict)):
            fails(setattr, node, "_prev", thing)
        if node is not made or not isinstance(thing, str):
            fails(setattr, node, "_op", thing)
        if thing is not Value:
            fails(setattr, node, "__class__", thing)
    for name in ("data", "grad", "_prev", "_op", "__dict__", "nothing"):
        fails(delattr, node, name)
    for method in (node.item, node.detach, node._push_gradient, node.__reduce__):
        fails(method, None)
assert (computed.data, computed.grad) == (1.0, 0.0)
""",
    "operators": """
import operator
binary = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.iadd, operator.ipow]
order = [operator.lt, operator.le, operator.gt, operator.ge]
foreign = [t for t in NO_NUMBER if not isinstance(t, np.ndarray)]
for operate in binary + order:
    for thing in foreign:
        fails(operate, value(), thing)
        fails(operate, thing, value())
for thing in foreign:
    assert (value() == thing) is False and (value() != thing) is True
    fails(pow, value(), 2, thing) if thing is not None else None
""",
    "methods through the class": """
made = Value(1.0, (value(),), "made")
wrong_selves = [thing for thing in WRONG if thing is not Value]
public = [name for name in dir(Value) if not name.startswith("_")] + ["_push_gradient", "__reduce__", "__init__"]
for name in public:
    method = getattr(Value, name)
    if not callable(method):
        for thing in wrong_selves:
            if thing is not None:
                fails(method.__get__, thing)
            fails(method.__set__, thing, 1.0)
            fails(method.__delete__, thing)
        continue
    for thing in wrong_selves:
        if isinstance(thing, int) and name in functions.__all__:
            continue
        fails(method, thing)
        survives(method, thing, thing)
        survives(method, thing, thing, thing)
for name in ("_op", "_prev", "_backward", "__dict__"):
    for thing in wrong_selves:
        if thing is not None:
            fails(vars(Value)[name].__get__, thing)
""",
    "special methods": """
for name in dir(Value):
    if name in ("__init_subclass__", "__subclasshook__", "__class__", "__new__", "__dir__"):
        continue
    for kind in (Value, Sub):
        method = getattr(kind, name)
        if callable(method):
            for thing in [*WRONG, value()]:
                survives(method, thing)
                survives(method, thing, thing)
                survives(method, value(), thing)
                survives(method, value(), thing, thing)
                survives(method, Sub(1.0), thing)
for thing in WRONG:
    for name in ("add", "rsub", "mul", "rtruediv", "pow", "lt", "neg", "hash", "bool"):
        if thing is not Value:
            fails(getattr(Value, f"__{name}__"), thing)
    if not (isinstance(thing, type) and issubclass(thing, Value)):
        fails(Value.__new__, thing)
""",
    "no_grad": """
x = value()
for thing in WRONG:
    if thing is not None and not isinstance(thing, types.FunctionType):
        fails(no_grad, thing)
    with no_grad():
        no_grad.__enter__(x)
        no_grad.__exit__(x, thing)
        assert not (x * 2)._prev
    if not callable(thing):
        survives(no_grad(), thing)
try:
    no_grad().__exit__(None, None, None)
except RuntimeError:
    pass
assert (x * 2)._prev
""",
    "everything in the module": """
for name, thing in vars(core).items():
    if not callable(thing) or thing is core.no_grad or isinstance(thing, types.ModuleType):
        continue
    if getattr(thing, "__module__", None) != core.__name__:
        continue
    for wrong in [*WRONG, value()]:
        for count in range(5):
            survives(thing, *[wrong] * count)
    for attribute in dir(thing) if isinstance(thing, type) else ():
        if attribute in ("__init_subclass__", "__subclasshook__", "__class__", "__new__", "mro"):
            continue
        for wrong in WRONG:
            survives(lambda: getattr(thing, attribute)(wrong))
x = value()
(x * x).backward()
assert x.grad == 1.0
""",
    "copies": """
for thing in WRONG:
    survives(Value._restore, thing, 1.0)
    survives(Value._restore, thing, thing)
    survives(Value._restore, 1.0, thing)
    survives(copy.replace if hasattr(copy, "replace") else copy.copy, thing)
fails(pickle.dumps, value() * 2)
broken = pickle.dumps(Value(1.0)).replace(b"Value", b"float")
survives(pickle.loads, broken)
""",
}


def test_methods_of_extension_types_check_self():
    """A method with binding is a Python function, which takes anything as `self`, and reads memory that it has not."""
    modules = [autograd]
    for module in pkgutil.walk_packages(autograd.__path__, "autograd."):
        if not module.name.endswith(("__main__", ".sklearn")):
            modules.append(importlib.import_module(module.name))
    heap = 1 << 9
    types = {
        thing for module in modules for thing in vars(module).values()
        if isinstance(thing, type) and thing.__module__.startswith("autograd") and not thing.__flags__ & heap
    }  # fmt: skip
    assert {"Value", "Program", "Transform", "Loop"} <= {thing.__name__ for thing in types}
    for thing in types:
        for name, attribute in vars(thing).items():
            if type(attribute).__name__ == "cython_function_or_method":
                assert thing is autograd.Value and attribute in vars(functions).values(), f"{thing.__name__}.{name}"


@pytest.mark.parametrize("group", GROUPS)
def test_wrong_objects(group, run_python):
    run_python(SETUP + GROUPS[group])


def test_silence_and_crashes_are_noticed(run_python):
    with pytest.raises(AssertionError, match=r"took \(1\.0,\)"):
        run_python(SETUP + "fails(functions.exp, 1.0)")
    with pytest.raises(AssertionError, match="exit status -"):
        run_python(SETUP + "import os\nos.abort()")
