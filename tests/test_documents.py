"""What the documents say: the README's Python runs, as the sessions do; the table of primitives is the source's."""

import doctest
import re
from pathlib import Path

import pytest

from autograd import ops

ROOT = Path(__file__).parents[1]
#: Documents whose blocks of Python run, one after another.
WITH_PROGRAMS = [ROOT / "README.md", *sorted((ROOT / "docs" / "how_to").glob("*.md"))]


@pytest.mark.parametrize("document", WITH_PROGRAMS, ids=lambda path: path.name)
def test_the_programs_of_a_document(document, capsys):
    names = {}
    programs = re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    assert any("  # " in program for program in programs)
    if any("scipy" in program for program in programs):
        pytest.importorskip("scipy")
    for program in programs:
        exec(compile(program, document.name, "exec"), names)
        expected = re.findall(r"^print\(.*\)  # (.*)$", program, re.MULTILINE)
        assert capsys.readouterr().out.splitlines() == expected


def test_the_table_of_primitives():
    document = (ROOT / "docs" / "primitives.md").read_text(encoding="utf-8")
    assert document == ops.markdown(), "run `make docs`"


@pytest.mark.parametrize("document", ["programs.md"])
def test_a_session_of_a_document(document):
    results = doctest.testfile(
        str(ROOT / "docs" / document), module_relative=False, encoding="utf-8", optionflags=doctest.ELLIPSIS
    )
    assert results.attempted and not results.failed


@pytest.mark.parametrize("document", [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("*/*.md"))], ids=str)
def test_links_lead_to_files(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert (document.parent / target).exists(), target
