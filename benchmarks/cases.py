"""Imports all cases, which registers their benchmarks in the order of the report."""

from importlib import import_module

for _module in (
    "cases_operations", "cases_graphs", "cases_calls", "cases_overheads", "cases_training", "cases_programs",
):
    import_module(_module)
