"""The runners of engines: in this process, or in a worker of another Python that speaks lines of JSON."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cases  # noqa: F401 (fills the registry)
import engines
import machine
from engines import Unsupported
from registry import BENCHMARKS, Candidate, Workload

WORKER = Path(__file__).with_name("worker.py")
# At greater depths Python before 3.11 overflows its C stack, whatever the recursion limit.
C_STACK_DEPTH = 10_000


class LocalRunner:
    """Measure in this process."""

    python = sys.executable

    def __init__(self) -> None:
        self._benchmark = ""
        self._ready: dict[str, Workload] = {}

    def title(self, engine: str) -> str:
        """Import an engine and return its name and version."""
        try:
            return engines.load(engine).title
        except ImportError as error:
            raise Unsupported(f"cannot be imported ({error})") from error

    def core_compiler(self) -> str:
        """Return the compiler of autograd's core, which must have been imported."""
        return machine.core_compiler()

    def prepare(self, benchmark: str, entry: str) -> str:
        """Make the workload and return the report's note about how it runs."""
        if benchmark != self._benchmark:
            self._ready.clear()
            self._benchmark = benchmark
        engine = engines.load(Candidate(entry).engine)
        workload = BENCHMARKS[benchmark].workload(entry, engine)
        self._ready[entry] = workload
        limit = sys.getrecursionlimit()
        if not engine.recursive or workload.depth < limit:
            return ""
        if workload.depth > C_STACK_DEPTH and sys.version_info < (3, 11):
            raise Unsupported(f"recursion {workload.depth:,} deep overflows the stack before Python 3.11")
        return f"recursion limit raised from {limit:,} to {limit + workload.depth:,}, else RecursionError"

    def check(self, benchmark: str, entry: str) -> list[float] | None:
        """Return the numbers on which the engines must agree."""
        workload = self._ready[entry]
        with self._surroundings(entry, collector=False):
            return workload.check() if workload.check else None

    def measure(self, benchmark: str, entry: str, number: int, collector: bool) -> dict[str, float]:
        """Repeat the work and return the totals of its parts."""
        workload = self._ready[entry]
        with self._surroundings(entry, collector):
            if not BENCHMARKS[benchmark].fresh:
                # Untimed: the timed part then includes collecting the previous graph, as in a continuing loop.
                # Otherwise a training step in pure Python seems to take half as long.
                workload.run(1)
            return workload.run(number)

    def close(self) -> None:
        """Drop the workload."""
        self._ready.clear()

    @contextmanager
    def _surroundings(self, entry: str, collector: bool) -> Iterator[None]:
        # Collect the previous candidate's garbage outside the timing. Freeze what is alive, so that the collector
        # walks only the objects of the benchmark, whatever else the process has imported.
        gc.collect()
        gc.freeze()
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + self._ready[entry].depth)
        if not collector:
            gc.disable()
        try:
            with engines.load(Candidate(entry).engine).surroundings():
                yield
        finally:
            gc.enable()
            sys.setrecursionlimit(limit)


class RemoteRunner:
    """Measure in a process of the given Python; the methods are `LocalRunner`'s."""

    def __init__(self, python: str) -> None:
        self.python = python
        # PYTHONPATH is of this Python's environment; another one has an `autograd` of its own.
        own = python == sys.executable
        environment = {name: text for name, text in os.environ.items() if own or name != "PYTHONPATH"}
        self._process = subprocess.Popen(
            [python, str(WORKER)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def title(self, engine: str) -> str:
        answer: str = self._ask("title", engine)
        return answer

    def core_compiler(self) -> str:
        answer: str = self._ask("core_compiler")
        return answer

    def prepare(self, benchmark: str, entry: str) -> str:
        answer: str = self._ask("prepare", benchmark, entry)
        return answer

    def check(self, benchmark: str, entry: str) -> list[float] | None:
        answer: list[float] | None = self._ask("check", benchmark, entry)
        return answer

    def measure(self, benchmark: str, entry: str, number: int, collector: bool) -> dict[str, float]:
        answer: dict[str, float] = self._ask("measure", benchmark, entry, number, collector)
        return answer

    def close(self) -> None:
        """End the worker."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def _ask(self, method: str, *arguments: Any) -> Any:
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(json.dumps([method, arguments]) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the worker has ended; the empty answer below reports it
        line = self._process.stdout.readline()
        if not line:
            raise ConnectionError(f"the worker of {self.python} ended with status {self._process.wait()}")
        answer = json.loads(line)
        if "unsupported" in answer:
            raise Unsupported(answer["unsupported"])
        if "error" in answer:
            raise RuntimeError(f"the worker of {self.python} failed:\n{answer['error']}")
        return answer["result"]


Runner = LocalRunner | RemoteRunner


@contextmanager
def fresh(runner: Runner, benchmark: str, entry: str) -> Iterator[RemoteRunner]:
    """Start a new process of a runner's Python, with one workload prepared."""
    worker = RemoteRunner(runner.python)
    try:
        worker.title(Candidate(entry).engine)
        worker.prepare(benchmark, entry)
        yield worker
    finally:
        worker.close()
