"""A user's own time series: a CSV file, plain or gzip, with a time column and one column per quantity."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from gridpilot.errors import ConfigError, Problem, ProfileError
from gridpilot.profiles.columns import UNITS, unit_of
from gridpilot.profiles.profiles import Profiles, make_profiles
from gridpilot.profiles.table import read_csv, to_table
from gridpilot.profiles.validation import check

TIME_COLUMNS: Final = ("time", "timestamp", "datetime", "date", "time_utc", "utc_timestamp")
"""Names of the time column, in any case, tried in this order."""


def load_csv(
    path: str | Path,
    *,
    time_column: str | None = None,
    unit: str = "",
    step_min: float | None = None,
    repair: str | Collection[str] = (),
    delimiter: str = ",",
) -> Profiles:
    """The file's columns, whose names end with their unit (`demand_mw`); `unit="mw"` is put to names without one.

    Times are ISO 8601 without a jump at daylight saving. `step_min` is checked where it is given. `repair` is any of
    `gridpilot.profiles.validation.REPAIRS`. Raises `ProfileError` with every problem, `ConfigError` for an unknown unit.
    """
    path = Path(path)
    if unit and f"_{unit}" not in UNITS:
        raise ConfigError(f"There is no unit {unit!r}. Valid: {', '.join(known[1:] for known in UNITS)}.")
    text = read_csv(path, delimiter=delimiter)
    clock = _time_place(path, text.header, time_column)
    places = [i for i in range(len(text.header)) if i != clock]
    columns = [name if unit_of(name) or not unit else f"{name}_{unit}" for name in (text.header[i] for i in places)]
    _check_names(path, columns)
    name = path.name.split(".")[0]
    table = to_table(path, text, clock, dict(zip(columns, places, strict=True)))
    checked = check(table, name, step_min=step_min, repair=repair)
    return make_profiles(
        name=name,
        start=checked.start,
        step_min=checked.step_min,
        columns=columns,
        values=checked.values,
        source=path.name,
        licence="the file's own",
        repairs=checked.repairs,
    )


def _time_place(path: Path, header: list[str], time_column: str | None) -> int:
    if time_column is not None:
        if time_column not in header:
            raise ProfileError(f"{path} has no column {time_column!r}; it has {', '.join(header)}.")
        return header.index(time_column)
    lower = [name.lower() for name in header]
    for name in TIME_COLUMNS:
        if name in lower:
            return lower.index(name)
    raise ProfileError(f"{path} has no time column; expected one called {', '.join(TIME_COLUMNS)}, or say which with time_column.")


def _check_names(path: Path, columns: list[str]) -> None:
    problems = [Problem(f"column {name}", "is there twice") for name in dict.fromkeys(columns) if columns.count(name) > 1]
    endings = ", ".join(UNITS)
    problems += [Problem(f"column {name}", f"does not end with a unit ({endings})") for name in columns if not unit_of(name)]
    if not columns:
        problems.append(Problem("header", "has a time column only"))
    if problems:
        raise ProfileError(f"{path} has {len(problems)} column(s) that cannot be used.", problems, hint='Rename them, or give unit="mw".')
