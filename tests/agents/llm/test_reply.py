"""A reply is read whatever stands around it, and only what can be ordered now is a decision."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agents.llm.views import changed, twin_of, view_of

from gridpilot.agents.llm.offers import offers_of
from gridpilot.agents.llm.reply import read_reply
from gridpilot.agents.llm.schema import reply_schema
from gridpilot.errors import ActionError
from gridpilot.values import Action

BATTERY = {"type": "STORAGE", "target": "BESS-SUBURB", "params": {"setpoint_mw": -20}, "reason": "evening"}
OPEN = {"type": "TOPOLOGY", "target": "LN14", "params": {"status": "open"}}


def face(*actions: Any, **more: Any) -> str:
    return json.dumps({"assessment": "A.", "risk_level": "LOW", "actions": list(actions), **more})


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "```json\n{}\n```",
        "```\n{}\n```\n",
        "Here is my decision:\n{}\nLet me know.",
        "<think>Perhaps {{'x'}}? Or {{\"actions\": []}}. No.</think>\n{}",
        "In LN14 flows {{much}}. {}",
        '{{"note": 1}} {}',
    ],
)
def test_what_stands_around_a_decision_does_not_matter(around: str) -> None:
    decision = read_reply(around.format(face(BATTERY)), view_of("six_bus"), agent="llm")
    assert decision.actions == (Action("STORAGE", "BESS-SUBURB", {"setpoint_mw": -20}, "evening"),)
    assert (decision.assessment, decision.risk_level, decision.agent) == ("A.", "LOW", "llm")
    assert "BESS" not in decision.thinking
    assert ("Here is my decision" in decision.thinking) == ("Here" in around)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON"),
        ("I would hold.", "not JSON"),
        (face(BATTERY)[:-10], "not JSON"),
        (face(BATTERY) + face(), "2 decisions"),
        ("[1, 2]", "must be an object"),
        ('{"actions": {}}', "must be a list"),
        (face(risk_level="none"), "must be one of LOW"),
        (face(surprise=1), "unknown key"),
        (face({**BATTERY, "type": "EXPLODE"}), "'EXPLODE' is unknown, expected one of CURTAIL"),
        (face({**BATTERY, "target": "LN14"}), "'LN14' is unknown, expected one of BESS-SUBURB"),
        (face({**BATTERY, "params": {}}), "is empty, expected setpoint_mw"),
        (face({**BATTERY, "params": {"target_mw": 3}}), "no parameter of STORAGE BESS-SUBURB, expected setpoint_mw"),
        (face({**BATTERY, "params": {"setpoint_mw": "20"}}), "is '20', expected a number from -50 to 50"),
        (face({**BATTERY, "params": {"setpoint_mw": True}}), "is True"),
        (face({**BATTERY, "params": {"setpoint_mw": float("nan")}}), "is nan"),
        (face({**BATTERY, "params": {"setpoint_mw": 50.6}}), "is 50.6"),
        (face({**OPEN, "params": {"status": "closed"}}), "is 'closed', expected 'open'"),
        (face(*[BATTERY] * 9), "are 9, expected 8"),
    ],
)
def test_anything_else_is_refused_with_its_reason(text: str, told: str) -> None:
    with pytest.raises(ActionError, match=told.replace("[", r"\[")):
        read_reply(text, view_of("six_bus"))


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ActionError) as caught:
        read_reply(face({**BATTERY, "target": "X"}, {**BATTERY, "params": {"setpoint_mw": 99}}, {**OPEN, "type": "?"}), view_of("six_bus"))
    assert [problem.where for problem in caught.value.problems] == ["actions[0]", "actions[1].params.setpoint_mw", "actions[2]"]


def test_a_branch_that_cannot_be_closed_is_not_offered() -> None:
    out = changed(changed(view_of("six_bus"), "branches", "LN14", closed=False, faulted=True), "branches", "LN25", closed=False)
    close = {"params": {"status": "closed"}, "type": "TOPOLOGY"}
    assert read_reply(face({**close, "target": "LN25"}), out).actions
    with pytest.raises(ActionError, match="'LN14' cannot be moved now"):
        read_reply(face({**close, "target": "LN14"}), out)


def test_a_device_out_of_service_is_not_offered() -> None:
    out = changed(view_of("six_bus"), "devices", "BESS-SUBURB", in_service=False)
    with pytest.raises(ActionError, match="no STORAGE is possible now"):
        read_reply(face(BATTERY), out)


@pytest.mark.parametrize("scenario", ["six_bus", "ieee14"])
def test_the_ends_of_every_range_shown_are_followed_as_they_are(scenario: str) -> None:
    """Bounds are those of this very state: the twin clips nothing that the schema allows."""
    twin, view = twin_of(scenario), view_of(scenario)
    state = twin.first()
    seen = twin.observe(state)
    for offer in offers_of(seen):
        for value in offer.shown if not offer.states else offer.states:
            _, (receipt,) = twin.order(state, [Action(offer.verb, offer.target, {offer.parameter: value})])
            assert receipt.outcome == "applied", receipt
    assert len(offers_of(view)) == len(offers_of(seen))


def replies(schema: Any) -> st.SearchStrategy[Any]:
    """Values that a schema of ours allows."""
    if "anyOf" in schema:
        return st.one_of(*map(replies, schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    if schema["type"] == "object":
        return st.fixed_dictionaries({key: replies(schema["properties"][key]) for key in schema["required"]})
    if schema["type"] == "array":
        return st.lists(replies(schema["items"]), max_size=schema["maxItems"])
    if schema["type"] == "string":
        return st.text(max_size=schema["maxLength"])
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    return st.floats(schema["minimum"], schema["maximum"])


@pytest.mark.parametrize("finite", [False, True])
@pytest.mark.parametrize("scenario", ["six_bus", "ieee14"])
def test_whatever_the_schema_allows_is_a_decision(scenario: str, finite: bool) -> None:
    view = view_of(scenario)
    schema = reply_schema(view, finite=finite)

    @given(replies(schema))
    def check(reply: Any) -> None:
        decision = read_reply(json.dumps(reply), view)
        assert len(decision.actions) == len(reply["actions"])

    check()


def test_where_nothing_can_be_ordered_the_list_is_empty() -> None:
    view = view_of("six_bus")
    bare = reply_schema(type(view)(**{**{name: getattr(view, name) for name in view.__slots__}, "verbs": {}}))
    assert bare["properties"]["actions"] == {"type": "array", "maxItems": 0}
