"""Traffic, counted: messages and bytes by kind of subject, as in `act` and `act.reply`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from gridpilot.messages.seam import Broker
from gridpilot.messages.subjects import kind_of
from gridpilot.messages.wrapper import WrappedBroker


class MeteredBroker(WrappedBroker):
    """A broker which counts what is published through it; outside a `FaultyBroker` it counts what was meant, inside what went."""

    def __init__(self, inner: Broker) -> None:
        super().__init__(inner)
        self.messages: Counter[str] = Counter()
        """By kind of subject."""
        self.bytes: Counter[str] = Counter()
        """Of payloads, by kind of subject."""

    async def publish(self, subject: str, payload: bytes) -> None:
        await self.inner.publish(subject, payload)
        self._count(subject, payload)

    async def publish_many(self, messages: Iterable[tuple[str, bytes]]) -> None:
        sent = list(messages)
        await self.inner.publish_many(sent)
        for subject, payload in sent:
            self._count(subject, payload)

    def _count(self, subject: str, payload: bytes) -> None:
        kind = kind_of(subject)
        self.messages[kind] += 1
        self.bytes[kind] += len(payload)
