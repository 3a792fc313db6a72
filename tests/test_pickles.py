"""Pickles: they name public modules only, so that a move inside the package breaks no file; what they hold runs on."""

import copy
import io
import pickle

import pytest

import autograd
from autograd import MLP, Dropout, Layer, Neuron, Value, functions, losses, optim, schedules
from autograd.training import fit


class Tagged(Value):
    """A Value with a slot, a state of its own and attributes."""

    __slots__ = ("tag",)


class Model(autograd.Module):
    def __init__(self):
        self.layers = [Layer(2, 3), Dropout(0.5), Neuron(3)]
        self.bias = Value(0.5)


def square(x):
    return x * x if x > 0 else -x


def tagged():
    value = Tagged(2.0)
    value.tag, value.note = "tag", [1.0]
    return value


def program():
    scale = Value(3.0)
    return autograd.trace(lambda x: functions.sum([x * scale, square(x)]), 2.0)


def stepped(kind):
    """Return parameters with an optimizer over them that has a state."""
    parameters = [Value(1.0), Value(-2.0)]
    optimizer = kind(parameters, lr=0.1)
    functions.sum([p * p for p in parameters]).backward()
    optimizer.step()
    return parameters, optimizer


def scheduled(kind, *arguments):
    return kind(optim.SGD([Value(1.0)], lr=0.1), *arguments)


OPTIMIZERS = [getattr(optim, name) for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad")]
OBJECTS = {
    "Value": lambda: Value(1.0, label="x"),
    "Value's subclass": tagged,
    "Neuron": lambda: Neuron(2),
    "Layer": lambda: Layer(2, 3),
    "MLP": lambda: MLP(2, [3, 1]),
    "Dropout": lambda: Dropout(0.5),
    "Module": Model,
    "Program": program,
    "compiled": lambda: autograd.compile(square),
    "vmap": lambda: autograd.compile(autograd.vmap(square)),
    "grad": lambda: autograd.grad(square),
    "value_and_grad": lambda: autograd.compile(autograd.value_and_grad(autograd.compile(square))),
    "jacobian": lambda: autograd.jacobian(square),
    "hessian": lambda: autograd.compile(autograd.hessian(square)),
    "functions": lambda: [getattr(functions, name) for name in functions.__all__],
    "losses": lambda: [losses.mse, losses.cross_entropy, losses.accuracy],
    "schedule": lambda: scheduled(schedules.StepLR, 3),
    "history": lambda: fit(MLP(1, [1]), [[0.0], [1.0]], [0.0, 1.0], epochs=2),
    **{kind.__name__: lambda kind=kind: stepped(kind) for kind in OPTIMIZERS},
}


class Recording(pickle.Unpickler):
    """Unpickles, and notes the module and the qualified name of everything that is imported for it."""

    def __init__(self, content):
        super().__init__(io.BytesIO(content))
        self.names = set()

    def find_class(self, module, name):
        self.names.add((module, name))
        return super().find_class(module, name)


def is_private(part):
    return part.startswith("_") and not (part.startswith("__") and part.endswith("__"))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", OBJECTS)
def test_a_pickle_names_public_modules_only(name, protocol):
    thing = OBJECTS[name]()
    unpickler = Recording(pickle.dumps(thing, protocol))
    assert type(unpickler.load()) is type(thing)
    names = {".".join(named) for named in unpickler.names if named[0].startswith("autograd")}
    assert not [name for name in names if any(map(is_private, name.split(".")))]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_a_subclass_keeps_its_slots_and_attributes(duplicate):
    value = tagged()
    value.grad = 0.5
    again = duplicate(value)
    assert (type(again), again.data, again.grad, again.tag, again.note) == (Tagged, 2.0, 0.5, "tag", [1.0])
    assert again.note is not value.note


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_a_copied_optimizer_has_a_state_of_its_own(duplicate):
    parameters, optimizer = stepped(optim.Adam)
    before = optimizer.state_dict()["state"][0]["step"]
    other = duplicate(optimizer)
    other.step()
    assert optimizer.state_dict()["state"][0]["step"] == before
    assert other.state_dict()["state"][0]["step"] == before + 1


def test_classes_say_public_names():
    assert (repr(Value), repr(autograd.Program)) == ("<class 'autograd.Value'>", "<class 'autograd.Program'>")
    for name in functions.__all__:
        assert getattr(functions, name).__module__ == "autograd.functions"
