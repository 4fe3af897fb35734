"""An event loop in a thread of its own, for callers that are not asynchronous: an environment's `step`, a notebook, a script."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from threading import Lock, Thread
from types import TracebackType
from typing import Any, TypeVar

from gridpilot.errors import BrokerError
from gridpilot.messages.virtual import VirtualClockLoop

T = TypeVar("T")


class LoopThread:
    """A context manager: `run` carries out a coroutine and returns its result; at the end no task and no thread is left.

    With `virtual` the loop's time is virtual, and it runs only while somebody waits in `run`: what happens does not depend on
    how long the caller takes between two calls, and no thread is needed but the caller's.
    """

    def __init__(self, *, virtual: bool = False) -> None:
        self._virtual = VirtualClockLoop() if virtual else None
        self._loop: asyncio.AbstractEventLoop = self._virtual or asyncio.new_event_loop()
        self._one_at_a_time = Lock()
        self._thread: Thread | None = None
        if not virtual:
            self._thread = Thread(target=self._loop.run_forever, name="gridpilot messages", daemon=True)
            self._thread.start()

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since 1970, or virtual ones."""
        return time.time if self._virtual is None else self._virtual.time

    @property
    def closed(self) -> bool:
        return self._loop.is_closed()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine; raises what it raises, and `BrokerError` after `close`."""
        if self.closed:
            coroutine.close()
            raise BrokerError("The event loop of the messages is closed: open a new session.")
        if self._thread is None:
            return self._run_here(coroutine)
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def _run_here(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """In this thread, or in another one where this one runs a loop already, as in a notebook."""
        with self._one_at_a_time:
            if not _in_a_loop():
                return self._loop.run_until_complete(coroutine)
            with ThreadPoolExecutor(1) as thread:
                return thread.submit(self._loop.run_until_complete, coroutine).result()

    def close(self) -> None:
        """Cancel what is left and end the thread; calling it again does nothing."""
        if self.closed:
            return
        self.run(self._cancel_all())
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    def __enter__(self) -> LoopThread:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    async def _cancel_all(self) -> None:
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()


def _in_a_loop() -> bool:
    """Whether this thread runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
