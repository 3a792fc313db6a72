"""What users do wrong: the error says what it was and what to do, or what they did works as they expect."""

import math

import numpy as np
import pytest

from autograd import (
    MLP,
    Value,
    check_grad,
    checkpoint,
    compile,
    custom_vjp,
    functions,
    grad,
    hessian,
    jacobian,
    losses,
    trace,
    vmap,
    where,
)
from autograd.datasets import make_moons
from autograd.nn import Layer, Module, Neuron
from autograd.optim import SGD, Adam
from autograd.schedules import StepLR
from autograd.training import evaluate, fit, predict, validation_split

X = np.array([[0.0, 1.0, 2.0], [1.0, 0.5, 1.0], [2.0, 2.0, -1.0], [1.0, 1.5, 1.0]])
Y = np.array([0, 1, 0, 1])
LOSSES = ["mse", "binary_cross_entropy"]


@pytest.fixture
def model():
    return MLP(3, [4, 1], activation="tanh", seed=1)


class Own(Module):
    """A model that is called row by row."""

    def __init__(self, outputs=1):
        self.inner = MLP(3, [outputs], seed=2)

    def __call__(self, x):
        outputs = self.inner(x)
        return [output.log() for output in outputs] if isinstance(outputs, list) else outputs * 2.0


def with_entry(item, at=(1, 2)):
    rows = X.tolist()
    rows[at[0]][at[1]] = item
    return rows


# Data


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("make", [list, np.array], ids=["list", "array"])
def test_inputs_that_are_not_finite(model, number, make):
    message = rf"^X must hold finite numbers, got {number} in row 1, column 2 \(from 0\): leave such rows out"
    for use in (fit, evaluate):
        with pytest.raises(ValueError, match=message):
            use(model, make(with_entry(number)), Y)
    with pytest.raises(ValueError, match="^X of the validation data must hold finite"):
        fit(model, X, Y, validation=(make(with_entry(number)), Y))
    # A prediction is a calculation with what is there.
    assert np.isfinite(predict(model, make(with_entry(number)))).tolist() in ([True] * 4, [True, False, True, True])


@pytest.mark.parametrize("item", [None, "a", "1.5", 1j, object(), [1.0, 2.0], np.datetime64("2000-01-01"), Value(1.0)])
def test_inputs_that_are_no_numbers(model, item):
    message = rf"^X must hold numbers, got {type(item).__name__} .* in row 1, column 2 \(from 0\)"
    for use in (lambda X: fit(model, X, Y), lambda X: evaluate(model, X, Y), lambda X: predict(model, X)):
        with pytest.raises(TypeError, match=message):
            use(with_entry(item))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_targets_that_are_not_finite(model, loss, number):
    targets = [0, 1, number, 1]
    for use in (fit, evaluate):
        with pytest.raises(ValueError, match=rf"^y must hold finite numbers, got {number} in row 2 \(from 0\)"):
            use(model, X, targets, loss=loss)
    with pytest.raises(ValueError, match="^y of the validation data must hold finite numbers, got .* in row 2"):
        fit(model, X, Y, loss=loss, validation=(X, targets))
    with pytest.raises(ValueError, match=r"^y must hold finite numbers, got .* in row 2, column 1 \(from 0\)"):
        fit(Own(2), X, [[0, 1], [0, 1], [0, number], [0, 1]], loss=loss)


@pytest.mark.parametrize("item", [None, "yes", 1j, object()])
@pytest.mark.parametrize("loss", [*LOSSES, "cross_entropy"])
def test_targets_that_are_no_numbers(model, loss, item):
    with pytest.raises(TypeError, match=rf"^y must hold numbers, got {type(item).__name__} .* in row 2 \(from 0\)"):
        fit(model, X, [0, 1, item, 1], loss=loss)


def test_labels_in_the_place_of_class_numbers(model):
    with pytest.raises(TypeError, match=r"got str 'a' in row 0 .*numpy.unique\(labels, return_inverse=True\) numbers"):
        fit(model, X, ["a", "b", "a", "b"], loss="cross_entropy")


