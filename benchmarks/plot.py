"""A bar chart of the results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engines import YARDSTICKS
from harness import Result, Series
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from registry import SECTIONS, Candidate
from report import OURS, number

FORMATS = tuple(FigureCanvasBase.get_supported_filetypes())
COLOURS = {
    OURS: "#1b6ca8",
    "float": "#c3ced7",
    "complex": "#8796a3",
    "pure_python": "#d1495b",
    "micrograd": "#edae49",
    "torch": "#66a182",
    "jax": "#9467bd",
    "c": "#4a4e69",
}
OTHER = "#7f7f7f"


def save(path: Path, results: dict[str, Result], machine: dict[str, str]) -> None:
    """Draw operations in nanoseconds beside whole programs relative to autograd."""
    wide = [result for result in results.values() if SECTIONS[result.case.section].wide]
    long = [result for result in results.values() if not SECTIONS[result.case.section].wide]
    panels = [(draw, part) for draw, part in ((_operations, wide), (_programs, long)) if part]
    # Inches: the bars of the taller panel, plus the titles and the axis.
    inches = max(sum(map(_inches, part)) for _, part in panels)
    figure = Figure(figsize=(7.5 * len(panels), 1.6 + inches), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)
    for axis, (draw, part) in zip(axes[0], panels, strict=True):
        draw(axis, part)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle("autograd beside plain numbers and other engines", fontweight="bold")
    footer = f"{machine['processor']}; Python {machine['Python']}; {machine['date']}"
    figure.supxlabel(footer, fontsize=7, color="0.4")
    figure.savefig(path, dpi=130)


def _gap(result: Result) -> float:
    return 1.2 if SECTIONS[result.case.section].wide else 1.8


def _inches(result: Result) -> float:
    return (_gap(result) + len(_bars(result))) * (0.105 if SECTIONS[result.case.section].wide else 0.18)


def _bars(result: Result) -> list[tuple[Candidate, Series]]:
    # On the scale of single operations, the interpreted engines would be off the chart.
    wide = SECTIONS[result.case.section].wide
    return [
        (candidate, result.series[candidate.key])
        for candidate in result.case.candidates
        if candidate.key in result.series and (not wide or candidate.engine in (OURS, *YARDSTICKS))
    ]


def _bar(axis: Any, position: float, length: float, candidate: Candidate) -> Any:
    return axis.barh(
        position,
        length,
        0.9,
        color=COLOURS.get(candidate.engine, OTHER),
        hatch=None if candidate.collector else "////",
        edgecolor="white",
        linewidth=0,
    )


def _operations(axis: Any, results: Sequence[Result]) -> None:
    legend: dict[str, Any] = {}
    ticks = []
    position = 0.0
    for result in results:
        bars = _bars(result)
        ticks.append(position + (len(bars) - 1) / 2)
        for candidate, series in bars:
            legend[candidate.short_title] = _bar(axis, position, series.median(), candidate)
            axis.plot([series.minimum()], [position], "|", color="black", markersize=4)
            position += 1
        position += _gap(result)
    axis.set_yticks(ticks, [result.case.title for result in results], fontsize=9, family="monospace")
    axis.set_ylim(position - _gap(results[-1]), -1)
    axis.set_xlabel(f"{results[0].case.unit}, median of the rounds; a tick marks the fastest")
    axis.set_title("One operation", loc="left")
    axis.legend(
        legend.values(), legend.keys(), loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False
    )


def _programs(axis: Any, results: Sequence[Result]) -> None:
    position = 0.0
    for result in results:
        axis.text(
            0.0,
            position,
            result.case.title,
            fontweight="bold",
            va="center",
            transform=axis.get_yaxis_transform(),
        )
        position += 1.1
        for candidate, series in _bars(result):
            ratio = 1.0 if candidate.key == OURS else (result.ratio(candidate.key, OURS) or (1.0, 1.0))[0]
            _bar(axis, position, ratio, candidate)
            words = f"{number(ratio)}   {series.title}: {number(series.median())} {_quantity(result)}"
            axis.text(ratio * 1.15, position, words, va="center", fontsize=9)
            position += 1
        position += _gap(result) - 1.1
    axis.set_xscale("log")
    axis.axvline(1.0, color=COLOURS[OURS], linewidth=0.8, zorder=0)
    axis.set_yticks([])
    axis.set_ylim(position, -1)
    low, high = axis.get_xlim()
    low = min(low, 0.2)
    axis.set_xlim(low, high * (high / low) ** 1.1)  # room for the words after the longest bar
    axis.set_xlabel("as a multiple of autograd, on a logarithmic scale; hatched: collector off")
    axis.set_title("Whole programs, relative to autograd", loc="left")


def _quantity(result: Result) -> str:
    unit = "bytes" if result.case.unit == "B" else result.case.unit
    return f"{unit} per {result.case.of}" if result.case.per > 1 else unit
