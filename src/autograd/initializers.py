"""Initial weights of neurons.

An initializer is a function of the number of inputs, the number of neurons in the layer, and a source of random
numbers; it returns the weights of one neuron. Those here have mean zero and draw one weight after another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

__all__ = ["INITIALIZERS", "Initializer", "he", "initializer", "lecun", "uniform", "xavier"]

Initializer: TypeAlias = Callable[[int, int, Any], list[float]]


def uniform(nin: int, nout: int, rng: Any) -> list[float]:
    """Draw uniformly between -1 and 1, as micrograd does.

    Parameters
    ----------
    nin : int
        Number of inputs, and of weights to draw.
    nout : int
        Number of neurons in the layer.
    rng : object with a method ``uniform(low, high)``
        Such as the module `random`, ``random.Random(1)`` or ``numpy.random.default_rng(1)``.

    Returns
    -------
    list of float, length nin

    Examples
    --------
    >>> import random
    >>> uniform(2, 1, random.Random(1337))
    [0.23550571390294128, 0.06653114721000164]
    """
    return [rng.uniform(-1, 1) for _ in range(nin)]


def xavier(nin: int, nout: int, rng: Any, distribution: str = "uniform") -> list[float]:
    """Draw with the variance ``2 / (nin + nout)``: for tanh, sigmoid and linear neurons.

    The scheme is Glorot's [1]_.

    Parameters
    ----------
    nin, nout, rng
        As for `uniform`. For normal numbers `rng` has a method ``gauss(mean, deviation)``, as in `random`, or
        ``normal(mean, deviation)``, as in NumPy.
    distribution : {"uniform", "normal"}, default "uniform"
        A uniform number lies between plus and minus the root of three times the variance.

    Returns
    -------
    list of float, length nin

    Raises
    ------
    ValueError
        If `distribution` is unknown.

    References
    ----------
    .. [1] X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
       2010, equation 16.

    Examples
    --------
    >>> import random
    >>> [round(weight, 3) for weight in xavier(3, 1, random.Random(0))]
    [0.844, 0.632, -0.195]
    """
    return _draw(2.0 / (nin + nout), nin, rng, distribution)


def he(nin: int, nout: int, rng: Any, distribution: str = "normal") -> list[float]:
    """Draw with the variance ``2 / nin``: for rectifiers.

    The scheme is He's [1]_.

    Parameters
    ----------
    nin, nout, rng
        As for `xavier`.
    distribution : {"uniform", "normal"}, default "normal"

    Returns
    -------
    list of float, length nin

    Raises
    ------
    ValueError
        If `distribution` is unknown.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Delving Deep into Rectifiers: Surpassing Human-Level Performance on
       ImageNet Classification", ICCV 2015, equation 10.

    Examples
    --------
    >>> import random
    >>> [round(weight, 3) for weight in he(3, 1, random.Random(0))]
    [0.769, -1.14, -0.555]
    """
    return _draw(2.0 / nin, nin, rng, distribution)


def lecun(nin: int, nout: int, rng: Any, distribution: str = "uniform") -> list[float]:
    """Draw with the variance ``1 / nin``: for sigmoids, and for inputs of variance one.

    The scheme is LeCun's [1]_.

    Parameters
    ----------
    nin, nout, rng
        As for `xavier`.
    distribution : {"uniform", "normal"}, default "uniform"

    Returns
    -------
    list of float, length nin

    Raises
    ------
    ValueError
        If `distribution` is unknown.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, G. B. Orr, K.-R. Mueller, "Efficient BackProp", Neural Networks: Tricks of the Trade,
       Springer 1998, section 4.6.

    Examples
    --------
    >>> import random
    >>> [round(weight, 3) for weight in lecun(3, 1, random.Random(0))]
    [0.689, 0.516, -0.159]
    """
    return _draw(1.0 / nin, nin, rng, distribution)


def _draw(variance: float, n: int, rng: Any, distribution: str) -> list[float]:
    if distribution == "uniform":
        limit = math.sqrt(3.0 * variance)
        return [rng.uniform(-limit, limit) for _ in range(n)]
    if distribution == "normal":
        normal = rng.gauss if hasattr(rng, "gauss") else rng.normal
        return [normal(0.0, math.sqrt(variance)) for _ in range(n)]
    raise ValueError(f"distribution must be uniform or normal, got {distribution!r}")


#: By name: the functions of this module, and each but `uniform` with either distribution, as in "xavier_normal".
INITIALIZERS: dict[str, Initializer] = {
    "uniform": uniform,
    **{function.__name__: function for function in (xavier, he, lecun)},
    **{
        f"{function.__name__}_{distribution}": partial(function, distribution=distribution)
        for function in (xavier, he, lecun)
        for distribution in ("uniform", "normal")
    },
}


def initializer(choice: str | Initializer) -> Initializer:
    """Return an initializer that is given by name or as a function.

    Parameters
    ----------
    choice : str or callable
        A name in `INITIALIZERS`, or a function from `nin`, `nout` and `rng` to `nin` numbers.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> initializer("he") is he
    True
    """
    if callable(choice):
        return choice
    if not isinstance(choice, str) or choice not in INITIALIZERS:
        raise ValueError(f"init must be callable or one of {', '.join(INITIALIZERS)}, got {choice!r}")
    return INITIALIZERS[choice]
