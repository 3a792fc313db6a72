"""The documentation site: ``make docs`` builds it into ``docs/_build/html``, without network."""

import os
import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version as _version
from pathlib import Path

ROOT = Path(__file__).parents[1]

project = "autograd"
author = "The autograd developers"
version = release = _version("autograd-engine")

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_nb"]
html_theme = "furo"
html_title = f"autograd {version}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
templates_path = ["_templates"]
exclude_patterns = ["_build", "reference/api/commands.md"]
copyright = "2026, the autograd developers"
myst_heading_anchors = 3
# The tutorials are notebooks, run by every build, and a cell that fails is an error.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 120

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
    "sklearn": ("Estimators of scikit-learn", "autograd.sklearn", None),
    "checkpoint": ("Checkpoints", "autograd.checkpoint", None),
    "datasets": ("Data to play with", "autograd.datasets", None),
    "draw": ("Drawings", "autograd.draw", None),
    "ops": ("The op table", "autograd.ops", None),
}


def names_of(module, names):
    """Return the public names of a module that can be called, and the others."""
    module = import_module(module)
    names = module.__all__ if names is None else names
    constants = [name for name in names if not callable(getattr(module, name))]
    return [name for name in names if name not in constants], constants


def write_reference(folder):
    """Write a page for each module; Sphinx makes one for each name."""
    folder.mkdir(exist_ok=True)
    for page, (title, module, names) in MODULES.items():
        callables, constants = names_of(module, names)
        lines = [f"# {title}", "", f"`{module}`", "", "```{eval-rst}", f".. currentmodule:: {module}", ""]
        lines += [".. autosummary::", "   :toctree: names", "", *(f"   {name}" for name in callables), "```", ""]
        if constants:
            lines += ["```{eval-rst}", *(f".. autodata:: {name}\n   :no-value:\n" for name in constants), "```", ""]
        write(folder / f"{page}.md", lines)


def write(path, lines):
    """Write a page, unless it is as it should be: Sphinx reads what is new."""
    text = "\n".join(lines)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


# ---------------------------------------------------------------------------------------------------------------------
# The gallery: a page for every example, with the picture that it makes or the text that it prints

def run_example(path, target):
    """Run an example, unless its result is newer than its source: with a picture as its target, or for its text."""
    if target.exists() and target.stat().st_mtime > path.stat().st_mtime:
        return
    options = ["--plot", str(target)] if target.suffix == ".png" else []
    environment = {**os.environ, "MPLBACKEND": "agg"}
    done = subprocess.run([sys.executable, str(path), *options], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{path.name} fails: {done.stdout}{done.stderr}")
    if not options:
        target.write_text(done.stdout, encoding="utf-8")


TITLES = {"char_rnn": "A recurrent network", "lotka_volterra": "Lotka-Volterra", "microgpt": "A GPT on single numbers"}


def write_gallery(folder):
    """Write a page for each example of the table in examples/README.md, and one that lists them."""
    folder.mkdir(exist_ok=True)
    table = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    pictures, texts = [], []
    for name, about in re.findall(r"^\| \[`(\w+)\.py`\]\(.*?\) \| (.*) \|$", table, re.MULTILINE):
        path = ROOT / "examples" / f"{name}.py"
        about = re.sub("; `--plot FILE`.*", "", about)
        about = f"{about[0].upper()}{about[1:]}."
        title = TITLES.get(name, name.replace("_", " ").capitalize())
        plots = "--plot" in path.read_text(encoding="utf-8")
        target = folder / f"{name}{'.png' if plots else '.txt'}"
        run_example(path, target)
        if plots:
            shown = [f"```{{image}} {target.name}", f":alt: {title}", "```"]
            pictures += [f"## [{title}]({name}.md)", "", about, "", *shown, ""]
        else:
            shown = ["It prints:", "", f"```{{literalinclude}} {target.name}", ":language: text", "```"]
            texts += [f"- [{title}]({name}.md): {about[0].lower()}{about[1:]}"]
        source = [f"```{{literalinclude}} ../../examples/{name}.py", ":language: python", "```", ""]
        write(folder / f"{name}.md", [f"# {title}", "", about, "", *shown, "", "## Source", "", *source])
    names = sorted(path.stem for path in folder.glob("*.md") if path.stem != "index")
    tree = ["```{toctree}", ":hidden:", "", *names, "```", ""]
    about = ["The examples, run when these pages were built, with the pictures that they make.", ""]
    write(folder / "index.md", ["# Gallery", "", *about, *pictures, "## Without a picture", "", *texts, "", *tree])


# ---------------------------------------------------------------------------------------------------------------------
# The command line: what `--help` says

def help_of(*command):
    """Return what a command says of its options."""
    call = [sys.executable, "-m", "autograd", *command, "--help"]
    environment = {**os.environ, "COLUMNS": "88"}
    return subprocess.run(call, env=environment, capture_output=True, text=True, check=True).stdout


def write_help(path):
    """Write a section for the program, and for each of its commands."""
    commands = re.findall(r"^    (\w+) ", help_of(), re.MULTILINE)
    texts = {"autograd": help_of(), **{command: help_of(command) for command in commands}}
    write(path, [f"### `{name}`\n\n```text\n{text}```\n" for name, text in texts.items()])


# ---------------------------------------------------------------------------------------------------------------------

def skip_what_scikit_learn_adds(app, what, name, member, skip, options):
    """Leave out the methods that scikit-learn writes into its estimators' classes: their texts are its own."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def leave_out_private_bases(app, name, thing, options, bases):
    """Name the bases of a class that are public."""
    bases[:] = [base for base in bases if "._" not in getattr(base, "__module__", "")]


def setup(app):
    """Connect what this file adds to Sphinx."""
    app.connect("autodoc-skip-member", skip_what_scikit_learn_adds)
    app.connect("autodoc-process-bases", leave_out_private_bases)


write_reference(ROOT / "docs" / "reference" / "api")
write_gallery(ROOT / "docs" / "gallery")
write_help(ROOT / "docs" / "reference" / "api" / "commands.md")
