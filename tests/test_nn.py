"""Neurons, layers and perceptrons against micrograd's numbers; modules and their parameters."""

import copy
import math
import pickle
import random

import numpy as np
import pytest

from autograd import Value
from autograd.datasets import make_moons
from autograd.nn import ACTIVATIONS, MLP, Dropout, Layer, Module, Neuron
from autograd.optim import SGD
from autograd.training import fit, predict


def data(values):
    return [value.data for value in values]


def test_seeded_neuron_has_micrograds_weights():
    random.seed(1337)
    neuron = Neuron(2)
    assert data(neuron.w) == [0.23550571390294128, 0.06653114721000164]
    assert neuron.b.data == 0.0


def test_weights_are_drawn_layer_by_layer_neuron_by_neuron():
    random.seed(42)
    model = MLP(3, [4, 2])
    after = random.random()
    random.seed(42)
    for layer, nin in zip(model.layers, (3, 4), strict=True):
        for neuron in layer.neurons:
            assert data(neuron.w) == [random.uniform(-1, 1) for _ in range(nin)]
    assert after == random.random()


def test_seeded_mlp_gives_micrograds_outputs_and_gradients():
    # From micrograd 0.1.0 after random.seed(7).
    random.seed(7)
    model = MLP(2, [3, 2])
    outputs = model([0.5, -1.25])
    assert data(outputs) == [-0.9415405833568558, -1.4461087278848772]
    outputs[1].backward()
    assert [parameter.grad for parameter in model.parameters()] == [
        -0.06635431633761413,
        0.16588579084403532,
        -0.13270863267522826,
        -0.43014457642538106,
        1.0753614410634527,
        -0.8602891528507621,
        -0.40928698665613494,
        1.0232174666403373,
        -0.8185739733122699,
        0.0,
        0.0,
        0.0,
        0.0,
        0.6967098300219076,
        1.219843756370997,
        0.37165971202522535,
        1.0,
    ]


def test_four_points_train_as_in_micrograd():
    # From micrograd 0.1.0: losses of steps 0, 1 and 19, and the last predictions.
    random.seed(1337)
    xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
    ys = [1.0, -1.0, -1.0, 1.0]
    model = MLP(3, [4, 4, 1])
    losses = []
    for _ in range(20):
        predictions = [model(x) for x in xs]
        loss = sum((p - y) ** 2 for p, y in zip(predictions, ys, strict=True))
        model.zero_grad()
        loss.backward()
        for parameter in model.parameters():
            parameter.data -= 0.05 * parameter.grad
        losses.append(loss.data)
    assert [losses[0], losses[1], losses[-1]] == pytest.approx(
        [18.432196474034008, 8.70539077176091, 2.7108855776855307], rel=1e-12
    )
    expected = [0.2620723046680686, 0.2620723046680686, -0.8297516273218188, 0.2620723046680686]
    assert data(predictions) == pytest.approx(expected, rel=1e-12)


def test_moons_demo_reproduces_the_published_losses():
    # micrograd's notebook: the losses of steps 0, 1, 2 and 99, and 100 % accuracy at step 40.
    np.random.seed(1337)
    random.seed(1337)
    X, y = make_moons(n_samples=100, noise=0.1)
    y = y * 2 - 1
    model = MLP(2, [16, 16, 1])
    losses, accuracies = [], []
    for k in range(100):
        scores = [model(list(map(Value, row))) for row in X]
        margins = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
        loss = sum(margins) * (1.0 / len(margins)) + 1e-4 * sum(p * p for p in model.parameters())
        losses.append(loss.data)
        accuracies.append(sum((yi > 0) == (s.data > 0) for yi, s in zip(y, scores, strict=True)))
        model.zero_grad()
        loss.backward()
        for parameter in model.parameters():
            parameter.data -= (1.0 - 0.9 * k / 100) * parameter.grad
    assert losses[:3] == pytest.approx([0.8958441028683222, 1.7235905336972022, 0.7429006313851131], rel=1e-9)
    assert losses[99] == pytest.approx(0.010978370135, rel=1e-6)
    assert accuracies[40] == accuracies[99] == 100


