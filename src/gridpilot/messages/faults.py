"""Faults on purpose: messages lost, doubled, late, overtaken, or cut off, drawn from a seed.

A draw depends on the seed, the subject and the message's number on it, and on nothing else: the same run has the same faults
whatever the timing. On a `VirtualClockLoop` delays cost no time and repeat exactly.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from hashlib import blake2b

from gridpilot.errors import BrokerError, ConfigError, Problem
from gridpilot.messages.seam import Broker
from gridpilot.messages.subjects import check_pattern, matches
from gridpilot.messages.wrapper import WrappedBroker


@dataclass(frozen=True)
class Partition:
    """A time in which subjects that match a pattern are cut off."""

    pattern: str
    start_s: float
    """Since `connect`."""
    stop_s: float


@dataclass(frozen=True)
class Faults:
    """What goes wrong; raises `ConfigError` for values out of range."""

    seed: int = 0
    loss: float = 0.0
    """Probability that a message is lost."""
    duplication: float = 0.0
    """Probability that a message comes twice."""
    delay_s: float = 0.0
    """What every message takes at least; alone it keeps their order."""
    jitter_s: float = 0.0
    """Mean of an exponential delay on top; messages overtake each other."""
    reordering: float = 0.0
    """Probability that a message is held back by `reordering_s`, so that those after it come before it."""
    reordering_s: float = 0.05
    partitions: tuple[Partition, ...] = ()

    def __post_init__(self) -> None:
        wrong = [
            Problem(name, f"is {getattr(self, name)}, expected 0 to 1")
            for name in ("loss", "duplication", "reordering")
            if not 0.0 <= getattr(self, name) <= 1.0
        ]
        wrong += [
            Problem(name, f"is {getattr(self, name)} s, expected 0 or more")
            for name in ("delay_s", "jitter_s", "reordering_s")
            if not 0.0 <= getattr(self, name) < float("inf")
        ]
        if wrong:
            raise ConfigError(f"Valid faults: {', '.join(field.name for field in fields(self))}.", wrong)
        for partition in self.partitions:
            check_pattern(partition.pattern)


class FaultyBroker(WrappedBroker):
    """A broker whose published messages suffer `faults`."""

    def __init__(self, inner: Broker, faults: Faults) -> None:
        super().__init__(inner)
        self.faults = faults
        self.suffered: Counter[str] = Counter()
        """How many messages were `lost`, `doubled`, `delayed`, `partitioned`, or `refused` by the broker when their delay was over."""
        self._sent: Counter[str] = Counter()
        self._timers: set[asyncio.TimerHandle] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._began_s = 0.0

    async def connect(self) -> None:
        await self.inner.connect()
        self._began_s = asyncio.get_running_loop().time()

    async def publish(self, subject: str, payload: bytes) -> None:
        self._sent[subject] += 1
        draw = self._draws(subject, self._sent[subject])
        if self._is_cut(subject):
            self.suffered["partitioned"] += 1
        elif draw.random() < self.faults.loss:
            self.suffered["lost"] += 1
        else:
            copies = 1 + (draw.random() < self.faults.duplication)
            self.suffered["doubled"] += copies - 1
            for _ in range(copies):
                await self._send(subject, payload, self._delay_s(draw))

    async def publish_many(self, messages: Iterable[tuple[str, bytes]]) -> None:
        for subject, payload in messages:
            await self.publish(subject, payload)

    async def flush(self, timeout_s: float = 5.0) -> None:
        """Does not wait for messages that are late on purpose."""
        await self.inner.flush(timeout_s)

    async def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.inner.close()

    def _draws(self, subject: str, number: int) -> random.Random:
        return random.Random(blake2b(f"{self.faults.seed}/{subject}/{number}".encode(), digest_size=8).digest())

    def _is_cut(self, subject: str) -> bool:
        now_s = asyncio.get_running_loop().time() - self._began_s
        return any(cut.start_s <= now_s < cut.stop_s and matches(cut.pattern, subject) for cut in self.faults.partitions)

    def _delay_s(self, draw: random.Random) -> float:
        held = self.faults.reordering_s if draw.random() < self.faults.reordering else 0.0
        jitter = draw.expovariate(1.0 / self.faults.jitter_s) if self.faults.jitter_s else 0.0
        return self.faults.delay_s + held + jitter

    async def _send(self, subject: str, payload: bytes, delay_s: float) -> None:
        if delay_s == 0.0:
            await self.inner.publish(subject, payload)
            return
        self.suffered["delayed"] += 1

        def due() -> None:
            self._timers.discard(timer)
            task = asyncio.ensure_future(self._send_late(subject, payload))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        timer = asyncio.get_running_loop().call_later(delay_s, due)
        self._timers.add(timer)

    async def _send_late(self, subject: str, payload: bytes) -> None:
        try:
            await self.inner.publish(subject, payload)
        except BrokerError:  # nobody waits for it any more
            self.suffered["refused"] += 1
