"""Imports all cases, which registers their benchmarks in the order of the report."""

from importlib import import_module

_MODULES = (
    "operations", "graphs", "calls", "overheads", "training", "programs", "simulations", "loops", "sparse", "peers",
)
for _module in _MODULES:
    import_module(f"cases_{_module}")
