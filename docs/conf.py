"""The documentation site: ``make docs`` builds it into ``docs/_build/html``, without network."""

from importlib import import_module
from importlib.metadata import version as _version
from pathlib import Path

project = "autograd"
author = "The autograd developers"
version = release = _version("autograd-engine")

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_parser"]
html_theme = "furo"
html_title = f"autograd {version}"
templates_path = ["_templates"]
exclude_patterns = ["_build"]
copyright = "2026, the autograd developers"
myst_heading_anchors = 3
# The prompt of a session is not copied; a document starts with its own title.
myst_enable_extensions = ["deflist"]

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
# Docstrings name what is public by its short name.
default_role = "code"


# ---------------------------------------------------------------------------------------------------------------------
# The reference: a page for every public module, made from its `__all__`

#: Where a name is documented whose module is private, or that several modules offer.
MODULES = {
    "values": ("Values", "autograd", ("Value", "Program", "no_grad", "detect_anomaly", "free_memory")),
    "functions": ("Functions", "autograd.functions", None),
    "transforms": ("Derivatives, batches, programs", "autograd.transforms", None),
    "loops": ("Loops", "autograd.loops", None),
    "implicit": ("Implicit functions", "autograd.implicit", None),
    "linalg": ("Linear algebra", "autograd.linalg", None),
    "nn": ("Networks", "autograd.nn", None),
    "losses": ("Losses", "autograd.losses", None),
    "optim": ("Optimizers", "autograd.optim", None),
    "schedules": ("Learning rates", "autograd.schedules", None),
    "initializers": ("Initial parameters", "autograd.initializers", None),
    "training": ("Training", "autograd.training", None),
    "checkpoint": ("Checkpoints", "autograd.checkpoint", None),
    "datasets": ("Data to play with", "autograd.datasets", None),
    "draw": ("Drawings", "autograd.draw", None),
    "ops": ("The op table", "autograd.ops", None),
}


def names_of(module, names):
    """Return the public names of a module that are functions, classes or other callables, and its constants."""
    module = import_module(module)
    names = module.__all__ if names is None else names
    constants = [name for name in names if name.isupper()]
    return [name for name in names if name not in constants], constants


def write_reference(folder):
    """Write a page for each module; Sphinx makes one for each name."""
    folder.mkdir(exist_ok=True)
    for page, (title, module, names) in MODULES.items():
        callables, constants = names_of(module, names)
        lines = [f"# {title}", "", f"`{module}`", "", "```{eval-rst}", f".. currentmodule:: {module}", ""]
        lines += [".. autosummary::", "   :toctree: names", "", *(f"   {name}" for name in callables), "```", ""]
        if constants:
            lines += ["Tables: " + ", ".join(f"`{name}`" for name in constants) + ".", ""]
        path = folder / f"{page}.md"
        text = "\n".join(lines)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


write_reference(Path(__file__).parent / "reference" / "api")
