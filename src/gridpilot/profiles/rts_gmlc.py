"""RTS-GMLC 2020: load of three areas, wind, solar and hydro at 5 min, with hourly day-ahead forecasts.

Barrows et al., "The IEEE Reliability Test System: a proposed 2019 update", IEEE Trans. Power Systems 35 (2020) 119.
Credit: DOE/NREL/ALLIANCE.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

import numpy as np

from gridpilot.profiles.location import timeseries_file
from gridpilot.profiles.profiles import Profiles, make_profiles
from gridpilot.profiles.table import read_csv, to_table
from gridpilot.profiles.validation import Checked, check

REAL_TIME: Final = "rts_gmlc_realtime_5min_2020.csv.gz"
DAY_AHEAD: Final = "rts_gmlc_dayahead_hourly_2020.csv.gz"
SOURCE: Final = "RTS-GMLC, https://github.com/GridMod/RTS-GMLC; credit DOE/NREL/ALLIANCE"
LICENCE: Final = "NREL data use disclaimer agreement (free use and distribution with its notice)"

SPLICE: Final = np.datetime64("2020-03-01T00:00", "m")
"""Here the wind series was put together from two parts."""
HALF_HOUR: Final = np.timedelta64(30, "m")
"""A day-ahead value is the mean of the hour which begins at its label: it is placed at mid-hour."""
LEAD_MIN: Final = 1440.0


def load_rts_gmlc(root: str | Path | None = None, *, repair: str | Collection[str] = ()) -> Profiles:
    """The year 2020; `root`, else `GRIDPILOT_DATA`, is the folder above `timeseries/`. Raises `ProfileError`."""
    columns, hourly = _read(timeseries_file(DAY_AHEAD, root), 60.0, repair)
    day_ahead = make_profiles(
        name="rts-gmlc day-ahead",
        start=hourly.start + HALF_HOUR,
        step_min=hourly.step_min,
        columns=columns,
        values=hourly.values,
        source=SOURCE,
        licence=LICENCE,
        repairs=hourly.repairs,
        lead_min=LEAD_MIN,
    )
    columns, real = _read(timeseries_file(REAL_TIME, root), 5.0, repair)
    seam = int((SPLICE - real.start) / np.timedelta64(5, "m"))
    return make_profiles(
        name="rts-gmlc",
        start=real.start,
        step_min=real.step_min,
        columns=columns,
        values=real.values,
        # The largest value of a column is the area's stated peak (2850 MW) or, for solar, the plant's capacity.
        seams=[seam] if 0 < seam < len(real.values) else [],
        source=SOURCE,
        licence=LICENCE,
        repairs=real.repairs,
        day_ahead=day_ahead,
    )


def _read(path: Path, step_min: float, repair: str | Collection[str]) -> tuple[list[str], Checked]:
    text = read_csv(path)
    places = {name: i for i, name in enumerate(text.header) if i > 0}
    return list(places), check(to_table(path, text, 0, places), path.name, step_min=step_min, repair=repair)
