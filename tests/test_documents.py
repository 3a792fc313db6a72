"""What the documents say: the README's Python runs, as the sessions do; the table of primitives is the source's."""

import doctest
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import autograd
from autograd import ops

ROOT = Path(__file__).parents[1]
#: Documents whose blocks of Python are sessions, and those whose blocks run one after another.
PAGES = [path for under in ("*.md", "*/*.md") for path in sorted((ROOT / "docs").glob(under))]
WITH_PYTHON = [path for path in (ROOT / "README.md", *PAGES) if "```python" in path.read_text(encoding="utf-8")]
SESSIONS = [path for path in WITH_PYTHON if "```python\n>>> " in path.read_text(encoding="utf-8")]
WITH_PROGRAMS = [path for path in WITH_PYTHON if path not in SESSIONS]
NOTEBOOKS = [path for path in PAGES if "```{code-cell}" in path.read_text(encoding="utf-8")]
#: What a page is about, besides this package and what its tests need.
NEEDS = {
    "drawing.md": ["matplotlib"], "first_network.md": ["matplotlib"], "pandas.md": ["pandas"],
    "scikit_learn.md": ["sklearn"],
}


@pytest.mark.parametrize("document", WITH_PROGRAMS, ids=lambda path: path.name)
def test_the_programs_of_a_document(document, capsys, tmp_path, monkeypatch):
    for module in NEEDS.get(document.name, ()):
        pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    programs = re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    assert any("  # " in program for program in programs)
    for program in programs:
        exec(compile(program, document.name, "exec"), names)
        expected = re.findall(r"^ *print\(.*\)  # (.*)$", program, re.MULTILINE)
        assert capsys.readouterr().out.splitlines() == expected


@pytest.mark.parametrize("document", NOTEBOOKS, ids=lambda path: path.name)
def test_the_cells_of_a_notebook(document, tmp_path, monkeypatch):
    """The build of the site runs them too, and shows what they give."""
    for module in NEEDS.get(document.name, ()):
        pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    cells = re.findall(r"```\{code-cell\}\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    for cell in cells:
        exec(compile(cell, document.name, "exec"), names)


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_the_commands_of_a_document(document, tmp_path):
    """Run what a page says for a shell, where it is this package's command, in a folder with the examples."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    blocks = re.findall(r"```sh\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    for command in re.findall(r"^python -m autograd (.*?)(?: +#.*)?$", "".join(blocks), re.MULTILINE):
        environment = {**os.environ, "PYTHONPATH": str(Path(autograd.__file__).parents[1])}
        arguments = [sys.executable, "-W", "error", "-m", "autograd", *command.split()]
        done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr


def test_the_table_of_primitives():
    document = (ROOT / "docs" / "primitives.md").read_text(encoding="utf-8")
    assert document == ops.markdown(), "run `make table`"


@pytest.mark.parametrize("document", SESSIONS, ids=lambda path: path.name)
def test_a_session_of_a_document(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = doctest.testfile(
        str(document), module_relative=False, encoding="utf-8", optionflags=doctest.ELLIPSIS
    )
    assert results.attempted and not results.failed


def test_the_error_bounds_are_those_that_the_kernels_are_held_to():
    pytest.importorskip("mpmath")
    spec = importlib.util.spec_from_file_location("accuracy", ROOT / "tests" / "kernels" / "accuracy.py")
    accuracy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(accuracy)
    text = (ROOT / "docs" / "explanation" / "numbers.md").read_text(encoding="utf-8")
    table = {name: float(error) for name, error in re.findall(r"\| `(\w+)` \| ([\d.]+) ", text)}
    assert all(error <= accuracy.BOUNDS[name] for name, error in table.items())
    # What formulas alone call has no entry.
    assert set(re.findall(r"`(\w+)`", text)) >= set(accuracy.BOUNDS) - {"gaussian", "sech_squared"}


DOCUMENTS = [path for under in ("*.md", "*/*.md", "docs/*/*.md") for path in sorted(ROOT.glob(under))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_lead_to_files(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert (document.parent / target).exists(), target


def test_every_public_name_is_in_the_reference():
    conf = (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")
    index = (ROOT / "docs" / "reference" / "index.md").read_text(encoding="utf-8")
    pages = dict(re.findall(r'^    "(\w+)": \("[^"]+", "([\w.]+)"', conf, re.MULTILINE))
    assert sorted(re.findall(r"^api/(\w+)$", index, re.MULTILINE)) == sorted(pages)
    package = Path(autograd.__file__).parent
    public = {f"autograd.{path.stem}" for path in package.glob("*.py") if not path.stem.startswith("_")}
    assert public <= set(pages.values())
    # The estimators need scikit-learn, and are not among the names of the package.
    modules = [module for module in pages.values() if module not in ("autograd", "autograd.sklearn")]
    documented = {name for module in modules for name in importlib.import_module(module).__all__}
    values = re.search(r'"values": .*\((.*)\)\)', conf).group(1)
    assert set(autograd.__all__) <= documented | set(re.findall(r'"(\w+)"', values)) | {"__version__"}


PUBLIC_MODULES = ("autograd", *(f"autograd.{name}" for name in autograd._MODULES), "autograd.functions", "autograd.nn")


@pytest.mark.parametrize("module", (*PUBLIC_MODULES, "autograd.transforms", "autograd.loops"))
def test_every_public_name_has_an_example(module):
    """A type alias and a protocol describe what others are given."""
    module = importlib.import_module(module)
    names = set(module.__all__) - {"Initializer", "Model"}
    things = {name: getattr(module, name) for name in names if callable(getattr(module, name))}
    assert not [name for name, thing in things.items() if ">>>" not in (thing.__doc__ or "")]
