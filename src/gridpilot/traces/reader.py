"""Reading a trace: every line's hash and the chain are verified on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from gridpilot.errors import Problem, TraceError
from gridpilot.traces.line import FIRST, header_of, open_line, record_of
from gridpilot.traces.record import Header, Record

T = TypeVar("T")


class Line(NamedTuple):
    """A verified line."""

    number: int
    """1 for the header."""
    body: dict[str, Any]
    digest: str
    end: int
    """Offset of the byte after its newline."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole trace, verified."""

    path: Path
    header: Header
    records: tuple[Record, ...]
    torn_bytes: int
    """Length of an unfinished last line, which is left out: its writer was killed while writing it, or is writing it now."""


def scan(file: BinaryIO, path: Path) -> Iterator[Line]:
    """Verified lines from the beginning of a file; an unfinished last line is left out.

    Raises `TraceError` which names the first line that is broken.
    """
    previous, end = FIRST, 0
    for number, line in enumerate(file, start=1):
        if not line.endswith(b"\n"):
            return
        body, previous = _at(path, number, partial(open_line, line[:-1], previous))
        end += len(line)
        yield Line(number, body, previous, end)


def read_header(path: str | Path) -> Header:
    """The header of a trace; raises `TraceError`."""
    where = Path(path)
    with _opened(where) as file:
        return _header(scan(file, where), where)


def iterate_records(path: str | Path) -> Iterator[Record]:
    """Records one by one, for traces that are larger than memory; raises `TraceError` at the first broken line."""
    where = Path(path)
    with _opened(where) as file:
        lines = scan(file, where)
        _header(lines, where)
        for line in lines:
            yield record_at(line, where)


def read_trace(path: str | Path) -> Trace:
    """A whole trace; raises `TraceError` which names the first broken line and what to do."""
    where = Path(path)
    with _opened(where) as file:
        lines = list(scan(file, where))
        end = file.seek(0, 2)
    header = _header(iter(lines), where)
    records = tuple(record_at(line, where) for line in lines[1:])
    return Trace(where, header, records, end - lines[-1].end)


def record_at(line: Line, path: Path) -> Record:
    """The record of a verified line; raises `TraceError` where it holds something else."""
    return _at(path, line.number, partial(record_of, line.body))


def header_at(line: Line, path: Path) -> Header:
    """The header of a verified line; raises `TraceError` where it holds something else."""
    return _at(path, line.number, partial(header_of, line.body))


def _header(lines: Iterator[Line], path: Path) -> Header:
    first = next(lines, None)
    if first is None:
        raise TraceError(f"Trace {path} holds no complete line, so nothing was recorded: delete it and run again.")
    return header_at(first, path)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise TraceError(f"Trace {path} cannot be read: {error.strerror}. Give the path of a trace.jsonl file.") from error


def _at(path: Path, number: int, read: Callable[[], T]) -> T:
    try:
        return read()
    except TraceError as error:
        what = "the header" if number == 1 else f"record {number - 1}"
        problem = Problem(f"line {number} ({what})", str(error))
        hint = "What stands before that line is sound. Restore the file from a copy, or run it again from its header."
        raise TraceError(f"Trace {path} is broken.", [problem], hint=hint) from error
