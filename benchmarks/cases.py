"""Imports all cases, which registers their benchmarks in the order of the report."""

from importlib import import_module

MODULES = (
    "operations", "graphs", "calls", "overheads", "training", "programs", "simulations", "loops", "sparse", "source",
    "peers",
)

for _module in MODULES:
    import_module(f"cases_{_module}")
