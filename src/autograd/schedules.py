"""Learning-rate schedules, by the names and arguments of ``torch.optim.lr_scheduler``.

A schedule sets the rates of an optimizer for step 0 when it is made, and for the next step in each call of `step`. That
follows the `step` of the optimizer, once an epoch or once a batch::

    optimizer = SGD(model.parameters(), lr=0.1)
    scheduler = CosineAnnealingLR(optimizer, T_max=100)
    for epoch in range(100):
        ...
        optimizer.step()
        scheduler.step()

Every rate is computed from the rate that a group started from and the number of the step alone, for `ReduceLROnPlateau`
also from the figures it has seen, so a rate that was set by hand in between lasts until the next step.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograd._blocks.rules import check_integer, check_number
from autograd.optim import Optimizer

__all__ = [
    "SCHEDULES",
    "ConstantLR",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "schedule",
]


class LRScheduler(ABC):
    """Set the learning rates of an optimizer step by step; a subclass computes them.

    A subclass implements `_lrs`. It sets its own attributes before it calls the constructor of this class.

    Parameters
    ----------
    optimizer : Optimizer
        Its groups keep the rates they have now under ``"initial_lr"``, where later schedules find them.

    Attributes
    ----------
    optimizer : Optimizer
    base_lrs : list of float
        For each group the rate it started from.
    last_epoch : int
        The number of the step whose rates are set, counted from 0.

    Raises
    ------
    TypeError
        If `optimizer` is none, or an argument has a wrong type.
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from autograd import MLP
    >>> from autograd.optim import SGD
    >>> class InverseRoot(LRScheduler):
    ...     def _lrs(self, base_lrs, epoch):
    ...         return [lr / (1 + epoch) ** 0.5 for lr in base_lrs]
    >>> optimizer = SGD(MLP(2, [1]).parameters(), lr=0.5)
    >>> schedule = InverseRoot(optimizer)
    >>> for _ in range(3):
    ...     optimizer.step()
    ...     schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer must be an Optimizer, got {type(optimizer).__name__}")
        self.optimizer = optimizer
        self._set([group.setdefault("initial_lr", group["lr"]) for group in optimizer.param_groups], 0)

    @abstractmethod
    def _lrs(self, base_lrs: list[float], epoch: int) -> list[float]:
        """Return the rate of each group in a step."""

    def _set(self, base_lrs: list[float], epoch: int) -> None:
        last_lr = [check_number("lr", lr) for lr in self._lrs(base_lrs, epoch)]
        for group, lr in zip(self.optimizer.param_groups, last_lr, strict=True):
            group["lr"] = lr
        self.base_lrs, self.last_epoch, self._last_lr = base_lrs, epoch, last_lr

    def __repr__(self) -> str:
        rates = ", ".join(f"{lr:g}" for lr in self._last_lr)
        return f"{type(self).__name__}({type(self.optimizer).__name__}, step {self.last_epoch}, lr={rates})"

    def step(self) -> None:
        """Set the rates of the next step."""
        self._set(self.base_lrs, self.last_epoch + 1)

    def get_last_lr(self) -> list[float]:
        """Return the rates that were set last, one for each group."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Return what a later schedule with the same arguments needs to continue.

        Returns
        -------
        dict
            ``"last_epoch"`` and ``"base_lrs"``.
        """
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue where another schedule was, and set the rates.

        Parameters
        ----------
        state_dict : dict
            From `state_dict` of a schedule for as many groups.

        Raises
        ------
        TypeError
            If a number is none.
        ValueError
            If the state does not fit. After an error schedule and optimizer are as they were.
        """
        owner = type(self).__name__
        if not isinstance(state_dict, Mapping) or state_dict.keys() != {"last_epoch", "base_lrs"}:
            raise ValueError(f"the state of {owner} must be a dict of last_epoch and base_lrs, got {state_dict!r}")
        last_epoch = check_integer("last_epoch", state_dict["last_epoch"], 0)
        base_lrs = [check_number("base_lrs", lr) for lr in state_dict["base_lrs"]]
        if len(base_lrs) != len(self.optimizer.param_groups):
            raise ValueError(f"{owner} has {len(self.optimizer.param_groups)} groups, got base_lrs of {len(base_lrs)}")
        self._set(base_lrs, last_epoch)


class LambdaLR(LRScheduler):
    """Multiply the rates by a function of the number of the step.

    Parameters
    ----------
    optimizer : Optimizer
    lr_lambda : callable, or sequence of callable
        From int to float; one for all groups or one for each.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.optim import SGD
    >>> scheduler = LambdaLR(SGD([Value(1.0)], lr=0.5), lambda epoch: 1 / (1 + epoch))
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]]
    ) -> None:
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def _lrs(self, base_lrs: list[float], epoch: int) -> list[float]:
        functions = [self.lr_lambda] * len(base_lrs) if callable(self.lr_lambda) else self.lr_lambda
        if len(functions) != len(base_lrs):
            raise ValueError(f"lr_lambda must be one function for each of {len(base_lrs)} groups, got {len(functions)}")
        return [base * function(epoch) for base, function in zip(base_lrs, functions, strict=True)]


