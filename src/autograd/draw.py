"""Drawings of graphs, of backward passes, of decision boundaries and of training runs.

`draw` shows a graph in a notebook and needs no other package; `to_svg` and `to_dot` return it as text, `to_text` as a
tree for a terminal. `BackwardSteps` runs a backward pass one operation at a time, and draws it. `draw_dot` is
micrograd's function and needs the package ``graphviz``. The plots need ``matplotlib``; both are in the extra ``viz``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from html import escape
from typing import Any

from autograd._core import Value
from autograd._drawing.dot import statements
from autograd._drawing.graph import Picture, check_limits, clean, number, order, select
from autograd._drawing.steps import BackwardStep, Push, frame, steps
from autograd._drawing.svg import Moment, render
from autograd._drawing.text import tree
from autograd._files import replacing
from autograd._plots.figures import plot_decision_boundary, plot_history
from autograd._program.program import Program
from autograd._text import Text

__all__ = [
    "BackwardStep",
    "BackwardSteps",
    "Drawing",
    "Push",
    "draw",
    "draw_dot",
    "plot_decision_boundary",
    "plot_history",
    "to_dot",
    "to_html",
    "to_svg",
    "to_text",
    "topological_order",
    "trace",
]

for _class in (Push, BackwardStep):
    _class.__module__ = __name__

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


def topological_order(root: Value) -> list[Value]:
    """Return the Values of a graph in an order in which each comes after those that it was computed from.

    `backward` goes through it from the end to the beginning.

    Parameters
    ----------
    root : Value
        The result, the last in the order.

    Returns
    -------
    list of Value
        Each once, leaves included. The operands of an operation are visited from left to right, so the order is the
        same in every run. Numbers used as operands are not in it.

    Raises
    ------
    TypeError
        If `root` is not a Value.

    Examples
    --------
    >>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
    >>> product = a * b
    >>> [value.label or value._op for value in topological_order(product + a)]
    ['a', 'b', '*', '+']
    """
    return order(root)


def draw_dot(
    root: Value | Program,
    format: str = "svg",
    rankdir: str = "LR",
    *,
    max_nodes: int = _MAX_NODES,
    max_inputs: int = _MAX_INPUTS,
    expand: bool = False,
) -> Any:
    """Draw the graph of a Value, or a program, with Graphviz.

    A Value is a box with its label, data and gradient; an operation is an ellipse; a Block is one box followed by its
    outputs. Of a program the instructions are drawn, without numbers.

    Parameters
    ----------
    root : Value or Program
        The result, which is drawn with all that it was computed from; or a program, such as `autograd.trace` returns.
    format : str, default "svg"
        The format that `Digraph.render` writes, such as ``"png"`` or ``"pdf"``.
    rankdir : {"LR", "TB"}, default "LR"
        Direction of the graph: from left to right or from top to bottom.
    max_nodes : int, default 250
        Maximum number of Values to draw, the nearest to `root`. The drawing gives the number of others.
    max_inputs : int, default 8
        Maximum number of inputs of an operation to draw. If it has more, as a layer with its parameters, unlabelled
        leaves are only counted, as are computed and labelled inputs beyond this number.
    expand : bool, default False
        Whether to open Blocks, such as a call of a layer or of a compiled function, a sum or a softmax, into their
        scalar operations. One that calls Python code, has an active dropout, more than 10,000 operands, or, as a loss
        of plain targets, numbers among the entries of its sequences, stays closed.

    Returns
    -------
    graphviz.Digraph
        Displayed by a notebook; ``render("name")`` writes a file. Both call Graphviz's program ``dot``.

    Raises
    ------
    ImportError
        If the package ``graphviz`` is not installed.
    TypeError
        If `root` is neither a Value nor a Program.
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
    lines = statements(_select(root, rankdir, max_nodes, max_inputs, expand))
    return Digraph(format=format, graph_attr={"rankdir": rankdir}, body=[f"\t{line}\n" for line in lines])


def to_dot(
    root: Value | Program,
    rankdir: str = "LR",
    *,
    max_nodes: int = _MAX_NODES,
    max_inputs: int = _MAX_INPUTS,
    expand: bool = False,
) -> str:
    """Return the graph of a Value, or a program, in Graphviz's language.

    Parameters
    ----------
    root, rankdir, max_nodes, max_inputs, expand
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
    lines = statements(_select(root, rankdir, max_nodes, max_inputs, expand))
    return "\n".join(["digraph {", f"\tgraph [rankdir={rankdir}]", *(f"\t{line}" for line in lines), "}\n"])


def to_svg(
    root: Value | Program,
    rankdir: str = "LR",
    *,
    max_nodes: int = _MAX_NODES,
    max_inputs: int = _MAX_INPUTS,
    expand: bool = False,
) -> str:
    """Return a drawing of the graph of a Value, or of a program, as an SVG document.

    Parameters
    ----------
    root, rankdir, max_nodes, max_inputs, expand
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
    return render(_select(root, rankdir, max_nodes, max_inputs, expand), rankdir)


