"""Each rule of the heuristic operator on a grid that calls for it, and on one that does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.twin import small

from gridpilot.agents import make_agent
from gridpilot.disturbances import LINE_TRIP, Threat
from gridpilot.scenarios import ProtectionSettings
from gridpilot.twin import Twin
from gridpilot.values import Action, Decision, GridState, View

ON_SCHEDULE = {"initial_mw": 60.0}
"""Of the slack unit: what it gives when 100 MW are drawn and 40 MW come from the other unit."""


def decided(twin: Twin, state: GridState | None = None) -> dict[tuple[str, str], float | str]:
    """Orders of the rules by verb and target."""
    return orders(make_agent("rules").decide(twin.observe(twin.first() if state is None else state)))


def orders(decision: Decision) -> dict[tuple[str, str], float | str]:
    return {(action.type, action.target): next(iter(action.params.values())) for action in decision.actions}


def test_where_all_is_well_nothing_is_done() -> None:
    assert decided(small.twin(slack=ON_SCHEDULE)) == {}


def test_first_rule_closes_what_stands_open() -> None:
    twin = small.twin(slack=ON_SCHEDULE)
    state = small.obeyed(twin, twin.first(), small.switch("AC", "open")).state
    assert decided(twin, state) == {("TOPOLOGY", "AC"): "closed"}


def test_first_rule_leaves_what_is_faulted_or_locked_out() -> None:
    fault = small.twin(slack=ON_SCHEDULE, threats=[Threat(LINE_TRIP, ("AC",), (0.25, 0.25), (4.0, 4.0))])
    state = small.obeyed(fault, fault.first(), small.switch("AC", "open")).state
    assert state.faulted[0, small.AC]
    assert decided(fault, state) == {}
    relay = small.twin(slack=ON_SCHEDULE, ratings_mva=(500.0, 30.0, 500.0), protection=ProtectionSettings())
    state = small.held(relay, relay.first(), 1)[0].state
    assert state.protection.tripped[0, small.AC]
    assert ("TOPOLOGY", "AC") not in decided(relay, state)


def test_second_rule_brings_the_slack_unit_back_to_its_schedule() -> None:
    twin = small.twin(slack={"initial_mw": 30.0})
    told = decided(twin)
    assert told == {("REDISPATCH", small.UNIT): pytest.approx(40.0 + 30.0, abs=0.5)}
    moved = small.obeyed(twin, twin.first(), *make_agent("rules").decide(twin.observe(twin.first())).actions)
    assert moved.outcomes.slack_p_mw[0] == pytest.approx(30.0, abs=0.5)


def test_second_rule_keeps_a_reserve_when_it_lowers_units() -> None:
    twin = small.twin(demand_mw=10.0, slack={"initial_mw": 60.0})
    # 90 MW too much; the unit gives 40 MW, of which 15 MW are its reserve.
    assert decided(twin)["REDISPATCH", small.UNIT] == 15.0
    view = twin.observe(twin.first())
    assert orders(make_agent("rules", reserve_share=0.0).decide(view))["REDISPATCH", small.UNIT] == 0.0


def test_third_rule_discharges_and_sheds_when_a_branch_is_hot() -> None:
    twin = small.twin(ratings_mva=(500.0, 50.0, 500.0), slack=ON_SCHEDULE)
    assert decided(twin) == {("STORAGE", small.BATTERY): -50.0, ("LOAD_SHAPE", small.LOAD): -20.0}


def test_third_rule_discharges_and_sheds_when_a_voltage_is_low() -> None:
    twin = small.twin(slack=ON_SCHEDULE)
    view = twin.observe(twin.first())
    low = replace(view, summary={**view.summary, "min_v_pu": 0.95})
    assert orders(make_agent("rules").decide(low)) == {("STORAGE", small.BATTERY): -50.0, ("LOAD_SHAPE", small.LOAD): -20.0}


def test_fourth_rule_stores_a_surplus_and_gives_back_when_all_is_calm() -> None:
    surplus = small.twin(sun_mw=80.0, slack={"initial_mw": -20.0})
    assert decided(surplus) == {("STORAGE", small.BATTERY): 50.0}
    calm = small.twin(slack=ON_SCHEDULE)
    shaped = small.obeyed(
        calm, calm.first(), Action("LOAD_SHAPE", small.LOAD, {"delta_mw": -5.0}),
        Action("STORAGE", small.BATTERY, {"setpoint_mw": -5.0}),
    ).state  # fmt: skip
    assert decided(calm, shaped) == {("LOAD_SHAPE", small.LOAD): 0.0, ("STORAGE", small.BATTERY): 0.0}


def test_fifth_rule_takes_less_of_a_plant_that_pushes_into_a_hot_branch_and_stores_what_it_can() -> None:
    twin = small.twin(
        demand_mw=20.0, sun_mw=150.0, ratings_mva=(500.0, 80.0, 500.0), unit={"initial_mw": 0.0}, slack={"initial_mw": -130.0}
    )
    told = decided(twin)
    assert told["CURTAIL", small.SUN] == 135.0
    assert told["STORAGE", small.BATTERY] == 50.0
    assert ("LOAD_SHAPE", small.LOAD) not in told, "less consumption would push even more"


def test_fifth_rule_leaves_a_plant_that_relieves_the_hot_branch() -> None:
    twin = small.twin(sun_mw=10.0, ratings_mva=(500.0, 45.0, 500.0), slack={"initial_mw": 50.0})
    assert ("CURTAIL", small.SUN) not in decided(twin)


def test_fifth_rule_lifts_the_limit_step_by_step_when_all_is_calm() -> None:
    twin = small.twin(sun_mw=30.0, slack={"initial_mw": 30.0})
    state = small.obeyed(twin, twin.first(), Action("CURTAIL", small.SUN, {"limit_mw": 190.0})).state
    assert decided(twin, state) == {("CURTAIL", small.SUN): 200.0}


def test_it_needs_no_preview_and_says_what_it_saw() -> None:
    twin = small.twin(ratings_mva=(500.0, 48.0, 500.0), slack=ON_SCHEDULE)
    view: View = replace(twin.observe(twin.first()), preview=None)
    decision = make_agent("rules").decide(view)
    assert "AC at 11" in decision.assessment
    assert decision.risk_level == "HIGH"
    assert all(action.reason for action in decision.actions)