def test_a_loss_of_the_users_takes_targets_as_they_are(model):
    def masked(outputs, targets):
        return losses.mse(*zip(*((o, t) for o, t in zip(outputs, targets, strict=True) if t == t), strict=True))

    assert fit(model, X, [0.0, math.nan, 1.0, 0.0], loss=masked, epochs=2).epochs == 2
    assert fit(model, X, list("abab"), loss=lambda o, t: losses.mse(o, [ord(c) for c in t]), epochs=2).epochs == 2
    with pytest.raises(ValueError, match="^y must hold finite numbers, got nan in row 1"):
        fit(model, X, [0.0, math.nan, 1.0, 0.0], loss=lambda outputs, targets: losses.mse(outputs, targets))


def test_rows_of_several_lengths(model):
    with pytest.raises(ValueError, match=r"^X must have rows of one length, got 3 in row 0 and 2 in row 2"):
        fit(model, [[1, 2, 3], [1, 2, 3], [1, 2]], [1, 2, 3])
    with pytest.raises(ValueError, match=r"^X must have rows of one length, got 3 in row 0 and a number in row 1"):
        predict(model, [[1, 2, 3], 4.0])


@pytest.mark.parametrize("loss", [*LOSSES, "cross_entropy"])
@pytest.mark.parametrize("compiled", [True, False])
def test_targets_in_a_column(loss, compiled):
    """A column of targets is the same as a row of them."""
    outputs = 2 if loss == "cross_entropy" else 1
    for make in (lambda: MLP(3, [4, outputs], seed=1), lambda: Own(outputs) if outputs == 1 else MLP(3, [2], seed=1)):
        records = []
        for targets in (Y, Y[:, None], Y[:, None].tolist()):
            model = make()
            options = {"loss": loss, "epochs": 3, "compiled": compiled}
            record = fit(model, X, targets, **options, validation=0.5, batch_size=1)
            record |= fit(model, X, targets, **options, validation=(X, targets))
            records.append((dict(record), evaluate(model, X, targets, loss=loss)))
        assert records[0] == records[1] == records[2]


@pytest.mark.parametrize(
    ("outputs", "targets", "loss", "message"),
    [
        (1, [[0, 1]] * 4, "mse", "the model returns one number for each row, y has a list of 2"),
        (2, Y, "mse", "the model returns a list of 2 for each row, y has one number"),
        (2, Y[:, None], "mse", "the model returns a list of 2 for each row, y has a list of 1"),
        (2, np.eye(3)[Y], "cross_entropy", "takes the number of a class .* got 3 targets in a row of y for 2 outputs"),
        (1, Y, "cross_entropy", "takes a score for each class, got a model of one output: .* binary_cross_entropy"),
        (1, np.zeros((4, 1, 1)), "mse", r"y must have the shape \(rows,\) or \(rows, outputs\), got \(4, 1, 1\)"),
        (1, 3.0, "mse", r"y must have the shape \(rows,\) or \(rows, outputs\), got \(\)"),
    ],
)
def test_targets_of_another_shape(outputs, targets, loss, message):
    with pytest.raises(ValueError, match=message):
        fit(MLP(3, [outputs]), X, targets, loss=loss)


@pytest.mark.parametrize("make", [lambda: MLP(3, [4, 2]), lambda: Layer(3, 2), lambda: Neuron(3)])
@pytest.mark.parametrize(
    "form", [np.ndarray.tolist, lambda rows: tuple(map(tuple, rows)), list, lambda rows: [list(rows[0]), *rows[1:]]]
)
def test_a_batch_as_lists(make, form):
    module = make()
    got, expected = module(form(X)), module(X)
    assert [value.data for value in np.ravel(got)] == [value.data for value in np.ravel(expected)]
    functions.sum(list(np.ravel(got))).backward()
    gradients = [parameter.grad for parameter in module.parameters()]
    module.zero_grad()
    functions.sum(list(np.ravel(expected))).backward()
    assert gradients == [parameter.grad for parameter in module.parameters()]


def test_a_batch_of_values_as_lists(model):
    values = [[Value(number) for number in row] for row in X.tolist()]
    outputs = model(values)
    assert [output.data for output in outputs] == [output.data for output in model(X)]
    outputs[1].backward()
    assert values[1][0].grad != 0 and values[0][0].grad == 0


