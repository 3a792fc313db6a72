"""Training of a model on data: the loop over epochs and batches, its record, evaluation."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from autograd import _hooks, functions, losses, optim, schedules
from autograd._blocks.parameters import modules
from autograd._blocks.parameters import parameters as held_parameters
from autograd._blocks.rules import check_integer, get_data, set_data
from autograd._core import Value
from autograd._text import count
from autograd._training.batching import outputs_of, recheck
from autograd._training.data import as_inputs, as_targets, as_weights, check_finite, check_plain
from autograd._training.progress import advance, follow, monitored
from autograd.nn import Dropout, Module, Neuron

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "BATCH_SIZE",
    "EPOCHS",
    "LEARNING_RATES",
    "LOSSES",
    "METRICS",
    "OPTIMIZERS",
    "ConvergenceWarning",
    "EarlyStopping",
    "History",
    "Model",
    "evaluate",
    "fit",
    "predict",
    "validation_split",
]

Loss: TypeAlias = str | Callable[[Sequence[Any], Sequence[Any]], Any]
Metric: TypeAlias = str | Callable[[Sequence[Any], Sequence[Any]], float]
Metrics: TypeAlias = Metric | Sequence[Metric] | Mapping[str, Metric]
Figures: TypeAlias = dict[str, Callable[..., Any]]

#: The losses by name: those of `autograd.losses`.
LOSSES: dict[str, Callable[..., Any]] = {
    name: getattr(losses, name) for name in losses.__all__ if name != "accuracy"
}
#: The metrics by name: the accuracy and the losses.
METRICS: dict[str, Callable[..., Any]] = {"accuracy": losses.accuracy, **LOSSES}
#: The optimizers by name: those of `autograd.optim`, in lower case.
OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    name.lower(): kind
    for name, kind in vars(optim).items()
    if isinstance(kind, type) and issubclass(kind, optim.Optimizer) and kind is not optim.Optimizer
}
#: The learning rates of optimizers that `fit` is given by name: their own defaults, or more where those are meant for
#: many more steps than a small network needs.
LEARNING_RATES: dict[str, float] = {
    name: signature(kind).parameters["lr"].default for name, kind in OPTIMIZERS.items()
} | {"sgd": 0.1, "adam": 0.01, "adamw": 0.01, "adagrad": 0.1}
#: The rows in a step of `fit`, unless it is given another number.
BATCH_SIZE = 32
#: The epochs of `fit`, unless it is given another number.
EPOCHS = 100


class ConvergenceWarning(UserWarning):
    """The loss was still falling when a training ended.

    Examples
    --------
    >>> import warnings
    >>> from autograd import MLP
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", ConvergenceWarning)
    ...     history = fit(MLP(1, [1]), [[0.0], [1.0]], [1.0, 3.0])
    >>> history.epochs
    100
    """


class Model(Protocol):
    """A callable with parameters, such as a `Module`."""

    def __call__(self, x: Any) -> Any:
        """Return the Value or the list of Values for one row of inputs."""

    def parameters(self) -> list[Value]:
        """Return the leaves to train."""


class History(dict[str, list[float]]):
    """Record of a training run: for each figure its values, one an epoch.

    ``history["loss"]`` is the mean loss of the training rows as each batch met them, without the penalties;
    further keys are the metrics, and with validation data the same names after ``validation_``. All series are
    equally long: a figure that an epoch does not have, in a run continued with other options, is nan.

    Attributes
    ----------
    interrupted : bool
        Whether Ctrl-C ended the run before its last epoch.

    Examples
    --------
    >>> from autograd import MLP
    >>> history = fit(MLP(1, [1]), [[0.0], [1.0]], [1.0, 3.0], epochs=5)
    >>> history.epochs, list(history), history.interrupted
    (5, ['loss'], False)
    """

    interrupted: bool = False

    def __repr__(self) -> str:
        figures = [f"{name} {series[-1]:.4g}" for name, series in self.items() if series]
        ended = ", interrupted" * self.interrupted
        return f"History({count(self.epochs, 'epoch')}{': ' * bool(figures)}{', '.join(figures)}{ended})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show it in a notebook as elsewhere, not as a dict."""
        printer.text(repr(self))

    @property
    def epochs(self) -> int:
        """Number of complete epochs."""
        return len(self.get("loss", ()))

    @property
    def converged(self) -> bool:
        """Whether the loss has come to rest: the last tenth of the epochs lowered it by less than 1 % of the first.

        That is the loss of the validation data where there are any.
        """
        series = self[monitored({name: series[-1] for name, series in self.items()})] if self.epochs else []
        tenth = max(1, len(series) // 10)
        earlier, latest = series[-2 * tenth : -tenth], series[-tenth:]
        return bool(earlier) and sum(earlier) - sum(latest) < 0.01 * tenth * abs(series[0])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Plot the loss over the epochs, and that of the validation data with it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to plot, by default in a new figure.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        axes: Axes = _hooks.call("plot_history", self, ax)
        return axes


class EarlyStopping:
    """A callback of `fit` that ends a run without improvement; whenever a run ends, it restores the best parameters.

    Parameters
    ----------
    patience : int
        The number of epochs in a row without a better figure after which the run ends; at least 1.
    monitor : str, optional
        A figure in the history. By default the loss of the validation data, or of the training if there are none.
    mode : {"min", "max"}, default "min"
        Whether lower or higher figures are better.
    min_delta : float, default 0.0
        By how much a figure must be better than the best one before it; at least 0.

    Attributes
    ----------
    best : float
        The best figure so far; infinitely bad before the first epoch.
    best_epoch : int
        In which epoch that was, counted from 1; 0 before the first.
    stopped : bool
        Whether the latest epoch ended the run.

    Raises
    ------
    TypeError
        If `patience` is no integer.
    ValueError
        If an option is out of range.

    Notes
    -----
    An object serves one run and those that go on from it. After it has ended a run, another one of as many epochs may
    follow. The parameters go back whenever `fit` returns, after its last epoch, Ctrl-C or a true result of another
    callback too; the optimizer keeps the state that it has at the end. A run that goes on from the history starts with
    the parameters of that end, unless others than the best have been set since, and so equals an uninterrupted one.
    Where several of these are among the callbacks, the one that ended the run restores its best parameters, or else the
    first.

    Examples
    --------
    >>> from autograd.nn import MLP
    >>> from autograd.optim import SGD
    >>> model = MLP(1, [1], seed=0)
    >>> stopping = EarlyStopping(3)
    >>> optimizer = SGD(model.parameters(), lr=1.2)  # too high
    >>> fit(model, [[1.0]], [2.0], optimizer=optimizer, callbacks=[stopping]).epochs, stopping.best_epoch
    (4, 1)
    """

    def __init__(self, patience: int, *, monitor: str | None = None, mode: str = "min", min_delta: float = 0.0) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"mode must be min or max, got {mode!r}")
        if not 0 <= min_delta < math.inf:
            raise ValueError(f"min_delta must be a number of at least 0, got {min_delta!r}")
        self.patience = check_integer("patience", patience, 1)
        self.monitor, self.mode, self.min_delta = monitor, mode, min_delta
        self.best = math.inf if mode == "min" else -math.inf
        self.best_epoch = 0
        self.stopped = False
        self._waited = 0
        self._data: NDArray[np.float64] | None = None
        self._latest: NDArray[np.float64] | None = None

    def __repr__(self) -> str:
        monitor = "loss" if self.monitor is None else self.monitor
        best = f", best {self.best:.4g} in epoch {self.best_epoch}" * bool(self.best_epoch)
        return f"EarlyStopping(patience={self.patience}, {self.mode} of {monitor}{best})"

    def __call__(self, model: Model, history: History) -> bool:
        """Judge an epoch; return whether the run is to end, after the best parameters were restored."""
        if self.monitor is None:
            self.monitor = monitored({name: series[-1] for name, series in history.items()})
        if self.monitor not in history:
            raise ValueError(f"monitor must be one of {', '.join(history)}, got {self.monitor!r}")
        figure = history[self.monitor][-1]
        gain = self.best - figure if self.mode == "min" else figure - self.best
        if gain > self.min_delta:
            self.best, self.best_epoch, self._waited = figure, history.epochs, 0
            self._data = get_data(model.parameters())
        else:
            self._waited += 1
        self.stopped = self._waited >= self.patience
        if self.stopped:
            self._waited = 0
            self._restore_best(model)
        return self.stopped

    def _begin(self, model: Model, goes_on: bool) -> None:
        """Begin a run; one that goes on has the parameters at the end of the last, unless they have changed since."""
        if goes_on and self._latest is not None and self._is_best(model):
            set_data(model.parameters(), self._latest)
        self.stopped, self._latest = False, None

    def _restore_best(self, model: Model) -> None:
        """Set the parameters to the best ones and keep those that they had."""
        if self._data is not None and not (self._latest is not None and self._is_best(model)):
            self._latest = get_data(model.parameters())
            set_data(model.parameters(), self._data)

    def _is_best(self, model: Model) -> bool:
        return self._data is not None and get_data(model.parameters()).tobytes() == self._data.tobytes()

    def state_dict(self) -> dict[str, Any]:
        """Return the state from which a later object with the same options continues."""
        return {
            "monitor": self.monitor,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "waited": self._waited,
            "parameters": self._data,
            "latest": self._latest,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue where another object was.

        Parameters
        ----------
        state_dict : dict
            From `state_dict`.

        Raises
        ------
        ValueError
            If it has other entries. Nothing has changed then.
        """
        # Release 0.1.0 has no latest parameters.
        state_dict = {**state_dict, "latest": state_dict.get("latest")}
        if state_dict.keys() != self.state_dict().keys():
            expected, got = ", ".join(self.state_dict()), ", ".join(map(str, state_dict))
            raise ValueError(f"the state of EarlyStopping must be {expected}, got {got}")
        self.monitor, self.best, self.best_epoch, self._waited, self._data, self._latest = (
            state_dict[name] for name in self.state_dict()
        )


def fit(
    model: Model,
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: Loss = "mse",
    optimizer: str | optim.Optimizer = "adam",
    epochs: int | None = None,
    batch_size: int | None = BATCH_SIZE,
    schedule: str | schedules.LRScheduler | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    clip_norm: float | None = None,
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    sample_weight: ArrayLike | None = None,
    metrics: Metrics | None = None,
    compiled: bool = True,
    executor: Any = None,
    chunk: int | None = None,
    patience: int | None = None,
    callbacks: Iterable[Callable[[Model, History], Any]] = (),
    progress: bool | None = None,
    seed: int = 0,
    history: History | None = None,
) -> History:
    """Train a model by gradient descent.

    The same model, data, seed and options give the same numbers. Ctrl-C ends the run early without an
    exception: see `History.interrupted`. After it, as after an exception, parameters, optimizer and schedule are as
    they were at the end of the last complete epoch.

    The model, with all that it holds, is in training mode for the steps and in evaluation mode for the validation; in
    the end every module has the mode that it had.

    Parameters
    ----------
    model : Model
        Called with one row of inputs, a list, it returns the Value or the list of Values that `loss` expects. An `MLP`
        or a `Layer`, unless a subclass defines ``__call__``, gets all rows of a batch in one call.
    X : array_like, shape (rows, inputs)
        Inputs, finite numbers.
    y : array_like, shape (rows,) or (rows, outputs)
        Targets, as `loss` expects them; for one of this package finite numbers, and a model of one output also takes
        the shape (rows, 1).
    loss : str or callable, default "mse"
        A name in `LOSSES`, or a function of a list of outputs and a list of targets that returns their mean loss, such
        as ``functools.partial(losses.cross_entropy, label_smoothing=0.1)``.
    optimizer : str or Optimizer, default "adam"
        A name in `OPTIMIZERS`, with its learning rate in `LEARNING_RATES` (0.01 for Adam); or an optimizer of the
        model's parameters, all or some.
    epochs : int, optional
        Passes over the training rows. By default 100, and a `ConvergenceWarning` says if the loss was still falling
        then; see `History.converged`.
    batch_size : int or None, default 32
        Rows in a step, drawn in a new order every epoch. With None all rows are one step, in their order.
    schedule : str or LRScheduler, optional
        Learning rates by epoch: a name in `autograd.schedules.SCHEDULES`, spanning all epochs to the last one, those
        of `history` too; or a schedule of the optimizer. It makes a step after every epoch; `ReduceLROnPlateau` is
        given the loss of the validation data, or of the training if there are none.
    l1, l2 : float, default 0.0
        Factors of the sum of the absolute and of the squared parameters, added to the loss of every step.
    clip_norm : float, optional
        The largest norm of the gradient, penalties included: a longer one is scaled down to it.
    validation : float or (array_like, array_like), optional
        Share of the rows to hold out, in (0, 1), or a tuple or list of inputs and targets; evaluated every epoch.
    sample_weight : array_like, shape (rows,), optional
        Weights of the rows in the loss, at least 0: of a step, and of the rows that `validation` holds out as a share.
        Metrics have none.
    metrics : str, callable, or sequence or mapping of these, optional
        Figures to record beside the loss: names in `METRICS`, or functions of outputs and targets. A mapping gives them
        names of their own. By default the accuracy for a classification loss of this package, nothing for others.
    compiled : bool, default True
        Whether to run the model as a program over all rows of a batch: it is called with a row of Values, and again
        where an attribute of one of its modules, or a parameter or module in one, has changed. Whatever else it
        depends on (a global, a class attribute, what is in a list or an array) may change between the epochs, that
        is in callbacks. A model that draws random numbers, or otherwise does one thing in one call and another in the
        next, is called for every row all the same. False is for one that depends on what a `loss` or a metric changes
        within an epoch.
    executor : executor or callable, optional
        Where the rows of a batch run, forward and backward, as `autograd.vmap` takes it. The numbers do not depend on
        the executor; they may differ in the last bit from those without one, because gradients are summed by chunks.
    chunk : int, optional
        How many rows an executor gets at once.
    patience : int, optional
        Stop early: short for ``EarlyStopping(patience)`` as the first callback.
    callbacks : iterable of callable, default ()
        Called after every epoch with the model and the history; a true result ends the run.
    progress : bool, optional
        Whether to show a progress bar on stderr. By default if that is a terminal.
    seed : int, default 0
        Seed of the held-out share, of the order of rows and, in place of generators of their own, of the dropouts.
    history : History, optional
        Record of an earlier call to go on from. With the same model, optimizer, schedule, callbacks and options, two
        runs in succession give the numbers of a single one.

    Returns
    -------
    History
        The record, with that of `history` before it.

    Raises
    ------
    TypeError
        If X or y holds something that is no number, or is a masked array or a matrix; or an option has a wrong type.
    ValueError
        If X or y is not finite or has another shape, an option is unknown or out of range, the lengths differ, the
        optimizer holds something that is no parameter of the model, or the schedule is of another optimizer.
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
    if isinstance(model, type):
        raise TypeError(f"model must be an object, such as {model.__name__}(...), got the class itself")
    loss_function = _choice("loss", loss, LOSSES)
    figures = _metrics(metrics, loss_function)
    rows, targets = _data(X, y, loss_function)
    given_epochs, epochs = epochs, check_integer("epochs", EPOCHS if epochs is None else epochs, 0)
    if batch_size is not None:
        check_integer("batch_size", batch_size, 1)
    for name, factor in (("l1", l1), ("l2", l2), ("clip_norm", clip_norm or 0.0)):
        if not 0 <= factor < math.inf:
            raise ValueError(f"{name} must be a number of at least 0, got {factor!r}")
    weights = None if sample_weight is None else as_weights(sample_weight, len(rows))
    held_out, held_weights = None, None
    if isinstance(validation, tuple | list) and len(validation) == 2:
        held_out = _data(*validation, loss_function, " of the validation data")
    elif validation is not None:
        if not isinstance(validation, float | int):
            raise TypeError(
                f"validation must be the share of rows to hold out or a pair (X, y), got {type(validation).__name__}"
            )
        training, held = validation_split(targets, validation, seed)
        held_out = rows[held], [targets[i] for i in held]
        rows, targets = rows[training], [targets[i] for i in training]
        if weights is not None:
            weights, held_weights = weights[training], weights[held]

    if isinstance(optimizer, str):
        stepper: optim.Optimizer = _choice("optimizer", optimizer, OPTIMIZERS)(model.parameters())
        stepper.lr = LEARNING_RATES[optimizer]
    elif isinstance(optimizer, type) or not hasattr(optimizer, "param_groups"):
        raise TypeError(
            f"optimizer must be a name or an optimizer, such as SGD(model.parameters(), lr=0.1), got {optimizer!r}"
        )
    else:
        stepper = optimizer
    history = History({name: list(series) for name, series in (history or {}).items()})
    first = history.epochs
    scheduler = _scheduler(schedule, stepper, history, first + epochs)
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be a sequence of functions, such as [f], got {type(callbacks).__name__}")
    callbacks = [*([] if patience is None else [EarlyStopping(patience)]), *callbacks]
    stoppings = [callback for callback in callbacks if isinstance(callback, EarlyStopping)]
    parameters = _trained(stepper, model)
    for stopping in stoppings:
        stopping._begin(model, first > 0)
    if executor is not None and not compiled:
        raise ValueError("executor runs the model as a program: leave compiled=True")
    outputs = outputs_of(model, compiled, executor, chunk)
    foreign = not all(map(_is_ours, [*callbacks, loss_function, *figures.values(), stepper, scheduler or stepper]))
    step = _Step(outputs, loss_function, figures, stepper, parameters, l1, l2, clip_norm)
    complete = _Snapshot.take(first, step, scheduler)

    ended = False
    bar = tqdm(
        total=epochs, desc="training", unit="epoch", leave=False, disable=None if progress is None else not progress
    )
    try:
        with bar, _modules(model) as submodules:
            dropouts = [module for module in submodules if isinstance(module, Dropout)]
            for epoch in range(first, first + epochs):
                _set_mode(submodules, True)
                if dropouts:
                    rng = random.Random(f"{seed} {epoch}")
                    for dropout in dropouts:
                        dropout.rng = rng
                if foreign:
                    recheck(outputs)
                record = _epoch(step, rows, targets, weights, batch_size, (seed, epoch))
                if held_out is not None and held_out[1]:
                    _set_mode(submodules, False)
                    evaluation = _evaluate(step.outputs, *held_out, loss_function, figures, held_weights)
                    record |= {f"validation_{name}": value for name, value in evaluation.items()}
                if not math.isfinite(record["loss"]):
                    _check_own(targets)
                    raise FloatingPointError(
                        f"the training diverged, its loss is {record['loss']} in epoch {epoch + 1}: "
                        "try a lower learning rate"
                    )
                if scheduler is not None:
                    advance(scheduler, record)
                for name in record:
                    if name not in history:
                        history[name] = [math.nan] * history.epochs
                for name, series in history.items():
                    series.append(record.get(name, math.nan))
                complete = _Snapshot.take(epoch + 1, step, scheduler)
                if not bar.disable:
                    bar.set_postfix(loss=f"{record['loss']:.4g}", refresh=False)
                    bar.update()
                if any([callback(model, history) for callback in callbacks]):
                    break
            else:
                ended = True
    except BaseException as error:
        for series in history.values():
            del series[complete.epoch :]
        complete.restore(step, scheduler)
        if not isinstance(error, KeyboardInterrupt):
            raise
        history.interrupted = True
    for stopping in [*(each for each in stoppings if each.stopped), *stoppings][:1]:
        stopping._restore_best(model)
    if ended and given_epochs is None and not history.converged:
        warnings.warn(
            f"the loss was still falling after {history.epochs} epochs: give epochs a larger number, or the optimizer "
            "a higher learning rate",
            ConvergenceWarning,
            stacklevel=2,
        )
    return history


def predict(model: Model, X: ArrayLike) -> NDArray[np.float64]:
    """Return the outputs of a model in evaluation mode for rows of inputs, without recording a graph.

    Parameters
    ----------
    model : Model
        As for `fit`.
    X : array_like, shape (rows, inputs)
        Inputs.

    Returns
    -------
    ndarray of float64, shape (rows,) or (rows, outputs)
        One-dimensional if the model returns a bare Value.

    Examples
    --------
    >>> from autograd import MLP
    >>> predict(MLP(2, [3]), [[0.0, 1.0], [1.0, 0.0]]).shape
    (2, 3)
    """
    rows = as_inputs(X)
    with functions.no_grad(), _modules(model) as submodules:
        _set_mode(submodules, False)
        # Without rows, a trace tells the number of outputs; it raises nothing, whatever the numbers.
        outputs = outputs_of(model, not len(rows))(rows if len(rows) else np.zeros((1, rows.shape[1])))
    return np.array(
        [[value.data for value in row] if isinstance(row, list) else row.data for row in outputs], dtype=np.float64
    )[: len(rows)]


def evaluate(
    model: Model, X: ArrayLike, y: ArrayLike, *, loss: Loss = "mse", metrics: Metrics | None = None
) -> dict[str, float]:
    """Return the mean loss and the metrics of a model in evaluation mode on data.

    Parameters
    ----------
    model, X, y, loss, metrics
        As for `fit`.

    Returns
    -------
    dict of str to float
        The loss under ``"loss"``, and the metrics.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.nn import Module
    >>> class Double(Module):
    ...     def __init__(self):
    ...         self.factor = Value(2.0)
    ...     def __call__(self, row):
    ...         return self.factor * row[0]
    >>> evaluate(Double(), [[1.0], [2.0]], [3.0, 4.0], metrics=["mae"])
    {'loss': 0.5, 'mae': 0.5}
    """
    loss_function = _choice("loss", loss, LOSSES)
    figures = _metrics(metrics, loss_function)
    rows, targets = _data(X, y, loss_function)
    with _modules(model) as submodules:
        _set_mode(submodules, False)
        return _evaluate(outputs_of(model, False), rows, targets, loss_function, figures)


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
    check_plain(y, "y")
    values = np.asarray(y)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(values))
    # Rows sorted by target are cut into equal runs, and one row is drawn from each: every class, or every
    # range of a regression, is held out in its share.
    order = order[np.argsort(values.reshape(len(values), -1)[order, 0], kind="stable")]
    edges = np.linspace(0, len(values), int(share * len(values)) + 1).astype(np.intp)
    held_out = np.sort(order[rng.integers(edges[:-1], edges[1:])])
    return np.setdiff1d(np.arange(len(values)), held_out), held_out


