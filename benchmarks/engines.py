"""The engines that are compared: each is imported on demand and described by the few names the cases need."""

from __future__ import annotations

import cmath
import ctypes
import importlib
import math
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
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
        micrograd's `MLP(nin, nouts)`, or what the engine's users have instead with the same initial weights.
    recursive : bool
        Whether `backward()` recurses once for every node of the longest path.
    module : object
        The imported package or loaded library, for the cases that an engine does in its own way.
    """

    name: str
    title: str
    Value: Callable[..., Any]
    functions: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    differentiates: bool = True
    MLP: Callable[..., Any] | None = None
    recursive: bool = False
    module: Any = None


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

    def sequential(nin: int, nouts: Sequence[int]) -> Any:
        layers: list[Any] = []
        for width, nout in zip([nin, *nouts], nouts, strict=False):
            linear = torch.nn.Linear(width, nout, dtype=torch.float64)
            # The draws of micrograd's neurons, so that all engines train the same network.
            weights = [[random.uniform(-1, 1) for _ in range(width)] for _ in range(nout)]
            with torch.no_grad():
                linear.weight.copy_(torch.tensor(weights, dtype=torch.float64))
                linear.bias.zero_()
            layers += [linear, torch.nn.ReLU()]
        return torch.nn.Sequential(*layers[:-1])

    table = {name: getattr(torch, name) for name in FUNCTIONS}
    return Engine("torch", f"torch {torch.__version__}", scalar, table, MLP=sequential, module=torch)


def _c() -> Engine:
    compiler = shutil.which("cc")
    if compiler is None:
        raise ImportError("there is no C compiler named cc")
    flags = ("-O2", "-march=native")
    source = Path(__file__).with_name("moons_step.c")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        library = Path(directory, "moons_step.so")
        command = [compiler, *flags, "-shared", "-fPIC", "-o", str(library), str(source)]
        process = subprocess.run(command, capture_output=True, text=True)
        if process.returncode:
            raise ImportError(f"{' '.join(command)}: {process.stderr.strip()}")
        functions = ctypes.CDLL(str(library))
    return Engine("c", f"C by hand, cc {' '.join(flags)}", float, differentiates=False, module=functions)


_LOADERS: dict[str, Callable[[], Engine]] = {
    "autograd": _autograd,
    "float": lambda: _plain("float", float, math),
    "complex": lambda: _plain("complex", complex, cmath),
    "pure_python": _pure_python,
    "micrograd": _micrograd,
    "torch": _torch,
    "c": _c,
}
NAMES = tuple(_LOADERS)
YARDSTICKS = ("float", "complex", "c")
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
