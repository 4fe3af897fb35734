"""A broker around another one, which hands everything on; faults and metrics change what they must."""

from __future__ import annotations

from collections.abc import Iterable

from gridpilot.messages.seam import Broker, Health
from gridpilot.messages.subscription import LIMIT, Subscription


class WrappedBroker:
    """All of `Broker`, handed to `inner`."""

    def __init__(self, inner: Broker) -> None:
        self.inner = inner

    @property
    def max_payload_bytes(self) -> int:
        return self.inner.max_payload_bytes

    async def connect(self) -> None:
        await self.inner.connect()

    async def publish(self, subject: str, payload: bytes) -> None:
        await self.inner.publish(subject, payload)

    async def publish_many(self, messages: Iterable[tuple[str, bytes]]) -> None:
        await self.inner.publish_many(messages)

    async def subscribe(self, pattern: str, *, limit: int = LIMIT) -> Subscription:
        return await self.inner.subscribe(pattern, limit=limit)

    async def flush(self, timeout_s: float = 5.0) -> None:
        await self.inner.flush(timeout_s)

    async def health(self) -> Health:
        return await self.inner.health()

    async def close(self) -> None:
        await self.inner.close()
