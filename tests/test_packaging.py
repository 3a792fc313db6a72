"""The package as it lies on disk."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import autograd
from autograd import _core

PACKAGE = Path(autograd.__file__).parent


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").exists()
    for name in ("_core.pyi", "_core.pxd"):
        assert (PACKAGE / name).exists()


def test_the_core_is_compiled_and_lies_in_the_package():
    assert Path(_core.__file__).parent == PACKAGE
    assert not _core.__file__.endswith(".py")


def test_what_the_pxd_declares_can_be_cimported():
    declared = re.findall(
        r"^cp?def (?!inline)\w[\w *]*?(\w+)\([^)]*\)", (PACKAGE / "_core.pxd").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {"new_leaf", "number", "run_backward"} <= set(declared) == set(_core.__pyx_capi__)


def test_version():
    try:
        distribution = importlib.metadata.distribution("autograd-engine")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("autograd-engine is not installed")
    assert distribution.version == autograd.__version__


def test_public_names():
    assert len(set(autograd.__all__)) == len(autograd.__all__)
    for name in autograd.__all__:
        assert getattr(autograd, name) is not None
    assert {"Value", "Module", "Neuron", "Layer", "MLP", "no_grad", "exp"} <= set(autograd.__all__)
    assert autograd.__doc__


def test_a_star_import_leaves_builtins_alone(run_python):
    program = """
from autograd import *
print(sum is __builtins__.sum, compile is __builtins__.compile, exp(0.0))
from autograd import compile, sum
print(sum([1.0, 2.0]), compile(exp)(0.0))
"""
    assert run_python(program) == "True True 1.0\n3.0 1.0\n"


def test_modules_are_imported_when_they_are_asked_for(run_python):
    program = """
import sys, autograd
assert "autograd.training" not in sys.modules
for name in ("checkpoint", "datasets", "draw", "initializers", "losses", "ops", "optim", "schedules", "training"):
    assert getattr(autograd, name).__name__ == f"autograd.{name}" and name in dir(autograd)
print(autograd.optim.SGD.__name__)
"""
    assert run_python(program) == "SGD\n"


@pytest.mark.parametrize(
    "name, here",
    [("jit", "compile(f)"), ("elementwise_grad", "vmap(grad(f))"), ("Tensor", "Value(x)"), ("numpy", "NumPy")],
)
def test_names_of_other_frameworks_are_answered(name, here):
    with pytest.raises(AttributeError, match=rf"no attribute '{name}'; here it is .*{re.escape(here)}"):
        getattr(autograd, name)


def test_other_names_are_unknown():
    with pytest.raises(AttributeError, match="^module 'autograd' has no attribute 'nothing_of_ours'$"):
        _ = autograd.nothing_of_ours


def test_importing_brings_in_what_it_needs_only(run_python):
    program = """
import sys
import autograd, autograd.nn, autograd.losses, autograd.optim
optional = {"matplotlib", "graphviz", "scipy", "sklearn", "torch", "tqdm", "Cython", "setuptools"} & set(sys.modules)
assert not optional, optional
"""
    run_python(program)


@pytest.fixture
def uncompiled(tmp_path):
    """Copy the package without anything compiled."""
    ignored = shutil.ignore_patterns("*.so", "*.pyd", "*.c", "*.h", "*.html", "_ops.*", "__pycache__")
    return shutil.copytree(PACKAGE, tmp_path / "autograd", ignore=ignored).parent


IMPORT = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
try:
    importlib.import_module(sys.argv[2])
except ImportError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("module", ["autograd", "autograd.nn", "autograd.functions"])
def test_import_from_an_uncompiled_tree_says_how_to_build(module, uncompiled, run_python):
    printed = run_python(IMPORT, str(uncompiled), module)
    assert printed.startswith("ImportError ")
    assert "not built" in printed
    assert "pip install ." in printed
    assert "python setup.py build_ext --inplace" in printed


def test_the_command_in_an_uncompiled_tree_says_how_to_build(uncompiled, run_python):
    program = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
try:
    runpy.run_module("autograd", run_name="__main__")
except ImportError as error:
    print(error)
"""
    assert "pip install ." in run_python(program, str(uncompiled))


def test_an_import_error_of_another_kind_is_not_hidden(uncompiled, run_python):
    (uncompiled / "autograd" / "_core.py").write_text("import no_such_module_anywhere\n", encoding="utf-8")
    printed = run_python(IMPORT, str(uncompiled), "autograd")
    assert "no_such_module_anywhere" in printed and "pip install" not in printed


@pytest.mark.skipif(sys.platform == "win32", reason="another linker")
def test_denormals_are_not_flushed_to_zero():
    """As linking anything with -ffast-math would do to the whole process."""
    assert 5e-324 / 1.0 > 0.0 and 2.2250738585072014e-308 / 2 > 0.0
    assert (autograd.Value(2.2250738585072014e-308) * 0.5).data > 0.0


@pytest.fixture
def build(tmp_path):
    """Build a copy of the package with one small module only; return the exit status and the last line printed."""
    root = Path(__file__).parents[1]
    if not (root / "setup.py").exists():
        pytest.skip("there is no setup.py")
    pytest.importorskip("Cython")
    package = tmp_path / "src" / "autograd"
    shutil.copy(root / "setup.py", tmp_path)
    shutil.copytree(PACKAGE / "_build", package / "_build")
    shutil.copy(PACKAGE / "ops.py", package)

    def run(c, **environment):
        (package / "small.pyx").write_text(f'cdef extern from *:\n    """{c}"""\n    int one()\n', encoding="utf-8")
        command = [sys.executable, "setup.py", "build_ext"]
        environment = {**os.environ, **environment}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        return done.returncode, (done.stderr.splitlines() or [""])[-1]

    return run


WORKING, BROKEN = "int one(void) { return 1; }", "int one(void) { return"


def test_the_build_without_a_compiler_says_how_to_get_one(build):
    for c in (WORKING, BROKEN):
        status, line = build(c, CC="no-such-compiler-anywhere")
        assert status != 0
        for remedy in ("C compiler", "apt install", "dnf install", "xcode-select", "Build Tools for Visual Studio"):
            assert remedy in line


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_an_error_in_the_c_is_not_reported_as_a_missing_compiler(build):
    assert build(WORKING)[0] == 0
    status, line = build(BROKEN)
    assert status != 0 and "small.c" in line and "C compiler" not in line
