"""Charging sessions: recorded ones as published, drawn ones like them, and both on the clock of profiles."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
import pytest

from gridpilot.errors import ConfigError, ProfileError, UnknownNameError
from gridpilot.profiles import Cars, Habits, Profiles, Sessions, draw_sessions, load_acn, load_profiles, with_sessions
from gridpilot.profiles.acn import JUDGING, TUNING
from gridpilot.profiles.sessions import no_sessions

MONDAY = np.datetime64("2016-07-04T00:00", "m")
POINTS = tuple(f"P{k}" for k in range(52))


@pytest.fixture(scope="module")
def drawn() -> Sessions:
    return draw_sessions(POINTS, start=MONDAY, days=56)


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> Sessions:
    return load_acn(root=shared_data)


def on_weekdays(sessions: Sessions) -> np.ndarray:
    day = sessions.start.astype("datetime64[D]").astype(np.int64) + np.floor(sessions.arrival_h / 24.0)
    return np.asarray((day + 3) % 7 < 5)


def stays(sessions: Sessions) -> np.ndarray:
    return sessions.departure_h - sessions.arrival_h


# -------------------------------------------------------------------------------------------------------- drawn


def test_no_point_has_two_cars_at_once(drawn: Sessions) -> None:
    for station in range(len(POINTS)):
        mine = drawn.station == station
        assert (drawn.arrival_h[mine][1:] >= drawn.departure_h[mine][:-1]).all()


def test_no_car_wants_more_than_it_can_get(drawn: Sessions) -> None:
    assert (drawn.energy_mwh <= Habits().p_max_mw * stays(drawn) + 1e-12).all()
    assert (stays(drawn) >= Habits().shortest_h - 1e-9).all()


def test_weekends_are_quiet(drawn: Sessions) -> None:
    busy = on_weekdays(drawn)
    assert busy.sum() / 5 > 8 * (~busy).sum() / 2


def test_a_day_depends_on_its_date_and_seed_only(drawn: Sessions) -> None:
    later = draw_sessions(POINTS, start=MONDAY + np.timedelta64(7, "D"), days=7)
    week = (drawn.arrival_h >= 168.0) & (drawn.arrival_h < 336.0)
    wanted = sorted(zip(drawn.station[week], drawn.energy_mwh[week], strict=True))
    found = sorted(zip(later.station[later.arrival_h < 168.0], later.energy_mwh[later.arrival_h < 168.0], strict=True))
    assert wanted == found
    other = draw_sessions(POINTS, start=MONDAY, days=56, seed=1)
    assert len(other) != len(drawn) or not np.array_equal(other.energy_mwh, drawn.energy_mwh)


def test_a_car_waits_until_the_point_is_free() -> None:
    late = Habits(cars=(Cars(1.0, (8.0, 0.0), (6.0, 0.0), (1.0, 0.0)), Cars(1.0, (9.0, 0.0), (2.0, 0.0), (1.0, 0.0))))
    sessions = draw_sessions(["P"], start=MONDAY, days=1, habits=late)
    assert sessions.arrival_h.tolist() == pytest.approx([8.0, 14.1])
    assert sessions.departure_h.tolist() == pytest.approx([14.0, 16.1])


def test_nothing_is_drawn_for_less_than_a_day() -> None:
    with pytest.raises(ConfigError, match="sessions of 0 days"):
        draw_sessions(POINTS, start=MONDAY, days=0)


# ----------------------------------------------------------------------------------------------------- recorded


def test_acn_is_read_as_published(recorded: Sessions, shared_data: Path) -> None:
    """14,519 sessions at JPL and 7,973 at Caltech; most cars come to work in the morning."""
    every = {site: load_acn(site, first_day="2019-01-01", last_day="2020-12-31", root=shared_data) for site in ("jpl", "caltech")}
    assert {site: (len(s), len(s.points)) for site, s in every.items()} == {"jpl": (14519, 52), "caltech": (7973, 54)}
    assert 5.0 < np.median(recorded.arrival_h[on_weekdays(recorded)] % 24.0) < 8.0
    assert not np.isin(every["jpl"].arrival_h, np.nan).any()


def test_tuning_and_judging_days_are_apart(recorded: Sessions, shared_data: Path) -> None:
    assert TUNING[1] < JUDGING[0]
    later = load_acn(first_day=JUDGING[0], last_day=JUDGING[1], root=shared_data)
    end = recorded.start + np.timedelta64(round(recorded.arrival_h[-1] * 60), "m")
    assert end < later.start


def test_drawn_sessions_are_like_those_of_the_tuning_days(drawn: Sessions, recorded: Sessions) -> None:
    """Number, energy, stay and hour of arrival on weekdays."""
    counts, means = [], []
    for sessions in (drawn, recorded):
        busy = on_weekdays(sessions)
        days = len(np.unique(np.floor(sessions.arrival_h[busy] / 24.0)))
        counts.append(busy.sum() / days / len(sessions.points))
        means.append([sessions.energy_mwh[busy].mean(), stays(sessions)[busy].mean(), np.median(sessions.arrival_h[busy] % 24.0)])
    assert counts[0] == pytest.approx(counts[1], rel=0.05)
    assert means[0] == pytest.approx(means[1], rel=0.1)


def test_a_site_or_file_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRIDPILOT_DATA", raising=False)
    with pytest.raises(UnknownNameError, match="caltech, jpl"):
        load_acn("stanford")
    with pytest.raises(ProfileError, match="set GRIDPILOT_DATA"):
        load_acn(root=tmp_path)


# ------------------------------------------------------------------------------------------------- on the clock


def test_a_car_is_there_from_the_next_row_on_and_leaves_at_its_own_time(drawn: Sessions) -> None:
    profiles = load_profiles("simbench")
    placed = with_sessions(profiles, drawn)
    for k in (0, 7):
        begins = (drawn.start - profiles.start) / np.timedelta64(15, "m") + drawn.arrival_h[k] * 4
        row, point = ceil(begins), drawn.points[drawn.station[k]]
        assert placed.values[row, placed.column(f"{point}.arriving_mwh")] == drawn.energy_mwh[k]
        left = stays(drawn)[k] - (row - begins) / 4
        assert placed.values[row, placed.column(f"{point}.stay_h")] == pytest.approx(left)
    energy = [placed.column(f"{point}.arriving_mwh") for point in drawn.points]
    # only a car that stays for less than a row, or finds no time left, does not come
    assert placed.values[:, energy].sum() == pytest.approx(drawn.energy_mwh.sum(), rel=0.01)
    assert (placed.values[:, energy] > 0).sum() >= 0.99 * len(drawn)


def test_sessions_outside_the_profiles_are_left_out(drawn: Sessions) -> None:
    profiles = load_profiles("simbench").window(0, 96)
    assert not with_sessions(profiles, drawn).values[:, len(profiles.columns) :].any()


def test_recorded_weeks_move_to_another_year_on_the_same_weekdays(drawn: Sessions) -> None:
    moved = drawn.begun_on(np.datetime64("2023-01-02", "m"))
    assert str(moved.start) == "2023-01-02T00:00"
    assert np.array_equal(on_weekdays(moved), on_weekdays(drawn))
    back = moved.begun_on(drawn.start)
    assert back.start == drawn.start


def test_weeks_are_repeated_from_one_day_to_another(drawn: Sessions) -> None:
    """Eight weeks fill twenty: every week is one of them, and nobody comes before or after."""
    first, last = np.datetime64("2017-01-03T00:00", "m"), np.datetime64("2017-05-23T00:00", "m")
    repeated = drawn.between(first, last)
    comes = repeated.start + (repeated.arrival_h * 60.0).astype("timedelta64[m]")
    assert first <= comes.min() <= first + np.timedelta64(1, "D")
    assert last - np.timedelta64(1, "D") <= comes.max() < last
    assert set(repeated.energy_mwh) <= set(drawn.energy_mwh)
    assert len(repeated) == pytest.approx(len(drawn) * 20 / 8, rel=0.1)
    assert (stays(repeated) > 0.0).all()
    assert on_weekdays(repeated).mean() == pytest.approx(on_weekdays(drawn).mean(), abs=0.02)


def test_one_period_follows_another(drawn: Sessions) -> None:
    turn, end = MONDAY + np.timedelta64(56, "D"), MONDAY + np.timedelta64(70, "D")
    both = drawn.then(draw_sessions(POINTS, start=turn, days=14, seed=9).between(turn, end))
    assert len(both) == len(drawn) + int((both.arrival_h >= 56 * 24).sum())
    assert both.arrival_h.max() < 70 * 24
    with pytest.raises(ConfigError, match="cannot follow"):
        drawn.then(drawn.at(["other"]))
    with pytest.raises(ConfigError, match="Nobody comes"):
        no_sessions().between(turn, end)


def test_points_are_chosen_by_how_busy_they_are() -> None:
    sessions = Sessions(MONDAY, ("a", "b", "c"), np.array([0, 1, 1, 2]), np.arange(4.0), np.arange(4.0) + 0.5, np.ones(4), "", "")
    chosen = sessions.at(["X", "Y"])
    assert chosen.points == ("X", "Y")
    assert chosen.station.tolist() == [1, 0, 0]
    with pytest.raises(ConfigError, match="3 charging points; asked for 4"):
        sessions.at(["W", "X", "Y", "Z"])


def test_every_session_that_cannot_be_is_told(drawn: Sessions) -> None:
    with pytest.raises(ConfigError) as error:
        replace(drawn, departure_h=drawn.arrival_h - 1.0, energy_mwh=np.zeros(len(drawn)))
    assert len(error.value.problems) == 2 * len(drawn)
    with pytest.raises(ConfigError, match="different lengths"):
        replace(drawn, station=drawn.station[1:])


def test_profiles_say_where_their_sessions_come_from(drawn: Sessions) -> None:
    placed: Profiles = with_sessions(load_profiles("simbench"), drawn)
    assert "charging sessions: drawn by gridpilot from seed 0" in placed.source