def test_reprs_are_micrograds():
    assert repr(Neuron(2)) == "ReLUNeuron(2)"
    assert repr(Neuron(3, False)) == "LinearNeuron(3)"
    assert repr(Layer(2, 2)) == "Layer of [ReLUNeuron(2), ReLUNeuron(2)]"
    assert repr(Layer(2, 1, nonlin=False)) == "Layer of [LinearNeuron(2)]"
    assert repr(MLP(1, [2, 1])) == ("MLP of [Layer of [ReLUNeuron(1), ReLUNeuron(1)], Layer of [LinearNeuron(2)]]")


@pytest.mark.parametrize(
    ("activation", "title"),
    [
        ("tanh", "Tanh"),
        ("leaky_relu", "LeakyReLU"),
        ("gelu", "GELU"),
        ("linear", "Linear"),
        (math.sin, "sin"),
    ],
)
def test_repr_names_the_activation(activation, title):
    assert repr(Neuron(1, activation=activation)) == f"{title}Neuron(1)"
    assert repr(Neuron(1, False, activation=activation)) == "LinearNeuron(1)"


def test_weighted_sum_starts_from_the_bias_and_adds_left_to_right():
    rng = random.Random(5)
    neuron = Neuron(9, nonlin=False, rng=rng)
    for _ in range(50):
        neuron.b.data = rng.uniform(-1, 1) * 1e3
        x = [rng.uniform(-1, 1) * 10 ** rng.randrange(-3, 4) for _ in range(9)]
        expected = neuron.b.data
        for weight, value in zip(neuron.w, x, strict=True):
            expected += weight.data * value
        assert neuron(x).data == expected


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


FORMULAS = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x: max(x, 0.01 * x),
    "softplus": lambda x: math.log(1 + math.exp(x)),
    "silu": lambda x: x * sigmoid(x),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "sigmoid": sigmoid,
    "tanh": math.tanh,
    "sin": math.sin,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("x", [-1.7, 0.6])
def test_activation_by_name(name, x):
    neuron = Neuron(1, activation=name)
    neuron.w[0].data = 2.0
    output = neuron([x])
    assert output.data == pytest.approx(FORMULAS[name](2 * x), rel=1e-14)
    output.backward()
    slope = (FORMULAS[name](2 * x + 1e-5) - FORMULAS[name](2 * x - 1e-5)) / 2e-5
    assert neuron.b.grad == pytest.approx(slope, rel=1e-8)


def test_activation_by_callable():
    model = MLP(1, [2, 1], activation=lambda x: x * x)
    hidden = [(n.w[0].data * 3.0) ** 2 for n in model.layers[0].neurons]
    last = model.layers[1].neurons[0]
    assert model([3.0]).data == last.w[0].data * hidden[0] + last.w[1].data * hidden[1]


def test_all_layers_but_the_last_have_the_activation():
    model = MLP(2, [3, 2, 1], activation="tanh")
    assert [n.activation for layer in model.layers for n in layer.neurons] == ["tanh"] * 6
    assert [n.nonlin for layer in model.layers for n in layer.neurons] == [True] * 5 + [False]


@pytest.mark.parametrize("make", [Neuron, lambda *a, **k: Layer(*a, 2, **k), lambda *a, **k: MLP(*a, [2], **k)])
@pytest.mark.parametrize("activation", ["swoosh", None, 3, ["relu"]])
def test_unknown_activation_is_an_error(make, activation):
    with pytest.raises(ValueError, match="activation must be callable or one of linear, relu.*got"):
        make(2, activation=activation)


def test_single_output_is_a_bare_value_and_more_are_a_list():
    assert isinstance(Layer(2, 1)([1.0, 2.0]), Value)
    assert isinstance(MLP(2, [3, 1])([1.0, 2.0]), Value)
    outputs = MLP(2, [3, 2])([1.0, 2.0])
    assert isinstance(outputs, list)
    assert len(outputs) == 2


def test_hidden_width_one():
    model = MLP(2, [1, 1, 2], activation="tanh")
    first, second, third = model.layers
    hidden = math.tanh(sum(w.data * x for w, x in zip(first.neurons[0].w, (0.5, -0.25), strict=True)))
    hidden = math.tanh(second.neurons[0].w[0].data * hidden)
    outputs = model([0.5, -0.25])
    assert data(outputs) == pytest.approx([n.w[0].data * hidden for n in third.neurons], rel=1e-14)
    (outputs[0] + outputs[1]).backward()
    assert first.neurons[0].b.grad != 0


