"""Kafka, by confluent-kafka: a topic per run, read by `assign()` from its end.

The first two tokens of a subject are the topic and the whole subject is the key, so all messages of a subject are in one
partition, in order. A consumer group would take seconds to share partitions out again after a loss, so there is none. One
thread reads; a second one makes the client's calls that block. Each has a consumer of its own: calls on one wait for each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any, TypeVar
from uuid import uuid4

from gridpilot.errors import BrokerError, ConfigError, MissingExtraError
from gridpilot.messages.address import Address
from gridpilot.messages.limits import CONNECT_TIMEOUT_S, check_payload
from gridpilot.messages.routes import Routes
from gridpilot.messages.seam import Health
from gridpilot.messages.subjects import check_pattern, check_subject
from gridpilot.messages.subscription import LIMIT, Message, Subscription

try:
    from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
except ImportError as error:
    raise MissingExtraError("confluent-kafka", "kafka", "A broker at kafka://") from error

T = TypeVar("T")
Offsets = dict[tuple[str, int], int]

PORT = 9092
MAX_PAYLOAD_BYTES = 990_000
"""Kafka's default `message.max.bytes` is 1,048,588 at the broker and 1,000,000 at the client, with key and headers."""
LATE_MS = 2_000
"""How long a message may wait for a broker that is away before it is given up."""
POLL_S = 0.1


def topic_of(subject: str) -> str:
    """The topic of a subject or pattern; raises `ConfigError` for a pattern that names no single topic."""
    tokens = subject.split(".")
    if len(tokens) < 3 or "*" in tokens[:2]:
        raise ConfigError(f"{subject!r} names no Kafka topic: its first two tokens do, and a third must follow, as in gp.run7.>")
    return ".".join(tokens[:2])


