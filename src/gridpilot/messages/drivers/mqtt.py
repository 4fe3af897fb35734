"""MQTT 5, by paho: QoS 1 (at least once) on a session which outlives a lost connection for a minute.

A clean session would lose its subscriptions with the connection. The client's thread hands messages to the event loop.
Filters that overlap may bring one copy of a message or several, as the server likes; each copy names the filters it is
for by their identifiers, and goes to those alone.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from gridpilot.errors import BrokerError, MissingExtraError
from gridpilot.messages.address import Address
from gridpilot.messages.limits import CONNECT_TIMEOUT_S, RECONNECT_S, check_payload
from gridpilot.messages.routes import Routes
from gridpilot.messages.seam import Health
from gridpilot.messages.subjects import check_pattern, check_subject
from gridpilot.messages.subscription import LIMIT, Message, Subscription

try:
    from paho.mqtt.client import Client, MQTTMessage, MQTTv5
    from paho.mqtt.enums import CallbackAPIVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    from paho.mqtt.subscribeoptions import SubscribeOptions
except ImportError as error:
    raise MissingExtraError("paho-mqtt", "mqtt", "A broker at mqtt://") from error

PORT, TLS_PORT = 1883, 8883
QOS = 1
OUTLIVES_S = 60
"""How long the server keeps the session of a client that is away."""


def topic_of(subject: str) -> str:
    """Levels between slashes."""
    return subject.replace(".", "/")


def filter_of(pattern: str) -> str:
    """MQTT's `#` also matches the level above it, and `>` is one token or more."""
    return topic_of(pattern).replace("*", "+").replace(">", "+/#")


