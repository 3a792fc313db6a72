"""Timing of candidates: interleaved in rounds, and compared within each round."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from engines import YARDSTICKS, Unsupported
from registry import UNITS, Benchmark, Candidate
from runners import Runner, fresh


@dataclass(frozen=True)
class Settings:
    """The length of a measurement.

    Attributes
    ----------
    rounds : int
        Rounds of every benchmark.
    fresh_rounds : int
        Rounds of a benchmark that starts a process for each.
    seconds : float
        Minimum time of a candidate in one round; a single repetition may take longer.
    budget : float
        Seconds after which a candidate sits out the remaining rounds.
    quick : bool
        Leave out the entries that a benchmark marks as too slow.
    """

    rounds: int
    fresh_rounds: int
    seconds: float
    budget: float
    quick: bool = False


FULL = Settings(rounds=21, fresh_rounds=3, seconds=0.008, budget=4.0)
QUICK = Settings(rounds=5, fresh_rounds=1, seconds=0.002, budget=0.4, quick=True)


@dataclass
class Series:
    """The cost of one operation of a candidate, by round and part, in the unit of the benchmark."""

    title: str
    note: str
    number: int = 1
    rounds: list[dict[str, float]] = field(default_factory=list)

    def add(self, case: Benchmark, measured: dict[str, float]) -> None:
        """Enter the totals of a round."""
        scale = UNITS[case.unit] / (case.per * self.number)
        self.rounds.append({part: value * scale for part, value in measured.items()})

    @property
    def parts(self) -> list[str]:
        return list(self.rounds[0])

    def values(self, part: str | None = None) -> list[float]:
        return [sum(parts.values()) if part is None else parts[part] for parts in self.rounds]

    def minimum(self, part: str | None = None) -> float:
        return min(self.values(part))

    def median(self, part: str | None = None) -> float:
        return statistics.median(self.values(part))

    def multiple(self, part: str) -> float:
        """Return the median of the ratios of the whole to a part."""
        return statistics.median(a / b for a, b in zip(self.values(), self.values(part), strict=True))


@dataclass
class Result:
    """The rounds of every candidate of a benchmark, and the reasons why others have none."""

    case: Benchmark
    series: dict[str, Series] = field(default_factory=dict)
    unsupported: dict[str, str] = field(default_factory=dict)

    def ratio(self, numerator: str, denominator: str) -> tuple[float, float] | None:
        """Return the median of the ratios within the rounds, and the ratio of the minima."""
        if numerator not in self.series or denominator not in self.series:
            return None
        above, below = self.series[numerator], self.series[denominator]
        # A candidate that exhausted its budget has only the first rounds. A single one may be the warm-up, which the
        # other's round was not.
        if min(len(above.rounds), len(below.rounds)) == 1:
            within = [above.median() / below.median()]
        else:
            within = [a / b for a, b in zip(above.values(), below.values(), strict=False)]
        return statistics.median(within), above.minimum() / below.minimum()


def run(case: Benchmark, runners: dict[str, Runner], settings: Settings) -> Result:
    """Time the candidates of a benchmark whose engines have a runner, A B C A B C ..."""
    result = Result(case)
    spent: dict[str, float] = {}
    taking_part: list[Candidate] = []
    notes: dict[str, str] = {}
    numbers: dict[str, list[float]] = {}
    for candidate in case.candidates:
        entry = candidate.entry
        if candidate.engine not in runners:
            continue
        runner = runners[candidate.engine]
        title = case.title_of(candidate, runner.title(candidate.engine))
        try:
            if settings.quick and entry in case.left_out_by_quick:
                raise Unsupported("left out by --quick")
            if entry not in notes:
                notes[entry] = runner.prepare(case.name, entry)
                found = runner.check(case.name, entry)
                if found is not None:
                    numbers[entry] = found
            series = Series(title, notes[entry])
            spent[candidate.key] = _warm_up(runner, case, candidate, series, settings)
        except Unsupported as error:
            result.unsupported[title] = str(error)
            continue
        result.series[candidate.key] = series
        taking_part.append(candidate)
    _require_agreement(case.name, numbers)
    for _ in range(settings.fresh_rounds if case.fresh else settings.rounds):
        for candidate in taking_part:
            series = result.series[candidate.key]
            if series.rounds and spent[candidate.key] > settings.budget:
                continue
            parts = _measure(runners[candidate.engine], case, candidate, series.number)
            series.add(case, parts)
            spent[candidate.key] += 0.0 if case.fresh else sum(parts.values())
    return result


def _measure(runner: Runner, case: Benchmark, candidate: Candidate, number: int) -> dict[str, float]:
    if not case.fresh:
        return runner.measure(case.name, candidate.entry, number, candidate.collector)
    with fresh(runner, case.name, candidate.entry) as worker:
        return worker.measure(case.name, candidate.entry, number, candidate.collector)


def _warm_up(
    runner: Runner, case: Benchmark, candidate: Candidate, series: Series, settings: Settings
) -> float:
    """Find how many repetitions make a round long enough, and return the seconds spent on it."""
    spent = 0.0
    while not case.fresh:
        parts = _measure(runner, case, candidate, series.number)
        seconds = sum(parts.values())
        spent += seconds
        if seconds > settings.budget:
            series.add(case, parts)  # too slow to run again: this is its only round
        if seconds >= settings.seconds:
            break
        # The first repetitions are slower than later ones, so the number grows at most twentyfold.
        factor = min(20.0, 1.2 * settings.seconds / max(seconds, 1e-9))
        series.number = max(series.number + 1, int(series.number * factor))
    return spent


def _require_agreement(case: str, numbers: dict[str, list[float]]) -> None:
    for entry, found in numbers.items():
        reference, wanted = next(iter(numbers.items()))
        # A reference may compute only the values, which precede their derivatives.
        pairs = zip(found, wanted, strict=entry not in YARDSTICKS)
        if any(abs(a - b) > 1e-9 * max(1.0, abs(b)) for a, b in pairs):
            raise RuntimeError(
                f"{case}: {entry} computed {found} and {reference} {wanted}; "
                "engines that disagree cannot be compared"
            )
