"""A view is true, complete, in the operator's signs, and can be written down."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.twin import small

from gridpilot.disturbances import LOAD_SPIKE, Threat
from gridpilot.twin import Twin, make_twin
from gridpilot.values import Action, GridState, View

VERB_OF = {"target_mw": "REDISPATCH", "setpoint_mw": "STORAGE", "delta_mw": "LOAD_SHAPE", "limit_mw": "CURTAIL"}


def wandered(name: str, key: int, steps: int) -> tuple[Twin, GridState]:
    """A state that random orders and the schedule led to."""
    twin = make_twin(name, seeds=(key % 100,), cycle_minutes=15.0)
    state, random = twin.first(), np.random.default_rng(key)
    for _ in range(steps):
        state = twin.step(state, small.jolted(state, random)).state
    return twin, state


def asked(view: View, share: float) -> list[Action]:
    """An order at this share of the range of everything that can be moved."""
    return [
        Action(VERB_OF[parameter], device.name, {parameter: low + share * (high - low)})
        for device in view.devices.values()
        if device.values["in_service"]
        for parameter, (low, high) in device.bounds.items()
    ]


@given(key=st.integers(0, 10**6), steps=st.integers(0, 60), share=st.sampled_from([0.0, 1.0]), name=st.sampled_from(["six_bus", "ieee14"]))
@settings(max_examples=25)
def test_both_ends_of_every_bound_are_applied_without_clipping(key: int, steps: int, share: float, name: str) -> None:
    twin, state = wandered(name, key, steps)
    orders = asked(twin.observe(state), share)
    setpoints, receipts = twin.order(state, orders)
    assert [receipt for receipt in receipts if receipt.outcome != "applied"] == []
    moved = twin.step(state, setpoints)
    if moved.events.shed_mw[0] or moved.events.spilled_mw[0] or not moved.state.flow.energised.all():
        return  # what relays and dead buses took away is not the order's
    view = twin.observe(moved.state)
    for action in orders:
        if action.type in ("REDISPATCH", "STORAGE"):
            sign = -1.0 if action.type == "STORAGE" else 1.0
            wanted = sign * next(iter(action.params.values()))
            unit = view.devices[action.target]
            if unit.values["in_service"]:
                assert float(unit.values["p_mw"]) == pytest.approx(wanted, abs=1e-6), action


def test_bounds_stay_inside_the_nameplate_when_demand_is_above_its_ordinary_peak() -> None:
    made = small.scenario(threats=[Threat(LOAD_SPIKE, (small.LOAD,), (0.25, 0.25), (5.0, 5.0), magnitude=(1.5, 1.5))])
    twin = small.twin(made, demand_mw=190.0)
    state = small.held(twin, twin.first(), 1)[0].state
    low, high = twin.observe(state).devices[small.LOAD].bounds["delta_mw"]
    assert (low, high) == pytest.approx((-40.0, 40.0)), "a fifth of 200 MW, not of the 285 MW that are drawn now"
    _, (receipt,) = twin.order(state, [Action("LOAD_SHAPE", small.LOAD, {"delta_mw": low})])
    assert receipt.outcome == "applied"


def test_signs_are_the_operators() -> None:
    twin = small.twin()
    state = small.obeyed(
        twin,
        twin.first(),
        Action("STORAGE", small.BATTERY, {"setpoint_mw": -30.0}),
        Action("LOAD_SHAPE", small.LOAD, {"delta_mw": -15.0}),
    ).state
    view = twin.observe(state)
    battery, load = view.devices[small.BATTERY], view.devices[small.LOAD]
    assert battery.values["setpoint_mw"] == -30.0
    assert battery.values["p_mw"] == pytest.approx(30.0), "what a device injects is positive in every reading"
    assert battery.bounds["setpoint_mw"][0] < 0 < battery.bounds["setpoint_mw"][1]
    assert load.values["setpoint_mw"] == -15.0
    assert load.values["demand_mw"] == pytest.approx(100.0)
    assert load.values["p_mw"] == pytest.approx(-85.0)


def test_the_summary_adds_up() -> None:
    twin = small.twin(demand_mw=100.0, sun_mw=20.0, wind_mw=300.0)
    summary = twin.observe(twin.first()).summary
    assert summary["load_mw"] == pytest.approx(100.0)
    assert summary["renewable_mw"] == pytest.approx(220.0)
    assert summary["renewable_available_mw"] == pytest.approx(220.0), "the wind plant is rated for 200 MW"
    assert summary["slack_mw"] == pytest.approx(100.0 - 220.0 - 40.0 + summary["losses_mw"])


@pytest.mark.parametrize(("name", "growth"), [("six_bus", False), ("ieee14", False), ("six_bus", True)])
def test_a_view_is_json_but_for_its_preview(name: str, growth: bool) -> None:
    twin = make_twin(name, cycle_minutes=15.0, growth=growth)
    moved = twin.step(twin.first(), twin.first().setpoints)
    _, receipts = twin.order(moved.state, [Action("STORAGE", "nowhere", {"setpoint_mw": 1.0})])
    view = twin.observe(moved.state, last=moved, receipts=receipts)
    written = asdict(replace(view, preview=None))
    assert json.loads(json.dumps(written, allow_nan=False))["time"] == view.time


def test_limits_that_do_not_exist_are_left_out() -> None:
    twin = small.twin(ratings_mva=(np.inf, 500.0, 500.0))
    view = twin.observe(twin.first())
    assert "rating_mva" not in view.branches["AB"].values
    assert view.branches["AC"].values["rating_mva"] == 500.0
    assert "ramp_mw_per_min" not in view.devices[small.UNIT].values
    json.dumps(asdict(replace(view, preview=None)), allow_nan=False)


def test_the_sensitivity_is_what_a_small_move_does() -> None:
    twin = small.twin()
    state = small.held(twin, twin.first(), 1)[0].state
    expected = twin.observe(state).sensitivity[small.BATTERY]
    assert expected["AC"] == pytest.approx(-2 / 3)
    moved = small.obeyed(twin, state, Action("STORAGE", small.BATTERY, {"setpoint_mw": -1.0}))
    change = moved.state.flow.p_from_mw[0] - state.flow.p_from_mw[0]
    assert change == pytest.approx([expected[name] for name in small.LINES], abs=0.02)
    opened = small.obeyed(twin, state, small.switch("AC", "open")).state
    assert twin.observe(opened).sensitivity[small.BATTERY] == pytest.approx({"AB": -1.0, "AC": 0.0, "BC": -1.0})


def test_every_verb_and_its_targets_are_offered() -> None:
    view = small.twin().observe(small.twin().first())
    assert view.verbs["REDISPATCH"] == (small.UNIT,), "the slack unit follows the grid"
    assert view.verbs["TOPOLOGY"] == small.LINES
    assert {"STORAGE", "LOAD_SHAPE", "CURTAIL"} <= set(view.verbs)


def test_a_view_says_when_and_where_it_is() -> None:
    twin = small.twin(seeds=(0, 1))
    state = small.held(twin, twin.first(), 5)[-1].state
    view = twin.observe(state, element=1)
    assert (view.time, view.step, view.dt_h, view.scenario) == ("2030-01-03T01:15", 5, 0.25, "triangle")
    assert twin.time(state) == view.time


def test_sensitivities_of_voltages_and_losses_say_what_a_small_change_of_a_load_does() -> None:
    """With the reactive power that goes with it: a load keeps its power factor."""
    twin = make_twin("ieee14", seeds=(2,), cycle_minutes=15.0)
    state = small.held(twin, twin.first(), 40)[-1].state
    view = twin.observe(state)
    name, less = "LOAD-03", 0.4
    at_bus, ratio, given = _solved_with(twin, state, name)
    before, after = (
        twin.model.engine.solve(state.flow.p_bus_mw + mw * at_bus, state.flow.q_bus_mvar + mw * ratio * at_bus, **given, start=state.flow)
        for mw in (0.0, less)
    )
    for k, bus in enumerate(twin.model.scenario.network.bus_name):
        moved = (after.v_pu - before.v_pu)[0, k] / less
        assert view.voltage_sensitivity[name][bus] == pytest.approx(moved, abs=3e-6), bus
    assert view.loss_sensitivity[name] == pytest.approx(float((after.losses_mw - before.losses_mw)[0]) / less, abs=1e-3)


def _solved_with(twin: Twin, state: GridState, load: str) -> tuple[Any, float, dict[str, Any]]:
    """A unit injection at a load's bus, its Mvar per MW, and what else a power flow of now takes."""
    model = twin.model
    k = model.scenario.tables["load"].name.index(load)
    at_bus = np.zeros((1, model.scenario.network.n_bus))
    at_bus[0, model.scenario.tables["load"].bus[k]] = 1.0
    p, q = state.exogenous[0, model.columns["load"]].reshape(2, -1)[:, k]
    closed = state.setpoints.closed & ~state.faulted & state.branch_active
    given = {"kind": model.layout.base_kind[None], "v_set_pu": model.layout.v_set_pu[None], "closed": closed}
    return at_bus, float(q / p), given


def test_a_grid_that_is_down_has_no_ac_sensitivities() -> None:
    fallen = small.twin(demand_mw=3000.0, slack={"p_min_mw": -1e4, "p_max_mw": 1e4})
    view = fallen.observe(small.held(fallen, fallen.first(), 1)[0].state)
    assert view.voltage_sensitivity == {}
    assert view.loss_sensitivity == {}


def test_weights_turn_the_terms_of_the_last_step_into_its_reward() -> None:
    twin = make_twin("six_bus", seeds=(0,))
    moved = small.held(twin, twin.first(), 3)[-1]
    view = twin.observe(moved.state, last=moved)
    assert sum(view.weights[name] * term for name, term in view.last_terms.items()) == pytest.approx(float(moved.reward[0]))


def test_the_marginal_cost_of_a_unit_is_the_slope_of_what_it_is_booked() -> None:
    twin = small.twin(unit={"cost_a": 0.05, "cost_b": 30.0, "initial_mw": 40.0})
    assert twin.observe(twin.first()).devices[small.UNIT].values["marginal_usd_per_mwh"] == pytest.approx(30.0 + 2 * 0.05 * 40.0)
