"""The machine that the figures were measured on."""

from __future__ import annotations

import datetime
import importlib
import os
import platform
import re
from pathlib import Path

# Names of the kernel for what a processor has, the widest vectors first.
_VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX", "sse2": "SSE2"}


def describe(core_compiler: str) -> dict[str, str]:
    """Describe the machine, the interpreter and the compiler of the core."""
    description = {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_cpuinfo('model name') or platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "instruction set": _instruction_set(),
        "system": platform.platform(),
        "Python": f"{platform.python_version()} ({platform.python_compiler()})",
        "compiler of autograd": core_compiler,
    }
    if hasattr(os, "getloadavg"):
        description["load before"] = f"{os.getloadavg()[0]:.1f} processes in the last minute"
    return description


def _cpuinfo(name: str) -> str:
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(rf"^{name}\s*:\s*(.+)$", cpuinfo.read_text() if cpuinfo.exists() else "", re.MULTILINE)
    return found[1] if found else ""


def _instruction_set() -> str:
    flags = _cpuinfo("flags").split()
    vectors = next((name for flag, name in _VECTORS.items() if flag in flags), "")
    return f"{platform.machine()}{vectors and f', {vectors}'}"


def core_compiler() -> str:
    """Read the compiler's name that gcc and clang store in their output."""
    core = Path(importlib.import_module("autograd._core").__file__ or "")
    found = re.search(rb"GCC: \([^)]*\) [\d.]+|clang version [\d.]+", core.read_bytes())
    return found[0].decode() if found else "unknown"
