"""The elementary functions in C: error bounds, special values, and the same bits with every instruction set."""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from kernels import accuracy

COMPILER = shutil.which("cc")
FOLDER = Path(accuracy.HERE)
pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


def supports(level):
    """Whether the processor runs code of an x86-64 level, as GNU's dynamic loader tells."""
    run = subprocess.run(["/lib64/ld-linux-x86-64.so.2", "--help"], capture_output=True, text=True, check=False)
    return f"x86-64-{level} (supported" in run.stdout


def builds():
    yield pytest.param("cc", (), id="cc")
    for compiler in ("gcc", "clang"):
        if shutil.which(compiler) and platform.machine() == "x86_64" and platform.system() == "Linux":
            for level in ("x86-64", "x86-64-v3", "x86-64-v4"):
                if level == "x86-64" or supports(level.removeprefix("x86-64-")):
                    # Without clones, so that the loops are of this level; scalars once.
                    flags = (f"-march={level}", "-DAUTOGRAD_NO_CLONES")
                    yield pytest.param(compiler, flags, id=f"{compiler}-{level}")
            yield pytest.param(compiler, ("-O1", "-DAUTOGRAD_NO_CLONES"), id=f"{compiler}-scalar")


@pytest.mark.parametrize("compiler, flags", [*builds()])
def test_bits_are_the_same_everywhere(compiler, flags, tmp_path):
    program = accuracy.build("digest.c", tmp_path, compiler, flags)
    run = subprocess.run([str(program)], capture_output=True, text=True, check=True)
    assert run.stdout == (FOLDER / "digests.txt").read_text(encoding="utf-8")


def test_errors_and_special_values(tmp_path):
    """The first arguments are special values, at which the reference follows C's Annex F."""
    try:
        errors = accuracy.measure(20_000, tmp_path)
    except subprocess.CalledProcessError as error:
        if "quadmath" not in (error.stderr or ""):
            raise
        pytest.skip("no libquadmath")
    assert errors.keys() == accuracy.BOUNDS.keys()
    assert {name: found for name, found in errors.items() if not found[0] <= accuracy.BOUNDS[name]} == {}
