"""Grids that lose their supply: an island is dark and says so, a collapse is an outcome and stays."""

from __future__ import annotations

import numpy as np
import pytest
from tests.twin import small

from gridpilot.testing.compare import difference
from gridpilot.traces.fingerprint import named_arrays
from gridpilot.twin import Twin
from gridpilot.twin.arrays import pick
from gridpilot.values import Action, GridState, Setpoints, Status, Transition


@pytest.fixture
def island() -> tuple[Twin, Transition]:
    """C, with load, battery and sun, is cut off by both of its breakers."""
    twin = small.twin(sun_mw=30.0)
    return twin, small.obeyed(twin, twin.first(), small.switch("AC", "open"), small.switch("BC", "open"))


def test_an_island_is_dark_and_all_its_load_unserved(island: tuple[Twin, Transition]) -> None:
    _, moved = island
    state = moved.state
    assert state.flow.status[0] == Status.ISLANDED
    assert state.flow.energised[0].tolist() == [True, True, False]
    assert moved.events.islanded[0]
    assert not moved.events.collapsed[0]
    assert moved.outcomes.unserved_mwh[0] == pytest.approx(moved.outcomes.demand_mwh[0])
    assert moved.outcomes.curtailed_mwh[0] == pytest.approx(30.0 * small.STEP_H), "the sun shines on a dead bus"
    assert state.flow.v_pu[0, small.C] == 0.0
    assert [float(state.devices[kind].p_mw[0, 0]) for kind in ("load", "solar", "storage")] == [0.0, 0.0, 0.0]
    assert moved.outcomes.balance_mw[0] < 1e-6


def test_a_battery_on_a_dead_bus_keeps_its_energy() -> None:
    twin = small.twin(battery={"self_discharge_per_h": 0.0})
    first = small.obeyed(twin, twin.first(), Action("STORAGE", small.BATTERY, {"setpoint_mw": -40.0})).state
    dark = small.obeyed(twin, first, small.switch("AC", "open"), small.switch("BC", "open")).state
    assert dark.devices["storage"].p_mw[0, 0] == 0.0
    assert dark.devices["storage"].energy_mwh[0, 0] == first.devices["storage"].energy_mwh[0, 0]


def test_an_island_is_told_once_and_is_over_when_a_breaker_closes(island: tuple[Twin, Transition]) -> None:
    twin, moved = island
    (still,) = small.held(twin, moved.state, 1)
    assert not still.events.islanded[0]
    back = small.obeyed(twin, still.state, small.switch("AC", "closed"))
    assert back.state.flow.status[0] == Status.OK
    assert back.outcomes.unserved_mwh[0] == 0.0


@pytest.fixture
def fallen() -> tuple[Twin, GridState, Transition]:
    """Two alike; the first one charges its battery with more than two lines of 0.05 pu can carry at any voltage."""
    strong = {"p_min_mw": -1e4, "p_max_mw": 1e4}
    twin = small.twin(demand_mw=500.0, sun_mw=20.0, slack=strong, battery={"p_max_mw": 3000.0, "energy_max_mwh": 1e5}, seeds=(0, 1))
    state = twin.first()
    devices = {kind: values.copy() for kind, values in state.setpoints.devices.items()}
    devices["storage"][0] = -2500.0
    return twin, state, twin.step(state, Setpoints(devices, state.setpoints.closed))


def test_beyond_what_lines_can_carry_the_grid_goes_down_as_an_outcome(fallen: tuple[Twin, GridState, Transition]) -> None:
    twin, before, moved = fallen
    assert moved.events.collapsed.tolist() == [True, False]
    assert moved.state.collapsed.tolist() == [True, False]
    assert not moved.state.flow.energised[0].any()
    assert moved.outcomes.unserved_mwh[0] == pytest.approx(moved.outcomes.demand_mwh[0])
    assert moved.outcomes.demand_mwh[0] == pytest.approx(500.0 * small.STEP_H)
    assert moved.outcomes.curtailed_mwh[0] == pytest.approx(20.0 * small.STEP_H)
    assert moved.outcomes.cost_usd[0] == 0.0
    assert moved.state.devices["storage"].energy_mwh[0, 0] == pytest.approx(before.devices["storage"].energy_mwh[0, 0], rel=1e-4)
    assert moved.reward[0] < moved.reward[1] - 1.0
    assert twin.describe(moved)[0] == "COLLAPSE: the grid went down."


def test_its_neighbour_does_not_notice(fallen: tuple[Twin, GridState, Transition]) -> None:
    twin, before, moved = fallen
    alone = twin.step(before, before.setpoints)
    assert difference(pick(moved.state, np.array([1])), pick(alone.state, np.array([1]))) == ""


def test_once_down_a_grid_stays_down_whatever_is_ordered(fallen: tuple[Twin, GridState, Transition]) -> None:
    twin, before, moved = fallen
    state = moved.state
    for _ in range(4):
        moved = twin.step(state, before.setpoints)
        state = moved.state
        assert state.collapsed.tolist() == [True, False]
        assert not moved.events.collapsed.any(), "it goes down once"
        assert moved.outcomes.unserved_mwh[0] == pytest.approx(500.0 * small.STEP_H)
        assert moved.outcomes.unserved_mwh[1] == 0.0
        assert not state.devices["generator"].p_mw[0].any()
        assert all(np.isfinite(array).all() for _, array in named_arrays(state))


def test_a_fallen_grid_can_still_be_looked_at(fallen: tuple[Twin, GridState, Transition]) -> None:
    twin, _, moved = fallen
    view = twin.observe(moved.state, last=moved)
    assert not any(bus.values["energised"] for bus in view.buses.values())
    assert not any(device.values["in_service"] for device in view.devices.values())
    assert view.preview is not None
    assert not view.preview([(small.switch("AC", "open"),)]).nothing.survives


def test_a_grid_that_has_no_power_flow_to_begin_with_is_down_from_the_start() -> None:
    twin = small.twin(demand_mw=3000.0, slack={"p_min_mw": -1e4, "p_max_mw": 1e4})
    state = twin.first()
    assert state.flow.status[0] in (Status.DIVERGED, Status.LOW_VOLTAGE)
    assert state.collapsed[0]
    assert small.held(twin, state, 1)[0].outcomes.unserved_mwh[0] == pytest.approx(3000.0 * small.STEP_H)


def test_a_grid_that_cannot_stand_at_the_start_is_dark_from_the_first_view_on() -> None:
    twin = small.twin(demand_mw=5000.0)
    first = twin.first()
    assert first.collapsed.tolist() == [True]
    assert not first.flow.energised.any()
    assert not first.flow.v_pu.any()
    assert twin.observe(first).summary["max_v_pu"] == 0.0
