"""The commands: from parsed arguments to files, figures and what is printed."""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autograd import datasets, schedules
from autograd._cli import report as _plot
from autograd._cli.assessment import assess, baseline, figure, print_assessment, print_comparison
from autograd._cli.estimator import Architecture, Estimator, losses_for
from autograd._cli.preparation import ERROR, NUMBER, Column, Preparation
from autograd._cli.table import CLASSIFICATION, REGRESSION, STDIN, FileError, Table, Target, listed, read_table
from autograd._cli.terminal import MAX_MAP_CLASSES, Terminal
from autograd._files import check_writable, replacing
from autograd._training.progress import follow
from autograd._training.standardisation import Standardisation
from autograd.training import (
    BATCH_SIZE,
    LEARNING_RATES,
    OPTIMIZERS,
    EarlyStopping,
    History,
    Model,
    fit,
    validation_split,
)

INTERRUPTED = 130  # The exit status that a shell reports for a process ended by SIGINT.

BUILT_IN: dict[str, Callable[..., tuple[NDArray[np.float64], NDArray[np.intp]]]] = {
    "moons": partial(datasets.make_moons, 200, noise=0.1),
    "circles": partial(datasets.make_circles, 200, noise=0.05, factor=0.5),
    "spirals": partial(datasets.make_spirals, 200, noise=0.02),
    "xor": partial(datasets.make_xor, 200, noise=0.3),
    "seed": lambda random_state: datasets.four_points(),
}
# The options that --resume reads from the file unless they are given. None: derived from the data or other options.
DEFAULTS: dict[str, Any] = {
    "data": "moons",
    "target": None,
    "features": None,
    "drop": None,
    "categorical": None,
    "missing": ERROR,
    "task": None,
    "hidden": [16, 16],
    "activation": "relu",
    "init": "uniform",
    "dropout": 0.0,
    "loss": None,
    "optimizer": "adam",
    "lr": None,
    "schedule": "constant",
    "batch_size": BATCH_SIZE,
    "seed": 1337,
    "l1": 0.0,
    "l2": None,
    "clip_norm": None,
    "patience": None,
    "validation": 0.2,
}
# Runs that agree in these options have comparable figures.
COMPARABLE = ("data", "target", "seed", "validation")
#: What the preparation of a table is made of, once.
_PREPARING = ("features", "drop", "categorical", "missing")
PATIENCE = 20
REPORTS = 10  # lines of loss and accuracy in a run
SMALL = 20  # rows of a set whose predictions are printed


class Data(NamedTuple):
    """A data set: its name, the table if it is one, the inputs of a network, shape (rows, inputs), the target."""

    name: str
    table: Table | None
    X: NDArray[np.float64]
    target: Target

    @property
    def y(self) -> NDArray[Any]:
        """Targets as `Estimator` takes them."""
        return self.target.values


