"""RabbitMQ, by aio-pika: one topic exchange, and a queue per subscription which outlives a lost connection for a minute.

Published messages are not confirmed one by one; `flush` asks the server a question on the same channel, which it answers
after all that came before. A full queue drops its oldest messages at the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from uuid import uuid4

from gridpilot.errors import BrokerError, MissingExtraError
from gridpilot.messages.address import Address
from gridpilot.messages.limits import CONNECT_TIMEOUT_S, PUBLISH_TIMEOUT_S, RECONNECT_S, check_payload
from gridpilot.messages.seam import Health
from gridpilot.messages.subjects import check_pattern, check_subject
from gridpilot.messages.subscription import LIMIT, Message, Subscription

try:
    import aio_pika
    from aio_pika.abc import (
        AbstractIncomingMessage,
        AbstractRobustChannel,
        AbstractRobustConnection,
        AbstractRobustExchange,
        AbstractRobustQueue,
    )
    from aio_pika.exceptions import AMQPError, ChannelInvalidStateError
except ImportError as error:
    raise MissingExtraError("aio-pika", "rabbitmq", "A broker at amqp://") from error

PORT, TLS_PORT = 5672, 5671
EXCHANGE = "gridpilot"
OUTLIVES_MS = 60_000
"""How long the server keeps a queue that nobody reads."""
HEARTBEAT_S = 10
_FAILURES = (TimeoutError, AMQPError, ChannelInvalidStateError, OSError, RuntimeError)


def binding_key(pattern: str) -> str:
    """AMQP's `#` is zero or more words, and `>` is one or more."""
    return pattern.replace(">", "*.#")


class RabbitBroker:
    """A client of one RabbitMQ server."""

    def __init__(self, address: Address) -> None:
        self.max_payload_bytes = 16 * 2**20
        self._address = address
        self._connection: AbstractRobustConnection | None = None
        self._channel: AbstractRobustChannel
        self._exchange: AbstractRobustExchange
        self._queues: dict[Subscription, tuple[AbstractRobustQueue, str]] = {}
        self._reconnects = 0

    async def connect(self) -> None:
        host, port = self._address.only(TLS_PORT if self._address.tls else PORT)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                connection = await aio_pika.connect_robust(
                    host=host, port=port, login=self._address.username or "guest", password=self._address.password or "guest",
                    virtualhost=self._address.path or "/", ssl=self._address.tls, ssl_context=self._address.tls_context(),
                    timeout=CONNECT_TIMEOUT_S, reconnect_interval=RECONNECT_S, heartbeat=HEARTBEAT_S, fail_fast="1",
                )  # fmt: skip
                self._channel = await connection.channel(publisher_confirms=False)
                self._exchange = await self._channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC)
        except _FAILURES as error:
            raise BrokerError(f"{self._address} cannot be reached ({error}). Is rabbitmq-server running there?") from error
        connection.reconnect_callbacks.add(self._on_reconnect)
        self._connection = connection

    async def publish(self, subject: str, payload: bytes) -> None:
        check_payload(payload, self.max_payload_bytes)
        self._require_connected()
        message = aio_pika.Message(payload, delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT)
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                await self._exchange.publish(message, check_subject(subject), mandatory=False)
        except _FAILURES as error:
            raise BrokerError(f"{self._address} did not take a message: {error}.") from error

    async def publish_many(self, messages: Iterable[tuple[str, bytes]]) -> None:
        for subject, payload in messages:
            await self.publish(subject, payload)

    async def subscribe(self, pattern: str, *, limit: int = LIMIT) -> Subscription:
        self._require_connected()
        subscription = Subscription(check_pattern(pattern), self._unsubscribe, limit=limit)

        async def deliver(message: AbstractIncomingMessage) -> None:
            subscription.deliver(Message(message.routing_key or "", message.body))

        arguments = {"x-expires": OUTLIVES_MS, "x-max-length": limit, "x-overflow": "drop-head"}
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                queue = await self._channel.declare_queue(f"gridpilot.{uuid4().hex}", arguments=arguments)
                await queue.bind(self._exchange, binding_key(pattern))
                self._queues[subscription] = queue, await queue.consume(deliver, no_ack=True)
        except _FAILURES as error:
            raise BrokerError(f"{self._address} took no subscription to {pattern!r}: {error}.") from error
        return subscription

    async def flush(self, timeout_s: float = 5.0) -> None:
        self._require_connected()
        try:
            async with asyncio.timeout(timeout_s):
                await self._channel.declare_exchange(EXCHANGE, passive=True)
        except _FAILURES as error:
            raise BrokerError(f"{self._address} did not answer within {timeout_s} s: {error}.") from error

    async def health(self) -> Health:
        connected = self._connected()
        detail = f"connected to {self._address}" if connected else f"{self._address} is down"
        return Health(connected, self._reconnects, sum(subscription.dropped for subscription in self._queues), detail)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        for subscription in tuple(self._queues):
            subscription.end()
            if connection.connected.is_set():
                await self._unsubscribe(subscription)
        self._queues = {}
        await connection.close()

    async def _unsubscribe(self, subscription: Subscription) -> None:
        queue, tag = self._queues.pop(subscription)
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                await queue.cancel(tag)
                await queue.delete(if_unused=False, if_empty=False)
        except _FAILURES as error:
            raise BrokerError(f"{self._address} did not end {subscription.pattern!r}: {error}. It ends itself in a minute.") from error

    def _on_reconnect(self, *_: object) -> None:
        self._reconnects += 1

    def _connected(self) -> bool:
        return self._connection is not None and self._connection.connected.is_set()

    def _require_connected(self) -> None:
        if not self._connected():
            raise BrokerError(f"{self._address} is down or was not connected; nothing was kept for later.")


def make(address: Address) -> RabbitBroker:
    """A client of the server at an address."""
    return RabbitBroker(address)
