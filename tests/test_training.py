"""The training loop: its numbers, its record, interruption and continuation, and its errors."""

import copy
import math
import random

import numpy as np
import pytest

from autograd import MLP, Value, functions, losses, optim
from autograd.datasets import make_moons
from autograd.nn import Dropout, Layer, Module
from autograd.optim import SGD, Adam, AdamW
from autograd.schedules import StepLR
from autograd.training import LOSSES, OPTIMIZERS, EarlyStopping, History, evaluate, fit, predict, validation_split

X, Y = make_moons(20, noise=0.1, random_state=0)


def numbers(model):
    return [parameter.data for parameter in model.parameters()]


class Watched(MLP):
    """A model that notes the rows it is called with, and fails at a given call."""

    def __init__(self, *arguments, fail_at=None, error=None, **options):
        super().__init__(*arguments, **options)
        self.calls, self.fail_at, self.error = [], fail_at, error

    def __call__(self, x):
        self.calls.append(tuple(x))
        if len(self.calls) == self.fail_at:
            raise self.error
        return super().__call__(x)


def test_full_batches_are_the_loop_written_by_hand():
    fitted, plain = MLP(2, [4, 1], seed=1), MLP(2, [4, 1], seed=1)
    history = fit(fitted, X, 2 * Y - 1, loss="hinge", optimizer=SGD(fitted.parameters(), lr=0.3), epochs=5, l2=1e-3)
    expected = []
    for _ in range(5):
        data_loss = losses.hinge([plain(row) for row in X.tolist()], (2 * Y - 1).tolist())
        parameters = plain.parameters()
        plain.zero_grad()
        (data_loss + 1e-3 * functions.dot(parameters, parameters)).backward()
        for p in parameters:
            p.data -= 0.3 * p.grad
        expected.append(data_loss.data)
    assert history["loss"] == pytest.approx(expected, rel=1e-12)
    assert numbers(fitted) == pytest.approx(numbers(plain), rel=1e-12)


def test_least_squares_by_gradient_descent():
    x = np.linspace(-1, 1, 9)
    model = MLP(1, [1], seed=0)
    history = fit(model, x[:, None], 3 * x - 0.5, optimizer=SGD(model.parameters(), lr=0.5), epochs=200)
    assert history["loss"][-1] < 1e-20 < history["loss"][0]
    assert numbers(model) == pytest.approx([3, -0.5], abs=1e-9)
    assert set(history) == {"loss"}


def test_several_classes_with_validation():
    points = np.concatenate([X, X[:10] + [0, 5]])
    classes = np.concatenate([Y, np.full(10, 2)])
    model = MLP(2, [8, 3], activation="tanh", seed=0)
    optimizer = Adam(model.parameters(), lr=0.05)
    history = fit(
        model, points, classes, loss="cross_entropy", optimizer=optimizer, epochs=30, batch_size=8, validation=0.2
    )
    assert set(history) == {"loss", "accuracy", "validation_loss", "validation_accuracy"}
    assert all(len(series) == history.epochs == 30 for series in history.values())
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    assert history["validation_accuracy"][-1] > 0.8
    assert predict(model, points).shape == (30, 3)
    _, held_out = validation_split(classes, 0.2)
    figures = evaluate(model, points[held_out], classes[held_out], loss="cross_entropy")
    assert figures == {"loss": history["validation_loss"][-1], "accuracy": history["validation_accuracy"][-1]}


def test_the_recorded_loss_is_the_mean_over_rows_met():
    model = MLP(2, [1], seed=0)
    before = evaluate(model, X, Y, loss="binary_cross_entropy")
    frozen = SGD(model.parameters(), lr=0.0)
    history = fit(model, X, Y, loss="binary_cross_entropy", optimizer=frozen, epochs=1, batch_size=7, l2=10.0)
    assert history["loss"] == pytest.approx([before["loss"]], rel=1e-14)
    assert history["accuracy"] == pytest.approx([before["accuracy"]], rel=1e-14)