def train(arguments: argparse.Namespace) -> int:
    """Run the command ``train``; return the exit status."""
    terminal = Terminal(sys.stdout)
    say = (lambda *_: None) if arguments.quiet or arguments.json else terminal.print
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

    data, training, held_out, estimator, left_out = _prepare(settings, given, estimator)
    values = data.y
    test = _read(arguments.test, estimator) if arguments.test else None
    shape = estimator.architecture
    optimizer = OPTIMIZERS[settings["optimizer"]](estimator.model.parameters())
    if saved and settings["optimizer"] == saved["optimizer"]:
        optimizer.load_state_dict(state["optimizer"])
        optimizer.lr = settings["lr"]
    else:
        optimizer.lr = given.get("lr", LEARNING_RATES[settings["optimizer"]])
    if settings["l2"] is None:
        settings["l2"] = 0.0 if settings["data"] in BUILT_IN or shape.task == REGRESSION else 1 / len(training)
    if settings["patience"] is None:
        settings["patience"] = PATIENCE if len(held_out) else 0
    settings |= {"lr": optimizer.lr, "loss": shape.loss, "task": shape.task}
    first, last = history.epochs + 1, history.epochs + arguments.epochs
    # An interrupted run continues along its schedule.
    planned = max(planned, last)
    scheduler = follow(schedules.schedule(settings["schedule"], optimizer, max(1, planned)), history)
    stopping = EarlyStopping(settings["patience"]) if settings["patience"] else None
    if stopping and state.get("early_stopping") and all(settings[name] == saved[name] for name in COMPARABLE):
        stopping.load_state_dict(state["early_stopping"])

    parts = {name: rows for name, rows in (("training", training), ("validation", held_out)) if len(rows)}
    _describe(say, data, parts, estimator, settings, left_out)
    every = max(1, arguments.epochs // REPORTS)

    def report(model: Model, history: History) -> None:
        """Print the figures of the first, the last and every so many epochs, under a header."""
        epoch = history.epochs
        latest = {name: series[-1] for name, series in history.items() if not math.isnan(series[-1])}
        if epoch == first:
            say("\n" + "  ".join(["epoch", *(f"{name.replace('_', ' '):>10}" for name in latest)]))
        if epoch % every == 0 or epoch in (first, last):
            figures = (figure(name, value).rjust(max(10, len(name))) for name, value in latest.items())
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
        progress=False if arguments.quiet or arguments.json else None,
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

    best = stopping.best_epoch if stopping and 0 < stopping.best_epoch < history.epochs else None
    if best:
        stopped = stopping is not None and stopping.stopped
        say(
            f"\n{'stopped early; ' * stopped}the parameters are those of epoch {best}, after which the "
            f"{'validation ' * len(held_out[:1])}loss did not fall"
        )
    if arguments.epochs and not (stopping and stopping.stopped) and not history.converged:
        say("\nthe loss was still falling: --epochs N goes on for longer, --lr RATE in larger steps")
    if arguments.save:
        say(f"\nmodel saved to {arguments.save}")
    if arguments.plot:
        _plot.save(arguments.plot, estimator, data.X, values, held_out, history, best)
        say(f"\nplot saved to {arguments.plot}")
    judged = {name: (data.X[rows], values[rows]) for name, rows in parts.items()}
    if test:
        judged["test"] = test.X, test.y
    if arguments.json:
        _print_json(
            {
                "task": shape.task,
                "target": shape.target,
                "classes": shape.classes,
                "features": [column.name for column in estimator.preparation.columns],
                "left_out": left_out,
                "epochs": history.epochs,
                "best_epoch": best or history.epochs,
                "figures": {name: assess(estimator, *part) for name, part in judged.items()},
            }
        )
        return 0
    say()
    _print_figures(terminal, estimator, judged)
    if not arguments.quiet:
        _print_result(terminal, estimator, data)
    return 0


def predict(arguments: argparse.Namespace) -> int:
    """Run the command ``predict``; return the exit status."""
    if arguments.output:
        check_writable(arguments.output)
    estimator, _, _ = Estimator.load(arguments.model)
    columns = estimator.predictions(read_table(arguments.data), arguments.probabilities)
    rows = list(zip(*columns.values(), strict=True))
    buffer = io.StringIO()
    if arguments.json:
        json.dump([dict(zip(columns, row, strict=True)) for row in rows], buffer, ensure_ascii=False)
        buffer.write("\n")
    else:
        # The shortest text of a float that is read as the same float.
        csv.writer(buffer, lineterminator="\n").writerows([columns, *rows])
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


def evaluate(arguments: argparse.Namespace) -> int:
    """Run the command ``evaluate``; return the exit status."""
    estimator, _, _ = Estimator.load(arguments.model)
    data = _read(arguments.data, estimator)
    result = assess(estimator, data.X, data.y)
    if arguments.json:
        _print_json(result)
    else:
        terminal = Terminal(sys.stdout)
        terminal.print(f"{data.name}: {_count(len(data.X), 'row')}\n")
        print_assessment(terminal, estimator, result)
    return 0


def info(arguments: argparse.Namespace) -> int:
    """Run the command ``info``; return the exit status."""
    estimator, state, metadata = Estimator.load(arguments.model)
    shape, settings, history = estimator.architecture, metadata["settings"], metadata["history"]
    epochs = max(map(len, history.values()), default=0)
    best: Any = (state["early_stopping"] or {}).get("best_epoch")
    kept: int = best if best in range(1, epochs + 1) else epochs
    figures = {name: series[kept - 1] for name, series in history.items() if len(series) >= kept > 0}
    figures = {name: value for name, value in figures.items() if not math.isnan(value)}
    columns = {column.name: column for column in estimator.preparation.columns}
    if arguments.json:
        description = {"architecture": vars(shape), "columns": [vars(column) for column in columns.values()]}
        _print_json({**description, "settings": settings, "epochs": epochs, "best_epoch": kept, "figures": figures})
        return 0
    terminal = Terminal(sys.stdout)
    what = f"one of {listed(shape.classes)}" if shape.classes else "a number"
    terminal.print(f"{arguments.model}: {shape.task}, predicts {shape.target} ({what})")
    terminal.print(_network(estimator))
    terminal.print(_rules(settings))
    terminal.print(f"trained on {settings['data']} for {_count(epochs, 'epoch')}")
    if figures:
        said = ", ".join(f"{name.replace('_', ' ')} {figure(name, value)}" for name, value in figures.items())
        terminal.print(f"{f'the parameters are those of epoch {kept}' if kept < epochs else 'last epoch'}: {said}")
    terminal.print(f"missing values: {estimator.preparation.missing}\n")
    rows = []
    for column, mean, scale in _scales(estimator):
        said = f"mean {mean:.4g}, standard deviation {scale:.4g}" + ", one input for missing" * column.indicator
        if column.texts or column.other:
            said = listed([*(text or "missing" for text in column.texts), *["any other"] * column.other])
        rows.append([column.name, column.kind, said])
    terminal.print_table(["column", "kind", "inputs"], rows, left=True)
    return 0


def _prepare(
    settings: dict[str, Any], given: dict[str, Any], estimator: Estimator | None
) -> tuple[Data, NDArray[np.intp], NDArray[np.intp], Estimator, dict[str, str]]:
    """Make or read the data.

    Returns
    -------
    data : Data
    training, held_out : ndarray of int
        Its rows.
    estimator : Estimator
        The given one, or a new one that is fitted to the training rows.
    left_out : dict of str to str
        By the names of columns that tell nothing, the reasons.
    """
    source, shape = settings["data"], estimator.architecture if estimator else None
    left_out: dict[str, str] = {}
    if source in BUILT_IN:
        for option in ("target", "task", *_PREPARING):
            if option in given:
                raise ValueError(f"--{option} is for CSV files; {source} is a built-in set")
        X, labels = BUILT_IN[source](random_state=settings["seed"])
        kinds, values = np.unique(labels, return_inverse=True)
        features, classes = [f"x{i + 1}" for i in range(X.shape[1])], list(map(str, kinds.tolist()))
        if shape and (shape.features, shape.classes) != (features, classes):
            raise ValueError(
                f"the model to resume has {_columns(shape.features, shape.classes)}; "
                f"{source} has {_columns(features, classes)}"
            )
        data = Data(source, None, X, Target(CLASSIFICATION, values, classes, "it is a built-in set"))
        training, held_out = validation_split(values, settings["validation"], settings["seed"])
        preparation, target_name = Preparation([Column(name) for name in features]), "class"
    elif estimator is not None:
        data = _read(source, estimator, given.get("target"))
        training, held_out = validation_split(data.y, settings["validation"], settings["seed"])
    else:
        if source != STDIN and not os.path.exists(source):
            raise FileError(f"{source}: no such file, and no built-in set ({', '.join(BUILT_IN)})")
        table = read_table(source)
        names = _features(table, settings)
        target_name = settings["target"]
        target = table.target(target_name, settings["task"])
        training, held_out = validation_split(target.values, settings["validation"], settings["seed"])
        preparation, left_out = Preparation.fit(
            table, names, training, settings["missing"], settings["categorical"] or ()
        )
        if not preparation.columns:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
            raise FileError(f"{table.path}: no features" + f" ({reasons})" * bool(reasons))
        data = Data(table.path, table, preparation.apply(table), target)
    if estimator is None:
        estimator = _build(data, settings, training, preparation, target_name)
    return data, training, held_out, estimator, left_out


def _read(source: str, estimator: Estimator, target: str | None = None) -> Data:
    """Read a table for an estimator."""
    table, shape = read_table(source), estimator.architecture
    values = table.target(target or shape.target, shape.task, shape.classes or None)
    return Data(table.path, table, estimator.preparation.apply(table), values)


def _features(table: Table, settings: dict[str, Any]) -> list[str]:
    """Return the names of the columns to learn from."""
    target = settings["target"]
    if target is None:
        raise ValueError(f"{table.path}: --target COLUMN is needed (columns: {listed(table.columns)})")
    for option in ("target", "features", "drop", "categorical"):
        for name in [settings[option]] if option == "target" else settings[option] or ():
            if name not in table.columns:
                raise ValueError(f"--{option}: {table.path}: no column {name!r} ({table.hint(name)})")
    dropped = {target, *(settings["drop"] or ())}
    names = [name for name in settings["features"] or table.columns if name not in dropped]
    if not names:
        raise ValueError(f"{table.path}: no features, {target!r} is the only column left")
    return names


def _build(
    data: Data, settings: dict[str, Any], training: NDArray[np.intp], preparation: Preparation, target_name: str
) -> Estimator:
    """Make the network for new data; numbers of a CSV file are standardised, and so is a number to predict."""
    task, classes = data.target.task, data.target.classes
    architecture = Architecture(
        features=preparation.inputs,
        target=target_name,
        task=task,
        classes=classes,
        loss=settings["loss"] or losses_for(task, len(classes))[0],
        hidden=settings["hidden"],
        activation=settings["activation"],
        init=settings["init"],
        dropout=settings["dropout"],
    )
    try:
        inputs = Standardisation.fit(data.X[training], preparation.scaled & (data.table is not None))
        number = Standardisation.fit(data.y[training, None]) if task == REGRESSION else Standardisation.identity(1)
    except ValueError as error:
        raise FileError(f"{data.name}: {error}") from error
    return Estimator(architecture, preparation, inputs, number, seed=settings["seed"])


def _check_resumed(path: str, shape: Architecture, given: dict[str, Any]) -> None:
    """Raise a ValueError if an option asks for another network than the one to resume."""
    for option in _PREPARING:
        if option in given:
            raise ValueError(f"{path}: the model has its columns; --resume cannot change --{option}")
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
    left_out: dict[str, str],
) -> None:
    shape = estimator.architecture
    what = f"classes {listed(shape.classes)}" if shape.classes else f"{shape.target} is a number"
    shares = ", ".join(f"{len(rows)} for {name}" for name, rows in parts.items())
    features = _count(len(estimator.preparation.columns), "feature")
    if len(shape.features) != len(estimator.preparation.columns):
        features += f" as {_count(len(shape.features), 'input')}"
    say(f"{data.name}: {_count(len(data.X), 'row')} ({shares}), {features}, {what}")
    if data.table:
        say(f"{shape.task}, as {data.target.reason}")
    if left_out:
        say("left out: " + "; ".join(f"{name} ({reason})" for name, reason in left_out.items()))
    say(_network(estimator))
    say(_rules(settings))