@dataclass(slots=True)
class _Step:
    """Makes a step: outputs, loss, gradients, penalties, clipping and the update of the parameters."""

    outputs: Callable[[NDArray[np.float64]], list[Any]]
    loss: Callable[..., Any]
    metrics: Figures
    optimizer: optim.Optimizer
    parameters: list[Value]
    l1: float
    l2: float
    clip_norm: float | None

    def __call__(
        self, rows: NDArray[np.float64], targets: list[Any], weights: NDArray[np.float64] | None
    ) -> dict[str, float]:
        """Make a step; return the loss and the metrics of the batch before it."""
        outputs = self.outputs(rows)
        targets = _aligned(outputs, targets, self.loss)
        objective = _mean_loss(self.loss, outputs, targets, weights)
        figures = {"loss": objective.data} | _measured(self.metrics, outputs, targets)
        self.optimizer.zero_grad()
        objective.backward()
        if self.l1 or self.l2:
            optim.add_penalty(self.parameters, self.l1, self.l2)
        if self.clip_norm is not None:
            optim.clip_grad_norm(self.parameters, self.clip_norm)
        self.optimizer.step()
        return figures


class _Snapshot(NamedTuple):
    """The state of a run after a number of epochs, to which an exception takes it back."""

    epoch: int
    data: NDArray[np.float64]
    optimizer: dict[str, Any]
    scheduler: dict[str, Any] | None

    @classmethod
    def take(cls, epoch: int, step: _Step, scheduler: schedules.LRScheduler | None) -> _Snapshot:
        """Copy the state."""
        position = None if scheduler is None else scheduler.state_dict()
        return cls(epoch, get_data(step.parameters), step.optimizer.state_dict(), position)

    def restore(self, step: _Step, scheduler: schedules.LRScheduler | None) -> None:
        """Go back."""
        set_data(step.parameters, self.data)
        if scheduler is not None and self.scheduler is not None:
            scheduler.load_state_dict(self.scheduler)
        # Last, because its state has the learning rates, which a callback may have changed.
        step.optimizer.load_state_dict(self.optimizer)