def test_every_epoch_meets_every_row_once_in_a_new_order():
    model = Watched(2, [1], seed=0)
    fit(model, X, Y, epochs=2, batch_size=6, seed=5, compiled=False)
    first, second = model.calls[:20], model.calls[20:]
    assert sorted(first) == sorted(second) == sorted(map(tuple, X.tolist()))
    assert first != second
    again = Watched(2, [1], seed=0)
    fit(again, X, Y, epochs=2, batch_size=6, seed=5, compiled=False)
    assert again.calls == model.calls and numbers(again) == numbers(model)
    other = Watched(2, [1], seed=0)
    fit(other, X, Y, epochs=2, batch_size=6, seed=6, compiled=False)
    assert other.calls != model.calls


def test_held_out_rows_are_not_trained_on():
    model = Watched(2, [1], seed=0)
    fit(model, X, Y, epochs=1, batch_size=4, validation=0.25, seed=3, compiled=False)
    training, held_out = validation_split(Y, 0.25, seed=3)
    assert sorted(model.calls[:15]) == sorted(map(tuple, X[training].tolist()))
    assert model.calls[15:] == list(map(tuple, X[held_out].tolist()))
    own = Watched(2, [1], seed=0)
    history = fit(own, X, Y, epochs=1, validation=(X[:3], Y[:3]), compiled=False)
    assert len(own.calls) == 23 and own.calls[20:] == list(map(tuple, X[:3].tolist()))
    assert history["validation_loss"] == [evaluate(own, X[:3], Y[:3])["loss"]]


def test_own_loss_metrics_and_optimizer_by_name():
    model = MLP(2, [3, 1], seed=0)
    history = fit(
        model,
        X,
        Y,
        loss=lambda outputs, targets: functions.mean([abs(o - t) for o, t in zip(outputs, targets, strict=True)]),
        optimizer="sgd",
        metrics={"count": lambda outputs, targets: float(len(outputs))},
        epochs=3,
    )
    assert history["count"] == [20.0] * 3
    assert history["loss"][0] > history["loss"][-1]


def test_callbacks_see_every_epoch_and_may_end_the_run():
    seen = []
    model = MLP(2, [1], seed=0)

    def stop(model, history):
        return history.epochs == 3

    history = fit(model, X, Y, epochs=9, callbacks=[stop, lambda m, h: seen.append((m, h.epochs))])
    assert seen == [(model, 1), (model, 2), (model, 3)]
    assert history.epochs == 3 and not history.interrupted


def test_no_epochs_change_nothing():
    model = MLP(2, [1], seed=0)
    before = numbers(model)
    assert fit(model, X, Y, epochs=0) == {}
    assert numbers(model) == before


def test_two_runs_in_succession_are_one():
    whole, parts = MLP(2, [4, 1], seed=1), MLP(2, [4, 1], seed=1)
    options = {"loss": "binary_cross_entropy", "batch_size": 6, "validation": 0.2, "seed": 2}
    expected = fit(whole, X, Y, optimizer=Adam(whole.parameters(), lr=0.02), epochs=7, **options)
    optimizer = Adam(parts.parameters(), lr=0.02)
    first = fit(parts, X, Y, optimizer=optimizer, epochs=3, **options)
    history = fit(parts, X, Y, optimizer=optimizer, epochs=4, history=first, **options)
    assert history == expected and first.epochs == 3
    assert numbers(parts) == numbers(whole)


def test_a_run_continued_with_other_figures_has_series_of_one_length():
    model = MLP(2, [1], seed=0)
    history = fit(model, X, Y, loss="binary_cross_entropy", epochs=2, metrics={})
    history = fit(model, X, Y, loss="binary_cross_entropy", epochs=3, validation=0.2, history=history)
    history = fit(model, X, Y, loss="binary_cross_entropy", epochs=1, history=history)
    known = {name: [not math.isnan(value) for value in series] for name, series in history.items()}
    assert known == {
        "loss": [True] * 6,
        "accuracy": [False, False, True, True, True, True],
        "validation_loss": [False, False, True, True, True, False],
        "validation_accuracy": [False, False, True, True, True, False],
    }


