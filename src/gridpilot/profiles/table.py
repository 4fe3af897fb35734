"""CSV files, plain or gzip, as a `Table`; every cell that cannot be read is told with its line and column."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gridpilot.errors import Problem, ProfileError
from gridpilot.profiles.validation import LISTED, Table, Times
from gridpilot.values import Floats

EMPTY = frozenset({"", "nan", "na", "n/a", "null", "none"})
"""Cells that hold nothing."""

_OFFSET = re.compile(r":\d\d[^+-]*[+-]\d\d")
"""A time of day with an offset from UTC."""


class Text(NamedTuple):
    """A CSV file before its cells are numbers."""

    header: list[str]
    columns: list[list[str]]
    lines: list[int]
    """Line of the file that each row ends on."""


def read_csv(path: Path, *, delimiter: str = ",") -> Text:
    """A CSV file as text; empty lines are left out.

    Raises `ProfileError` where the file is missing, unreadable, empty, or a line has another number of cells.
    """
    if not path.is_file():
        raise ProfileError(f"There is no file {path}; expected a CSV file, plain or .gz.")
    opener: Callable[..., object] = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, mode="rt", encoding="utf-8-sig", newline="") as file:  # type: ignore[attr-defined]
            reader = csv.reader(file, delimiter=delimiter)
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise ProfileError(f"{path} cannot be read as CSV: {error}.") from error
    if len(rows) < 2:
        raise ProfileError(f"{path} has {len(rows)} line(s); expected a header and rows below it.")
    header, body = rows[0][1], rows[1:]
    width = len(header)
    ragged = [(line, len(row)) for line, row in body if len(row) != width]
    if ragged:
        problems = [Problem(f"line {line}", f"has {n} cells; expected {width}") for line, n in ragged[:LISTED]]
        raise ProfileError(f"{path} has {len(ragged)} line(s) of another width than its header.", problems)
    columns = [list(column) for column in zip(*(row for _, row in body), strict=True)]
    return Text([name.strip() for name in header], columns, [line for line, _ in body])


def to_table(path: Path, text: Text, time_place: int, wanted: Mapping[str, int]) -> Table:
    """Text columns as numbers: `wanted` names each column and says its place in the file.

    Raises `ProfileError` with every cell that is neither a number nor empty.
    """
    problems: list[Problem] = []
    clock = _times(text.columns[time_place], text.lines, problems)
    values = np.empty((len(text.lines), len(wanted)))
    for c, (name, place) in enumerate(wanted.items()):
        values[:, c] = _numbers(name, text.columns[place], text.lines, problems)
    if problems:
        more = [Problem("and", f"{len(problems) - LISTED} more of them")] if len(problems) > LISTED else []
        raise ProfileError(f"{path} has {len(problems)} cell(s) that cannot be read.", [*problems[:LISTED], *more])
    return Table(clock, tuple(wanted), values, np.array(text.lines, dtype=np.int64))


def _numbers(name: str, texts: Sequence[str], lines: Sequence[int], problems: list[Problem]) -> Floats:
    try:
        return np.array(texts, dtype=np.str_).astype(np.float64)
    except ValueError:
        # Some cell is empty or no number: look at them one by one.
        return np.array([_number(name, line, text, problems) for line, text in zip(lines, texts, strict=True)])


def _number(name: str, line: int, text: str, problems: list[Problem]) -> float:
    if text.strip().lower() in EMPTY:
        return np.nan
    try:
        return float(text)
    except ValueError:
        problems.append(Problem(f"line {line}, column {name}", f"holds {text!r}; expected a number"))
        return np.nan


def _times(texts: Sequence[str], lines: Sequence[int], problems: list[Problem]) -> Times:
    # A trailing Z or +00:00 says UTC, which is what a clock without a zone is read as.
    plain = [text.strip().removesuffix("Z").removesuffix("+00:00") for text in texts]
    if any(_OFFSET.search(text) for text in plain):
        return _times_one_by_one(plain, lines, problems)
    try:
        return np.array(plain, dtype="datetime64[s]")
    except ValueError:
        return _times_one_by_one(plain, lines, problems)


def _times_one_by_one(plain: Sequence[str], lines: Sequence[int], problems: list[Problem]) -> Times:
    return np.array([_time(line, text, problems) for line, text in zip(lines, plain, strict=True)], dtype="datetime64[s]")


def _time(line: int, text: str, problems: list[Problem]) -> np.datetime64:
    if not text:
        return np.datetime64("NaT", "s")  # an empty cell, which is told with the clock's other problems
    try:
        if not _OFFSET.search(text):
            return np.datetime64(text, "s")
    except ValueError:
        pass  # told below, as a time with an offset is
    what = f"holds the time {text!r}; expected ISO 8601 in UTC or local standard time, such as 2020-01-31 13:05"
    problems.append(Problem(f"line {line}", what))
    return np.datetime64("NaT", "s")