class MqttBroker:
    """A client of one MQTT server."""

    def __init__(self, address: Address) -> None:
        self.max_payload_bytes = 16 * 2**20
        self._address = address
        self._filters: dict[str, int] = {}
        self._routes: dict[int, Routes] = {}
        self._loop: asyncio.AbstractEventLoop
        self._client: Client | None = None
        self._connects, self._why = 0, "not connected yet"
        self._tried: asyncio.Event
        self._answered: dict[int, asyncio.Future[int]] = {}
        self._unacknowledged: set[int] = set()
        self._all_acknowledged: asyncio.Event

    async def connect(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tried, self._all_acknowledged = asyncio.Event(), asyncio.Event()
        client = self._make_client()
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = OUTLIVES_S
        host, port = self._address.only(TLS_PORT if self._address.tls else PORT)
        client.connect_async(host, port, clean_start=False, properties=properties)
        client.loop_start()
        self._client = client
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._tried.wait()
        except TimeoutError:
            self._why = f"no answer within {CONNECT_TIMEOUT_S} s"
        if not self._connects:
            await self.close()
            raise BrokerError(f"{self._address} cannot be reached ({self._why}). Is mosquitto running there?")

    async def publish(self, subject: str, payload: bytes) -> None:
        check_payload(payload, self.max_payload_bytes)
        client = self._require_connected()
        sent = client.publish(topic_of(check_subject(subject)), payload, qos=QOS)
        self._unacknowledged.add(sent.mid)
        self._all_acknowledged.clear()

    async def publish_many(self, messages: Iterable[tuple[str, bytes]]) -> None:
        for subject, payload in messages:
            await self.publish(subject, payload)

    async def subscribe(self, pattern: str, *, limit: int = LIMIT) -> Subscription:
        client = self._require_connected()
        subscription = Subscription(check_pattern(pattern), self._unsubscribe, limit=limit)
        identifier = self._filters.setdefault(filter_of(pattern), len(self._filters) + 1)
        routes = self._routes.setdefault(identifier, Routes())
        routes.add(subscription)
        properties = Properties(PacketTypes.SUBSCRIBE)  # type: ignore[no-untyped-call]
        properties.SubscriptionIdentifier = identifier
        options = SubscribeOptions(qos=QOS, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        try:
            granted = await self._answer(client.subscribe(filter_of(pattern), options=options, properties=properties)[1])
        except TimeoutError:
            granted = -1
        if granted != QOS:
            routes.remove(subscription)
            raise BrokerError(f"{self._address} took no subscription to {pattern!r} (answer {granted}, expected {QOS}).")
        return subscription

    async def flush(self, timeout_s: float = 5.0) -> None:
        self._require_connected()
        try:
            async with asyncio.timeout(timeout_s):
                if self._unacknowledged:
                    await self._all_acknowledged.wait()
        except TimeoutError as error:
            raise BrokerError(f"{self._address} acknowledged all but {len(self._unacknowledged)} messages in {timeout_s} s.") from error

    async def health(self) -> Health:
        connected = self._client is not None and self._client.is_connected()
        detail = f"connected to {self._address}" if connected else f"{self._address} is down: {self._why}"
        return Health(connected, max(0, self._connects - 1), sum(routes.dropped for routes in self._routes.values()), detail)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        for routes in self._routes.values():
            routes.end()
        properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0  # the server forgets the session, and what waits in it
        client.disconnect(properties=properties)
        client.loop_stop()  # after the farewell was written

    async def _unsubscribe(self, subscription: Subscription) -> None:
        routes = self._routes[self._filters[filter_of(subscription.pattern)]]
        routes.remove(subscription)
        if self._client is not None and self._client.is_connected() and not len(routes):
            self._client.unsubscribe(filter_of(subscription.pattern))

    def _make_client(self) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"gridpilot-{uuid4().hex}", protocol=MQTTv5)
        client.max_inflight_messages_set(1000)
        client.reconnect_delay_set(RECONNECT_S, 1)  # type: ignore[arg-type]  # annotated as whole seconds; fractions work
        context = self._address.tls_context()
        if context is not None:
            client.tls_set_context(context)
        if self._address.username:
            client.username_pw_set(self._address.username, self._address.password)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_connect_fail, client.on_message = self._on_connect_fail, self._on_message
        client.on_subscribe, client.on_publish = self._on_subscribe, self._on_publish
        client.on_socket_open = _send_at_once
        return client

    async def _answer(self, mid: int | None) -> int:
        future: asyncio.Future[int] = self._loop.create_future()
        self._answered[mid or 0] = future
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            return await future

    def _require_connected(self) -> Client:
        if self._client is None or not self._client.is_connected():
            raise BrokerError(f"{self._address} is down ({self._why}); nothing was kept for later.")
        return self._client

    # ------------------------------------------------------------------------- what the client's thread calls

    def _on_connect(self, client: Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._why = f"refused: {reason}"
        else:
            self._connects += 1
        self._loop.call_soon_threadsafe(self._tried.set)

    def _on_connect_fail(self, client: Client, userdata: Any) -> None:
        self._why = "no connection"
        self._loop.call_soon_threadsafe(self._tried.set)

    def _on_disconnect(self, client: Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._why = f"disconnected: {reason}"
        self._loop.call_soon_threadsafe(self._tried.set)

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        subject = message.topic.replace("/", ".")
        for identifier in getattr(message.properties, "SubscriptionIdentifier", ()):
            for subscription in self._routes[identifier].of(subject):
                subscription.deliver_from_thread(Message(subject, bytes(message.payload)))

    def _on_subscribe(self, client: Client, userdata: Any, mid: int, reasons: list[Any], properties: Any) -> None:
        self._loop.call_soon_threadsafe(self._granted, mid, reasons[0].value)

    def _on_publish(self, client: Client, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        self._loop.call_soon_threadsafe(self._acknowledged, mid)

    # ------------------------------------------------------------------------------ the same in the event loop

    def _granted(self, mid: int, reason: int) -> None:
        future = self._answered.pop(mid, None)
        if future is not None and not future.done():
            future.set_result(reason)

    def _acknowledged(self, mid: int) -> None:
        self._unacknowledged.discard(mid)
        if not self._unacknowledged:
            self._all_acknowledged.set()


def _send_at_once(client: Client, userdata: Any, opened: Any) -> None:
    """Without this, small packets wait some 40 ms for the acknowledgement of those before (Nagle's algorithm)."""
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def make(address: Address) -> MqttBroker:
    """A client of the server at an address."""
    return MqttBroker(address)