@pytest.mark.parametrize("call", [1, 20, 47, 60])
def test_an_interrupt_leaves_the_last_complete_epoch(call):
    options = {"loss": "binary_cross_entropy", "batch_size": 6, "seed": 2, "compiled": False}
    whole = Watched(2, [4, 1], seed=1)
    expected = fit(whole, X, Y, optimizer=Adam(whole.parameters()), epochs=5, **options)
    model = Watched(2, [4, 1], seed=1, fail_at=call, error=KeyboardInterrupt())
    optimizer = Adam(model.parameters())
    history = fit(model, X, Y, optimizer=optimizer, epochs=5, **options)
    complete = (call - 1) // 20
    assert history.interrupted and history.epochs == complete
    history = fit(model, X, Y, optimizer=optimizer, epochs=5 - complete, history=history, **options)
    assert not history.interrupted
    assert history == expected and numbers(model) == numbers(whole)


def test_an_interrupt_in_a_callback_keeps_the_epoch():
    def interrupt(model, history):
        raise KeyboardInterrupt

    model = MLP(2, [1], seed=0)
    history = fit(model, X, Y, epochs=5, callbacks=[interrupt])
    assert history.interrupted and history.epochs == 1
    other = MLP(2, [1], seed=0)
    fit(other, X, Y, epochs=1)
    assert numbers(model) == numbers(other)


def test_an_exception_passes_and_leaves_the_last_complete_epoch():
    model = Watched(2, [1], seed=0, fail_at=30, error=RuntimeError("mine"))
    with pytest.raises(RuntimeError, match="mine"):
        fit(model, X, Y, epochs=5, batch_size=5, compiled=False)
    other = Watched(2, [1], seed=0)
    fit(other, X, Y, epochs=1, batch_size=5, compiled=False)
    assert numbers(model) == numbers(other)


class Rows(MLP):
    """A network that is no more than a function of a row, as far as `fit` knows."""

    def __call__(self, x):
        self.kinds.add((type(x), type(x[0])))
        return super().__call__(x)


@pytest.mark.parametrize(("compiled", "kinds"), [(False, {(list, float)}), (True, {(list, Value)})])
def test_one_call_for_a_batch_and_a_call_for_each_row_give_the_same(compiled, kinds):
    options = {"loss": "binary_cross_entropy", "epochs": 4, "batch_size": 6, "validation": 0.2}
    batched, single = MLP(2, [4, 1], activation="tanh", seed=1), Rows(2, [4, 1], activation="tanh", seed=1)
    single.kinds = set()
    histories = [
        fit(model, X, Y, optimizer=Adam(model.parameters(), lr=0.02), compiled=compiled, **options)
        for model in (batched, single)
    ]
    assert single.kinds == kinds
    for name, series in histories[0].items():
        assert series == pytest.approx(histories[1][name], rel=1e-12)
    assert numbers(batched) == pytest.approx(numbers(single), rel=1e-9)
    assert predict(batched, X) == pytest.approx(predict(single, X), rel=1e-9)


class Shifting(MLP):
    """A model that an attribute changes, and that draws random numbers if told to."""

    def __init__(self, *arguments, noise=0.0, **options):
        super().__init__(*arguments, **options)
        self.scale, self.noise, self.count = 1.0, noise, [0]

    def __call__(self, x):
        self.count[0] += 1
        noise = random.uniform(-self.noise, self.noise) if self.noise else 0.0
        return [self.scale * super().__call__(x) + noise + (0.0 if self.training else 1.0)] * 2


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_compiled_model_is_traced_anew_when_it_has_changed(noise):
    def shift(model, history):
        model.scale *= 0.5
        return False

    target = [[y, -y] for y in Y]
    models = [Shifting(2, [4, 1], activation="tanh", seed=1, noise=noise) for _ in range(2)]
    histories = []
    for model, compiled in zip(models, (True, False), strict=True):
        random.seed(5)
        optimizer = SGD(model.parameters(), lr=0.02)
        histories.append(
            fit(model, X, target, optimizer=optimizer, epochs=4, validation=(X, target), callbacks=[shift],
                compiled=compiled)
        )  # fmt: skip
    for name, series in histories[1].items():
        assert histories[0][name] == pytest.approx(series, rel=1e-12)
    assert numbers(models[0]) == pytest.approx(numbers(models[1]), rel=1e-12)
    assert (models[0].count[0] < models[1].count[0] / 4) == (noise == 0.0)


def test_a_single_layer_is_a_model():
    layer = Layer(2, 3, nonlin=False, seed=0)
    history = fit(layer, X, Y, loss="cross_entropy", optimizer=Adam(layer.parameters(), lr=0.1), epochs=30)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert predict(layer, X).shape == (20, 3)


