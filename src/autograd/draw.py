"""Drawings of graphs, of decision boundaries and of training runs.

`draw` shows a graph in a notebook and needs no other package; `to_svg` and `to_dot` return it as text. `draw_dot` is
micrograd's function and needs the package ``graphviz``. The plots need ``matplotlib``; both are in the extra ``viz``.
"""

from __future__ import annotations

import os
import re
from html import escape
from typing import Any

from autograd._core import Value
from autograd._drawing.dot import statements
from autograd._drawing.graph import Picture, clean, select
from autograd._drawing.svg import render
from autograd._files import replacing
from autograd._plots.figures import plot_decision_boundary, plot_history

__all__ = [
    "Drawing",
    "draw",
    "draw_dot",
    "plot_decision_boundary",
    "plot_history",
    "to_dot",
    "to_html",
    "to_svg",
    "trace",
]

# Default limits of the size of a drawing.
_MAX_NODES = 250
_MAX_INPUTS = 8


def trace(root: Value) -> tuple[set[Value], set[tuple[Value, Value]]]:
    """Return the graph of a Value as sets of nodes and edges.

    Parameters
    ----------
    root : Value
        The result.

    Returns
    -------
    nodes : set of Value
        `root` and all that it depends on; a number used as an operand appears as a leaf.
    edges : set of (Value, Value)
        Pairs of a parent and a Value computed from it.

    Examples
    --------
    >>> a, b = Value(2.0), Value(3.0)
    >>> c = a * b
    >>> nodes, edges = trace(c)
    >>> nodes == {a, b, c}, edges == {(a, c), (b, c)}
    (True, True)
    """
    nodes, edges = {root}, set()
    stack = [root]
    while stack:
        value = stack.pop()
        for parent in value._prev:
            edges.add((parent, value))
            if parent not in nodes:
                nodes.add(parent)
                stack.append(parent)
    return nodes, edges


def draw_dot(
    root: Value, format: str = "svg", rankdir: str = "LR", *, max_nodes: int = _MAX_NODES, max_inputs: int = _MAX_INPUTS
) -> Any:
    """Draw the graph of a Value with Graphviz.

    A Value is a box with its label, data and gradient; an operation is an ellipse; a Block is one box followed by its
    outputs.

    Parameters
    ----------
    root : Value
        The result; it is drawn with all that it was computed from.
    format : str, default "svg"
        The format that `Digraph.render` writes, such as ``"png"`` or ``"pdf"``.
    rankdir : {"LR", "TB"}, default "LR"
        Direction of the graph: from left to right or from top to bottom.
    max_nodes : int, default 250
        Maximum number of Values to draw, the nearest to `root`. The drawing gives the number of others.
    max_inputs : int, default 8
        Maximum number of inputs of an operation to draw. If it has more, as a layer with its parameters, unlabelled
        leaves are only counted, as are computed and labelled inputs beyond this number.

    Returns
    -------
    graphviz.Digraph
        Displayed by a notebook; ``render("name")`` writes a file. Both call Graphviz's program ``dot``.

    Raises
    ------
    ImportError
        If the package ``graphviz`` is not installed.
    TypeError
        If `root` is not a Value.
    ValueError
        If `rankdir` is unknown or a limit is below 1.

    Examples
    --------
    >>> a = Value(2.0, label="a")
    >>> draw_dot(a.exp()).render("exponential", format="png")  # doctest: +SKIP
    'exponential.png'
    """
    try:
        from graphviz import Digraph  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError(
            "draw_dot needs the package graphviz: python -m pip install 'autograd-engine[viz]'; "
            "draw, to_svg and to_dot do without"
        ) from error
    lines = statements(_select(root, rankdir, max_nodes, max_inputs))
    return Digraph(format=format, graph_attr={"rankdir": rankdir}, body=[f"\t{line}\n" for line in lines])


