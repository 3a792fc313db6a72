"""Neurons, layers and multi-layer perceptrons whose weights are `Value` objects."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Real
from typing import Any, NoReturn

from autograd import _elsewhere, functions
from autograd._blocks.dense import DenseDropout, DenseLayer, DenseNetwork, DenseNeuron
from autograd._blocks.parameters import are_same, modules, parameters, snapshot
from autograd._blocks.rules import check_integer, zero_grad
from autograd._core import Value
from autograd._text import Text, count
from autograd._transforms.nodes import register
from autograd.initializers import Initializer, initializer

__all__ = ["ACTIVATIONS", "MLP", "Dropout", "Layer", "Module", "Neuron", "summary"]


#: By the name of an activation, its title in the repr of a neuron and its function (None for the identity).
ACTIVATIONS: dict[str, tuple[str, Callable[[Any], Any] | None]] = {
    "linear": ("Linear", None),
    "relu": ("ReLU", functions.relu),
    "leaky_relu": ("LeakyReLU", functions.leaky_relu),
    "softplus": ("Softplus", functions.softplus),
    "silu": ("SiLU", functions.silu),
    "gelu": ("GELU", functions.gelu),
    "sigmoid": ("Sigmoid", functions.sigmoid),
    "tanh": ("Tanh", functions.tanh),
    "sin": ("Sin", functions.sin),
}

Activation = str | Callable[[Any], Any]


def __getattr__(name: str) -> NoReturn:
    _elsewhere.refuse(__name__, name)


def _activation(choice: Activation) -> tuple[str, Callable[[Any], Any] | None]:
    """Return the title and the function of an activation given by name or as a callable."""
    if callable(choice):
        return getattr(choice, "__name__", type(choice).__name__), choice
    if not isinstance(choice, str) or choice not in ACTIVATIONS:
        raise ValueError(f"activation must be callable or one of {', '.join(ACTIVATIONS)}, got {choice!r}")
    return ACTIVATIONS[choice]


def _generator(rng: Any, seed: int | None) -> Any:
    """Return the source of initial weights: `rng`, a new one from `seed`, or the module `random`."""
    if rng is not None and seed is not None:
        raise ValueError(f"give rng or seed, not both: got rng={rng!r} and seed={seed!r}")
    if rng is None:
        return random if seed is None else random.Random(seed)
    if not hasattr(rng, "uniform"):
        raise TypeError(f"rng must have a method uniform(low, high), got {type(rng).__name__}")
    return rng


class Module:
    """
    Hold parameters: the leaf Values in the attributes of a subclass.

    A subclass sets Values, other modules or objects with a method ``parameters``, and lists, tuples,
    dicts and NumPy object arrays of these as attributes, to any depth. A Value computed from others
    is no parameter; the leaves it comes from are, where the module holds them.

    Examples
    --------
    >>> from autograd import Value
    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Value(2.0), Value(1.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.offset
    >>> Line().state_dict()
    {'slope': 2.0, 'offset': 1.0}
    """

    training: bool = True

    def modules(self) -> Iterator[Module]:
        """
        Iterate over this module and all that it holds.

        Returns
        -------
        iterator of Module
            Each once, a module before those in it.
        """
        return iter(modules(self, Module))

    def train(self, mode: bool = True) -> Module:
        """
        Set this module and all that it holds to training mode, in which `Dropout` is active.

        Parameters
        ----------
        mode : bool, default True

        Returns
        -------
        Module
            This one.
        """
        for module in self.modules():
            # Neurons have no mode, and there are many of them.
            if not isinstance(module, Neuron):
                module.training = mode
        return self

    def eval(self) -> Module:
        """Set this module and all that it holds to evaluation mode."""
        return self.train(False)

    def parameters(self) -> list[Value]:
        """
        Return the parameters.

        Returns
        -------
        list of Value
            In the order of definition, a shared Value once.
        """
        return parameters(self)

    def named_parameters(self) -> list[tuple[str, Value]]:
        """
        Return the parameters with their names.

        Returns
        -------
        list of (str, Value)
            In the order of `parameters`. A name is the path of attributes, positions and keys
            joined by dots, such as ``layers.0.neurons.1.w.0``.
        """
        names: list[str] = []
        leaves = parameters(self, names)
        return list(zip(names, leaves, strict=True))

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero."""
        zero_grad(self.parameters())

    def state_dict(self) -> dict[str, float]:
        """
        Return the data of the parameters by name.

        Returns
        -------
        dict of str to float
            A copy: later changes of the module leave it as it is.
        """
        return {name: parameter.data for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """
        Set the data of every parameter.

        Parameters
        ----------
        state : mapping of str to float
            One number for each name in `state_dict`.

        Raises
        ------
        TypeError
            If `state` is no mapping or an entry is no number.
        ValueError
            If names are missing or unexpected. After an error no parameter has changed.

        Examples
        --------
        >>> neuron = Neuron(2)
        >>> neuron.load_state_dict({"w.0": 0.5, "w.1": -0.5, "b": 1.0})
        >>> neuron([4.0, 1.0]).data
        2.5
        """
        owner = type(self).__name__
        if not isinstance(state, Mapping):
            raise TypeError(f"the state of {owner} must be a mapping, got {type(state).__name__}")
        parameters = dict(self.named_parameters())
        differences = [
            f"{len(names)} {kind} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
            for kind, names in (
                ("missing", [name for name in parameters if name not in state]),
                ("unexpected", [str(name) for name in state if name not in parameters]),
            )
            if names
        ]
        if differences:
            raise ValueError(f"the state does not fit {owner}: {', '.join(differences)}")
        for name, number in state.items():
            if not isinstance(number, Real):
                raise TypeError(f"the state of {owner} has {type(number).__name__} for {name}, not a number")
        numbers = [float(state[name]) for name in parameters]
        for parameter, number in zip(parameters.values(), numbers, strict=True):
            parameter.data = number

    def __repr__(self) -> str:
        return _described(self, [])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show the short form in a notebook."""
        printer.text(str(self))


def _described(module: Module, words: list[str]) -> str:
    """Return one line that says what a module is."""
    return f"{type(module).__name__}({', '.join([*words, count(len(module.parameters()), 'parameter')])})"


def _short(module: Layer | MLP, usual: Callable[[Any], str], layers: Sequence[Any]) -> str:
    """Return the short form of layers in sequence, or the repr where a subclass or foreign parts have their own."""
    if type(module).__repr__ is not usual or not all(isinstance(layer, Layer | Dropout) for layer in layers):
        return repr(module)
    dense = [layer for layer in layers if isinstance(layer, Layer)]
    if not dense or any(not isinstance(neuron, Neuron) for layer in dense for neuron in layer.neurons):
        return repr(module)
    sizes = [dense[0].nin, *(len(layer.neurons) for layer in dense)]
    # The last layer of a network is linear, which is not worth a word where others are not.
    names = [name for layer in dense for name in _activations(layer.neurons)]
    if len(dense) > 1 and names[-1] == "linear" and set(names) != {"linear"}:
        names = [name for name in names if name != "linear"]
    rates = [f"dropout {layer.p:g}" for layer in layers if isinstance(layer, Dropout)]
    return _described(module, [" -> ".join(map(str, sizes)), *dict.fromkeys(names), *dict.fromkeys(rates)])


def _activations(neurons: Sequence[Any]) -> list[str]:
    """Return the names of the activations of neurons, each once."""
    choices = dict.fromkeys(neuron.activation if neuron.nonlin else "linear" for neuron in neurons)
    return [choice if isinstance(choice, str) else _activation(choice)[0] for choice in choices]


def summary(model: Module) -> str:
    """
    Return a table of the layers of a model: their shapes, activations and parameters.

    Parameters
    ----------
    model : Module

    Returns
    -------
    str
        A prompt and a notebook show it as ``print`` does. A row counts the parameters that no row above it has; a
        module that is no layer has a row if it holds parameters outside of its parts.

    Raises
    ------
    TypeError
        If `model` is no Module.

    Examples
    --------
    >>> summary(MLP(2, [16, 16, 1]))
    MLP(2 -> 16 -> 16 -> 1, relu, 337 parameters)
    <BLANKLINE>
    part   shape     activation  parameters
    Layer  2 -> 16   relu                48
    Layer  16 -> 16  relu               272
    Layer  16 -> 1   linear              17
    total                               337
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary expects a Module, got {type(model).__name__}")
    rows = [("part", "shape", "activation", "parameters")]
    counted: set[Value] = set()
    in_layers = {id(neuron) for part in model.modules() if isinstance(part, Layer) for neuron in part.neurons}
    for part in model.modules():
        if id(part) in in_layers:
            continue
        below = list(part.modules())[1:] if not isinstance(part, Layer) else []
        elsewhere = counted.union(*(inner.parameters() for inner in below))
        own = [value for value in part.parameters() if value not in elsewhere]
        if own or not below:
            rows.append((type(part).__name__, *_shape(part), f"{len(own):,}"))
            counted.update(own)
    rows.append(("total", "", "", f"{len(counted):,}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=False)), row[3].rjust(widths[3])])
        for row in rows
    ]
    return Text("\n".join([str(model), "", *lines]))


def _shape(part: Module) -> tuple[str, str]:
    """Return the shape and the activations of a part, as a table shows them."""
    neurons = part.neurons if isinstance(part, Layer) else [part]
    if isinstance(part, Layer | Neuron) and all(isinstance(neuron, Neuron) for neuron in neurons):
        return f"{part.nin} -> {len(neurons)}", ", ".join(_activations(neurons))
    return "", f"p={part.p:g}" if isinstance(part, Dropout) else ""


class _Structure:
    """All that decides how a module computes besides the data of its parameters."""

    def __init__(self, module: Module) -> None:
        self.taken = snapshot(module)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Structure) and are_same(self.taken, other.taken)

    __hash__ = None  # type: ignore[assignment]


def _with_parameters(module: Module, leaves: Sequence[Any]) -> Module:
    """Return a copy of a module with other parameters: Values, numbers, or arrays of derivatives."""
    memo: dict[int, Any] = {
        id(parameter): Value(leaf) if isinstance(leaf, float) else leaf
        for parameter, leaf in zip(module.parameters(), leaves, strict=True)
    }
    result = copy.deepcopy(module, memo)
    if any(isinstance(leaf, Value) for leaf in leaves) and len(result.parameters()) < len(leaves):
        raise TypeError(
            f"a {type(module).__name__} holds parameters, not computed Values: in a traced function, and with a Value "
            "among the arguments, differentiate by a list of parameters instead"
        )
    return result


register(
    Module,
    lambda module: (module.parameters(), module),
    _with_parameters,
    names=lambda module: [f".{name}" for name, _ in module.named_parameters()],
    key=_Structure,
    holds=True,
    family=True,
)


class Neuron(DenseNeuron, Module):
    """
    Apply an activation to a weighted sum of inputs, ``activation(b + w[0]*x[0] + w[1]*x[1] + ...)``.

    Parameters
    ----------
    nin : int
        Number of inputs.
    nonlin : bool, default True
        Whether to apply the activation.
    activation : str or callable, default "relu"
        A name in `ACTIVATIONS`, or a function from Value to Value.
    rng : object with a method ``uniform(low, high)``, optional
        Where the weights are drawn from, such as ``random.Random(1)`` or
        ``numpy.random.default_rng(1)``; by default the module `random`, which ``random.seed`` seeds and
        ``numpy.random.seed`` does not.
    seed : int, optional
        Instead of `rng`: draw from ``random.Random(seed)``.
    init : str or callable, default "uniform"
        How the weights are drawn: a name in `autograd.initializers.INITIALIZERS`, or a function like those there.

    Attributes
    ----------
    w : list of Value
        Weights, by default drawn uniformly between -1 and 1.
    b : Value
        Bias, at first zero.

    Raises
    ------
    TypeError
        If a size is no integer or `rng` has no `uniform`.
    ValueError
        If a size is below 1, an activation has an unknown name, or both `rng` and `seed` are given.

    Examples
    --------
    >>> neuron = Neuron(2, activation="tanh", seed=1337)
    >>> neuron
    TanhNeuron(2)
    >>> neuron.w[0].data
    0.23550571390294128
    >>> round(neuron([1.0, -2.0]).data, 6)
    0.102087
    """

    def __init__(
        self,
        nin: int,
        nonlin: bool = True,
        *,
        activation: Activation = "relu",
        rng: Any = None,
        seed: int | None = None,
        init: str | Initializer = "uniform",
    ) -> None:
        _activation(activation)
        draw = initializer(init)
        self.w = [Value(weight) for weight in draw(check_integer("nin", nin, 1), 1, _generator(rng, seed))]
        self.b = Value(0)
        self.nonlin = nonlin
        self.activation = activation

    @property
    def nin(self) -> int:
        """Number of inputs."""
        return len(self.w)

    def function(self) -> Callable[[Any], Any] | None:
        """Return the activation as a function, None for the identity."""
        return _activation(self.activation)[1] if self.nonlin else None

    def __repr__(self) -> str:
        return f"{_activation(self.activation if self.nonlin else 'linear')[0]}Neuron({self.nin})"


class Layer(DenseLayer, Module):
    """
    Apply several neurons to the same inputs.

    Parameters
    ----------
    nin, nout : int
        Number of inputs and of neurons.
    nonlin, activation, rng, seed, init
        As for `Neuron`; all neurons draw from one generator.

    Attributes
    ----------
    neurons : list of Neuron

    Examples
    --------
    >>> layer = Layer(3, 2, nonlin=False)
    >>> layer
    Layer of [LinearNeuron(3), LinearNeuron(3)]
    >>> len(layer([1.0, 2.0, 3.0]))
    2
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        *,
        nonlin: bool = True,
        activation: Activation = "relu",
        rng: Any = None,
        seed: int | None = None,
        init: str | Initializer = "uniform",
    ) -> None:
        rng = _generator(rng, seed)
        size, draw = check_integer("nout", nout, 1), initializer(init)

        def draw_one(nin: int, _: int, rng: Any) -> list[float]:
            return draw(nin, size, rng)

        self.neurons = [Neuron(nin, nonlin, activation=activation, rng=rng, init=draw_one) for _ in range(size)]

    @property
    def nin(self) -> int | None:
        """Number of inputs, that of the first neuron; None where something without one is there."""
        if not self.neurons:
            raise ValueError(f"{type(self).__name__} has no neurons")
        return getattr(self.neurons[0], "nin", None)

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(repr, self.neurons))}]"

    def __str__(self) -> str:
        return _short(self, Layer.__repr__, [self])

    _repr_pretty_ = Module._repr_pretty_


class MLP(DenseNetwork, Module):
    """
    Chain layers into a multi-layer perceptron whose last layer is linear.

    Parameters
    ----------
    nin : int
        Number of inputs.
    nouts : sequence of int
        Number of neurons of each layer, the last one being the number of outputs.
    activation, rng, seed, init
        As for `Neuron`, the activation being that of all layers but the last; all layers draw
        from one generator.
    dropout : float, default 0.0
        Where not zero, a `Dropout` of this probability follows every layer but the last.

    Attributes
    ----------
    layers : list of Layer, and of Dropout where there is any

    Examples
    --------
    >>> model = MLP(2, [2, 1])
    >>> model
    MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(2)]]
    >>> print(model)
    MLP(2 -> 2 -> 1, relu, 9 parameters)
    >>> model([1.0, 2.0, 3.0])
    Traceback (most recent call last):
    ValueError: MLP expects 2 inputs, got 3
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        *,
        activation: Activation = "relu",
        rng: Any = None,
        seed: int | None = None,
        init: str | Initializer = "uniform",
        dropout: float = 0.0,
    ) -> None:
        try:
            sizes = [nin, *nouts]
        except TypeError:
            raise TypeError(f"nouts must be a sequence of integers, got {type(nouts).__name__}") from None
        last = len(sizes) - 2
        if last < 0:
            raise ValueError("nouts must hold the size of at least one layer, got none")
        rng = _generator(rng, seed)
        self.layers: list[Layer | Dropout] = []
        for i in range(last + 1):
            self.layers.append(
                Layer(sizes[i], sizes[i + 1], nonlin=i != last, activation=activation, rng=rng, init=init)
            )
            if dropout and i != last:
                self.layers.append(Dropout(dropout, rng=rng))

    @property
    def nin(self) -> int | None:
        """Number of inputs, that of the first layer; None where something without one is there."""
        if not self.layers:
            raise ValueError(f"{type(self).__name__} has no layers")
        return getattr(self.layers[0], "nin", None)

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"

    def __str__(self) -> str:
        return _short(self, MLP.__repr__, self.layers)

    _repr_pretty_ = Module._repr_pretty_