def test_a_network_with_a_neuron_of_another_kind_is_trained_too():
    model = MLP(2, [3, 1], seed=0)
    model.layers[0].neurons[1] = lambda x: x[0] * x[1]
    before = evaluate(model, X, Y)["loss"]
    assert fit(model, X, Y, optimizer=Adam(model.parameters(), lr=0.02), epochs=10)["loss"][-1] < before


def test_schedules_step_once_an_epoch():
    rates = []

    def note(model, history):
        rates.append(optimizer.lr)

    model = MLP(2, [1], seed=0)
    optimizer = SGD(model.parameters(), lr=0.8)
    schedule = StepLR(optimizer, 2, gamma=0.5)
    history = fit(model, X, Y, optimizer=optimizer, schedule=schedule, epochs=3, batch_size=5, callbacks=[note])
    fit(model, X, Y, optimizer=optimizer, schedule=schedule, epochs=1, history=history, callbacks=[note])
    assert rates == [0.8, 0.4, 0.4, 0.2]


def test_a_schedule_by_name_spans_all_epochs():
    rates = []

    def note(model, history):
        rates.append(optimizer.lr)

    model = MLP(2, [1], seed=0)
    optimizer = SGD(model.parameters(), lr=0.1)
    history = fit(model, X, Y, optimizer=optimizer, schedule="linear", epochs=4, callbacks=[note])
    assert rates == pytest.approx([0.075, 0.05, 0.025, 0.0], abs=1e-15)
    fit(model, X, Y, optimizer=optimizer, schedule="linear", epochs=4, history=history, callbacks=[note])
    assert rates[4:] == pytest.approx([0.0375, 0.025, 0.0125, 0.0], abs=1e-15)


def test_a_schedule_goes_back_with_the_optimizer():
    model = Watched(2, [1], seed=0, fail_at=50, error=RuntimeError("mine"))
    optimizer = SGD(model.parameters(), lr=0.8)
    schedule = StepLR(optimizer, 1, gamma=0.5)
    with pytest.raises(RuntimeError, match="mine"):
        fit(model, X, Y, optimizer=optimizer, schedule=schedule, epochs=5, compiled=False)
    assert (schedule.last_epoch, optimizer.lr) == (2, 0.2)


def test_penalties_and_clipping_are_those_of_the_loss_written_out():
    options = {"l1": 0.03, "l2": 0.07, "clip_norm": 0.4}
    fitted, plain = MLP(2, [3, 1], seed=1), MLP(2, [3, 1], seed=1)
    fit(fitted, X, Y, optimizer=SGD(fitted.parameters(), lr=0.1), epochs=3, **options)
    clipped = []
    for _ in range(3):
        parameters = plain.parameters()
        loss = losses.mse([plain(row) for row in X.tolist()], Y.tolist())
        plain.zero_grad()
        (loss + 0.03 * functions.sum(map(abs, parameters)) + 0.07 * functions.dot(parameters, parameters)).backward()
        norm = math.sqrt(sum(p.grad**2 for p in parameters))
        clipped.append(norm > 0.4)
        for p in parameters:
            p.data -= 0.1 * p.grad * min(1.0, 0.4 / (norm + 1e-6))
    assert any(clipped)
    assert numbers(fitted) == pytest.approx(numbers(plain), rel=1e-12)


def test_only_the_parameters_of_the_optimizer_are_trained():
    model = MLP(2, [3, 1], seed=1)
    frozen = [parameter.data for parameter in model.layers[0].parameters()]
    optimizer = SGD(model.layers[1].parameters(), lr=0.1)
    fit(model, X, Y, optimizer=optimizer, epochs=3, l2=0.1, clip_norm=1e-3)
    assert [parameter.data for parameter in model.layers[0].parameters()] == frozen
    assert numbers(model.layers[1]) != numbers(MLP(2, [3, 1], seed=1).layers[1])


class Scripted(Module):
    """A model whose one parameter counts the steps, and whose loss follows a script."""

    def __init__(self):
        self.steps = Value(0.0)

    def __call__(self, x):
        return self.steps

    def fit(self, script, **options):
        def loss(outputs, targets):
            step = outputs[0]
            return script[int(step.data)] - (step - step.data)

        return fit(self, [[0.0]], [0.0], loss=loss, optimizer=SGD([self.steps], lr=1.0), epochs=len(script), **options)


