"""Virtual time jumps, and a caller that is not asynchronous can use an event loop without leaving anything behind."""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial

import pytest

from gridpilot.errors import BrokerError
from gridpilot.messages import LoopThread, VirtualClockLoop


def test_virtual_hours_take_no_time_and_timers_fire_in_order() -> None:
    fired: list[tuple[str, float]] = []

    async def day() -> float:
        loop = asyncio.get_running_loop()

        def note(name: str) -> None:
            fired.append((name, loop.time()))

        for name, hours in (("noon", 12), ("dawn", 6), ("dusk", 18)):
            loop.call_later(hours * 3600.0, partial(note, name))
        await asyncio.sleep(24 * 3600.0)
        return loop.time()

    began = time.perf_counter()
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        assert runner.run(day()) == pytest.approx(24 * 3600.0)
    assert time.perf_counter() - began < 2.0
    assert [name for name, _ in fired] == ["dawn", "noon", "dusk"]
    assert [when for _, when in fired] == pytest.approx([6 * 3600.0, 12 * 3600.0, 18 * 3600.0])


def test_a_timeout_is_virtual_too() -> None:
    async def waits() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1000.0):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        assert runner.run(waits()) == pytest.approx(1000.0)


def test_virtual_time_stands_still_between_calls() -> None:
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            await asyncio.sleep(1.0)
            ticks.append(asyncio.get_running_loop().time())

    async def start() -> None:
        background.append(asyncio.create_task(tick()))

    background: list[asyncio.Task[None]] = []
    with LoopThread(virtual=True) as loop:
        loop.run(start())
        time.sleep(0.05)
        assert ticks == []
        loop.run(asyncio.sleep(3.5))
        time.sleep(0.05)
        assert ticks == pytest.approx([1.0, 2.0, 3.0])
        assert loop.clock() == pytest.approx(3.5)
    assert background[0].cancelled()


@pytest.mark.parametrize("virtual", [False, True])
def test_nothing_is_left_after_the_block(virtual: bool) -> None:
    before = set(threading.enumerate())
    with LoopThread(virtual=virtual) as loop:
        assert loop.run(asyncio.sleep(0, "done")) == "done"
        with pytest.raises(ZeroDivisionError):
            loop.run(fails())
    loop.close()
    assert set(threading.enumerate()) == before
    with pytest.raises(BrokerError, match="open a new session"):
        loop.run(asyncio.sleep(0))


async def fails() -> None:
    raise ZeroDivisionError


def test_it_works_inside_a_running_loop() -> None:
    """As in a notebook, whose cells run in a loop."""

    async def cell() -> str:
        with LoopThread() as loop:
            return loop.run(asyncio.sleep(0, "done"))

    assert asyncio.run(cell()) == "done"
