"""The append-only log of a run: its header, and one line per record (see `gridpilot.traces.chain`)."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from gridpilot.errors import TraceError
from gridpilot.traces.chain import Chain, new_chain, open_chain
from gridpilot.traces.line import seal_header, seal_record
from gridpilot.traces.reader import header_at
from gridpilot.traces.record import Header, Record


class TraceLog:
    """An open trace; made by `create_log` or `resume_log`, and closed by leaving its `with` block."""

    def __init__(self, chain: Chain, header: Header) -> None:
        self.path = chain.path
        self.header = header
        self.cut_bytes = chain.cut_bytes
        """Length of the unfinished last line that was cut off on opening; 0 where there was none."""
        self._chain = chain

    @property
    def records(self) -> int:
        """Records in the file."""
        return self._chain.tail.lines - 1

    def append(self, record: Record) -> None:
        """Write a record; when this returns, no kill of this process can lose it (nor a power cut, if `durable`).

        Raises `TraceError` where it cannot be written; the file then ends with the record before.
        """
        self._chain.write(seal_record(record, self._chain.tail.digest))

    def close(self) -> None:
        """Release the file; what an interrupted `append` left is cut off."""
        self._chain.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def create_log(path: str | Path, header: Header, *, durable: bool = False) -> TraceLog:
    """A new trace that begins with `header`; `durable` waits for the disk after every record.

    Raises `TraceError` where the file holds a trace already, or has another writer. A file whose header was never
    finished counts as new; `cut_bytes` tells.
    """
    return TraceLog(new_chain(Path(path), seal_header(header), durable=durable), header)


def resume_log(path: str | Path, *, durable: bool = False) -> TraceLog:
    """An existing trace, verified and ready for more records; an unfinished last line is cut, and `cut_bytes` tells.

    Raises `TraceError` where it is broken before its end, holds no header, or has another writer.
    """
    chain, first = open_chain(Path(path), durable=durable)
    try:
        return TraceLog(chain, header_at(first, chain.path))
    except TraceError:
        chain.close()
        raise