def test_early_stopping_goes_back_to_the_best_parameters():
    model, stopping = Scripted(), EarlyStopping(2)
    history = model.fit([5.0, 3.0, 4.0, 2.0, 2.0, 2.5, 1.0, 1.0], callbacks=[stopping])
    assert history["loss"] == [5.0, 3.0, 4.0, 2.0, 2.0, 2.5] and not history.interrupted
    assert (stopping.best, stopping.best_epoch, stopping.stopped, model.steps.data) == (2.0, 4, True, 4.0)


def interrupt(model, history):
    if history.epochs == 3:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "callbacks",
    [
        lambda stopping: [stopping],
        lambda stopping: [stopping, lambda model, history: history.epochs == 3],
        lambda stopping: [lambda model, history: history.epochs == 3, stopping],
        lambda stopping: [stopping, interrupt],
        lambda stopping: [stopping, EarlyStopping(1, mode="max")],
    ],
    ids=["natural end", "callback after", "callback before", "ctrl-c", "a second one"],
)
def test_the_best_parameters_come_back_whenever_a_run_ends(callbacks):
    script = [5.0, 2.0, 4.0, 3.0, 2.5]
    model, stopping = Scripted(), EarlyStopping(9)
    history = model.fit(script, callbacks=callbacks(stopping))
    if history.epochs != 2:
        assert (stopping.best_epoch, model.steps.data, evaluate(model, [[0.0]], [0.0])["loss"]) == (2, 2.0, 4.0)
    else:
        assert model.steps.data == 1.0  # of the one that ended the run


def test_an_exception_leaves_the_parameters_of_the_last_epoch():
    def fail(model, history):
        if history.epochs == 3:
            raise RuntimeError

    model = Scripted()
    with pytest.raises(RuntimeError):
        model.fit([5.0, 2.0, 4.0, 3.0], callbacks=[EarlyStopping(9), fail])
    assert model.steps.data == 3.0


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_run_goes_on_from_its_end_and_not_from_the_best(cut):
    def run(cuts):
        model, stopping, history = MLP(2, [3, 1], seed=1), EarlyStopping(3), None
        optimizer = SGD(model.parameters(), lr=0.9, momentum=0.9)
        for epochs in cuts:
            options = {"optimizer": optimizer, "validation": 0.5, "epochs": epochs, "batch_size": 3}
            history = fit(model, X, Y, **options, history=history, callbacks=[stopping])
        return dict(history), numbers(model), stopping.best_epoch, stopping.stopped

    whole = run([12])
    assert 1 < whole[2] < len(whole[0]["loss"])
    if cut < len(whole[0]["loss"]):
        assert run([cut, 12 - cut]) == run([cut, 0, 12 - cut]) == whole


def test_parameters_that_the_user_has_set_since_stay():
    model, stopping = Scripted(), EarlyStopping(9)
    history = model.fit([5.0, 2.0, 4.0], callbacks=[stopping])
    model.steps.data = 0.5
    model.fit([5.0, 2.0, 4.0, 3.0], callbacks=[stopping], history=history)
    assert stopping._latest.tolist() == [4.5]


def test_an_early_stopping_of_release_0_1_0_continues():
    model, stopping = Scripted(), EarlyStopping(9)
    model.fit([5.0, 2.0, 4.0], callbacks=[stopping])
    state = stopping.state_dict()
    del state["latest"]
    other = EarlyStopping(9)
    other.load_state_dict(state)
    assert other.state_dict() == {**state, "latest": None}


def copy_of_the_model(model):
    return copy.deepcopy(model).parameters()


def one_of_another(model):
    return [*model.parameters(), Value(1.0)]


