"""The commands ``train`` and ``predict``: from parsed arguments to files and figures."""

from __future__ import annotations

import argparse
import csv
import io
import math
import os
import sys
from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograd import datasets, schedules
from autograd._cli import report as _plot
from autograd._cli.estimator import Architecture, Estimator, losses_for
from autograd._cli.table import CLASSIFICATION, REGRESSION, Standardisation, Target, read_table
from autograd._cli.terminal import MAX_MAP_CLASSES, Terminal
from autograd._files import check_writable, replacing
from autograd.training import OPTIMIZERS, EarlyStopping, History, Model, fit, validation_split

INTERRUPTED = 130  # The exit status that a shell reports for a process ended by SIGINT.

BUILT_IN: dict[str, Callable[..., tuple[NDArray[np.float64], NDArray[np.intp]]]] = {
    "moons": partial(datasets.make_moons, 200, noise=0.1),
    "circles": partial(datasets.make_circles, 200, noise=0.05, factor=0.5),
    "spirals": partial(datasets.make_spirals, 200, noise=0.02),
    "xor": partial(datasets.make_xor, 200, noise=0.3),
    "seed": lambda random_state: datasets.four_points(),
}
# The defaults of the optimizers, or more where those are meant for many more steps than a small network needs.
LEARNING_RATES = {name: signature(kind).parameters["lr"].default for name, kind in OPTIMIZERS.items()} | {
    "sgd": 0.1,
    "adam": 0.01,
    "adamw": 0.01,
    "adagrad": 0.1,
}
# The options that --resume reads from the file unless they are given. None: derived from the data or other options.
DEFAULTS: dict[str, Any] = {
    "data": "moons",
    "target": None,
    "task": None,
    "hidden": [16, 16],
    "activation": "relu",
    "init": "uniform",
    "dropout": 0.0,
    "loss": None,
    "optimizer": "adam",
    "lr": None,
    "schedule": "constant",
    "batch_size": 16,
    "seed": 1337,
    "l1": 0.0,
    "l2": None,
    "clip_norm": None,
    "patience": 0,
    "validation": 0.2,
}
# Runs that agree in these options have comparable figures.
COMPARABLE = ("data", "target", "seed", "validation")
EPOCHS = 100
REPORTS = 10  # lines of loss and accuracy in a run
SMALL = 20  # rows of a set whose predictions are printed


class Data(NamedTuple):
    """A data set: its name, the names of its columns, features of shape (rows, features), target."""

    name: str
    features: list[str]
    target_name: str
    X: NDArray[np.float64]
    target: Target


