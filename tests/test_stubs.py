"""The stubs agree with the compiled core, and a type checker concludes from them what it should."""

import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

import autograd

pytest.importorskip("mypy")
pytestmark = pytest.mark.skipif(
    tuple(map(int, numpy.__version__.split(".")[:2])) < (2, 3),
    reason="mypy cannot tell what the operators of NumPy's numbers take",
)

HERE = Path(__file__).parent
ROOT = HERE.parent
SOURCES = Path(autograd.__file__).parents[1]


def run_mypy(module, *arguments):
    """Run mypy or stubtest, and return the exit status and what it printed.

    Stubs are read from the source tree (`mypy_path` in pyproject.toml), the package is the one that the tests run on.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCES), "NO_COLOR": "1"},
    )
    return done.returncode, done.stdout + done.stderr


def test_stubs_agree_with_the_core():
    status, output = run_mypy(
        "mypy.stubtest",
        *(
            f"autograd._blocks.{name}"
            for name in ("callbacks", "dense", "losses", "parameters", "reductions", "rules", "where")
        ),
        *("autograd._core", "autograd._transforms.custom_rules", "autograd.functions", "autograd.ops"),
        *("--allowlist", HERE / "stubtest_allowlist.txt", "--ignore-unused-allowlist"),
    )
    assert status == 0, output


SUBJECTS = pytest.mark.parametrize("subject", ["core", "transforms"])


@SUBJECTS
def test_a_type_checker_concludes_what_it_should(subject):
    status, output = run_mypy("mypy", HERE / "typing" / f"check_{subject}.py", "--python-version", "3.11")
    assert status == 0, output


@SUBJECTS
def test_a_type_checker_finds_the_errors(subject):
    path = HERE / "typing" / f"check_{subject}_errors.py"
    _, output = run_mypy("mypy", path, "--disable-error-code", "no-any-return")
    found = {int(line.split(":")[1]) for line in output.splitlines() if f"{path.name}:" in line and ": error:" in line}
    lines = path.read_text(encoding="utf-8").splitlines()
    marked = {number for number, line in enumerate(lines, 1) if line.endswith("# error")}
    assert len(marked) > 10
    assert found == marked, output
