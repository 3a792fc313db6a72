"""Output to a terminal: text in its encoding, tables, and a map of the regions of a classifier."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from autograd._plots.figures import padded_range

MAP_WIDTH, MAP_HEIGHT = 64, 20


class _Glyphs(NamedTuple):
    """Characters by class, for its region and for its points; then the one for points in a wrong region."""

    regions: str
    points: str
    wrong: str
    corners: str
    horizontal: str
    vertical: str


_UNICODE = _Glyphs(" ░·▒-▓", "○●◇◆△▲", "✗", "┌┐└┘", "─", "│")
_ASCII = _Glyphs(" .:-=+", "ox*#@&", "!", "++++", "-", "|")
# Colours of the 256-colour palette: a dark background for the region, a light foreground for its points.
_COLOURS = ((17, 117), (52, 217), (22, 157), (53, 219), (58, 229), (23, 159))
MAX_MAP_CLASSES = len(_COLOURS)


class Terminal:
    """Write text, tables and maps to a stream, in its encoding.

    Characters that the encoding lacks are written as backslash escapes; colours only to a terminal, unless the
    environment sets ``NO_COLOR`` or ``TERM=dumb``.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "ascii"
        self._glyphs = _UNICODE if self._encodes("".join(_UNICODE)) else _ASCII
        self._colour = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"

    def print(self, text: str = "") -> None:
        """Write a line, above a progress bar if there is one."""
        tqdm.write(text.encode(self._encoding, "backslashreplace").decode(self._encoding), file=self._stream)

    def print_table(self, header: Sequence[str], rows: Sequence[Sequence[str]], left: bool = False) -> None:
        """Write rows under a header, the columns aligned to the right or to the left."""
        align = str.ljust if left else str.rjust
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        for row in (header, *rows):
            self.print("  ".join(map(align, row, widths)).rstrip())

    def print_map(
        self,
        classify: Callable[[NDArray[np.float64]], NDArray[Any]],
        X: NDArray[np.float64],
        y: NDArray[Any],
        axes: Sequence[str],
        classes: Sequence[str],
    ) -> None:
        """Write the regions of a classifier of two features with the points of a data set.

        Parameters
        ----------
        classify : callable
            Gives the class indices of points, shape (n, 2).
        X : ndarray, shape (rows, 2)
            Points.
        y : ndarray of int, shape (rows,)
            Their class indices, below `MAX_MAP_CLASSES`.
        axes : sequence of two str
            Names of the features.
        classes : sequence of str
            Names of the classes.
        """
        glyphs = self._glyphs
        labels, width = self._frame(X, axes)
        low, high = padded_range(X)
        across, up = (np.linspace(low[i], high[i], n) for i, n in ((0, width), (1, MAP_HEIGHT)))
        grid = np.array([(a, b) for b in up[::-1] for a in across])
        regions = classify(grid).reshape(MAP_HEIGHT, width)
        cells = [[self._paint(glyphs.regions[k], k, k) for k in row] for row in regions]
        wrong = classify(X) != y
        columns = np.rint((X[:, 0] - low[0]) / (high[0] - low[0]) * (width - 1)).astype(int)
        lines = np.rint((high[1] - X[:, 1]) / (high[1] - low[1]) * (MAP_HEIGHT - 1)).astype(int)
        # Wrong points last, so that none is hidden under a right one.
        for i in np.argsort(wrong, kind="stable"):
            glyph = glyphs.wrong if wrong[i] else glyphs.points[y[i]]
            cells[lines[i]][columns[i]] = self._paint(glyph, regions[lines[i], columns[i]], y[i])
        margin = max(map(len, labels))
        top_left, top_right, bottom_left, bottom_right = list(glyphs.corners)
        self.print(f"{'':{margin}} {top_left}{glyphs.horizontal * width}{top_right}")
        for line, row in enumerate(cells):
            label = labels[0] if line == 0 else labels[1] if line == MAP_HEIGHT - 1 else ""
            if line == MAP_HEIGHT // 2:
                label = labels[2]
            self.print(f"{label:>{margin}} {glyphs.vertical}{''.join(row)}{glyphs.vertical}")
        self.print(f"{'':{margin}} {bottom_left}{glyphs.horizontal * width}{bottom_right}")
        left, right = f"{low[0]:.3g}", f"{high[0]:.3g}"
        name = axes[0][: max(0, width - len(left) - len(right) - 2)]
        self.print(f"{'':{margin}}  {left}{name:^{width - len(left) - len(right)}}{right}")
        legend = [f"{self._paint(glyphs.points[k], k, k)} {name}" for k, name in enumerate(classes)]
        if wrong.any():
            legend.append(f"{glyphs.wrong} in a wrong region: {wrong.sum()}")
        self.print(f"{'':{margin}}  {'   '.join(legend)}")

    def _frame(self, X: NDArray[np.float64], axes: Sequence[str]) -> tuple[list[str], int]:
        """Return the labels left of the map (top, bottom, middle) and the width that is left for it."""
        low, high = padded_range(X)
        name = axes[1] if len(axes[1]) <= 16 else axes[1][:13] + "..."
        labels = [f"{high[1]:.3g}", f"{low[1]:.3g}", name]
        room = shutil.get_terminal_size().columns - max(map(len, labels)) - 4
        return labels, max(20, min(MAP_WIDTH, room))

    def _paint(self, glyph: str, region: Any, point: Any) -> str:
        if not self._colour:
            return glyph
        background, foreground = _COLOURS[region][0], _COLOURS[point][1]
        # The colour tells the regions apart; their hatching would only hide the points.
        shown = " " if glyph in self._glyphs.regions else glyph
        return f"\x1b[48;5;{background};38;5;{foreground}m{shown}\x1b[0m"

    def _encodes(self, text: str) -> bool:
        try:
            text.encode(self._encoding)
        except UnicodeEncodeError:
            return False
        return True