def _trained(optimizer: optim.Optimizer, model: Model) -> list[Value]:
    """Return the parameters of an optimizer; if one is not of the model, that is a ValueError."""
    own = {*model.parameters(), *held_parameters(model)}
    parameters: list[Value] = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    foreign = sum(parameter not in own for parameter in parameters)
    if foreign:
        raise ValueError(
            f"the optimizer holds {foreign} Values, of {len(parameters)}, that are no parameters of the model: give it "
            "parameters() of the very model that is trained (a copy of a model has parameters of its own)"
        )
    return parameters


def _is_ours(part: Any) -> bool:
    """Return whether a part of a run is of this package, and so leaves the model alone but for its parameters."""
    return str(getattr(part, "__module__", None)).startswith(f"{__package__}.")


def _scheduler(
    schedule: str | schedules.LRScheduler | None, optimizer: optim.Optimizer, history: History, last: int
) -> schedules.LRScheduler | None:
    """Return the schedule of a run that goes on from a history to epoch `last`."""
    if isinstance(schedule, str):
        return follow(schedules.schedule(schedule, optimizer, max(1, last)), history)
    if schedule is not None and getattr(schedule, "optimizer", None) is not optimizer:
        raise ValueError("the schedule must be a name or of the optimizer that is given, such as StepLR(optimizer, 10)")
    return schedule