class _FactorLR(LRScheduler):
    """Multiply the rates of all groups by the same number."""

    @abstractmethod
    def _factor(self, epoch: int) -> float:
        """Return the number for a step."""

    def _lrs(self, base_lrs: list[float], epoch: int) -> list[float]:
        factor = self._factor(epoch)
        return [base * factor for base in base_lrs]


class ConstantLR(_FactorLR):
    """Multiply the rates by `factor` in the first `total_iters` steps.

    Parameters
    ----------
    optimizer : Optimizer
    factor : float, default 1/3
        At least 0.
    total_iters : int, default 5
        At least 0.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.optim import SGD
    >>> ConstantLR(SGD([Value(1.0)], lr=0.5), factor=0.5).get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5) -> None:
        self.factor = check_number("factor", factor)
        self.total_iters = check_integer("total_iters", total_iters, 0)
        super().__init__(optimizer)

    def _factor(self, epoch: int) -> float:
        return self.factor if epoch < self.total_iters else 1.0


class LinearLR(_FactorLR):
    """Multiply the rates by a factor that changes linearly in the first `total_iters` steps and then stays.

    In step ``k`` it is ``start_factor + (end_factor - start_factor) * min(k, total_iters) / total_iters``.
    ``LinearLR(optimizer, 1.0, 0.1, n)`` is micrograd's ``1.0 - 0.9 * k / n``.

    Parameters
    ----------
    optimizer : Optimizer
    start_factor : float, default 1/3
        At least 0.
    end_factor : float, default 1.0
        At least 0.
    total_iters : int, default 5
        At least 1.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.optim import SGD
    >>> scheduler = LinearLR(SGD([Value(1.0)], lr=1.0), start_factor=0.0, total_iters=4)
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        self.start_factor = check_number("start_factor", start_factor)
        self.end_factor = check_number("end_factor", end_factor)
        self.total_iters = check_integer("total_iters", total_iters, 1)
        super().__init__(optimizer)

    def _factor(self, epoch: int) -> float:
        change = self.end_factor - self.start_factor
        return self.start_factor + change * min(epoch, self.total_iters) / self.total_iters


class StepLR(_FactorLR):
    """Multiply the rates by `gamma` every `step_size` steps.

    Parameters
    ----------
    optimizer : Optimizer
    step_size : int
        At least 1.
    gamma : float, default 0.1
        At least 0.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.optim import SGD
    >>> scheduler = StepLR(SGD([Value(1.0)], lr=1.0), step_size=2, gamma=0.5)
    >>> for _ in range(4):
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size = check_integer("step_size", step_size, 1)
        self.gamma = check_number("gamma", gamma)
        super().__init__(optimizer)

    def _factor(self, epoch: int) -> float:
        return self.gamma ** (epoch // self.step_size)


class ExponentialLR(StepLR):
    """Multiply the rates by `gamma` every step.

    Parameters
    ----------
    optimizer : Optimizer
    gamma : float
        At least 0.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.optim import SGD
    >>> scheduler = ExponentialLR(SGD([Value(1.0)], lr=1.0), gamma=0.5)
    >>> for _ in range(3):
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.125]
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        super().__init__(optimizer, 1, gamma)


