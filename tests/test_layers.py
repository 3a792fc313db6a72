"""Layers as single nodes against the same computation in scalar nodes, and the changes a user may make to them."""

import contextlib
import copy
import gc
import math
import os
import pickle
import random
import weakref

import numpy as np
import pytest
from bits import bits
from sanitizer import SANITIZED

from autograd import Value, functions, no_grad
from autograd.nn import ACTIVATIONS, MLP, Dropout, Layer, Module, Neuron

X = [0.5, -1.25, 2.0]


# -- the same in scalar nodes


def scalar_neuron(neuron, x):
    total = neuron.b
    for weight, value in zip(neuron.w, x, strict=True):
        total = total + weight * value
    choice = neuron.activation
    function = choice if callable(choice) else ACTIVATIONS[choice][1]
    return function(total) if neuron.nonlin and function is not None else total


def scalar_layer(layer, x):
    outputs = [scalar_neuron(neuron, x) for neuron in layer.neurons]
    return outputs[0] if len(outputs) == 1 else outputs


def scalar_network(model, x):
    for layer in model.layers:
        x = scalar_layer(layer, x)
        x = x if isinstance(x, list) else [x]
    return x[0] if len(x) == 1 else x


def scalar(module, x):
    kind = next(kind for kind in (Neuron, Layer, MLP) if isinstance(module, kind))
    return {Neuron: scalar_neuron, Layer: scalar_layer, MLP: scalar_network}[kind](module, x)


def flat(outputs):
    """Return the Values in nested lists of outputs."""
    if not isinstance(outputs, list):
        return [outputs]
    return [value for output in outputs for value in flat(output)]


def objective(outputs):
    """A scalar that depends on every output, on each in its own way."""
    return functions.sum([(i + 1.5) * output + output * output for i, output in enumerate(flat(outputs))])


def gradients(outputs, values):
    for value in values:
        value.grad = 0.0
    objective(outputs).backward()
    return [value.grad for value in values]


def check(module, x=X, values=()):
    """Compare outputs by their bits, and gradients of parameters and `values`, with those in scalar nodes."""
    values = [*module.parameters(), *values, *(item for item in x if isinstance(item, Value))]
    fused, expected = module(x), scalar(module, x)
    assert [bits(output.data) for output in flat(fused)] == [bits(output.data) for output in flat(expected)]
    assert isinstance(fused, list) == isinstance(expected, list)
    assert all(output._block is not None for output in flat(fused)) or has_foreign(module)
    expected = gradients(expected, values)
    assert gradients(fused, values) == pytest.approx(expected, rel=1e-12, abs=1e-300)
    return fused


def has_foreign(module):
    known = {function for _, function in ACTIVATIONS.values()} | {getattr(functions, name) for name in FUNCTIONS}
    neurons = [part for part in module.modules() if isinstance(part, Neuron)]
    return any(callable(neuron.activation) and neuron.activation not in known for neuron in neurons)


def check_numerically(module, x):
    """Compare gradients of the parameters with central differences."""
    parameters = module.parameters()
    found = gradients(module(x), parameters)
    for parameter, gradient in zip(parameters, found, strict=True):
        data, losses = parameter.data, []
        for step in (1e-5, -1e-5):
            parameter.data = data + step
            losses.append(objective(module(x)).data)
        parameter.data = data
        assert gradient == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-6, abs=1e-6)


def square(v):
    return v * v


def softsign(v):
    return v / (1 + abs(v))


FUNCTIONS = ["exp", "tanh", "arctan", "erf", "cbrt", "expm1", "sinh", "cos"]
CHOICES = [*ACTIVATIONS, *(getattr(functions, name) for name in FUNCTIONS), square, softsign, np.tanh, Value.tanh]
MODULES = {
    "neuron": lambda activation: Neuron(3, activation=activation, seed=1),
    "layer": lambda activation: Layer(3, 4, activation=activation, seed=2),
    "layer of one": lambda activation: Layer(3, 1, activation=activation, seed=3),
    "network": lambda activation: MLP(3, [5, 4, 2], activation=activation, seed=4),
    "network of one output": lambda activation: MLP(3, [9, 1], activation=activation, seed=5),
    "network of width one": lambda activation: MLP(3, [1, 3, 1, 1], activation=activation, seed=6),
}


@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
@pytest.mark.parametrize("activation", CHOICES, ids=lambda choice: getattr(choice, "__name__", str(choice)))
def test_outputs_and_gradients_are_those_of_scalar_nodes(make, activation):
    module = make(activation)
    for neuron in (part for part in module.modules() if isinstance(part, Neuron)):
        neuron.b.data = 0.25
    check(module)
    check(module, [Value(x) for x in X])
    check_numerically(module, X)


def test_wide_layers():
    rng = random.Random(1)
    model = MLP(37, [33, 17, 10], activation="tanh", rng=rng)
    check(model, [Value(rng.uniform(-1, 1)) for _ in range(37)])


shared = Value(0.75)
INPUTS = {
    "floats": X,
    "integers": [1, -2, 3],
    "a tuple": tuple(X),
    "booleans and big integers": [True, 10**18, False],
    "NumPy's numbers": [np.float64(0.5), np.float32(0.25), np.int64(3)],
    "Values": [Value(x) for x in X],
    "a mix": [Value(0.5), 2, -1.5],
    "computed Values": [Value(0.5).exp(), shared * 2.0, shared + 1.0],
    "one Value twice": [shared, 1.0, shared],
    "a Value and what it makes": [shared, shared.exp(), shared * shared],
}


@pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
def test_kinds_of_inputs(make, x):
    check(make("tanh"), x, [shared])


@pytest.mark.parametrize("dtype", [float, np.float32, int, bool, object])
def test_a_row_of_numpy(dtype):
    model = MLP(3, [4, 2], activation="tanh", seed=1)
    row = np.array([1.5, -2.0, 0.0]).astype(dtype)
    for given in (row, np.tile(row, (2, 1))[1], np.repeat(row, 2)[::2]):
        assert [v.data for v in model(given)] == [v.data for v in model([float(item) for item in row])]


# -- changes of structure


def modules():
    return [
        Neuron(3, activation="tanh", seed=1),
        Layer(3, 2, activation="tanh", seed=2),
        MLP(3, [3, 2], activation="tanh", seed=3),
    ]


def first_neuron(module):
    while not isinstance(module, Neuron):
        module = (module.layers if isinstance(module, MLP) else module.neurons)[0]
    return module


def set_data(neuron):
    neuron.w[1].data = 3.0
    neuron.b.data -= 1.0


def replace_weight(neuron):
    neuron.w[2] = Value(-0.5)


def replace_bias(neuron):
    neuron.b = Value(2.0)


def freeze_weight(neuron):
    neuron.w[0] = 0.5


def freeze_with_integers(neuron):
    neuron.w[0], neuron.b = 2, np.float64(0.25)


def share_within(neuron):
    neuron.w[1] = neuron.w[0]


def share_with_bias(neuron):
    neuron.b = neuron.w[0]


def replace_list(neuron):
    neuron.w = [Value(0.1), Value(0.2), Value(0.3)]


def weights_as_a_tuple(neuron):
    neuron.w = (Value(0.1), Value(0.2), Value(0.3))


def reverse_weights(neuron):
    neuron.w.reverse()


def make_linear(neuron):
    neuron.nonlin = False


def change_activation(neuron):
    neuron.activation = "sigmoid"


def foreign_activation(neuron):
    neuron.activation = square


CHANGES = [
    set_data, replace_weight, replace_bias, freeze_weight, freeze_with_integers, share_within, share_with_bias,
    replace_list, weights_as_a_tuple, reverse_weights, make_linear, change_activation, foreign_activation,
]  # fmt: skip