class Dropout(DenseDropout, Module):
    """
    Set inputs to zero at random while training, and scale up the others to keep the mean.

    In training each input becomes zero with the probability `p`, and is divided by ``1 - p`` otherwise
    [1]_; after `Module.eval` the inputs pass as they are.

    Parameters
    ----------
    p : float, default 0.5
        Probability of a zero, in [0, 1).
    rng : object with methods ``uniform`` and ``random``, optional
        Where the choice is drawn from; by default the module `random`.
    seed : int, optional
        Instead of `rng`: draw from ``random.Random(seed)``.

    Raises
    ------
    ValueError
        If `p` is out of range, or both `rng` and `seed` are given.

    References
    ----------
    .. [1] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
       JMLR 15 (2014) 1929-1958, with the scaling moved from evaluation to training.

    Examples
    --------
    >>> dropout = Dropout(0.5, seed=1)
    >>> dropout([1.0, 2.0, 3.0])
    [0.0, 4.0, 6.0]
    >>> dropout.eval()([1.0, 2.0, 3.0])
    [1.0, 2.0, 3.0]
    """

    def __init__(self, p: float = 0.5, *, rng: Any = None, seed: int | None = None) -> None:
        if not isinstance(p, Real):
            raise TypeError(f"p must be a number, got {type(p).__name__}")
        if not 0 <= p < 1:
            raise ValueError(f"p must be at least 0 and below 1, got {p}")
        self.p = p
        generator = _generator(rng, seed)
        # A module cannot be copied along with the model.
        self.rng = None if generator is random else generator
        self.training = True

    def __repr__(self) -> str:
        return f"Dropout(p={self.p})"
