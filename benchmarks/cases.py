"""Imports all cases, which registers their benchmarks in the order of the report."""

from importlib import import_module

for _module in ("operations", "graphs", "calls", "overheads", "training", "programs", "simulations", "loops", "sparse", "peers"):
    import_module(f"cases_{_module}")
