"""Writes a graph as a tree of lines, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from autograd import ops
from autograd._core import Value
from autograd._drawing.graph import Graph, Item, clean, in_words, is_leaf, most_telling, number
from autograd._program.opened import Term


def tree(root: Value, max_nodes: int, max_inputs: int, expand: bool) -> str:
    """Return the lines of a tree with the root on top and the operands of each Value below it, in order.

    A Value that several operations use stands below the first of them; the others name it.
    """
    graph = Graph(expand)
    shared = _shared(root, graph, max_nodes)
    lines: list[str] = []
    shown: set[Item] = set()
    # What is to be written, the next on top: an item, what is before its branch and the branch, what is before its own.
    stack: list[tuple[Value | Term | float | str, str, str]] = [(root, "", "")]
    values = 0
    while stack:
        item, start, indent = stack.pop()
        if isinstance(item, float | str):
            lines.append(start + (item if isinstance(item, str) else f"{item:.6g}"))
            continue
        name = clean(item.label) or (f"#{shared[item]}" if item in shared else "")
        if item in shown:
            lines.append(f"{start}{name} (above)")
            continue
        if values == max_nodes:
            lines.append(f"{start}...")
            continue
        values += 1
        shown.add(item)
        _, operation, operands = graph.maker(item)
        made = f"{name} = {clean(operation)}" if name and operation else name or clean(operation) or "leaf"
        # Only the instructions of a program have no numbers.
        assert item.data is not None and item.grad is not None
        lines.append(f"{start}{made}: data {number(item.data)}, grad {number(item.grad)}")
        left_out: list[Value | Term] = []
        below: list[Value | Term | float | str]
        if len(operands) > max_inputs:
            operands, left_out = most_telling(operands, max_inputs)
        # The name of a power contains its exponent.
        below = [x for x in operands if not isinstance(x, float) or operation != ops.label("pow_c", x)]
        if left_out:
            leaves = sum(map(is_leaf, left_out))
            below.append(in_words(leaves, len(left_out) - leaves))
        for i, operand in reversed(list(enumerate(below))):
            last = i == len(below) - 1
            stack.append((operand, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  ")))
    return "\n".join(lines)


def _shared(root: Value, graph: Graph, max_nodes: int) -> dict[Item, int]:
    """Return numbers for the unlabelled Values that several operands are, in the order of the tree."""
    uses: dict[Item, int] = {}
    for item in _walk(root, graph, 4 * max_nodes):
        uses[item] = uses.get(item, 0) + 1
    several = [item for item, count in uses.items() if count > 1 and not item.label]  # type: ignore[union-attr]
    return {item: i + 1 for i, item in enumerate(several)}


def _walk(root: Value, graph: Graph, most: int) -> Iterator[Value | Term]:
    """Iterate over the items in the order of the tree, one with several uses several times, at most so many."""
    stack: list[Value | Term | float] = [root]
    seen: set[Item] = set()
    while stack and len(seen) < most:
        item = stack.pop()
        if isinstance(item, float):
            continue
        yield item
        if item not in seen:
            seen.add(item)
            stack.extend(reversed(graph.maker(item)[2]))