def to_dot(root: Value, rankdir: str = "LR", *, max_nodes: int = _MAX_NODES, max_inputs: int = _MAX_INPUTS) -> str:
    """Return the graph of a Value in Graphviz's language.

    Parameters
    ----------
    root, rankdir, max_nodes, max_inputs
        As for `draw_dot`.

    Returns
    -------
    str
        The same in every run.

    Raises
    ------
    TypeError, ValueError
        As for `draw_dot`.

    Examples
    --------
    >>> print(to_dot(Value(2.0).exp()))
    digraph {
    ...
    n1 [label="exp" shape=ellipse ...]
    ...
    """
    lines = statements(_select(root, rankdir, max_nodes, max_inputs))
    return "\n".join(["digraph {", f"\tgraph [rankdir={rankdir}]", *(f"\t{line}" for line in lines), "}\n"])


def to_svg(root: Value, rankdir: str = "LR", *, max_nodes: int = _MAX_NODES, max_inputs: int = _MAX_INPUTS) -> str:
    """Return a drawing of the graph of a Value as an SVG document.

    Parameters
    ----------
    root, rankdir, max_nodes, max_inputs
        As for `draw_dot`.

    Returns
    -------
    str
        The same in every run. Hovering over a box shows all digits.

    Raises
    ------
    TypeError, ValueError
        As for `draw_dot`.

    Examples
    --------
    >>> to_svg(Value(2.0).exp()).startswith("<svg ")
    True
    """
    return render(_select(root, rankdir, max_nodes, max_inputs), rankdir)


class Drawing:
    """A picture of a graph, displayed by a notebook.

    Attributes
    ----------
    svg : str
        The SVG document.
    """

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def __repr__(self) -> str:
        width, height = re.findall(r' (?:width|height)="([\d.]+)"', self.svg)[:2]
        return f"Drawing({width} x {height})"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the SVG document to a file."""
        with replacing(path) as file:
            file.write(self.svg.encode())

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        # Notebooks prefer HTML, in which long drawings scroll and tooltips show all digits.
        return f'<div style="overflow: auto">{self.svg}</div>'


def draw(root: Value, rankdir: str = "LR", *, max_nodes: int = _MAX_NODES, max_inputs: int = _MAX_INPUTS) -> Drawing:
    """Draw the graph of a Value for a notebook or a file.

    Parameters
    ----------
    root, rankdir, max_nodes, max_inputs
        As for `draw_dot`.

    Returns
    -------
    Drawing
        Displayed by a notebook as the last expression of a cell; `Drawing.save` writes an SVG file.

    Raises
    ------
    TypeError, ValueError
        As for `draw_dot`.

    Examples
    --------
    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> drawing = draw(a * b + 1)
    >>> drawing.svg.count("<rect ")
    7
    """
    return Drawing(to_svg(root, rankdir, max_nodes=max_nodes, max_inputs=max_inputs))


def to_html(value: Value) -> str:
    """Return an HTML table of a Value, which a notebook displays.

    Parameters
    ----------
    value : Value

    Returns
    -------
    str
        Its label, data, gradient and operation.

    Examples
    --------
    >>> print(to_html(Value(2.0, label="a")))
    <table><tr><th>label</th><th>data</th><th>grad</th></tr><tr><td>a</td><td>2.0</td><td>0.0</td></tr></table>
    """
    cells = {"label": value.label, "data": repr(value.data), "grad": repr(value.grad), "operation": value._op}
    shown = {name: escape(clean(text)) for name, text in cells.items() if text}
    names = "".join(f"<th>{name}</th>" for name in shown)
    texts = "".join(f"<td>{text}</td>" for text in shown.values())
    return f"<table><tr>{names}</tr><tr>{texts}</tr></table>"


def _select(root: Value, rankdir: str, max_nodes: int, max_inputs: int) -> Picture:
    if rankdir not in ("LR", "TB"):
        raise ValueError(f"rankdir must be 'LR' or 'TB', got {rankdir!r}")
    return select(root, max_nodes, max_inputs)
