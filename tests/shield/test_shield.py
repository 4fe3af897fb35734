"""Every decision passes the shield, which refuses what is worse than nothing, and only that."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.operations.actors import BATTERY, battery

from gridpilot.errors import UnknownNameError
from gridpilot.shield import Case, Tolerance, review, worse
from gridpilot.twin import Twin, make_twin
from gridpilot.values import Action, Candidate, Decision, GridState

TOLERANCE = Tolerance()


@pytest.fixture(scope="module")
def twin() -> Twin:
    return make_twin("six-bus", seeds=(3,), cycles=24)


@pytest.fixture(scope="module")
def state(twin: Twin) -> GridState:
    return twin.first()


def decide(*actions: Action) -> Decision:
    return Decision("as the test says", actions=actions)


def candidate(**changes: object) -> Candidate:
    """A row of a preview in which all is well."""
    well = Candidate((), (), -1.0, {}, 0.8, 0.0, 0.0, 0.99, 1.01, 0.0, 0.0, 0, True)
    return replace(well, **changes)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------- worse than nothing


@pytest.mark.parametrize(
    ("ordered", "nothing", "why"),
    [
        (candidate(survives=False), candidate(), "collapse"),
        (candidate(unserved_mwh=2.0), candidate(unserved_mwh=1.0), "unserved energy would be 2.0 MWh, and 1.0 MWh"),
        (candidate(overload_min=40.0), candidate(voltage_min=20.0), "violations would be 40.0 min, and 20.0 min"),
        (candidate(unserved_mwh=2.0, overload_min=0.0), candidate(overload_min=500.0), "unserved energy"),
    ],
)
def test_worse_is_told_with_both_numbers(ordered: Candidate, nothing: Candidate, why: str) -> None:
    assert why in worse(ordered, nothing, TOLERANCE)
    assert worse(nothing, ordered, TOLERANCE) == ""


@pytest.mark.parametrize(
    ("ordered", "nothing"),
    [
        (candidate(overload_min=300.0, unserved_mwh=5.0), candidate(survives=False)),
        (candidate(overload_min=300.0, unserved_mwh=5.0), candidate(overload_min=10.0, unserved_mwh=50.0)),
        (candidate(overload_min=60.0, voltage_min=0.0), candidate(overload_min=0.0, voltage_min=60.0)),
        (candidate(survives=False), candidate(survives=False)),
        (candidate(reward=-1e6, curtailment_mwh=100.0, max_loading=0.99), candidate(reward=0.0)),
        (candidate(unserved_mwh=0.05, overload_min=5.0), candidate()),
    ],
)
def test_the_better_of_two_bad_states_and_what_only_costs_pass(ordered: Candidate, nothing: Candidate) -> None:
    assert worse(ordered, nothing, TOLERANCE) == ""


rows = st.builds(
    candidate,
    survives=st.booleans(),
    unserved_mwh=st.sampled_from([0.0, 0.05, 1.0, 9.0]),
    overload_min=st.sampled_from([0.0, 5.0, 30.0, 300.0]),
    voltage_min=st.sampled_from([0.0, 5.0, 30.0, 300.0]),
)


@given(rows, rows)
def test_of_two_candidates_at_most_one_is_worse(one: Candidate, other: Candidate) -> None:
    assert not (worse(one, other, TOLERANCE) and worse(other, one, TOLERANCE))
    assert worse(one, one, TOLERANCE) == ""


# ---------------------------------------------------------------------------------------------------- the way through


def test_an_ordinary_order_passes_as_it_is(twin: Twin, state: GridState) -> None:
    result = review(twin, state, decide(battery(-10.0)))
    assert not result.refused
    assert result.actions == (battery(-10.0),)
    assert [r.outcome for r in result.receipts] == ["applied"]
    assert result.why == ""
    assert result.preview.candidates[0].actions == result.actions


def test_doing_nothing_always_passes(twin: Twin, state: GridState) -> None:
    result = review(twin, state, decide(), checks=(lambda case: "never",))
    assert not result.refused
    assert result.preview.candidates[0].reward == result.preview.nothing.reward


def test_clipped_and_unknown_orders_have_receipts_and_the_rest_goes_on(twin: Twin, state: GridState) -> None:
    orders = (battery(-500.0), Action("STORAGE", "NOWHERE", {"setpoint_mw": 1.0}), Action("EXPLODE", BATTERY))
    result = review(twin, state, decide(*orders))
    assert not result.refused
    assert result.actions == orders[:1]
    assert [r.outcome for r in result.receipts] == ["clipped", "refused", "refused"]
    assert all(r.why for r in result.receipts)
    assert result.why == "1 clipped and 2 refused of 3 orders"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "much", None, [1.0], {"mw": float("nan")}, object(), True])
def test_a_parameter_that_is_no_number_is_refused_and_can_be_written_down(twin: Twin, state: GridState, value: object) -> None:
    result = review(twin, state, decide(battery(value)))
    assert result.actions == ()
    assert result.receipts[0].outcome == "refused"
    assert "finite number" in result.receipts[0].why
    assert "nan" not in repr(result.decision.actions).replace("'nan'", "")


def test_an_invalid_decision_does_nothing_and_has_a_receipt(twin: Twin, state: GridState) -> None:
    result = review(twin, state, Decision("ValueError: no JSON", actions=(battery(-10.0),), invalid=True))
    assert result.refused
    assert result.actions == ()
    assert [(r.type, r.outcome) for r in result.receipts] == [("DECISION", "refused")]
    assert "ValueError: no JSON" in result.receipts[0].why


def test_a_role_moves_only_what_it_has_authority_over(twin: Twin, state: GridState) -> None:
    authority = {"gas": ("B2-GAS",), "battery": (BATTERY,)}
    assert review(twin, state, decide(battery(-10.0)), "battery", authority=authority).actions
    result = review(twin, state, decide(battery(-10.0)), "gas", authority=authority)
    assert result.actions == ()
    assert result.receipts[0].why == f"this role has no authority over {BATTERY}"
    with pytest.raises(UnknownNameError, match="battery, gas"):
        review(twin, state, decide(), "wind", authority=authority)


def test_orders_that_darken_a_city_are_refused_together(twin: Twin, state: GridState) -> None:
    names = twin.model.scenario.network.branch_name
    ends = zip(twin.model.layout.branch_from, twin.model.layout.branch_to, strict=True)
    city = [name for name, pair in zip(names, ends, strict=True) if 1 in pair]
    opening = tuple(Action("TOPOLOGY", name, {"status": "open"}) for name in city)
    result = review(twin, state, decide(*opening, battery(-10.0)))
    assert result.refused
    assert result.actions == ()
    assert "unserved energy" in result.why or "collapse" in result.why
    assert all(r.outcome == "refused" and r.applied is None and r.why == result.why for r in result.receipts)


def test_another_check_joins_the_list(twin: Twin, state: GridState) -> None:
    def outage(case: Case) -> str:
        return f"{len(case.actions)} orders do not survive an outage"

    result = review(twin, state, decide(battery(-10.0)), checks=(lambda case: "", outage))
    assert result.refused
    assert result.why == "1 orders do not survive an outage"


def test_review_looks_at_the_forecast_and_changes_nothing(twin: Twin, state: GridState) -> None:
    first = review(twin, state, decide(battery(-10.0)), horizon=3)
    assert first.preview.horizon == 3
    assert review(twin, state, decide(battery(-10.0)), horizon=3) == first
