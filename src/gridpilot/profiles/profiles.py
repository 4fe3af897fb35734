"""`Profiles`: what the world does to a grid over time, as one frozen table on a regular clock.

Row `t` is the state of the world at the instant `start + t · step_min`; between two instants a quantity follows
the straight line through them. That is the one interpolation rule of the package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import cast

import numpy as np

from gridpilot.errors import ConfigError, Problem, ProfileError, UnknownNameError
from gridpilot.profiles.columns import NON_NEGATIVE, REACTIVE, kind_of
from gridpilot.values import Bools, Floats, Ints

MINUTES_PER_DAY = 1440
_MINUTE = np.timedelta64(1, "m")
_DAY = np.timedelta64(MINUTES_PER_DAY, "m")


@dataclass(frozen=True, eq=False)
class Profiles:
    """A regular time series of load, weather, prices …; make one with `make_profiles` or a reader."""

    name: str
    """The id it was loaded by, or the stem of its file."""
    start: np.datetime64
    """Instant of row 0, to the minute."""
    step_min: float
    """Minutes between rows."""
    columns: tuple[str, ...]
    """One name per column; its suffix is the unit: `_mw`, `_mvar`, `_pu`, `_usd_per_mwh`, `_kg_per_mwh`."""
    values: Floats
    """The table `[T, C]`, read-only, finite."""
    peak: Floats
    """Magnitude a scenario scales each column by `[C]`: the source's capacity or peak, else the largest value."""
    seams: tuple[int, ...]
    """Rows at which the series was spliced: no episode may hold both such a row and the one before it."""
    source: str
    """Who published it, and where."""
    licence: str
    kinds: tuple[str, ...]
    """What each column is: see `gridpilot.profiles.columns`."""
    repairs: tuple[str, ...] = ()
    """What was changed on reading, as sentences; empty where the data is as published."""
    day_ahead: Profiles | None = None
    """The forecasts published with it, on their own step; row `t` forecasts the instant of row `t`."""
    lead_min: float = 0.0
    """Of published forecasts: how long before its instant a value was known. 0 for what was measured."""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def rows_per_day(self) -> int:
        """Rows in 24 h."""
        return round(MINUTES_PER_DAY / self.step_min)

    @property
    def end(self) -> np.datetime64:
        """Instant at which the last row's step ends."""
        return self.time(len(self))

    @property
    def non_negative(self) -> Bools:
        """Columns which cannot be below zero `[C]`."""
        return np.array([kind in NON_NEGATIVE for kind in self.kinds], dtype=np.bool_)

    def time(self, row: int) -> np.datetime64:
        """Instant of a row, to the minute; after a seam the clock runs on as if there were none."""
        return as_minute(self.start + round(row * self.step_min) * _MINUTE)

    def column(self, name: str) -> int:
        """Index of a column; raises `UnknownNameError`."""
        if name not in self.columns:
            raise UnknownNameError(f"column in profiles {self.name!r}", name, self.columns)
        return self.columns.index(name)

    def window(self, first_row: int, n_rows: int) -> Profiles:
        """Rows `first_row … first_row + n_rows − 1`; raises `ConfigError` where they are not all there."""
        if first_row < 0 or n_rows < 1 or first_row + n_rows > len(self):
            raise ConfigError(f"Profiles {self.name!r} have rows 0 to {len(self) - 1}; asked for {n_rows} rows from {first_row}.")
        last_row = first_row + n_rows
        seams = tuple(seam - first_row for seam in self.seams if first_row < seam < last_row)
        return replace(self, start=self.time(first_row), values=self.values[first_row:last_row], seams=seams)

    def rows_between(self, first_day: str | date, last_day: str | date) -> range:
        """Rows of the days from `first_day` to `last_day`, both included, as far as the series holds them."""
        return range(self._row_at(_midnight(first_day)), self._row_at(_midnight(last_day) + _DAY))

    def _row_at(self, instant: np.datetime64) -> int:
        """First row not before an instant, held inside the series."""
        minutes = float((instant - self.start) / _MINUTE)
        return int(np.clip(np.ceil(minutes / self.step_min), 0, len(self)))

    def episode_starts(self, n_rows: int, *, first_day: str | date | None = None, last_day: str | date | None = None) -> Ints:
        """Midnights from which `n_rows` rows follow without a seam, inside the given days `[k]`."""
        days = self.rows_between(str(first_day or _midnight(self.start)), str(last_day or _midnight(self.end)))
        midnight = round(float((_midnight(self.start) + _DAY - self.start) / _MINUTE) / self.step_min) % self.rows_per_day
        rows = [row for row in days if row % self.rows_per_day == midnight and row + n_rows <= days.stop]
        return np.array([row for row in rows if not self.crosses_seam(row, n_rows)], dtype=np.int64)

    def crosses_seam(self, first_row: int, n_rows: int) -> bool:
        """Whether `n_rows` rows from `first_row` hold both sides of a seam."""
        return any(first_row < seam < first_row + n_rows for seam in self.seams)

    def scaled(self, wanted: Mapping[str, tuple[str, float]]) -> Profiles:
        """New columns from old ones: `{"city_mw": ("load_area2_mw", 210 / 2850)}`.

        Factors are positive, but for reactive power, which may have either sign or none. Published forecasts are scaled
        alike, for the columns they have. Raises `UnknownNameError`, and `ConfigError` for a factor that cannot be.
        """
        wrong = [
            Problem(new, f"the factor is {factor}; it must be above 0")
            for new, (_, factor) in wanted.items()
            if not (factor > 0 or (kind_of(new) == REACTIVE and np.isfinite(factor)))
        ]
        if wrong:
            raise ConfigError(f"Profiles {self.name!r} cannot be scaled.", wrong)
        index = [self.column(old) for old, _ in wanted.values()]
        factors = np.array([factor for _, factor in wanted.values()])
        ahead = self.day_ahead
        if ahead is not None:
            known = {new: pair for new, pair in wanted.items() if pair[0] in ahead.columns}
            ahead = ahead.scaled(known) if known else None
        return replace(
            self,
            columns=tuple(wanted),
            values=_read_only(self.values[:, index] * factors),
            peak=_read_only(np.abs(self.peak[index] * factors)),
            kinds=tuple(REACTIVE if kind_of(new) == REACTIVE else self.kinds[i] for new, i in zip(wanted, index, strict=True)),
            day_ahead=ahead,
        )

    def resampled(self, step_min: float) -> Profiles:
        """The same series on another step; published forecasts keep theirs.

        A finer step takes points on the straight line between two instants (the last row before a seam or the end
        is held); a coarser one takes the mean of the rows that begin in it, and a last step that is not
        full is left out. Raises `ConfigError` unless one step is a whole multiple of the other.
        """
        ratio = _exact(self.step_min) / _exact(step_min) if step_min > 0 else Fraction(0)
        if ratio <= 0 or 1 not in (ratio.numerator, ratio.denominator):
            raise ConfigError(
                f"Profiles {self.name!r} have a step of {self.step_min:g} min, which cannot become {step_min:g} min: "
                "choose a step that divides it, or a whole multiple of it."
            )
        if ratio.denominator == 1:
            values, seams = _finer(self.values, self.seams, ratio.numerator)
        elif len(self) >= ratio.denominator:
            values, seams = _coarser(self.values, self.seams, ratio.denominator)
        else:
            raise ConfigError(f"Profiles {self.name!r} are shorter than one step of {step_min:g} min.")
        return replace(self, step_min=float(step_min), values=_read_only(values), seams=seams)