def train(arguments: argparse.Namespace) -> int:
    """Run the command ``train``; return the exit status."""
    terminal = Terminal(sys.stdout)
    say = (lambda *_: None) if arguments.quiet else terminal.print
    given = {name: getattr(arguments, name) for name in DEFAULTS if getattr(arguments, name) is not None}
    saved: dict[str, Any] = {}
    state: dict[str, Any] = {}
    estimator, history, planned = None, History(), 0
    if arguments.resume:
        estimator, state, metadata = Estimator.load(arguments.resume)
        saved, history, planned = metadata["settings"], History(metadata["history"]), metadata["epochs"]
        _check_resumed(arguments.resume, estimator.architecture, given)
    settings = {**DEFAULTS, **saved, **given}
    if arguments.save:
        check_writable(arguments.save)
    if arguments.plot:
        _plot.check(arguments.plot)

    data = _load(settings["data"], given, settings["seed"], estimator.architecture if estimator else None)
    values = data.target.values
    training, held_out = validation_split(values, settings["validation"], settings["seed"])
    parts = {name: rows for name, rows in (("training", training), ("validation", held_out)) if len(rows)}
    if estimator is None:
        estimator = _build(data, settings, training)
    shape = estimator.architecture
    optimizer = OPTIMIZERS[settings["optimizer"]](estimator.model.parameters())
    if saved and settings["optimizer"] == saved["optimizer"]:
        optimizer.load_state_dict(state["optimizer"])
        optimizer.lr = settings["lr"]
    else:
        optimizer.lr = given.get("lr", LEARNING_RATES[settings["optimizer"]])
    if settings["l2"] is None:
        settings["l2"] = 0.0 if settings["data"] in BUILT_IN or shape.task == REGRESSION else 1 / len(training)
    settings |= {"lr": optimizer.lr, "loss": shape.loss, "task": shape.task}
    first, last = history.epochs + 1, history.epochs + arguments.epochs
    # An interrupted run continues along its schedule.
    planned = max(planned, last)
    scheduler = schedules.schedule(settings["schedule"], optimizer, max(1, planned))
    scheduler.load_state_dict({**scheduler.state_dict(), "last_epoch": history.epochs})
    stopping = EarlyStopping(settings["patience"]) if settings["patience"] else None
    if stopping and state.get("early_stopping") and all(settings[name] == saved[name] for name in COMPARABLE):
        stopping.load_state_dict(state["early_stopping"])

    _describe(say, data, parts, estimator, settings)
    every = max(1, arguments.epochs // REPORTS)

    def report(model: Model, history: History) -> None:
        """Print the figures of the first, the last and every so many epochs, under a header."""
        epoch = history.epochs
        latest = {name: series[-1] for name, series in history.items() if not math.isnan(series[-1])}
        if epoch == first:
            say("\n" + "  ".join(["epoch", *(f"{name.replace('_', ' '):>10}" for name in latest)]))
        if epoch % every == 0 or epoch in (first, last):
            figures = (_figure(name, value).rjust(max(10, len(name))) for name, value in latest.items())
            say("  ".join([f"{epoch:5}", *figures]))

    X, y = estimator.input_scale.apply(data.X), estimator.encode(values)
    history = fit(
        estimator.model,
        X[training],
        y[training],
        loss=shape.loss,
        optimizer=optimizer,
        epochs=arguments.epochs,
        batch_size=settings["batch_size"],
        schedule=scheduler,
        l1=settings["l1"],
        l2=settings["l2"],
        clip_norm=settings["clip_norm"],
        validation=(X[held_out], y[held_out]) if len(held_out) else None,
        metrics=estimator.metrics,
        callbacks=[stopping, report] if stopping else [report],
        progress=False if arguments.quiet else None,
        seed=settings["seed"],
        history=history,
    )
    if arguments.save:
        metadata = {"settings": settings, "history": history, "epochs": planned}
        try:
            estimator.save(arguments.save, optimizer, stopping, metadata)
        except KeyboardInterrupt:
            history.interrupted = True
            estimator.save(arguments.save, optimizer, stopping, metadata)
    if history.interrupted:
        outcome = f"saved to {arguments.save}" if arguments.save else "nothing saved, as --save was not given"
        print(f"autograd: interrupted after epoch {history.epochs} of {last}; {outcome}", file=sys.stderr)
        return INTERRUPTED

    if stopping and 0 < stopping.best_epoch < history.epochs:
        say(f"\n{'stopped early; ' * stopping.stopped}the parameters are those of epoch {stopping.best_epoch}")
    if arguments.save:
        say(f"\nmodel saved to {arguments.save}")
    say()
    _print_figures(terminal, {name: estimator.evaluate(data.X[rows], values[rows]) for name, rows in parts.items()})
    if not arguments.quiet:
        _print_result(terminal, estimator, data)
    if arguments.plot:
        _plot.save(arguments.plot, estimator, data.X, values, held_out, history)
        say(f"\nplot saved to {arguments.plot}")
    return 0


def predict(arguments: argparse.Namespace) -> int:
    """Run the command ``predict``; return the exit status."""
    if arguments.output:
        check_writable(arguments.output)
    estimator, _, _ = Estimator.load(arguments.model)
    header, rows = estimator.predictions(read_table(arguments.data))
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([header, *rows])
    text = buffer.getvalue()
    if arguments.output:
        with replacing(arguments.output) as file:
            file.write(text.encode())
        return 0
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError as error:
        missing = ascii(error.object[error.start : error.end])
        raise ValueError(
            f"stdout is {sys.stdout.encoding} and cannot show {missing}; --output FILE writes UTF-8"
        ) from error
    sys.stdout.write(text)
    return 0


def _load(source: str, given: dict[str, Any], seed: int, shape: Architecture | None) -> Data:
    """Make or read the data, with the columns and classes of `shape` if there is a network already."""
    if source in BUILT_IN:
        for option in ("target", "task"):
            if option in given:
                raise ValueError(f"--{option} is for CSV files; {source} is a built-in set")
        X, labels = BUILT_IN[source](random_state=seed)
        kinds, values = np.unique(labels, return_inverse=True)
        features, classes = [f"x{i + 1}" for i in range(X.shape[1])], list(map(str, kinds.tolist()))
        if shape and (shape.features, shape.classes) != (features, classes):
            raise ValueError(
                f"the model to resume has {_columns(shape.features, shape.classes)}; "
                f"{source} has {_columns(features, classes)}"
            )
        return Data(source, features, "class", X, Target(CLASSIFICATION, values, classes))
    if not os.path.exists(source):
        raise ValueError(f"{source}: no such file, and no built-in set ({', '.join(BUILT_IN)})")
    table = read_table(source)
    column = given.get("target", shape.target if shape else None)
    if column is None:
        raise ValueError(f"{source}: --target COLUMN is needed (columns: {', '.join(table.columns)})")
    if shape:
        target, features = table.target(column, shape.task, shape.classes), shape.features
    else:
        target, features = table.target(column, given.get("task")), [c for c in table.columns if c != column]
    if not features:
        raise ValueError(f"{source}: no features, {column!r} is the only column")
    return Data(source, features, column, table.numbers(features), target)


def _build(data: Data, settings: dict[str, Any], training: NDArray[np.intp]) -> Estimator:
    """Make the network for new data; features of a CSV file are standardised, and so is a number to predict."""
    values, task, classes = data.target.values, data.target.task, data.target.classes
    architecture = Architecture(
        features=data.features,
        target=data.target_name,
        task=task,
        classes=classes,
        loss=settings["loss"] or losses_for(task, len(classes))[0],
        hidden=settings["hidden"],
        activation=settings["activation"],
        init=settings["init"],
        dropout=settings["dropout"],
    )
    standardise = settings["data"] not in BUILT_IN
    return Estimator(
        architecture,
        Standardisation.fit(data.X[training]) if standardise else Standardisation.identity(len(data.features)),
        Standardisation.fit(values[training, None]) if task == REGRESSION else Standardisation.identity(1),
        seed=settings["seed"],
    )


def _check_resumed(path: str, shape: Architecture, given: dict[str, Any]) -> None:
    """Raise a ValueError if an option asks for another network than the one to resume."""
    for option in ("hidden", "activation", "init", "dropout", "loss", "task"):
        own = getattr(shape, option)
        if given.get(option, own) != own:
            has, asked = (
                ",".join(map(str, value)) or "none" if isinstance(value, list) else value
                for value in (own, given[option])
            )
            raise ValueError(f"{path}: the model has --{option} {has}, not {asked}; --resume cannot change that")


def _describe(
    say: Callable[[str], None],
    data: Data,
    parts: dict[str, NDArray[np.intp]],
    estimator: Estimator,
    settings: dict[str, Any],
) -> None:
    shape = estimator.architecture
    what = f"classes {', '.join(shape.classes)}" if shape.classes else f"{shape.target} is a number"
    shares = ", ".join(f"{len(rows)} for {name}" for name, rows in parts.items())
    say(f"{data.name}: {_count(len(data.X), 'row')} ({shares}), {_count(len(shape.features), 'feature')}, {what}")
    widths = "-".join(map(str, [len(shape.features), *shape.hidden, shape.outputs]))
    say(f"MLP {widths}, {shape.activation}, {len(estimator.model.parameters())} parameters")
    rules = [f"{shape.loss}, {settings['optimizer']}, learning rate {settings['lr']:g}, L2 {settings['l2']:.2g}"]
    rules += [f"batches of {settings['batch_size']}"]
    if settings["schedule"] != DEFAULTS["schedule"]:
        rules += [f"schedule {settings['schedule']}"]
    for name in ("dropout", "l1", "clip_norm", "patience"):
        if settings[name]:
            rules += [f"{name.replace('_', ' ').replace('l1', 'L1')} {settings[name]:g}"]
    say(", ".join(rules))


def _figure(name: str, value: float) -> str:
    return f"{100 * value:.1f} %" if name.endswith("accuracy") else f"{value:.4g}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _columns(features: list[str], classes: list[str]) -> str:
    return f"the features {', '.join(features)} and {'the classes ' if classes else 'no classes'}{', '.join(classes)}"


def _print_figures(terminal: Terminal, figures: dict[str, dict[str, float]]) -> None:
    header = ["", *(name.upper() if name == "r2" else name for name in figures["training"])]
    terminal.print_table(
        header,
        [[part, *(_figure(name, value) for name, value in row.items())] for part, row in figures.items()],
    )


def _print_result(terminal: Terminal, estimator: Estimator, data: Data) -> None:
    """Print the predictions of a small set and the map of two features."""
    shape = estimator.architecture
    if len(data.X) <= SMALL:
        terminal.print()
        _print_predictions(terminal, estimator, data)
    if shape.task == CLASSIFICATION and len(shape.features) == 2 and len(shape.classes) <= MAX_MAP_CLASSES:
        terminal.print()
        terminal.print_map(
            lambda points: estimator.decide(estimator.scores(points)),
            data.X,
            data.target.values,
            shape.features,
            [f"{shape.target} {name}" for name in shape.classes],
        )


def _print_predictions(terminal: Terminal, estimator: Estimator, data: Data) -> None:
    scores = estimator.scores(data.X)
    decisions, probabilities = estimator.decide(scores), estimator.probabilities(scores)
    header = [*data.features, data.target_name, "prediction"]
    columns = [[f"{value:g}" for value in column] for column in data.X.T]
    if estimator.architecture.task == REGRESSION:
        columns += [[f"{value:.5g}" for value in series] for series in (data.target.values, decisions)]
    else:
        header.append("score" if probabilities is None else "probability")
        certainty = scores if probabilities is None else probabilities.max(axis=1)
        columns += [list(map(estimator.label, series)) for series in (data.target.values, decisions)]
        columns += [[f"{value:.3f}" for value in certainty]]
    terminal.print_table(header, list(zip(*columns, strict=True)))