def test_inputs_may_be_values_floats_a_row_or_a_mix():
    model = MLP(3, [4, 2], activation="tanh")
    row = [0.5, -1.0, 2.0]
    expected = data(model(row))
    x = [Value(number) for number in row]
    for inputs in (x, tuple(row), np.array(row), np.array(x), [0.5, x[1], np.float64(2.0)]):
        assert data(model(inputs)) == expected
    assert data(model(np.array([1, 2, 3]))) == data(model([1, 2, 3]))
    model(x)[0].backward()
    assert all(value.grad != 0 for value in x)


ROWS = {
    "doubles": np.array([0.5, -1.5, 2.0]),
    "strided": np.array([0.5, 9.0, -1.5, 9.0, 2.0])[::2],
    "reversed": np.array([2.0, -1.5, 0.5])[::-1],
    "column": np.array([[0.5, 9.0], [-1.5, 9.0], [2.0, 9.0]])[:, 0],
    "single precision": np.array([0.5, -1.5, 2.0], np.float32),
    "big-endian": np.array([0.5, -1.5, 2.0], ">f8"),
    "subclass": np.array([0.5, -1.5, 2.0]).view(type("Subclass", (np.ndarray,), {})),
    "objects": np.array([0.5, Value(-1.5), 2.0], object),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_of_any_array_is_the_row_of_its_numbers(row):
    model = MLP(3, [4, 2], seed=1)
    expected = [output.data for output in model([0.5, -1.5, 2.0])]
    assert [output.data for output in model(row)] == expected
    for rows in (np.stack([row, row]), np.asfortranarray(np.stack([row, row]))):
        assert [[output.data for output in outputs] for outputs in model(rows)] == [expected, expected]
    with pytest.raises(ValueError, match="MLP expects 3 inputs, got 2"):
        model(row[:2])
    with pytest.raises(ValueError, match="MLP expects 3 inputs, got 2"):
        model(np.stack([row, row])[:, :2])


def test_one_input_may_be_bare():
    model = MLP(1, [2, 1])
    assert model(0.5).data == model(Value(0.5)).data == model([0.5]).data


@pytest.mark.parametrize(
    ("model", "owner"),
    [(Neuron(3), "Neuron"), (Layer(3, 2), "Layer"), (MLP(3, [2, 1]), "MLP")],
)
@pytest.mark.parametrize(("x", "length"), [([], 0), ([1.0, 2.0], 2), (np.ones(4), 4), (1.0, 1)])
def test_wrong_number_of_inputs_says_both_lengths(model, owner, x, length):
    with pytest.raises(ValueError, match=f"^{owner} expects 3 inputs, got {length}$"):
        model(x)


def test_an_array_of_more_than_two_dimensions_is_refused():
    message = r"MLP expects a row or a 2-D array of rows of 2 inputs, got shape \(2, 2, 2\)"
    with pytest.raises(ValueError, match=message):
        MLP(2, [1])(np.ones((2, 2, 2)))


@pytest.mark.parametrize("x", [None, iter([1.0]), object()])
def test_inputs_that_are_no_sequence(x):
    with pytest.raises(TypeError, match="Neuron expects a sequence of 1 inputs, got"):
        Neuron(1)(x)


@pytest.mark.parametrize("x", ["a", None])
def test_inputs_that_are_no_numbers(x):
    with pytest.raises(TypeError):
        Neuron(1)([x])


def test_seed_and_rng_draw_apart_from_the_global_generator():
    state = random.getstate()
    model = MLP(2, [3, 1], seed=9)
    assert random.getstate() == state
    assert model.state_dict() == MLP(2, [3, 1], rng=random.Random(9)).state_dict()
    assert model.state_dict() != MLP(2, [3, 1], seed=10).state_dict()
    drawn = np.random.default_rng(3).uniform(-1, 1, size=2).tolist()
    assert data(Neuron(2, rng=np.random.default_rng(3)).w) == drawn
    rng = random.Random(9)
    assert data(Layer(2, 2, rng=rng).neurons[1].w) == data(Layer(2, 2, seed=9).neurons[1].w)
    assert rng.random() != random.Random(9).random()


def test_rng_errors():
    with pytest.raises(ValueError, match="give rng or seed, not both"):
        Neuron(2, rng=random.Random(1), seed=1)
    with pytest.raises(TypeError, match=r"rng must have a method uniform\(low, high\), got int"):
        MLP(2, [1], rng=1)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Neuron(0), ValueError, "nin must be at least 1, got 0"),
        (lambda: Neuron(2.0), TypeError, "nin must be an integer, got float 2.0"),
        (lambda: Neuron(None), TypeError, "nin must be an integer, got NoneType None"),
        (lambda: Layer(2, -1), ValueError, "nout must be at least 1, got -1"),
        (lambda: Layer(2, "3"), TypeError, "nout must be an integer, got str '3'"),
        (lambda: MLP(2, []), ValueError, "nouts must hold the size of at least one layer, got none"),
        (lambda: MLP(2, 3), TypeError, "nouts must be a sequence of integers, got int"),
        (lambda: MLP(2, [3, 0]), ValueError, "nout must be at least 1, got 0"),
    ],
)
def test_size_errors(make, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        make()


def test_sizes_may_be_numpy_integers_and_nouts_any_sequence():
    assert repr(MLP(np.int64(2), np.array([1]))) == repr(MLP(2, (1,)))


def test_changes_of_structure_are_seen_by_the_next_call():
    neuron = Neuron(2, activation="tanh")
    x = [0.5, 2.0]
    total = sum(w.data * v for w, v in zip(neuron.w, x, strict=True))
    assert neuron(x).data == math.tanh(total)
    neuron.activation = "linear"
    assert neuron(x).data == total
    neuron.activation = "sigmoid"
    neuron.nonlin = False
    assert neuron(x).data == total
    neuron.w[0] = Value(4.0)
    neuron.w[1].data = 1.0
    assert neuron(x).data == 4.0
    neuron.w.append(Value(10.0))
    assert neuron([*x, 3.0]).data == 34.0
    layer = Layer(2, 1, nonlin=False)
    layer.neurons.append(Neuron(2, nonlin=False))
    assert len(layer(x)) == 2
    model = MLP(2, [2, 1])
    model.layers.insert(0, lambda x: [2 * x[0], 2 * x[1]])
    doubled = model(x).data
    del model.layers[0]
    assert doubled == model([1.0, 4.0]).data
    layer.neurons[0] = sum
    assert layer(x)[0] == 2.5


def test_a_neuron_with_its_own_call_runs_as_written():
    class Constant(Neuron):
        def __call__(self, x):
            return self.b + 5.0

    model = MLP(2, [2, 1])
    model.layers[1].neurons[0] = Constant(2)
    assert model([1.0, 2.0]).data == 5.0
    with pytest.raises(ValueError, match="^Wide expects 2 inputs, got 1$"):
        type("Wide", (MLP,), {})(2, [1])([1.0])


def test_a_computed_weight_passes_its_gradient_on_and_is_no_parameter():
    source = Value(3.0)
    neuron = Neuron(1, nonlin=False)
    neuron.w[0] = source * 2.0
    assert neuron.parameters() == [neuron.b]
    neuron([5.0]).backward()
    assert source.grad == 10.0


def test_parameter_names_and_order():
    model = MLP(2, [2, 1])
    names = [name for name, _ in model.named_parameters()]
    assert names == [
        "layers.0.neurons.0.w.0",
        "layers.0.neurons.0.w.1",
        "layers.0.neurons.0.b",
        "layers.0.neurons.1.w.0",
        "layers.0.neurons.1.w.1",
        "layers.0.neurons.1.b",
        "layers.1.neurons.0.w.0",
        "layers.1.neurons.0.w.1",
        "layers.1.neurons.0.b",
    ]
    expected = [p for layer in model.layers for n in layer.neurons for p in [*n.w, n.b]]
    assert all(a is b for a, b in zip(model.parameters(), expected, strict=True))
    assert all(a is b for a, (_, b) in zip(expected, model.named_parameters(), strict=True))


def test_moons_model_has_337_parameters():
    assert len(MLP(2, [16, 16, 1]).parameters()) == 337


class Everything(Module):
    def __init__(self):
        self.scale = Value(1.0)
        self.pair = (Value(2.0), [Value(3.0)])
        self.table = {"a": Value(4.0), 5: Neuron(1)}
        self.rate = 0.5
        self.text = "text"
        self.floats = np.ones(2)
        self.array = np.array([Value(6.0), Value(7.0)])
        self.tied = self.scale
        self.result = self.scale * 2.0
        self.parent = self
        self.table["again"] = self.pair


def test_parameters_are_found_in_containers_and_once():
    module = Everything()
    assert [name for name, _ in module.named_parameters()] == [
        "scale",
        "pair.0",
        "pair.1.0",
        "table.a",
        "table.5.w.0",
        "table.5.b",
        "array.0",
        "array.1",
    ]
    assert Module().parameters() == []


class Slope(Module):
    """An activation with a parameter."""

    def __init__(self):
        self.slope = Value(0.1)

    def __call__(self, x):
        return x * self.slope


def cycle(model):
    model.layers[0].neurons[0].itself = model.layers
    model.layers[0].neurons[0].w.append(model.layers[0].neurons[0].w)


def replaced_weight(model):
    model.layers[1].neurons[2].w[0] = Value(3.0)


MUTATIONS = {
    "none": lambda model: None,
    "mode": lambda model: model.train(),
    "weight": replaced_weight,
    "bias": lambda model: setattr(model.layers[0].neurons[1], "b", Value(1.0)),
    "number": lambda model: model.layers[0].neurons[1].w.append(2.0),
    "computed": lambda model: model.layers[0].neurons[1].w.append(model.layers[0].neurons[0].b * 2),
    "tied": lambda model: model.layers[1].neurons[0].w.append(model.layers[0].neurons[0].w[0]),
    "shared": lambda model: model.layers.append(model.layers[0]),
    "nested": lambda model: model.layers[0].neurons[1].w.append([Value(1.0), [Value(2.0)]]),
    "tuple": lambda model: setattr(model, "layers", tuple(model.layers)),
    "attribute": lambda model: setattr(model.layers[0], "scale", Value(2.0)),
    "of a neuron": lambda model: setattr(model.layers[0].neurons[0], "scales", {"x": [Value(2.0)]}),
    "activation": lambda model: setattr(model.layers[0].neurons[1], "activation", Slope()),
    "dropout": lambda model: model.layers.insert(1, Dropout(0.5)),
    "module": lambda model: model.layers.insert(1, Slope()),
    "module among neurons": lambda model: model.layers[0].neurons.insert(1, Slope()),
    "layer among neurons": lambda model: model.layers[0].neurons.insert(1, Layer(2, 2)),
    "cycle": cycle,
}


@pytest.mark.parametrize("mutate", MUTATIONS.values(), ids=MUTATIONS)
def test_parameters_are_those_of_the_model_as_it_is_now(mutate):
    model = MLP(2, [3, 3, 1], activation="tanh")
    model([1.0, 2.0])
    model.parameters()
    mutate(model)
    parameters, named = model.parameters(), [value for _, value in model.named_parameters()]
    assert len(parameters) == len(set(named))
    assert all(a is b for a, b in zip(parameters, named, strict=True))
    for value in named:
        value.grad = 1.0
    model.zero_grad()
    assert not any(value.grad for value in named)


def test_equal_but_distinct_values_are_distinct_parameters():
    module = Module()
    module.values = [Value(1.0), Value(1.0)]
    assert len(module.parameters()) == 2


def test_zero_grad_clears_every_gradient():
    model = MLP(2, [3, 1])
    model([1.0, 2.0]).backward()
    assert any(parameter.grad != 0 for parameter in model.parameters())
    model.zero_grad()
    assert [parameter.grad for parameter in model.parameters()] == [0.0] * 13


def test_state_dict_is_a_copy_that_restores():
    model = MLP(2, [3, 2], seed=1)
    state = model.state_dict()
    assert state == {name: parameter.data for name, parameter in model.named_parameters()}
    assert all(type(number) is float for number in state.values())
    other = MLP(2, [3, 2], seed=2)
    other.load_state_dict(state)
    assert data(other([0.3, 0.7])) == data(model([0.3, 0.7]))
    for parameter in model.parameters():
        parameter.data += 1.0
    assert other.state_dict() == state
    other.load_state_dict(dict(reversed(list(state.items()))))
    assert other.state_dict() == state
    other.load_state_dict({name: np.float32(0.5) for name in state})
    assert set(other.state_dict().values()) == {0.5}


STATE = {"w.0": 1.0, "w.1": 2.0, "b": 3.0}


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ({"w.0": 1.0}, ValueError, r"the state does not fit Neuron: 2 missing \(w.1, b\)"),
        ({**STATE, "c": 4.0}, ValueError, r"the state does not fit Neuron: 1 unexpected \(c\)"),
        (
            {"b": 1.0, **dict.fromkeys("pqrs", 0.0)},
            ValueError,
            r"2 missing \(w.0, w.1\), 4 unexpected \(p, q, r, \.\.\.\)",
        ),
        ({**STATE, "b": "3"}, TypeError, "the state of Neuron has str for b, not a number"),
        ({**STATE, "b": None}, TypeError, "the state of Neuron has NoneType for b, not a number"),
        ({**STATE, "b": np.ones(1)}, TypeError, "the state of Neuron has ndarray for b, not a number"),
        ([1.0, 2.0, 3.0], TypeError, "the state of Neuron must be a mapping, got list"),
        (None, TypeError, "the state of Neuron must be a mapping, got NoneType"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(state, error, message):
    neuron = Neuron(2)
    before = neuron.state_dict()
    with pytest.raises(error, match=message):
        neuron.load_state_dict(state)
    assert neuron.state_dict() == before


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_models_copy_and_pickle(duplicate):
    model = MLP(2, [3, 1], activation="tanh")
    other = duplicate(model)
    assert other.state_dict() == model.state_dict()
    assert other([1.0, 2.0]).data == model([1.0, 2.0]).data
    other.parameters()[0].data = 9.0
    assert model.parameters()[0].data != 9.0


class Plain:
    """An object with parameters that is no Module."""

    def __init__(self, *parts):
        self.parts = parts

    def __call__(self, x):
        return self.parts[0](x)

    def parameters(self):
        return []


def hold(*parts):
    module = Module()
    module.parts = parts
    return module


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: x,
        lambda x: [x],
        lambda x: {"a": [(x,)]},
        lambda x: np.array([x, 1.0], dtype=object),
        lambda x: np.array([[{"a": np.array([None, [x]], dtype=object)}]], dtype=object),
        lambda x: Plain(x),
        lambda x: [Plain({"a": Plain(hold(x))})],
    ],
)
def test_one_walk_finds_parameters_and_modules(wrap):
    inner = MLP(1, [2, 1], dropout=0.5, seed=0)
    model = hold(Value(1.0), wrap(inner), inner)
    model.me = [model]
    assert model.parameters()[1:] == inner.parameters()
    assert [value for _, value in model.named_parameters()] == model.parameters()
    held = list(model.modules())
    assert held[0] is model
    first = held.index(inner)
    assert held[first:] == list(inner.modules())
    dropout = inner.layers[1]
    assert len(list(inner.modules())) == 7
    model.eval()
    assert not (model.training or inner.training or dropout.training)
    model.train()
    assert model.training and inner.training and dropout.training


@pytest.mark.parametrize("wrap", [lambda x: np.array([x, None], dtype=object), lambda x: [{"a": Plain(x)}]])
@pytest.mark.parametrize("kind", [Module, Plain])
def test_training_finds_every_dropout_that_the_walk_finds(wrap, kind):
    def train():
        dropout, body = Dropout(0.5), MLP(2, [8, 1], seed=0)

        class Model(kind):
            def __call__(self, x):
                modes.add(dropout.training)
                return body(dropout(x))

        model = Model()
        model.parts = body, wrap(dropout)
        fit(model, [[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0], epochs=9, optimizer=SGD(body.parameters(), lr=0.01), seed=3)
        assert modes == {True}
        assert predict(model, [[1.0, 2.0]]) == body([1.0, 2.0]).data
        assert modes == {True, False} and dropout.training and dropout.rng is None
        return [p.data for p in body.parameters()]

    modes = set()
    first = train()
    modes.clear()
    random.random()
    assert train() == first