@pytest.mark.parametrize("number", range(3), ids=["neuron", "layer", "network"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_honoured_at_the_next_call(change, number):
    module = modules()[number]
    check(module)
    before = [output.data for output in flat(module(X))]
    change(first_neuron(module))
    outputs = [output.data for output in flat(module(X))]
    assert outputs == [output.data for output in flat(scalar(module, X))]
    assert outputs != before
    values = module.parameters()
    expected = gradients(scalar(module, X), values)
    assert gradients(module(X), values) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_changes_in_succession(seed):
    rng = random.Random(seed)
    model = MLP(3, [3, 3, 2], activation="tanh", seed=seed)
    neurons = [neuron for layer in model.layers for neuron in layer.neurons]
    for _ in range(20):
        neuron, other = rng.sample(neurons, 2)
        # Some have no effect after others: a number has no data to set, a tuple no item.
        with contextlib.suppress(AttributeError, TypeError):
            rng.choice(CHANGES)(neuron)
            neuron.w[rng.randrange(3)] = rng.choice([other.w[0], other.b * 0.5])
        for one in neurons:
            # A computed weight is computed again, because what it was computed from may have changed.
            if any(getattr(w, "_op", "") == "*" for w in one.w):
                one.w = type(one.w)(w._children[0] * 0.5 if getattr(w, "_op", "") == "*" else w for w in one.w)
        x = [rng.choice([0.5, -1, Value(2.0), other.b, other.b * 2]) for _ in range(3)]
        values = [*model.parameters(), *(item for item in x if isinstance(item, Value))]
        fused, expected = model(x), scalar(model, x)
        assert [bits(output.data) for output in fused] == [bits(output.data) for output in expected]
        expected = gradients(expected, values)
        assert gradients(fused, values) == pytest.approx(expected, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("number", range(3), ids=["neuron", "layer", "network"])
def test_every_neuron_changed_at_once(number):
    module = modules()[number]
    for activation in ("relu", "gelu", functions.arctan, "linear", "tanh"):
        for neuron in (part for part in module.modules() if isinstance(part, Neuron)):
            neuron.activation, neuron.nonlin = activation, True
        check(module)


def test_activations_mixed_in_a_layer():
    layer = Layer(3, len(CHOICES), seed=1)
    for neuron, activation in zip(layer.neurons, CHOICES, strict=True):
        neuron.activation = activation
    check(layer, [Value(x) for x in X])


def test_a_value_shared_between_neurons_and_layers():
    model = MLP(3, [4, 4, 2], activation="tanh", seed=1)
    check(model)
    tied = Value(0.3)
    for layer in model.layers:
        for neuron in layer.neurons[::2]:
            neuron.w[0] = neuron.w[2] = neuron.b = tied
    check(model, [tied, 1.0, tied * 2.0])
    assert model.parameters().count(tied) == 1
    model.layers[1].neurons = model.layers[0].neurons
    model.layers[0].neurons[0].w.append(Value(0.5))
    for neuron in model.layers[0].neurons[1:]:
        neuron.w.append(tied)
    check(model, [tied, 1.0, 2.0, 3.0])


def test_a_neuron_used_twice():
    layer = Layer(3, 2, activation="tanh", seed=1)
    layer.neurons.append(layer.neurons[0])
    check(layer)
    model = MLP(3, [3, 3, 1], activation="tanh", seed=1)
    model.layers[1] = model.layers[0]
    check(model)


@pytest.mark.parametrize("number", range(3), ids=["neuron", "layer", "network"])
def test_a_computed_weight_passes_gradients_to_its_sources(number):
    module = modules()[number]
    sources = [Value(0.5), Value(-0.25)]
    neuron = first_neuron(module)
    neuron.w[0] = sources[0] * sources[1]
    neuron.w[1] = neuron.w[0].exp() + sources[0]
    neuron.b = neuron.w[1]
    check(module, X, sources)
    # The same source reaches the outputs through weights and through inputs.
    check(module, [sources[0], sources[1].tanh(), neuron.w[0]], sources)


def test_a_network_whose_weights_another_network_computes():
    hyper = MLP(2, [6, 8], activation="tanh", seed=1)
    layer = Layer(3, 2, activation="sin", seed=2)

    def attach(outputs):
        layer.neurons[0].w, layer.neurons[1].w = outputs[:3], outputs[3:6]
        layer.neurons[0].b, layer.neurons[1].b = outputs[6:]

    code = [Value(0.5), Value(-1.0)]
    attach(scalar(hyper, code))
    expected = gradients(scalar(layer, X), [*hyper.parameters(), *code])
    for _ in range(3):
        attach(hyper(code))
        assert not layer.parameters()
        assert gradients(layer(X), [*hyper.parameters(), *code]) == pytest.approx(expected, rel=1e-12)


def test_neurons_and_layers_appended_and_removed():
    model = MLP(3, [4, 2], activation="tanh", seed=1)
    check(model)
    model.layers[-1].neurons.append(Neuron(4, activation="sin", seed=2))
    assert len(check(model)) == 3
    model.layers.append(Layer(3, 2, seed=3))
    assert len(check(model)) == 2
    model.layers[0].neurons.append(Neuron(3, seed=4))
    with pytest.raises(ValueError, match="Layer expects 4 inputs, got 5"):
        model(X)
    del model.layers[0].neurons[1]
    check(model)
    del model.layers[0]
    with pytest.raises(ValueError, match="MLP expects 4 inputs, got 3"):
        model(X)
    check(model, [*X, 1.0])
    model.layers = []
    with pytest.raises((ValueError, IndexError)):
        model(X)


def test_containers_replaced():
    model = MLP(3, [4, 2], activation="tanh", seed=1)
    check(model)
    model.layers[0].neurons = tuple(model.layers[0].neurons[::-1])
    outputs = model(X)
    assert [v.data for v in outputs] == [v.data for v in scalar(model, X)]
    model.layers = tuple(model.layers)
    assert [v.data for v in model(X)] == [v.data for v in outputs]
    model.layers = [Layer(3, 2, seed=2)]
    model.layers[0].neurons = [Neuron(3, seed=3)]
    check(model)


def test_the_same_change_and_back():
    model = MLP(3, [4, 2], activation="tanh", seed=1)
    weight = model.layers[0].neurons[0].w[0]
    for other in (Value(1.0), 0.5, Value(2.0) * weight, weight):
        model.layers[0].neurons[0].w[0] = other
        check(model, X, [weight])


class Doubled:
    """Twice what the class beside it would give."""

    def __call__(self, x):
        outputs = super().__call__(x)
        return [2.0 * output for output in outputs] if isinstance(outputs, list) else 2.0 * outputs


DOUBLED = {kind: type(f"Doubled{kind.__name__}", (Doubled, kind), {}) for kind in (Neuron, Layer, MLP)}


@pytest.mark.parametrize("kind", [Neuron, Layer, MLP])
def test_a_subclass_with_its_own_call_runs_as_written(kind):
    model = MLP(3, [3, 2], activation="tanh", seed=1)
    first, second = (output.data for output in model(X))
    if kind is MLP:
        doubled = DOUBLED[MLP](3, [3, 2], activation="tanh", seed=1)
        factors = 2.0, 2.0
    elif kind is Layer:
        doubled = copy.deepcopy(model)
        doubled.layers[1] = DOUBLED[Layer](3, 2, nonlin=False)
        doubled.layers[1].neurons = model.layers[1].neurons
        factors = 2.0, 2.0
    else:
        doubled = copy.deepcopy(model)
        doubled.layers[1].neurons[1] = DOUBLED[Neuron](3, False)
        doubled.layers[1].neurons[1].w = model.layers[1].neurons[1].w
        factors = 1.0, 2.0
    for _ in range(2):
        assert [output.data for output in doubled(X)] == [factors[0] * first, factors[1] * second]


@pytest.mark.parametrize("kind", [Neuron, Layer, MLP])
def test_class_of_a_part_assigned_after_a_call(kind):
    model = MLP(3, [3, 2], activation="tanh", seed=1)
    before = [output.data for output in model(X)]
    part = {Neuron: model.layers[1].neurons[0], Layer: model.layers[1], MLP: model}[kind]
    part.__class__ = DOUBLED[kind]
    factors = [2.0, 1.0] if kind is Neuron else [2.0, 2.0]
    assert [v.data for v in model(X)] == [f * v for f, v in zip(factors, before, strict=True)]
    part.__class__ = kind
    assert [v.data for v in model(X)] == before


@pytest.mark.parametrize("kind", [Neuron, Layer, MLP])
def test_call_assigned_to_the_class(kind):
    model = MLP(3, [3, 2], activation="tanh", seed=1)
    before = [output.data for output in model(X)]
    kind.__call__ = lambda self, x: [Value(7.0), Value(7.0), Value(7.0)] if kind is not Neuron else Value(7.0)
    try:
        assert {output.data for output in model(X)} == {7.0}
    finally:
        del kind.__call__
    assert [output.data for output in model(X)] == before


def test_another_function_of_a_subclass():
    class Squared(Neuron):
        def function(self):
            return square

    model = MLP(3, [3, 2], activation="tanh", seed=1)
    linear = [output.data for output in model(X)]
    for neuron in model.layers[1].neurons:
        neuron.__class__ = Squared
    assert [output.data for output in model(X)] == [v * v for v in linear]


class Normalised(Neuron):
    """Weights of length 1, computed at every access from those that are trained."""

    @property
    def w(self):
        length = functions.sqrt(functions.dot(self.direction, self.direction))
        return [weight / length for weight in self.direction]

    @w.setter
    def w(self, weights):
        self.direction = weights


def test_weights_computed_by_a_property():
    neuron = Normalised(3, activation="tanh", seed=1)
    layer = Layer(3, 1)
    layer.neurons = [neuron]
    expected = gradients(scalar(neuron, X), neuron.parameters())
    for module in (neuron, layer):
        for _ in range(2):
            assert gradients(module(X), neuron.parameters()) == pytest.approx(expected, rel=1e-12)


BROKEN = {
    "None as a weight": lambda n: n.w.__setitem__(0, None),
    "a string as a weight": lambda n: n.w.__setitem__(1, "0.5"),
    "None as bias": lambda n: setattr(n, "b", None),
    "no weights": lambda n: delattr(n, "w"),
    "no bias": lambda n: delattr(n, "b"),
    "no activation": lambda n: delattr(n, "activation"),
    "an unknown activation": lambda n: setattr(n, "activation", "swoosh"),
    "weights that are no list": lambda n: setattr(n, "w", 3),
    "too few weights": lambda n: n.w.pop(),
    "too many weights": lambda n: n.w.append(Value(1.0)),
}


@pytest.mark.parametrize("number", range(3), ids=["neuron", "layer", "network"])
@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_a_broken_neuron_is_an_error_and_can_be_mended(change, number):
    module = modules()[number]
    neuron = first_neuron(module)
    before = [output.data for output in flat(module(X))]
    whole = list(neuron.w), neuron.b, neuron.activation
    change(neuron)
    for _ in range(2):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            module(X)
    neuron.w, neuron.b, neuron.activation = whole
    assert [output.data for output in flat(module(X))] == before


@pytest.mark.parametrize(("kind", "name"), [(Layer, "neurons"), (MLP, "layers")])
def test_a_module_without_its_list_is_an_error(kind, name):
    module = kind(3, 2) if kind is Layer else kind(3, [2, 1])
    module(X)
    delattr(module, name)
    with pytest.raises(ValueError, match=f"has no {name}"):
        module(X)
    setattr(module, name, [None])
    with pytest.raises(TypeError):
        module(X)


# -- batches


BATCHES = {
    "floats": np.linspace(-1.0, 2.0, 12).reshape(4, 3),
    "float32": np.linspace(-1.0, 2.0, 12, dtype=np.float32).reshape(4, 3),
    "integers": np.arange(-6, 6).reshape(4, 3),
    "booleans": np.arange(12).reshape(4, 3) % 2 == 0,
    "columns": np.asfortranarray(np.linspace(-1.0, 2.0, 12).reshape(4, 3)),
    "a stride": np.linspace(-1.0, 2.0, 60).reshape(10, 6)[::3, ::-2],
    "one row": np.linspace(-1.0, 2.0, 3).reshape(1, 3),
    "many rows": np.linspace(-1.0, 2.0, 300).reshape(100, 3),
    "Values": np.array([[Value(i - j / 2) for j in range(3)] for i in range(4)]),
    "Values and numbers": np.array([[Value(i - 1.0), shared, shared * 2.0] for i in range(4)], dtype=object)[::-1],
    "big-endian": np.linspace(-1.0, 2.0, 12).reshape(4, 3).astype(">f8"),
}


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
@pytest.mark.parametrize("activation", ["tanh", square])
def test_a_batch_is_its_rows_one_by_one(make, batch, activation):
    module = make(activation)
    values = [*module.parameters(), shared, *(item for item in batch.flat if isinstance(item, Value))]
    rows = [module(list(row)) for row in batch]
    together = module(batch)
    assert len(together) == len(batch)
    assert all(isinstance(a, list) == isinstance(b, list) for a, b in zip(together, rows, strict=True))
    assert [bits(v.data) for v in flat(together)] == [bits(v.data) for v in flat(rows)]
    expected = gradients(rows, values)
    assert gradients(module(batch), values) == pytest.approx(expected, rel=1e-12, abs=1e-300)


def test_a_batch_is_one_block():
    outputs = flat(MLP(3, [4, 2], seed=1)(BATCHES["floats"]))
    assert len({id(output._block) for output in outputs}) == 1
    assert {output._op for output in outputs} == {"MLP"}


@pytest.mark.parametrize("number", range(3), ids=["neuron", "layer", "network"])
def test_no_rows_and_wrong_widths(number):
    module = modules()[number]
    assert module(np.zeros((0, 3))) == []
    owner = type(module).__name__
    for width in (0, 2, 4):
        with pytest.raises(ValueError, match=f"{owner} expects 3 inputs, got {width}"):
            module(np.zeros((2, width)))
    with pytest.raises(TypeError, match=f"{owner} expects Values or numbers as inputs, got str"):
        module(np.array([[1.0, "2", 3.0]], dtype=object))


@pytest.mark.parametrize("dtype", [complex, str, "S3", "datetime64[s]"])
def test_an_array_of_other_than_real_numbers_is_refused(dtype):
    batch = np.ones((2, 3), dtype=int).astype(dtype)
    for given in (batch, batch[0]):
        with pytest.raises(TypeError, match="inputs of MLP must be an array of real numbers or Values, got dtype"):
            MLP(3, [2])(given)


@pytest.mark.parametrize("number", range(3), ids=["neuron", "layer", "network"])
def test_a_batch_through_what_cannot_be_a_block(number):
    module = modules()[number]
    expected = [[v.data for v in flat(module(row))] for row in BATCHES["floats"].tolist()]
    neuron = first_neuron(module)
    neuron.w = tuple(neuron.w)
    square_batch = BATCHES["floats"][:3]
    assert [[v.data for v in flat(row)] for row in module(square_batch)] == expected[:3]


def test_a_row_that_is_not_in_the_loss_leaves_no_trace():
    layer = Layer(3, 2, activation="tanh", seed=1)
    expected = gradients(layer(X), layer.parameters())
    outputs = layer(np.array([X, [math.nan, math.inf, 1.0]]))
    assert gradients(outputs[0], layer.parameters()) == expected


@pytest.mark.parametrize("rows", [1, 3, 4, 7, 8, 13])
@pytest.mark.parametrize("widths", [[1], [8], [16, 1], [7, 9], [17, 24, 3]], ids=str)
def test_a_batch_gives_the_bits_of_its_rows(rows, widths):
    model = MLP(5, widths, activation="tanh", seed=1)
    batch = np.random.default_rng(1).normal(size=(rows, 5))
    parameters = model.parameters()
    inputs = [[Value(number) for number in row] for row in batch.tolist()]
    model.zero_grad()
    outputs = [flat(model(row)) for row in inputs]
    for row in outputs:
        functions.sum(row).backward()
    expected = [bits(value.grad) for value in (*parameters, *(value for row in inputs for value in row))]
    together = np.array([[Value(number) for number in row] for row in batch.tolist()])
    model.zero_grad()
    found = flat(model(together))
    functions.sum(found).backward()
    assert [bits(value.data) for value in found] == [bits(value.data) for row in outputs for value in row]
    assert [bits(value.grad) for value in (*parameters, *together.flat)] == expected


@pytest.mark.parametrize("pattern", ["#.", "##..##.#", ".......#", "........"])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_gradients_of_some_rows_and_of_the_others_add_up(pattern, dropout):
    model = MLP(3, [9, 6, 2], activation="tanh", seed=1, dropout=dropout)
    for neuron in model.layers[-1].neurons[1:]:
        neuron.nonlin, neuron.activation = True, "sigmoid"
    batch = np.array([[Value(i - j / 2) for j in range(3)] for i in range(16)])
    values = [*model.parameters(), *batch.flat]
    outputs = model(batch)
    chosen = [pattern[i % len(pattern)] == "#" for i in range(16)]
    parts = []
    for wanted in (True, False):
        for value in values:
            value.grad = 0.0
        part = [output for row, taken in zip(outputs, chosen, strict=True) if taken == wanted for output in row]
        functions.sum([0.0 * outputs[0][0], *part]).backward()
        parts.append([value.grad for value in values])
    for value in values:
        value.grad = 0.0
    functions.sum(flat(outputs)).backward()
    assert [sum(pair) for pair in zip(*parts, strict=True)] == pytest.approx([v.grad for v in values], rel=1e-12)


# -- backward


@pytest.mark.parametrize("number", range(3), ids=["neuron", "layer", "network"])
def test_what_an_output_depends_on(number):
    module = modules()[number]
    neuron = first_neuron(module)
    neuron.w[0], neuron.w[1], tied = 0.5, (source := Value(2.0)) * 2.0, Value(1.0)
    output = flat(module([tied, 3.0, tied * 2.0]))[-1]
    assert output._op == type(module).__name__
    assert {tied, neuron.w[1], *module.parameters()} <= output._prev
    assert source not in output._prev
    assert len(output._prev) == len(module.parameters()) + 3


def test_gradients_add_up_over_backward_passes():
    model = MLP(3, [4, 2], activation="tanh", seed=1)
    parameters = model.parameters()
    once = gradients(model(X), parameters)
    loss = objective(model(X))
    model.zero_grad()
    loss.backward()
    assert [p.grad for p in parameters] == once
    loss.backward()
    assert [p.grad for p in parameters] == pytest.approx([2 * g for g in once], rel=1e-15)
    for output in model(X):
        output.backward()
    assert [p.grad for p in parameters] != pytest.approx([2 * g for g in once], rel=1e-3)
    model.zero_grad()
    assert not any(p.grad for p in parameters)


def test_a_gradient_set_by_hand_is_kept():
    neuron = Neuron(2, nonlin=False, seed=1)
    neuron([1.0, 2.0]).backward()
    neuron.w[0].grad = 10.0
    neuron([1.0, 2.0]).backward()
    assert [p.grad for p in neuron.parameters()] == [11.0, 4.0, 2.0]
    neuron([1.0, 2.0]).backward()
    neuron.zero_grad()
    assert [p.grad for p in neuron.parameters()] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("what", ["parameters", "inputs", "both"])
def test_backward_after_data_changed_is_an_error_as_it_is_of_scalar_nodes(what):
    model = MLP(3, [4, 2], activation="tanh", seed=1)
    for call in (model, lambda x: scalar(model, x)):
        x = [Value(number) for number in X]
        outputs = call(x)
        changed = {"parameters": model.parameters(), "inputs": x, "both": [*x, *model.parameters()]}[what]
        for value in changed:
            value.data += 0.5
        with pytest.raises(RuntimeError, match="was set after this graph had read it"):
            objective(outputs).backward()
        assert not any(value.grad for value in [*model.parameters(), *x])
        objective(call(x)).backward()
        model.zero_grad()


def test_one_output_of_many():
    model = MLP(3, [4, 3], activation="tanh", seed=1)
    for i in range(3):
        values = model.parameters()
        results = []
        for call in (model, lambda x: scalar(model, x)):
            model.zero_grad()
            call(X)[i].backward(2.5)
            results.append([value.grad for value in values])
        assert results[0] == pytest.approx(results[1], rel=1e-12)


def test_models_interleaved_and_chained():
    a, b = MLP(3, [4, 3], activation="tanh", seed=1), MLP(3, [5, 2], activation="sin", seed=2)
    values = [*a.parameters(), *b.parameters(), *(x := [Value(number) for number in X])]
    results = []
    for first, second in ((a, b), (lambda x: scalar(a, x), lambda x: scalar(b, x))):
        outputs = [first(x), second(x), second(first(x)), first(first(x)), second([*first(x)[:2], 0.5])]
        results.append(gradients(outputs, values))
    assert results[0] == pytest.approx(results[1], rel=1e-12)
    # Gradients that wait in one model while another is used.
    loss_a, loss_b = objective(a(X)), objective(b(X))
    alone = gradients(a(X), a.parameters()), gradients(b(X), b.parameters())
    a.zero_grad()
    b.zero_grad()
    loss_a.backward()
    loss_b.backward()
    assert ([p.grad for p in a.parameters()], [p.grad for p in b.parameters()]) == alone


def test_a_layer_a_thousand_times_in_one_graph():
    layer = Layer(4, 3, activation="tanh", seed=1)
    values = [*layer.parameters(), start := Value(0.1)]
    results = []
    for call in (layer, lambda x: scalar(layer, x)):
        state = [start, start * 2.0, start * 3.0]
        for step in range(1000):
            state = call([*state, math.sin(step)])
        results.append((bits(state[0].data), gradients(state, values)))
    assert results[0][0] == results[1][0]
    assert results[0][1] == pytest.approx(results[1][1], rel=1e-11)


def test_without_recording():
    model = MLP(3, [4, 2], activation="tanh", seed=1)
    neuron = model.layers[0].neurons[0]
    neuron.w[0] = Value(0.5).exp()
    recorded = [output.data for output in model([Value(x) for x in X])]
    with no_grad():
        for x in (X, [Value(number) for number in X]):
            outputs = model(x)
            assert [output.data for output in outputs] == recorded
            assert all(not output._prev and output._op == "" for output in outputs)
        assert [v.data for v in flat(model(np.array([X, X])))] == recorded * 2
    check(model)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
def test_a_copy_of_a_model_that_was_used(make, duplicate):
    model = make("tanh")
    objective(model(X)).backward()
    twin = duplicate(model)
    assert twin.state_dict() == model.state_dict()
    assert [p.grad for p in twin.parameters()] == [p.grad for p in model.parameters()]
    assert [v.data for v in flat(twin(X))] == [v.data for v in flat(model(X))]
    before = [v.data for v in flat(model(X))]
    grads = [p.grad for p in model.parameters()]
    for parameter in twin.parameters():
        parameter.data += 0.5
    check(twin)
    assert [v.data for v in flat(model(X))] == before
    assert [p.grad for p in model.parameters()] == grads


# -- dropout


def test_dropout_scales_what_it_keeps_and_its_gradients():
    model = MLP(3, [50, 50, 1], activation="softplus", seed=1, dropout=0.4)
    output = model(X)
    hidden = [Value(v.data) for v in model.layers[0](X)]
    model.zero_grad()
    output.backward()
    weights = model.layers[-1].neurons[0].w
    second = model.layers[2]
    factors = {round(w.grad, 9) == 0.0 for w in weights}
    assert factors == {True, False}
    # A unit without an effect has no gradients behind it.
    for weight, neuron in zip(weights, second.neurons, strict=True):
        assert (weight.grad == 0.0) == (neuron.b.grad == 0.0)
    # The first mask is in the gradients of the second layer's weights: what each was multiplied by is 0 or 1 / 0.6.
    kept = next(neuron for neuron in second.neurons if neuron.b.grad)
    scales = [w.grad / kept.b.grad / h.data for w, h in zip(kept.w, hidden, strict=True)]
    assert all(min(abs(s), abs(s - 1 / 0.6)) < 1e-12 for s in scales)
    assert 0 < sum(s == 0.0 for s in scales) < 50


def test_dropout_in_scalar_nodes_with_the_same_draws():
    model = MLP(3, [6, 5, 2], activation="tanh", seed=1, dropout=0.5)
    drops = [layer for layer in model.layers if isinstance(layer, Dropout)]
    state = drops[0].rng.getstate()
    values = model.parameters()
    fused = model(X)
    found = gradients(fused, values)
    drops[0].rng.setstate(state)
    x = X
    for layer in model.layers:
        x = layer(x) if isinstance(layer, Dropout) else scalar_layer(layer, x)
    assert [bits(v.data) for v in fused] == [bits(v.data) for v in x]
    assert found == pytest.approx(gradients(x, values), rel=1e-12)


def test_dropout_is_off_in_evaluation_and_changes_are_seen():
    model = MLP(3, [20, 2], activation="softplus", seed=1, dropout=0.5)
    outputs = {tuple(v.data for v in model(X)) for _ in range(5)}
    assert len(outputs) == 5
    model.eval()
    still = MLP(3, [20, 2], activation="softplus", seed=1)
    still.load_state_dict({name.replace("layers.2", "layers.1"): v for name, v in model.state_dict().items()})
    assert [v.data for v in model(X)] == [v.data for v in model(X)] == [v.data for v in still(X)]
    assert gradients(model(X), model.parameters()) == gradients(still(X), still.parameters())
    model.train()
    model.layers[1].p = 0.0
    assert [v.data for v in model(X)] == [v.data for v in still(X)]
    model.layers[1].p = 0.5
    assert [v.data for v in model(X)] != [v.data for v in still(X)]
    del model.layers[1]
    assert [v.data for v in model(X)] == [v.data for v in still(X)]
    model.layers.insert(0, Dropout(0.9, seed=1))
    model.layers.append(Dropout(0.9, seed=1))
    assert len(model(X)) == 2


def test_dropout_of_a_batch_draws_for_every_row():
    model = MLP(3, [30, 1], activation="softplus", seed=1, dropout=0.5)
    outputs = [v.data for v in model(np.tile(X, (20, 1)))]
    assert len(set(outputs)) == 20


# -- numbers that are not finite


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "sin"])
@pytest.mark.parametrize("x", [[math.inf, 1.0, 2.0], [math.nan, 1.0, 2.0], [1e308, 1e308, 1e308]])
def test_infinities_and_nans_pass(activation, x):
    model = MLP(3, [4, 2], activation=activation, seed=1)
    assert [bits(v.data) for v in model(x)] == [bits(v.data) for v in scalar(model, x)]
    values = model.parameters()
    results = [[bits(g) for g in gradients(call(x), values)] for call in (model, lambda x: scalar(model, x))]
    assert [a == bits(math.nan) for a in results[0]] == [a == bits(math.nan) for a in results[1]]


@pytest.mark.parametrize(
    ("function", "x", "error"),
    [
        (functions.sin, math.inf, ValueError),
        (functions.exp, 1e4, OverflowError),
        (functions.log, 0.0, ValueError),
        (functions.sqrt, -1.0, ValueError),
    ],
)
@pytest.mark.parametrize("number", range(3), ids=["neuron", "layer", "network"])
def test_an_activation_raises_as_the_operation_does(number, function, x, error):
    module = modules()[number]
    expected = [v.data for v in flat(module(X))]
    neuron = first_neuron(module)
    neuron.activation = function
    for weight in neuron.w:
        weight.data = 1.0
    for given in ([x, 0.0, 0.0], np.array([[0.5, 0.5, 0.5], [x, 0.0, 0.0]])):
        with pytest.raises(error) as fused:
            module(given)
        with pytest.raises(error) as single:
            function(Value(x))
        assert str(fused.value) == str(single.value)
    assert len(flat(module([0.5, 0.5, 0.5]))) == len(expected)


def test_an_activation_of_a_user_that_raises():
    def refuse(v):
        raise LookupError("not today")

    model = MLP(3, [4, 2], seed=1)
    model.layers[0].neurons[2].activation = refuse
    with pytest.raises(LookupError, match="not today"):
        model(X)
    model.layers[0].neurons[2].activation = "relu"
    check(model)


# -- parameters


class Tree(Module):
    def __init__(self, *parts):
        self.parts = parts
        self.scale = Value(2.0)

    def __call__(self, x):
        return self.scale


def test_parameters_of_nested_modules():
    inner = MLP(2, [2, 1], seed=1)
    tied = inner.layers[0].neurons[0].b
    tree = Tree(inner, {"a": Tree(), "b": [tied, inner]}, np.array([tied, Value(3.0)], dtype=object), "text", None, 3)
    names = [name for name, _ in tree.named_parameters()]
    assert names[:3] == [
        "parts.0.layers.0.neurons.0.w.0",
        "parts.0.layers.0.neurons.0.w.1",
        "parts.0.layers.0.neurons.0.b",
    ]
    assert names[9:] == ["parts.1.a.scale", "parts.2.1", "scale"]
    assert tree.parameters() == [value for _, value in tree.named_parameters()]
    for value in tree.parameters():
        value.grad = 1.0
    inner([1.0, 2.0]).backward()
    tree.zero_grad()
    assert [value.grad for value in tree.parameters()] == [0.0] * 12


def test_parameters_in_cycles():
    a, b = Tree(), Tree()
    a.other, b.other = b, a
    a.me = [a, {"b": b}]
    assert [name for name, _ in a.named_parameters()] == ["scale", "other.scale"]
    assert [id(v) for v in b.parameters()] == [id(b.scale), id(a.scale)]
    neuron = Neuron(1)
    neuron.extra = neuron
    neuron.more = Value(1.0)
    assert [name for name, _ in neuron.named_parameters()] == ["w.0", "b", "more"]


def test_deeply_nested_modules(run_python):
    run_python("""
from autograd import Value
from autograd.nn import Module
class Link(Module):
    pass
first = last = Link()
for _ in range(100_000):
    last.next = Link()
    last = last.next
last.value = Value(1.0)
try:
    assert first.parameters() == [last.value]
except RecursionError:
    pass
while first is not None:
    first = first.__dict__.pop("next", None)
""")


# -- memory


RESIDENT = """
import gc, os, random, sys
from autograd import MLP, Value, Layer
import numpy as np
def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
x = [0.5, -1.25, 2.0]
model = MLP(3, [16, 16, 2], activation="tanh", seed=1)
def step():
    {body}
for _ in range({count} // 5):
    step()
before = resident()
for _ in range({count}):
    step()
print(resident() - before)
"""
STEPS = {
    "calls": (10_000, "model(x)"),
    "calls with Values": (10_000, "model(list(map(Value, x)))"),
    "batches": (1_000, "model(np.ones((20, 3)))"),
    "backward passes": (5_000, "model(x)[0].backward()"),
    "models": (2_000, "MLP(3, [8, 2], seed=1)(x)"),
    "models with backward": (2_000, "MLP(3, [8, 2], seed=1)(x)[0].backward()"),
    "models with dropout": (1_000, "MLP(3, [8, 2], seed=1, dropout=0.5)(x)[0].backward()"),
    "changes": (2_000, "model.layers[0].neurons[0].w[0] = Value(1.0); model(x)"),
    "cycles": (2_000, "layer = Layer(3, 2, seed=1); layer.neurons[0].owner = layer; layer(x)[0].backward()"),
    "foreign activations": (1_000, "MLP(3, [4, 2], seed=1, activation=lambda v: v * v)(x)[0].backward()"),
    "errors": (2_000, "\n    try: model([1.0, 2.0, 'x'])\n    except TypeError: pass"),
}


@pytest.mark.skipif(SANITIZED, reason="the sanitizer keeps what is freed")
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc")
@pytest.mark.parametrize(("count", "body"), STEPS.values(), ids=STEPS)
def test_memory_is_flat(count, body, run_python):
    assert int(run_python(RESIDENT.format(count=count, body=body))) < 1_000_000


def test_a_model_and_its_blocks_are_freed():
    freed = []

    class Watched(MLP):
        def __del__(self):
            freed.append(1)

    model = Watched(3, [4, 2], seed=1)
    output = model(X)[0]
    output.backward()
    del model
    gc.collect()
    assert freed
    output.backward()
    assert math.isfinite(output.data)


def test_what_an_activation_keeps_is_freed():
    class Probe:
        """Keeps what passes."""

        def __init__(self):
            self.seen = []

        def __call__(self, v):
            self.seen.append(v)
            return v.tanh()

    probe = Probe()
    model = MLP(3, [4, 2], activation=probe, seed=1)
    gone = weakref.ref(probe)
    model(X)[0].backward()
    assert len(probe.seen) == 4
    model.zero_grad()
    del model, probe
    gc.collect()
    assert gone() is None


def test_memory_errors_leave_everything_usable(run_python):
    """Let every allocation fail in turn: the failure is a MemoryError, and afterwards all is as before."""
    pytest.importorskip("_testcapi")
    run_python("""
import gc
import numpy as np
from autograd import MLP, Value
from out_of_memory import call_without_memory

model = MLP(3, [4, 2], activation="tanh", seed=1)
source = Value(0.5)
other = model.layers[0].neurons[0].w[0]
x = [Value(1.0), 2.0, source]
rows = np.ones((5, 3))

def calculate():
    neuron = model.layers[0].neurons[0]
    neuron.w[0] = other
    outputs = model(x)
    neuron.w[0] = source * 2.0
    outputs += model(x) + model(rows)[3]
    total = sum(outputs)
    total.backward()
    # No generator: Python 3.12 and 3.13 crash where they have no memory for a function.
    return [total.data, len(outputs[2]._prev), source.grad, *[p.grad for p in model.parameters()]]

def clear():
    source.grad = other.grad = 0.0
    model.zero_grad()

gc.disable()
expected = calculate()
failures = 0
for start in range(250):
    keep = [Value(1.0) for _ in range(start * 20 % 5000)]
    clear()
    failures += call_without_memory(calculate, start, 2)[0]
    clear()
    result = calculate()
    assert result == expected, (start, result, expected)
assert failures > 20, failures
""")
