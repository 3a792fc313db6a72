"""Names of other frameworks, and of other modules of this package, answered with the names here."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import NoReturn

_MODULE = "MLP, or a subclass of autograd.Module"
_SEED = (
    "the argument `seed` or `rng` of what draws: MLP(2, [16, 1], seed=1) draws from random.Random(1); without them "
    "weights come from Python's module random, which numpy.random.seed does not seed and random.seed does; "
    "rng=numpy.random draws from NumPy's"
)
_ACTIVATION = "the argument `activation`, as in MLP(2, [16, 1], activation='tanh'), and functions such as tanh(x)"
_NUMPY = "NumPy itself: its functions and operators take arrays of Values"
_PYTHON = "Python's own function or operator, which takes Values"
_DOUBLE = "nothing to choose: every number is a float of 64 bits"
_TREES = "lists, dicts and dataclasses as arguments, register_pytree_node"
_RECURRENT = "a subclass of autograd.Module, which holds Values and other modules in its attributes"
_LOSSES = {
    **dict.fromkeys(("MSELoss", "mse_loss"), "autograd.losses.mse(outputs, targets)"),
    **dict.fromkeys(("L1Loss", "l1_loss"), "autograd.losses.mae(outputs, targets)"),
    **dict.fromkeys(("HuberLoss", "SmoothL1Loss", "huber_loss"), "autograd.losses.huber(outputs, targets)"),
    **dict.fromkeys(
        ("CrossEntropyLoss", "NLLLoss", "nll_loss", "softmax_cross_entropy"),
        "autograd.losses.cross_entropy(scores, class_index)",
    ),
    **dict.fromkeys(
        ("BCELoss", "BCEWithLogitsLoss", "binary_cross_entropy_with_logits"),
        "autograd.losses.binary_cross_entropy(logits, targets)",
    ),
}

#: By module, what other frameworks call something, and what there is of it here.
NAMES: dict[str, dict[str, str]] = {
    "autograd": {
        **dict.fromkeys(("jit", "njit"), "compile(f)"),
        **dict.fromkeys(("Tensor", "tensor", "as_tensor", "from_numpy", "Variable", "Scalar"), "Value(x)"),
        "Parameter": "Value(x), and a Module that holds it",
        **dict.fromkeys(("SX", "MX", "DM"), "an argument of a function, which compile(f) traces"),
        **dict.fromkeys(("pmap", "vectorize"), "vmap(f), which uses threads by itself"),
        **dict.fromkeys(("stop_gradient", "detach"), "Value.detach()"),
        **dict.fromkeys(("custom_gradient", "Function", "primitive", "defvjp"), "custom_vjp(f)"),
        **dict.fromkeys(("manual_seed", "random", "PRNGKey", "seed", "set_seed"), _SEED),
        **dict.fromkeys(("inference_mode", "set_grad_enabled", "enable_grad"), "no_grad(), and recording without it"),
        "nograd": "no_grad()",
        **dict.fromkeys(("set_detect_anomaly", "debug_nans"), "with autograd.detect_anomaly():"),
        **dict.fromkeys(("backward", "GradientTape"), "Value.backward(), or grad(f)"),
        **dict.fromkeys(("egrad", "elementwise_grad"), "vmap(grad(f))"),
        **dict.fromkeys(("save", "load"), "autograd.checkpoint.save and .load"),
        **dict.fromkeys(("gradcheck", "check_grads", "test_util"), "check_grad(f, x)"),
        **dict.fromkeys(("hvps", "hessian_vector_product", "make_hvp"), "hvp(f, (x,), (v,))"),
        **dict.fromkeys(("make_vjp", "linear_transpose"), "vjp(f, x)"),
        **dict.fromkeys(("make_jvp", "linearize"), "jvp(f, (x,), (v,))"),
        "grad_and_aux": "value_and_grad(f, has_aux=True)",
        **dict.fromkeys(("defjvp", "extend"), "custom_jvp(f) and custom_vjp(f)"),
        **dict.fromkeys(("remat", "lax"), "scan(f, init, xs, checkpoint=...), fori_loop and while_loop"),
        **dict.fromkeys(("cond", "switch", "if_else"), "`if`, or where(condition, x, y)"),
        **dict.fromkeys(("tree_util", "tree_map", "tree"), _TREES),
        **dict.fromkeys(("func", "functional"), "this package: from autograd import grad, vmap"),
        **dict.fromkeys(("float32", "float64", "double", "enable_x64"), _DOUBLE),
        **dict.fromkeys(("cuda", "device", "devices", "device_put"), "nothing to choose: it runs on the CPU"),
        **dict.fromkeys(("zeros", "ones", "arange", "stack", "concatenate", "matmul", "einsum", "prod", "var"), _NUMPY),
        **dict.fromkeys(("abs", "max", "min", "pow", "round", "add", "multiply"), _PYTHON),
        **dict.fromkeys(("rand", "randn"), "numpy.random or Python's random, outside of what is traced"),
        **dict.fromkeys(("numpy", "np", "jnp"), _NUMPY),
        **dict.fromkeys(("misc", "nlpsol"), "autograd.optim, autograd.training.fit, and scipy.optimize"),
        "builtins": "Python's own tuple, list and dict",
        "engine": "this package: from autograd import Value",
        "draw_dot": "autograd.draw.draw_dot",
        "make_jaxpr": "trace(f, *arguments)",
        "Sequential": _MODULE,
        "Linear": "Layer(nin, nout, nonlin=False)",
        "Optimizer": "autograd.optim.Optimizer",
        "scipy": "SciPy itself, whose optimizers take grad(f)",
    },
    "autograd.nn": {
        "Linear": "Layer(nin, nout, nonlin=False)",
        "Sequential": _MODULE,
        "Parameter": "Value(x): every leaf Value that a module holds is a parameter",
        **dict.fromkeys(("ModuleList", "ModuleDict", "ParameterList"), "a list or dict: a Module finds what is in it"),
        **dict.fromkeys(("ReLU", "Tanh", "Sigmoid", "GELU", "SiLU", "Softplus", "LeakyReLU"), _ACTIVATION),
        **dict.fromkeys(("Conv1d", "Conv2d"), "nothing of the kind: the layers are dense, PyTorch and JAX have others"),
        **dict.fromkeys(("RNN", "LSTM", "GRU", "Embedding", "LayerNorm", "BatchNorm1d"), _RECURRENT),
        "Softmax": "the function autograd.softmax",
        "utils": "autograd.optim.clip_grad_norm and .clip_grad_value",
        "functional": "autograd.functions and autograd.losses",
        "init": "autograd.initializers, as in MLP(2, [16, 1], init='he')",
        **_LOSSES,
    },
    "autograd.losses": _LOSSES,
    "autograd.optim": {
        "lr_scheduler": "autograd.schedules",
        "zero_grad": "optimizer.zero_grad(), or model.zero_grad()",
        "LBFGS": "scipy.optimize.minimize(value_and_grad(f), x0, jac=True, method='L-BFGS-B')",
        "apply_updates": "optimizer.step()",
        "clip_grad_norm_": "autograd.optim.clip_grad_norm(parameters, max_norm)",
        "clip_grad_value_": "autograd.optim.clip_grad_value(parameters, clip_value)",
        **dict.fromkeys(("sgd", "adam", "adamw", "rmsprop", "adagrad"), "a class, such as SGD or Adam"),
    },
}


class Finder:
    """Answers imports of modules that other frameworks have, as in ``import autograd.numpy``."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Raise an error with the name here if there is one: no other finder has found the module."""
        package, _, module = name.rpartition(".")
        here = NAMES[package].get(module) if package == "autograd" else None
        if here:
            raise ModuleNotFoundError(f"no module named {name!r}; here it is {here}", name=name)