def _network(estimator: Estimator) -> str:
    """Return the network in a line."""
    shape = estimator.architecture
    widths = "-".join(map(str, [len(shape.features), *shape.hidden, shape.outputs]))
    return f"MLP {widths}, {shape.activation}, {len(estimator.model.parameters())} parameters"


def _rules(settings: dict[str, Any]) -> str:
    """Return the rules of a training in a line."""
    rules = [f"{settings['loss']}, {settings['optimizer']}", f"learning rate {settings['lr']:g}"]
    rules += [f"L2 {settings['l2']:.2g}", f"batches of {settings['batch_size']}"]
    if settings["schedule"] != DEFAULTS["schedule"]:
        rules += [f"schedule {settings['schedule']}"]
    for name in ("dropout", "l1", "clip_norm", "patience"):
        if settings[name]:
            rules += [f"{name.replace('_', ' ').replace('l1', 'L1')} {settings[name]:g}"]
    return ", ".join(rules)


def _scales(estimator: Estimator) -> list[tuple[Column, float, float]]:
    """Return each column with the mean and the scale of its first input."""
    result, start = [], 0
    for column in estimator.preparation.columns:
        scale = estimator.input_scale
        result.append((column, float(scale.mean[start]), float(scale.scale[start])))
        start += len(column.inputs)
    return result


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _columns(features: list[str], classes: list[str]) -> str:
    return f"the features {listed(features)} and {'the classes ' if classes else 'no classes'}{listed(classes)}"


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