@contextmanager
def _modules(model: Model) -> Iterator[list[Module]]:
    """Give the modules of a model but for the neurons, which have no mode; restore modes and generators in the end."""
    held = [module for module in modules(model, Module) if not isinstance(module, Neuron)]
    before = [(module.training, getattr(module, "rng", None)) for module in held]
    try:
        yield held
    finally:
        for module, (training, rng) in zip(held, before, strict=True):
            module.training = training
            if isinstance(module, Dropout):
                module.rng = rng


def _set_mode(modules: list[Module], training: bool) -> None:
    for module in modules:
        module.training = training


def _epoch(
    step: _Step,
    rows: NDArray[np.float64],
    targets: list[Any],
    weights: NDArray[np.float64] | None,
    batch_size: int | None,
    seed: tuple[int, int],
) -> dict[str, float]:
    """Make the steps of an epoch; return the means of their figures over the rows."""
    record = dict.fromkeys(["loss", *step.metrics], 0.0)
    for batch in _batches(len(targets), batch_size, seed):
        expected = targets if batch is None else [targets[i] for i in batch.tolist()]
        chosen = (rows, weights) if batch is None else (rows[batch], None if weights is None else weights[batch])
        share = len(expected) / len(targets)
        for name, figure in step(chosen[0], expected, chosen[1]).items():
            record[name] += share * figure
    return record


