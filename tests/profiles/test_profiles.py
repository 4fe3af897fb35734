"""`Profiles`: clock, windows, seams, and what resampling keeps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gridpilot.errors import ConfigError, ProfileError, UnknownNameError
from gridpilot.profiles import Profiles, make_profiles
from gridpilot.values import Floats


def profiles(values: Floats, *, start: str = "2020-01-01", step_min: float = 15.0, seams: tuple[int, ...] = ()) -> Profiles:
    columns = ["load_a_mw", "price_usd_per_mwh"][: values.shape[1]]
    return make_profiles(
        name="test", start=np.datetime64(start), step_min=step_min, columns=columns, values=values, source="", licence="", seams=seams
    )


def ramp(n_rows: int) -> Floats:
    return np.stack([np.arange(n_rows, dtype=float), -np.arange(n_rows, dtype=float)], axis=1)


tables = st.integers(2, 30).flatmap(lambda n: arrays(np.float64, (n, 2), elements=st.floats(-1e3, 1e3)))


def test_the_table_is_read_only_and_apart_from_what_it_was_made_of() -> None:
    values = ramp(4)
    made = profiles(values)
    values[0, 0] = 7.0
    assert made.values[0, 0] == 0.0
    for table in (made.values, made.peak, made.resampled(5.0).values, made.resampled(30.0).values, made.window(1, 2).values):
        assert not table.flags.writeable


def test_rows_know_their_instants() -> None:
    made = profiles(ramp(192), start="2020-02-28T12:00")
    assert made.rows_per_day == 96
    assert str(made.time(48)) == "2020-02-29T00:00"
    assert str(made.end) == "2020-03-01T12:00"
    assert made.rows_between("2020-02-29", "2020-02-29") == range(48, 144)
    assert made.rows_between("2020-03-01", "2020-03-09") == range(144, 192)
    assert len(made.rows_between("2021-01-01", "2021-01-02")) == 0


def test_episodes_begin_at_midnight_and_cross_no_seam() -> None:
    made = profiles(ramp(96 * 5), start="2020-02-28T12:00", seams=(200,))
    starts = made.episode_starts(96)
    assert [str(made.time(int(row))) for row in starts] == ["2020-02-29T00:00", "2020-03-02T00:00", "2020-03-03T00:00"]
    assert all(not made.crosses_seam(int(row), 96) for row in starts)
    assert list(made.episode_starts(96, first_day="2020-03-02", last_day="2020-03-02")) == [48 + 2 * 96]


def test_an_episode_may_begin_at_a_seam() -> None:
    assert list(profiles(ramp(192), seams=(96,)).episode_starts(96)) == [0, 96]


def test_a_window_keeps_clock_and_seams() -> None:
    part = profiles(ramp(100), seams=(10, 50, 60)).window(50, 20)
    assert str(part.start) == "2020-01-01T12:30"
    assert part.seams == (10,)
    np.testing.assert_array_equal(part.values[:, 0], np.arange(50, 70))
    with pytest.raises(ConfigError, match="rows 0 to 99"):
        profiles(ramp(100)).window(90, 11)


def test_an_unknown_column_is_told_with_the_valid_ones() -> None:
    with pytest.raises(UnknownNameError, match="load_a_mw, price_usd_per_mwh"):
        profiles(ramp(4)).column("load_b_mw")


def test_scaling_renames_and_keeps_kinds_peaks_and_forecasts() -> None:
    ahead = profiles(2.0 * ramp(4))
    made = make_profiles(
        name="test", start=ahead.start, step_min=15.0, columns=ahead.columns, values=ramp(4), source="", licence="", day_ahead=ahead
    )
    scaled = made.scaled({"city_mw": ("load_a_mw", 0.5), "suburb_mw": ("load_a_mw", 2.0)})
    np.testing.assert_array_equal(scaled.values, np.stack([made.values[:, 0] * 0.5, made.values[:, 0] * 2.0], axis=1))
    assert scaled.kinds == ("load", "load")
    np.testing.assert_array_equal(scaled.peak, [1.5, 6.0])
    assert scaled.day_ahead is not None
    np.testing.assert_array_equal(scaled.day_ahead.values[:, 1], 4.0 * made.values[:, 0])
    with pytest.raises(ConfigError, match="above 0"):
        made.scaled({"city_mw": ("load_a_mw", -1.0)})


@given(tables, st.integers(1, 15))
def test_refining_passes_through_every_stated_instant_on_straight_lines(values: Floats, k: int) -> None:
    fine = profiles(values).resampled(15.0 / k)
    np.testing.assert_allclose(fine.values[::k], values, atol=1e-12)
    instants = np.arange(len(fine)) / k
    for c in range(2):
        np.testing.assert_allclose(fine.values[:, c], np.interp(instants, np.arange(len(values)), values[:, c]), atol=1e-9)


@given(tables, st.integers(1, 6))
def test_coarsening_keeps_the_energy_of_every_full_step(values: Floats, k: int) -> None:
    made = profiles(values)
    if k > len(values):
        with pytest.raises(ConfigError, match="shorter than one step"):
            made.resampled(15.0 * k)
        return
    coarse = made.resampled(15.0 * k)
    full = len(coarse) * k
    energy = values[:full].sum(axis=0) * made.step_min
    np.testing.assert_allclose(coarse.values.sum(axis=0) * coarse.step_min, energy, rtol=1e-9, atol=1e-6)
    assert len(coarse) == len(values) // k


@given(tables, st.integers(2, 6))
def test_there_is_no_line_across_a_seam(values: Floats, k: int) -> None:
    seam = len(values) // 2
    fine = profiles(values, seams=(seam,)).resampled(15.0 / k)
    assert fine.seams == (seam * k,)
    np.testing.assert_allclose(fine.values[(seam - 1) * k : seam * k], np.repeat(values[seam - 1 : seam], k, axis=0), atol=1e-12)


def test_a_coarse_row_with_a_seam_inside_belongs_to_neither_side() -> None:
    assert profiles(ramp(12), seams=(5,)).resampled(60.0).seams == (1, 2)
    assert profiles(ramp(12), seams=(4,)).resampled(60.0).seams == (1,)


@pytest.mark.parametrize("step_min", [10.0, 20.0, 0.0, -15.0])
def test_a_step_that_does_not_fit_is_refused(step_min: float) -> None:
    with pytest.raises(ConfigError, match="cannot become"):
        profiles(ramp(12)).resampled(step_min)


def test_a_table_that_is_not_finite_is_refused() -> None:
    values = ramp(4)
    values[2, 1] = np.nan
    with pytest.raises(ProfileError, match="not finite"):
        profiles(values)
