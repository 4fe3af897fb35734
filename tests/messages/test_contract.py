"""One contract for all brokers, on real servers: what `check_broker` asks, and what a cut connection must not lose."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import pytest
from tests.messages.chaos import ChaosProxy
from tests.messages.servers import SERVERS, Server, require

from gridpilot.errors import BrokerError
from gridpilot.messages import Broker, open_broker
from gridpilot.messages.drivers.in_memory import InMemoryBroker
from gridpilot.messages.routes import Routes
from gridpilot.testing import check_broker
from gridpilot.testing.brokers import PROMISES
from no_avoidable_skips import PERMITTED

OUTAGE_S = 0.3
PATIENCE_S = 15.0


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    start: Callable[[], AbstractContextManager[Server]] = SERVERS[request.param]  # type: ignore[assignment]
    with start() as running:
        yield running


@pytest.fixture
def make(server: Server) -> Callable[[], Broker]:
    return lambda: open_broker(server.url)


@pytest.mark.parametrize("promise", PROMISES)
def test_a_driver_keeps(promise: str, make: Callable[[], Broker]) -> None:
    asyncio.run(PROMISES[promise](make))


def test_a_skip_for_a_missing_server_is_one_that_ci_knows() -> None:
    """It names the Debian package, and is refused wherever that could have been installed."""
    with pytest.raises(pytest.skip.Exception, match="apt-get install no-such-package") as caught:
        require("no-such-program", "no-such-package")
    [entry] = [entry for entry in PERMITTED if str(caught.value).startswith(entry.begins)]
    assert entry.holds() == (os.geteuid() != 0 or shutil.which("apt-get") is None)


def test_the_broker_in_memory_keeps_them_all() -> None:
    routes = Routes()
    check_broker(lambda: InMemoryBroker(routes))


def test_subscriptions_come_back_after_a_cut(server: Server) -> None:
    asyncio.run(_cut(server))


async def _cut(server: Server) -> None:
    """A subscriber and a publisher behind the proxy: refused while it is cut, and both alive again by themselves after it."""
    if server.scheme == "kafka" and not server.rewritten:
        pytest.skip("A real Kafka cluster tells its clients addresses that lead past the proxy.")
    async with ChaosProxy(server) as proxy:
        broker = open_broker(proxy.url)
        await broker.connect()
        subject = f"gp.{uuid4().hex}.mg1.act"
        subscription = await broker.subscribe(subject)
        await broker.publish(subject, b"before")
        assert (await subscription.next(PATIENCE_S)).payload == b"before"
        proxy.cut()
        await asyncio.sleep(OUTAGE_S)
        await _raises_when_down(broker, subject)
        await proxy.heal()
        payloads = await _until_heard(broker, subject, subscription)
        assert payloads[-1] == b"after"
        assert (await broker.health()).connected
        await broker.close()


async def _raises_when_down(broker: Broker, subject: str) -> None:
    with pytest.raises(BrokerError):
        await _published(broker, subject, b"during")
    assert not (await broker.health()).connected


async def _published(broker: Broker, subject: str, payload: bytes) -> None:
    await broker.publish(subject, payload)
    await broker.flush(3.0)


async def _until_heard(broker: Broker, subject: str, subscription: Any) -> list[bytes]:
    """Publish until a message comes back; what a step's re-sends do."""
    heard: list[bytes] = []
    async with asyncio.timeout(PATIENCE_S):
        while b"after" not in heard:
            try:
                await _published(broker, subject, b"after")
            except BrokerError:
                await asyncio.sleep(0.05)
                continue
            heard += [message.payload for message in await subscription.batch(0.3)]
    return heard


def test_a_broker_that_is_not_there_is_an_error_which_names_it(server: Server) -> None:
    asyncio.run(_unreachable(server.scheme))


async def _unreachable(scheme: str) -> None:
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    with pytest.raises(BrokerError, match=r"127\.0\.0\.1:1 .*cannot be reached"):
        await open_broker(f"{scheme}://127.0.0.1:1").connect()
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() == tasks
    assert set(threading.enumerate()) == threads
