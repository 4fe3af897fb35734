"""What a table must be before it drives a grid: on a regular clock, complete, finite, and not negative where it cannot be.

Every problem is told with its row and column; a repair is made only where it was asked for, and is told too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridpilot.errors import ConfigError, Problem, ProfileError, UnknownNameError
from gridpilot.profiles.columns import NON_NEGATIVE, kind_of
from gridpilot.values import Bools, Floats, Ints

Times = NDArray[np.datetime64]

SORT, DEDUPLICATE, INTERPOLATE, CLIP = "sort", "deduplicate", "interpolate", "clip"
REPAIRS: Final = (SORT, DEDUPLICATE, INTERPOLATE, CLIP)
"""`sort` rows by time · `deduplicate`: keep the first of equal time stamps · `interpolate`: a straight line over missing
rows, missing values and negative values too large to clip · `clip`: small negative values become 0."""

SMALL_NEGATIVE: Final = 0.01
"""A negative value down to this share of the column's largest one is a meter's noise or own use, and may be clipped."""
LONGEST_GAP_H: Final = 24.0
"""Gaps longer than this are not interpolated: a line is no model of a day."""
SECONDS_PER_DAY: Final = 86400
LISTED: Final = 20
"""Problems listed in a message; the rest are counted."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table as a file holds it, before anything is checked."""

    times: Times
    """Instants to the second `[T]`."""
    columns: tuple[str, ...]
    values: Floats
    """`[T, C]`; NaN where the file holds nothing."""
    lines: Ints
    """Line of the file which holds a row `[T]`; 0 where no line does."""


class Checked(NamedTuple):
    """A table on a regular clock."""

    start: np.datetime64
    step_min: float
    values: Floats
    repairs: tuple[str, ...]


def check(table: Table, name: str, *, step_min: float | None = None, repair: str | Collection[str] = ()) -> Checked:
    """The table on a regular clock, with the repairs that were asked for.

    `step_min` is the expected resolution; without it the most frequent distance of two rows is taken that divides a day. Raises
    `ProfileError` with every problem that is left, and `UnknownNameError` for an unknown repair.
    """
    wanted = _repairs(repair)
    done: list[str] = []
    if len(table.times) < 2:
        raise ProfileError(f"Profiles {name!r} have {len(table.times)} row(s); expected two or more.")
    table = _ordered(table, wanted, done)
    step_s = _step_s(table.times, step_min)
    if step_s < 1 or SECONDS_PER_DAY % step_s:
        raise ProfileError(f"Profiles {name!r} have a step of {step_s / 60:g} min; expected one that divides a day.")
    problems = _clock_problems(table, step_s, wanted)
    if problems:
        _refuse(name, problems)
    table = _on_grid(table, step_s, done)
    values, problems = _sound_values(table, step_s, wanted, done)
    if problems:
        _refuse(name, problems)
    return Checked(table.times[0].astype("datetime64[m]"), step_s / 60.0, values, tuple(done))


def _repairs(repair: str | Collection[str]) -> frozenset[str]:
    wanted = frozenset([repair] if isinstance(repair, str) else repair)
    for unknown in sorted(wanted - set(REPAIRS)):
        raise UnknownNameError("repair", unknown, REPAIRS)
    return wanted


def _refuse(name: str, problems: list[Problem]) -> None:
    listed = problems[:LISTED]
    if len(problems) > LISTED:
        listed = [*listed, Problem("and", f"{len(problems) - LISTED} more of them")]
    hint = f"Mend the data, or name what may be repaired: repair={list(REPAIRS)}."
    raise ProfileError(f"Profiles {name!r} have {len(problems)} problem(s).", listed, hint=hint)


def _where(row: int, table: Table, column: int | None = None) -> str:
    line = f"line {table.lines[row]}, " if table.lines[row] else ""
    at = f"row {row} ({line}{table.times[row]})"
    return at if column is None else f"{at}, column {table.columns[column]}"


def _ordered(table: Table, wanted: frozenset[str], done: list[str]) -> Table:
    times, values, lines = table.times, table.values, table.lines
    known = ~np.isnat(times)
    if SORT in wanted and known.all() and (np.diff(times) < np.timedelta64(0, "s")).any():
        order = np.argsort(times, kind="stable")
        done.append(f"Sorted {int((order != np.arange(len(order))).sum())} rows by time.")
        times, values, lines = times[order], values[order], lines[order]
    if DEDUPLICATE in wanted and known.all():
        keep = np.concatenate([[True], np.diff(times) != np.timedelta64(0, "s")])
        if not keep.all():
            done.append(f"Dropped {int((~keep).sum())} rows whose time stamp had been there before.")
            times, values, lines = times[keep], values[keep], lines[keep]
    return Table(times, table.columns, values, lines)


