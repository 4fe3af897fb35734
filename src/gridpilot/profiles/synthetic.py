"""Synthetic load, sun, wind and price, from a seed: a value at an instant is a function of seed, column and instant.

Neither the length of a run nor its start nor its step changes it. Noise is made in blocks of a day: white noise at
every 5 min, from a hash of (seed, column, day), passed through a filter that reaches one day back, so that blocks join.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from gridpilot.errors import ConfigError
from gridpilot.profiles.profiles import MINUTES_PER_DAY, Profiles, as_minute, make_profiles
from gridpilot.profiles.randomness import centred
from gridpilot.values import Floats, Ints

NODE_MIN: Final = 5
NODES_PER_DAY: Final = MINUTES_PER_DAY // NODE_MIN

LATITUDE_DEG: Final = 40.0
TILT_DEG: Final = 23.44
YEAR_DAYS: Final = 365.2425

CORRELATION_H: Final = {
    "load_city_pu": 4.0,
    "load_suburb_pu": 4.0,
    "solar_pu": 1.5,
    "wind_pu": 4.0,
    "price_usd_per_mwh": 3.0,
}
"""The columns, and for how long their noise remembers itself. The random key of a column is its place here."""


def load_synthetic(seed: int = 0, start: str = "2020-01-01", days: int = 366, step_min: float = 5.0) -> Profiles:
    """Load and plants in per unit of their peak, price in USD/MWh; local solar time. Raises `ConfigError`."""
    if days < 1 or step_min <= 0 or not float(MINUTES_PER_DAY / step_min).is_integer():
        raise ConfigError(f"Asked for {days} days at {step_min:g} min; expected 1 day or more, and a step that divides a day.")
    first = as_minute(start)
    rows = np.arange(round(days * MINUTES_PER_DAY / step_min), dtype=np.float64)
    minute: Floats = float(first.astype(np.int64)) + rows * step_min
    wobble = {name: noise(seed, i, minute, hours) for i, (name, hours) in enumerate(CORRELATION_H.items())}
    return make_profiles(
        name="synthetic",
        start=first,
        step_min=step_min,
        columns=tuple(CORRELATION_H),
        values=_world(minute, wobble),
        peak={name: 1.0 for name in CORRELATION_H if name.endswith("_pu")},
        source=f"made by gridpilot from seed {seed}",
        licence="Apache-2.0",
    )


def price_usd_per_mwh(demand: Floats, solar: Floats, wind: Floats, noise: Floats) -> Floats:
    """A market price that is high where demand is and low where sun and wind are, all relative to their peaks."""
    return 45.0 + 70.0 * (demand - 0.6) - 25.0 * solar - 15.0 * (wind - 0.4) + 8.0 * noise


def _world(minute: Floats, noise: Mapping[str, Floats]) -> Floats:
    hour = (minute % MINUTES_PER_DAY) / 60.0
    day = minute / MINUTES_PER_DAY
    season = np.cos(2.0 * np.pi * (day - 15.0) / YEAR_DAYS)
    weekend = _weekend(day)
    city = _load(hour, season, weekend, 13.0, 0.18) + 0.035 * noise["load_city_pu"]
    suburb = _load(hour, season, weekend, 19.0, 0.05) + 0.04 * noise["load_suburb_pu"]
    solar = _clear_sky(hour, day) * (0.2 + 0.8 * _logistic(2.0 * noise["solar_pu"] + 1.0))
    wind = _logistic(1.5 * noise["wind_pu"] - 0.7 + 0.3 * season)
    price = price_usd_per_mwh(city, solar, wind, noise["price_usd_per_mwh"])
    return np.stack([np.clip(city, 0.05, 1.0), np.clip(suburb, 0.05, 1.0), solar, wind, price], axis=1)


def _weekend(day: Floats) -> Floats:
    """1 on Saturday and Sunday, 0 on other days, with ramps of four hours around midnight."""
    # Day 0 of the epoch was a Thursday; 0 is the midnight before Monday.
    since_monday = (day + 3.0) % 7.0
    inside = np.minimum(since_monday - 5.0, 7.0 - since_monday)
    return np.clip(6.0 * inside + 0.5, 0.0, 1.0) + np.clip(0.5 - 6.0 * since_monday, 0.0, 1.0)


def _load(hour: Floats, season: Floats, weekend: Floats, peak_hour: float, weekend_drop: float) -> Floats:
    daily = np.cos(2.0 * np.pi * (hour - peak_hour) / 24.0)
    morning = np.exp(-0.5 * ((hour - 8.0) / 1.5) ** 2)
    return 0.6 + 0.2 * daily + 0.06 * morning + 0.06 * season - weekend_drop * weekend


def _clear_sky(hour: Floats, day: Floats) -> Floats:
    """Output under a clear sky from the sun's elevation (declination after Cooper, Solar Energy 12, 1969)."""
    declination = np.deg2rad(TILT_DEG) * np.sin(2.0 * np.pi * (284.0 + day % YEAR_DAYS) / YEAR_DAYS)
    latitude = np.deg2rad(LATITUDE_DEG)
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(np.pi * (hour - 12.0) / 12.0)
    # A little air mass: low sun gives less than its sine.
    output: Floats = np.maximum(height, 0.0) ** 1.2
    return output


def _logistic(x: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-x))


def noise(seed: int, column: int, minute: Floats, correlation_h: float) -> Floats:
    """Smooth noise of variance 1 at any minute since the epoch: straight lines between nodes of 5 min."""
    first_day, last_day = int(minute[0] // MINUTES_PER_DAY), int(minute[-1] // MINUTES_PER_DAY)
    nodes = np.concatenate([_day_block(seed, column, day, correlation_h) for day in range(first_day, last_day + 2)])
    at = (minute - first_day * MINUTES_PER_DAY) / NODE_MIN
    left = np.floor(at).astype(np.int64)
    share = at - left
    return nodes[left] * (1.0 - share) + nodes[left + 1] * share


def _day_block(seed: int, column: int, day: int, correlation_h: float) -> Floats:
    """The nodes of one day, from the white noise of that day and the one before it."""
    node: Ints = np.arange(NODES_PER_DAY)
    white = np.concatenate([centred(seed, column, day - 1, node), centred(seed, column, day, node)])
    age = (node + 1) * (NODE_MIN / 60.0) / correlation_h
    # The kernel rises from 0 and fades, so that the noise has no steps.
    kernel = age * np.exp(-2.0 * age)
    kernel = kernel / np.sqrt((kernel**2).sum())
    return np.convolve(white, kernel)[NODES_PER_DAY : 2 * NODES_PER_DAY]
