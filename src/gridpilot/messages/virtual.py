"""An event loop whose time jumps to the next timer when there is nothing else to do.

Delays, deadlines and re-sends then cost no time and happen in the same order on every machine. For brokers in memory: a socket's
answer takes real time, which this loop does not wait for.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """Begins at 0 s: `asyncio.Runner(loop_factory=VirtualClockLoop)`."""

    def __init__(self) -> None:
        self._now_s = 0.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now_s

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._now_s += seconds


class _JumpingSelector(selectors.BaseSelector):
    """A selector that lets time pass instead of waiting for it."""

    def __init__(self, loop: VirtualClockLoop) -> None:
        self._loop = loop
        self._inner = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return []  # callbacks wait; whoever wakes the loop from another thread has put one among them
        ready = self._inner.select(0)
        if ready:
            return ready
        if timeout is None:
            return self._inner.select(None)  # only another thread can wake it
        self._loop.jump(timeout)
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._inner.get_map()

    def close(self) -> None:
        self._inner.close()
