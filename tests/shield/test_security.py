"""The N-1 check refuses what makes the grid less secure than doing nothing does, names the outage, and strangles nobody."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tests.twin.small import BATTERY, jolted, obeyed, switch
from tests.twin.small import twin as make_small

from gridpilot.scenarios import ProtectionSettings
from gridpilot.shield import CHECKS, Case, SecurityTolerance, not_worse, review, secure_as_before
from gridpilot.shield.security import less_secure
from gridpilot.twin import Twin, make_twin
from gridpilot.twin.arrays import pick
from gridpilot.values import Action, Decision, GridState

RELAYS = ProtectionSettings(overload_delay_h=1e6, hard_limit=1.5)
WITHOUT = r"100\.\d MW would be cut off, and 0\.0 MW without these orders"
"""The load of the forecast, which is not quite 100 MW."""


def case_of(twin: Twin, state: GridState, *actions: Action) -> Case:
    return Case(twin, state, actions, twin.preview(state, [actions]))


def charge(mw: float) -> Action:
    return Action("STORAGE", BATTERY, {"setpoint_mw": mw})


@pytest.fixture(scope="module")
def twin() -> Twin:
    """The load at C draws 100 MW, 40 of them from B; AC and BC bear 90 MVA each."""
    return make_small(ratings_mva=(200.0, 90.0, 90.0), protection=RELAYS)


def test_it_is_asked_after_the_preview() -> None:
    assert (not_worse, secure_as_before) == CHECKS


def test_an_order_that_hangs_the_load_on_one_line_is_refused_with_the_line(twin: Twin) -> None:
    state = twin.first()
    case = case_of(twin, state, switch("AB", "open"))
    assert not_worse(case) == ""
    why = secure_as_before(case)
    assert re.fullmatch(f"after loss of AC, {WITHOUT}", why)
    result = review(twin, state, Decision(actions=case.actions))
    assert result.refused
    assert result.receipts[0].why == result.why == why


def test_an_order_that_sets_off_relays_is_refused_with_the_overload(twin: Twin) -> None:
    # Without AC all of C hangs on BC: 100 MW are 111 % of 90 MVA, 145 MW are 161 %.
    why = secure_as_before(case_of(twin, twin.first(), charge(47.0)))
    assert re.fullmatch(f"after loss of AC, BC would carry 16.% of its rating and open, {WITHOUT}", why)


@pytest.mark.parametrize("mw", [-50.0, 0.0, 20.0, 39.0])
def test_an_overload_that_relays_bear_is_no_reason_nor_is_one_at_the_limit(twin: Twin, mw: float) -> None:
    assert secure_as_before(case_of(twin, twin.first(), charge(mw))) == ""


def test_without_tolerance_the_limit_is_the_limit(twin: Twin) -> None:
    state = twin.first()
    case = case_of(twin, state, charge(39.0))
    states = twin.next_states(state, [case.actions])
    assert less_secure(case, states) == ""
    assert "BC would carry 15" in less_secure(case, states, SecurityTolerance(loading=0.0))
    assert less_secure(case, states, SecurityTolerance(loading=0.0, lost_share=2.5)) == ""


def test_in_a_grid_that_is_not_secure_everything_that_makes_it_no_worse_passes(twin: Twin) -> None:
    state = obeyed(twin, twin.first(), switch("AB", "open")).state
    for order in (charge(10.0), charge(-30.0), switch("AB", "close"), switch("AB", "open")):
        assert secure_as_before(case_of(twin, state, order)) == ""


def test_an_overload_now_outranks_the_risk_of_an_outage() -> None:
    # BC carries (130 + 100) / 3 MW and bears 70; without AC it carries 100, which relays bear for a while.
    twin = make_small(ratings_mva=(200.0, 200.0, 70.0), unit={"p_max_mw": 150.0, "initial_mw": 130.0}, protection=RELAYS)
    state = twin.first()
    case = case_of(twin, state, switch("BC", "open"))
    assert case.preview.nothing.overload_min > 0.0 == case.ordered.overload_min
    assert "after loss of AC" in less_secure(case, twin.next_states(state, [case.actions]))
    assert secure_as_before(case) == ""
    assert not review(twin, state, Decision(actions=case.actions)).refused


def test_a_grid_that_goes_down_is_the_matter_of_the_preview(twin: Twin) -> None:
    state = twin.first()
    case = case_of(twin, state, switch("AC", "open"), switch("AB", "open"))
    assert not_worse(case)
    assert secure_as_before(case_of(make_dark(), make_dark().first(), charge(10.0))) == ""


def make_dark() -> Twin:
    """A grid that cannot carry its load."""
    return make_small(demand_mw=5000.0)


def test_of_two_states_at_most_one_is_less_secure_and_none_than_itself(twin: Twin) -> None:
    case, refused = case_of(twin, twin.first(), charge(0.0)), 0
    for seed in range(25):
        random = np.random.default_rng(seed)
        state = twin.next_states(twin.first(), [(charge(0.0),)])
        moved = twin.step(state, jolted(state, random)).state
        there, back = less_secure(case, moved), less_secure(case, pick(moved, np.array([1, 0])))
        refused += bool(there) + bool(back)
        assert not (there and back)
        for one in (0, 1):
            assert less_secure(case, pick(moved, np.array([one, one]))) == ""
    assert refused


@pytest.mark.parametrize(("name", "battery"), [("six-bus", "BESS-SUBURB"), ("ieee14", "BESS-09")])
def test_an_ordinary_order_passes_and_a_line_that_is_needed_stays_closed(name: str, battery: str) -> None:
    twin = make_twin(name, seeds=(3,), cycles=24)
    state = twin.first()
    assert secure_as_before(case_of(twin, state, Action("STORAGE", battery, {"setpoint_mw": -10.0}))) == ""
    second = twin.model.scenario.network.branch_name[1]
    assert secure_as_before(case_of(twin, state, switch(second, "open"))).startswith("after loss of ")
