"""The seam between gridpilot and a message broker: bytes on subjects, and nothing else.

A driver is one file in `gridpilot.messages.drivers`. Faults and metrics are wrappers around any of them, so a caller sees
one `Broker` and never asks which.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from gridpilot.messages.subscription import LIMIT, Subscription


class Health(NamedTuple):
    """What a broker's client knows of its connection."""

    connected: bool
    reconnects: int
    """How often a lost connection came back."""
    dropped: int
    """Messages that slow consumers lost: the oldest of a full inbox."""
    detail: str
    """A sentence for a person: where it is connected to, or why it is not."""


class Broker(Protocol):
    """An asynchronous client of one message broker; all its methods are called from the event loop that `connect` ran in.

    Messages of one subject arrive in the order in which one client published them. Nothing is kept for who subscribes later.
    """

    @property
    def max_payload_bytes(self) -> int:
        """The largest payload that the broker takes; known after `connect`."""
        ...

    async def connect(self) -> None:
        """Open the connection; raises `BrokerError` where the broker cannot be reached or refuses the credentials.

        A connection which is lost later is opened again by itself, with all subscriptions.
        """
        ...

    async def publish(self, subject: str, payload: bytes) -> None:
        """Hand a message over; whether it arrived, `flush` tells.

        Raises `BrokerError` while the connection is known to be down (nothing is kept for later), and `MessageError` for a
        payload above `max_payload_bytes`.
        """
        ...

    async def publish_many(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish several in their order, in as few round trips as the broker allows."""
        ...

    async def subscribe(self, pattern: str, *, limit: int = LIMIT) -> Subscription:
        """Messages of the subjects that a pattern matches; returns when the broker has it, so nothing published later is missed.

        `limit` bounds how many messages wait for a slow consumer; the oldest are dropped and counted.
        """
        ...

    async def flush(self, timeout_s: float = 5.0) -> None:
        """Return when the broker has everything published so far; raises `BrokerError` where it is down or too slow."""
        ...

    async def health(self) -> Health:
        """State of the connection, without waiting for it."""
        ...

    async def close(self) -> None:
        """End all subscriptions and the connection; leaves no task and no thread. Calling it again does nothing."""
        ...
