"""Redis, by redis-py: publish and subscribe, at most once.

One connection publishes (a pool would lose the order), another listens. Redis' patterns know no tokens, so `*` of a glob
also matches dots: the server sends what a glob matches, and the exact pattern decides here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from gridpilot.errors import BrokerError, ConfigError, MissingExtraError
from gridpilot.messages.address import Address
from gridpilot.messages.limits import CONNECT_TIMEOUT_S, PUBLISH_TIMEOUT_S, RECONNECT_S, check_payload
from gridpilot.messages.routes import Routes
from gridpilot.messages.seam import Health
from gridpilot.messages.subjects import check_pattern, check_subject
from gridpilot.messages.subscription import LIMIT, Message, Subscription

try:
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
except ImportError as error:
    raise MissingExtraError("redis", "redis", "A broker at redis://") from error

PORT = 6379
CHUNK = 500
"""Messages in one round trip."""


def glob_of(pattern: str) -> str:
    """The narrowest Redis glob that matches all that a pattern matches."""
    return pattern.replace(">", "*")


class RedisBroker:
    """A client of one Redis server."""

    def __init__(self, address: Address) -> None:
        self.max_payload_bytes = 16 * 2**20
        self._address = address
        self._redis = Redis(**_options(address))
        self._pubsub = self._redis.pubsub()
        self._routes: dict[str, Routes] = {}
        self._confirmed: dict[str, asyncio.Event] = {}
        self._reader: asyncio.Task[None] | None = None
        self._listening, self._reconnects, self._why = False, 0, "not connected yet"

    async def connect(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._redis.ping()
                await self._pubsub.connect()  # type: ignore[no-untyped-call]
        except (TimeoutError, RedisError, OSError) as error:
            await self._redis.aclose()
            raise BrokerError(f"{self._address} cannot be reached ({error}). Is redis-server running there?") from error
        self._listening = True
        self._reader = asyncio.create_task(self._listen(), name="gridpilot redis reader")

    async def publish(self, subject: str, payload: bytes) -> None:
        await self.publish_many(((subject, payload),))

    async def publish_many(self, messages: Iterable[tuple[str, bytes]]) -> None:
        wanted = list(messages)
        for subject, payload in wanted:
            check_subject(subject)
            check_payload(payload, self.max_payload_bytes)
        self._require_open()
        try:
            for start in range(0, len(wanted), CHUNK):
                pipeline = self._redis.pipeline(transaction=False)
                for subject, payload in wanted[start : start + CHUNK]:
                    pipeline.publish(subject, payload)
                await pipeline.execute()
        except (RedisError, OSError) as error:
            raise BrokerError(f"{self._address} did not take {len(wanted)} messages: {error}.") from error

    async def subscribe(self, pattern: str, *, limit: int = LIMIT) -> Subscription:
        self._require_open()
        subscription = Subscription(check_pattern(pattern), self._unsubscribe, limit=limit)
        glob = glob_of(pattern)
        self._routes.setdefault(glob, Routes()).add(subscription)
        confirmed = self._confirmed[glob] = asyncio.Event()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._pubsub.psubscribe(glob)
                await confirmed.wait()
        except (TimeoutError, RedisError, OSError) as error:
            self._routes[glob].remove(subscription)
            raise BrokerError(f"{self._address} took no subscription to {pattern!r}: {error}.") from error
        return subscription

    async def flush(self, timeout_s: float = 5.0) -> None:
        self._require_open()
        try:
            async with asyncio.timeout(timeout_s):
                await self._redis.ping()
        except (TimeoutError, RedisError, OSError) as error:
            raise BrokerError(f"{self._address} did not answer within {timeout_s} s: {error}.") from error

    async def health(self) -> Health:
        detail = f"connected to {self._address}" if self._listening else f"{self._address} is down: {self._why}"
        return Health(self._listening, self._reconnects, sum(routes.dropped for routes in self._routes.values()), detail)

    async def close(self) -> None:
        reader, self._reader = self._reader, None
        self._listening = False
        for routes in self._routes.values():
            routes.end()
        if reader is not None:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            await self._pubsub.aclose()  # type: ignore[no-untyped-call]
            await self._redis.aclose()

    async def _unsubscribe(self, subscription: Subscription) -> None:
        glob = glob_of(subscription.pattern)
        routes = self._routes[glob]
        routes.remove(subscription)
        if not len(routes) and self._listening:
            del self._routes[glob]
            await self._pubsub.punsubscribe(glob)

    async def _listen(self) -> None:
        while True:
            try:
                found = await self._pubsub.get_message(timeout=None)
            except (RedisError, OSError) as error:  # the next call connects and subscribes again
                self._listening, self._why = False, str(error)
                await asyncio.sleep(RECONNECT_S)
                continue
            if found is not None:
                self._take(found)

    def _take(self, found: Mapping[str, Any]) -> None:
        if found["type"] == "psubscribe":
            self._reconnects += not self._listening
            self._listening = True
            self._confirmed[found["channel"].decode()].set()
        elif found["type"] == "pmessage":
            message = Message(found["channel"].decode(), found["data"])
            for subscription in self._routes.get(found["pattern"].decode(), Routes()).of(message.subject):
                subscription.deliver(message)

    def _require_open(self) -> None:
        if self._reader is None:
            raise BrokerError(f"{self._address} is not connected: call connect() first, and nothing after close().")


def _options(address: Address) -> dict[str, Any]:
    host, port = address.only(PORT)
    if address.path and not address.path.isdecimal():
        raise ConfigError(f"{address}/{address.path}: a Redis database is a number.")
    options: dict[str, Any] = {
        "host": host, "port": port, "db": int(address.path or 0), "username": address.username or None,
        "password": address.password or None, "single_connection_client": True, "retry": Retry(NoBackoff(), 0),
        "socket_connect_timeout": PUBLISH_TIMEOUT_S, "socket_timeout": PUBLISH_TIMEOUT_S, "socket_keepalive": True,
    }  # fmt: skip
    if address.tls:
        address.tls_context()  # refuses unreadable files with a sentence
        security = address.security
        options |= {"ssl": True, "ssl_ca_certs": security.ca_file and str(security.ca_file), "ssl_certfile": security.cert_file and
                    str(security.cert_file), "ssl_keyfile": security.key_file and str(security.key_file)}  # fmt: skip
    return options


def make(address: Address) -> RedisBroker:
    """A client of the server at an address."""
    return RedisBroker(address)
