"""Benchmarks: one per file with a `rows()`, which calls the product's own path and checks what it measures."""

from __future__ import annotations

from importlib import import_module

from gridpilot.errors import UnknownNameError
from gridpilot.evaluation.bench.report import BenchReport, Row, Tell, make_report, silent

__all__ = ["BenchReport", "Row", "bench_names", "run_bench"]

_BENCHES = ("powerflow", "contingency", "env", "messages", "knowledge")
"""Modules of this package; loaded when they are asked for."""


def bench_names() -> tuple[str, ...]:
    """Names that `run_bench` knows."""
    return _BENCHES


def run_bench(name: str, tell: Tell = silent) -> BenchReport:
    """Run one benchmark and report it; `tell` hears the name of every row before it is measured.

    Raises `UnknownNameError` which lists the valid names.
    """
    if name not in _BENCHES:
        raise UnknownNameError("benchmark", name, _BENCHES)
    return make_report(import_module(f"{__name__}.{name}").rows(tell=tell))
