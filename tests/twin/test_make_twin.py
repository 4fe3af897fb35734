"""`make_twin` refuses what cannot be had, and says what can."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from tests.twin import small

from gridpilot.errors import ConfigError, UnknownNameError
from gridpilot.scenarios import RewardSettings
from gridpilot.testing.compare import difference
from gridpilot.twin import make_twin


@pytest.mark.parametrize(
    ("settings", "listed"),
    [
        ({"scenario": "six_buss"}, ("six-bus", "ieee14")),
        ({"profiles": "simbnch"}, ("simbench", "rts-gmlc")),
        ({"engine": "newtn"}, ("newton", "dc", "pandapower")),
        ({"period": "judgement"}, ("judging", "tuning")),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_unknown_name_is_answered_with_the_valid_ones(settings: dict[str, str], listed: tuple[str, ...]) -> None:
    with pytest.raises(UnknownNameError) as told:
        make_twin(**{"scenario": "six_bus", **settings})  # type: ignore[arg-type]
    assert next(iter(settings.values())) in str(told.value)
    assert all(name in str(told.value) for name in listed)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"start": "tomorrow"}, "'tomorrow' is not a date; expected a day such as 2016-07-04"),
        ({"start": ""}, "'' is not a date"),
        ({"start": "NaT"}, "'NaT' is not a date"),
        ({"start": "1999-01-01"}, "1999-01-01 is not in profiles 'simbench', which run from 2016-01-01"),
        ({"start": "2016-07-04T00:07"}, "is not in profiles"),
        ({"start": "2016-12-31", "cycles": 289}, "cannot start at row"),
        ({"cycles": 10**6}, "no judging day from which 1000000 cycles of 5 min follow: ask for fewer cycles"),
        ({"cycles": 0}, "cycles: must be a whole number from 1 on, found 0"),
        ({"cycles": 1.5}, "cycles: must be a whole number from 1 on, found 1.5"),
        ({"seeds": ()}, "seeds: are empty"),
        ({"seeds": (0, -1)}, "seeds: must be whole numbers from 0 on, found -1"),
        ({"cycle_minutes": 7.0}, "A cycle of 7 min does not divide an episode of 24 h; try 5, 15 or 60"),
        ({"cycle_minutes": 0.0}, "does not divide"),
        ({"cycle_minutes": -5.0}, "does not divide"),
        ({"cycle_minutes": float("nan")}, "does not divide"),
        ({"cycle_minutes": float("inf")}, "does not divide"),
        ({"engine": "dc"}, "Engine 'dc' has no voltage magnitudes, and scenario 'six_bus' weighs voltage"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_settings_are_refused_with_a_sentence(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as error:
        make_twin("six_bus", **settings)
    assert told in str(error.value)


def test_several_bad_settings_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        make_twin("six_bus", seeds=(), cycles=-1)
    assert len(error.value.problems) == 2


def test_a_day_is_drawn_by_the_seed_from_the_period() -> None:
    judging = [make_twin("six_bus", seeds=(seed,)) for seed in range(6)]
    days = [twin.time(twin.first()) for twin in judging]
    assert len(set(days)) > 3
    assert all("2016-07-01" <= day < "2016-12-30" and day.endswith("T00:00") for day in days)
    again = make_twin("six_bus", seeds=(0,))
    assert again.time(again.first()) == days[0]
    tuning = make_twin("six_bus", seeds=(0,), period="tuning")
    assert "2016-01-02" <= tuning.time(tuning.first()) < "2016-07-01"


def test_a_start_can_be_a_date_and_names_are_forgiving() -> None:
    written, spoken = make_twin("six_bus", start="2016-07-04"), make_twin("Six-Bus", start=date(2016, 7, 4))
    assert difference(written.first(), spoken.first()) == ""
    assert written.time(written.first()) == "2016-07-04T00:00"


def test_the_length_of_an_episode_follows_from_cycles() -> None:
    assert make_twin("six_bus").world.end_step == 288
    assert make_twin("six_bus", cycle_minutes=15.0).world.end_step == 96
    assert make_twin("six_bus", cycles=7).world.end_step == 7


def test_dc_runs_where_voltage_has_no_weight() -> None:
    made = replace(small.scenario(), rewards=RewardSettings(weights={"voltage": 0.0}))
    profiles = small.twin(made).world.profiles
    twin = make_twin(made, profiles=profiles, start="2030-01-03", cycle_minutes=15.0, engine="dc")
    moved = small.held(twin, twin.first(), 1)[0]
    assert moved.state.flow.p_from_mw[0, small.AC] == pytest.approx((100.0 - 40.0) * 2 / 3 + 40.0 / 3)
    assert moved.outcomes.balance_mw[0] < 1e-6
    assert np.all(moved.state.flow.v_pu == 1.0)
