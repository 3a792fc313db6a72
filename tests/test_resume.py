"""A training that stops and goes on from a file gives the numbers of an uninterrupted one, to the bit."""

import pytest

from autograd import MLP, checkpoint
from autograd.__main__ import main
from autograd.datasets import make_moons
from autograd.optim import SGD, Adagrad, Adam, AdamW, RMSprop
from autograd.schedules import CosineAnnealingLR, LinearLR, SequentialLR, StepLR
from autograd.training import EarlyStopping, History, fit

X, Y = make_moons(40, noise=0.3, random_state=0)
EPOCHS = 30


class Run:
    """A model with all that its training remembers."""

    def __init__(self, make_optimizer, make_schedule, patience):
        self.model = MLP(2, [6, 5, 1], activation="tanh", dropout=0.2, seed=3)
        self.optimizer = make_optimizer(self.model.parameters())
        self.schedule = make_schedule(self.optimizer)
        self.stopping = EarlyStopping(patience)

    def fit(self, epochs, history=None, callbacks=()):
        return fit(
            self.model,
            X,
            Y,
            loss="binary_cross_entropy",
            optimizer=self.optimizer,
            schedule=self.schedule,
            epochs=epochs,
            batch_size=7,
            l1=1e-4,
            l2=1e-3,
            clip_norm=0.5,
            validation=0.25,
            callbacks=[self.stopping, *callbacks],
            seed=11,
            history=history,
        )

    @property
    def parts(self):
        return {
            "model": self.model,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "early_stopping": self.stopping,
        }

    def state(self):
        return {name: part.state_dict() for name, part in self.parts.items() if name != "early_stopping"}


def same(state, other):
    """Compare states to the bit: repr tells all floats apart that differ."""
    return repr(plain(state)) == repr(plain(other))


def plain(state):
    if isinstance(state, dict):
        return {name: plain(part) for name, part in state.items()}
    if isinstance(state, list | tuple):
        return list(map(plain, state))
    return state.tolist() if hasattr(state, "tolist") else state


def warmup(optimizer):
    rise = LinearLR(optimizer, 0.2, total_iters=5)
    return SequentialLR(optimizer, [rise, CosineAnnealingLR(optimizer, EPOCHS - 5)], [5])


@pytest.mark.parametrize(
    ("make_optimizer", "make_schedule"),
    [
        (lambda params: Adam(params, lr=0.02, amsgrad=True), lambda optimizer: CosineAnnealingLR(optimizer, EPOCHS)),
        (lambda params: AdamW(params, lr=0.02), warmup),
        (lambda params: SGD(params, lr=0.1, momentum=0.9, nesterov=True), lambda optimizer: StepLR(optimizer, 4)),
        (lambda params: RMSprop(params, lr=0.01, centered=True, momentum=0.5), warmup),
        (lambda params: Adagrad(params, lr=0.1, lr_decay=0.01), lambda optimizer: CosineAnnealingLR(optimizer, 9)),
    ],
    ids=["adam", "adamw", "sgd", "rmsprop", "adagrad"],
)
@pytest.mark.parametrize("patience", [4, EPOCHS])
def test_through_a_file(tmp_path, make_optimizer, make_schedule, patience):
    whole = Run(make_optimizer, make_schedule, patience)
    expected = whole.fit(EPOCHS)
    first = Run(make_optimizer, make_schedule, patience)
    cut = max(1, whole.stopping.best_epoch + 1 if patience == 4 else 13)
    assert cut < expected.epochs
    history = first.fit(cut)
    path = tmp_path / "run.npz"
    checkpoint.save(path, first.parts, metadata={"history": history})

    second = Run(make_optimizer, make_schedule, patience)
    state, metadata = checkpoint.load(path)
    for name, part in second.parts.items():
        part.load_state_dict(state[name])
    history = second.fit(EPOCHS - cut, History(metadata["history"]))
    assert repr(dict(history)) == repr(dict(expected))
    assert same(second.state(), whole.state())
    assert same(second.stopping.state_dict(), whole.stopping.state_dict())


@pytest.mark.parametrize("place", ["callback", "batch"])
def test_after_an_exception(monkeypatch, place):
    def make():
        return Run(lambda params: Adam(params, lr=0.02), warmup, EPOCHS)

    whole, broken = make(), make()
    expected = whole.fit(EPOCHS)
    steps = 0

    def fail(model, history):
        if history.epochs == 7:
            raise KeyboardInterrupt

    def step():
        nonlocal steps
        steps += 1
        if steps == 33:
            raise KeyboardInterrupt
        Adam.step(broken.optimizer)

    if place == "batch":
        broken.optimizer.step = step
    history = broken.fit(EPOCHS, callbacks=[fail] if place == "callback" else [])
    # Of 30 rows for training a batch has 7: 5 steps an epoch.
    assert history.interrupted and history.epochs == (7 if place == "callback" else 6)
    history = broken.fit(EPOCHS - history.epochs, history)
    assert repr(dict(history)) == repr(dict(expected))
    assert same(broken.state(), whole.state())


OPTIONS = ["train", "moons", "--hidden", "6,5", "--optimizer", "adam", "--schedule", "cosine", "--dropout", "0.2"]
OPTIONS += ["--batch-size", "32", "--l1", "1e-4", "--l2", "1e-3", "--clip-norm", "1", "--seed", "5", "--quiet"]


@pytest.fixture
def interrupt(monkeypatch):
    """Make Ctrl-C strike after a number of epochs in the next training."""

    def interrupt(after):
        def fit_interrupted(*arguments, callbacks, **options):
            def strike(model, history):
                if history.epochs == after:
                    raise KeyboardInterrupt

            monkeypatch.setattr("autograd._cli.commands.fit", fit)
            return fit(*arguments, callbacks=[*callbacks, strike], **options)

        monkeypatch.setattr("autograd._cli.commands.fit", fit_interrupted)

    return interrupt


@pytest.mark.parametrize(
    "patience", [[], ["--patience", "3"], ["--patience", "30"]], ids=["whole", "stops early", "keeps the best"]
)
def test_through_the_command_line(tmp_path, monkeypatch, capsys, interrupt, patience):
    monkeypatch.chdir(tmp_path)
    stops = patience == ["--patience", "3"]
    epochs = 60 if stops else 12
    assert main([*OPTIONS, *patience, "--epochs", str(epochs), "--save", "whole.npz"]) == 0
    figures = capsys.readouterr().out
    whole = checkpoint.load("whole.npz")
    done = len(whole.metadata["history"]["loss"])
    # Early enough for an early stop to count epochs from both sides of the cut.
    cut = done - 1 if stops else 5
    assert (done < epochs) == stops
    interrupt(after=cut)
    assert main([*OPTIONS, *patience, "--epochs", str(epochs), "--save", "part.npz"]) == 130
    assert f"after epoch {cut} of {epochs}; saved" in capsys.readouterr().err
    rest = ["--epochs", str(epochs - cut), "--save", "part.npz", "--quiet"]
    assert main(["train", "--resume", "part.npz", *rest]) == 0
    assert capsys.readouterr().out == figures
    part = checkpoint.load("part.npz")
    assert part.metadata == whole.metadata
    assert same(part.state, whole.state)
