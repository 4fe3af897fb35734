"""The document a benchmark makes: machine, versions, rows."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from gridpilot.twin.crew import usable_cores

PACKAGES = ("gridpilot", "numpy", "numba", "scipy", "gymnasium", "pandapower", "lightsim2grid", "grid2op")


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number."""

    name: str
    value: float
    unit: str
    against: str | None = None
    """The peer that was raced."""
    ratio: float | None = None
    """Our speed over the peer's in the same interleaved run (median); None where the peer was not raced."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class BenchReport:
    """What a benchmark found, and where."""

    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    rows: tuple[Row, ...]

    def document(self) -> dict[str, Any]:
        """The report as JSON-ready values."""
        return {"machine": dict(self.machine), "versions": dict(self.versions), "rows": [asdict(row) for row in self.rows]}


def make_report(rows: Sequence[Row]) -> BenchReport:
    """A report of these rows, measured here and now."""
    return BenchReport(_machine(), _versions(), tuple(rows))


def _machine() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "cores_usable": usable_cores(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    """Name of the processor, as Linux tells it, else as Python does."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        names = (line.partition(":")[2].strip() for line in listing.read_text().splitlines() if line.startswith("model name"))
        return next(names, platform.machine())
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    """Versions of the packages that matter and are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@contextmanager
def held_to(cores: int) -> Iterator[None]:
    """Hold the process on so many cores meanwhile, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[-cores:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def installed(*packages: str) -> bool:
    """Whether all of these can be imported."""
    return all(find_spec(package) is not None for package in packages)


Tell = Callable[[str], None]
"""Is told the name of every row before it is measured."""


def silent(row: str) -> None:
    """Tell nobody."""


class Lap(NamedTuple):
    """One turn of a runner."""

    units: int
    """How much it did."""
    check: Callable[[], None]
    """Raises where what it did does not hold; called off the clock."""


def race(runners: Mapping[str, Callable[[], Lap]], rounds: int) -> dict[str, float]:
    """Median seconds per unit of work of every runner.

    The runners take turns, so that a slow moment of the machine hits all of them. Each is run once before, unmeasured.
    """
    for run in runners.values():
        run().check()
    taken: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, run in runners.items():
            begun = time.perf_counter()
            lap = run()
            taken[name].append((time.perf_counter() - begun) / lap.units)
            lap.check()
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def threads_row(
    name: str, unit: str, value: Callable[[float], float], runner: Callable[[int], Callable[[], Lap]], threads: int, rounds: int
) -> Row:
    """So many threads against one, both made by `runner`; `value` is made of the seconds per unit of work.

    There is no ratio where the process may not use as many cores.
    """
    with held_to(threads):
        seconds = race({str(count): runner(count) for count in (1, threads)}, rounds)
        cores = usable_cores()
    enough = cores >= threads
    return Row(
        name=f"{name}/threads{threads}",
        value=value(seconds[str(threads)]),
        unit=unit,
        against="one thread",
        ratio=seconds["1"] / seconds[str(threads)] if enough else None,
        note=f"on {threads} cores" if enough else f"this process may use {cores} core only",
    )
