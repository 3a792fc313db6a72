"""Optimizers: rules that change the data of parameters by their gradients; also clipping and penalties.

Names, defaults and results are those of ``torch.optim``.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Set
from fnmatch import fnmatchcase
from typing import Any, ClassVar, NoReturn, TypeAlias

from autograd import _elsewhere
from autograd._blocks import rules
from autograd._blocks.rules import add_penalty, check_number, clip_grad_norm, clip_grad_value
from autograd._core import Value
from autograd._text import count

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "add_penalty",
    "clip_grad_norm",
    "clip_grad_value",
    "parameter_groups",
]

Parameters: TypeAlias = Iterable[Value] | Iterable[Mapping[str, Any]]


def __getattr__(name: str) -> NoReturn:
    _elsewhere.refuse(__name__, name)


def _options(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the options among the local variables of the ``__init__`` of an optimizer."""
    return {name: value for name, value in arguments.items() if name not in ("self", "params", "__class__")}


class Optimizer(ABC):
    """Hold parameters and options; a subclass names the rule that updates the parameters.

    Parameters
    ----------
    params : iterable of Value, or iterable of dict
        Leaves, each once; or groups of them with options of their own, as for `add_param_group`.
    defaults : dict
        The options of a group that has none of its own.

    Attributes
    ----------
    param_groups : list of dict
        For each group its parameters, under ``"params"``, and its options. An option may be changed between steps.
    defaults : dict
        As given.

    Raises
    ------
    TypeError
        If `params` is no iterable of Values or dicts, or an option has a wrong type.
    ValueError
        If there are no parameters, a Value is there twice or was computed, or an option is unknown or out of range.

    Examples
    --------
    >>> from autograd import MLP
    >>> optimizer = SGD(MLP(2, [1]).parameters(), lr=0.1)
    >>> isinstance(optimizer, Optimizer), len(optimizer.param_groups[0]["params"])
    (True, 3)
    """

    #: By option, the type of its default, which its values have too.
    _types: ClassVar[dict[str, type]] = {}
    #: By argument of the constructor, its default.
    _usual: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        """Note the types of the options."""
        options = inspect.signature(cls.__init__).parameters
        cls._types = cls._types | {name: type(option.default) for name, option in options.items()}
        cls._usual = {name: option.default for name, option in options.items()}

    def __init__(self, params: Parameters, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self._rules: list[rules.Rule] = []
        groups: Any = list(params) if isinstance(params, Iterable) and not isinstance(params, Set) else params
        if not (isinstance(groups, list) and groups and isinstance(groups[0], Mapping)):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    @property
    @abstractmethod
    def _rule(self) -> type[rules.Rule]:
        """The rule that updates the parameters of a group."""

    def _check(self, options: Mapping[str, Any]) -> None:
        """Raise unless the options are valid."""
        for name in ("initial_lr", *self.defaults):
            option = options.get(name, 0.0)
            if self._types.get(name) is bool:
                if not isinstance(option, bool):
                    raise TypeError(f"{name} must be True or False, got {type(option).__name__} {option!r}")
            elif self._types.get(name) is tuple:
                if not isinstance(option, tuple | list) or len(option) != 2:
                    raise TypeError(f"{name} must be a pair of numbers, got {option!r}")
                for i, number in enumerate(option):
                    check_number(f"{name}[{i}]", number, below=1.0)
            else:
                check_number(name, option)

    @property
    def lr(self) -> float:
        """Learning rate, that of the first group.

        Setting it sets that of all groups; a schedule made after that starts from it.
        """
        lr: float = self.param_groups[0]["lr"]
        return lr

    @lr.setter
    def lr(self, lr: float) -> None:
        check_number("lr", lr)
        for group in self.param_groups:
            group["lr"] = lr
            group.pop("initial_lr", None)

    def __repr__(self) -> str:
        groups = self.param_groups
        size = count(sum(len(group["params"]) for group in groups), "parameter")
        size += f" in {len(groups)} groups" * (len(groups) > 1)
        options = [
            f"{name}={groups[0][name]!r}" + ", ..." * any(group[name] != groups[0][name] for group in groups)
            for name in self.defaults
            # Of the rate, and of the arguments that are not as they are by default.
            if name == "lr" or any(group[name] != self._usual.get(name, group[name]) for group in groups)
        ]
        return f"{type(self).__name__}({', '.join([size, *options])})"

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add parameters with options of their own.

        Parameters
        ----------
        param_group : dict
            An iterable of leaves under ``"params"``, and options; those that are not there are the defaults.

        Raises
        ------
        TypeError
            If it is no dict, ``"params"`` is no iterable of Values, or an option has a wrong type.
        ValueError
            If it holds no parameter, one that was computed or that is there already, or an option is unknown or out of
            range. After an error the optimizer is as it was.

        Examples
        --------
        >>> from autograd import MLP
        >>> from autograd.optim import SGD
        >>> model = MLP(2, [3, 1])
        >>> optimizer = SGD(model.layers[0].parameters(), lr=0.1)
        >>> optimizer.add_param_group({"params": model.layers[1].parameters(), "lr": 0.01})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.01]
        """
        if not isinstance(param_group, Mapping):
            raise TypeError(f"param_group must be a dict, got {type(param_group).__name__}")
        if "params" not in param_group or not param_group.keys() <= {"params", "initial_lr", *self.defaults}:
            raise ValueError(
                f"a group of {type(self).__name__} has params and may have {', '.join(self.defaults)}, "
                f"got {', '.join(map(str, param_group))}"
            )
        parameters = rules.leaves(param_group["params"])
        if not parameters:
            raise ValueError("the optimizer got an empty parameter list")
        seen = {id(parameter) for group in self.param_groups for parameter in group["params"]}
        for i, parameter in enumerate(parameters):
            if id(parameter) in seen:
                raise ValueError(f"params must hold each Value once, in one group; got one again at index {i}")
            seen.add(id(parameter))
        group = {**self.defaults, **param_group, "params": parameters}
        self._check(group)
        self._rules.append(self._rule(len(parameters), group.get("initial_accumulator_value", 0.0)))
        self.param_groups.append(group)

    def step(self) -> None:
        """Change the data of every parameter once, by its gradient.

        Raises
        ------
        TypeError
            If what is now in ``param_groups`` has a wrong type.
        ValueError
            If ``"params"`` of a group now holds computed Values, or more or fewer than it did.
        """
        for group, rule in zip(self.param_groups, self._rules, strict=True):
            try:
                rule.step(group)
            except (TypeError, ValueError):
                self._check(group)
                raise

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero."""
        for group in self.param_groups:
            rules.zero_grad(group["params"])

    def state_dict(self) -> dict[str, Any]:
        """Return the options and the state, from which a later optimizer over the same parameters continues.

        Returns
        -------
        dict
            ``"state"``: for each group the number of steps and arrays with an element for each parameter, by torch's
            names. ``"param_groups"``: for each group its options, and the number of its parameters under ``"params"``.
        """
        return {
            "state": [rule.state_dict() for rule in self._rules],
            "param_groups": [{**group, "params": len(group["params"])} for group in self.param_groups],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Set the options and the state to those of another optimizer.

        Parameters
        ----------
        state_dict : dict
            From `state_dict` of an optimizer of this kind, with groups of the same sizes.

        Raises
        ------
        TypeError
            If an option has a wrong type.
        ValueError
            If the groups, the options or the state do not fit this optimizer. After an error it is as it was.
        """
        owner = type(self).__name__
        try:
            groups = [dict(group) for group in state_dict["param_groups"]]
            states = [dict(state) for state in state_dict["state"]]
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"the state of {owner} must be a dict of param_groups and state") from None
        if not len(groups) == len(states) == len(self.param_groups):
            raise ValueError(
                f"{owner} has {len(self.param_groups)} parameter groups, got {len(groups)} with {len(states)} states"
            )
        steppers = []
        for own, group, state in zip(self.param_groups, groups, states, strict=True):
            size = len(own["params"])
            if group.keys() - {"initial_lr"} != {"params", *self.defaults}:
                expected = ", ".join(["params", *self.defaults])
                raise ValueError(f"the options of {owner} must be {expected}, got {', '.join(map(str, group))}")
            if group["params"] != size:
                raise ValueError(f"{owner} has {size} parameters in a group, got {group['params']}")
            self._check(group)
            group["params"] = own["params"]
            steppers.append(self._restored(size, state))
        self.param_groups, self._rules = groups, steppers

    def _restored(self, size: int, state: Mapping[str, Any]) -> rules.Rule:
        """Return the rule of a group, with the state of another one."""
        rule = self._rule(size)
        rule.load_state_dict(state)
        return rule

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied and pickled: the state of the rules in their place."""
        return self.__dict__ | {"_rules": [rule.state_dict() for rule in self._rules]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._rules = [
            self._restored(len(group["params"]), state)
            for group, state in zip(self.param_groups, state["_rules"], strict=True)
        ]


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with momentum and weight decay.

    With ``g = grad + weight_decay * data``, the first step with a momentum sets ``buffer = g``, a later one
    ``buffer = momentum * buffer + (1 - dampening) * g``, and the data change by ``-lr * buffer``; with `nesterov` by
    ``-lr * (g + momentum * buffer)`` [1]_; without momentum by ``-lr * g``.

    Parameters
    ----------
    params : iterable of Value, or iterable of dict
        Leaves, each once; or groups of them, as for `add_param_group`.
    lr : float, default 1e-3
        Learning rate, at least 0.
    momentum : float, default 0
        At least 0.
    dampening : float, default 0
        Share of a gradient that is left out of the momentum, at least 0.
    weight_decay : float, default 0
        At least 0.
    nesterov : bool, default False
        Whether to use Nesterov's momentum; needs a momentum and no dampening.
    maximize : bool, default False
        Whether to ascend the gradient, not descend.

    Raises
    ------
    TypeError
        If `params` is no iterable of Values or dicts, or an option has a wrong type.
    ValueError
        If there are no parameters, a Value is there twice or was computed, or an option is out of range.

    References
    ----------
    .. [1] I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum in deep
       learning", ICML 2013.

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

    _rule = rules.SGDRule

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, _options(locals()))

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        momentum, dampening = options["momentum"], options["dampening"]
        if options["nesterov"] and (momentum == 0 or dampening != 0):
            raise ValueError(
                f"nesterov needs a momentum and no dampening, got momentum={momentum}, dampening={dampening}"
            )


class Adam(Optimizer):
    """Adam: steps by running means of the gradients and of their squares.

    At step ``t`` [1]_, with ``g = grad + weight_decay * data`` and ``b1, b2 = betas``::

        exp_avg = b1 * exp_avg + (1 - b1) * g
        exp_avg_sq = b2 * exp_avg_sq + (1 - b2) * g**2
        data -= lr * (exp_avg / (1 - b1**t)) / (sqrt(exp_avg_sq / (1 - b2**t)) + eps)

    Parameters
    ----------
    params : iterable of Value, or iterable of dict
        Leaves, each once; or groups of them, as for `add_param_group`.
    lr : float, default 1e-3
        Learning rate, at least 0.
    betas : tuple of two floats, default (0.9, 0.999)
        Decay rates of the two running means, at least 0 and below 1.
    eps : float, default 1e-8
        At least 0.
    weight_decay : float, default 0
        At least 0.
    amsgrad : bool, default False
        Whether to divide by the largest `exp_avg_sq` so far [2]_.
    maximize : bool, default False
        Whether to ascend the gradient, not descend.
    decoupled_weight_decay : bool, default False
        Whether to decay weights as `AdamW` does.

    Raises
    ------
    TypeError
        If `params` is no iterable of Values or dicts, or an option has a wrong type.
    ValueError
        If there are no parameters, a Value is there twice or was computed, or an option is out of range.

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

    _rule = rules.AdamRule

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(params, _options(locals()))


class AdamW(Adam):
    """Adam with decoupled weight decay.

    A step multiplies the data by ``1 - lr * weight_decay`` and makes a step of `Adam` without weight decay [1]_.

    Parameters
    ----------
    params, lr, betas, eps, amsgrad, maximize
        As for `Adam`.
    weight_decay : float, default 1e-2
        At least 0.

    Raises
    ------
    TypeError
        If `params` is no iterable of Values or dicts, or an option has a wrong type.
    ValueError
        If there are no parameters, a Value is there twice or was computed, or an option is out of range.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.optim import AdamW
    >>> x = Value(3.0)
    >>> AdamW([x], lr=0.1, weight_decay=0.5).step()
    >>> round(x.data, 6)
    2.85
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        if not options["decoupled_weight_decay"]:
            raise ValueError("decoupled_weight_decay of AdamW must be True, got False; use Adam for the other kind")


class RMSprop(Optimizer):
    """RMSprop: steps by the gradients over the root of a running mean of their squares.

    With ``g = grad + weight_decay * data`` [1]_::

        square_avg = alpha * square_avg + (1 - alpha) * g**2
        g = g / (sqrt(square_avg) + eps)
        data -= lr * g

    If `centered`, the square of a running mean of the gradients is taken off `square_avg` below the root [2]_. With a
    momentum, ``buffer = momentum * buffer + g`` takes the place of the last `g`.

    Parameters
    ----------
    params : iterable of Value, or iterable of dict
        Leaves, each once; or groups of them, as for `add_param_group`.
    lr : float, default 1e-2
        Learning rate, at least 0.
    alpha : float, default 0.99
        Decay rate of the running means, at least 0.
    eps : float, default 1e-8
        At least 0.
    weight_decay : float, default 0
        At least 0.
    momentum : float, default 0
        At least 0.
    centered : bool, default False
        Whether to divide by an estimate of the deviation.
    maximize : bool, default False
        Whether to ascend the gradient, not descend.

    Raises
    ------
    TypeError
        If `params` is no iterable of Values or dicts, or an option has a wrong type.
    ValueError
        If there are no parameters, a Value is there twice or was computed, or an option is out of range.

    References
    ----------
    .. [1] T. Tieleman, G. Hinton, "Lecture 6.5 - rmsprop", Neural Networks for Machine Learning, Coursera 2012.
    .. [2] A. Graves, "Generating Sequences With Recurrent Neural Networks", arXiv:1308.0850, 2013.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.optim import RMSprop
    >>> x = Value(3.0)
    >>> optimizer = RMSprop([x], lr=0.01)
    >>> for _ in range(400):
    ...     optimizer.zero_grad()
    ...     ((x - 1.0) ** 2).backward()
    ...     optimizer.step()
    >>> round(x.data, 1)
    1.0
    """

    _rule = rules.RMSpropRule

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, _options(locals()))


