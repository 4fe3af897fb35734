"""A subscription: messages that match a pattern, waiting in a bounded inbox for whoever iterates over it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from threading import Lock
from typing import Final, NamedTuple

from gridpilot.errors import BrokerError

LIMIT: Final = 8192
"""Messages that wait in an inbox before the oldest are dropped."""
LIMIT_BYTES: Final = 64 * 2**20
"""Bytes that wait in an inbox before the oldest messages are dropped."""


class Message(NamedTuple):
    """What a broker carries."""

    subject: str
    payload: bytes


class Subscription:
    """An asynchronous iterator over messages, in the order of their arrival.

    A consumer which is slower than the broker loses the oldest messages: a controller wants the newest. A driver calls
    `deliver`, from whichever thread its client uses.
    """

    def __init__(self, pattern: str, cancel: Callable[[Subscription], Awaitable[None]], *, limit: int = LIMIT) -> None:
        self.pattern = pattern
        self.dropped = 0
        self.closed = False
        self._cancel = cancel
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._lock = Lock()
        self._waiting: deque[Message] = deque()
        self._bytes = 0

    def deliver(self, message: Message) -> None:
        """Put a message into the inbox; for drivers, in the thread of the event loop."""
        if not self.closed:
            self._append(message)
            self._ready.set()

    def deliver_from_thread(self, message: Message) -> None:
        """Put a message into the inbox from a thread of a client's own."""
        if self.closed:
            return
        was_empty = self._append(message)
        if was_empty:  # one wake-up per burst
            self._loop.call_soon_threadsafe(self._ready.set)

    async def batch(self, timeout_s: float | None = None) -> list[Message]:
        """All messages that wait, after waiting for the first; empty when the time is over or the subscription was closed."""
        await self._wait(timeout_s)
        return self.take()

    def take(self) -> list[Message]:
        """All messages that wait now."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
            self._bytes = 0
        return taken

    async def next(self, timeout_s: float | None = None) -> Message:
        """The next message; raises `BrokerError` when none came in time, or the subscription was closed."""
        await self._wait(timeout_s)
        with self._lock:
            if self._waiting:
                message = self._waiting.popleft()
                self._bytes -= len(message.payload)
                return message
        if self.closed:
            raise BrokerError(f"The subscription to {self.pattern!r} was closed; subscribe again to receive more.")
        raise BrokerError(f"No message of {self.pattern!r} came within {timeout_s} s.")

    async def close(self) -> None:
        """End the subscription; what already waits can still be read."""
        if not self.closed:
            self.end()
            await self._cancel(self)

    def end(self) -> None:
        """Take no more messages, and wake who waits; for drivers that close."""
        self.closed = True
        self._ready.set()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Message:
        if self.closed and not self._waiting:
            raise StopAsyncIteration
        try:
            return await self.next()
        except BrokerError:
            raise StopAsyncIteration from None

    def _append(self, message: Message) -> bool:
        with self._lock:
            was_empty = not self._waiting
            self._waiting.append(message)
            self._bytes += len(message.payload)
            while len(self._waiting) > self._limit or (self._bytes > LIMIT_BYTES and len(self._waiting) > 1):
                self._bytes -= len(self._waiting.popleft().payload)
                self.dropped += 1
        return was_empty

    def _goes_on_waiting(self) -> bool:
        return not (self._waiting or self.closed)

    async def _wait(self, timeout_s: float | None) -> None:
        """Until there is a message, the subscription is closed, or the time is over."""
        if not self._goes_on_waiting():
            return
        over: list[bool] = []

        def end() -> None:
            over.append(True)
            self._ready.set()

        # A timer alone costs half of `asyncio.timeout`, which would cancel the task.
        timer = None if timeout_s is None else self._loop.call_later(timeout_s, end)
        try:
            while not over and self._goes_on_waiting():
                self._ready.clear()
                if not self._waiting:  # a thread may have delivered between the two lines above
                    await self._ready.wait()
        finally:
            if timer is not None:
                timer.cancel()