class CosineAnnealingLR(LRScheduler):
    """Lower the rates to `eta_min` along half a cosine, and raise them again after it.

    In step ``k`` the rate is ``eta_min + (base_lr - eta_min) * (1 + cos(pi * k / T_max)) / 2`` [1]_.

    Parameters
    ----------
    optimizer : Optimizer
    T_max : int
        The step of the lowest rate, at least 1.
    eta_min : float, default 0.0
        The lowest rate, at least 0.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.optim import SGD
    >>> scheduler = CosineAnnealingLR(SGD([Value(1.0)], lr=1.0), T_max=4)
    >>> scheduler.step()
    >>> [round(lr, 6) for lr in scheduler.get_last_lr()]
    [0.853553]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max = check_integer("T_max", T_max, 1)
        self.eta_min = check_number("eta_min", eta_min)
        super().__init__(optimizer)

    def _lrs(self, base_lrs: list[float], epoch: int) -> list[float]:
        factor = (1 + math.cos(math.pi * epoch / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * factor for base in base_lrs]


class ReduceLROnPlateau(LRScheduler):
    """Multiply the rates by `factor` whenever a figure has not improved for more than `patience` steps.

    Its `step` takes the figure; in `autograd.training.fit` that is the loss of the validation data, or of the training
    if there are none.

    Parameters
    ----------
    optimizer : Optimizer
    mode : {"min", "max"}, default "min"
        Whether lower or higher figures are better.
    factor : float, default 0.1
        At least 0 and below 1.
    patience : int, default 10
        Steps without improvement that change nothing; at least 0.
    threshold : float, default 1e-4
        By how much a figure must be better than the best one before it; at least 0.
    threshold_mode : {"rel", "abs"}, default "rel"
        Whether that is a share of the best figure or a difference.
    cooldown : int, default 0
        Steps after a reduction in which none is counted; at least 0.
    min_lr : float, default 0.0
        The rates are not reduced below it; at least 0.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.optim import SGD
    >>> scheduler = ReduceLROnPlateau(SGD([Value(1.0)], lr=1.0), factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"mode must be min or max, got {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold_mode must be rel or abs, got {threshold_mode!r}")
        self.mode, self.threshold_mode = mode, threshold_mode
        self.factor = check_number("factor", factor)
        if self.factor >= 1:
            raise ValueError(f"factor must be below 1, got {factor!r}")
        self.patience, self.cooldown = check_integer("patience", patience, 0), check_integer("cooldown", cooldown, 0)
        self.threshold, self.min_lr = check_number("threshold", threshold), check_number("min_lr", min_lr)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.reductions = 0
        super().__init__(optimizer)

    def _lrs(self, base_lrs: list[float], epoch: int) -> list[float]:
        return [max(base * self.factor**self.reductions, min(base, self.min_lr)) for base in base_lrs]

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Judge a figure, a number or a Value, and set the rates of the next step."""
        figure = float(getattr(metrics, "data", metrics))
        margin = self.threshold * (abs(self.best) if self.threshold_mode == "rel" else 1.0)
        if math.isinf(self.best):
            margin = 0.0
        gain = self.best - figure if self.mode == "min" else figure - self.best
        if gain > margin:
            self.best, self.num_bad_epochs = figure, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            self.reductions, self.cooldown_counter, self.num_bad_epochs = self.reductions + 1, self.cooldown, 0
        super().step()

    def state_dict(self) -> dict[str, Any]:
        """Return what a later schedule with the same arguments needs to continue."""
        return super().state_dict() | {name: getattr(self, name) for name in _SEEN}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue where another schedule was, and set the rates.

        Parameters
        ----------
        state_dict : dict
            From `state_dict` of a schedule for as many groups.

        Raises
        ------
        TypeError
            If a number is none.
        ValueError
            If the state does not fit. After an error schedule and optimizer are as they were.
        """
        expected = {"last_epoch", "base_lrs", *_SEEN}
        if not isinstance(state_dict, Mapping) or state_dict.keys() != expected:
            raise ValueError(
                f"the state of ReduceLROnPlateau must be a dict of {', '.join(expected)}, got {state_dict!r}"
            )
        before = {name: getattr(self, name) for name in _SEEN}
        counts = {name: check_integer(name, state_dict[name], 0) for name in _SEEN if name != "best"}
        vars(self).update(counts, best=float(state_dict["best"]))
        try:
            super().load_state_dict({name: state_dict[name] for name in ("last_epoch", "base_lrs")})
        except (TypeError, ValueError):
            vars(self).update(before)
            raise


#: What a `ReduceLROnPlateau` has of the figures it has seen.
_SEEN = ("best", "num_bad_epochs", "cooldown_counter", "reductions")


