"""Compare autograd with its peers: `python benchmarks/peers.py FOLDER`.

FOLDER holds a virtual environment for each, made by pip where it is missing. A peer that cannot be installed is left
out. The cases are measured by `run.py`; what it writes goes to `benchmarks/peers/`, with a summary of a table for each.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import report
import run

OUTPUT = Path(__file__).parent / "peers"
# What pip installs for an engine, besides NumPy.
PEERS = {
    "micrograd": ["micrograd"],
    "torch": ["torch"],
    "jax": ["jax"],
    "hips": ["autograd", "scipy"],
    "casadi": ["casadi"],
    "xad": ["xad"],
    "heyoka": ["heyoka"],
    "ddx": ["ddx-ad"],
    "fastdual": ["fastdual"],
    "asdex": ["asdex", "scipy"],
}
# The benchmarks of values and gradients, with those of the time and the memory until their first result.
FUNCTIONS = {
    "rosenbrock_point": ("ready_rosenbrock", "memory_rosenbrock"),
    "black_scholes": ("ready_black_scholes", "memory_black_scholes"),
}
OTHERS = ("moons", "hessian_rosenbrock", "jacobian_heat")


def main() -> int:
    """Make the environments, measure, and return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks/peers.py", description=(__doc__ or "").partition(":")[0] + ".")
    parser.add_argument("folder", type=Path, help="where the environments are, or are made")
    pythons = _environments(parser.parse_args().folder.resolve())
    names = [*OTHERS, *(name for case, ready in FUNCTIONS.items() for name in (case, *ready))]
    arguments = ["--output", str(OUTPUT), "--plot", str(OUTPUT / "chart.png")]
    arguments += [f"--only={name}" for name in names]
    arguments += [f"--python={engine}={python}" for engine, python in pythons.items()]
    if status := run.main(arguments):
        return status
    data = json.loads((OUTPUT / "results.json").read_text(encoding="utf-8"))
    (OUTPUT / "summary.md").write_text(summary(data), encoding="utf-8")
    return 0


def _environments(folder: Path) -> dict[str, Path]:
    """Return the Pythons of the peers, with an environment for each that has none."""
    pythons = {}
    for engine, packages in PEERS.items():
        python = folder / engine / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        if not python.exists():
            venv.create(folder / engine, with_pip=True)
            done = subprocess.run([python, "-m", "pip", "install", "--quiet", "numpy", *packages])
            if done.returncode:
                print(f"without {engine}: pip could not install {' and '.join(packages)}", file=sys.stderr)
        pythons[engine] = python
    return pythons


def summary(data: dict[str, Any]) -> str:
    """Render the machine and a table for each function from what `run.py` wrote to `results.json`."""
    cases = {case["name"]: case for case in data["benchmarks"]}
    keys = ("date", "processor", "instruction set", "system", "Python", "compiler of autograd")
    lines = [f"- {key}: {data['machine'][key]}" for key in keys]
    lines += [f"- without {engine}: {why}" for engine, why in data["absent"].items() if engine in PEERS]
    blocks = ["\n".join(lines)]
    for name, ready in FUNCTIONS.items():
        blocks.append(_functions(cases[name], *(cases[each] for each in ready)))
    blocks += [_times(cases[name]) for name in OTHERS]
    return "\n\n".join(blocks) + "\n"


def _functions(case: dict[str, Any], ready: dict[str, Any], memory: dict[str, Any]) -> str:
    rows = []
    for key, found in _ordered(case):
        value = statistics.median(parts["value"] for parts in found["rounds"])
        first, grown = (each["candidates"].get(key) for each in (ready, memory))
        rows.append(
            [
                found["title"],
                report.number(value),
                report.number(found["median"]),
                _ratio(key, found),
                report.number(first["median"]) if first else "–",
                report.number(grown["median"]) if grown else "–",
            ]
        )
    unit = f"{case['unit']} a point" if case["per"][0] > 1 else case["unit"]
    header = [case["title"], f"value, {unit}", f"with the gradient, {unit}", "of our time", "until the first, ms", "MB"]
    return report.table(header, rows)


def _times(case: dict[str, Any]) -> str:
    rows = [[found["title"], report.number(found["median"]), _ratio(key, found)] for key, found in _ordered(case)]
    return report.table([case["title"], case["unit"], "of our time"], rows)


def _ordered(case: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    return iter(sorted(case["candidates"].items(), key=lambda item: float(item[1]["median"])))


def _ratio(key: str, found: dict[str, Any]) -> str:
    """Return the median of the ratios to autograd, in bold where it is the loser."""
    if key == report.OURS:
        return "1"
    ratio = found["over autograd"][0]
    return f"**{report.number(ratio)}**" if ratio < 1.0 else report.number(ratio)


if __name__ == "__main__":
    sys.exit(main())