def _batches(count: int, size: int | None, seed: tuple[int, int]) -> Iterator[NDArray[np.intp] | None]:
    """Yield the rows of each step of an epoch; None for all of them in their order."""
    if size is None or size >= count:
        yield None
        return
    order = np.random.default_rng(seed).permutation(count)
    for start in range(0, count, size):
        yield order[start : start + size]


def _mean_loss(
    loss: Callable[..., Any], outputs: list[Any], targets: list[Any], weights: NDArray[np.float64] | None
) -> Any:
    """Return the mean loss of rows that may have weights: the sum of those of the rows of each weight."""
    if weights is None:
        return loss(outputs, targets)
    parts = []
    for weight in np.unique(weights[weights > 0]):
        rows = np.flatnonzero(weights == weight).tolist()
        parts.append((weight * len(rows), loss([outputs[i] for i in rows], [targets[i] for i in rows])))
    total = sum(weight for weight, _ in parts)
    return functions.sum([weight / total * part for weight, part in parts]) if parts else Value(0.0)


def _evaluate(
    outputs_of: Callable[[NDArray[np.float64]], list[Any]],
    rows: NDArray[np.float64],
    targets: list[Any],
    loss: Callable[..., Any],
    metrics: Figures,
    weights: NDArray[np.float64] | None = None,
) -> dict[str, float]:
    with functions.no_grad():
        outputs = outputs_of(rows)
        targets = _aligned(outputs, targets, loss)
        return {"loss": _mean_loss(loss, outputs, targets, weights).data} | _measured(metrics, outputs, targets)