@pytest.mark.parametrize("module", [MLP(3, [1], activation=lambda x: x), Layer(3, 2), Neuron(3)], ids=type)
def test_wrong_batches_as_lists(module):
    with pytest.raises(ValueError, match=r"expects 3 inputs, got 2 in row 1$"):
        module([[1, 2, 3], [1, 2]])
    with pytest.raises(TypeError, match=r"expects Values or numbers as inputs, got NoneType None at index 2 of row 1"):
        module(with_entry(None))
    with pytest.raises(TypeError, match=r"expects rows of 3 inputs, got float as row 1$"):
        module([[1, 2, 3], 4.0])


class Frame:
    """A table of another library, as NumPy sees it."""

    def __init__(self, rows):
        self.rows = np.asarray(rows)
        self.ndim, self.shape = self.rows.ndim, self.rows.shape

    def __array__(self, dtype=None, copy=None):
        return np.array(self.rows, dtype=dtype)

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        return iter("abc")

    def __getitem__(self, key):
        raise KeyError(key)


def test_tables_of_other_libraries(model):
    for module in (model, Layer(3, 2), Neuron(3)):
        got, expected = module(Frame(X)), module(X)
        assert [value.data for value in np.ravel(got)] == [value.data for value in np.ravel(expected)]
        assert np.ravel(module(Frame(X[0])))[0].data == np.ravel(expected)[0].data
    assert predict(model, Frame(X)).tolist() == predict(model, X).tolist()
    assert evaluate(model, Frame(X), Frame(Y[:, None])) == evaluate(model, X, Y)
    assert fit(model, Frame(X), Frame(Y), validation=(Frame(X), Frame(Y)), epochs=1).epochs == 1


def test_data_frames(model):
    pandas = pytest.importorskip("pandas")
    frame, targets = pandas.DataFrame(X, columns=list("abc")), pandas.DataFrame({"y": Y})
    assert [output.data for output in model(frame)] == [output.data for output in model(X)]
    assert model(frame.iloc[0]).data == model(X[0]).data
    assert predict(model, frame).tolist() == predict(model, X).tolist()
    assert fit(model, frame, targets, epochs=1).epochs == fit(model, frame, targets["y"], epochs=1).epochs == 1
    frame.loc[1, "c"] = None
    with pytest.raises(ValueError, match="got nan in row 1, column 2"):
        fit(model, frame, Y)


def test_data_frames_with_categories():
    pandas = pytest.importorskip("pandas")
    town = pandas.Categorical(["south", "north", "west", "north"], categories=["north", "east", "south", "west"])
    frame = pandas.DataFrame({"area": [1.5, 2.0, 0.5, 1.0], "town": town, "garden": [True, False, True, True]})
    rows = np.array([[1.5, 0, 0, 1, 0, 1], [2.0, 1, 0, 0, 0, 0], [0.5, 0, 0, 0, 1, 1], [1.0, 1, 0, 0, 0, 1]])
    model = MLP(6, [4, 4], seed=0)
    assert [[x.data for x in row] for row in model(frame)] == [[x.data for x in row] for row in model(rows)]
    assert predict(model, frame).tolist() == predict(model, rows).tolist()
    for targets in (town, frame["town"]):
        histories = [
            fit(MLP(6, [4, 4], seed=0), X, y, loss="cross_entropy", epochs=3, validation=(X, y))
            for X, y in ((frame, targets), (rows, [2, 0, 3, 0]))
        ]
        assert histories[0] == histories[1]
    frame.loc[2, "town"] = None
    with pytest.raises(ValueError, match="X must hold finite numbers, got nan in row 2, column 1"):
        fit(model, frame, [0, 1, 2, 3], loss="cross_entropy")
    with pytest.raises(ValueError, match="y must hold finite numbers, got nan in row 2"):
        fit(model, rows, frame["town"], loss="cross_entropy")
    frame["town"] = frame["town"].astype(object)
    with pytest.raises(TypeError, match="X must hold numbers, got str 'south' in row 0, column 1"):
        fit(model, frame, Y)


