"""The outlook is made of what is known now: never of the true future, never of the schedule of faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.twin import small

from gridpilot.disturbances import LINE_TRIP, LOAD_SPIKE, Threat
from gridpilot.errors import ConfigError
from gridpilot.scenarios import ProtectionSettings, RewardSettings
from gridpilot.testing.compare import difference
from gridpilot.twin import Twin, make_twin
from gridpilot.twin.outlook import on_outlook
from gridpilot.values import Action, GridState, Preview

BATTERY = Action("STORAGE", "BESS-SUBURB", {"setpoint_mw": -20.0})
GAS = Action("REDISPATCH", "B2-GAS", {"target_mw": 150.0})
CANDIDATES = [(BATTERY,), (GAS, BATTERY), (Action("STORAGE", "nowhere", {"setpoint_mw": 1.0}),)]


def six_bus(*, seeds: tuple[int, ...] = (0,)) -> tuple[Twin, GridState]:
    """Two hours into a day with a history."""
    twin = make_twin("six_bus", start="2016-07-04", seeds=seeds, cycle_minutes=15.0)
    return twin, small.held(twin, twin.first(), 8)[-1].state


def with_published_forecasts() -> tuple[Twin, GridState]:
    """The triangle with forecasts of a sunny day, published the day before, that do not come true."""
    truth = small.steady(**{"C-LOAD.p_mw": 100.0, "C-LOAD.q_mvar": 0.0, "C-SUN.available_mw": 0.0, "C-WIND.available_mw": 10.0})
    told = small.steady(**{"C-LOAD.p_mw": 100.0, "C-LOAD.q_mvar": 0.0, "C-SUN.available_mw": 50.0, "C-WIND.available_mw": 10.0})
    profiles = replace(truth, day_ahead=replace(told, lead_min=1440.0))
    twin = make_twin(small.scenario(), profiles=profiles, start="2030-01-03", cycle_minutes=60 * small.STEP_H)
    return twin, small.held(twin, twin.first(), 8)[-1].state


@pytest.mark.parametrize("make", [six_bus, with_published_forecasts])
def test_a_preview_does_not_see_the_true_future(make: Callable[[], tuple[Twin, GridState]]) -> None:
    twin, state = make()
    now = int(state.row[0])
    other = twin.world.table.copy()
    other[now + 1 :] = np.random.default_rng(0).uniform(0.0, 500.0, other[now + 1 :].shape)
    elsewhere = replace(twin, world=replace(twin.world, table=other))
    assert difference(twin.preview(state, CANDIDATES), elsewhere.preview(state, CANDIDATES)) == ""
    assert difference(twin.observe(state).outlook, elsewhere.observe(state).outlook) == ""
    # The past is known: where it is another, the forecast is another.
    other[: now + 1] *= 1.1
    assert difference(twin.preview(state, CANDIDATES), elsewhere.preview(state, CANDIDATES))


def test_published_forecasts_are_what_an_operator_expects() -> None:
    twin, state = with_published_forecasts()
    assert max(twin.observe(state).outlook["C-SUN.available_mw"]) > 1.0


def test_neither_a_view_nor_a_preview_sees_the_schedule() -> None:
    worlds = [six_bus(seeds=(seed,))[0].world for seed in (1, 2)]
    assert difference(worlds[0].schedule, worlds[1].schedule)
    twin, state = six_bus()
    views = [replace(twin, world=world).observe(state) for world in (twin.world, *worlds)]
    asked = [view.preview(CANDIDATES, 40) for view in views if view.preview is not None]
    assert len(asked) == 3
    for view, preview in zip(views[1:], asked[1:], strict=True):
        assert difference(replace(views[0], preview=None), replace(view, preview=None)) == ""
        assert difference(asked[0], preview) == ""


def test_nothing_is_scheduled_on_an_outlook_and_what_is_on_stays_on() -> None:
    spike = Threat(LOAD_SPIKE, (small.LOAD,), (0.25, 0.25), (0.25, 0.25), magnitude=(1.5, 1.5))
    trip = Threat(LINE_TRIP, ("AC",), (1.0, 1.0), (1.0, 1.0))
    twin = small.twin(threats=[spike, trip], unit={"initial_mw": 0.0})
    state = small.held(twin, twin.first(), 1)[0].state
    outlook, now = twin.outlook(state, 8), on_outlook(state, 0, 1)
    for _ in range(8):
        moved = replace(twin, world=outlook).step(now, now.setpoints)
        now = moved.state
        assert not len(moved.events.struck)
        assert not now.faulted.any()
        assert now.load_factor[0, 0] == 1.5
    assert twin.observe(state).outlook["demand_mw"] == pytest.approx([150.0] * 12, rel=0.2)


def test_do_nothing_comes_first_and_is_always_there() -> None:
    twin, state = six_bus()
    preview = twin.preview(state, CANDIDATES)
    assert preview.nothing.actions == ()
    assert [candidate.actions for candidate in preview.candidates] == [tuple(actions) for actions in CANDIDATES]
    assert twin.preview(state, []).candidates == ()
    assert difference(twin.preview(state, []).nothing, preview.nothing) == ""
    refused = preview.candidates[2]
    assert refused.receipts[0].outcome == "refused"
    assert difference(replace(refused, actions=(), receipts=()), preview.nothing) == "", "an order that is refused does nothing"


def by_hand(twin: Twin, state: GridState, actions: tuple[Action, ...], horizon: int) -> dict[str, float]:
    """What a preview says of a candidate, stepped one by one."""
    onto = replace(twin, world=twin.outlook(state, horizon))
    now = on_outlook(state, 0, 1)
    setpoints, _ = twin.order(state, actions)
    moves = []
    for _ in range(horizon):
        moves.append(onto.step(now, setpoints))
        now, setpoints = moves[-1].state, moves[-1].setpoints
    sums = [moved.outcomes for moved in moves]
    return {
        "reward": sum(float(moved.reward[0]) for moved in moves),
        "max_loading": max(float(one.max_loading[0]) for one in sums),
        "min_v_pu": min(float(one.min_v_pu[0]) for one in sums),
        "max_v_pu": max(float(one.max_v_pu[0]) for one in sums),
        "overload_min": sum(float(one.overload_min[0]) for one in sums),
        "voltage_min": sum(float(one.voltage_min[0]) for one in sums),
        "unserved_mwh": sum(float(one.unserved_mwh[0]) for one in sums),
        "curtailment_mwh": sum(float(one.curtailed_mwh[0]) for one in sums),
        "trips": sum(int(moved.events.tripped.sum()) for moved in moves),
        "survives": float(not now.collapsed[0]),
    }


@pytest.mark.parametrize("horizon", [1, 12])
def test_a_preview_is_the_outlook_stepped(horizon: int) -> None:
    twin, state = six_bus()
    dark = tuple(small.switch(name, "open") for name in ("LN01", "LN12", "LN14"))
    preview = twin.preview(state, [*CANDIDATES, dark], horizon)
    _assert_stepped(twin, state, preview)
    assert preview.candidates[-1].unserved_mwh > 1.0


@pytest.mark.parametrize("rounds", [10, 1], ids=["cascade", "collapse"])
def test_a_preview_foresees_what_protection_will_do(rounds: int) -> None:
    """AC opens after half an hour above its rating; BC follows, which is a collapse where one round is all there may be."""
    relays = ProtectionSettings(overload_delay_h=0.5, lockout_h=0.5, crew_h=1.0, rounds=rounds)
    twin = small.twin(ratings_mva=(500.0, 48.0, 60.0), protection=relays, battery={"initial_mwh": 100.0})
    state = twin.first()
    relief = Action("STORAGE", small.BATTERY, {"setpoint_mw": -30.0})
    preview = twin.preview(state, [(relief,)], 8)
    _assert_stepped(twin, state, preview)
    assert preview.candidates[0].trips == 0
    assert (preview.nothing.trips, preview.nothing.survives) == ((2, True) if rounds > 1 else (1, False))


def _assert_stepped(twin: Twin, state: GridState, preview: Preview) -> None:
    for candidate in (preview.nothing, *preview.candidates):
        expected = by_hand(twin, state, candidate.actions, preview.horizon)
        assert {name: float(getattr(candidate, name)) for name in expected} == pytest.approx(expected, abs=1e-9)
        assert candidate.reward == pytest.approx(np.dot(list(candidate.terms.values()), twin.model.weights), abs=1e-9)


def test_energy_that_a_plan_uses_up_is_not_free_on_the_outlook() -> None:
    fuel = {"cost_b": 30.0}
    rewards = RewardSettings(slack_band_mw=300.0)
    twin = small.twin(small.scenario(slack=fuel, unit=fuel, rewards=rewards))
    preview = twin.preview(twin.first(), [(Action("STORAGE", small.BATTERY, {"setpoint_mw": -40.0}),)], 4)
    assert preview.candidates[0].reward < preview.nothing.reward


def test_the_same_key_gives_the_same_forecast_and_another_key_another() -> None:
    twin, state = six_bus()

    def demand(one: Twin) -> tuple[float, ...]:
        return one.observe(state).outlook["demand_mw"]

    assert demand(twin) == demand(twin)
    other = replace(twin, forecast_seed=9)
    assert demand(twin) != demand(other)
    assert difference(twin.preview(state, CANDIDATES), other.preview(state, CANDIDATES))
    assert difference(twin.preview(state, CANDIDATES), twin.preview(state, CANDIDATES)) == ""


def test_a_view_and_a_preview_look_at_the_same_future() -> None:
    twin, state = six_bus()
    expected = twin.observe(state).outlook
    outlook = twin.outlook(state, 12)
    for column, driver in enumerate(twin.model.scenario.drivers()):
        assert expected[driver] == pytest.approx(outlook.table[1:, column])


def test_what_is_asked_for_one_element_does_not_depend_on_the_others() -> None:
    twin, state = six_bus(seeds=(0, 1, 2))
    for element, seed in ((0, 0), (2, 2)):
        alone, mine = six_bus(seeds=(seed,))
        alone = replace(alone, forecast_seed=twin.forecast_seed)
        assert difference(twin.preview(state, CANDIDATES, element=element), alone.preview(mine, CANDIDATES)) == ""


def test_a_horizon_below_one_cycle_is_refused() -> None:
    twin, state = six_bus()
    for horizon in (0, -3):
        with pytest.raises(ConfigError, match=f"at least one cycle ahead, found a horizon of {horizon}"):
            twin.preview(state, [], horizon)


def test_a_preview_reaches_beyond_the_end_of_the_episode_and_of_the_profiles() -> None:
    twin = make_twin("six_bus", start="2016-12-30", cycles=96, cycle_minutes=15.0)
    state = small.held(twin, twin.first(), 96)[-1].state
    assert int(state.row[0]) + 200 > len(twin.world.table)
    assert twin.preview(state, [(BATTERY,)], 200).horizon == 200
