"""Queries follow from what is out of the ordinary in a view."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gridpilot.knowledge import Conditions, Query, Retriever, conditions_of, query_of
from gridpilot.twin import Twin
from gridpilot.values import Reading, View


@pytest.fixture(scope="module")
def view(twins: dict[str, Twin]) -> View:
    """An ordinary moment: the balancing unit in the middle of its range, and no outlook."""
    seen = twins["six_bus"].observe(twins["six_bus"].first())
    return replace(seen, summary={**seen.summary, "slack_mw": 120.0}, outlook={})


def changed(view: View, part: str, name: str, **values: float | bool) -> View:
    readings = dict(getattr(view, part))
    readings[name] = Reading(name, readings[name].kind, {**readings[name].values, **values}, readings[name].bounds)
    return replace(view, **{part: readings})  # type: ignore[arg-type]


def weights(query: Query) -> dict[str, float]:
    return {part.text: part.weight for part in query.parts}


def test_ordinary_conditions_ask_for_monitoring(view: View, retrievers: dict[str, Retriever]) -> None:
    assert conditions_of(view) == Conditions()
    assert retrievers["six_bus"].search(query_of(conditions_of(view)))[0].id == "procedure/real-time-assessment"


@pytest.mark.parametrize(
    ("part", "name", "values", "expected"),
    [
        ("branches", "LN25", {"loading": 1.1}, {"loading": {"LN25": 1.1}}),
        ("branches", "LN25", {"tripped": True}, {"out": ("LN25",)}),
        ("branches", "LN25", {"faulted": True}, {"out": ("LN25",)}),
        ("buses", "B1-CITY", {"v_pu": 0.94}, {"low_v_pu": {"B1-CITY": 0.94}}),
        ("buses", "B1-CITY", {"v_pu": 1.06}, {"high_v_pu": {"B1-CITY": 1.06}}),
        ("buses", "B1-CITY", {"v_pu": 0.0, "energised": False}, {"dead": ("B1-CITY",)}),
        ("devices", "BESS-SUBURB", {"energy_mwh": 5.0}, {"low_energy": {"BESS-SUBURB": 0.0}}),
        ("devices", "BESS-SUBURB", {"energy_mwh": 100.0}, {"full_energy": {"BESS-SUBURB": 1.0}}),
    ],
)
def test_each_condition_is_seen_and_alone(view: View, part: str, name: str, values: dict[str, float], expected: dict[str, object]) -> None:
    assert conditions_of(changed(view, part, name, **values)) == Conditions(**expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(("slack_mw", "expected"), [(219.0, "upper"), (31.0, "lower"), (120.0, "")])
def test_the_balancing_unit_near_its_limits(view: View, slack_mw: float, expected: str) -> None:
    assert conditions_of(replace(view, summary={**view.summary, "slack_mw": slack_mw})).slack == expected


def test_a_ramp_and_what_is_curtailed(view: View) -> None:
    demand = view.summary["demand_mw"]
    rising = replace(view, outlook={"net_mw": (100.0, 100.0 + 0.3 * demand)})
    assert conditions_of(rising).ramp == pytest.approx(0.3)
    assert conditions_of(replace(view, outlook={"net_mw": (100.0, 100.0 + 0.1 * demand)})).ramp == 0.0
    spilled = replace(view, summary={**view.summary, "renewable_available_mw": view.summary["renewable_mw"] + 7.0})
    assert conditions_of(spilled).curtailed_mw == pytest.approx(7.0)


def test_the_worse_an_overload_the_more_it_counts() -> None:
    mild, severe = (weights(query_of(Conditions(loading={"LN25": loading}))) for loading in (0.95, 1.4))
    assert mild.keys() == severe.keys()
    assert all(severe[text] > mild[text] for text in mild)


def test_branches_are_named_worst_first_whatever_the_order_they_come_in() -> None:
    one = query_of(Conditions(loading={"LN25": 1.0, "LN01": 1.2}))
    assert one == query_of(Conditions(loading={"LN01": 1.2, "LN25": 1.0}))
    assert "LN01 LN25" in one.text