# Options


def test_metrics_by_name(model):
    for metrics in (["accuracy", "mae"], ("accuracy", "mae"), {"accuracy": "accuracy", "mae": losses.mae}):
        assert evaluate(model, X, Y, metrics=metrics).keys() == {"loss", "accuracy", "mae"}
        history = fit(model, X, Y, metrics=metrics, epochs=2, validation=[X, Y])
        assert all(type(figure) is float for series in history.values() for figure in series)
    assert fit(model, X, Y, metrics="accuracy", epochs=1).keys() == {"loss", "accuracy"}
    assert fit(model, X, Y, metrics=losses.accuracy, epochs=1).keys() == {"loss", "accuracy"}
    assert fit(model, X, Y, metrics=[], loss="binary_cross_entropy", epochs=1).keys() == {"loss"}
    with pytest.raises(ValueError, match="a metric must be one of accuracy, .*, got 'auc'"):
        fit(model, X, Y, metrics=["auc"])


def test_validation_as_a_list(model):
    histories = [fit(MLP(3, [2, 1], seed=1), X, Y, epochs=2, validation=pair) for pair in ((X, Y), [X, Y])]
    assert histories[0] == histories[1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"validation": X}, TypeError, r"must be the share of rows to hold out or a pair \(X, y\), got ndarray"),
        ({"validation": (X, Y, Y)}, TypeError, "got tuple"),
        ({"validation": "0.2"}, TypeError, "got str"),
        ({"validation": (X, Y[:2])}, ValueError, "X and y of the validation data must have the same number"),
        ({"optimizer": SGD}, TypeError, r"optimizer, such as SGD\(model.parameters\(\), lr=0.1\), got <class"),
        ({"schedule": StepLR}, ValueError, r"of the optimizer that is given, such as StepLR\(optimizer, 10\)"),
        ({"callbacks": print}, TypeError, r"callbacks must be a sequence of functions, such as \[f\]"),
        ({"epochs": 1.5}, TypeError, "epochs must be an integer, got float 1.5"),
        ({"batch_size": 2.0}, TypeError, "batch_size must be an integer, got float 2.0"),
    ],
)
def test_options_of_another_kind(model, options, error, message):
    with pytest.raises(error, match=message):
        fit(model, X, Y, **options)


def test_a_class_in_the_place_of_a_model():
    with pytest.raises(TypeError, match=r"model must be an object, such as MLP\(...\), got the class itself"):
        fit(MLP, X, Y)


@pytest.mark.parametrize("make", [lambda outputs: MLP(3, [2, outputs]), lambda outputs: Layer(3, outputs), Own])
def test_predictions_for_no_rows(make):
    assert predict(make(1), np.zeros((0, 3))).shape == (0,)
    assert predict(make(3), np.zeros((0, 3))).shape == (0, 3)


# Values


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        *[(name, "label") for name in ("lable", "labl", "lebel", "labels", "laabel")],
        *[(name, "grad") for name in ("gard", "grd", "graad", "grads")],
        *[(name, "data") for name in ("dat", "dta", "dtaa", "dataa", "daat")],
        *[(name, "_backward") for name in ("_bakward", "_backwards", "_bacward", "_backwrad")],
        *[(name, "_prev") for name in ("_perv", "_prevv")],
    ],
)
def test_misspelt_attributes(name, ours):
    for value in (Value(1.0), Value(1.0) * 2.0, Value(1.0, (Value(2.0),), "f")):
        with pytest.raises(AttributeError, match=f"no attribute '{name}': did you mean '{ours}'"):
            setattr(value, name, 1.0)
        assert not hasattr(value, name)


FREE = ["m", "v", "momentum", "velocity", "m_hat", "id", "name", "grad2", "grad_sq", "old_grad", "_grad", "_data"]
FREE += ["data_", "date", "rate", "grid", "state", "level", "beta", "delta", "lr", "op", "prev", "requires_grad"]
FREE += ["hook", "backward_hook", "shape", "mean", "größe", "x"]


