"""Training of a model on data: the loop over epochs and batches, its record, evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from autograd import functions, losses, optim
from autograd._core import Value

__all__ = ["LOSSES", "OPTIMIZERS", "History", "Model", "evaluate", "fit", "predict", "validation_split"]

Loss: TypeAlias = str | Callable[[Sequence[Any], Sequence[Any]], Any]
Metrics: TypeAlias = Mapping[str, Callable[[Sequence[Any], Sequence[Any]], float]]

LOSSES: dict[str, Callable[..., Any]] = {
    "mse": losses.mse,
    "hinge": losses.hinge,
    "binary_cross_entropy": losses.binary_cross_entropy,
    "cross_entropy": losses.cross_entropy,
}
OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {"sgd": optim.SGD, "adam": optim.Adam}


class Model(Protocol):
    """What can be trained: a callable with parameters, such as a `Module`."""

    def __call__(self, x: Any) -> Any:
        """Return the Value or the list of Values for one row of inputs."""

    def parameters(self) -> list[Value]:
        """Return the leaves to train."""


class History(dict[str, list[float]]):
    """Record of a training run: for each figure its values, one an epoch.

    ``history["loss"]`` is the mean loss of the training rows as each batch met them, without the penalty;
    further keys are the metrics, and with validation data the same names after ``validation_``. All series are
    equally long: a figure that an epoch does not have, in a run continued with other options, is nan.

    Attributes
    ----------
    interrupted : bool
        Whether Ctrl-C ended the run before its last epoch.
    """

    interrupted: bool = False

    @property
    def epochs(self) -> int:
        """Number of complete epochs."""
        return len(self.get("loss", ()))


def fit(
    model: Model,
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: Loss = "mse",
    optimizer: str | optim.Optimizer = "adam",
    epochs: int = 100,
    batch_size: int | None = None,
    l2: float = 0.0,
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    metrics: Metrics | None = None,
    callbacks: Iterable[Callable[[Model, History], Any]] = (),
    progress: bool | None = None,
    seed: int = 0,
    history: History | None = None,
) -> History:
    """Train a model by gradient descent.

    The same model, data, seed and options give the same numbers. Ctrl-C ends the run early without an
    exception: see `History.interrupted`. After it, as after an exception, model and optimizer are as they
    were at the end of the last complete epoch.

    Parameters
    ----------
    model : Model
        Called with one row of inputs, returns the Value or the list of Values that `loss` expects.
    X : array_like, shape (rows, inputs)
        Inputs.
    y : array_like, shape (rows,) or (rows, outputs)
        Targets, as `loss` expects them.
    loss : str or callable, default "mse"
        A name in `LOSSES`, or a function of a list of outputs and a list of targets that returns their mean
        loss.
    optimizer : str or Optimizer, default "adam"
        A name in `OPTIMIZERS`, taken with its own defaults, or an optimizer of the model's parameters.
    epochs : int, default 100
        Passes over the training rows.
    batch_size : int, optional
        Rows in a step, drawn in a new order every epoch. By default all rows are one step, in their order.
    l2 : float, default 0.0
        Factor of the sum of the squared parameters, added to the loss of every step.
    validation : float or (array_like, array_like), optional
        Share of the rows to hold out, in (0, 1), or inputs and targets of their own; evaluated every epoch.
    metrics : mapping of str to callable, optional
        Figures to record beside the loss: functions of outputs and targets. By default the accuracy for a
        classification loss of this package, nothing for others.
    callbacks : iterable of callable, default ()
        Called after every epoch with the model and the history; a true result ends the run.
    progress : bool, optional
        Whether to show a progress bar on stderr. By default if that is a terminal.
    seed : int, default 0
        Seed of the held-out share and of the order of rows.
    history : History, optional
        Record of an earlier call to go on from. With the same model, optimizer and options, two runs in
        succession give the numbers of a single one.

    Returns
    -------
    History
        The record, with that of `history` before it.

    Raises
    ------
    ValueError
        If an option is unknown or out of range, or the lengths of X and y differ.
    FloatingPointError
        If the loss is not finite.

    Examples
    --------
    >>> from autograd.nn import MLP
    >>> from autograd.optim import SGD
    >>> model = MLP(1, [1], seed=0)
    >>> history = fit(model, [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], optimizer=SGD(model.parameters(), lr=0.2))
    >>> history.epochs
    100
    >>> round(float(predict(model, [[3.0]])[0]), 3)
    7.0
    """
    rows, targets = _data(X, y)
    loss_function = _choice("loss", loss, LOSSES)
    metrics = _default_metrics(loss_function) if metrics is None else metrics
    if epochs < 0:
        raise ValueError(f"epochs must not be negative, got {epochs!r}")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size!r}")
    if not 0 <= l2 < math.inf:
        raise ValueError(f"l2 must be a number of at least 0, got {l2!r}")
    held_out = None
    if isinstance(validation, tuple):
        held_out = _data(*validation)
    elif validation is not None:
        training, held = validation_split(y, validation, seed)
        held_out = [rows[i] for i in held], [targets[i] for i in held]
        rows, targets = [rows[i] for i in training], [targets[i] for i in training]

    parameters = model.parameters()
    if isinstance(optimizer, str):
        stepper: optim.Optimizer = _choice("optimizer", optimizer, OPTIMIZERS)(parameters)
    else:
        stepper = optimizer
    callbacks = list(callbacks)
    history = History({name: list(series) for name, series in (history or {}).items()})
    first = history.epochs
    complete = (first, [parameter.data for parameter in parameters], stepper.state_dict())

    bar = tqdm(
        total=epochs, desc="training", unit="epoch", leave=False, disable=None if progress is None else not progress
    )
    try:
        with bar:
            for epoch in range(first, first + epochs):
                record = _epoch(model, rows, targets, loss_function, metrics, stepper, batch_size, l2, (seed, epoch))
                if held_out is not None and held_out[0]:
                    evaluation = _evaluate(model, *held_out, loss_function, metrics)
                    record |= {f"validation_{name}": value for name, value in evaluation.items()}
                if not math.isfinite(record["loss"]):
                    raise FloatingPointError(
                        f"the training diverged, its loss is {record['loss']} in epoch {epoch + 1}: "
                        "try a lower learning rate"
                    )
                done = history.epochs
                for name in dict.fromkeys([*history, *record]):
                    history.setdefault(name, [math.nan] * done).append(record.get(name, math.nan))
                complete = (epoch + 1, [parameter.data for parameter in parameters], stepper.state_dict())
                bar.set_postfix(loss=f"{record['loss']:.4g}", refresh=False)
                bar.update()
                if any([callback(model, history) for callback in callbacks]):
                    break
    except BaseException as error:
        kept, data, state = complete
        for series in history.values():
            del series[kept:]
        for parameter, number in zip(parameters, data, strict=True):
            parameter.data = number
        stepper.load_state_dict(state)
        if not isinstance(error, KeyboardInterrupt):
            raise
        history.interrupted = True
    return history


def predict(model: Model, X: ArrayLike) -> NDArray[np.float64]:
    """Return the outputs of a model for rows of inputs, without recording a graph.

    Parameters
    ----------
    model : Model
        Called with one row of inputs.
    X : array_like, shape (rows, inputs)
        Inputs.

    Returns
    -------
    ndarray of float64, shape (rows,) or (rows, outputs)
        One-dimensional if the model returns a bare Value.
    """
    with functions.no_grad():
        outputs = [model(row) for row in _rows(X)]
    return np.array(
        [[value.data for value in row] if isinstance(row, list) else row.data for row in outputs], dtype=np.float64
    )


def evaluate(
    model: Model, X: ArrayLike, y: ArrayLike, *, loss: Loss = "mse", metrics: Metrics | None = None
) -> dict[str, float]:
    """Return the mean loss and the metrics of a model on data.

    Parameters
    ----------
    model, X, y, loss, metrics
        As for `fit`.

    Returns
    -------
    dict of str to float
        The loss under ``"loss"``, and the metrics.
    """
    loss_function = _choice("loss", loss, LOSSES)
    return _evaluate(
        model, *_data(X, y), loss_function, _default_metrics(loss_function) if metrics is None else metrics
    )


def validation_split(y: ArrayLike, share: float, seed: int = 0) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Choose rows to hold out, at random but evenly over the range of the targets.

    Parameters
    ----------
    y : array_like, shape (rows,) or (rows, outputs)
        Targets; of several outputs the first counts.
    share : float
        Share of the rows to hold out, in [0, 1); their number is rounded down.
    seed : int, default 0
        Seed of the choice.

    Returns
    -------
    training, held_out : ndarray of intp
        Row numbers, each in rising order.

    Raises
    ------
    ValueError
        If the share is out of range.

    Examples
    --------
    >>> training, held_out = validation_split([0, 0, 0, 0, 1, 1, 1, 1], 0.25)
    >>> len(training), len(held_out)
    (6, 2)
    """
    if not 0 <= share < 1:
        raise ValueError(f"the share of rows to hold out must lie in [0, 1), got {share!r}")
    values = np.asarray(y)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(values))
    # Rows sorted by target are cut into equal runs, and one row is drawn from each: every class, or every
    # range of a regression, is held out in its share.
    order = order[np.argsort(values.reshape(len(values), -1)[order, 0], kind="stable")]
    edges = np.linspace(0, len(values), int(share * len(values)) + 1).astype(np.intp)
    held_out = np.sort(order[rng.integers(edges[:-1], edges[1:])])
    return np.setdiff1d(np.arange(len(values)), held_out), held_out


