"""Relays: delay, hard limit, cascade, lock-out, and the crew that closes again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.twin import small

from gridpilot.disturbances import LINE_TRIP, Threat
from gridpilot.scenarios import ProtectionSettings
from gridpilot.twin import Twin
from gridpilot.values import Action, GridState

RELAYS = ProtectionSettings(overload_delay_h=0.5, hard_limit=1.5, lockout_h=0.5, crew_h=0.5)
# 100 MW at C and 40 MW at B: AC carries 53 MW, AB 7 MW and BC 47 MW.


def tripped(twin: Twin, steps: int) -> list[list[str]]:
    """Lines that protection opened, step by step."""
    return [[small.LINES[k] for k in moved.events.tripped[0].nonzero()[0]] for moved in small.held(twin, twin.first(), steps)]


def test_an_overload_opens_the_line_only_when_the_delay_is_over() -> None:
    # Above its rating at 15, 30 and 45 min: longer than half an hour for the first time at the third step.
    twin = small.twin(ratings_mva=(500.0, 48.0, 500.0), protection=RELAYS)
    assert 1.0 < twin.first().flow.loading[0, small.AC] < 1.5
    assert tripped(twin, 4) == [[], [], ["AC"], []]


def test_below_its_rating_a_line_stays_and_its_clock_is_reset() -> None:
    twin = small.twin(ratings_mva=(500.0, 48.0, 500.0), protection=RELAYS)
    state = small.held(twin, twin.first(), 2)[-1].state
    assert state.protection.overload_h[0, small.AC] == pytest.approx(0.5)
    relief = Action("STORAGE", small.BATTERY, {"setpoint_mw": -30.0})
    moved = small.obeyed(twin, state, relief)
    assert moved.state.protection.overload_h[0, small.AC] == 0.0
    assert not any(moved.events.tripped.any() for moved in small.held(twin, moved.state, 4))
    loaded = small.obeyed(twin, moved.state, Action("STORAGE", small.BATTERY, {"setpoint_mw": 0.0}))
    assert not loaded.events.tripped.any(), "the delay begins anew"


def test_above_the_hard_limit_a_line_opens_at_once() -> None:
    twin = small.twin(ratings_mva=(500.0, 30.0, 500.0), protection=RELAYS)
    assert tripped(twin, 1) == [["AC"]]


def test_a_cascade_runs_within_the_step_and_ends_in_an_island() -> None:
    # AC opens above its hard limit; BC, well below its rating before, then carries everything, and opens too.
    twin = small.twin(ratings_mva=(500.0, 30.0, 60.0), protection=RELAYS)
    assert twin.first().flow.loading[0, small.BC] < 1.0
    (moved,) = small.held(twin, twin.first(), 1)
    assert moved.events.tripped[0].tolist() == [False, True, True]
    assert not moved.state.flow.energised[0, small.C]
    assert moved.outcomes.unserved_mwh[0] == pytest.approx(100.0 * small.STEP_H)
    assert [line.split(":")[0] for line in twin.describe(moved)] == ["ISLANDED", "PROTECTION_TRIP", "PROTECTION_TRIP"]


def test_a_cascade_that_does_not_end_is_a_collapse() -> None:
    twin = small.twin(ratings_mva=(500.0, 30.0, 60.0), protection=replace(RELAYS, rounds=1))
    (moved,) = small.held(twin, twin.first(), 1)
    assert moved.events.collapsed[0]
    assert moved.state.collapsed[0]


@pytest.fixture
def locked() -> tuple[Twin, GridState]:
    """AC has just been opened by protection, for half an hour of lock-out; its load has gone."""
    twin = small.twin(ratings_mva=(500.0, 30.0, 500.0), protection=RELAYS, battery={"p_max_mw": 80.0, "initial_mwh": 100.0})
    moved = small.obeyed(twin, twin.first(), Action("STORAGE", small.BATTERY, {"setpoint_mw": 0.0}))
    assert moved.events.tripped[0, small.AC]
    return twin, small.obeyed(twin, moved.state, Action("STORAGE", small.BATTERY, {"setpoint_mw": -60.0})).state


def test_lock_out_refuses_closing_with_a_receipt(locked: tuple[Twin, GridState]) -> None:
    twin, state = locked
    setpoints, (receipt,) = twin.order(state, [small.switch("AC", "closed")])
    assert receipt.outcome == "refused"
    assert receipt.applied is None
    assert "locked the branch out for another 15 min" in receipt.why
    assert not twin.step(state, setpoints).state.setpoints.closed[0, small.AC]


def test_no_way_around_the_lock_out(locked: tuple[Twin, GridState]) -> None:
    """Setpoints that did not pass `order`, as a policy's vector or an external controller could send."""
    twin, state = locked
    forced = replace(state.setpoints, closed=state.setpoints.closed | True)
    assert not twin.step(state, forced).state.setpoints.closed[0, small.AC]


def test_after_the_lock_out_an_operator_may_close_and_the_flag_is_cleared(locked: tuple[Twin, GridState]) -> None:
    twin, state = locked
    state = small.held(twin, state, 1)[-1].state
    assert state.protection.tripped[0, small.AC]
    assert state.protection.lockout_h[0, small.AC] == 0.0
    moved = small.obeyed(twin, state, small.switch("AC", "closed"))
    assert moved.state.setpoints.closed[0, small.AC]
    assert not moved.state.protection.tripped[0, small.AC]
    assert not moved.events.tripped.any()
    assert moved.state.flow.p_from_mw[0, small.AC] > 1.0


def test_a_crew_closes_what_nobody_has_closed(locked: tuple[Twin, GridState]) -> None:
    twin, state = locked
    closed = [bool(moved.state.setpoints.closed[0, small.AC]) for moved in small.held(twin, state, 5)]
    # A quarter of the lock-out is left, then the crew takes half an hour.
    assert closed == [False, False, False, True, True]


def test_a_crew_leaves_alone_what_the_operator_opened() -> None:
    twin = small.twin(protection=RELAYS)
    state = small.obeyed(twin, twin.first(), small.switch("AC", "open")).state
    assert not any(moved.state.setpoints.closed[0, small.AC] for moved in small.held(twin, state, 12))


def test_a_branch_that_is_out_by_a_fault_or_an_order_is_no_violation_but_a_tripped_one_is() -> None:
    """Even where the fault leaves C without supply: what counts then is its bus and its load."""
    fault = small.twin(threats=[Threat(LINE_TRIP, ("AC",), between_h=(0.25, 0.25), lasting_h=(2.0, 2.0))])
    moved = small.obeyed(fault, fault.first(), small.switch("BC", "open"))
    assert not moved.state.flow.energised[0, small.C]
    assert moved.outcomes.overload_min[0] == 0.0
    assert moved.outcomes.voltage_min[0] == 15.0
    relay = small.twin(ratings_mva=(500.0, 30.0, 500.0), protection=RELAYS)
    assert small.held(relay, relay.first(), 1)[0].outcomes.overload_min[0] == 15.0
