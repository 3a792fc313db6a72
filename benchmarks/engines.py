"""The engines that are compared: each is imported on demand and described by the few names the cases need."""

from __future__ import annotations

import cmath
import importlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

FUNCTIONS = ("exp", "log", "sqrt", "sin", "cos", "tanh")


class Unsupported(Exception):
    """An engine cannot run a case; the message says why, in the words of the report."""


@dataclass(frozen=True)
class Engine:
    """What a case may use of an engine.

    Attributes
    ----------
    name : str
        The key the command line and the cases use.
    title : str
        The name in the report, with the version where there is one.
    Value : callable
        Makes a number of the engine from a float.
    functions : dict
        The functions of `FUNCTIONS` the engine has, as a user would call them.
    differentiates : bool
        Whether the numbers have `backward()`.
    MLP : callable or None
        micrograd's `MLP(nin, nouts)`, where the engine has one.
    recursive : bool
        Whether `backward()` recurses once for every node of the longest path.
    module : module or None
        The imported package, for the cases that an engine does in its own way.
    """

    name: str
    title: str
    Value: Callable[..., Any]
    functions: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    differentiates: bool = True
    MLP: Callable[..., Any] | None = None
    recursive: bool = False
    module: ModuleType | None = None


def _methods(kind: type) -> dict[str, Callable[[Any], Any]]:
    return {name: getattr(kind, name) for name in FUNCTIONS if hasattr(kind, name)}


def _plain(name: str, kind: type, functions: ModuleType) -> Engine:
    table = {function: getattr(functions, function) for function in FUNCTIONS}
    return Engine(name, f"plain {name}", kind, table, differentiates=False)


def _autograd() -> Engine:
    try:
        autograd = importlib.import_module("autograd")
    except ImportError:
        # A checkout that was built in place need not be installed to be measured.
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
        autograd = importlib.import_module("autograd")
    if not hasattr(autograd, "Value"):
        raise ImportError(f"{autograd.__file__} is the other package of this name")
    functions = importlib.import_module("autograd.functions")
    nn = importlib.import_module("autograd.nn")
    table = {name: getattr(functions, name) for name in FUNCTIONS}
    return Engine("autograd", "autograd", autograd.Value, table, MLP=nn.MLP, module=autograd)


def _pure_python() -> Engine:
    module = importlib.import_module("pure_python")
    return Engine(
        "pure_python", "pure Python", module.Value, _methods(module.Value), MLP=module.MLP, recursive=True
    )


def _micrograd() -> Engine:
    value = importlib.import_module("micrograd.engine").Value
    mlp = importlib.import_module("micrograd.nn").MLP
    return Engine("micrograd", "micrograd", value, _methods(value), MLP=mlp, recursive=True)


def _torch() -> Engine:
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)

    def scalar(data: float) -> Any:
        return torch.tensor(data, dtype=torch.float64, requires_grad=True)

    table = {name: getattr(torch, name) for name in FUNCTIONS}
    return Engine("torch", f"torch {torch.__version__}", scalar, table, module=torch)


_LOADERS: dict[str, Callable[[], Engine]] = {
    "autograd": _autograd,
    "float": lambda: _plain("float", float, math),
    "complex": lambda: _plain("complex", complex, cmath),
    "pure_python": _pure_python,
    "micrograd": _micrograd,
    "torch": _torch,
}
NAMES = tuple(_LOADERS)
YARDSTICKS = ("float", "complex")
# Engines whose nodes are cyclic garbage, so that the collector's state is part of the result.
CYCLIC = ("pure_python", "micrograd")

_loaded: dict[str, Engine] = {}


def load(name: str) -> Engine:
    """Import an engine, once.

    Raises
    ------
    ImportError
        When its package is not installed for this Python.
    """
    if name not in _loaded:
        _loaded[name] = _LOADERS[name]()
    return _loaded[name]