class SequentialLR(LRScheduler):
    """Follow one schedule after another.

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : sequence of LRScheduler
        Of the same optimizer, at least one. Each counts its steps from its milestone.
    milestones : sequence of int
        The step in which the second schedule begins, and so on, in rising order.

    Examples
    --------
    A warm-up of four steps before a decay:

    >>> from autograd import Value
    >>> from autograd.optim import SGD
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> warmup, decay = LinearLR(optimizer, 0.25, total_iters=3), ExponentialLR(optimizer, 0.5)
    >>> scheduler = SequentialLR(optimizer, [warmup, decay], [4])
    >>> lrs = []
    >>> for _ in range(6):
    ...     lrs += scheduler.get_last_lr()
    ...     scheduler.step()
    >>> lrs
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.5]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        self.schedulers = list(schedulers)
        for i, scheduler in enumerate(self.schedulers):
            if not isinstance(scheduler, LRScheduler):
                raise TypeError(f"schedulers must hold LRSchedulers, got {type(scheduler).__name__} at index {i}")
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"schedulers must be of the same optimizer, that at index {i} is of another")
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(f"schedulers must follow the steps alone, that at index {i} is a ReduceLROnPlateau")
        self.milestones = [check_integer("milestones", milestone, 0) for milestone in milestones]
        if len(self.schedulers) != len(self.milestones) + 1 or self.milestones != sorted(self.milestones):
            raise ValueError(
                "milestones must be in rising order and one fewer than schedulers, "
                f"got {self.milestones} for {len(self.schedulers)} schedulers"
            )
        super().__init__(optimizer)

    def _lrs(self, base_lrs: list[float], epoch: int) -> list[float]:
        i = bisect_right(self.milestones, epoch)
        return self.schedulers[i]._lrs(base_lrs, epoch - (self.milestones[i - 1] if i else 0))


def _warmup(optimizer: Optimizer, total_steps: int) -> LRScheduler:
    steps = max(1, total_steps // 10)
    rise = LinearLR(optimizer, 1 / (steps + 1), 1.0, steps)
    fall = CosineAnnealingLR(optimizer, max(1, total_steps - steps))
    return SequentialLR(optimizer, [rise, fall], [steps])


#: By name, a schedule for an optimizer and a number of steps.
SCHEDULES: dict[str, Callable[[Optimizer, int], LRScheduler]] = {
    "constant": lambda optimizer, total_steps: ConstantLR(optimizer, 1.0),
    "step": lambda optimizer, total_steps: StepLR(optimizer, -(-total_steps // 3)),
    "exponential": lambda optimizer, total_steps: ExponentialLR(optimizer, 0.01 ** (1 / total_steps)),
    "cosine": CosineAnnealingLR,
    "linear": lambda optimizer, total_steps: LinearLR(optimizer, 1.0, 0.0, total_steps),
    "warmup": _warmup,
    "plateau": lambda optimizer, total_steps: ReduceLROnPlateau(optimizer, patience=total_steps // 20),
    "micrograd": lambda optimizer, total_steps: LinearLR(optimizer, 1.0, 0.1, total_steps),
}


def schedule(name: str, optimizer: Optimizer, total_steps: int) -> LRScheduler:
    """Return a schedule by name that spans a number of steps.

    Parameters
    ----------
    name : str
        - "constant": the rates stay;
        - "step": a tenth after each third of the steps;
        - "exponential": down to a hundredth;
        - "cosine": down to zero along half a cosine;
        - "linear": down to zero along a line;
        - "warmup": up along a line in the first tenth of the steps, then "cosine";
        - "plateau": to a tenth whenever more than a twentieth of the steps bring no improvement;
        - "micrograd": ``1.0 - 0.9 * k / total_steps`` in step ``k``.
    optimizer : Optimizer
    total_steps : int
        At least 1.

    Returns
    -------
    LRScheduler

    Raises
    ------
    TypeError
        If `optimizer` is none or `total_steps` is no integer.
    ValueError
        If the name is unknown or `total_steps` is below 1.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.optim import SGD
    >>> scheduler = schedule("micrograd", SGD([Value(1.0)], lr=1.0), 100)
    >>> for _ in range(50):
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.55]
    """
    if name not in SCHEDULES:
        raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, got {name!r}")
    return SCHEDULES[name](optimizer, check_integer("total_steps", total_steps, 1))
