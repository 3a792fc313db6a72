"""Selects the nodes of a graph to draw, and describes those omitted in words."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple, TypeAlias

from autograd import ops
from autograd._core import Block, Value
from autograd._program.opened import Term, open_block, terms_of_program
from autograd._program.program import Program

# Omitted nodes are counted up to this number, which takes less than a second; in a large graph it could take minutes.
MOST_COUNTED = 100_000
LONGEST_LABEL = 40

# By kind of node: the colours of fill, outline and text. The grey is legible on white and on black pages.
GREY = "#808080"
COLOURS: dict[str, tuple[str, str, str]] = {
    "leaf": ("#fff7d6", "#a08a3c", "#222222"),
    "value": ("#ffffff", "#666666", "#222222"),
    "number": ("#eeeeee", "#999999", "#444444"),
    "operation": ("#dce9f7", "#4a7ab0", "#17375e"),
    "term": ("#dce9f7", "#4a7ab0", "#17375e"),
    "block": ("#dff0e0", "#4d8f56", "#1d4d25"),
    "rest": ("none", "none", GREY),
}


Item: TypeAlias = Value | Block | Term


class Box(NamedTuple):
    """A node of the drawing: a Value, a numeric operand, an operation, a Block, or a count of omitted inputs."""

    kind: str
    cells: tuple[str, ...]
    tooltip: str = ""


class Picture(NamedTuple):
    """The nodes, edges and caption of a drawing.

    The edges are pairs of positions in `nodes`, the edges to an operation in the order of its operands. The first node
    is the root. `places` has the positions of the Values, `makers` those of the operations, by the Value or the Block
    that they made.
    """

    nodes: list[Box]
    edges: list[tuple[int, int]]
    caption: str
    places: dict[Item, int] = {}
    makers: dict[Item, int] = {}


class Graph:
    """Who made what in the graph of a Value; with `expand`, Blocks are opened into their scalar operations."""

    def __init__(self, expand: bool = False) -> None:
        self.expand = expand
        self._opened: dict[Block, list[Term | Value | float] | None] = {}

    def maker(self, item: Value | Term) -> tuple[Item, str, Sequence[Value | Term | float]]:
        """Return what made an item, the name of the operation and its operands; there are none if it is a leaf."""
        if isinstance(item, Term):
            return item, item.name, item.operands
        block = item._block
        if block is None:
            return item, item._op, item._operands
        if self.expand and self._opened.get(block, ()) is not None:
            opened = open_block(item)
            outputs = self._opened.setdefault(block, None if opened is None else opened[0])
            if outputs is not None and opened is not None:
                output = outputs[opened[1]]
                if isinstance(output, Term) and output.name:
                    return output, output.name, output.operands
                return item, "=", [output]
        return block, item._op, item._operands


def check_limits(max_nodes: int, max_inputs: int) -> None:
    """Raise unless the limits of a drawing are valid."""
    for name, limit in (("max_nodes", max_nodes), ("max_inputs", max_inputs)):
        if not isinstance(limit, int):
            raise TypeError(f"{name} must be an integer, got {type(limit).__name__}")
        if limit < 1:
            raise ValueError(f"{name} must be at least 1, got {limit}")


def select(root: Value | Program, max_nodes: int, max_inputs: int, expand: bool = False) -> Picture:
    """Select the `max_nodes` Values nearest to `root` and the operations that computed them.

    If an operation has more than `max_inputs` operands, only the first `max_inputs` computed or labelled ones are
    drawn; the others are counted. Of a program the instructions are drawn, from its outputs back.
    """
    if not isinstance(root, Value | Program):
        remedy = "draw(f(x)), or draw(trace(f, x))" if callable(root) else "of several Values draw one, or their sum"
        raise TypeError(f"root must be a Value or a Program, got {type(root).__name__}; {remedy}")
    graph = Graph(expand)
    roots: list[Value | Term] = [root] if isinstance(root, Value) else list(terms_of_program(root))
    nodes: list[Box] = []
    edges: list[tuple[int, int]] = []
    drawn: dict[Item, int] = {}
    operations: dict[Item, int] = {}
    counted: set[Item] = set()
    hidden: list[Value | Term] = []
    queue = deque(roots[:max_nodes])
    hidden += roots[max_nodes:]

    def add(node: Box) -> int:
        nodes.append(node)
        return len(nodes) - 1

    for item in queue:
        drawn[item] = add(_node(item))
    while queue:
        value = queue.popleft()
        maker, name, operands = graph.maker(value)
        if maker in operations:
            edges.append((operations[maker], drawn[value]))
            continue
        if not (operands or name):
            continue
        if nodes[drawn[value]].kind == "term" or not name:
            # Without a number to show, an instruction is its own box.
            operation = operations[maker] = drawn[value]
        else:
            kind = "block" if isinstance(maker, Block) else "operation"
            operation = operations[maker] = add(Box(kind, (clean(name),)))
            edges.append((operation, drawn[value]))
        left_out: list[Value | Term] = []
        if len(operands) > max_inputs:
            operands, left_out = most_telling(operands, max_inputs)
        for operand in operands:
            if isinstance(operand, float):
                # The name of a power contains its exponent.
                if name != ops.label("pow_c", operand):
                    edges.append((add(Box("number", (f"{operand:.6g}",), repr(operand))), operation))
            elif operand not in drawn and len(drawn) == max_nodes:
                left_out.append(operand)
            else:
                if operand not in drawn:
                    drawn[operand] = add(_node(operand))
                    queue.append(operand)
                edges.append((drawn[operand], operation))
        if left_out:
            leaves = {operand for operand in left_out if is_leaf(operand)}
            computed = dict.fromkeys(operand for operand in left_out if operand not in leaves)
            edges.append((add(Box("rest", (in_words(len(leaves), len(computed)),))), operation))
            counted |= leaves
            hidden += computed
    return Picture(nodes, edges, _caption(hidden, counted | drawn.keys()), drawn, operations)


def order(root: Value) -> list[Value]:
    """Return the Values of a graph, parents before children, visiting parents left to right; the root is the last."""
    if not isinstance(root, Value):
        raise TypeError(f"root must be a Value, got {type(root).__name__}")
    ordered: list[Value] = []
    seen = {root}
    stack = [(root, iter(root._operands))]
    while stack:
        value, operands = stack[-1]
        for operand in operands:
            if isinstance(operand, Value) and operand not in seen:
                seen.add(operand)
                stack.append((operand, iter(operand._operands)))
                break
        else:
            ordered.append(value)
            stack.pop()
    return ordered


def clean(text: str) -> str:
    """Return a text as one line, shortened, without the characters that XML forbids."""
    text = "".join(c if _in_xml(ord(c)) else "\ufffd" for c in " ".join(text.split()))
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def _in_xml(c: int) -> bool:
    """Whether XML 1.0 allows the character; line ends and tabs are not considered."""
    return 0x20 <= c < 0xD800 or 0xE000 <= c < 0xFFFE or c >= 0x10000


def number(x: float) -> str:
    """Return a number with four decimals, very small and very large ones with four significant digits.

    Examples
    --------
    >>> number(-2.0), number(0.125), number(2e-5), number(1.5e9)
    ('-2.0000', '0.1250', '2.000e-05', '1.500e+09')
    """
    return f"{x:.3e}" if 0 < abs(x) < 1e-3 or 1e7 <= abs(x) < float("inf") else f"{x:.4f}"


def _node(value: Value | Term) -> Box:
    label = clean(value.label)
    if value.data is None or value.grad is None:
        return _instruction(value)
    cells = (f"data {number(value.data)}", f"grad {number(value.grad)}")
    tooltip = f"{label} data={value.data!r}, grad={value.grad!r}".lstrip()
    return Box("leaf" if is_leaf(value) else "value", (label, *cells) if label else cells, tooltip)


def _instruction(term: Value | Term) -> Box:
    """Return the box of an instruction of a program, which has no number."""
    if term.label:
        return Box("leaf" if is_leaf(term) else "value", (clean(term.label),))
    assert isinstance(term, Term)
    return Box("term", (clean(term.name),))


def is_leaf(value: Value | Term) -> bool:
    # The Block is checked first, because listing its operands, which may be thousands, takes time.
    if isinstance(value, Term):
        return not value.operands
    return value._block is None and not value._operands


def most_telling(
    operands: Iterable[Value | Term | float], most: int
) -> tuple[list[Value | Term | float], list[Value | Term]]:
    """Return the numbers and the first `most` Values that are computed or labelled, and then the other Values."""
    telling: list[Value | Term | float] = []
    others: list[Value | Term] = []
    for operand in dict.fromkeys(operands):
        if isinstance(operand, float):
            telling.append(operand)
        elif most and (operand.label or not is_leaf(operand)):
            telling.append(operand)
            most -= 1
        else:
            others.append(operand)
    return telling, others


def in_words(leaves: int, computed: int) -> str:
    words = []
    if leaves:
        words.append("1 leaf" if leaves == 1 else f"{leaves} leaves")
    if computed:
        words.append("1 computed value" if computed == 1 else f"{computed} computed values")
    return "... " + ", ".join(words)


def _caption(hidden: list[Value | Term], told: Set[Item]) -> str:
    """Return the caption: the number of Values neither drawn nor counted at an operation."""
    graph = Graph()
    seen = set(told)
    makers: set[Item] = set()
    stack = hidden[:]
    while stack and len(seen) - len(told) <= MOST_COUNTED:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        maker, _, operands = graph.maker(value)
        if maker not in makers:
            makers.add(maker)
            stack += [operand for operand in operands if not isinstance(operand, float)]
    count = len(seen) - len(told)
    if not count:
        return ""
    if count > MOST_COUNTED:
        return f"... more than {MOST_COUNTED} more nodes"
    return f"... {count} more node{'s' if count > 1 else ''}"
