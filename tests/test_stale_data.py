"""Data that was set between the forward and the backward pass: an error, never the gradient of neither."""

import math
import operator
import pickle

import numpy as np
import pytest

from autograd import MLP, Neuron, Value, compile, functions, no_grad, where
from autograd._blocks.rules import get_data, set_data
from autograd.optim import SGD

STALE = r"leaf .* was set after this graph had read it"

READERS = {
    "a * a": lambda a: a * a,
    "a + a": lambda a: a + a,
    "a * 2": lambda a: a * 2,
    "5 - a": lambda a: 5 - a,
    "-a": operator.neg,
    "a.exp()": Value.exp,
    "a ** 3": lambda a: a**3,
    "1 * a, deep below": lambda a: functions.tanh((1 * a) * 2 + 1).exp(),
    "maximum": lambda a: functions.maximum(a, 1.0),
    "clip": lambda a: functions.clip(a, 0.0, 1.0),
    "sum": lambda a: functions.sum([a, a, 1.0]),
    "dot": lambda a: functions.dot([a, 1.0], [2.0, a]),
    "softmax": lambda a: functions.softmax([a, 1.0])[0],
    "logsumexp": lambda a: functions.logsumexp([a, 1.0]),
    "where": lambda a: where(a < 10, a * 2, a),
    "compiled": compile(lambda a: a * a + a.exp()),
    "neuron": lambda a: Neuron(2, seed=1)([a, 1.0]),
    "hand-made with local gradients": lambda a: Value(a.data**2, (a,), (2 * a.data,)),
    "hand-made": lambda a: Value(a.data**2, (a,), "square"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_leaf_changed_after_it_was_read(name):
    a = Value(0.5)
    y = READERS[name](a) * 1.5
    a.data = 2.5
    for _ in range(2):
        with pytest.raises(RuntimeError, match=STALE):
            y.backward()
        assert a.grad == 0.0
    READERS[name](a).backward()
    a.data = 2.5
    with pytest.raises(RuntimeError, match=STALE):
        y.backward()


@pytest.mark.parametrize("name", READERS)
def test_a_leaf_changed_before_or_afterwards(name):
    a, twin = Value(0.5), Value(2.5)
    a.data = 2.5
    y = READERS[name](a)
    y.backward()
    a.data = 3.0
    READERS[name](twin).backward()
    assert a.grad == twin.grad


def test_the_leaf_is_named():
    a, b = Value(3.0, label="weight"), Value(4.0)
    y = a * b
    a.data = 10.0
    with pytest.raises(RuntimeError, match="leaf labelled 'weight' was set"):
        y.backward()
    z = Value(1.0) * b
    b.data = 7.5
    with pytest.raises(RuntimeError, match=r"leaf of data 7\.5 was set"):
        z.backward()


def test_an_error_leaves_the_gradients_as_they_were():
    a, b = Value(3.0), Value(4.0)
    inner = a * b
    y = inner.exp() + b * 2 + inner
    y.backward()
    before = a.grad, b.grad
    b.data = 5.0
    with pytest.raises(RuntimeError, match=STALE):
        y.backward()
    assert (a.grad, b.grad) == before
    # The part of the graph that has read a alone is good.
    z = a * 2
    y = z * b
    (y + z).backward()
    assert a.grad == before[0] + 12.0


@pytest.mark.parametrize(
    "change",
    [
        lambda p: setattr(p, "data", 1.0),
        lambda p: p.__init__(1.0),
        lambda p: SGD([p], lr=0.1).step(),
        lambda p: set_data([p], [1.0]),
        lambda p: setattr(p, "data", -0.0),
    ],
    ids=["data", "init", "optimizer", "array", "sign"],
)
def test_every_way_to_set_data(change):
    for number in (2.0, 0.0):
        p = Value(number)
        y = p * p + p
        y.backward()
        change(p)
        with pytest.raises(RuntimeError, match=STALE):
            y.backward()


@pytest.mark.parametrize(
    "set_again",
    [
        lambda model, p: setattr(p, "data", p.data),
        lambda model, p: p.__init__(p.data),
        lambda model, p: model.load_state_dict(model.state_dict()),
        lambda model, p: set_data(model.parameters(), get_data(model.parameters())),
        lambda model, p: SGD(model.parameters(), lr=0.1).step(),
    ],
    ids=["data", "init", "state_dict", "array", "zero gradients"],
)
@pytest.mark.parametrize("number", [0.0, -0.0, 1.5, math.nan, math.inf])
def test_the_same_number_set_again_is_no_change(set_again, number):
    model = MLP(2, [3, 1], seed=1)
    p = model.parameters()[2]
    p.data = number
    y = model([1.0, 2.0]) * p
    y.backward()
    expected = p.grad
    model.zero_grad()
    set_again(model, p)
    y.backward()
    assert repr(p.grad) == repr(expected)


@pytest.mark.parametrize("where", ["weight", "bias", "input"])
@pytest.mark.parametrize("rows", [1, 3])
def test_parameters_of_layers(where, rows):
    model = MLP(2, [3, 1], activation="tanh", seed=1)
    others = MLP(2, [3, 1], activation="tanh", seed=1)
    x = np.array([[Value(0.5), Value(-1.0)] for _ in range(rows)])
    x, first = (x, x[0][0]) if rows > 1 else (x[0], x[0][0])
    loss = functions.sum(np.ravel(model(x)))
    neuron = model.layers[0].neurons[1]
    leaf = {"weight": neuron.w[1], "bias": neuron.b, "input": first}[where]
    # Changes to what this graph has not read are none.
    for p in others.parameters():
        p.data = 0.0
    loss.backward()
    others(x)
    leaf.data += 1.0
    functions.sum(np.ravel(model(x))).backward()
    model.zero_grad()
    with pytest.raises(RuntimeError, match=STALE):
        loss.backward()
    assert not any(p.grad for p in model.parameters())


def test_the_loop_of_micrograd():
    p, losses = Value(3.0), []
    for _ in range(5):
        loss = (p - 1) ** 2
        p.grad = 0.0
        loss.backward()
        p.data -= 0.1 * p.grad
        losses.append(loss.data)
    assert losses == sorted(losses, reverse=True)


def test_what_is_no_change_to_the_graph():
    a = Value(3.0)
    y = a * a
    Value(1.0).data = 2.0
    a.grad, a.label = 5.0, "a"
    pickle.loads(pickle.dumps(a))
    with no_grad():
        z = a * 2
    assert z._prev == set()
    y.backward()
    assert a.grad == 11.0


def test_a_hand_made_node_whose_data_is_set():
    a = Value(2.0)
    node = Value(4.0, (a,), (4.0,))
    node.data = 5.0
    node.backward()
    assert a.grad == 4.0
    y = node * 2
    node.data = 6.0
    with pytest.raises(RuntimeError, match=STALE):
        y.backward()


def test_constants_and_parameters_of_any_age():
    """Many changes to other leaves do not age what is left alone."""
    a, b, other = Value(2.0), Value(3.0), Value(0.0)
    y = a * b
    for _ in range(100_000):
        other.data = 1.0
    y.backward()
    (a * b * other).backward()
    assert a.grad == 6.0
    b.data = 1.0
    assert math.isfinite((a * b).data)
    with pytest.raises(RuntimeError, match=STALE):
        y.backward()
