"""Agents that are waited for: said on stderr while it takes, and in the sentence after Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gridpilot.messages.steps import Awaited

_PATIENCE_S = 1.5
"""What takes less is not told: where silent agents are done without, every step waits a little."""
_SHOWN = 6
"""Names in a line."""
_DONE_BY = {
    "hello": "to join",
    "begin": "to begin: they may have to compile their devices first",
    "resume": "to take their devices over again",
}


class Waiting:
    """What an environment last said of the agents that it waits for."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock, self._since_s = clock, 0.0
        self._now: Awaited | None = None
        self._told: set[str] = set()

    def watch(self, awaited: Awaited) -> None:
        """Take what is said, and tell every reason for refused messages once."""
        if not self.missing or self._now is None or self._now.phase != awaited.phase:
            self._since_s = self._clock()
        self._now = awaited
        for sentence in awaited.refused:
            if sentence not in self._told:
                self._told.add(sentence)
                click.echo(f"gridpilot: messages are refused: {sentence}", err=True)

    @property
    def missing(self) -> tuple[str, ...]:
        """Agents that are waited for now."""
        return () if self._now is None else self._now.missing

    @property
    def what(self) -> str:
        """For whom, to do what, and who is there; empty while nobody is waited for."""
        if self._now is None or not self._now.missing:
            return ""
        there, nobody = ("here", " (nobody is here yet)") if self._now.phase == "hello" else ("done", "")
        here = f" ({there}: {_listed(self._now.here)})" if self._now.here else nobody
        done = _DONE_BY.get(self._now.phase, f"to answer {self._now.phase!r}")
        return f"waiting for {_listed(self._now.missing)} {done}{here}"

    def sentence(self, _: float) -> str:
        """For whom, and for how long already; empty while nobody is waited for, or not for long."""
        waited_s = self._clock() - self._since_s
        return f"{self.what}, {waited_s:.0f} s …" if self.what and waited_s >= _PATIENCE_S else ""


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
