"""Grid2Op chronics of the IEEE 14-bus grid: nodal load and generation at 5 min, with forecasts of the next 5 min.

Data by RTE, published with Grid2Op (https://github.com/Grid2op/grid2op).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from gridpilot.errors import Problem, ProfileError, UnknownNameError
from gridpilot.profiles.location import timeseries_file
from gridpilot.profiles.profiles import MINUTES_PER_DAY, Profiles, make_profiles
from gridpilot.profiles.table import read_csv, to_table
from gridpilot.profiles.validation import Checked, Table, check
from gridpilot.values import Floats

DATASETS: Final = ("rte_case14_realistic", "educ_case14_storage", "l2rpn_case14_sandbox")
STEP_MIN: Final = 5.0
FORECAST: Final = "_forecasted"
SOURCE: Final = "Grid2Op chronics by RTE, https://github.com/Grid2op/grid2op"
LICENCE: Final = "MPL-2.0"

_NAME: Final = re.compile(r"(load_p|load_q|prod_p)(_forecasted)?__(?:load|gen)_(\w+)")
_RENAMED: Final = {"load_p": "load_{}_mw", "load_q": "load_{}_mvar", "prod_p": "gen_{}_mw"}


def file_name(dataset: str) -> str:
    """The file of a data set, below `timeseries/`."""
    return f"grid2op_{dataset}_5min.csv.gz"


def load_grid2op(
    root: str | Path | None = None, *, dataset: str = DATASETS[0], episode: int | None = None, repair: str | Collection[str] = ()
) -> Profiles:
    """One episode, or (without `episode`) all of them, cut to whole days and spliced with seams between them.

    Columns: `load_<bus>_<load>_mw`, `…_mvar`, `gen_<bus>_<gen>_mw`. The clock of a splice is that of its first episode.
    Raises `UnknownNameError` for a data set or episode that is not there, and `ProfileError`.
    """
    parts = episodes(root, dataset=dataset, repair=repair)
    if episode is None:
        return _spliced([_whole_days(part) for part in parts])
    if not 0 <= episode < len(parts):
        raise UnknownNameError(f"episode of {dataset}", str(episode), [str(i) for i in range(len(parts))])
    return parts[episode]


def episodes(root: str | Path | None = None, *, dataset: str = DATASETS[0], repair: str | Collection[str] = ()) -> tuple[Profiles, ...]:
    """Every episode of a data set, each from its first midnight to its end, with the forecasts published for it."""
    if dataset not in DATASETS:
        raise UnknownNameError("Grid2Op data set", dataset, DATASETS)
    path = timeseries_file(file_name(dataset), root)
    text = read_csv(path)
    named = list(enumerate(text.header))[2:]
    measured = {_column(name, path): i for i, name in named if FORECAST not in name}
    forecast = {_column(name, path) + FORECAST: i for i, name in named if FORECAST in name}
    scenario = np.array(text.columns[0])
    table = to_table(path, text, 1, {**measured, **forecast})
    # In order of the file: an episode is a run of rows with one name.
    starts = [0, *(np.flatnonzero(scenario[1:] != scenario[:-1]) + 1), len(scenario)]
    return tuple(_episode(str(scenario[a]), _rows(table, int(a), int(b)), len(measured), repair) for a, b in pairwise(starts))


def _column(name: str, path: Path) -> str:
    match = _NAME.fullmatch(name)
    if match is None:
        problem = Problem(f"column {name}", "expected load_p__…, load_q__…, prod_p__… or their _forecasted")
        raise ProfileError(f"{path} has a column that is not of Grid2Op's chronics.", [problem])
    return _RENAMED[match[1]].format(match[3])


def _rows(table: Table, first: int, end: int) -> Table:
    return Table(table.times[first:end], table.columns, table.values[first:end], table.lines[first:end])


def _episode(scenario: str, table: Table, n_measured: int, repair: str | Collection[str]) -> Profiles:
    checked = check(table, scenario, step_min=STEP_MIN, repair=repair)
    # Row t of the file's forecasts is for row t + 1; row 0 of an episode lies before midnight and has none.
    first = _first_midnight(checked)
    columns = table.columns
    forecast = [name.removesuffix(FORECAST) for name in columns[n_measured:]]
    ahead = _profiles(scenario, checked, first, forecast, checked.values[first - 1 : -1, n_measured:], lead_min=STEP_MIN)
    return _profiles(scenario, checked, first, columns[:n_measured], checked.values[first:, :n_measured], day_ahead=ahead)


def _first_midnight(checked: Checked) -> int:
    minutes = int(checked.start.astype(np.int64)) % MINUTES_PER_DAY
    row = round((MINUTES_PER_DAY - minutes) / STEP_MIN)
    if row >= len(checked.values):
        raise ProfileError(f"An episode from {checked.start} has {len(checked.values)} rows and no midnight in it.")
    return row


def _profiles(
    scenario: str,
    checked: Checked,
    first: int,
    columns: Sequence[str],
    values: Floats,
    *,
    day_ahead: Profiles | None = None,
    lead_min: float = 0.0,
) -> Profiles:
    return make_profiles(
        name="grid2op",
        start=checked.start + np.timedelta64(round(first * STEP_MIN), "m"),
        step_min=STEP_MIN,
        columns=columns,
        values=values,
        source=f"{SOURCE}; {scenario}",
        licence=LICENCE,
        repairs=checked.repairs,
        day_ahead=day_ahead,
        lead_min=lead_min,
    )


def _whole_days(part: Profiles) -> Profiles:
    n_rows = len(part) // part.rows_per_day * part.rows_per_day
    if n_rows == 0:
        raise ProfileError(f"An episode from {part.start} is shorter than a day; load it alone, by its number.")
    ahead = part.day_ahead
    return replace(part.window(0, n_rows), day_ahead=None if ahead is None else ahead.window(0, n_rows))


def _spliced(parts: Sequence[Profiles]) -> Profiles:
    aheads = [part.day_ahead for part in parts if part.day_ahead is not None]
    values = np.concatenate([part.values for part in parts])
    return make_profiles(
        name="grid2op",
        start=parts[0].start,
        step_min=STEP_MIN,
        columns=parts[0].columns,
        values=values,
        seams=np.cumsum([len(part) for part in parts])[:-1].tolist(),
        source=SOURCE,
        licence=LICENCE,
        repairs=[sentence for part in parts for sentence in part.repairs],
        day_ahead=_spliced(aheads) if aheads else None,
        lead_min=parts[0].lead_min,
    )
