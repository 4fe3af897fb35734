"""NATS, by nats-py: core publish and subscribe, at most once, the lowest latency of the drivers.

NATS' own subjects and wildcards are gridpilot's. The client would keep messages while the connection is down and send them
late; `publish` refuses them instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from gridpilot.errors import BrokerError, MissingExtraError
from gridpilot.messages.address import Address
from gridpilot.messages.limits import CONNECT_TIMEOUT_S, RECONNECT_S, check_payload
from gridpilot.messages.seam import Health
from gridpilot.messages.subjects import check_pattern, check_subject
from gridpilot.messages.subscription import LIMIT, Message, Subscription

try:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription as Remote
    from nats.errors import Error as NatsError
except ImportError as error:
    raise MissingExtraError("nats-py", "nats", "A broker at nats://") from error

PORT = 4222
GOODBYE_S = 0.5


class NatsBroker:
    """A client of one NATS server or cluster."""

    def __init__(self, address: Address) -> None:
        self.max_payload_bytes = 2**20
        self._address = address
        self._client = Client()
        self._remote: dict[Subscription, Remote] = {}
        self._why = "not connected yet"

    async def connect(self) -> None:
        servers = [f"{'tls' if self._address.tls else 'nats'}://{host}:{port}" for host, port in self._address.ports(PORT)]
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._client.connect(
                    servers, user=self._address.username or None, password=self._address.password or None,
                    tls=self._address.tls_context(), connect_timeout=2, reconnect_time_wait=RECONNECT_S,  # type: ignore[arg-type]
                    allow_reconnect=False, max_reconnect_attempts=1, error_cb=self._on_error, pending_size=16 * 2**20,
                )  # fmt: skip
        except (TimeoutError, NatsError, OSError) as error:
            await self._give_up()
            raise BrokerError(f"{self._address} cannot be reached ({self._why or error}). Is nats-server running there?") from error
        self._client.options.update(allow_reconnect=True, max_reconnect_attempts=-1)  # the first fails at once, a lost one comes back
        self.max_payload_bytes = self._client.max_payload

    async def publish(self, subject: str, payload: bytes) -> None:
        check_payload(payload, self.max_payload_bytes)
        if not self._client.is_connected:
            raise BrokerError(f"{self._address} is down ({self._why}); the message was not kept.")
        try:
            await self._client.publish(check_subject(subject), payload)
        except (NatsError, OSError) as error:
            raise BrokerError(f"{self._address} did not take a message: {error}.") from error

    async def publish_many(self, messages: Iterable[tuple[str, bytes]]) -> None:
        for subject, payload in messages:
            await self.publish(subject, payload)

    async def subscribe(self, pattern: str, *, limit: int = LIMIT) -> Subscription:
        subscription = Subscription(check_pattern(pattern), self._unsubscribe, limit=limit)

        async def deliver(message: Msg) -> None:
            subscription.deliver(Message(message.subject, message.data))

        try:
            self._remote[subscription] = await self._client.subscribe(pattern, cb=deliver)
        except (NatsError, OSError) as error:
            raise BrokerError(f"{self._address} took no subscription to {pattern!r}: {error}.") from error
        await self.flush()
        return subscription

    async def flush(self, timeout_s: float = 5.0) -> None:
        if not self._client.is_connected:
            raise BrokerError(f"{self._address} is down ({self._why}).")
        try:
            # The client writes its PING past commands that still wait in its buffer; the second one is behind them.
            await self._client.flush(timeout_s)  # type: ignore[arg-type]  # annotated as whole seconds; fractions work
            await self._client.flush(timeout_s)  # type: ignore[arg-type]
        except (NatsError, OSError) as error:
            raise BrokerError(f"{self._address} did not answer within {timeout_s} s: {error}.") from error

    async def health(self) -> Health:
        connected = self._client.is_connected
        dropped = sum(subscription.dropped for subscription in self._remote)
        detail = f"connected to {self._address}" if connected else f"{self._address} is down: {self._why}"
        return Health(connected, self._client.stats["reconnects"], dropped, detail)

    async def close(self) -> None:
        for subscription in self._remote:
            subscription.end()
        self._remote = {}
        await self._client.close()

    async def _give_up(self) -> None:
        """Close, without waiting for a socket whose TLS handshake failed: it never says that it is closed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._client.close()

    async def _unsubscribe(self, subscription: Subscription) -> None:
        remote = self._remote.pop(subscription)
        if self._client.is_connected:
            await remote.unsubscribe()

    async def _on_error(self, error: Exception) -> None:
        self._why = str(error) or type(error).__name__


def make(address: Address) -> NatsBroker:
    """A client of the server at an address."""
    return NatsBroker(address)
