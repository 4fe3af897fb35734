"""How the power flow grows: with the batch, in memory, and over threads."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

from gridpilot.evaluation.bench.cases import bench_case
from gridpilot.evaluation.bench.operating_points import draw_points
from gridpilot.evaluation.bench.report import Lap, Row, Tell, held_to, race, silent, threads_row
from gridpilot.evaluation.bench.runners import TOLERANCE_PU, check_flow, sweep_runner
from gridpilot.powerflow.sweep import Sweep

GROWTH = ("case14", 1024, 65536)
"""Case, and the batches between which the time per power flow should not grow."""
THREADS = ("case118", 8192, 2)
"""Case, batch, and threads."""
BATCH_SETS = 3
"""Sets of inputs that a large batch takes in turn."""
MEMORY_LIMIT = 2048
"""Bytes per element and bus."""


def scaling_rows(
    rounds: int,
    tell: Tell = silent,
    *,
    growth: tuple[str, int, int] = GROWTH,
    threads: tuple[str, int, int] = THREADS,
) -> list[Row]:
    """Rows `powerflow/<case>/B<batch>`, the same with `/memory`, and with `/threads<count>`."""
    tell(f"powerflow/{growth[0]}/B{growth[2]}")
    with held_to(1):
        found = [*_memory(growth[0], growth[2]), _growth(*growth, rounds)]
    tell(f"powerflow/{threads[0]}/B{threads[1]}/threads{threads[2]}")
    return [*found, _threads(*threads, rounds)]


def _growth(name: str, small: int, large: int, rounds: int) -> Row:
    case = bench_case(name)
    runners = {}
    for batch in (small, large):
        sets = [draw_points(case, batch, seed) for seed in range(BATCH_SETS)]
        runners[str(batch)] = sweep_runner(Sweep(case, batch, tolerance_pu=TOLERANCE_PU), sets, max(1, large // batch // 8))
    seconds = race(runners, rounds)
    return Row(
        name=f"powerflow/{name}/B{large}",
        value=seconds[str(large)] * 1e6,
        unit="µs per power flow",
        against=f"a batch of {small}",
        ratio=seconds[str(small)] / seconds[str(large)],
        note="1 where the work grows linearly with the batch",
    )


def _memory(name: str, batch: int) -> list[Row]:
    """The memory of a sweep and its results beyond what the process had before; no row where the system does not tell."""
    case = bench_case(name)
    points = draw_points(case, batch, 0)
    check_flow(Sweep(case, 1, tolerance_pu=TOLERANCE_PU).solve(*draw_points(case, 1, 0)), case)  # compiles

    def solve() -> None:
        check_flow(Sweep(case, batch, tolerance_pu=TOLERANCE_PU).solve(*points), case)

    peak = peak_bytes(solve)
    if peak is None:
        return []
    return [
        Row(
            name=f"powerflow/{name}/B{batch}/memory",
            value=peak / batch / case.network.n_bus,
            unit="bytes per element and bus",
            note=f"peak of the process beyond the inputs; the limit is {MEMORY_LIMIT}",
        )
    ]


def peak_bytes(work: Callable[[], None]) -> int | None:
    """How much more memory the process held at its peak during `work` than before; None where only Linux would tell."""
    status, forget = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not (status.is_file() and forget.is_file()):
        return None
    _give_back()
    forget.write_text("5")  # the peak is what is held now
    before = _status_bytes(status, "VmRSS")
    work()
    return max(0, _status_bytes(status, "VmHWM") - before)


def _give_back() -> None:
    """Return freed memory to the system: work that is served from what the allocator still holds would not show."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)


def _status_bytes(status: Path, field: str) -> int:
    line = next(line for line in status.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


def _threads(name: str, batch: int, threads: int, rounds: int) -> Row:
    case = bench_case(name)
    sets = [draw_points(case, batch, seed) for seed in range(BATCH_SETS)]

    def runner(count: int) -> Callable[[], Lap]:
        return sweep_runner(Sweep(case, batch, tolerance_pu=TOLERANCE_PU, threads=count), sets, BATCH_SETS)

    return threads_row(f"powerflow/{name}/B{batch}", "µs per power flow", lambda seconds: seconds * 1e6, runner, threads, rounds)
