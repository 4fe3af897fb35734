"""Synthetic profiles: a value depends on seed, column and instant, and on nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpilot.errors import ConfigError
from gridpilot.profiles.randomness import centred, uniform
from gridpilot.profiles.synthetic import load_synthetic


@settings(max_examples=20)
@given(st.integers(0, 2**63), st.integers(1, 5), st.integers(1, 5), st.sampled_from(["1969-12-30", "2020-02-27", "2024-12-30T13:35"]))
def test_a_longer_run_begins_with_the_shorter_one(seed: int, days: int, more: int, start: str) -> None:
    short, long = load_synthetic(seed, start, days), load_synthetic(seed, start, days + more)
    np.testing.assert_array_equal(long.values[: len(short)], short.values)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(1, 288 * 3))
def test_a_later_start_sees_the_same_world(seed: int, row: int) -> None:
    early = load_synthetic(seed, "2020-02-27", 5)
    late = load_synthetic(seed, str(early.time(row)), 1)
    np.testing.assert_array_equal(late.values, early.values[row : row + 288])


@pytest.mark.parametrize("step_min", [1.0, 2.5, 15.0, 60.0])
def test_another_step_sees_the_same_world(step_min: float) -> None:
    fine, coarse = load_synthetic(3, days=2, step_min=0.5), load_synthetic(3, days=2, step_min=step_min)
    np.testing.assert_array_equal(coarse.values, fine.values[:: round(step_min / 0.5)])


def test_a_year_is_plausible() -> None:
    year = load_synthetic(1)
    city, suburb, solar, wind, price = year.values.T
    assert (year.values[:, year.non_negative] >= 0.0).all()
    assert max(city.max(), suburb.max(), solar.max(), wind.max()) <= 1.0
    assert 0.1 < solar.mean() < 0.25
    assert 0.2 < wind.mean() < 0.5
    assert solar[:: year.rows_per_day].max() == 0.0
    # Nothing jumps: 5 minutes move no quantity by more than an eighth of its range, midnight and weekends included.
    assert (np.abs(np.diff(year.values, axis=0)).max(axis=0) < np.ptp(year.values, axis=0) / 8).all()
    assert price.std() > 2.0


def test_days_columns_and_seeds_are_independent() -> None:
    noise = load_synthetic(1).values[:, 3]
    other = load_synthetic(2).values[:, 3]
    assert abs(np.corrcoef(noise, other)[0, 1]) < 0.3
    days = noise.reshape(366, 288)
    assert abs(np.corrcoef(days[:-2].mean(axis=1), days[2:].mean(axis=1))[0, 1]) < 0.3


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="divides a day"):
        load_synthetic(step_min=7.0)
    with pytest.raises(ConfigError, match="1 day or more"):
        load_synthetic(days=0)


def test_hashed_numbers_are_uniform_and_uncorrelated() -> None:
    numbers = uniform(7, np.arange(300)[:, None], np.arange(300)[None, :])
    assert numbers.min() >= 0.0
    assert numbers.max() < 1.0
    counts = np.histogram(numbers, bins=50, range=(0, 1))[0]
    # Chi-squared with 49 degrees of freedom is above 100 once in 30,000 draws.
    assert ((counts - 1800) ** 2 / 1800).sum() < 100
    assert abs(np.corrcoef(numbers[1:].ravel(), numbers[:-1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(numbers[:, 1:].ravel(), numbers[:, :-1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(numbers.ravel(), uniform(8, np.arange(300)[:, None], np.arange(300)[None, :]).ravel())[0, 1]) < 0.02
    assert abs(centred(7, np.arange(10_000)).std() - 1.0) < 0.03
