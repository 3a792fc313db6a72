"""The description of a benchmark, and the registry of all benchmarks, sections and targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engines import CYCLIC, Engine

# The number of units in a second, or in a byte.
UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9, "B": 1.0, "MB": 1e-6}


@dataclass(frozen=True)
class Workload:
    """A case prepared for one engine.

    Attributes
    ----------
    run : callable
        Repeats the work a given number of times and returns the total seconds (or bytes) of each part.
    check : callable, optional
        Returns numbers that must be the same for every engine.
    depth : int
        The longest path of the graph, which a recursive engine needs as recursion limit.
    """

    run: Callable[[int], dict[str, float]]
    check: Callable[[], list[float]] | None = None
    depth: int = 0


Build = Callable[[Engine], Workload]


@dataclass(frozen=True)
class Candidate:
    """A participant of a benchmark: an engine, or as `engine/way` a further way in which it does the work.

    The cyclic collector is on or off.
    """

    entry: str
    collector: bool = True

    @property
    def engine(self) -> str:
        return self.entry.partition("/")[0]

    @property
    def key(self) -> str:
        return self.entry if self.collector else f"{self.entry}:off"

    @property
    def qualifier(self) -> str:
        """The part of a full title about the collector, if its state matters."""
        return f", collector {'on' if self.collector else 'off'}" if self.engine in CYCLIC else ""

    @property
    def short_title(self) -> str:
        """The title as the head of a column."""
        name = self.entry.replace("_python", " Python").replace("/", ", ")
        return f"{name} {'on' if self.collector else 'off'}" if self.engine in CYCLIC else name


@dataclass
class Benchmark:
    """A case and the engines that take part.

    Attributes
    ----------
    name, title : str
        The key on the command line, and the title in the report.
    section : str
        The section of the report it belongs to.
    build : callable
        Makes the workload for an engine that has no way of its own.
    entries : tuple of str
        The participants, in the order of the rounds: engines, and `engine/way` for a further way that is registered
        with `on`.
    unit : str
        A key of `UNITS`.
    per : int
        The operations in one repetition; figures are for one of them.
    of : str
        What `per` counts.
    fresh : bool
        Measure every round in a new process, with the collector on.
    left_out_by_quick : tuple of str
        Entries too slow for `--quick`.
    base : str
        The part to which the report also relates the whole.
    """

    name: str
    section: str
    title: str
    build: Build
    entries: tuple[str, ...]
    unit: str = "ns"
    per: int = 1
    of: str = "operation"
    fresh: bool = False
    left_out_by_quick: tuple[str, ...] = ()
    base: str = ""
    own: dict[str, Build] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)

    def on(self, entry: str, words: str) -> Callable[[Build], Build]:
        """Register an engine's own way of doing this case, with its description."""

        def register(build: Build) -> Build:
            self.own[entry] = build
            self.words[entry] = words
            return build

        return register

    def title_of(self, candidate: Candidate, engine: str) -> str:
        """Return the title of a row: the engine's title, its way of doing the case, the collector's state."""
        words = self.words.get(candidate.entry)
        return engine + (f", {words}" if words else "") + candidate.qualifier

    def workload(self, entry: str, engine: Engine) -> Workload:
        return self.own.get(entry, self.build)(engine)

    @property
    def candidates(self) -> list[Candidate]:
        return [
            Candidate(entry, collector)
            for entry in self.entries
            for collector in ((True, False) if entry in CYCLIC and not self.fresh else (True,))
        ]


@dataclass(frozen=True)
class Section:
    """Related benchmarks, in one table with a row for each if `wide`, otherwise in a table each."""

    name: str
    title: str
    text: str
    wide: bool = False


@dataclass(frozen=True)
class Target:
    """A bound on the ratio of two candidates, or on the figure of a single one."""

    text: str
    benchmark: str
    numerator: str
    denominator: str | None = None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def bound(self) -> str:
        return f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"

    def met(self, figure: float) -> bool:
        return figure <= self.at_most if self.at_most is not None else figure >= (self.at_least or 0.0)


SECTIONS: dict[str, Section] = {}
BENCHMARKS: dict[str, Benchmark] = {}
TARGETS: list[Target] = []


def section(name: str, title: str, text: str, *, wide: bool = False) -> str:
    """Register a section of the report and return its name."""
    SECTIONS[name] = Section(name, title, text, wide)
    return name


def benchmark(
    name: str, section: str, title: str, entries: tuple[str, ...], **options: Any
) -> Callable[[Build], Benchmark]:
    """Register the decorated function, which makes the workload of an engine, as a benchmark."""

    def register(build: Build) -> Benchmark:
        BENCHMARKS[name] = Benchmark(name, section, title, build, entries, **options)
        return BENCHMARKS[name]

    return register


def target(text: str, benchmark: str, numerator: str, denominator: str | None = None, **bound: float) -> None:
    """Register a bound to report, with `at_most=` or `at_least=`; the arguments are those of `Target`."""
    TARGETS.append(Target(text, benchmark, numerator, denominator, **bound))