class Adagrad(Optimizer):
    """Adagrad: steps by the gradients over the root of the sum of their squares so far.

    At step ``t``, counted from 0 [1]_, with ``g = grad + weight_decay * data``::

        sum = sum + g**2
        data -= lr / (1 + t * lr_decay) * g / (sqrt(sum) + eps)

    Parameters
    ----------
    params : iterable of Value, or iterable of dict
        Leaves, each once; or groups of them, as for `add_param_group`.
    lr : float, default 1e-2
        Learning rate, at least 0.
    lr_decay : float, default 0
        At least 0.
    weight_decay : float, default 0
        At least 0.
    initial_accumulator_value : float, default 0
        The sum before the first step, at least 0.
    eps : float, default 1e-10
        At least 0.
    maximize : bool, default False
        Whether to ascend the gradient, not descend.

    Raises
    ------
    TypeError
        If `params` is no iterable of Values or dicts, or an option has a wrong type.
    ValueError
        If there are no parameters, a Value is there twice or was computed, or an option is out of range.

    References
    ----------
    .. [1] J. Duchi, E. Hazan, Y. Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
       Optimization", JMLR 12, 2011.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.optim import Adagrad
    >>> x = Value(3.0)
    >>> optimizer = Adagrad([x], lr=1.0)
    >>> for _ in range(100):
    ...     optimizer.zero_grad()
    ...     ((x - 1.0) ** 2).backward()
    ...     optimizer.step()
    >>> round(x.data, 6)
    1.0
    """

    _rule = rules.AdagradRule

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, _options(locals()))