def in_a_group(model):
    return [{"params": model.layers[0].parameters()}, {"params": MLP(2, [1]).parameters(), "lr": 0.5}]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (copy_of_the_model, "the optimizer holds 13 Values, of 13, that are no parameters of the model: give it"),
        (one_of_another, "the optimizer holds 1 Values, of 14, that are no"),
        (in_a_group, "the optimizer holds 3 Values, of 12, that are no"),
    ],
)
@pytest.mark.parametrize("make", [SGD, AdamW])
def test_an_optimizer_of_other_parameters(parameters, message, make):
    model = MLP(2, [3, 1], seed=1)
    others = parameters(model)
    before = numbers(model)
    with pytest.raises(ValueError, match=message):
        fit(model, X, Y, optimizer=make(others))
    assert numbers(model) == before


def test_a_run_that_gets_better_to_the_end_is_not_stopped():
    model, stopping = Scripted(), EarlyStopping(2)
    assert model.fit([3.0, 2.0, 2.0, 1.0, 1.0], callbacks=[stopping]).epochs == 5
    assert not stopping.stopped and model.steps.data == stopping.best_epoch == 4


@pytest.mark.parametrize(
    ("options", "epochs", "best"),
    [
        ({}, 6, 3.0),
        ({"min_delta": 0.5}, 5, 3.25),
        ({"mode": "max"}, 3, 5.0),
        ({"monitor": "half"}, 6, 1.5),
        ({"monitor": "half", "mode": "max"}, 3, 2.5),
    ],
)
def test_what_early_stopping_looks_at(options, epochs, best):
    stopping = EarlyStopping(2, **options)
    metrics = {"half": lambda outputs, targets: script[int(outputs[0].data)] / 2}
    script = [5.0, 4.0, 3.25, 3.0, 3.125, 3.0, 2.875]
    history = Scripted().fit(script, callbacks=[stopping], metrics=metrics)
    assert (history.epochs, stopping.best) == (epochs, best)


def test_patience_watches_the_validation_data():
    # Trained on one line and validated on another, the model gets worse there from the first epoch on.
    model = MLP(1, [1], seed=0)
    model.layers[0].neurons[0].w[0].data = 0.0
    optimizer = SGD(model.parameters(), lr=0.01)
    options = {"optimizer": optimizer, "validation": ([[1.0]], [-1.0]), "patience": 3}
    history = fit(model, [[1.0], [2.0]], [1.0, 2.0], **options)
    assert history.epochs == 4 and history["loss"] == sorted(history["loss"], reverse=True)
    figures = evaluate(model, [[1.0]], [-1.0])
    assert figures["loss"] == history["validation_loss"][0]


def test_early_stopping_refuses_a_state_of_something_else():
    with pytest.raises(ValueError, match="the state of EarlyStopping must be monitor, best, .*, got last_epoch"):
        EarlyStopping(3).load_state_dict({"last_epoch": 3})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, "patience must be at least 1, got 0"),
        ({"patience": 3, "mode": "up"}, "mode must be min or max, got 'up'"),
        ({"patience": 3, "min_delta": -0.1}, r"min_delta must be a number of at least 0, got -0\.1"),
    ],
)
def test_options_of_early_stopping_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        EarlyStopping(**options)


def test_an_unknown_figure_to_watch():
    with pytest.raises(ValueError, match="monitor must be one of loss, got 'accuracy'"):
        fit(MLP(2, [1]), X, Y, callbacks=[EarlyStopping(3, monitor="accuracy")])


def test_dropout_is_on_in_training_only_and_modes_come_back():
    class Noted(MLP):
        def __call__(self, x):
            modes.append([module.training for module in self.modules() if isinstance(module, Dropout)])
            return super().__call__(x)

    modes = []
    model = Noted(2, [4, 4, 1], dropout=0.5, seed=0)
    model.layers[3].eval()
    generators = [module.rng for module in model.modules() if isinstance(module, Dropout)]
    fit(model, X, Y, epochs=1, validation=(X[:3], Y[:3]), compiled=False)
    evaluate(model, X[:2], Y[:2])
    predict(model, X[:2])
    assert modes == [[True, True]] * 20 + [[False, False]] * 7
    assert [module.training for module in model.modules() if isinstance(module, Dropout)] == [True, False]
    assert [module.rng for module in model.modules() if isinstance(module, Dropout)] == generators


def test_dropout_repeats_itself_for_a_seed():
    def train(seed):
        model = MLP(2, [8, 1], dropout=0.5, seed=0)
        history = fit(model, X, Y, epochs=3, seed=seed)
        return history["loss"], numbers(model)

    assert train(1) == train(1) != train(2)


