"""A fast scalar reverse-mode automatic differentiation engine.

`Value` is a float that remembers how it was computed; `Value.backward` fills in the derivatives. Neural networks on top
of it are in `autograd.nn`, with `autograd.losses`, `autograd.optim`, `autograd.schedules`, `autograd.training`,
`autograd.checkpoint` and `autograd.datasets`; `autograd.draw` draws graphs. ``python -m autograd --help`` lists the
commands.
"""

from importlib.util import find_spec as _find_spec

if _find_spec("autograd._core") is None:
    raise ImportError(
        "autograd's compiled core is missing: this is a source tree that was not built. Run `pip install .` "
        "in its root, or `python setup.py build_ext --inplace` to use it in place."
    )

from autograd._core import Value
from autograd.functions import (
    acos,
    acosh,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cbrt,
    clip,
    cos,
    cosh,
    custom_vjp,
    dot,
    erf,
    erfc,
    exp,
    expm1,
    gelu,
    hypot,
    leaky_relu,
    log,
    log1p,
    log2,
    log10,
    log_softmax,
    logsumexp,
    maximum,
    mean,
    minimum,
    no_grad,
    relu,
    sigmoid,
    silu,
    sin,
    sinh,
    softmax,
    softplus,
    sqrt,
    sum,
    tan,
    tanh,
)
from autograd.nn import MLP, Dropout, Layer, Module, Neuron
from autograd.transforms import check_grad, compile, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp, vmap

__version__ = "0.1.0"

__all__ = [
    "MLP",
    "Dropout",
    "Layer",
    "Module",
    "Neuron",
    "Value",
    "__version__",
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "clip",
    "cos",
    "cosh",
    "custom_vjp",
    "dot",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "gelu",
    "hypot",
    "leaky_relu",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logsumexp",
    "maximum",
    "mean",
    "minimum",
    "no_grad",
    "relu",
    "sigmoid",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "sum",
    "tan",
    "tanh",
]
