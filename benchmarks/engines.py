"""The engines that are compared: each is imported on demand and described by the few names the cases need."""

from __future__ import annotations

import cmath
import ctypes
import importlib
import importlib.metadata
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

FUNCTIONS = ("exp", "log", "sqrt", "sin", "cos", "tanh")
# Further functions, which only programs need.
MORE_FUNCTIONS = ("erf", "maximum")


class Unsupported(Exception):
    """An engine cannot run a case; the message is the reason given in the report."""


@dataclass(frozen=True)
class Engine:
    """What a case may use of an engine.

    Attributes
    ----------
    name : str
        The key the command line and the cases use.
    title : str
        The name in the report, with the version if known.
    Value : callable
        Makes a number of the engine from a float.
    functions : dict
        The functions of `FUNCTIONS` and `MORE_FUNCTIONS` that the engine has, as a user would call them.
    differentiates : bool
        Whether the numbers have `backward()`.
    MLP : callable or None
        micrograd's `MLP(nin, nouts)`, or the engine's equivalent with the same initial weights.
    recursive : bool
        Whether `backward()` recurses once for every node of the longest path.
    module : object
        The imported package, for the cases that an engine does in its own way; for C, a function that compiles a
        file of this directory with given flags and loads it.
    surroundings : callable
        Makes the context manager within which the engine is measured.
    """

    name: str
    title: str
    Value: Callable[..., Any]
    functions: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    differentiates: bool = True
    MLP: Callable[..., Any] | None = None
    recursive: bool = False
    module: Any = None
    surroundings: Callable[[], AbstractContextManager[None]] = nullcontext


def _methods(kind: type) -> dict[str, Callable[[Any], Any]]:
    return {name: getattr(kind, name) for name in FUNCTIONS if hasattr(kind, name)}


def _plain(name: str, kind: type, functions: ModuleType) -> Engine:
    return Engine(name, f"plain {name}", kind, _functions(functions), differentiates=False)


def _autograd() -> Engine:
    try:
        autograd = importlib.import_module("autograd")
    except ImportError:
        # A checkout built in place can be measured without installing it.
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
        autograd = importlib.import_module("autograd")
    if not hasattr(autograd, "Value"):
        raise ImportError(f"{autograd.__file__} is the other package of this name")
    functions = importlib.import_module("autograd.functions")
    nn = importlib.import_module("autograd.nn")
    table = {name: getattr(functions, name) for name in FUNCTIONS + MORE_FUNCTIONS}
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
            # The initial parameters of micrograd's neurons, so that all engines train the same network.
            weights = [[random.uniform(-1, 1) for _ in range(width)] for _ in range(nout)]
            with torch.no_grad():
                linear.weight.copy_(torch.tensor(weights, dtype=torch.float64))
                linear.bias.zero_()
            layers += [linear, torch.nn.ReLU()]
        return torch.nn.Sequential(*layers[:-1])

    table = {name: getattr(torch, name) for name in FUNCTIONS}
    return Engine("torch", f"torch {torch.__version__}", scalar, table, MLP=sequential, module=torch)


def _jax() -> Engine:
    # One thread: handing small operations to other threads, or to that of asynchronous dispatch, takes longer than the
    # operations. The thread pools are sized for the cores available at the start.
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"
    os.environ["JAX_PLATFORMS"] = "cpu"
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    with _single_core():
        jax.devices()
    table = {name: getattr(jax.numpy, name) for name in (*FUNCTIONS, "maximum")} | {"erf": jax.scipy.special.erf}
    title = f"jax {jax.__version__}"
    return Engine("jax", title, jax.numpy.float64, table, differentiates=False, module=jax, surroundings=_single_core)


def _heyoka() -> Engine:
    heyoka = importlib.import_module("heyoka")
    # Its pool of threads has its size from the start, whatever the affinity of the thread that calls.
    heyoka.set_nthreads(1)
    table = {name: getattr(heyoka, name) for name in (*FUNCTIONS, "erf")}
    table["maximum"] = lambda x, bound: heyoka.relu(x - bound) + bound
    return Engine(
        "heyoka",
        f"heyoka {heyoka.__version__}",
        heyoka.expression,
        table,
        differentiates=False,
        module=heyoka,
        surroundings=_single_core,
    )


def _hips() -> Engine:
    autograd = importlib.import_module("autograd")
    numpy = importlib.import_module("autograd.numpy")
    table = {name: getattr(numpy, name) for name in (*FUNCTIONS, "maximum")}
    table["erf"] = importlib.import_module("autograd.scipy.special").erf
    return _peer("hips", "HIPS autograd", "autograd", autograd, table)


def _casadi() -> Engine:
    casadi = importlib.import_module("casadi")
    return _peer("casadi", "CasADi", "casadi", casadi, {name: getattr(casadi, name) for name in (*FUNCTIONS, "erf")})


def _xad() -> Engine:
    functions = importlib.import_module("xad.math")
    return _peer("xad", "XAD", "xad", importlib.import_module("xad.adj_1st"), _functions(functions))


def _ddx() -> Engine:
    ddx = importlib.import_module("ddx")
    return _peer("ddx", "ddx", "ddx-ad", ddx, {name: getattr(ddx, name) for name in (*FUNCTIONS, "erf")})


def _fastdual() -> Engine:
    fastdual = importlib.import_module("fastdual")
    return _peer("fastdual", "fastdual", "fastdual", fastdual, _functions(importlib.import_module("numpy")))


def _asdex() -> Engine:
    jax = _jax()
    asdex = importlib.import_module("asdex")
    peer = _peer("asdex", "asdex", "asdex", asdex, jax.functions)
    return replace(peer, title=f"{peer.title} over {jax.title}", surroundings=_single_core)


def _functions(module: ModuleType) -> dict[str, Callable[[Any], Any]]:
    return {name: getattr(module, name) for name in FUNCTIONS}


def _peer(name: str, title: str, distribution: str, module: Any, table: dict[str, Callable[..., Any]]) -> Engine:
    """Describe an engine that has no Values of its own here, only ways to do cases."""
    title = f"{title} {importlib.metadata.version(distribution)}"
    return Engine(name, title, float, table, differentiates=False, module=module)


@contextmanager
def _single_core() -> Iterator[None]:
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _c() -> Engine:
    compiler = shutil.which("cc")
    if compiler is None:
        raise ImportError("there is no C compiler named cc")

    def compiled(name: str, *flags: str) -> ctypes.CDLL:
        source = Path(__file__).with_name(name)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
            library = Path(directory, source.stem + ".so")
            command = [compiler, *flags, "-shared", "-fPIC", "-o", str(library), str(source), "-lm"]
            process = subprocess.run(command, capture_output=True, text=True)
            if process.returncode:
                raise Unsupported(f"{' '.join(command)}: {process.stderr.strip()}")
            return ctypes.CDLL(str(library))

    return Engine("c", "C by hand", float, differentiates=False, module=compiled)


_LOADERS: dict[str, Callable[[], Engine]] = {
    "autograd": _autograd,
    "float": lambda: _plain("float", float, math),
    "complex": lambda: _plain("complex", complex, cmath),
    "pure_python": _pure_python,
    "micrograd": _micrograd,
    "torch": _torch,
    "jax": _jax,
    "heyoka": _heyoka,
    "hips": _hips,
    "casadi": _casadi,
    "xad": _xad,
    "ddx": _ddx,
    "fastdual": _fastdual,
    "asdex": _asdex,
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