def _measured(metrics: Figures, outputs: list[Any], targets: list[Any]) -> dict[str, float]:
    """Return the metrics of outputs as floats."""
    figures = {name: metric(outputs, targets) for name, metric in metrics.items()}
    return {name: figure.data if isinstance(figure, Value) else figure for name, figure in figures.items()}


def _metrics(metrics: Metrics | None, loss: Callable[..., Any]) -> Figures:
    """Return the metrics as functions by name."""
    if metrics is None:
        classification = (losses.hinge, losses.binary_cross_entropy, losses.cross_entropy)
        return {"accuracy": losses.accuracy} if _plain(loss) in classification else {}
    if not isinstance(metrics, Mapping):
        several = metrics if isinstance(metrics, Iterable) and not isinstance(metrics, str) else [metrics]
        metrics = {each if isinstance(each, str) else getattr(each, "__name__", repr(each)): each for each in several}
    return {name: _choice("a metric", metric, METRICS) for name, metric in metrics.items()}


def _plain(loss: Callable[..., Any]) -> Callable[..., Any]:
    """Return a loss without the options that functools.partial has given it."""
    while isinstance(loss, partial):
        loss = loss.func
    return loss


def _aligned(outputs: list[Any], targets: list[Any], loss: Callable[..., Any]) -> list[Any]:
    """Return targets for a loss of this package in the shape of the outputs; other shapes are a ValueError."""
    loss = _plain(loss)
    if loss not in LOSSES.values() or not targets:
        return targets
    width, given = (len(rows[0]) if isinstance(rows[0], list) else None for rows in (outputs, targets))
    classes = loss is losses.cross_entropy
    if given == 1 and (width is None or classes):
        return [target for [target] in targets]
    if classes and given is not None and given != width:
        raise ValueError(
            "cross_entropy takes the number of a class for each row, or a probability for each class, got "
            f"{given} targets in a row of y for {width or 'one'} output{'s' * (width is not None)} of the model"
        )
    if classes and width is None:
        raise ValueError(
            "cross_entropy takes a score for each class, got a model of one output: give it an output for each class, "
            "or take binary_cross_entropy"
        )
    if not classes and width != given:
        shapes = ("one number" if size is None else f"a list of {size}" for size in (width, given))
        raise ValueError("the model returns {} for each row, y has {}".format(*shapes))
    return targets


def _check_own(targets: list[Any]) -> None:
    """Raise a ValueError if targets, which a loss of the user's takes as they are, are not finite."""
    with suppress(TypeError):
        check_finite(np.array(targets, dtype=np.float64), "y")


def _choice(option: str, choice: Any, table: Mapping[str, Any]) -> Any:
    if callable(choice):
        return choice
    if choice not in table:
        raise ValueError(f"{option} must be one of {', '.join(table)}, got {choice!r}")
    return table[choice]


def _data(
    X: ArrayLike, y: ArrayLike, loss: Callable[..., Any], whose: str = ""
) -> tuple[NDArray[np.float64], list[Any]]:
    """Return inputs, and targets for a loss: one of the user's takes them as they are."""
    rows = as_inputs(X, f"X{whose}")
    check_plain(y, f"y{whose}")
    targets = as_targets(y, f"y{whose}") if _plain(loss) in LOSSES.values() else np.asarray(y).tolist()
    if not len(rows) or not isinstance(targets, list) or len(rows) != len(targets):
        got = f"X of shape {np.shape(X)} and y of shape {np.shape(y)}"
        raise ValueError(f"X and y{whose} must have the same number of rows, at least one, got {got}")
    check_finite(rows, f"X{whose}")
    return rows, targets