def parameter_groups(model: Any, rules: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the parameters of a model in groups for an optimizer, with options by the names of the parameters.

    Parameters
    ----------
    model : Module
        Its `named_parameters` tells the names, such as ``layers.0.neurons.1.b``.
    rules : mapping of str to mapping
        By a pattern of names, as of `fnmatch`, the options of the parameters that match it. Of several patterns that
        match a name the first one counts; parameters that match none are a group without options of its own.

    Returns
    -------
    list of dict
        For the first argument of an optimizer.

    Raises
    ------
    ValueError
        If a pattern is the first match of no name.

    Examples
    --------
    No weight decay on biases:

    >>> from autograd.nn import MLP
    >>> from autograd.optim import AdamW, parameter_groups
    >>> optimizer = AdamW(parameter_groups(MLP(2, [3, 1]), {"*.b": {"weight_decay": 0.0}}), weight_decay=0.1)
    >>> [(len(group["params"]), group["weight_decay"]) for group in optimizer.param_groups]
    [(4, 0.0), (9, 0.1)]
    """
    groups: list[dict[str, Any]] = [{"params": [], **options} for options in (*rules.values(), {})]
    names = model.named_parameters()
    for name, parameter in names:
        first = next((i for i, pattern in enumerate(rules) if fnmatchcase(name, pattern)), -1)
        groups[first]["params"].append(parameter)
    for pattern, group in zip(rules, groups, strict=False):
        if not group["params"]:
            some = ", ".join(name for name, _ in names[:4])
            raise ValueError(f"no parameter is left for {pattern!r} (names: {some}, ...)")
    return [group for group in groups if group["params"]]
