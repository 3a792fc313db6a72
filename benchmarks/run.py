"""Compare autograd with plain Python, and with other engines where they are installed."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import engines
import harness
import machine
import report
from engines import Unsupported
from harness import Result, Settings
from registry import BENCHMARKS, SECTIONS, Benchmark
from runners import LocalRunner, RemoteRunner, Runner


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for and return the exit status."""
    options = _parser().parse_args(arguments)
    if options.list:
        for case in BENCHMARKS.values():
            print(f"{case.section:12}{case.name:18}{case.title}")
        return 0
    try:
        # Report errors of the options and the output folder before measuring.
        chosen = _select(options.only)
        pythons = dict(map(_engine_python, options.python))
        plot = _plot_module(options.plot) if options.plot else None
        options.output.mkdir(parents=True, exist_ok=True)
    except (ImportError, OSError, ValueError) as error:
        return _fail(str(error))
    settings = harness.QUICK if options.quick else harness.FULL
    runners: dict[str, Runner] = {}
    description: dict[str, str] = {}
    try:
        try:
            absent = _start(pythons, runners)
        except OSError as error:
            return _fail(f"--python: {error}")
        if report.OURS in absent:
            return _fail(f"autograd {absent[report.OURS]}")
        description = machine.describe(runners[report.OURS].core_compiler())
        description |= {f"Python of {engine}": python for engine, python in pythons.items()}
        text = [report.heading(description, absent)]
        print(text[0], flush=True)
        results = _measure(chosen, runners, settings, text)
    finally:
        for runner in runners.values():
            runner.close()
    data = report.as_json(description, settings, absent, results)
    written = report.write(options.output, "\n\n".join(text) + "\n", data)
    if plot:
        plot.save(options.plot, results, description)
        written.append(options.plot)
    print(f"\nWritten: {', '.join(map(str, written))}")
    return 0


def _start(pythons: dict[str, str], runners: dict[str, Runner]) -> dict[str, str]:
    """Find a runner for every engine that can be imported, and return why the others cannot."""
    absent: dict[str, str] = {}
    local = LocalRunner()
    for engine in engines.NAMES:
        runner = RemoteRunner(pythons[engine]) if engine in pythons else local
        try:
            runner.title(engine)
            runners[engine] = runner
        except Unsupported as error:
            absent[engine] = str(error)
            runner.close()
    return absent


def _measure(
    chosen: list[Benchmark], runners: dict[str, Runner], settings: Settings, text: list[str]
) -> dict[str, Result]:
    """Run the benchmarks, print each table when it is complete, and add it to the text of the report."""
    results: dict[str, Result] = {}
    for which in SECTIONS.values():
        cases = [case for case in chosen if case.section == which.name]
        for case in cases:
            _progress(f"{case.name} ...")
            results[case.name] = harness.run(case, runners, settings)
        _progress("")
        if cases:
            text.append(report.section(which, [results[case.name] for case in cases]))
            print("\n" + text[-1], flush=True)
    if bounds := report.targets(results):
        text.append(bounds)
        print("\n" + bounds)
    return results


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="fewer and shorter rounds: under 20 seconds")
    add(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="a benchmark or a section of --list; may be repeated",
    )
    add(
        "--python",
        action="append",
        default=[],
        metavar="ENGINE=PATH",
        help="measure an engine in a process of its own, run by another Python; may be repeated",
    )
    add(
        "--output",
        type=Path,
        default=Path(__file__).parent / "results",
        metavar="DIR",
        help="where report.md and results.json go (default: %(default)s)",
    )
    add("--plot", type=Path, metavar="FILE", help="draw a bar chart (needs matplotlib)")
    add("--list", action="store_true", help="list the benchmarks and stop")
    return parser


def _select(names: Sequence[str]) -> list[Benchmark]:
    for name in names:
        if name not in BENCHMARKS and name not in SECTIONS:
            raise ValueError(f"--only {name}: no such benchmark or section; --list shows them")
    return [case for case in BENCHMARKS.values() if not names or {case.name, case.section} & set(names)]


def _engine_python(text: str) -> tuple[str, str]:
    engine, _, python = text.partition("=")
    if engine not in engines.NAMES:
        raise ValueError(f"--python {text}: expected ENGINE=PATH, ENGINE one of {', '.join(engines.NAMES)}")
    if not Path(python).is_file():
        raise ValueError(f"--python {text}: there is no file {python!r}")
    return engine, python


def _plot_module(file: Path) -> ModuleType:
    try:
        plot = importlib.import_module("plot")
    except ImportError as error:
        raise ImportError(f"--plot needs matplotlib ({error}): python -m pip install matplotlib") from error
    if file.suffix.lstrip(".") not in plot.FORMATS:
        raise ValueError(f"--plot {file}: expected a name ending in one of {', '.join(plot.FORMATS)}")
    file.parent.mkdir(parents=True, exist_ok=True)
    return plot


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:40}\r", end="", file=sys.stderr, flush=True)


def _fail(message: str) -> int:
    print(f"benchmarks/run.py: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
