"""What prompts, print and notebooks show."""

import re
from types import SimpleNamespace

import pytest

import autograd
from autograd import MLP, Dropout, Layer, Module, Neuron, Value, custom_vjp, grad, hessian, jacobian, trace, vmap
from autograd.draw import draw
from autograd.nn import summary
from autograd.optim import SGD, Adam, AdamW
from autograd.schedules import CosineAnnealingLR, StepLR
from autograd.training import EarlyStopping, History, fit


class Own(Module):
    def __init__(self):
        self.offset = Value(1.0)
        self.network = MLP(1, [2])
        self.again = [Neuron(3), {"the same": self.network}]


class Named(MLP):
    def __repr__(self):
        return "mine"


class Derived(MLP):
    pass


def square(x):
    return x * x


def changed():
    model = MLP(2, [3, 1])
    model.layers[0].neurons[1].activation = "tanh"
    return model


def with_foreign_layer():
    model = MLP(2, [3, 1])
    model.layers.insert(1, abs)
    return model


SHORT = {
    "MLP(2 -> 16 -> 16 -> 1, relu, 337 parameters)": lambda: MLP(2, [16, 16, 1]),
    "MLP(3 -> 1, linear, 4 parameters)": lambda: MLP(3, [1]),
    "MLP(2 -> 4 -> 1, tanh, dropout 0.25, 17 parameters)": lambda: MLP(2, [4, 1], activation="tanh", dropout=0.25),
    "MLP(2 -> 3 -> 1, square, 13 parameters)": lambda: MLP(2, [3, 1], activation=square),
    "MLP(2 -> 3 -> 1, relu, tanh, 13 parameters)": changed,
    "Derived(2 -> 1, linear, 3 parameters)": lambda: Derived(2, [1]),
    "Layer(2 -> 3, relu, 9 parameters)": lambda: Layer(2, 3),
    "Layer(2 -> 1, linear, 3 parameters)": lambda: Layer(2, 1, nonlin=False),
    "ReLUNeuron(2)": lambda: Neuron(2),
    "Dropout(p=0.5)": Dropout,
    "Own(9 parameters)": Own,
    "mine": lambda: Named(2, [1]),
}


@pytest.mark.parametrize("text", SHORT)
def test_print_and_notebooks_show_a_short_form_of_a_module(text):
    module = SHORT[text]()
    assert str(module) == f"{module}" == text
    shown = []
    module._repr_pretty_(SimpleNamespace(text=shown.append), False)
    assert shown == [text]


def test_the_repr_is_micrograds():
    assert repr(MLP(2, [2, 1])) == (
        "MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(2)]]"
    )
    assert repr(Layer(1, 1)) == "Layer of [ReLUNeuron(1)]"


def test_a_network_with_other_parts_is_shown_in_full():
    model = with_foreign_layer()
    assert str(model) == repr(model)
    model = MLP(2, [1])
    model.layers[0].neurons.append(lambda x: x[0])
    assert str(model) == repr(model)
    model.layers = []
    assert str(model) == "MLP of []"


@pytest.mark.parametrize("make", [lambda: MLP(2, [3, 1]), lambda: Layer(2, 3), lambda: Derived(2, [1]), Own, Dropout])
def test_the_form_of_a_notebook(make):
    """IPython goes through the classes in order, and takes the first form that it finds."""
    module = make()
    found = next(name for kind in type(module).__mro__ for name in ("_repr_pretty_", "__repr__") if name in vars(kind))
    shown = []
    if found == "_repr_pretty_":
        module._repr_pretty_(SimpleNamespace(text=shown.append), False)
    assert str(module) == (shown[0] if shown else repr(module))


def test_a_module_of_a_user_says_what_it_is():
    assert repr(Own()) == "Own(9 parameters)"