def _epoch(
    model: Model,
    rows: list[list[float]],
    targets: list[Any],
    loss: Callable[..., Any],
    metrics: Metrics,
    optimizer: optim.Optimizer,
    batch_size: int | None,
    l2: float,
    seed: tuple[int, int],
) -> dict[str, float]:
    """Make the steps of one epoch; return its figures."""
    if batch_size is None or batch_size >= len(rows):
        batches = [range(len(rows))]
    else:
        order = np.random.default_rng(seed).permutation(len(rows)).tolist()
        batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    totals = dict.fromkeys(["loss", *metrics], 0.0)
    for batch in batches:
        expected = [targets[i] for i in batch]
        outputs = [model(rows[i]) for i in batch]
        objective = loss(outputs, expected)
        figures = {"loss": objective.data} | {name: metric(outputs, expected) for name, metric in metrics.items()}
        for name, value in figures.items():
            totals[name] += value * len(batch) / len(rows)
        if l2:
            parameters = model.parameters()
            objective = objective + l2 * functions.dot(parameters, parameters)
        optimizer.zero_grad()
        objective.backward()
        optimizer.step()
    return totals


def _evaluate(
    model: Model, rows: list[list[float]], targets: list[Any], loss: Callable[..., Any], metrics: Metrics
) -> dict[str, float]:
    with functions.no_grad():
        outputs = [model(row) for row in rows]
        return {"loss": loss(outputs, targets).data} | {
            name: metric(outputs, targets) for name, metric in metrics.items()
        }


def _default_metrics(loss: Callable[..., Any]) -> Metrics:
    classification = (losses.hinge, losses.binary_cross_entropy, losses.cross_entropy)
    return {"accuracy": losses.accuracy} if loss in classification else {}


def _choice(option: str, choice: Any, table: Mapping[str, Any]) -> Any:
    if callable(choice):
        return choice
    if choice not in table:
        raise ValueError(f"{option} must be one of {', '.join(table)}, got {choice!r}")
    return table[choice]


def _rows(X: ArrayLike) -> list[list[float]]:
    array: NDArray[np.float64] = np.asarray(X, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"X must have the shape (rows, inputs), got {array.shape}")
    rows: list[list[float]] = array.tolist()
    return rows


def _data(X: ArrayLike, y: ArrayLike) -> tuple[list[list[float]], list[Any]]:
    rows, targets = _rows(X), np.asarray(y).tolist()
    if not rows or not isinstance(targets, list) or len(rows) != len(targets):
        got = f"X of shape {np.shape(X)} and y of shape {np.shape(y)}"
        raise ValueError(f"X and y must have the same number of rows, at least one, got {got}")
    return rows, targets