def as_minute(instant: str | date | np.datetime64) -> np.datetime64:
    """An instant at minute resolution, whatever it came as."""
    return cast(np.datetime64, np.asarray(instant, dtype="datetime64[m]")[()])


def _midnight(instant: str | date | np.datetime64) -> np.datetime64:
    return as_minute(cast(np.datetime64, np.asarray(as_minute(instant)).astype("datetime64[D]")[()]))


def _exact(step_min: float) -> Fraction:
    # A step such as 1/3 min has no exact float; a second divided by 60 is as fine as a clock here gets.
    return Fraction(step_min).limit_denominator(3600)


def _finer(values: Floats, seams: tuple[int, ...], k: int) -> tuple[Floats, tuple[int, ...]]:
    following = np.concatenate([values[1:], values[-1:]])
    for seam in seams:
        following[seam - 1] = values[seam - 1]
    share = (np.arange(k) / k)[None, :, None]
    fine = values[:, None, :] * (1.0 - share) + following[:, None, :] * share
    return fine.reshape(-1, values.shape[1]), tuple(seam * k for seam in seams)


def _coarser(values: Floats, seams: tuple[int, ...], k: int) -> tuple[Floats, tuple[int, ...]]:
    n_rows = len(values) // k
    coarse = values[: n_rows * k].reshape(n_rows, k, values.shape[1]).mean(axis=1)
    # A coarse row with a seam inside it belongs to neither side: it is cut off at both of its ends.
    cuts = {cut for seam in seams for cut in (seam // k, -(-seam // k)) if 0 < cut < n_rows}
    return coarse, tuple(sorted(cuts))


def make_profiles(
    *,
    name: str,
    start: np.datetime64,
    step_min: float,
    columns: Sequence[str],
    values: Floats,
    source: str,
    licence: str,
    peak: Mapping[str, float] | None = None,
    kinds: Sequence[str] | None = None,
    seams: Iterable[int] = (),
    repairs: Iterable[str] = (),
    day_ahead: Profiles | None = None,
    lead_min: float = 0.0,
) -> Profiles:
    """A `Profiles` from parts that a reader has checked; kinds follow from the names, peaks from the columns, unless given.

    Raises `ProfileError` where shapes do not fit or a value is not finite.
    """
    if values.ndim != 2 or values.shape[1] != len(columns) or not len(values):
        raise ProfileError(f"Profiles {name!r} have a table of shape {values.shape}; expected (1 or more, {len(columns)}).")
    if not np.isfinite(values).all():
        raise ProfileError(f"Profiles {name!r} hold values that are not finite numbers; repair the table first.")
    largest = np.abs(values).max(axis=0)
    known = peak or {}
    return Profiles(
        name=name,
        start=as_minute(start),
        step_min=float(step_min),
        columns=tuple(columns),
        values=_read_only(np.array(values, dtype=np.float64, order="C")),
        peak=_read_only(np.array([known.get(column, top) for column, top in zip(columns, largest, strict=True)], dtype=np.float64)),
        seams=tuple(sorted(seams)),
        source=source,
        licence=licence,
        kinds=tuple(kinds) if kinds is not None else tuple(kind_of(column) for column in columns),
        repairs=tuple(repairs),
        day_ahead=day_ahead,
        lead_min=lead_min,
    )


def _read_only(values: Floats) -> Floats:
    values.flags.writeable = False
    return values
