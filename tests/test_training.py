"""The training loop: its numbers, its record, interruption and continuation, and its errors."""

import math

import numpy as np
import pytest

from autograd import MLP, Value, functions, losses
from autograd.datasets import make_moons
from autograd.optim import SGD, Adam
from autograd.training import History, evaluate, fit, predict, validation_split

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
    fit(model, X, Y, epochs=2, batch_size=6, seed=5)
    first, second = model.calls[:20], model.calls[20:]
    assert sorted(first) == sorted(second) == sorted(map(tuple, X.tolist()))
    assert first != second
    again = Watched(2, [1], seed=0)
    fit(again, X, Y, epochs=2, batch_size=6, seed=5)
    assert again.calls == model.calls and numbers(again) == numbers(model)
    other = Watched(2, [1], seed=0)
    fit(other, X, Y, epochs=2, batch_size=6, seed=6)
    assert other.calls != model.calls


def test_held_out_rows_are_not_trained_on():
    model = Watched(2, [1], seed=0)
    fit(model, X, Y, epochs=1, batch_size=4, validation=0.25, seed=3)
    training, held_out = validation_split(Y, 0.25, seed=3)
    assert sorted(model.calls[:15]) == sorted(map(tuple, X[training].tolist()))
    assert model.calls[15:] == list(map(tuple, X[held_out].tolist()))
    own = Watched(2, [1], seed=0)
    history = fit(own, X, Y, epochs=1, validation=(X[:3], Y[:3]))
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
    options = {"loss": "binary_cross_entropy", "batch_size": 6, "seed": 2}
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
        fit(model, X, Y, epochs=5, batch_size=5)
    other = Watched(2, [1], seed=0)
    fit(other, X, Y, epochs=1, batch_size=5)
    assert numbers(model) == numbers(other)


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
        ({"loss": "huber"}, "loss must be one of mse, hinge, binary_cross_entropy, cross_entropy, got 'huber'"),
        ({"optimizer": "lion"}, "optimizer must be one of sgd, adam, adamw, rmsprop, adagrad, got 'lion'"),
        ({"epochs": -1}, "epochs must not be negative, got -1"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"l2": -0.5}, r"l2 must be a number of at least 0, got -0\.5"),
        ({"l2": math.nan}, "l2 must be a number of at least 0, got nan"),
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
