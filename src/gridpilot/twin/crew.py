"""A crew: the threads that step the pieces of a memory, the caller's own among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final, TypeVar

from gridpilot.errors import ConfigError

T = TypeVar("T")


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else os.cpu_count() or 1


class Crew:
    """Up to `threads` tasks at once; other threads are started when they are first needed, and end with `close` or with the crew.

    A crew that was copied, pickled or forked starts threads of its own.
    """

    def __init__(self, threads: int | None = 1) -> None:
        """None: a thread for every core that the process may use now. Raises `ConfigError` for less than one."""
        if threads is not None and threads < 1:
            raise ConfigError(f"threads is {threads}, expected at least 1, or None for one on every core.")
        self.threads = usable_cores() if threads is None else threads
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    def run(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """What tasks return, at most as many as there are threads; the first one is the caller's own.

        When it returns or raises, none is under way any more. Of several exceptions the first task's is raised.
        """
        if len(tasks) == 1:
            return [tasks[0]()]
        pool = self._others()
        others = [pool.submit(task) for task in tasks[1:]]
        try:
            own = tasks[0]()
        finally:
            _await_all(others)
        return [own, *(other.result() for other in others)]

    def _others(self) -> ThreadPoolExecutor:
        # a forked process has the pool without its threads
        if self._pool is None or self._process != os.getpid():
            self._pool, self._process = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="gridpilot crew"), os.getpid()
        return self._pool

    def close(self) -> None:
        """End the other threads; the next `run` starts them again."""
        pool, self._pool = self._pool, None
        if pool is not None and self._process == os.getpid():
            pool.shutdown()

    def __reduce__(self) -> tuple[type[Crew], tuple[int]]:
        """Threads stay in their process."""
        return Crew, (self.threads,)


ALONE: Final = Crew(1)
"""The caller's thread and no other."""


def _await_all(others: Sequence[Future[Any]]) -> None:
    """Until all are done, even where Ctrl-C comes meanwhile: nobody may write when the caller goes on."""
    try:
        wait(others)
    except KeyboardInterrupt:
        wait(others)
        raise
