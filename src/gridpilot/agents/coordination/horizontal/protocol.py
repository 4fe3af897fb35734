"""The seam between grid agents: everybody says something, and everybody hears what came of it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from gridpilot.errors import ActionError
from gridpilot.values import Floats, Ints


class Agreement(NamedTuple):
    """What came of an exchange among `n` grid agents."""

    heard: Floats
    """`[B, n, columns]`, in the order of the protocol's `hears`."""
    rounds: Ints
    """Times that everybody spoke `[B]`."""
    messages: Ints
    """Logical messages of all rounds together `[B]`, before any batching."""


class HorizontalProtocol(Protocol):
    """How grid agents deal with each other."""

    @property
    def name(self) -> str:
        """What the configuration calls it."""
        ...

    @property
    def says(self) -> tuple[str, ...]:
        """What every grid agent says, with units."""
        ...

    @property
    def hears(self) -> tuple[str, ...]:
        """What every grid agent hears, with units."""
        ...

    def messages_per_round(self, agents: int) -> int:
        """Logical messages among so many grid agents (and an auctioneer, where there is one)."""
        ...

    def exchange(self, said: Floats) -> Agreement:
        """What comes of what was said `[B, n, columns]`, in the order of `says`; raises `ActionError` for what cannot be said."""
        ...


def check_said(protocol: HorizontalProtocol, said: Floats) -> None:
    """Raises `ActionError` for an array of another shape, or with an entry that is not a finite number."""
    if said.ndim != 3 or said.shape[2] != len(protocol.says):
        columns = ", ".join(protocol.says) or "nothing"
        raise ActionError(f"Grid agents said {said.shape}; {protocol.name!r} expects [B, n, {len(protocol.says)}]: {columns}.")
    if not np.isfinite(said).all():
        lost = np.flatnonzero(~np.isfinite(said).all(axis=(0, 2))).tolist()
        raise ActionError(f"What grid agents say in {protocol.name!r} must be finite numbers; that of these is not: {lost}.")


def agreement(protocol: HorizontalProtocol, heard: Floats, rounds: int) -> Agreement:
    """An agreement that took every element as many rounds."""
    batch, agents = heard.shape[:2]
    messages = rounds * protocol.messages_per_round(agents)
    return Agreement(heard, np.full(batch, rounds, dtype=np.int64), np.full(batch, messages, dtype=np.int64))
