"""The machine that the figures were measured on."""

from __future__ import annotations

import datetime
import importlib
import os
import platform
import re
from pathlib import Path


def describe(core_compiler: str) -> dict[str, str]:
    """Describe the machine, the interpreter and the compiler of the core."""
    description = {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": platform.platform(),
        "Python": f"{platform.python_version()} ({platform.python_compiler()})",
        "compiler of autograd": core_compiler,
    }
    if hasattr(os, "getloadavg"):
        description["load before"] = f"{os.getloadavg()[0]:.1f} processes in the last minute"
    return description


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or platform.machine()


def core_compiler() -> str:
    """Read the compiler's name that gcc and clang store in their output."""
    core = Path(importlib.import_module("autograd._core").__file__ or "")
    found = re.search(rb"GCC: \([^)]*\) [\d.]+|clang version [\d.]+", core.read_bytes())
    return found[0].decode() if found else "unknown"
