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
    with _telling(lambda passed_s: f"{what} …" if passed_s < EVERY_S else f"still {what}, {passed_s:.0f} s …"):
        yield


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
    count = _Count(what)
    with _telling(count.sentence):
        yield count.report


@contextmanager
def saying(say: Callable[[float], str]) -> Iterator[None]:
    """Say on stderr what a function of the seconds that have passed returns, where that is anything, from time to time."""
    with _telling(say):
        yield


class _Count:
    """How much is done, and how much time is left at that pace."""

    def __init__(self, what: str) -> None:
        self._what, self._done, self._total = what, 0, 0

    def report(self, done: int, total: int) -> None:
        self._done, self._total = done, total

    def sentence(self, passed_s: float) -> str:
        """After so many seconds."""
        if not self._done:
            return f"{self._what}: none done yet, {passed_s:.0f} s; the first one compiles the engine"
        left_s = passed_s / self._done * (self._total - self._done)
        return f"{self._what}: {self._done} of {self._total}, about {left_s:.0f} s left"


@contextmanager
def _telling(say: Callable[[float], str]) -> Iterator[None]:
    """Write `say(seconds passed)` on stderr after two seconds and every ten from there, from a thread of its own.

    Where there is nothing to say, it is empty.
    """
    ended, began = threading.Event(), monotonic()

    def tell() -> None:
        wait_s = PATIENCE_S
        while not ended.wait(wait_s):
            said = say(monotonic() - began)
            if said:
                click.echo(f"gridpilot: {said}", err=True)
                wait_s = EVERY_S

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()