def test_free_attributes():
    value = Value(1.0)
    for name in FREE:
        setattr(value, name, 7)
        assert getattr(value, name) == 7
    delattr(value, "m")
    assert not hasattr(value, "m") and vars(value).keys() == {*FREE} - {"m"}
    for i in range(3000):
        setattr(value, f"x{i}", i)
    assert value.x2999 == 2999
    with pytest.raises(AttributeError, match="data cannot be deleted"):
        del value.data
    with pytest.raises(TypeError):
        setattr(value, 3, 4)

    class Sub(Value):
        pass

    sub = Sub(1.0)
    sub.lable = "a subclass has its own names"
    sub.data = 2.0
    assert (sub.lable, sub.data) == ("a subclass has its own names", 2.0)


PLAIN = {
    "range": lambda n: range(n),
    "index of a list": lambda n: [1, 2, 3][n],
    "slice": lambda n: [1, 2, 3][:n],
    "repetition": lambda n: [1] * n,
    "repetition, reflected": lambda n: n * "a",
    "int": int,
    "float": float,
    "math": math.exp,
    "array of floats": lambda n: np.array([n], float),
    "item of an array of floats": lambda n: np.zeros(2).__setitem__(0, n),
}


@pytest.mark.parametrize("use", PLAIN.values(), ids=PLAIN)
def test_values_as_plain_numbers(use):
    with pytest.raises(TypeError, match=r"plain number .* would lose its gradient: take .data.* dtype=object"):
        use(Value(1.0))

    def f(x, n):
        use(n)
        return x

    with pytest.raises(TypeError, match=r"plain number .* is traced.*static_argnums=1.* by position"):
        compile(f)(2.0, 1)
    if use not in (int, float, math.exp):
        assert compile(f, static_argnums=1)(2.0, 1) == grad(f)(2.0, 1) + 1.0 == 2.0


@pytest.mark.parametrize(
    "use", [lambda k: {1: "a"}[k], lambda k: {1: "a"}.get(k), lambda k: k in {1, 2}, lambda k: {k: 1}, lambda k: {k}]
)
def test_traced_keys(use):
    def f(x, k):
        return x * 2.0 if use(k) else x * 3.0

    with pytest.raises(TypeError, match=r"key of a dict or a member of a set while .* traced.*static_argnums"):
        compile(f)(2.0, 1)
    assert compile(f, static_argnums=1)(2.0, 1) == 4.0
    assert isinstance({Value(1.0): 1, Value(1.0): 2}, dict)


def test_values_from_outside_are_keys_in_a_trace():
    weights = {Value(2.0): 1.5}
    assert compile(lambda x: functions.sum([key * x * weights[key] for key in weights]))(2.0).data == 6.0


# Arrays whose numbers are not all there is


def masked(data):
    return np.ma.masked_array(data, mask=np.asarray(data) == 1)


def matrix(data):
    with pytest.warns(PendingDeprecationWarning):
        return np.matrix(data)


def with_imaginary_part(data):
    return np.asarray(data) * (1 + 0j)


@custom_vjp
def total(x):
    return sum(x)


total.defvjp(lambda x: (sum(x), len(x)), lambda n, g: ([g] * n,))


class LinearModel(Module):
    def __init__(self):
        self.w = [Value(0.5) for _ in range(3)]

    def __call__(self, x):
        return functions.dot(self.w, x)