def test_a_history_can_be_plotted():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    history = fit(MLP(2, [1], seed=0), X, Y, epochs=3, validation=0.2)
    _, ax = pyplot.subplots()
    assert history.plot(ax) is ax
    training, validation = ax.get_lines()
    assert training.get_ydata().tolist() == history["loss"] and training.get_xdata().tolist() == [1, 2, 3]
    assert validation.get_ydata().tolist() == history["validation_loss"]
    assert history.plot() is not ax
    pyplot.close("all")


def test_divergence_is_an_error_and_leaves_finite_parameters():
    model = MLP(2, [8, 1], seed=0)
    with pytest.raises(
        FloatingPointError, match="diverged, its loss is (nan|inf) in epoch .* try a lower learning rate"
    ):
        fit(
            model,
            X,
            Y,
            loss="binary_cross_entropy",
            optimizer=SGD(model.parameters(), lr=1e200),
            epochs=5,
            batch_size=5,
        )
    assert all(map(math.isfinite, numbers(model)))


def test_progress_bar_only_where_asked_for_or_on_a_terminal(capsys):
    model = MLP(2, [1], seed=0)
    fit(model, X, Y, epochs=2)
    fit(model, X, Y, epochs=2, progress=False)
    assert capsys.readouterr() == ("", "")
    fit(model, X, Y, epochs=2, progress=True)
    out, err = capsys.readouterr()
    assert out == "" and "training" in err and "/2" in err


def test_predict_returns_plain_numbers():
    model = MLP(2, [2, 1], seed=0)
    outputs = predict(model, X)
    assert outputs.dtype == np.float64
    assert outputs.tolist() == [model(row).data for row in X.tolist()]


def test_a_model_need_not_be_a_module():
    class Line:
        def __init__(self):
            self.slope = Value(0.0)

        def parameters(self):
            return [self.slope]

        def __call__(self, x):
            return self.slope * x[0]

    line = Line()
    fit(line, [[1.0], [2.0]], [3.0, 6.0], optimizer=SGD([line.slope], lr=0.2), epochs=50)
    assert line.slope.data == pytest.approx(3.0)


@pytest.mark.parametrize("share", [0, 0.1, 0.25, 0.5, 0.99])
def test_split_parts_the_rows(share):
    y = np.repeat([0, 1, 2], [10, 30, 60])
    training, held_out = validation_split(y, share, seed=4)
    assert len(held_out) == int(share * 100)
    assert sorted([*training, *held_out]) == list(range(100))
    assert training.tolist() == sorted(training) and held_out.tolist() == sorted(held_out)
    again = validation_split(y, share, seed=4)
    assert np.array_equal(again[0], training) and np.array_equal(again[1], held_out)
    for k, size in enumerate((10, 30, 60)):
        assert abs(np.count_nonzero(y[held_out] == k) - share * size) <= 1


