"""Sessions: cars that come to charging points, want energy, and leave.

They are data beside the time series: who comes when is an event, not a quantity between two instants. `with_sessions` writes them
into the drivers on the cycle of a model, where a step finds them like weather.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridpilot.errors import ConfigError, Problem
from gridpilot.profiles.columns import EVENT
from gridpilot.profiles.profiles import Profiles
from gridpilot.values import Floats

_MINUTE = np.timedelta64(1, "m")
ARRIVING, STAY = "arriving_mwh", "stay_h"
"""Series of a charging point: energy wanted, and time until departure, in the cycle in which a car comes; 0 in all others."""


@dataclass(frozen=True, eq=False)
class Sessions:
    """Visits of cars to charging points, `[k]` each, in any order."""

    point: tuple[str, ...]
    """Name of the charging point."""
    arrival: NDArray[np.datetime64]
    departure: NDArray[np.datetime64]
    """Local time, to the minute."""
    energy_mwh: Floats

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise ConfigError("These sessions cannot be.", problems)


def _problems(sessions: Sessions) -> list[Problem]:
    lengths = {name: len(getattr(sessions, name)) for name in ("point", "arrival", "departure", "energy_mwh")}
    if len(set(lengths.values())) > 1:
        return [Problem(name, f"has {length} entries; all need the same number") for name, length in lengths.items()]
    stay, energy = (sessions.departure - sessions.arrival) / _MINUTE, sessions.energy_mwh
    found = [Problem(f"session {k} at {sessions.point[k]}", "must leave after it comes") for k in np.flatnonzero(~(stay > 0))]
    wrong = np.flatnonzero(~(np.isfinite(energy) & (energy > 0)))
    found += [Problem(f"session {k} at {sessions.point[k]}", f"wants {energy[k]} MWh, expected above 0") for k in wrong]
    order = np.lexsort((sessions.arrival, np.array(sessions.point, dtype=np.str_)))
    for first, second in zip(order[:-1].tolist(), order[1:].tolist(), strict=True):
        if sessions.point[first] == sessions.point[second] and sessions.arrival[second] < sessions.departure[first]:
            found.append(Problem(f"session {second} at {sessions.point[second]}", f"comes before session {first} has left"))
    return found


def with_sessions(driven: Profiles, drivers: Sequence[str], points: Sequence[str], sessions: Sessions | None) -> Profiles:
    """`driven` with the event columns of these charging points added, in the order of `drivers`.

    A car that comes between two rows is there from the next row on, and leaves at its own time; one that would find the point
    taken waits for the next row. Raises `ConfigError` for sessions at points that do not exist.
    """
    if not points:
        return driven
    known = sessions or Sessions((), np.zeros(0, "datetime64[m]"), np.zeros(0, "datetime64[m]"), np.zeros(0))
    lost = sorted(set(known.point) - set(points))
    if lost:
        raise ConfigError("Some sessions are at no charging point.", [Problem(name, "there is no such charging point") for name in lost])
    columns = {f"{name}.{series}": np.zeros(len(driven)) for name in points for series in (ARRIVING, STAY)}
    taken: dict[str, float] = {}
    for k in np.argsort(known.arrival, kind="stable").tolist():
        _write(driven, known, k, columns, taken)
    old = {name: driven.values[:, k] for k, name in enumerate(driven.columns)}
    peak = dict(zip(driven.columns, driven.peak.tolist(), strict=True))
    kind = dict(zip(driven.columns, driven.kinds, strict=True))
    values = np.ascontiguousarray(np.stack([columns[name] if name in columns else old[name] for name in drivers], axis=1))
    values.flags.writeable = False
    top = np.array([columns[name].max(initial=0.0) if name in columns else peak[name] for name in drivers])
    top.flags.writeable = False
    kinds = tuple(EVENT if name in columns else kind[name] for name in drivers)
    return replace(driven, columns=tuple(drivers), values=values, peak=top, kinds=kinds)


def _write(driven: Profiles, known: Sessions, k: int, columns: dict[str, Any], taken: dict[str, float]) -> None:
    """One session into the columns of its point, where the table reaches and time is left."""
    begin, end = (float((at - driven.start) / _MINUTE) / driven.step_min for at in (known.arrival[k], known.departure[k]))
    row = max(int(np.ceil(begin - 1e-9)), int(np.ceil(taken.get(known.point[k], 0.0) - 1e-9)))
    if begin < 0 or row >= len(driven) or end <= row:
        return
    columns[f"{known.point[k]}.{ARRIVING}"][row] = known.energy_mwh[k]
    columns[f"{known.point[k]}.{STAY}"][row] = (end - row) * driven.step_min / 60.0
    taken[known.point[k]] = end


def draw_sessions(
    points: Sequence[str],
    first_day: str | date,
    last_day: str | date,
    *,
    seed: int = 0,
    arrival_h: tuple[float, float] = (8.5, 1.5),
    stay_h: tuple[float, float] = (6.5, 2.0),
    energy_kwh: tuple[float, float] = (13.0, 8.0),
    weekday_share: float = 0.8,
    weekend_share: float = 0.2,
) -> Sessions:
    """Sessions from a stated distribution: at every point at most one a day, on weekdays and weekends with these shares.

    Arrival, stay and energy are normal with this mean and standard deviation (arrival held in 5 … 20 h, stay in 0.5 … 11 h, energy
    in 1 … 80 kWh), independent of each other. The usual values are those of a workplace, of the order that the ACN dataset shows
    for Caltech. The same seed gives the same sessions, point by point and day by day.
    """
    days = np.arange(np.datetime64(first_day, "D"), np.datetime64(last_day, "D") + 1)
    point, arrival, departure, energy = [], [], [], []
    for k, name in enumerate(points):
        draw = np.random.default_rng([seed, k, _SESSION_KEY])
        weekday = (days.astype(np.int64) + 3) % 7 < 5  # day 0 of the count, 1 January 1970, was a Thursday
        comes = draw.random(len(days)) < np.where(weekday, weekday_share, weekend_share)
        at = np.clip(draw.normal(*arrival_h, len(days)), 5.0, 20.0)
        stay = np.minimum(np.clip(draw.normal(*stay_h, len(days)), 0.5, 11.0), 24.0 + 5.0 - at)
        wants = np.clip(draw.normal(*energy_kwh, len(days)), 1.0, 80.0) / 1000.0
        begin = days.astype("datetime64[m]") + np.rint(60.0 * at).astype(np.int64) * _MINUTE
        point += [name] * int(comes.sum())
        arrival.append(begin[comes])
        departure.append((begin + np.rint(60.0 * stay).astype(np.int64) * _MINUTE)[comes])
        energy.append(wants[comes])
    none = np.zeros(0, dtype="datetime64[m]")
    return Sessions(
        tuple(point), np.concatenate([none, *arrival]), np.concatenate([none, *departure]), np.concatenate([np.zeros(0), *energy])
    )


_SESSION_KEY = 41
"""Keeps the draw of sessions apart from other draws under the same seed."""
