"""Lines that a person types, waited for no longer than a deadline allows."""

from __future__ import annotations

import math
import sys
from queue import Empty, Queue
from threading import Thread
from typing import Final, Protocol, TextIO

END: Final = None
"""Stands for the end of the input."""
READER: Final = "typed lines"
"""Name of the thread that reads."""


class Lines(Protocol):
    """Where typed lines come from."""

    def forget(self) -> None:
        """Drop what a person has typed so far: it was meant for what is not asked any more."""
        ...

    def next(self, patience_s: float) -> str:
        """The next line without its newline; raises `TimeoutError` where none came in time, `EOFError` where none can come."""
        ...


class StandardInput:
    """Lines of a stream. It is read in a thread of its own, because no platform's terminal can be waited for with a deadline."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdin if stream is None else stream
        self._typed: Queue[str | None] = Queue()
        self._reader: Thread | None = None

    def forget(self) -> None:
        """As `Lines.forget`; the lines of a file or a pipe are a script, and stay."""
        while self._stream.isatty() and not self._typed.empty():
            if self._typed.get() is END:
                self._typed.put(END)
                return

    def next(self, patience_s: float) -> str:
        """As `Lines.next`."""
        if self._reader is None:
            self._reader = Thread(target=self._read, name=READER, daemon=True)
            self._reader.start()
        try:
            line = self._typed.get(timeout=None if math.isinf(patience_s) else max(patience_s, 0.0))
        except Empty:
            raise TimeoutError(f"No line came within {patience_s:g} s.") from None
        if line is END:
            self._typed.put(END)
            raise EOFError("The input has ended.")
        return line

    def _read(self) -> None:
        for line in self._stream:
            self._typed.put(line.rstrip("\n"))
        self._typed.put(END)
