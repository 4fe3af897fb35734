"""The append-only log: one line per record, one writer, and no loss when that writer is killed.

A line is written by one `write` to a file opened for appending. So a kill at any byte leaves whole lines, and at most
one unfinished one at the end, which `resume_log` cuts off and tells. The lock is the kernel's (`flock`): it ends with
its process, so that no stale lock can be left behind.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from gridpilot.errors import TraceError
from gridpilot.traces.line import FIRST, Sealed, seal_header, seal_record
from gridpilot.traces.reader import Line, header_at, scan
from gridpilot.traces.record import Header, Record


class _Tail(NamedTuple):
    """Where the next line goes."""

    digest: str
    """Hash of the last line."""
    end: int
    """Length of the file as far as it is acknowledged."""
    lines: int


class TraceLog:
    """An open trace; made by `create_log` or `resume_log`, and closed by leaving its `with` block."""

    def __init__(self, path: Path, descriptor: int, header: Header, tail: _Tail, cut_bytes: int, durable: bool) -> None:
        self.path = path
        self.header = header
        self.cut_bytes = cut_bytes
        """Length of the unfinished last line that was cut off on opening; 0 where there was none."""
        self._descriptor = descriptor
        self._tail = tail
        self._durable = durable
        self._open = True

    @property
    def records(self) -> int:
        """Records in the file."""
        return self._tail.lines - 1

    def append(self, record: Record) -> None:
        """Write a record; when this returns, no kill of this process can lose it (nor a power cut, if `durable`).

        Raises `TraceError` where it cannot be written; the file then ends with the record before.
        """
        if not self._open:
            raise TraceError(f"Trace {self.path} is closed; open it again with resume_log.")
        self._write(seal_record(record, self._tail.digest))

    def close(self) -> None:
        """Release the file; what an interrupted `append` left is cut off."""
        if self._open:
            self._open = False
            try:
                if os.fstat(self._descriptor).st_size != self._tail.end:
                    os.ftruncate(self._descriptor, self._tail.end)
            finally:
                os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _write(self, sealed: Sealed) -> None:
        try:
            _write_all(self._descriptor, sealed.line)
            if self._durable:
                os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, self._tail.end)
            raise TraceError(f"Trace {self.path} cannot be written: {error.strerror}. Make room and resume it.") from error
        # One assignment: an interrupt finds either both or neither, and `close` cuts off what is not acknowledged.
        self._tail = _Tail(sealed.digest, self._tail.end + len(sealed.line), self._tail.lines + 1)


def create_log(path: str | Path, header: Header, *, durable: bool = False) -> TraceLog:
    """A new trace that begins with `header`; `durable` waits for the disk after every record.

    Raises `TraceError` where the file holds a trace already, or has another writer. A file whose header was never
    finished counts as new; `cut_bytes` tells.
    """
    where = Path(path)
    sealed = seal_header(header)
    descriptor = _locked(where, os.O_CREAT)
    try:
        size = os.fstat(descriptor).st_size
        with where.open("rb") as file:
            began = file.readline().endswith(b"\n")
        if began:
            raise TraceError(f"{where} holds lines already: choose another folder, or resume it if it is a trace.")
        os.ftruncate(descriptor, 0)
        log = TraceLog(where, descriptor, header, _Tail(FIRST, 0, 0), size, durable)
        log._write(sealed)
    except BaseException:
        os.close(descriptor)
        raise
    return log


def resume_log(path: str | Path, *, durable: bool = False) -> TraceLog:
    """An existing trace, verified and ready for more records; an unfinished last line is cut, and `cut_bytes` tells.

    Raises `TraceError` where it is broken before its end, holds no header, or has another writer.
    """
    where = Path(path)
    descriptor = _locked(where, 0)
    try:
        first, last, size = _verified(where)
        header = header_at(first, where)
        os.ftruncate(descriptor, last.end)
    except BaseException:
        os.close(descriptor)
        raise
    return TraceLog(where, descriptor, header, _Tail(last.digest, last.end, last.number), size - last.end, durable)


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