class KafkaBroker:
    """A client of one Kafka cluster."""

    def __init__(self, address: Address) -> None:
        self.max_payload_bytes = MAX_PAYLOAD_BYTES
        self._address = address
        self._routes = Routes()
        self._since: dict[Subscription, Offsets] = {}
        self._ends: dict[str, Offsets] = {}
        self._failed: list[str] = []
        self._why = ""
        self._producer: Producer | None = None
        self._asking: Consumer
        self._wanted: SimpleQueue[list[TopicPartition]] = SimpleQueue()
        self._stop = Event()

    async def connect(self) -> None:
        common = _options(self._address, self._on_error)
        producer = Producer({**common, "linger.ms": 0, "acks": "all", "enable.idempotence": True, "message.timeout.ms": LATE_MS,
                             "partitioner": "murmur2_random"})  # fmt: skip
        self._calls = ThreadPoolExecutor(1, thread_name_prefix="gridpilot kafka calls")
        try:
            await self._blocking(lambda: producer.list_topics(timeout=CONNECT_TIMEOUT_S))
        except BrokerError:
            self._calls.shutdown()
            raise
        settings = {**common, "group.id": f"gridpilot-{uuid4().hex}", "enable.auto.commit": False, "fetch.wait.max.ms": 10,
                    "auto.offset.reset": "latest"}  # fmt: skip
        self._asking, self._producer = Consumer(settings), producer
        self._reader = Thread(target=self._read, args=(Consumer(settings),), name="gridpilot kafka reader", daemon=True)
        self._reader.start()

    async def publish(self, subject: str, payload: bytes) -> None:
        check_payload(payload, self.max_payload_bytes)
        producer = self._require_open()
        try:
            producer.produce(topic_of(check_subject(subject)), payload, key=subject, on_delivery=self._on_delivery)
        except (BufferError, KafkaException) as error:
            raise BrokerError(f"{self._address} did not take a message: {error}.") from error
        producer.poll(0)

    async def publish_many(self, messages: Iterable[tuple[str, bytes]]) -> None:
        for subject, payload in messages:
            await self.publish(subject, payload)

    async def subscribe(self, pattern: str, *, limit: int = LIMIT) -> Subscription:
        self._require_open()
        topic = topic_of(check_pattern(pattern))
        subscription = Subscription(pattern, self._unsubscribe, limit=limit)
        ends = await self._blocking(lambda: self._end_of(topic))
        self._since[subscription] = ends
        self._routes.add(subscription)
        if topic not in self._ends:
            self._ends[topic] = ends
            self._wanted.put([TopicPartition(topic, place, offset) for (_, place), offset in ends.items()])
        return subscription

    async def flush(self, timeout_s: float = 5.0) -> None:
        producer = self._require_open()
        left = await self._blocking(lambda: producer.flush(timeout_s))
        failed, self._failed = self._failed, []
        if left or failed:
            why = failed[0] if failed else "no answer"
            raise BrokerError(f"{self._address} did not take {left + len(failed)} messages within {timeout_s} s: {why}.")
        await self._blocking(lambda: producer.list_topics(timeout=timeout_s))

    async def health(self) -> Health:
        connected = self._producer is not None and not self._why
        return Health(connected, 0, self._routes.dropped, f"{self._address}: {self._why or 'connected'}")

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        self._stop.set()
        self._routes.end()
        await asyncio.wrap_future(self._calls.submit(self._reader.join))
        await asyncio.wrap_future(self._calls.submit(self._asking.close))
        await asyncio.wrap_future(self._calls.submit(producer.purge))
        self._calls.shutdown()

    async def _unsubscribe(self, subscription: Subscription) -> None:
        self._routes.remove(subscription)
        self._since.pop(subscription, None)

    async def _blocking(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.wrap_future(self._calls.submit(call))
        except KafkaException as error:
            raise BrokerError(f"{self._address} cannot be reached ({error.args[0]}). Is Kafka running there?") from error

    def _end_of(self, topic: str) -> Offsets:
        """Where each partition ends now. A topic that is not there is made by the cluster when it is asked for."""
        give_up = monotonic() + CONNECT_TIMEOUT_S
        while monotonic() < give_up:
            found = self._asking.list_topics(topic, timeout=CONNECT_TIMEOUT_S).topics[topic]
            if found.partitions and found.error is None:
                places = [TopicPartition(topic, place) for place in sorted(found.partitions)]
                return {(topic, one.partition): self._asking.get_watermark_offsets(one, CONNECT_TIMEOUT_S)[1] for one in places}
            sleep(POLL_S)
        raise BrokerError(f"{self._address} has no topic {topic!r} and makes none: create it, or set auto.create.topics.enable.")

    def _require_open(self) -> Producer:
        if self._producer is None:
            raise BrokerError(f"{self._address} is not connected: call connect() first, and nothing after close().")
        return self._producer

    # ------------------------------------------------------------------------ what the client's threads call

    def _read(self, consumer: Consumer) -> None:
        while not self._stop.is_set():
            while not self._wanted.empty():
                self._assign(consumer, self._wanted.get())
            found = consumer.poll(POLL_S)
            if found is not None and found.error() is None:
                self._why = ""
                place = found.topic() or "", found.partition() or 0
                self._take(Message((found.key() or b"").decode(), found.value() or b""), place, found.offset() or 0)
        consumer.close()

    def _assign(self, consumer: Consumer, added: list[TopicPartition]) -> None:
        try:
            consumer.list_topics(added[0].topic, timeout=POLL_S)  # else its leaders are looked for a second later
        except KafkaException as error:
            self._why = str(error)
        consumer.incremental_assign(added)

    def _take(self, message: Message, place: tuple[str, int], offset: int) -> None:
        for subscription in self._routes.of(message.subject):
            if offset >= self._since.get(subscription, {}).get(place, 0):
                subscription.deliver_from_thread(message)

    def _on_delivery(self, error: KafkaError | None, _: Any) -> None:
        if error is None:
            self._why = ""
        else:
            self._failed.append(error.str())

    def _on_error(self, error: KafkaError) -> None:
        self._why = error.str()


def _options(address: Address, on_error: Callable[[KafkaError], None]) -> dict[str, Any]:
    options: dict[str, Any] = {
        "bootstrap.servers": ",".join(f"{host}:{port}" for host, port in address.ports(PORT)),
        "security.protocol": ("SASL_" if address.username else "") + ("SSL" if address.tls else "PLAINTEXT"),
        "socket.nagle.disable": True, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 500,
        "allow.auto.create.topics": True, "error_cb": on_error, "log_level": 0,
    }  # fmt: skip
    if address.username:
        options |= {"sasl.mechanism": "SCRAM-SHA-256", "sasl.username": address.username, "sasl.password": address.password}
    if address.tls:
        address.tls_context()  # refuses unreadable files with a sentence
        security = address.security
        files = {"ssl.ca.location": security.ca_file, "ssl.certificate.location": security.cert_file, "ssl.key.location": security.key_file}
        options |= {name: str(file) for name, file in files.items() if file is not None}
    return options


def make(address: Address) -> KafkaBroker:
    """A client of the cluster at an address."""
    return KafkaBroker(address)
