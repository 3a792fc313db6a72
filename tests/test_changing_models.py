"""`fit` against a plain loop: a compiled model is trained as it is in every epoch, whatever changes in it."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import MLP, Value, compile, custom_vjp, functions, grad, losses, tanh, trace, vmap, where
from autograd.nn import Layer, Module
from autograd.optim import SGD
from autograd.training import fit

X = np.random.default_rng(0).uniform(-1, 1, (9, 2))
Y = (X[:, 0] * X[:, 1]).tolist()
FACTOR = 1.0


def twice(x):
    return 2.0 * x


class Model(Module):
    """A model that depends on whatever a model can depend on."""

    factor = 1.0

    def __init__(self, seed=0):
        self.network = MLP(2, [3, 1], activation="tanh", seed=seed)
        self.layer = Layer(2, 2, activation="sigmoid", seed=seed + 1)
        self.factors = [1.0, 0.5]
        self.options = {"shift": 0.0, "active": True}
        self.weights = np.array([0.5, -0.25])
        self.config = SimpleNamespace(threshold=0.25, function=tanh)
        self.function = lambda x: x * 1.0
        self.box = [1.0]

    def __call__(self, x):
        a, b = self.layer(x)
        y = self.network(x) * self.factors[0] * FACTOR + self.factors[-1] * a
        if self.options["active"]:
            y = y + self.weights[0] * b + self.options["shift"]
        if x[0] < self.config.threshold:
            y = y * self.box[0]
        return self.function(self.config.function(y * self.factor) + where(x[1] < 0, a, self.weights[1]))


def set_global(number):
    globals()["FACTOR"] = number


MUTATIONS = {
    "a neuron's nonlin": lambda m, c: setattr(m.network.layers[0].neurons[1], "nonlin", c < 0),
    "activations": lambda m, c: [setattr(n, "activation", "sin" if c < 0 else "relu") for n in m.layer.neurons],
    "a weight": lambda m, c: m.network.layers[0].neurons[0].w.__setitem__(0, Value(c)),
    "the weights of a neuron": lambda m, c: setattr(m.layer.neurons[0], "w", [Value(c), Value(-c)]),
    "a bias": lambda m, c: setattr(m.layer.neurons[1], "b", Value(c)),
    "data": lambda m, c: setattr(m.network.layers[1].neurons[0].b, "data", c),
    "a layer": lambda m, c: m.network.layers.__setitem__(0, Layer(2, 3, seed=int(c * 10))),
    "a list": lambda m, c: m.factors.__setitem__(0, c),
    "the length of a list": lambda m, c: m.factors.append(c),
    "a dict": lambda m, c: m.options.update(shift=c),
    "a flag in a dict": lambda m, c: m.options.update(active=c < 0),
    "an array": lambda m, c: m.weights.__setitem__(0, c),
    "an array in one arm": lambda m, c: m.weights.__setitem__(1, c),
    "a configuration": lambda m, c: setattr(m.config, "threshold", c),
    "a function": lambda m, c: setattr(m, "function", lambda x: x * c),
    "a function in a configuration": lambda m, c: setattr(m.config, "function", twice if c < 0 else tanh),
    "a list in one branch": lambda m, c: m.box.__setitem__(0, c),
    "a class attribute": lambda m, c: setattr(Model, "factor", c),
    "a global": lambda m, c: set_global(c),
    "nothing": lambda m, c: None,
}


@pytest.fixture(autouse=True)
def _as_it_was():
    yield
    Model.factor = 1.0
    set_global(1.0)


def plain_loop(model, epochs, change, batch_size=None, lr=0.05):
    """Train without anything of `fit`, and return the losses."""
    figures = []
    optimizer = SGD(model.parameters(), lr=lr)
    for epoch in range(epochs):
        order, size, total = np.arange(len(X)), batch_size or len(X), 0.0
        if batch_size:
            order = np.random.default_rng((0, epoch)).permutation(len(X))
        for start in range(0, len(X), size):
            batch = order[start : start + size]
            loss = losses.mse([model(X[i].tolist()) for i in batch], [Y[i] for i in batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.data * len(batch) / len(X)
        figures.append(total)
        change(model, epoch)
    return figures


def assert_fit_equals_the_loop(make, epochs, change, batch_size=None, rel=1e-9):
    results = []
    for compiled in (True, False):
        Model.factor = 1.0
        set_global(1.0)
        random.seed(3)
        np.random.seed(3)
        model = make()
        if compiled:
            history = fit(
                model, X, Y, optimizer=SGD(model.parameters(), lr=0.05), epochs=epochs, batch_size=batch_size,
                callbacks=[lambda model, history: bool(change(model, history.epochs - 1)) and False],
            )["loss"]  # fmt: skip
        else:
            history = plain_loop(model, epochs, change, batch_size)
        results.append((history, [p.data for p in model.parameters()], random.random(), np.random.rand()))
    for got, expected in zip(*results, strict=True):
        assert got == pytest.approx(expected, rel=rel, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from(sorted(MUTATIONS)), st.floats(-1.0, 1.0, width=16)), max_size=3),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([None, 4]),
)
def test_any_changes_between_epochs_are_seen(changes, batch_size):
    def change(model, epoch):
        for name, number in changes[epoch]:
            MUTATIONS[name](model, number)

    assert_fit_equals_the_loop(Model, len(changes), change, batch_size)


@pytest.mark.parametrize("name", MUTATIONS)
def test_every_kind_of_change_is_seen(name):
    def change(model, epoch):
        MUTATIONS[name](model, (0.75, -0.5, 0.5, -0.25)[epoch])

    assert_fit_equals_the_loop(Model, 4, change)


class Noisy(Module):
    """A model with noise from a source of its own or of everyone's."""

    def __init__(self, draw, *held):
        self.network = MLP(2, [3, 1], activation="tanh", seed=0)
        self.draw, self.held = draw, list(held)

    def __call__(self, x):
        return self.network(x) + 0.1 * self.draw(*self.held)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Noisy(random.random),
        lambda: Noisy(lambda: random.gauss(0.0, 1.0)),
        lambda: Noisy(np.random.rand),
        lambda: Noisy(np.random.randn),
        lambda: Noisy(lambda rng: rng.random(), random.Random(0)),
        lambda: Noisy(lambda rng: rng.gauss(0.0, 1.0), random.Random(0)),
        lambda: Noisy(lambda rng: rng.normal(), np.random.default_rng(0)),
        lambda: Noisy(lambda rng: float(rng.integers(2**40)) / 2**40, np.random.Generator(np.random.MT19937(0))),
        lambda: Noisy(lambda rng: rng.normal(), np.random.RandomState(0)),
    ],
)
@pytest.mark.parametrize("batch_size", [None, 4])
def test_a_model_that_draws_random_numbers_draws_for_every_row(make, batch_size):
    assert_fit_equals_the_loop(make, 3, lambda model, epoch: None, batch_size, rel=1e-12)


