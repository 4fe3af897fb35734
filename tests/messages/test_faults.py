"""Faults come from a seed: the same messages are lost, doubled and late in every run, at the rates that were asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any, TypeVar

import pytest

from gridpilot.errors import BrokerError, ConfigError
from gridpilot.messages import Faults, FaultyBroker, MeteredBroker, Partition, VirtualClockLoop
from gridpilot.messages.drivers.in_memory import InMemoryBroker
from gridpilot.testing import check_broker

T = TypeVar("T")
MANY = 4000


def virtually(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return runner.run(make())


async def sent(faults: Faults, many: int = MANY, pause_s: float = 0.0) -> tuple[list[tuple[int, float]], FaultyBroker]:
    """Numbers that arrived with the time of their arrival, in their order."""
    broker = FaultyBroker(InMemoryBroker(), faults)
    await broker.connect()
    heard = await broker.subscribe("gp.>")
    loop = asyncio.get_running_loop()
    arrived = []
    for number in range(many):
        await broker.publish("gp.run.MG1.act", b"%d" % number)
        if pause_s:
            await asyncio.sleep(pause_s)
        arrived += [(int(message.payload), loop.time()) for message in heard.take()]
    while messages := await heard.batch(60.0):
        arrived += [(int(message.payload), loop.time()) for message in messages]
    await broker.close()
    return arrived, broker


def test_without_faults_a_wrapped_broker_is_the_broker() -> None:
    assert [number for number, _ in virtually(lambda: sent(Faults()))[0]] == list(range(MANY))


def test_wrappers_keep_the_contract() -> None:
    from gridpilot.messages.routes import Routes

    routes = Routes()
    check_broker(lambda: MeteredBroker(FaultyBroker(InMemoryBroker(routes), Faults())))


def test_loss_and_duplication_have_their_rates() -> None:
    arrived, broker = virtually(lambda: sent(Faults(seed=3, loss=0.1, duplication=0.2)))
    numbers = [number for number, _ in arrived]
    lost = 1 - len(set(numbers)) / MANY
    assert lost == pytest.approx(0.1, abs=0.02)
    assert len(numbers) / len(set(numbers)) - 1 == pytest.approx(0.2, abs=0.02)
    assert broker.suffered["lost"] == MANY - len(set(numbers))
    assert broker.suffered["doubled"] == len(numbers) - len(set(numbers))


def test_the_same_seed_has_the_same_faults_whatever_the_timing() -> None:
    faults = Faults(seed=5, loss=0.2, duplication=0.1)
    once, later = (virtually(lambda pause=pause: sent(faults, 500, pause))[0] for pause in (0.0, 0.01))  # type: ignore[misc]
    assert [number for number, _ in once] == [number for number, _ in later]
    other = virtually(lambda: sent(Faults(seed=6, loss=0.2, duplication=0.1), 500))[0]
    assert [number for number, _ in once] != [number for number, _ in other]


def test_a_constant_delay_keeps_the_order_and_jitter_does_not() -> None:
    arrived, _ = virtually(lambda: sent(Faults(delay_s=0.5), 100, 0.01))
    assert [number for number, _ in arrived] == list(range(100))
    assert all(when == pytest.approx(0.5 + 0.01 * number, abs=0.011) for number, when in arrived)
    shuffled, _ = virtually(lambda: sent(Faults(jitter_s=0.5), 100, 0.01))
    assert sorted(number for number, _ in shuffled) == list(range(100)) != [number for number, _ in shuffled]


def test_reordering_lets_messages_overtake_those_held_back() -> None:
    numbers = [number for number, _ in virtually(lambda: sent(Faults(seed=1, reordering=0.1), 500, 0.01))[0]]
    overtaken = sum(earlier > later for earlier, later in pairwise(numbers))
    assert sorted(numbers) == list(range(500))
    assert 20 <= overtaken <= 80


def test_virtual_runs_repeat_to_the_last_bit() -> None:
    faults = Faults(seed=9, loss=0.1, duplication=0.1, jitter_s=0.3)
    assert virtually(lambda: sent(faults, 300, 0.01))[0] == virtually(lambda: sent(faults, 300, 0.01))[0]


def test_a_partition_cuts_its_subjects_for_its_time() -> None:
    async def cut() -> list[str]:
        broker = FaultyBroker(InMemoryBroker(), Faults(partitions=(Partition("gp.run.MG1.*", 1.0, 2.0),)))
        await broker.connect()
        heard = await broker.subscribe("gp.>")
        for second in range(3):
            for host in ("MG1", "MG2"):
                await broker.publish(f"gp.run.{host}.act", b"%d" % second)
            await asyncio.sleep(1.0)
        assert broker.suffered["partitioned"] == 1
        return [f"{message.subject[7:10]}@{message.payload.decode()}" for message in heard.take()]

    assert virtually(cut) == ["MG1@0", "MG2@0", "MG2@1", "MG1@2", "MG2@2"]


def test_closing_drops_what_is_still_under_way() -> None:
    async def closed() -> int:
        inner = InMemoryBroker()
        broker = FaultyBroker(inner, Faults(delay_s=1.0))
        await broker.connect()
        await broker.publish("gp.run.MG1.act", b"late")
        await broker.close()
        await asyncio.sleep(2.0)
        with pytest.raises(BrokerError):
            await inner.flush()
        return len(asyncio.all_tasks())

    assert virtually(closed) == 1


def test_all_bad_settings_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        Faults(loss=1.5, duplication=-0.1, jitter_s=float("nan"))
    assert [problem.where for problem in caught.value.problems] == ["loss", "duplication", "jitter_s"]


def test_traffic_is_counted_by_kind() -> None:
    async def counted() -> MeteredBroker:
        broker = MeteredBroker(FaultyBroker(InMemoryBroker(), Faults(loss=1.0)))
        await broker.connect()
        await broker.publish("gp.run.MG1.act", b"12345")
        await broker.publish_many([("gp.run.MG2.act", b"12"), ("gp.run.MG2.act.reply", b"1")])
        return broker

    broker = virtually(counted)
    assert broker.messages == {"act": 2, "act.reply": 1}
    assert broker.bytes == {"act": 7, "act.reply": 1}
