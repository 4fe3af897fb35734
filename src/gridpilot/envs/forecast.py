"""The short forecast in an observation: persistence, which anybody can make from what has been measured so far.

`f(t+h) = y(t+h−24h) + (y(t) − y(t−24h)) · exp(−h / memory)`, solar scaled instead of shifted: `gridpilot.profiles.NoisyPersistence`
without its error, worked out for a whole table at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridpilot.profiles import Profiles
from gridpilot.profiles.forecast import MAX_RATIO, daylight_columns
from gridpilot.units import HOURS_PER_DAY
from gridpilot.values import Floats, Ints

MEMORY_H = 6.0
"""How long today's difference from yesterday is expected to last."""


def persistence(driven: Profiles, leads: Sequence[int]) -> Floats:
    """Values `[T, L, C]` expected `leads` rows after each row; row t is made of rows up to t only, within one series."""
    table, per_day = driven.values, driven.rows_per_day
    row = np.arange(len(table))
    has_day = (row - per_day >= _series_start(driven, row))[:, None]
    yesterday = table[np.maximum(row - per_day, 0)]
    daylight = daylight_columns(driven)
    expected = []
    for lead in leads:
        before = row + lead - per_day * -(-lead // per_day)
        base = table[np.maximum(before, 0)]
        fade = np.exp(-lead * (HOURS_PER_DAY / per_day) / MEMORY_H)
        guess = np.where(has_day, _moved(base, table, yesterday, fade, daylight), table)
        expected.append(np.where(driven.non_negative, np.maximum(guess, 0.0), guess))
    return np.stack(expected, axis=1)


def _series_start(driven: Profiles, row: Ints) -> Ints:
    """First row of the unbroken series that a row is in."""
    starts = np.array([0, *driven.seams], dtype=np.int64)
    begun: Ints = starts[np.searchsorted(starts, row, side="right") - 1]
    return begun


def _moved(base: Floats, present: Floats, yesterday: Floats, fade: float, daylight: np.ndarray) -> Floats:
    dark = yesterday <= 0.0
    ratio = np.where(dark, 1.0, np.clip(present / np.where(dark, 1.0, yesterday), 0.0, MAX_RATIO))
    return np.where(daylight, base * (1.0 + (ratio - 1.0) * fade), base + (present - yesterday) * fade)
