"""What an assessment says is compared with the view: wrong numbers and false safety are found, true ones are not."""

from __future__ import annotations

import pytest
from tests.agents.llm.views import changed, view_of

from gridpilot.agents import make_agent
from gridpilot.agents.llm.claims import Checked, check_claims, violations
from gridpilot.evaluation.episode import is_false_safe
from gridpilot.twin import make_twin
from gridpilot.values import Decision, Deliberation, View


def calm() -> View:
    """LN14 at 62.4 %, B1-CITY at 1.0074 pu, nothing violated; the largest loading is LN34's, at 88.86 %."""
    view = view_of("six_bus")
    for name in view.branches:
        view = changed(view, "branches", name, loading=0.3)
    view = changed(changed(view, "branches", "LN14", loading=0.624), "branches", "LN34", loading=0.8886)
    return changed(view, "buses", "B1-CITY", v_pu=1.0074)


def hot() -> View:
    return changed(calm(), "branches", "LN45", loading=1.017)


def checked(text: str, view: View, risk: str = "MEDIUM") -> Checked:
    return check_claims(Decision(text, risk), view)


@pytest.mark.parametrize(
    "text",
    [
        "LN14 is at 62 %.", "LN14 at 62.4 %", "LN14: 62.4%", "LN14 (62 %) and LN34 (89 %)", "LN14 loading is currently 62.4 percent",
        "62 % on LN14", "about 60 % on LN14", "LN14 is loaded at about 65 %", "LN14 will reach 90 % by noon", "Bring LN14 down to 50 %",
        "LN14 is fine; LN34 at 88.9 %", "LN140 is at 99 %", "X-LN14 at 3 %", "B1-CITY is at 1.01 pu", "B1-CITY at 1.0074 p.u.",
        "Largest loading 89 %", "max line loading is 88.9 %", "lowest voltage 1.007 pu", "above 50 % on LN14", "The battery holds 62 %.",
        "All lines are within their limits.", "No violations.", "Not all is well.", "The grid is safe.", "",
    ],
)  # fmt: skip
def test_what_is_so_is_not_flagged(text: str) -> None:
    assert checked(text, calm(), "LOW") == Checked((), False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("LN14 is at 61 %.", "says LN14 is at 61 %, and it is at 62.4 %"),
        ("LN14 at 62.5 %", "LN14 is at 62.5 %"),
        ("71 % on line LN14", "LN14 is at 71 %"),
        ("LN14 is at about 70 %", "LN14 is at 70 %"),
        ("ln14 AT 10 %", "LN14 is at 10 %"),
        ("B1-CITY is at 1.02 pu", "B1-CITY is at 1.02 pu, and it is at 1.0074 pu"),
        ("Maximum loading: 62 %", "the largest loading is 62 %"),
        ("lowest voltage is 0.95 pu", "the lowest voltage is 0.95 pu"),
    ],
)
def test_a_number_that_is_wrong_by_more_than_its_rounding_is_flagged(text: str, told: str) -> None:
    (wrong,) = checked(text, calm()).wrong
    assert told in wrong


@pytest.mark.parametrize(
    "text",
    [
        "All lines are within limits.", "all loadings and voltages are inside their bands", "No violations now.", "The grid is secure.",
        "no branch is overloaded", "Everything is fine", "The system is operating within limits", "no limit violated",
    ],
)  # fmt: skip
def test_calling_a_violated_grid_safe_is_false_safe(text: str) -> None:
    found = checked(text, hot())
    assert found.false_safe
    assert any("LN45 is at 101.7 %" in wrong for wrong in found.wrong)


@pytest.mark.parametrize(
    "text", ["LN45 is at 101.7 %: not all lines are within limits.", "Discharge to keep all lines within limits.", "LN45 is overloaded."]
)
def test_naming_a_violation_is_not_false_safe(text: str) -> None:
    assert checked(text, hot(), "HIGH") == Checked((), False)


def test_a_low_risk_in_a_violation_is_false_safe() -> None:
    assert checked("LN45 at 101.7 %", hot(), "LOW") == Checked((), True)
    dark = changed(calm(), "buses", "B1-CITY", v_pu=0.0, energised=False)
    assert checked("", dark, "LOW").false_safe
    assert violations(dark) == ("B1-CITY has no supply",)
    assert violations(changed(calm(), "buses", "B1-CITY", v_pu=0.941)) == ("B1-CITY is at 0.941 pu, outside 0.95 … 1.05",)
    assert violations(changed(calm(), "branches", "LN14", tripped=True, closed=False)) == ("LN14 is open by protection",)


@pytest.mark.parametrize("name", ["rules", "planner"])
def test_what_our_own_agents_say_of_now_is_so(name: str) -> None:
    """Their assessments quote the view: a check that flags them would be wrong itself."""
    for scenario in ("six_bus", "ieee14"):
        view = view_of(scenario)
        decision = make_agent(name).decide(view)
        assert check_claims(decision, view).wrong == ()


def test_a_false_safe_counts_in_the_card() -> None:
    twin = make_twin("six_bus", start="2016-07-04", cycles=1)
    moved = twin.step(twin.first(), twin.first().setpoints)
    assert not is_false_safe(moved, Decision(risk_level="LOW"))
    assert is_false_safe(moved, Decision(risk_level="HIGH", deliberation=Deliberation("llm", false_safe=True)))