#: The public modules in which a name is looked for, the one to be named first.
_PUBLIC = (
    "autograd", "autograd.nn", "autograd.losses", "autograd.optim", "autograd.schedules", "autograd.training",
    "autograd.checkpoint", "autograd.datasets", "autograd.draw", "autograd.initializers", "autograd.linalg",
    "autograd.implicit", "autograd.ops",
)


def _public(module: str, name: str) -> str | None:
    """Return where a name that a module lacks is public; None if it is nowhere, or names a module to be imported."""
    if name.startswith("_") or module == "autograd" and find_spec(f"autograd.{name}") is not None:
        return None
    return next((f"{place}.{name}" for place in _PUBLIC if name in import_module(place).__all__), None)


def refuse(module: str, name: str) -> NoReturn:
    """Raise the AttributeError of a name that a module lacks, with the name here.

    That is the answer to a name of another framework, or where another module of the package has the name. Where
    ``from module import name`` asks, raise ImportError, for Python would make one without the answer.
    """
    here = NAMES[module].get(name) or _public(module, name)
    error = f"module {module!r} has no attribute {name!r}" + (f"; here it is {here}" if here else "")
    if here:
        from dis import opname

        frame = sys._getframe(2)
        if opname[frame.f_code.co_code[frame.f_lasti]] == "IMPORT_FROM":
            raise ImportError(error, name=module)
    raise AttributeError(error, name=name, obj=sys.modules[module])