def test_summary_of_layers():
    table = summary(MLP(2, [16, 16, 1], dropout=0.1))
    assert repr(table) == str(table)
    assert [line.split() for line in table.splitlines()] == [
        ["MLP(2", "->", "16", "->", "16", "->", "1,", "relu,", "dropout", "0.1,", "337", "parameters)"],
        [],
        ["part", "shape", "activation", "parameters"],
        ["Layer", "2", "->", "16", "relu", "48"],
        ["Dropout", "p=0.1", "0"],
        ["Layer", "16", "->", "16", "relu", "272"],
        ["Dropout", "p=0.1", "0"],
        ["Layer", "16", "->", "1", "linear", "17"],
        ["total", "337"],
    ]
    lines = table.splitlines()[2:]
    assert len({len(line) for line in lines}) == 1


def test_summary_counts_every_parameter_once():
    lines = [line.split() for line in summary(Own()).splitlines()[3:]]
    assert lines == [
        ["Own", "1"], ["Layer", "1", "->", "2", "linear", "4"], ["Neuron", "3", "->", "1", "relu", "4"], ["total", "9"]
    ]
    model = MLP(2, [2, 2])
    model.layers[1].neurons[0].w = model.layers[0].neurons[0].w
    assert summary(model).splitlines()[-1].split() == ["total", str(len(model.parameters()))]


def test_summary_of_what_is_no_module():
    with pytest.raises(TypeError, match="^summary expects a Module, got list$"):
        summary([Value(1.0)])


def test_optimizers():
    parameters = MLP(1, [2]).parameters()
    assert repr(SGD(parameters, lr=0.1)) == "SGD(4 parameters, lr=0.1)"
    assert repr(SGD(parameters, lr=0.1, momentum=0.9, nesterov=True)) == (
        "SGD(4 parameters, lr=0.1, momentum=0.9, nesterov=True)"
    )
    assert repr(Adam(parameters)) == "Adam(4 parameters, lr=0.001)"
    assert repr(AdamW(parameters, lr=0.5, betas=(0.8, 0.9))) == "AdamW(4 parameters, lr=0.5, betas=(0.8, 0.9))"
    groups = SGD([{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.5}], lr=0.1)
    assert repr(groups) == "SGD(4 parameters in 2 groups, lr=0.1, ...)"


def test_schedules():
    optimizer = SGD([Value(1.0)], lr=0.5)
    schedule = StepLR(optimizer, 1, gamma=0.5)
    schedule.step()
    assert repr(schedule) == "StepLR(SGD, step 1, lr=0.25)"
    assert repr(CosineAnnealingLR(optimizer, 10)) == "CosineAnnealingLR(SGD, step 0, lr=0.5)"


def test_history_and_early_stopping():
    stopping = EarlyStopping(5)
    assert repr(stopping) == "EarlyStopping(patience=5, min of loss)"
    history = fit(MLP(1, [1], seed=1), [[1.0], [2.0]], [1.0, 2.0], epochs=3, callbacks=[stopping])
    assert re.fullmatch(r"History\(3 epochs: loss [\d.e-]+\)", repr(history))
    assert re.fullmatch(r"EarlyStopping\(patience=5, min of loss, best [\d.e-]+ in epoch 3\)", repr(stopping))
    history.interrupted = True
    assert repr(history).endswith(", interrupted)") and repr(History()) == "History(0 epochs)"
    shown = []
    history._repr_pretty_(SimpleNamespace(text=shown.append), False)
    assert shown == [repr(history)]
    assert dict(history) == {"loss": history["loss"]}


def test_drawings():
    assert re.fullmatch(r"Drawing\(\d+ x \d+\)", repr(draw(Value(1.0) * 2)))


def test_functions_and_programs():
    compiled = autograd.compile(square)
    for function, text in {
        grad(square): "grad(square)",
        compiled: "compile(square)",
        grad(compiled): "compile(grad(square))",
        vmap(square): "vmap(square)",
        jacobian(square): "jacobian(square)",
        hessian(square): "hessian(square)",
        custom_vjp(square): "custom_vjp(square)",
        trace(square, 2.0): "<Program: 1 input, 1 output, 3 instructions>",
    }.items():
        assert repr(function) == text
