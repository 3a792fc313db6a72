"""Writes a picture as SVG.

The SVG has no ids and no style sheet, because all pictures of a notebook share one name space.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from xml.sax.saxutils import escape

from autograd._drawing.graph import COLOURS, GREY, Box, Picture
from autograd._drawing.layout import Line, Point, layered

_FONT_SIZE = 12
# The advance of the usual monospaced fonts is 0.55 to 0.61 times their size.
_CHARACTER_WIDTH = 0.61 * _FONT_SIZE
_FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_ROW = 18.0
_PADDING = 8.0
_MARGIN = 8.0
_ROOM_FOR_A_LINE = 10.0


def render(picture: Picture, rankdir: str) -> str:
    """Return the picture as an SVG document.

    The cells of a box are stacked where the layers go from left to right, and stand side by side where they go from top
    to bottom, so that layers are close together.
    """
    sideways = rankdir == "LR"
    leaving, arriving = [0] * len(picture.nodes), [0] * len(picture.nodes)
    for source, target in picture.edges:
        leaving[source] += 1
        arriving[target] += 1
    boxes = [
        _box_size(node, sideways, max(lines)) for node, *lines in zip(picture.nodes, leaving, arriving, strict=True)
    ]
    layout = layered([_turn(box, sideways) for box in boxes], picture.edges)
    width, height = (extent + 2 * _MARGIN for extent in _turn(layout.size, sideways))
    parts = [f'<g fill="none" stroke="{GREY}">']
    for line in layout.lines:
        dashes = ' stroke-dasharray="3 3"' if picture.nodes[line.source].kind == "rest" else ""
        parts.append(f'<path d="{_path(line, sideways)}"{dashes}/>')
    parts.append("</g>")
    for node, box, centre in zip(picture.nodes, boxes, layout.centres, strict=True):
        parts += _box(node, box, _turn(centre, sideways), sideways)
    if picture.caption:
        width, height = max(width, _text_width(picture.caption) + 2 * _MARGIN), height + _ROW
        parts.append(_text(picture.caption, width / 2 - _MARGIN, height - _MARGIN - _ROW / 2, GREY))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="{-_MARGIN:g} {-_MARGIN:g} {width:.0f} {height:.0f}" font-family="{_FONTS}" '
            f'font-size="{_FONT_SIZE}" text-anchor="middle">',
            *parts,
            "</svg>\n",
        ]
    )


def _turn(point: Point, sideways: bool) -> Point:
    """Convert coordinates along and across the edges to x and y, or back."""
    return point if sideways else point[::-1]


def _text_width(text: str) -> float:
    return _CHARACTER_WIDTH * sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _cell_widths(node: Box) -> list[float]:
    return [_text_width(cell) + 2 * _PADDING for cell in node.cells]


def _box_size(node: Box, sideways: bool, lines: int) -> Point:
    """Return width and height of a node with the given number of lines at one side."""
    widths = _cell_widths(node)
    if node.kind in ("leaf", "value"):
        return (max(widths), _ROW * len(widths)) if sideways else (sum(widths), 1.2 * _ROW)
    if node.kind in ("number", "rest"):
        return widths[0], _ROW
    room = _ROOM_FOR_A_LINE * lines if node.kind == "block" else 0.0
    width, height = max(widths[0], 1.5 * _ROW), 1.5 * _ROW
    return (width, max(height, room)) if sideways else (max(width, room), height)


def _box(node: Box, size: Point, centre: Point, sideways: bool) -> Iterable[str]:
    fill, outline, colour = COLOURS[node.kind]
    (width, height), (x, y) = size, centre
    left, top = x - width / 2, y - height / 2
    radius = {"operation": height / 2, "block": 6}.get(node.kind, 3)
    yield "<g>"
    if node.tooltip:
        yield f"<title>{escape(node.tooltip)}</title>"
    yield (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:g}" '
        f'fill="{fill}" stroke="{outline}"/>'
    )
    row = height / len(node.cells) if sideways else height
    widths = _cell_widths(node) if len(node.cells) > 1 and not sideways else [width] * len(node.cells)
    for i, (cell, cell_width) in enumerate(zip(node.cells, widths, strict=True)):
        if i:
            border = f"h{width:.1f}" if sideways else f"v{height:.1f}"
            yield f'<path d="M{left:.1f},{top:.1f} {border}" stroke="{outline}"/>'
        # The first of three cells is a label.
        yield _text(cell, left + cell_width / 2, top + row / 2, colour, bold=i == 0 and len(node.cells) == 3)
        left, top = (left, top + row) if sideways else (left + cell_width, top)
    yield "</g>"


def _text(text: str, x: float, y: float, colour: str, bold: bool = False) -> str:
    # A baseline 0.35 of the size below puts the middle of capitals and digits at y.
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y + 0.35 * _FONT_SIZE:.1f}" fill="{colour}"{weight}>{escape(text)}</text>'


def _path(line: Line, sideways: bool) -> str:
    def at(along: float, across: float) -> str:
        x, y = _turn((along, across), sideways)
        return f"{x:.1f},{y:.1f}"

    (start, across_start), (end, across_end) = line.start, line.end
    middle = (start + end) / 2
    curve = [at(middle, across_start), at(middle, across_end), at(end, across_end)]
    path = f"M{at(start, across_start)} C{' '.join(curve)}"
    if line.onward:
        return f"{path} L{at(*line.onward)}"
    head = [at(end - 5, across_end - 3), at(end, across_end), at(end - 5, across_end + 3)]
    return f"{path} M{' L'.join(head)}"
