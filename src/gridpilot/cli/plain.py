"""A run in plain lines, for where there is no terminal: one per simulated hour, with what happened in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from gridpilot.cli.frame import Frame, Totals

SHOWN = 3
"""Actions of an hour that are named; the rest are counted."""
DONE = ("approved", "modified")
"""Verdicts under which what was decided, or something in its place, was done."""


class PlainLines:
    """Writes a line for every simulated hour, and the last one."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._hour: list[Frame] = []
        self._before = Totals()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._tell()

    def show(self, frame: Frame) -> None:
        """Take the next cycle."""
        self._hour.append(frame)
        if frame.clock.endswith(":00") or frame.cycle == frame.cycles:
            self._tell()

    def _tell(self) -> None:
        if not self._hour:
            return
        self._write(summary(self._hour, self._before))
        for line in details(self._hour):
            self._write(f"    {line}")
        self._before = self._hour[-1].totals
        self._hour = []


def summary(hour: list[Frame], before: Totals) -> str:
    """An hour in one line."""
    last = hour[-1]
    violated = sum(frame.violations > 0 for frame in hour)
    return (
        f"{last.clock}  cycle {last.cycle}/{last.cycles}  max line {max(f.max_loading for f in hour):4.0%}  "
        f"V {min(f.min_v_pu for f in hour):.3f}-{max(f.max_v_pu for f in hour):.3f}  "
        f"violated cycles {violated}/{len(hour)}  curtailed {last.totals.curtailed_mwh - before.curtailed_mwh:.1f} MWh  "
        f"unserved {last.totals.unserved_mwh - before.unserved_mwh:.1f} MWh  actions {sum(len(f.receipts) for f in hour)}  "
        f"reward {last.totals.reward - before.reward:.2f}"
    )


def details(hour: list[Frame]) -> list[str]:
    """Events as they began, the most frequent actions, who stood in and what was claimed wrongly, and verdicts; with their counts."""
    times = Counter(key for frame in hour for key in frame.events)
    began = {key: f"{frame.clock[11:]} {said}" for frame in reversed(hour) for key, said in frame.events.items()}
    lines = [f"{began[key]}{f' (×{count})' if count > 1 else ''}" for key, count in times.items()]
    orders = Counter(f"{r.type} {r.target} {r.outcome}" for frame in hour for r in frame.receipts)
    if orders:
        named = [f"{what}{f' ×{count}' if count > 1 else ''}" for what, count in orders.most_common(SHOWN)]
        rest = orders.total() - sum(count for _, count in orders.most_common(SHOWN))
        lines.append("actions: " + ", ".join(named) + (f", and {rest} more" if rest else ""))
    said = Counter(line for frame in hour for line in (frame.stand_in, *frame.wrong_claims) if line)
    lines += [f"{line}{f' ×{count}' if count > 1 else ''}" for line, count in said.most_common(SHOWN)]
    undone = Counter((frame.verdict, frame.why) for frame in hour if frame.why and frame.verdict not in DONE)
    lines += [f"{verdict}{f' ×{count}' if count > 1 else ''}: {why}" for (verdict, why), count in undone.items()]
    return lines
