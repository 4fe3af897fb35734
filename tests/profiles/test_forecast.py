"""Forecasts: made of the past or of what was published, and of no true future."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpilot.errors import ConfigError
from gridpilot.profiles import DayAhead, NoisyPersistence, Profiles, forecaster_of, make_profiles, published
from gridpilot.profiles.rts_gmlc import load_rts_gmlc
from gridpilot.profiles.synthetic import load_synthetic
from gridpilot.values import Floats, Ints

HOURLY = 24
WORLD = load_synthetic(5, days=6, step_min=60.0)


def with_day_ahead(world: Profiles, lead_min: float = 1440.0) -> Profiles:
    published_values = world.values * 1.1 + 0.01
    published_values[:, world.column("solar_pu")] = world.values[:, world.column("solar_pu")] * 0.7
    ahead = make_profiles(
        name="ahead",
        start=world.start,
        step_min=world.step_min,
        columns=world.columns[:3],
        values=published_values[:, :3],
        source="",
        licence="",
        lead_min=lead_min,
    )
    return replace(world, day_ahead=ahead)


def rows(*row: int) -> Ints:
    return np.array(row, dtype=np.int64)


@settings(max_examples=40)
@given(st.integers(0, 120), st.integers(1, 60), st.integers(0, 2**32), st.booleans())
def test_no_forecast_sees_the_true_future(row: int, horizon: int, key: int, day_ahead: bool) -> None:
    forecaster = DayAhead.of(with_day_ahead(WORLD)) if day_ahead else NoisyPersistence.of(WORLD)
    other = WORLD.values.copy()
    other[row + 1 :] = 1e6
    before = forecaster.forecast(WORLD.values, rows(row), horizon, HOURLY, key)
    after = forecaster.forecast(other, rows(row), horizon, HOURLY, key)
    assert np.isfinite(before).all()
    np.testing.assert_array_equal(before, after)


def test_the_present_is_used() -> None:
    for forecaster in (NoisyPersistence.of(WORLD), DayAhead.of(with_day_ahead(WORLD))):
        other = WORLD.values.copy()
        other[60] *= 1.2
        assert (forecaster.forecast(WORLD.values, rows(60), 3, HOURLY, 0) != forecaster.forecast(other, rows(60), 3, HOURLY, 0)).any()


@given(st.lists(st.integers(0, 140), min_size=2, max_size=5), st.integers(1, 30))
def test_an_element_does_not_depend_on_its_batch_nor_a_lead_on_the_horizon(row: list[int], horizon: int) -> None:
    for forecaster in (NoisyPersistence.of(WORLD), DayAhead.of(with_day_ahead(WORLD))):
        batch = forecaster.forecast(WORLD.values, rows(*row), horizon, HOURLY, 9)
        assert batch.shape == (len(row), horizon, 5)
        for b, one in enumerate(row):
            np.testing.assert_array_equal(forecaster.forecast(WORLD.values, rows(one), horizon + 7, HOURLY, 9)[0, :horizon], batch[b])


def test_errors_come_from_the_key_and_grow_with_lead_time() -> None:
    noisy, quiet = NoisyPersistence.of(WORLD), NoisyPersistence.of(WORLD, noise=0.0)
    true = quiet.forecast(WORLD.values, rows(60), 24, HOURLY, 0)[0, :, 0]
    guesses = np.stack([noisy.forecast(WORLD.values, rows(60), 24, HOURLY, key)[0, :, 0] for key in range(400)])
    spread = (guesses / true).std(axis=0)
    np.testing.assert_allclose(spread, 0.03 * np.sqrt(np.arange(1, 25)), rtol=0.2)
    assert abs((guesses / true).mean(axis=0) - 1.0).max() < 0.03
    np.testing.assert_array_equal(guesses[7], noisy.forecast(WORLD.values, rows(60), 24, HOURLY, 7)[0, :, 0])


def test_persistence_repeats_a_day_that_repeats_itself() -> None:
    table = np.tile(WORLD.values[:24], (4, 1))
    guess = NoisyPersistence.of(WORLD, noise=0.0).forecast(table, rows(30), 50, HOURLY, 0)
    np.testing.assert_allclose(guess[0], table[(31 + np.arange(50)) % 24], rtol=1e-12)


def test_before_a_day_of_history_the_present_lasts() -> None:
    quiet = NoisyPersistence.of(WORLD, noise=0.0)
    for row in (0, 23):
        np.testing.assert_array_equal(quiet.forecast(WORLD.values, rows(row), 4, HOURLY, 0)[0], np.tile(WORLD.values[row], (4, 1)))
    assert (quiet.forecast(WORLD.values, rows(24), 4, HOURLY, 0)[0] != WORLD.values[24]).any()


def test_history_does_not_reach_across_a_seam() -> None:
    quiet = NoisyPersistence.of(replace(WORLD, seams=(72,)), noise=0.0)
    np.testing.assert_array_equal(quiet.forecast(WORLD.values, rows(80), 4, HOURLY, 0)[0], np.tile(WORLD.values[80], (4, 1)))
    assert (quiet.forecast(WORLD.values, rows(96), 4, HOURLY, 0)[0] != WORLD.values[96]).any()


def test_nights_stay_dark_and_power_is_never_negative() -> None:
    solar = WORLD.column("solar_pu")
    for forecaster in (NoisyPersistence.of(WORLD, noise=0.5), DayAhead.of(with_day_ahead(WORLD), noise=0.5)):
        guess = forecaster.forecast(WORLD.values, np.arange(24, 100), 24, HOURLY, 3)
        assert (guess[:, :, WORLD.non_negative] >= 0.0).all()
        target = np.arange(24, 100)[:, None] + np.arange(1, 25)
        assert not guess[:, :, solar][np.isin(target % 24, [22, 23, 0, 1, 2])].any()


def test_day_ahead_is_corrected_by_its_error_of_now() -> None:
    profiles = with_day_ahead(WORLD)
    forecaster = DayAhead.of(profiles, memory_h=6.0)
    guess = forecaster.forecast(WORLD.values, rows(60), 6, HOURLY, 0)[0, :, 0]
    table, known = published(profiles)
    assert list(known) == [True, True, True, False, False]
    gap = WORLD.values[60, 0] - table[60, 0]
    np.testing.assert_allclose(guess, table[61:67, 0] + gap * np.exp(-np.arange(1, 7) / 6.0), rtol=1e-12)
    rest = NoisyPersistence.of(WORLD).forecast(WORLD.values, rows(60), 6, HOURLY, 0)
    np.testing.assert_array_equal(forecaster.forecast(WORLD.values, rows(60), 6, HOURLY, 0)[0, :, 3:], rest[0, :, 3:])


def test_a_forecast_is_not_used_before_it_was_published() -> None:
    """A forecast of the next step only must not be read for the step after it: its maker knew one step more."""
    forecaster = DayAhead.of(with_day_ahead(WORLD, lead_min=60.0))
    rest = NoisyPersistence.of(WORLD).forecast(WORLD.values, rows(60), 4, HOURLY, 0)
    guess = forecaster.forecast(WORLD.values, rows(60), 4, HOURLY, 0)
    assert (guess[0, 0, :3] != rest[0, 0, :3]).all()
    np.testing.assert_array_equal(guess[0, 1:], rest[0, 1:])


def test_without_published_forecasts_there_is_no_day_ahead() -> None:
    with pytest.raises(ConfigError, match="without published forecasts"):
        DayAhead.of(WORLD)
    assert isinstance(forecaster_of(WORLD), NoisyPersistence)
    assert isinstance(forecaster_of(with_day_ahead(WORLD)), DayAhead)


def skill(profiles: Profiles, guess: Floats, row: Ints, column: str) -> float:
    c = profiles.column(column)
    true = profiles.values[row[:, None] + np.arange(1, guess.shape[1] + 1)][:, :, c]
    return float(np.abs(guess[:, :, c] - true).mean())


def test_forecasts_of_real_load_beat_plain_persistence(shared_data: Path) -> None:
    rts = load_rts_gmlc(shared_data)
    row = np.arange(400, 100_000, 997)
    flat = np.repeat(rts.values[row][:, None, :], 72, axis=1)
    persistence = NoisyPersistence.of(rts).forecast(rts.values, row, 72, rts.rows_per_day, 1)
    day_ahead = DayAhead.of(rts).forecast(rts.values, row, 72, rts.rows_per_day, 1)
    for column in ("load_area2_mw", "pv_320_PV_1_mw"):
        assert skill(rts, persistence, row, column) < skill(rts, flat, row, column)
        assert skill(rts, day_ahead, row, column) < skill(rts, flat, row, column)
    assert skill(rts, day_ahead, row, "load_area2_mw") < skill(rts, persistence, row, "load_area2_mw")