USES = {
    "fit, inputs": lambda a: fit(MLP(3, [1]), a(X), Y, epochs=1),
    "fit, targets": lambda a: fit(MLP(3, [1]), X, a(Y), epochs=1),
    "fit, the user's loss": lambda a: fit(MLP(3, [1]), X, a(Y), epochs=1, loss=lambda o, t: losses.mse(o, t)),
    "fit, rows": lambda a: fit(MLP(3, [1]), [a(row) for row in X], Y, epochs=1),
    "fit, validation": lambda a: fit(MLP(3, [1]), X, Y, epochs=1, validation=(a(X), Y)),
    "evaluate": lambda a: evaluate(MLP(3, [1]), a(X), Y),
    "predict": lambda a: predict(MLP(3, [1]), a(X)),
    "split": lambda a: validation_split(a(Y), 0.5),
    "model, batch": lambda a: MLP(3, [2])(a(X)),
    "model, row": lambda a: MLP(3, [2])(a(X[1])),
    "model, rows": lambda a: MLP(3, [2])([a(row) for row in X]),
    "model without a plan": lambda a: MLP(3, [2, 1], activation=lambda x: x * 2)(a(X)),
    "layer": lambda a: Layer(3, 2)(a(X)),
    "neuron": lambda a: Neuron(3)(a(X[1])),
    "own model": lambda a: LinearModel()(a(X[1])),
    "sum": lambda a: functions.sum(a(X[1])),
    "mean": lambda a: functions.mean(a(X[1])),
    "dot": lambda a: functions.dot(X[1], a(X[1])),
    "softmax": lambda a: functions.softmax(a(X[1])),
    "logsumexp": lambda a: functions.logsumexp(a(X[1])),
    "mse": lambda a: losses.mse(a(X[1]), X[1]),
    "mse, targets": lambda a: losses.mse(X[1], a(X[1])),
    "mse, rows": lambda a: losses.mse(a(X), X),
    "cross entropy": lambda a: losses.cross_entropy(a(X), Y),
    "cross entropy, targets": lambda a: losses.cross_entropy(X, a(Y)),
    "accuracy": lambda a: losses.accuracy(a(X[:, 0]), Y),
    "exp": lambda a: functions.exp(a(X[1])),
    "sigmoid": lambda a: functions.sigmoid(a(X[1])),
    "maximum": lambda a: functions.maximum(a(X[1]), X[1]),
    "product": lambda a: Value(2.0) * a(X[1]),
    "product, reflected": lambda a: a(X[1]) * Value(2.0),
    "where": lambda a: where(X[1] > 0, a(X[1]), 0.0),
    "custom_vjp": lambda a: total(a(X[1])),
    "compile": lambda a: compile(functions.sum)(a(X[1])),
    "compile, replay": lambda a: (f := compile(functions.sum), f(X[1]), f(a(X[1]))),
    "grad": lambda a: grad(functions.sum)(a(X[1])),
    "jacobian": lambda a: jacobian(functions.softmax)(a(X[1])),
    "hessian": lambda a: hessian(functions.logsumexp)(a(X[1])),
    "vmap": lambda a: vmap(functions.sum)(a(X)),
    "vmap, replay": lambda a: (f := compile(vmap(functions.sum)), f(X), f(a(X))),
    "trace": lambda a: trace(functions.sum, a(X[1])),
    "check_grad": lambda a: check_grad(functions.sum, a(X[1])),
    "optimizer state": lambda a: with_state(a),
    "checkpoint": lambda a: checkpoint.save("/nowhere/at/all.npz", {"x": a(X)}),
}


def with_state(a):
    optimizer = Adam([Value(1.0), Value(2.0)])
    state = optimizer.state_dict()
    state["state"][0]["exp_avg"] = a([1.0, 2.0])
    optimizer.load_state_dict(state)


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (masked, r"got a masked array; \.filled\(number\) and \.compressed\(\) make plain arrays"),
        (matrix, r"got a matrix; numpy\.asarray\(\) makes a plain array"),
        (with_imaginary_part, r"got dtype complex128; take \.real|got an array of complex128"),
    ],
    ids=["masked", "matrix", "complex"],
)
def test_arrays_that_mean_more_than_their_numbers(use, make, message):
    with pytest.raises(TypeError, match=message):
        use(make)


def test_other_subclasses_of_arrays_are_arrays(tmp_path):
    mapped = np.memmap(tmp_path / "x", float, mode="w+", shape=X.shape)
    mapped[:] = X
    assert MLP(3, [1], seed=0)(mapped)[1].data == MLP(3, [1], seed=0)(X)[1].data
    assert vmap(functions.sum)(mapped).tolist() == X.sum(axis=1).tolist()


def test_decision_boundaries():
    pytest.importorskip("matplotlib.pyplot").switch_backend("agg")
    from autograd.draw import plot_decision_boundary

    points, classes = make_moons(10, random_state=0)
    with pytest.raises(TypeError, match="X must be an array .*, got a masked array"):
        plot_decision_boundary(MLP(2, [1]), masked(points), classes)
