"""What an operator may know of the next hours: forecasts made from the past, or published ones; never the true future.

A forecaster reads the table up to and including `row` only. Its errors come from its own random key.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Protocol

import numpy as np

from gridpilot.errors import ConfigError
from gridpilot.profiles.columns import SOLAR
from gridpilot.profiles.profiles import Profiles
from gridpilot.profiles.randomness import centred
from gridpilot.units import HOURS_PER_DAY
from gridpilot.values import Bools, Floats, Ints

MAX_RATIO = 3.0
"""A sunny hour is at most taken for three times yesterday's: at dawn a ratio of two small numbers says little."""


class Forecaster(Protocol):
    """The seam: forecasts for a batch, each element at its own row of one table."""

    def forecast(self, table: Floats, row: Ints, horizon: int, rows_per_day: int, key: int) -> Floats:
        """Values `[B, horizon, C]` expected at rows `row + 1 … row + horizon` of `table` `[T, C]`; `row` is `[B]`.

        The same `key` gives the same errors; an element's forecast does not depend on the others of its batch.
        """
        ...


@dataclass(frozen=True, eq=False)
class NoisyPersistence:
    """The value of 24 hours before, moved towards what is seen now, plus an error that grows with lead time.

    `f(t+h) = y(t+h−24h) + (y(t) − y(t−24h)) · exp(−h / memory)`; solar is scaled by `y(t) / y(t−24h)` instead, so that nights
    stay dark. The error is a random walk of relative size `noise · sqrt(h)`. Before a day of history, `f(t+h) = y(t)`.
    """

    non_negative: Bools
    """Columns held at 0 or above `[C]`."""
    daylight: Bools
    """Columns that are scaled, not shifted `[C]`."""
    seams: tuple[int, ...] = ()
    """Rows before which there is no history for the rows after them."""
    noise: float = 0.03
    """Standard deviation of the error one hour ahead, relative to the value."""
    memory_h: float = 6.0
    """How long today's difference from yesterday is expected to last."""

    @classmethod
    def of(cls, profiles: Profiles, *, noise: float = 0.03, memory_h: float = 6.0) -> NoisyPersistence:
        """For the table of these profiles; raises `ConfigError` for a negative noise or a memory of 0."""
        if noise < 0 or memory_h <= 0:
            raise ConfigError(f"A forecast has noise {noise:g} and memory {memory_h:g} h; expected 0 or more, and above 0.")
        return cls(profiles.non_negative, daylight_columns(profiles), profiles.seams, noise, memory_h)

    def forecast(self, table: Floats, row: Ints, horizon: int, rows_per_day: int, key: int) -> Floats:
        """See `Forecaster.forecast`."""
        lead = np.arange(1, horizon + 1)
        whole_days = rows_per_day * -(-lead // rows_per_day)
        present = table[row]
        yesterday = table[np.maximum(row - rows_per_day, 0)]
        same_time = table[np.maximum(row[:, None] + lead - whole_days, 0)]
        decay = _decay(lead, rows_per_day, self.memory_h)
        expected = _corrected(same_time, present, yesterday, decay, self.daylight)
        has_day = row - rows_per_day >= self._history_start(row)
        expected = np.where(has_day[:, None, None], expected, present[:, None, :])
        return _held(expected * (1.0 + self._error(row, lead, table.shape[1], rows_per_day, key)), self.non_negative)

    def _history_start(self, row: Ints) -> Ints:
        starts = np.array([0, *self.seams], dtype=np.int64)
        begun: Ints = starts[np.searchsorted(starts, row, side="right") - 1]
        return begun

    def _error(self, row: Ints, lead: Ints, n_columns: int, rows_per_day: int, key: int) -> Floats:
        kicks = centred(key, row[:, None, None], lead[None, :, None], np.arange(n_columns)[None, None, :])
        per_row = self.noise * sqrt(HOURS_PER_DAY / rows_per_day)
        return per_row * np.cumsum(kicks, axis=1)


@dataclass(frozen=True, eq=False)
class DayAhead:
    """The published forecast, corrected by its error of now, which decays; for other columns and leads, persistence."""

    published: Floats
    """Published forecasts on the rows of the table `[T, C]`."""
    known: Bools
    """Columns that have one `[C]`."""
    lead_rows: int
    """Rows ahead for which it had been published by the time it is asked for."""
    rest: NoisyPersistence
    """For what has no published forecast."""

    @classmethod
    def of(cls, profiles: Profiles, *, noise: float = 0.03, memory_h: float = 6.0) -> DayAhead:
        """From the forecasts that came with these profiles; raises `ConfigError` where none did."""
        ahead = profiles.day_ahead
        if ahead is None:
            raise ConfigError(f"Profiles {profiles.name!r} come without published forecasts; use NoisyPersistence.")
        table, known = published(profiles)
        # Between two published instants the later one is needed, so that the reach is shorter by their distance.
        reach_min = ahead.lead_min - max(0.0, ahead.step_min - profiles.step_min)
        return cls(table, known, int(reach_min // profiles.step_min), NoisyPersistence.of(profiles, noise=noise, memory_h=memory_h))

    def forecast(self, table: Floats, row: Ints, horizon: int, rows_per_day: int, key: int) -> Floats:
        """See `Forecaster.forecast`; the published part carries the errors its publisher made, and no others."""
        rest = self.rest.forecast(table, row, horizon, rows_per_day, key)
        lead = np.arange(1, horizon + 1)
        target = row[:, None] + lead
        ahead = self.published[np.minimum(target, len(self.published) - 1)]
        decay = _decay(lead, rows_per_day, self.rest.memory_h)
        corrected = _corrected(ahead, table[row], self.published[row], decay, self.rest.daylight)
        reached = (target < len(self.published)) & (lead <= self.lead_rows)
        return np.where(reached[:, :, None] & self.known, _held(corrected, self.rest.non_negative), rest)


def forecaster_of(profiles: Profiles) -> Forecaster:
    """The best forecast these profiles allow: the published one, else noisy persistence."""
    return NoisyPersistence.of(profiles) if profiles.day_ahead is None else DayAhead.of(profiles)


def published(profiles: Profiles) -> tuple[Floats, Bools]:
    """Published forecasts on the rows of `profiles` `[T, C]`, and which columns have one `[C]`; the others hold 0.

    Between two published instants the forecast lies on the straight line, before the first and after the last it is held.
    """
    table = np.zeros(profiles.values.shape)
    known = np.zeros(len(profiles.columns), dtype=np.bool_)
    ahead = profiles.day_ahead
    if ahead is None:
        return table, known
    offset_min = float((ahead.start - profiles.start) / np.timedelta64(1, "m"))
    here = np.arange(len(profiles)) * profiles.step_min
    there = offset_min + np.arange(len(ahead)) * ahead.step_min
    for c, column in enumerate(profiles.columns):
        if column in ahead.columns:
            known[c] = True
            table[:, c] = np.interp(here, there, ahead.values[:, ahead.column(column)])
    return table, known


def daylight_columns(profiles: Profiles) -> Bools:
    """Columns which the sun drives `[C]`."""
    return np.array([kind == SOLAR for kind in profiles.kinds], dtype=np.bool_)


def _decay(lead: Ints, rows_per_day: int, memory_h: float) -> Floats:
    fade: Floats = np.exp(-lead * (HOURS_PER_DAY / rows_per_day) / memory_h)
    return fade


def _corrected(base: Floats, present: Floats, base_now: Floats, decay: Floats, daylight: Bools) -> Floats:
    """A guess `[B, H, C]` moved by what it got wrong now: by the ratio under daylight, else by the difference."""
    fade = decay[None, :, None]
    shifted = base + (present - base_now)[:, None, :] * fade
    dark = base_now <= 0.0
    ratio = np.where(dark, 1.0, np.clip(present / np.where(dark, 1.0, base_now), 0.0, MAX_RATIO))
    scaled = base * (1.0 + (ratio - 1.0)[:, None, :] * fade)
    return np.where(daylight, scaled, shifted)


def _held(values: Floats, non_negative: Bools) -> Floats:
    return np.where(non_negative, np.maximum(values, 0.0), values)
