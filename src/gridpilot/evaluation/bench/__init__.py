"""Benchmarks: one per file with a `rows()`, which calls the product's own path and checks what it measures."""

from __future__ import annotations

from importlib import import_module

from gridpilot.errors import UnknownNameError
from gridpilot.evaluation.bench.report import BenchReport, Row, make_report

__all__ = ["BenchReport", "Row", "bench_names", "run_bench"]

_BENCHES = ("env", "powerflow")
"""Modules of this package; loaded when they are asked for."""


def bench_names() -> tuple[str, ...]:
    """Names that `run_bench` knows."""
    return _BENCHES


def run_bench(name: str) -> BenchReport:
    """Run one benchmark and report it; raises `UnknownNameError` which lists the valid names."""
    if name not in _BENCHES:
        raise UnknownNameError("benchmark", name, _BENCHES)
    return make_report(import_module(f"{__name__}.{name}").rows())
