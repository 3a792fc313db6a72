"""Writes a picture as SVG.

The SVG has no ids and no style sheet, because all pictures of a notebook share one name space.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from autograd._drawing.graph import COLOURS, GREY, Box, Picture
from autograd._drawing.layout import Line, Point, layered

#: The kinds of boxes with several cells.
_VALUES = ("leaf", "value")
_FONT_SIZE = 12
# The advance of the usual monospaced fonts is 0.55 to 0.61 times their size.
_CHARACTER_WIDTH = 0.61 * _FONT_SIZE
_FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_ROW = 18.0
_PADDING = 8.0
_MARGIN = 8.0
_ROOM_FOR_A_LINE = 10.0


# Outlines of the boxes of an operation that passes gradients on, and of those that receive them.
_ACTIVE, _RECEIVING = "#d9480f", "#2b8a3e"
# Half of the height of the plate that says what a box receives.
_PLATE = 8.0


class Moment(NamedTuple):
    """What a picture shows at one moment of a backward pass.

    Attributes
    ----------
    grads : dict of int to str
        By box of a Value, the text of its last cell.
    active : list of int
        The boxes of the operation that passes gradients on and of its result.
    received : dict of int to str
        By box that receives a gradient, what it receives.
    caption : str
    """

    grads: dict[int, str]
    active: list[int]
    received: dict[int, str]
    caption: str


def render(picture: Picture, rankdir: str, frames: Sequence[Moment] = (), seconds: float = 0.0) -> str:
    """Return the picture as an SVG document.

    The cells of a box are stacked where the layers go from left to right, and stand side by side where they go from top
    to bottom, so that layers are close together. With `frames` they are shown one after another, each for so many
    seconds, over and over; where nothing moves the last one is.
    """
    sideways = rankdir == "LR"
    if frames:
        # Room for the longest gradient; the frames write the last cell.
        longest = {i: max((frame.grads[i] for frame in frames), key=len) for i in frames[0].grads}
        nodes = [
            node._replace(cells=(*node.cells[:-1], longest[i])) if i in longest else node
            for i, node in enumerate(picture.nodes)
        ]
        picture = picture._replace(nodes=nodes)
    leaving, arriving = [0] * len(picture.nodes), [0] * len(picture.nodes)
    for source, target in picture.edges:
        leaving[source] += 1
        arriving[target] += 1
    boxes = [
        _box_size(node, sideways, max(lines)) for node, *lines in zip(picture.nodes, leaving, arriving, strict=True)
    ]
    # What a box receives stands above it, between the layers if these are rows.
    room = 2 * _PLATE if frames else 0.0
    extents = [_turn(box, sideways) for box in boxes]
    if sideways:
        extents = [(along, across + room) for along, across in extents]
    layout = layered(extents, picture.edges)
    top = _MARGIN if sideways else _MARGIN + room
    width, height = (extent + 2 * _MARGIN for extent in _turn(layout.size, sideways))
    height += top - _MARGIN
    parts = [f'<g fill="none" stroke="{GREY}">']
    for line in layout.lines:
        dashes = ' stroke-dasharray="3 3"' if picture.nodes[line.source].kind == "rest" else ""
        parts.append(f'<path d="{_path(line, sideways)}"{dashes}/>')
    parts.append("</g>")
    for node, box, centre in zip(picture.nodes, boxes, layout.centres, strict=True):
        parts += _box(node, box, _turn(centre, sideways), sideways, blank=bool(frames) and node.kind in _VALUES)
    captions = [picture.caption] if picture.caption else []
    if frames:
        longest_caption = max((frame.caption for frame in frames), key=len)
        captions.append(longest_caption)
    for caption in captions:
        width, height = max(width, _text_width(caption) + 2 * _MARGIN), height + _ROW
    if picture.caption:
        last = height - _ROW * (len(captions) - 1)
        parts.append(_text(picture.caption, width / 2 - _MARGIN, last - top - _ROW / 2, GREY))
    if frames:
        centres = [_turn(centre, sideways) for centre in layout.centres]
        parts += _moving(picture, boxes, centres, sideways, frames, seconds)
        at = width / 2 - _MARGIN, height - top - _ROW / 2
        parts += _over_time([_text(frame.caption, *at, GREY) for frame in frames], seconds)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="{-_MARGIN:g} {-top:g} {width:.0f} {height:.0f}" font-family="{_FONTS}" '
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
    if node.kind in _VALUES:
        return (max(widths), _ROW * len(widths)) if sideways else (sum(widths), 1.2 * _ROW)
    if node.kind in ("number", "rest"):
        return widths[0], _ROW
    room = _ROOM_FOR_A_LINE * lines if node.kind == "block" else 0.0
    width, height = max(widths[0], 1.5 * _ROW), 1.5 * _ROW
    return (width, max(height, room)) if sideways else (max(width, room), height)


def _moving(
    picture: Picture, boxes: list[Point], centres: list[Point], sideways: bool, frames: Sequence[Moment], seconds: float
) -> Iterable[str]:
    """Return what changes from frame to frame: gradients, outlines, and what boxes receive."""
    for i, node in enumerate(picture.nodes):
        (width, height), (x, y) = boxes[i], centres[i]
        colour = COLOURS[node.kind][2]
        if node.kind in _VALUES:
            # The last cell.
            last = (width, height / len(node.cells)) if sideways else (_cell_widths(node)[-1], height)
            at = x + (width - last[0]) / 2, y + (height - last[1]) / 2
            yield from _over_time([_text(frame.grads[i], *at, colour) for frame in frames], seconds)
        yield from _over_time([_outline(i, frame, boxes[i], centres[i]) for frame in frames], seconds)


def _outline(i: int, frame: Moment, size: Point, centre: Point) -> str:
    """Return the outline of a box in a frame, with what it receives; empty if it takes no part."""
    (width, height), (x, y) = size, centre
    if i not in frame.active and i not in frame.received:
        return ""
    colour = _ACTIVE if i in frame.active else _RECEIVING
    rect = (
        f'<rect x="{x - width / 2 - 2:.1f}" y="{y - height / 2 - 2:.1f}" width="{width + 4:.1f}" '
        f'height="{height + 4:.1f}" rx="5" fill="none" stroke="{colour}" stroke-width="2.5"/>'
    )
    if i not in frame.received:
        return rect
    text, middle = frame.received[i], y - height / 2 - _PLATE
    plate = _text_width(text) + 6
    return (
        f'{rect}<rect x="{x - plate / 2:.1f}" y="{middle - _PLATE:.1f}" width="{plate:.1f}" height="{2 * _PLATE:g}" '
        f'rx="4" fill="{colour}"/>{_text(text, x, middle, "#ffffff")}'
    )


def _over_time(parts: Sequence[str], seconds: float) -> Iterable[str]:
    """Show one part after another. Equal ones that follow each other are written once."""
    total = len(parts)
    runs: list[tuple[int, int]] = []
    for i, part in enumerate(parts):
        if i and part == parts[i - 1]:
            runs[-1] = runs[-1][0], i + 1
        else:
            runs.append((i, i + 1))
    for start, end in runs:
        if not parts[start]:
            continue
        if (start, end) == (0, total):
            yield parts[start]
            continue
        times = [t for t in (0, start, end) if t < total]
        shown = ["visible" if start <= t < end else "hidden" for t in times]
        if not start:
            times, shown = times[1:], shown[1:]
        key_times = ";".join(f"{t / total:.5g}" for t in times)
        yield (
            f'<g visibility="{"visible" if end == total else "hidden"}"><animate attributeName="visibility" '
            f'calcMode="discrete" dur="{total * seconds:g}s" repeatCount="indefinite" values="{";".join(shown)}" '
            f'keyTimes="{key_times}"/>{parts[start]}</g>'
        )


def _box(node: Box, size: Point, centre: Point, sideways: bool, blank: bool = False) -> Iterable[str]:
    fill, outline, colour = COLOURS[node.kind]
    (width, height), (x, y) = size, centre
    left, top = x - width / 2, y - height / 2
    radius = {"operation": height / 2, "term": height / 2, "block": 6}.get(node.kind, 3)
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
        if not (blank and i == len(node.cells) - 1):
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