def _step_s(times: Times, step_min: float | None) -> int:
    if step_min is not None:
        if not step_min > 0:
            raise ConfigError(f"The step is {step_min:g} min; it must be above 0.")
        return round(step_min * 60.0)
    gaps = np.diff(times[~np.isnat(times)]).astype(np.int64)
    forward = gaps[gaps > 0]
    if not len(forward):
        raise ProfileError("The time column never moves forward, so that the table has no step.")
    dividing = forward[SECONDS_PER_DAY % forward == 0]
    steps, counts = np.unique(dividing if len(dividing) else forward, return_counts=True)
    return int(steps[np.argmax(counts)])


def _clock_problems(table: Table, step_s: int, wanted: frozenset[str]) -> list[Problem]:
    """What is wrong with the time stamps, but for gaps that interpolation may fill."""
    times = table.times
    problems = [Problem(_where(int(row), table), "has no time") for row in np.flatnonzero(np.isnat(times))]
    if problems:
        return problems
    # The clock of a series is told to the minute; a start between two minutes could not be kept.
    if int(times[0].astype(np.int64)) % 60:
        problems.append(Problem(_where(0, table), "begins between two minutes; expected a full minute"))
    for row, gap in enumerate(np.diff(times).astype(np.int64), start=1):
        if gap == step_s:
            continue
        problem = _gap_problem(int(gap), step_s, wanted)
        if problem:
            problems.append(Problem(_where(row, table), problem))
    return problems


def _gap_problem(gap_s: int, step_s: int, wanted: frozenset[str]) -> str:
    if gap_s == 0:
        return "repeats the time stamp of the row before it"
    if gap_s < 0:
        return f"lies {-gap_s / 60:g} min before the row above it; expected rows in order of time"
    if gap_s % step_s:
        return f"follows after {gap_s / 60:g} min; expected {step_s / 60:g} min (wrong resolution)"
    if INTERPOLATE not in wanted:
        return f"follows after a gap: {gap_s // step_s - 1} row(s) are missing"
    if gap_s > LONGEST_GAP_H * 3600:
        return f"follows after a gap of {gap_s / 3600:g} h; up to {LONGEST_GAP_H:g} h can be interpolated"
    return ""


def _on_grid(table: Table, step_s: int, done: list[str]) -> Table:
    """Missing rows put in, empty."""
    place = (table.times - table.times[0]).astype(np.int64) // step_s
    n_rows = int(place[-1]) + 1
    if n_rows == len(place):
        return table
    values = np.full((n_rows, len(table.columns)), np.nan)
    values[place] = table.values
    lines = np.zeros(n_rows, dtype=np.int64)
    lines[place] = table.lines
    done.append(f"Put in {n_rows - len(place)} missing rows by interpolation.")
    times = table.times[0] + np.arange(n_rows) * np.timedelta64(step_s, "s")
    return Table(times, table.columns, values, lines)


def _sound_values(table: Table, step_s: int, wanted: frozenset[str], done: list[str]) -> tuple[Floats, list[Problem]]:
    values = table.values.copy()
    problems: list[Problem] = []
    for c, column in enumerate(table.columns):
        missing = ~np.isfinite(values[:, c])
        small, large = _negatives(values[:, c], column)
        if CLIP in wanted and small.any():
            done.append(f"Clipped {int(small.sum())} small negative values of {column} to 0.")
            values[small, c] = 0.0
            small = np.zeros_like(small)
        if INTERPOLATE in wanted:
            bad = missing | large
            longest = _longest_run(bad)
            if not bad.any():
                pass
            elif bad.all() or longest * step_s > LONGEST_GAP_H * 3600:
                first = int(np.flatnonzero(bad)[0])
                problems.append(Problem(_where(first, table, c), f"a gap of {longest} rows is too long to interpolate"))
            else:
                values[bad, c] = np.interp(np.flatnonzero(bad), np.flatnonzero(~bad), values[~bad, c])
                done.append(f"Interpolated {int(bad.sum())} missing or impossible values of {column}.")
            missing = large = np.zeros_like(bad)
        problems += [Problem(_where(int(row), table, c), "is not a finite number") for row in np.flatnonzero(missing)]
        problems += _negative_problems(table, c, np.flatnonzero(small | large))
    return values, problems


def _negatives(values: Floats, column: str) -> tuple[Bools, Bools]:
    """Values below zero where none can be: those small enough to clip, and the others."""
    if kind_of(column) not in NON_NEGATIVE:
        none = np.zeros(len(values), dtype=np.bool_)
        return none, none
    finite = np.where(np.isfinite(values), values, 0.0)
    limit = -SMALL_NEGATIVE * finite.max(initial=0.0)
    return (finite < 0.0) & (finite >= limit), finite < limit


def _negative_problems(table: Table, c: int, rows: Iterable[int]) -> list[Problem]:
    what = f"{kind_of(table.columns[c])} power cannot be negative"
    return [Problem(_where(int(row), table, c), f"is {table.values[row, c]:g}; {what}") for row in rows]


def _longest_run(flags: Bools) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
