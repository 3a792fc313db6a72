"""How long the command line takes for tables of many rows and of many columns, and how much memory.

    python benchmarks/tables.py

Each command is a process of its own, the start of Python and NumPy included; an epoch of `train` makes a step for each
32 rows. "read" is the reading of the file alone, in this process. Times are of the processor, whatever else it does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import core_compiler, describe

from autograd._cli.table import read_table

#: By the name of a table, its rows and columns, and the options of `train`.
TABLES = {
    "many rows": (50_000, 30, ["--epochs", "5"]),
    "many columns": (40, 20_000, ["--epochs", "5", "--hidden", "none"]),
}


def main() -> None:
    """Print a row for each command."""
    print(*(f"{name}: {value}" for name, value in describe(core_compiler()).items()), sep="\n")
    print("\n| table | command | seconds | peak memory, MB |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, (rows, columns, options) in TABLES.items():
            path, model = Path(folder, "table.csv"), str(Path(folder, "model.npz"))
            write(path, rows, columns)
            title = f"{name}: {rows:,} x {columns:,}, {path.stat().st_size / 1e6:.0f} MB"
            start = time.process_time()
            read_table(path)
            print(f"| {title} | read | {time.process_time() - start:.2f} | |", flush=True)
            for command in (
                ["train", str(path), "--target", "kind", "--save", model, "--quiet", *options],
                ["predict", model, str(path)],
                ["evaluate", model, str(path)],
            ):
                seconds, memory = run(command)
                print(f"| {title} | {command[0]} | {seconds:.2f} | {memory:.0f} |", flush=True)


def write(path: Path, rows: int, columns: int) -> None:
    """Write a table of normal numbers and two classes."""
    values = np.random.default_rng(0).normal(size=(rows, columns)).round(5)
    with open(path, "w", encoding="utf-8") as file:
        file.write(",".join(f"x{i}" for i in range(columns)) + ",kind\n")
        for row in values.tolist():
            file.write(",".join(map(str, row)) + f",{'yes' if row[0] > 0 else 'no'}\n")


def run(command: list[str]) -> tuple[float, float]:
    """Return the seconds and the peak memory in MB of a command."""
    process = subprocess.Popen([sys.executable, "-m", "autograd", *command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} failed with status {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