def test_a_model_that_another_call_changes_is_called_for_every_row():
    counts = iter(range(1_000_000))
    calls = []

    def count():
        calls.append(next(counts))
        return calls[-1] % 3

    model = Noisy(count)
    fit(model, X, Y, optimizer=SGD(model.parameters(), lr=0.05), epochs=2)
    # Twice to find out.
    assert len(calls) == 2 + 2 * len(X)
    # So is one that draws from a generator out of sight.
    rng = np.random.default_rng(0)
    model = Noisy(lambda: rng.random())
    before = rng.bit_generator.state
    fit(model, X, Y, optimizer=SGD(model.parameters(), lr=0.05), epochs=2)
    other = np.random.default_rng(0)
    other.random(2 + 2 * len(X))
    assert rng.bit_generator.state == other.bit_generator.state != before


def test_without_callbacks_a_model_is_called_twice():
    calls = []
    model = Noisy(lambda: calls.append(0) or 0.0)
    fit(model, X, Y, epochs=5)
    assert len(calls) == 2
    # With them, it is called once more in every epoch.
    calls.clear()
    fit(model, X, Y, epochs=5, callbacks=[lambda model, history: False])
    assert len(calls) == 2 + 5 - 1


def test_a_model_with_a_branch_that_all_rows_take_is_compiled_once():
    calls = []

    class Branching(Module):
        def __init__(self):
            self.w = Value(0.5)

        def __call__(self, x):
            calls.append(0)
            return x[0] * self.w if x[1] < 5.0 else x[1] * self.w

    fit(Branching(), X, Y, epochs=5, callbacks=[lambda model, history: False])
    assert len(calls) == 2 + 5 - 1


@custom_vjp
def square(x):
    return x * x


square.defvjp(lambda x: (x * x, x), lambda x, g: (2.0 * g * x,))
NETWORK = MLP(2, [3, 2], seed=0)
COMPILED = compile(lambda x, y: x * y if x < y else x / 3.0)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: functions.sum([x, 2.0, y]),
        lambda x, y: functions.dot([x, 2.0], [y, 0.5]),
        lambda x, y: functions.logsumexp([x, y]) + functions.softmax([1.0, x, y])[1],
        lambda x, y: losses.huber([x, 1.0], [2.0, y]),
        lambda x, y: losses.cross_entropy([[x, y, 0.5]], [1]),
        lambda x, y: NETWORK([x, 0.5])[0] + NETWORK([x, y])[1],
        lambda x, y: square(x) + y,
        lambda x, y: COMPILED(x, 1e9) + COMPILED(y, 1e9),
    ],
)
def test_what_a_trace_records_does_not_depend_on_the_point(function):
    assert trace(function, 0.25, 0.5)._is_same(trace(function, -3.0, 4.0))
    assert not trace(function, 0.25, 0.5)._is_same(trace(lambda x, y: function(y, x) * 1.5, 0.25, 0.5))


def test_a_custom_derivative_stays_compiled():
    calls = []

    class Squared(Module):
        def __init__(self):
            self.network = MLP(2, [3, 1], activation="tanh", seed=0)

        def __call__(self, x):
            calls.append(type(x[0]))
            return square(self.network(x))

    assert_fit_equals_the_loop(Squared, 3, lambda model, epoch: None)
    assert calls.count(Value) == 4


@pytest.mark.parametrize(
    "draw", [random.random, lambda: random.gauss(0.0, 1.0), np.random.rand, lambda: np.random.randint(1 << 30)]
)
def test_a_compiled_function_that_draws_random_numbers_is_an_error(draw):
    added, scaled = compile(lambda x: x + draw()), compile(lambda x: x * draw())
    for call, argument in ((added, 1.0), (grad(scaled), 1.0), (vmap(added), [1.0]), (compile(vmap(scaled)), [1.0])):
        with pytest.raises(RuntimeError, match=r"draws random numbers.* pass them as arguments"):
            call(argument)
    # Nothing is wrong if the result does not depend on them, or if the function is traced in every call.
    assert compile(lambda x: x + 0.0 * round(draw() * 0.0))(1.0) == 1.0
    assert grad(lambda x: x * draw())(1.0) != grad(lambda x: x * draw())(1.0)


def test_another_generator_of_numpy():
    before = np.random.get_bit_generator()
    np.random.set_bit_generator(np.random.PCG64(0))
    try:
        with pytest.raises(RuntimeError, match="draws random numbers"):
            compile(lambda x: x + np.random.rand())(1.0)
    finally:
        np.random.set_bit_generator(before)