def _print_figures(
    terminal: Terminal, estimator: Estimator, parts: dict[str, tuple[NDArray[np.float64], NDArray[Any]]]
) -> None:
    """Print the figures of each part of the data, and below them those of the best constant answer to the last one."""
    rows = {name: estimator.evaluate(*part) for name, part in parts.items()}
    names = list(rows["training"])
    answer, constant = baseline(estimator, list(parts.values())[-1][1])
    rows[answer] = constant
    terminal.print_table(
        ["", *names],
        [[part, *(figure(name, row.get(name)) for name in names)] for part, row in rows.items()],
    )
    print_comparison(terminal, rows[list(parts)[-1]], answer, constant)


def _print_result(terminal: Terminal, estimator: Estimator, data: Data) -> None:
    """Print the predictions of a small set and the map of two features."""
    shape, columns = estimator.architecture, estimator.preparation.columns
    if len(data.X) <= SMALL:
        terminal.print()
        _print_predictions(terminal, estimator, data)
    plane = len(shape.features) == 2 and all(column.kind == NUMBER for column in columns)
    if shape.task == CLASSIFICATION and plane and len(shape.classes) <= MAX_MAP_CLASSES:
        terminal.print()
        terminal.print_map(
            lambda points: estimator.decide(estimator.scores(points)),
            data.X,
            data.y,
            shape.features,
            [f"{shape.target} {name}" for name in shape.classes],
        )


def _print_predictions(terminal: Terminal, estimator: Estimator, data: Data) -> None:
    shape = estimator.architecture
    scores = estimator.scores(data.X)
    decisions, probabilities = estimator.decide(scores), estimator.probabilities(scores)
    names = [column.name for column in estimator.preparation.columns]
    header = [*names, shape.target, "prediction"]
    numbers = [[f"{value:g}" for value in column] for column in data.X.T]
    columns = [list(data.table.cells(name)) for name in names] if data.table else numbers
    if shape.task == REGRESSION:
        columns += [[f"{value:.5g}" for value in series] for series in (data.y, decisions)]
    else:
        header.append("score" if probabilities is None else "probability")
        certainty = scores if probabilities is None else probabilities.max(axis=1)
        columns += [[shape.classes[k] for k in series] for series in (data.y, decisions)]
        columns += [[f"{value:.3f}" for value in certainty]]
    terminal.print_table(header, list(zip(*columns, strict=True)))
