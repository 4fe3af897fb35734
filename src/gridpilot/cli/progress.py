"""What is shown on stderr while something takes longer than two seconds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PATIENCE_S = 2.0
"""How long nothing is said."""
EVERY_S = 10.0
"""How often a line is written where there is no terminal to draw a bar on."""
COMPILING = "compiling the engine (once, about 20 s)"


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Say what is being done once it has taken two seconds, and again from time to time."""
    done = threading.Event()

    def say() -> None:
        began = monotonic()
        if done.wait(PATIENCE_S):
            return
        click.echo(f"gridpilot: {what} …", err=True)
        while not done.wait(EVERY_S):
            click.echo(f"gridpilot: still {what}, {monotonic() - began:.0f} s …", err=True)

    teller = threading.Thread(target=say, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with the time left on a terminal, else a line from time to time; yields `report(done, total)`."""
    if sys.stderr.isatty():
        with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True), transient=True,
        ) as bar:  # fmt: skip
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    yield _Lines(what).report


class _Lines:
    """A line on stderr, at most every ten seconds; the first after two."""

    def __init__(self, what: str) -> None:
        self._what, self._began = what, monotonic()
        self._next = self._began + PATIENCE_S

    def report(self, done: int, total: int) -> None:
        now = monotonic()
        if now < self._next or not done:
            return
        self._next = now + EVERY_S
        left = (now - self._began) / done * (total - done)
        click.echo(f"gridpilot: {self._what}: {done} of {total}, about {left:.0f} s left", err=True)
