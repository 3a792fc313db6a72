"""Imports point from upper layers to lower ones, and every private package explains itself."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "autograd"

#: The layers from the top down. A module imports from its own package and from lower layers; a module that is named
#: here alone is a layer of its own.
LAYERS = (
    ("__main__",),
    ("__init__",),
    ("_cli",),
    ("draw", "sklearn"),
    ("_drawing", "_plots"),
    ("training",),
    ("_training",),
    ("checkpoint", "schedules", "datasets"),
    ("implicit",),
    ("optim", "losses", "nn", "transforms", "loops", "linalg"),
    ("functions", "initializers"),
    ("_transforms",),
    ("_blocks",),
    ("_program",),
    ("_interpreter", "_source"),
    ("_ir",),
    ("_core",),
    ("ops", "_kernels", "_cpython", "_hooks", "_files", "_frames", "_text", "_elsewhere", "_build"),
)
LEVELS = {unit: len(LAYERS) - height for height, layer in enumerate(LAYERS) for unit in layer}
#: Parts of a module in files of their own.
PARTS = {
    "_memory": "_core",
    "_block": "_core",
    "_backward": "_core",
    "_anomalies": "_core",
    "_blocks.gathering": "_blocks.reductions",
}
GENERATED = {"_ops.pxi", "ops.h", "maps.h", "pairs.h", "primitives.h"}
MOST_MODULES = 15

pytestmark = pytest.mark.skipif(not (PACKAGE / "_core.pyx").exists(), reason="the sources are not here")


def sources():
    return sorted(
        path for pattern in ("*.py", "*.pyx", "*.pxd", "*.pxi") for path in PACKAGE.rglob(pattern)
        if path.name not in GENERATED
    )


def module_of(path):
    """Return the dotted name of the module that a source file belongs to."""
    name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    return PARTS.get(name, name)


def unit_of(module):
    """Return the package or top-level module that a module belongs to, which has a place among the layers."""
    return module.split(".")[0]


NAMES = r"\(([^)]*)\)|([^\n#]*)"
FROM = rf"from\s+(autograd[\w.]*)\s+c?import\s+(?:{NAMES})"
IMPORT = re.compile(rf"^\s*(?:{FROM}|c?import\s+(autograd[\w.]*))", re.MULTILINE)


def without_texts(path):
    """Return a source with every string literal of several lines blanked: docstrings have imports in examples."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r'"""(?:[^"\\]|\\.|"(?!""))*"""', lambda found: "\n" * found[0].count("\n"), text)


def imports(path):
    """Yield (line, module) for every import and cimport of the package in a file, inside functions too."""
    text = without_texts(path)
    for found in IMPORT.finditer(text):
        line = text[: found.start()].count("\n") + 1
        module = (found[1] or found[4]).removeprefix("autograd").removeprefix(".")
        names = [name.split(" as ")[0].strip() for name in (found[2] or found[3] or "").split(",")]
        for name in filter(None, names) if found[1] else [""]:
            full = f"{module}.{name}".strip(".")
            inside = PACKAGE.joinpath(*full.split("."))
            is_module = inside.is_dir() or any(inside.with_suffix(end).exists() for end in (".py", ".pyx", ".pxd"))
            yield line, full if is_module and full else module or "__init__"


def arrows():
    """Yield (file and line, importing module, imported module)."""
    for path in sources():
        for line, target in imports(path):
            yield f"{path.relative_to(ROOT)}:{line}", module_of(path), target


def test_the_reader_of_imports_finds_what_it_should(tmp_path):
    assert len(list(arrows())) > 150
    found = {(source, target) for _, source, target in arrows()}
    assert {
        ("_core", "ops"), ("_ir.derivatives", "_ir.code"), ("_program.program", "_interpreter.executable"),
        ("nn", "_blocks.dense"), ("__init__", "_core"), ("_blocks.dense", "_core"),
    } <= found


def test_every_module_has_a_layer():
    assert {unit_of(module_of(path)) for path in sources()} == set(LEVELS)


def test_arrows_point_down():
    wrong = [
        f"{place}: {source} imports {target}, which is not below it"
        for place, source, target in arrows()
        if unit_of(source) != unit_of(target) and LEVELS[unit_of(source)] <= LEVELS[unit_of(target)]
        # Modules of one layer may import each other where that makes no cycle: see below.
        and not (LEVELS[unit_of(source)] == LEVELS[unit_of(target)] and not unit_of(source).startswith("_"))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("unit", [lambda module: module, unit_of], ids=["modules", "packages"])
def test_there_is_no_cycle(unit):
    graph = {}
    for _, source, target in arrows():
        if unit(source) != unit(target):
            graph.setdefault(unit(source), set()).add(unit(target))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a cycle of imports: {' -> '.join(error.args[1])}")


def packages():
    return sorted(path.parent for path in PACKAGE.glob("_*/__init__.py"))


@pytest.mark.parametrize("package", packages(), ids=lambda path: path.name)
def test_a_private_package_is_small_and_says_what_is_in_it(package):
    modules = {path.stem for pattern in ("*.py", "*.pyx", "*.pxd") for path in package.glob(pattern)} - {"__init__"}
    assert len(modules) <= MOST_MODULES
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))
    assert text and len(text.splitlines()) >= 3
    headers = {path.name for path in package.glob("*.h")} - GENERATED
    missing = [name for name in sorted(modules | headers) if not re.search(rf"\b{re.escape(name)}\b", text)]
    assert not missing, f"{package.name}/__init__.py does not mention {', '.join(missing)}"


CLASS = re.compile(r"^(?:cdef\s+)?class\s+(\w+)|^cdef\s+struct\s+(\w+)", re.MULTILINE)


def test_no_two_classes_share_a_name():
    places = {}
    for path in sources():
        for found in CLASS.finditer(without_texts(path)):
            places.setdefault(found[1] or found[2], set()).add(module_of(path))
    twice = {name: sorted(modules) for name, modules in places.items() if len(modules) > 1}
    assert not twice


def test_the_kernels_are_plain_c():
    for path in (PACKAGE / "_kernels").glob("*.h"):
        assert "Python.h" not in re.findall(r"#include [<\"](.*?)[>\"]", path.read_text(encoding="utf-8"))


def test_contributing_names_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|tests|benchmarks|docs|_?[a-z]+)/[\w./]*|\w+\.(?:py|pyx|pxd|h))`", text)
    assert len(named) > 30
    for name in named:
        assert (ROOT / name).exists() or (PACKAGE / name).exists() or (ROOT / "tests" / name).exists(), name
