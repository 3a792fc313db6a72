"""Optimizers: rules that change the data of parameters by their gradients."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Set
from numbers import Real
from typing import Any

import numpy as np

from autograd._core import Value

__all__ = ["SGD", "Adam", "Optimizer"]


def _check_number(name: str, number: Any, below: float = math.inf) -> None:
    """Raise unless `number` is a real one with ``0 <= number < below``."""
    if not isinstance(number, Real):
        raise TypeError(f"{name} must be a number, got {type(number).__name__}")
    if not 0 <= float(number) < below:
        bound = "finite" if below == math.inf else f"below {below}"
        raise ValueError(f"{name} must be at least 0 and {bound}, got {number}")


def _check_parameters(params: Any) -> list[Value]:
    if isinstance(params, Value | Set) or not isinstance(params, Iterable):
        raise TypeError(f"params must be an iterable of Values in a fixed order, got {type(params).__name__}")
    parameters = list(params)
    if not parameters:
        raise ValueError("the optimizer got an empty parameter list")
    first: dict[Value, int] = {}
    for i, parameter in enumerate(parameters):
        if not isinstance(parameter, Value):
            raise TypeError(f"params must hold Values, got {type(parameter).__name__} at index {i}")
        if parameter._prev:
            raise ValueError(f"params must hold leaves, got a result of {parameter._op!r} at index {i}")
        if first.setdefault(parameter, i) != i:
            raise ValueError(f"params must hold each Value once, got one at index {first[parameter]} and {i}")
    return parameters


class Optimizer(ABC):
    """
    Hold parameters and options; a subclass says how a step changes the parameters.

    A subclass implements `_check`, which raises unless its options are valid, `_initial`, which
    returns the state before the first step, and `_update`, which changes an array of the data by
    one of the gradients.

    Parameters
    ----------
    params : iterable of Value
        Leaves, each once.
    defaults : dict
        Options by name, among them ``lr``.

    Attributes
    ----------
    param_groups : list of dict
        The parameters under ``"params"`` along with their options. An option may be changed
        between steps.
    state : list of dict
        For each group what the optimizer remembers from step to step: numbers, arrays with an
        element for each parameter, and None for an array yet to come.

    Raises
    ------
    TypeError
        If `params` is no iterable of Values or an option is no number.
    ValueError
        If `params` is empty, holds a Value twice or a computed Value, or an option is out of range.
    """

    def __init__(self, params: Iterable[Value], defaults: dict[str, Any]) -> None:
        self._check(defaults)
        parameters = _check_parameters(params)
        self.param_groups: list[dict[str, Any]] = [{"params": parameters, **defaults}]
        self.state: list[dict[str, Any]] = [self._initial(len(parameters))]

    @staticmethod
    @abstractmethod
    def _check(options: Mapping[str, Any]) -> None:
        """Raise unless the options are valid."""

    @staticmethod
    @abstractmethod
    def _initial(size: int) -> dict[str, Any]:
        """Return the state of a group of `size` parameters before the first step."""

    @staticmethod
    @abstractmethod
    def _update(
        data: np.ndarray, grad: np.ndarray, options: Mapping[str, Any], state: dict[str, Any]
    ) -> None:
        """Change the data of a group and bring its state up to date."""

    @property
    def lr(self) -> float:
        """Learning rate, that of the first group; setting it sets that of all groups."""
        lr: float = self.param_groups[0]["lr"]
        return lr

    @lr.setter
    def lr(self, lr: float) -> None:
        _check_number("lr", lr)
        for group in self.param_groups:
            group["lr"] = lr

    def step(self) -> None:
        """Change the data of every parameter once, by its gradient."""
        for group, state in zip(self.param_groups, self.state, strict=True):
            parameters = group["params"]
            data = np.array([parameter.data for parameter in parameters])
            grad = np.array([parameter.grad for parameter in parameters])
            # A diverged training shows in its loss, as it does where no array is involved.
            with np.errstate(all="ignore"):
                self._update(data, grad, group, state)
            for parameter, number in zip(parameters, data.tolist(), strict=True):
                parameter.data = number

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = 0.0

    def state_dict(self) -> dict[str, Any]:
        """
        Return what a later optimizer over the same parameters needs to continue.

        Returns
        -------
        dict
            ``"state"`` is a copy of `state`; ``"param_groups"`` holds the options of each group,
            and the number of its parameters under ``"params"``.
        """
        return {
            "state": copy.deepcopy(self.state),
            "param_groups": [{**group, "params": len(group["params"])} for group in self.param_groups],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """
        Continue where another optimizer was: take over its options and state.

        Parameters
        ----------
        state_dict : dict
            From `state_dict` of an optimizer of this kind over as many parameters.

        Raises
        ------
        TypeError
            If an option is no number.
        ValueError
            If the groups, the options or the state do not fit this optimizer, which then is
            as it was.
        """
        owner = type(self).__name__
        try:
            groups = [dict(group) for group in state_dict["param_groups"]]
            states = [dict(state) for state in state_dict["state"]]
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"the state of {owner} must be a dict of param_groups and state") from None
        if not len(groups) == len(states) == len(self.param_groups):
            raise ValueError(
                f"{owner} has {len(self.param_groups)} parameter groups, "
                f"got {len(groups)} with {len(states)} states"
            )
        for own, group, state in zip(self.param_groups, groups, states, strict=True):
            size = len(own["params"])
            initial = self._initial(size)
            for kind, names, expected in (("options", group, own), ("state", state, initial)):
                if names.keys() != expected.keys():
                    got = ", ".join(map(str, names))
                    raise ValueError(f"the {kind} of {owner} must be {', '.join(expected)}, got {got}")
            if group["params"] != size:
                raise ValueError(f"{owner} has {size} parameters in a group, got {group['params']}")
            self._check(group)
            group["params"] = own["params"]
            for name, start in initial.items():
                if isinstance(start, Real):
                    _check_number(name, state[name])
                elif state[name] is not None or start is not None:
                    state[name] = np.array(state[name], dtype=float)
                    if state[name].shape != (size,):
                        raise ValueError(f"{name} must have {size} elements, got shape {state[name].shape}")
        self.param_groups, self.state = groups, states


class SGD(Optimizer):
    """
    Stochastic gradient descent, with momentum and weight decay where asked for.

    With ``g = grad + weight_decay * data``, the first step sets ``buffer = g``, a later one
    ``buffer = momentum * buffer + (1 - dampening) * g``, and the data change by ``-lr * buffer``;
    with `nesterov` by ``-lr * (g + momentum * buffer)``; without momentum by ``-lr * g``.
    These are the rules of ``torch.optim.SGD`` [1]_.

    Parameters
    ----------
    params : iterable of Value
        Leaves, each once.
    lr : float, default 1e-3
        Learning rate, at least 0.
    momentum : float, default 0
        At least 0.
    dampening : float, default 0
        What part of a gradient the momentum leaves out.
    weight_decay : float, default 0
        At least 0.
    nesterov : bool, default False
        Whether to look ahead; needs a momentum and no dampening.

    Raises
    ------
    TypeError
        If `params` is no iterable of Values or an option is no number.
    ValueError
        If `params` is empty, holds a Value twice or a computed Value, or an option is out of range.

    References
    ----------
    .. [1] I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and
       momentum in deep learning", ICML 2013.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.optim import SGD
    >>> x = Value(3.0)
    >>> optimizer = SGD([x], lr=0.1)
    >>> for _ in range(100):
    ...     optimizer.zero_grad()
    ...     ((x - 1.0) ** 2).backward()
    ...     optimizer.step()
    >>> round(x.data, 6)
    1.0
    """

    def __init__(
        self,
        params: Iterable[Value],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
            },
        )

    @staticmethod
    def _check(options: Mapping[str, Any]) -> None:
        for name in ("lr", "momentum", "weight_decay"):
            _check_number(name, options[name])
        momentum, dampening = options["momentum"], options["dampening"]
        if not isinstance(dampening, Real):
            raise TypeError(f"dampening must be a number, got {type(dampening).__name__}")
        if options["nesterov"] and (momentum == 0 or dampening != 0):
            raise ValueError(
                f"nesterov needs a momentum and no dampening, got momentum={momentum}, dampening={dampening}"
            )

    @staticmethod
    def _initial(size: int) -> dict[str, Any]:
        return {"momentum_buffer": None}

    @staticmethod
    def _update(
        data: np.ndarray, grad: np.ndarray, options: Mapping[str, Any], state: dict[str, Any]
    ) -> None:
        momentum = options["momentum"]
        if options["weight_decay"] != 0:
            grad = grad + options["weight_decay"] * data
        if momentum != 0:
            buffer = state["momentum_buffer"]
            buffer = grad if buffer is None else momentum * buffer + (1 - options["dampening"]) * grad
            state["momentum_buffer"] = buffer
            grad = grad + momentum * buffer if options["nesterov"] else buffer
        data -= options["lr"] * grad


class Adam(Optimizer):
    """
    Adam: steps by running means of the gradients and of their squares [1]_.

    At step ``t``, with ``g = grad + weight_decay * data`` and ``b1, b2 = betas``::

        exp_avg = b1 * exp_avg + (1 - b1) * g
        exp_avg_sq = b2 * exp_avg_sq + (1 - b2) * g**2
        data -= lr * (exp_avg / (1 - b1**t)) / (sqrt(exp_avg_sq / (1 - b2**t)) + eps)

    Parameters
    ----------
    params : iterable of Value
        Leaves, each once.
    lr : float, default 1e-3
        Learning rate, at least 0.
    betas : tuple of two floats, default (0.9, 0.999)
        Memory of the two means, at least 0 and below 1.
    eps : float, default 1e-8
        At least 0.
    weight_decay : float, default 0
        At least 0.
    amsgrad : bool, default False
        Whether to divide by the largest `exp_avg_sq` so far [2]_.

    Raises
    ------
    TypeError
        If `params` is no iterable of Values or an option is no number.
    ValueError
        If `params` is empty, holds a Value twice or a computed Value, or an option is out of range.

    References
    ----------
    .. [1] D. P. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
    .. [2] S. J. Reddi, S. Kale, S. Kumar, "On the Convergence of Adam and Beyond", ICLR 2018.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.optim import Adam
    >>> x = Value(3.0)
    >>> optimizer = Adam([x], lr=0.1)
    >>> for _ in range(300):
    ...     optimizer.zero_grad()
    ...     ((x - 1.0) ** 2).backward()
    ...     optimizer.step()
    >>> round(x.data, 3)
    1.0
    """

    def __init__(
        self,
        params: Iterable[Value],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(
            params,
            {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad},
        )

    @staticmethod
    def _check(options: Mapping[str, Any]) -> None:
        for name in ("lr", "eps", "weight_decay"):
            _check_number(name, options[name])
        betas = options["betas"]
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise TypeError(f"betas must be a pair of numbers, got {betas!r}")
        for i, beta in enumerate(betas):
            _check_number(f"betas[{i}]", beta, below=1)

    @staticmethod
    def _initial(size: int) -> dict[str, Any]:
        return {"step": 0} | {name: np.zeros(size) for name in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")}

    @staticmethod
    def _update(
        data: np.ndarray, grad: np.ndarray, options: Mapping[str, Any], state: dict[str, Any]
    ) -> None:
        beta1, beta2 = options["betas"]
        if options["weight_decay"] != 0:
            grad = grad + options["weight_decay"] * data
        step = state["step"] = state["step"] + 1
        exp_avg = state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * grad
        square = state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * grad**2
        if options["amsgrad"]:
            square = state["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], square)
        denominator = np.sqrt(square / (1 - beta2**step)) + options["eps"]
        data -= options["lr"] * (exp_avg / (1 - beta1**step)) / denominator
