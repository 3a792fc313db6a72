"""Selects the nodes of a graph to draw, and describes those omitted in words."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple

from autograd import ops
from autograd._core import Block, Value

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
    "block": ("#dff0e0", "#4d8f56", "#1d4d25"),
    "rest": ("none", "none", GREY),
}


class Box(NamedTuple):
    """A node of the drawing: a Value, a numeric operand, an operation, a Block, or a count of omitted inputs."""

    kind: str
    cells: tuple[str, ...]
    tooltip: str = ""


class Picture(NamedTuple):
    """The nodes, edges and caption of a drawing.

    The edges are pairs of positions in `nodes`, the edges to an operation in the order of its operands. The first node
    is the root.
    """

    nodes: list[Box]
    edges: list[tuple[int, int]]
    caption: str


def select(root: Value, max_nodes: int, max_inputs: int) -> Picture:
    """Select the `max_nodes` Values nearest to `root` and the operations that computed them.

    If an operation has more than `max_inputs` operands, only the first `max_inputs` computed or labelled ones are
    drawn; the others are counted.
    """
    if not isinstance(root, Value):
        raise TypeError(f"root must be a Value, got {type(root).__name__}; of several Values draw one, or their sum")
    for name, limit in (("max_nodes", max_nodes), ("max_inputs", max_inputs)):
        if not isinstance(limit, int):
            raise TypeError(f"{name} must be an integer, got {type(limit).__name__}")
        if limit < 1:
            raise ValueError(f"{name} must be at least 1, got {limit}")
    nodes = [_node(root)]
    edges: list[tuple[int, int]] = []
    drawn = {root: 0}
    operations: dict[Value | Block, int] = {}
    counted: set[Value] = set()
    hidden: list[Value] = []
    queue = deque([root])

    def add(node: Box) -> int:
        nodes.append(node)
        return len(nodes) - 1

    while queue:
        value = queue.popleft()
        block, name = value._block, value._op
        maker = value if block is None else block
        if maker in operations:
            edges.append((operations[maker], drawn[value]))
            continue
        operands: Sequence[Value | float] = value._operands
        if not (operands or name):
            continue
        operation = operations[maker] = add(Box("operation" if block is None else "block", (clean(name),)))
        edges.append((operation, drawn[value]))
        left_out: list[Value] = []
        if len(operands) > max_inputs:
            operands, left_out = _most_telling(operands, max_inputs)
        for operand in operands:
            if not isinstance(operand, Value):
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
            leaves = {operand for operand in left_out if _is_leaf(operand)}
            computed = dict.fromkeys(operand for operand in left_out if operand not in leaves)
            edges.append((add(Box("rest", (_in_words(len(leaves), len(computed)),))), operation))
            counted |= leaves
            hidden += computed
    return Picture(nodes, edges, _caption(hidden, counted | drawn.keys()))


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


def _node(value: Value) -> Box:
    label = clean(value.label)
    cells = (f"data {number(value.data)}", f"grad {number(value.grad)}")
    tooltip = f"{label} data={value.data!r}, grad={value.grad!r}".lstrip()
    return Box("leaf" if _is_leaf(value) else "value", (label, *cells) if label else cells, tooltip)


def _is_leaf(value: Value) -> bool:
    # The Block is checked first, because listing its operands, which may be thousands, takes time.
    return value._block is None and not value._operands


def _most_telling(operands: Iterable[Value | float], most: int) -> tuple[list[Value | float], list[Value]]:
    """Return the numbers and the first `most` Values that are computed or labelled, and then the other Values."""
    telling: list[Value | float] = []
    others: list[Value] = []
    for operand in dict.fromkeys(operands):
        if not isinstance(operand, Value):
            telling.append(operand)
        elif most and (operand.label or not _is_leaf(operand)):
            telling.append(operand)
            most -= 1
        else:
            others.append(operand)
    return telling, others


def _in_words(leaves: int, computed: int) -> str:
    words = []
    if leaves:
        words.append("1 leaf" if leaves == 1 else f"{leaves} leaves")
    if computed:
        words.append("1 computed value" if computed == 1 else f"{computed} computed values")
    return "... " + ", ".join(words)


def _caption(hidden: list[Value], told: Set[Value]) -> str:
    """Return the caption: the number of Values neither drawn nor counted at an operation."""
    seen = set(told)
    blocks: set[Block] = set()
    stack = hidden[:]
    while stack and len(seen) - len(told) <= MOST_COUNTED:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        block = value._block
        if block is None or block not in blocks:
            if block is not None:
                blocks.add(block)
            stack += [operand for operand in value._operands if isinstance(operand, Value)]
    count = len(seen) - len(told)
    if not count:
        return ""
    if count > MOST_COUNTED:
        return f"... more than {MOST_COUNTED} more nodes"
    return f"... {count} more node{'s' if count > 1 else ''}"
