"""A fast scalar reverse-mode automatic differentiation engine.

`Value` is a float that remembers how it was computed; `Value.backward` fills in the derivatives. Neural networks on top
of it are in `autograd.nn`, with `autograd.losses`, `autograd.optim`, `autograd.schedules`, `autograd.training`,
`autograd.checkpoint` and `autograd.datasets`; `autograd.draw` draws graphs. ``python -m autograd --help`` lists the
commands.
"""

import sys as _sys
from importlib import import_module as _import_module
from importlib.util import find_spec as _find_spec
from typing import Any as _Any

if _find_spec("autograd._core") is None:
    raise ImportError(
        "autograd's compiled core is missing: this is a source tree that was not built. Run `pip install .` "
        "in its root, or `python setup.py build_ext --inplace` to use it in place."
    )

from autograd import _elsewhere, _hooks
from autograd._core import Value, detect_anomaly, free_memory
from autograd._program.program import Program
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
    ceil,
    clip,
    copysign,
    cos,
    cosh,
    custom_jvp,
    custom_vjp,
    deg2rad,
    degrees,
    dot,
    erf,
    erfc,
    exp,
    exp2,
    expit,
    expm1,
    floor,
    floor_divide,
    fmod,
    gelu,
    heaviside,
    hypot,
    interp,
    isfinite,
    isinf,
    isnan,
    leaky_relu,
    log,
    log1p,
    log2,
    log10,
    log_softmax,
    logaddexp,
    logaddexp2,
    logsumexp,
    maximum,
    mean,
    minimum,
    mod,
    nan_to_num,
    no_grad,
    norm,
    rad2deg,
    radians,
    relu,
    remainder,
    rint,
    sigmoid,
    sign,
    silu,
    sin,
    sinh,
    softmax,
    softplus,
    sqrt,
    tan,
    tanh,
    trunc,
    where,
)
from autograd.functions import sum as sum
from autograd.loops import fori_loop, scan, while_loop
from autograd.nn import MLP, Dropout, Layer, Module, Neuron
from autograd.transforms import (
    check_grad,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    register_pytree_node,
    trace,
    value_and_grad,
    vjp,
    vmap,
)
from autograd.transforms import compile as compile

__version__ = "0.1.0"

_hooks.FUNCTIONS.update(
    value_to_html="autograd.draw:to_html",
    program_to_source="autograd._program.source:source_of",
    program_to_bytes="autograd._program.serialization:packed",
    program_to_file="autograd._program.serialization:to_file",
    program_from_bytes="autograd._program.serialization:unpacked",
    plot_history="autograd._plots.figures:plot_history",
    run_chunk="autograd._program.executors:run_chunk",
    free_results="autograd._transforms.results:free_results",
)

# A star import leaves Python's own functions alone: no sum, no compile.
__all__ = [
    "Dropout",
    "Layer",
    "MLP",
    "Module",
    "Neuron",
    "Program",
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
    "ceil",
    "check_grad",
    "clip",
    "copysign",
    "cos",
    "cosh",
    "custom_jvp",
    "custom_vjp",
    "deg2rad",
    "degrees",
    "detect_anomaly",
    "dot",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expit",
    "expm1",
    "floor",
    "floor_divide",
    "fmod",
    "fori_loop",
    "free_memory",
    "gelu",
    "grad",
    "heaviside",
    "hessian",
    "hvp",
    "hypot",
    "interp",
    "isfinite",
    "isinf",
    "isnan",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "leaky_relu",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logaddexp",
    "logaddexp2",
    "logsumexp",
    "maximum",
    "mean",
    "minimum",
    "mod",
    "nan_to_num",
    "no_grad",
    "norm",
    "rad2deg",
    "radians",
    "relu",
    "remainder",
    "rint",
    "register_pytree_node",
    "scan",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "tan",
    "tanh",
    "trace",
    "trunc",
    "value_and_grad",
    "vjp",
    "vmap",
    "where",
    "while_loop",
]

#: Public modules that are imported when they are first asked for.
_MODULES = (
    "checkpoint", "datasets", "draw", "implicit", "initializers", "linalg", "losses", "ops", "optim", "schedules",
    "training",
)

_sys.meta_path.append(_elsewhere.Finder)


def __getattr__(name: str) -> _Any:
    if name in _MODULES or name == "sklearn":
        return _import_module(f"autograd.{name}")
    _elsewhere.refuse(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
