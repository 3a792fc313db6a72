"""Writes a picture in Graphviz's language."""

from __future__ import annotations

from autograd._drawing.graph import COLOURS, GREY, Picture
from autograd.ops import OPS

_SHAPES = {"leaf": "record", "value": "record", "operation": "ellipse", "term": "ellipse", "rest": "plaintext"}
_FONT = "fontname=monospace fontsize=10"
# Characters with a meaning in labels: in a string, in a record, as an HTML entity.
_ESCAPES = str.maketrans({c: f"\\{c}" for c in '\\"{}|<>'} | {"&": "&amp;"})
_COMMUTATIVE = {op.symbol for op in OPS.values() if op.commutative}


def statements(picture: Picture) -> list[str]:
    """Return the statements of the graph, without the direction."""
    lines = [
        # Without it, long chains with shared weights take minutes; other graphs look the same.
        "graph [nslimit=1]",
        f'node [{_FONT} width=0.3 height=0.3 margin="0.08,0.04" style=filled]',
        f'edge [color="{GREY}" arrowsize=0.6]',
    ]
    if picture.caption:
        lines.append(f'graph [label="{picture.caption}" {_FONT} fontcolor="{GREY}"]')
    for i, node in enumerate(picture.nodes):
        fill, outline, text = COLOURS[node.kind]
        label = " | ".join(cell.translate(_ESCAPES) for cell in node.cells)
        shape = _SHAPES.get(node.kind, "box")
        if shape == "record":
            label = f"{{ {label} }}"
        # The lines keep the order of the operands only if the operation is not commutative: freedom saves crossings.
        order = " ordering=in" if node.kind == "operation" and node.cells[0] not in _COMMUTATIVE else ""
        colours = f'color="{outline}" fillcolor="{fill}" fontcolor="{text}"'
        lines.append(f'n{i} [label="{label}" shape={shape} {colours}{order}]')
    for source, target in picture.edges:
        dashed = " [style=dashed]" if picture.nodes[source].kind == "rest" else ""
        lines.append(f"n{source} -> n{target}{dashed}")
    return lines