def to_text(
    root: Value, *, max_nodes: int = _MAX_NODES, max_inputs: int = _MAX_INPUTS, expand: bool = False
) -> str:
    """Return the graph of a Value as a tree of lines, for a terminal.

    The result is on top, and below each Value, indented, the operands of the operation that made it. A Value that
    several operations use stands there once; without a label it has a number, by which the others name it.

    Parameters
    ----------
    root : Value
    max_nodes : int, default 250
        Maximum number of Values to write.
    max_inputs, expand
        As for `draw_dot`.

    Returns
    -------
    str
        A prompt and a notebook show it as ``print`` does.

    Raises
    ------
    TypeError, ValueError
        As for `draw_dot`.

    Examples
    --------
    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> c = a * b
    >>> to_text(c + c.tanh())
    +: data -7.0000, grad 0.0000
    ├─ #1 = *: data -6.0000, grad 0.0000
    │  ├─ a: data 2.0000, grad 0.0000
    │  └─ b: data -3.0000, grad 0.0000
    └─ tanh: data -1.0000, grad 0.0000
       └─ #1 (above)
    """
    if not isinstance(root, Value):
        raise TypeError(f"root must be a Value, got {type(root).__name__}; print(program) lists a program")
    check_limits(max_nodes, max_inputs)
    return Text(tree(root, max_nodes, max_inputs, expand))


class Drawing:
    """A picture of a graph, displayed by a notebook.

    Attributes
    ----------
    svg : str
        The SVG document.

    Examples
    --------
    >>> from autograd import Value
    >>> drawing = draw(Value(2.0) * 3)
    >>> drawing.svg.startswith("<svg")
    True
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


def draw(
    root: Value | Program,
    rankdir: str = "LR",
    *,
    max_nodes: int = _MAX_NODES,
    max_inputs: int = _MAX_INPUTS,
    expand: bool = False,
) -> Drawing:
    """Draw the graph of a Value, or a program, for a notebook or a file.

    Parameters
    ----------
    root, rankdir, max_nodes, max_inputs, expand
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
    return Drawing(to_svg(root, rankdir, max_nodes=max_nodes, max_inputs=max_inputs, expand=expand))


class BackwardSteps:
    """Run a backward pass one operation at a time.

    An iterator of `BackwardStep`: each names a Value, its gradient, and what the operation that made it adds to the
    gradients of its operands. The gradients are there when the step is; after the last one they are those of
    `Value.backward`, to the bit. A notebook shows the graph as it is after the latest step.

    Parameters
    ----------
    root : Value
        The result. Creating the object sets the gradients of the computed Values to zero and that of `root` to
        `gradient`, as `Value.backward` does first.
    gradient : real number, default 1.0
    rankdir, max_nodes, max_inputs
        How the graph is drawn, as for `draw_dot`.

    Raises
    ------
    TypeError, ValueError
        As for `draw_dot`.
    RuntimeError
        As for `Value.backward`.

    Notes
    -----
    Another backward pass through the same Values between two steps makes the later ones wrong.

    Examples
    --------
    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> for step in BackwardSteps(a * b + a):
    ...     print(step)
    +, grad 1.0000: pushes 1.0000 to the value -6.0000, 1.0000 to a
    *, grad 1.0000: pushes -3.0000 to a, 2.0000 to b
    >>> a.grad, b.grad
    (-2.0, 2.0)
    """

    def __init__(
        self,
        root: Value,
        gradient: float = 1.0,
        *,
        rankdir: str = "LR",
        max_nodes: int = _MAX_NODES,
        max_inputs: int = _MAX_INPUTS,
    ) -> None:
        if not isinstance(root, Value):
            raise TypeError(f"root must be a Value, got {type(root).__name__}")
        self._picture = _select(root, rankdir, max_nodes, max_inputs, False)
        self._rankdir = rankdir
        self._steps = steps(root, gradient)
        self._frames: list[Moment] = [frame(self._picture, None, f"the result has grad {number(root.grad)}")]

    def __iter__(self) -> Iterator[BackwardStep]:
        return self

    def __next__(self) -> BackwardStep:
        step = next(self._steps)
        self._frames.append(frame(self._picture, step, f"{len(self._frames)}: {step}"))
        return step

    def animate(self, seconds: float = 2.0) -> Drawing:
        """Run what is left of the pass, and draw all of its steps as an animation.

        Parameters
        ----------
        seconds : float, default 2.0
            How long each step is shown. The animation begins anew after the last one.

        Returns
        -------
        Drawing
            An SVG document that moves by itself, in notebooks, browsers and pages that show it as an image. The
            operation at work is outlined in red, what receives a gradient in green. A program that shows still pictures
            shows the last step.

        Raises
        ------
        ValueError
            If `seconds` is not above 0.

        Examples
        --------
        >>> a = Value(2.0, label="a")
        >>> BackwardSteps(a.exp() * a).animate().save("backward.svg")  # doctest: +SKIP
        """
        if not seconds > 0:
            raise ValueError(f"seconds must be above 0, got {seconds}")
        for _ in self:
            pass
        return Drawing(render(self._picture, self._rankdir, self._frames, seconds))

    def __repr__(self) -> str:
        return f"BackwardSteps({self._frames[-1].caption})"

    def _repr_html_(self) -> str:
        return Drawing(render(self._picture, self._rankdir, self._frames[-1:]))._repr_html_()


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


def _select(root: Value | Program, rankdir: str, max_nodes: int, max_inputs: int, expand: bool) -> Picture:
    if rankdir not in ("LR", "TB"):
        raise ValueError(f"rankdir must be 'LR' or 'TB', got {rankdir!r}")
    check_limits(max_nodes, max_inputs)
    return select(root, max_nodes, max_inputs, expand)