def test_split_depends_on_the_seed_and_covers_a_range():
    y = np.random.default_rng(0).normal(size=200)
    draws = {tuple(validation_split(y, 0.1, seed)[1]) for seed in range(5)}
    assert len(draws) == 5
    for held_out in draws:
        assert np.mean(y[list(held_out)] < np.median(y)) == 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "huge"}, f"loss must be one of {', '.join(LOSSES)}, got 'huge'"),
        ({"optimizer": "lion"}, "optimizer must be one of sgd, adam, adamw, rmsprop, adagrad, got 'lion'"),
        ({"epochs": -1}, "epochs must be at least 0, got -1"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"l2": -0.5}, r"l2 must be a number of at least 0, got -0\.5"),
        ({"l2": math.nan}, "l2 must be a number of at least 0, got nan"),
        ({"l1": math.inf}, "l1 must be a number of at least 0, got inf"),
        ({"clip_norm": -1.0}, r"clip_norm must be a number of at least 0, got -1\.0"),
        ({"patience": 0}, "patience must be at least 1, got 0"),
        ({"schedule": "sine"}, "schedule must be one of constant, .*, got 'sine'"),
        ({"schedule": StepLR(SGD([Value(0.0)]), 1)}, "the schedule must be a name or of the optimizer that is given"),
        ({"validation": 1.0}, r"the share of rows to hold out must lie in \[0, 1\), got 1\.0"),
        ({"validation": (X, Y[:3])}, r"the same number of rows, .* X of shape \(20, 2\) and y of shape \(3,\)"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        fit(MLP(2, [1]), X, Y, **options)


def test_unfit_data():
    model = MLP(2, [1])
    with pytest.raises(ValueError, match=r"X must have the shape \(rows, inputs\), got \(20,\)"):
        fit(model, X[:, 0], Y)
    with pytest.raises(ValueError, match="the same number of rows, at least one"):
        fit(model, X[:0], Y[:0])
    with pytest.raises(ValueError, match="the same number of rows"):
        fit(model, X, Y[:-1])
    with pytest.raises(ValueError, match="MLP expects 2 inputs, got 1"):
        fit(model, X[:, :1], Y)


def test_history_counts_epochs():
    assert History().epochs == 0
    assert History({"loss": [1.0, 0.5]}).epochs == 2
    assert not History().interrupted


class Swapped(MLP):
    """A model with a function for an attribute."""

    def __call__(self, x):
        return self.change(super().__call__(x))


def test_a_compiled_model_is_traced_anew_for_another_function():
    """However often, and though a function that is gone may leave its place in memory to the next one."""
    factors = []

    def swap(model, history):
        factors.append(0.5 + len(factors) % 7)
        model.change = None
        model.change = lambda y, factor=factors[-1]: y * factor

    models = [Swapped(2, [3, 1], activation="tanh", seed=1) for _ in range(2)]
    for model, compiled in zip(models, (True, False), strict=True):
        factors.clear()
        model.change = lambda y: y
        fit(model, X, Y, optimizer=SGD(model.parameters(), lr=0.01), epochs=30, callbacks=[swap], compiled=compiled)
    assert numbers(models[0]) == pytest.approx(numbers(models[1]), rel=1e-12)


def set_activation(model):
    for neuron in model.parts[0].layers[0].neurons:
        neuron.activation = "sin"


def set_weight(model):
    model.parts[0].layers[0].neurons[1].w[0] = Value(3.0)


def set_layer(model):
    model.parts[0].layers[0] = Layer(2, 4, activation="relu", seed=5)


def set_layers(model):
    model.parts[0].layers = MLP(2, [3, 1], seed=6).layers


def set_part(model):
    model.parts[0] = MLP(2, [3, 1], seed=6)


def set_factor(model):
    model.parts[1]["factor"] = Value(-2.0)


def set_sign(model):
    model.offset = -0.0


@pytest.mark.parametrize(
    "change", [set_activation, set_weight, set_layer, set_layers, set_part, set_factor, set_sign]
)
def test_a_compiled_model_is_traced_anew_whatever_part_of_it_has_changed(change):
    class Parts(Module):
        def __init__(self):
            self.parts = [MLP(2, [4, 1], activation="tanh", seed=1), {"factor": Value(2.0)}]
            self.offset = 0.0
            self.calls = [0]

        def __call__(self, x):
            self.calls[0] += 1
            y = self.parts[0](x) * self.parts[1]["factor"]
            return y + (1.0 if math.copysign(1.0, self.offset) < 0 else 0.0)

    losses = []
    for compiled in (True, False):
        model = Parts()
        optimizer = SGD(model.parameters(), lr=0.01)
        history = fit(model, X, Y, optimizer=optimizer, epochs=6, compiled=compiled,
                      callbacks=[lambda model, history: change(model) if history.epochs == 3 else None])  # fmt: skip
        losses.append(history["loss"])
        # Twice for every program, once in every epoch after the first.
        assert model.calls[0] == (2 * 2 + 4 if compiled else 6 * len(X))
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_optimizers_and_losses_have_the_names_of_their_definitions():
    assert {"sgd": optim.SGD, "adamw": optim.AdamW, "rmsprop": optim.RMSprop}.items() <= OPTIMIZERS.items()
    assert {getattr(optim, kind.__name__) for kind in OPTIMIZERS.values()} == set(OPTIMIZERS.values())
    assert optim.Optimizer not in OPTIMIZERS.values()
    assert set(LOSSES) == set(losses.__all__) - {"accuracy"}
    assert all(LOSSES[name] is getattr(losses, name) for name in LOSSES)
