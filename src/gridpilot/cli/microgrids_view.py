"""Microgrids while they run: a table that is drawn anew with every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from gridpilot.operations.microgrids import Progress

_ROWS = 20
"""Microgrids that are shown; of more, those with the least reward."""


@contextmanager
def live_table(console: Console | None = None) -> Iterator[Callable[[Progress], None]]:
    """What is to be told of every step."""
    sums: dict[str, float] = {}
    with Live(console=console or Console(stderr=True), auto_refresh=False, transient=True) as live:

        def tell(progress: Progress) -> None:
            for name, reward in progress.rewards.items():
                sums[name] = sums.get(name, 0.0) + reward
            live.update(_table(progress, sums), refresh=True)

        yield tell


def _table(progress: Progress, sums: dict[str, float]) -> Table:
    table = Table(title=f"step {progress.step} of {progress.steps}")
    for column in ("microgrid", "reward", "so far", "agent"):
        table.add_column(column, justify="left" if column in ("microgrid", "agent") else "right")
    worst = sorted(progress.rewards, key=lambda name: sums[name])[:_ROWS]
    for name in [name for name in progress.rewards if name in worst]:
        agent = "silent" if name in progress.silent else "answers"
        table.add_row(name, f"{progress.rewards[name]:,.3f}", f"{sums[name]:,.2f}", agent)
    if len(progress.rewards) > _ROWS:
        table.add_row(f"and {len(progress.rewards) - _ROWS} more", "", "", "")
    return table
