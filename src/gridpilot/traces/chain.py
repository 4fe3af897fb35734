"""A file of sealed lines: one writer, append only, and no loss when that writer is killed.

A line is written by one `write` to a file opened for appending. So a kill at any byte leaves whole lines, and at most
one unfinished one at the end, which `open_chain` cuts off and tells. The lock is the kernel's (`flock`): it ends with
its process, so that no stale lock can be left behind.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from gridpilot.errors import TraceError
from gridpilot.traces.line import FIRST, Sealed
from gridpilot.traces.reader import Line, scan


class Tail(NamedTuple):
    """Where the next line goes."""

    digest: str
    """Hash of the last line."""
    end: int
    """Length of the file as far as it is acknowledged."""
    lines: int


class Chain:
    """An open file of sealed lines; made by `new_chain` or `open_chain`, and closed by leaving its `with` block."""

    def __init__(self, path: Path, descriptor: int, tail: Tail, cut_bytes: int, durable: bool) -> None:
        self.path = path
        self.tail = tail
        self.cut_bytes = cut_bytes
        """Length of the unfinished last line that was cut off on opening; 0 where there was none."""
        self._descriptor = descriptor
        self._durable = durable
        self._open = True

    def write(self, sealed: Sealed) -> None:
        """Write a line that follows the last one; when this returns, no kill of this process can lose it.

        Raises `TraceError` where it cannot be written; the file then ends with the line before.
        """
        if not self._open:
            raise TraceError(f"Trace {self.path} is closed; open it again to go on with it.")
        try:
            _write_all(self._descriptor, sealed.line)
            if self._durable:
                os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, self.tail.end)
            raise TraceError(f"Trace {self.path} cannot be written: {error.strerror}. Make room and resume it.") from error
        # One assignment: an interrupt finds either both or neither, and `close` cuts off what is not acknowledged.
        self.tail = Tail(sealed.digest, self.tail.end + len(sealed.line), self.tail.lines + 1)

    def close(self) -> None:
        """Release the file; what an interrupted `write` left is cut off."""
        if self._open:
            self._open = False
            try:
                if os.fstat(self._descriptor).st_size != self.tail.end:
                    os.ftruncate(self._descriptor, self.tail.end)
            finally:
                os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def new_chain(path: Path, first: Sealed, *, durable: bool = False) -> Chain:
    """A new file that begins with this line; `durable` waits for the disk after every line.

    Raises `TraceError` where the file holds lines already, or has another writer. A file whose first line was never
    finished counts as new; `cut_bytes` tells.
    """
    descriptor = _locked(path, os.O_CREAT)
    try:
        size = os.fstat(descriptor).st_size
        with path.open("rb") as file:
            began = file.readline().endswith(b"\n")
        if began:
            raise TraceError(f"{path} holds lines already: choose another folder, or resume it if it is a trace.")
        os.ftruncate(descriptor, 0)
        chain = Chain(path, descriptor, Tail(FIRST, 0, 0), size, durable)
        chain.write(first)
    except BaseException:
        os.close(descriptor)
        raise
    return chain


def open_chain(path: Path, *, durable: bool = False) -> tuple[Chain, Line]:
    """An existing file, verified and ready for more lines, and its first line; an unfinished last line is cut.

    Raises `TraceError` where it is broken before its end, holds no line, or has another writer.
    """
    descriptor = _locked(path, 0)
    try:
        first, last, size = _verified(path)
        os.ftruncate(descriptor, last.end)
    except BaseException:
        os.close(descriptor)
        raise
    return Chain(path, descriptor, Tail(last.digest, last.end, last.number), size - last.end, durable), first


def _verified(path: Path) -> tuple[Line, Line, int]:
    """First and last sound line, and the length of the file."""
    first = last = None
    with path.open("rb") as file:
        for line in scan(file, path):
            first = first or line
            last = line
        size = file.seek(0, os.SEEK_END)
    if first is None or last is None:
        raise TraceError(f"Trace {path} holds no complete header, so nothing was recorded: delete it and run again.")
    return first, last, size


def _locked(path: Path, flags: int) -> int:
    """A descriptor for appending that no other writer has."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | flags, 0o644)
    except OSError as error:
        raise TraceError(f"Trace {path} cannot be opened for writing: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise TraceError(f"Trace {path} is being written by another run: wait for its end, or choose another folder.") from error
    return descriptor


def _write_all(descriptor: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
