"""What the documents say: the README's Python runs, as the sessions do; the table of primitives is the source's."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

import autograd
from autograd import ops

ROOT = Path(__file__).parents[1]
#: Documents whose blocks of Python are sessions, and those whose blocks run one after another.
WITH_PYTHON = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*/*.md")), ROOT / "docs" / "programs.md")
    if "```python" in path.read_text(encoding="utf-8")
]
SESSIONS = [path for path in WITH_PYTHON if "```python\n>>> " in path.read_text(encoding="utf-8")]
WITH_PROGRAMS = [path for path in WITH_PYTHON if path not in SESSIONS]


@pytest.mark.parametrize("document", WITH_PROGRAMS, ids=lambda path: path.name)
def test_the_programs_of_a_document(document, capsys):
    names = {}
    programs = re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    assert any("  # " in program for program in programs)
    for program in programs:
        exec(compile(program, document.name, "exec"), names)
        expected = re.findall(r"^ *print\(.*\)  # (.*)$", program, re.MULTILINE)
        assert capsys.readouterr().out.splitlines() == expected


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
    modules = [module for module in pages.values() if module != "autograd"]
    documented = {name for module in modules for name in importlib.import_module(module).__all__}
    values = re.search(r'"values": .*\((.*)\)\)', conf).group(1)
    assert set(autograd.__all__) <= documented | set(re.findall(r'"(\w+)"', values)) | {"__version__"}
