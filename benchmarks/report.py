"""The results as Markdown tables, readable in a terminal as well, and as JSON."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from engines import YARDSTICKS
from harness import Result, Series, Settings
from registry import SECTIONS, TARGETS, Section, Target

OURS = "autograd"
METHOD = (
    "Candidates take turns, A B C A B C ..., after a warm-up; every turn begins with one untimed repetition. "
    "A candidate that has used up its time sits out the remaining rounds, and one that did so in the warm-up "
    "has that as its only round. A time is given as the median of the rounds and, in brackets, the minimum. "
    "A ratio is formed within each round (with a single round: of the medians); given are the median of them "
    "and, in brackets, the ratio of the minima. The collector is Python's cyclic garbage collector with its "
    "default thresholds: on unless a row says off, with everything frozen that was alive before, so that it "
    "walks only what the benchmark makes; what is left of a turn is collected between the turns, untimed."
)


def number(value: float) -> str:
    """Format a time or a ratio with three digits, or with all digits before the decimal point if there are more."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:#.3g}"


def pair(values: Iterable[float]) -> str:
    """Format a median and a minimum."""
    first, second = values
    return f"{number(first)} ({number(second)})"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Align a Markdown table, the first column to the left and numbers to the right."""
    cells = [list(header), *map(list, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    left = [not any(row[column].lstrip("-")[:1].isdigit() for row in cells[1:]) for column in range(len(header))]
    left[0] = True

    def line(row: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if is_left else cell.rjust(width)
            for cell, width, is_left in zip(row, widths, left, strict=True)
        )
        return "| " + " | ".join(padded) + " |"

    rule = (
        "-" * (width + 1) + ("-" if is_left else ":") for width, is_left in zip(widths, left, strict=True)
    )
    return "\n".join([line(cells[0]), "|" + "|".join(rule) + "|", *map(line, cells[1:])])


def section(which: Section, results: Sequence[Result]) -> str:
    """Render the benchmarks of one section."""
    blocks = [f"## {which.title}", which.text]
    if which.wide:
        blocks += _wide(results)
    else:
        for result in results:
            blocks += _long(result)
    return "\n\n".join(blocks)


def _wide(results: Sequence[Result]) -> list[str]:
    measured = {key for result in results for key in result.series}
    titles = {candidate.key: candidate.short_title for candidate in results[0].case.candidates}
    keys = [key for key in titles if key in measured]
    unit = results[0].case.unit
    times = [[result.case.title, *(_time(result.series.get(key)) for key in keys)] for result in results]
    pairs = [(OURS, key) if key in YARDSTICKS else (key, OURS) for key in keys if key != OURS]
    ratios = [
        [result.case.title, *(pair(ratio) if (ratio := result.ratio(*both)) else "–" for both in pairs)]
        for result in results
    ]
    return [
        table([f"{unit}, median (minimum)", *(titles[key] for key in keys)], times),
        table(["ratio, median (of minima)", *(f"{titles[a]} / {titles[b]}" for a, b in pairs)], ratios),
        "–: the engine has no such operation.",
    ]


def _time(series: Series | None) -> str:
    return pair((series.median(), series.minimum())) if series else "–"


def _long(result: Result) -> list[str]:
    case = result.case
    parts: list[str] = []
    for series in result.series.values():
        parts += [part for part in series.parts if part not in parts]
    shown = parts if len(parts) > 1 else []
    rows = []
    for key, series in result.series.items():
        own = [number(series.median(part)) if part in series.parts else "" for part in shown]
        if case.base:
            has_base = case.base in series.parts and len(series.parts) > 1
            own.append(number(series.multiple(case.base)) if has_base else "")
        rows.append([series.title, _time(series), *own, str(len(series.rounds)), _comparison(result, key)])
    shown += [f"whole / {case.base}"] if case.base else []
    for title, reason in result.unsupported.items():
        rows.append([title, "–", *[""] * len(shown), "", f"not measured: {reason}"])
    quantity = "bytes" if case.unit == "B" else f"{case.unit} per {case.of}" if case.per > 1 else case.unit
    header = [case.title, f"{quantity}, median (minimum)", *shown, "rounds", "in comparison"]
    noted: dict[str, list[str]] = {}
    for series in result.series.values():
        noted.setdefault(series.note, []).append(series.title)
    notes = [f"- {'; '.join(titles)}: {note}." for note, titles in noted.items() if note]
    return [table(header, rows), *(["\n".join(notes)] if notes else [])]


def _comparison(result: Result, key: str) -> str:
    long = "as much" if result.case.unit in ("B", "MB") else "as long"
    if key == OURS or OURS not in result.series:
        return ""
    if key in YARDSTICKS:
        ratio = result.ratio(OURS, key)
        return f"autograd takes {pair(ratio)} times {long}" if ratio else ""
    ratio = result.ratio(key, OURS)
    return f"takes {pair(ratio)} times {long} as autograd" if ratio else ""


def figure(which: Target, results: dict[str, Result]) -> tuple[float, float] | None:
    """Return the figure of a target, from medians and from minima, or None if it was not measured."""
    result = results.get(which.benchmark)
    if result is None:
        return None
    if which.denominator is not None:
        return result.ratio(which.numerator, which.denominator)
    series = result.series.get(which.numerator)
    return (series.median(), series.minimum()) if series else None


def targets(results: dict[str, Result]) -> str:
    """Render the bounds that this project sets itself, for information."""
    rows = []
    for which in TARGETS:
        if which.benchmark not in results:
            continue
        measured = figure(which, results)
        verdict = "not measured" if measured is None else "met" if which.met(measured[0]) else "not met"
        rows.append([which.text, pair(measured) if measured else "–", which.bound, verdict])
    if not rows:
        return ""
    text = "The bounds this project sets itself, judged by the medians, for information: a miss is no error."
    return "\n\n".join(["## Targets", text, table(["figure", "median (minima)", "bound", "verdict"], rows)])


def heading(machine: dict[str, str], absent: dict[str, str]) -> str:
    """Render the machine, the method, and the missing engines."""
    lines = [f"- {name}: {value}" for name, value in machine.items()]
    lines += [f"- without {engine}: {reason}" for engine, reason in absent.items()]
    return "\n\n".join(["# Benchmarks of autograd", "\n".join(lines), METHOD])


def as_json(
    machine: dict[str, str], settings: Settings, absent: dict[str, str], results: dict[str, Result]
) -> dict[str, Any]:
    """Return all measurements."""
    return {
        "machine": machine,
        "settings": dataclasses.asdict(settings),
        "absent": absent,
        "benchmarks": [_result_json(result) for result in results.values()],
        "targets": [
            {**dataclasses.asdict(which), "measured": measured, "met": which.met(measured[0])}
            for which in TARGETS
            if (measured := figure(which, results)) is not None
        ],
    }


def _result_json(result: Result) -> dict[str, Any]:
    case = result.case
    return {
        "name": case.name,
        "section": SECTIONS[case.section].title,
        "title": case.title,
        "unit": case.unit,
        "per": [case.per, case.of],
        "candidates": {
            key: {
                "title": series.title,
                "note": series.note,
                "repetitions": series.number,
                "median": series.median(),
                "minimum": series.minimum(),
                "over autograd": result.ratio(key, OURS),
                "rounds": series.rounds,
            }
            for key, series in result.series.items()
        },
        "not measured": result.unsupported,
    }


def write(directory: Path, text: str, data: dict[str, Any]) -> list[Path]:
    """Write `report.md` and `results.json`, each completely or not at all."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in (("report.md", text), ("results.json", json.dumps(data, indent=1) + "\n")):
        path = directory / name
        partial = path.with_suffix(path.suffix + ".partial")
        partial.write_text(content, encoding="utf-8")
        os.replace(partial, path)
        written.append(path)
    return written
