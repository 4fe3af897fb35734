"""Three faces of a decision, and the ways between them without a loss."""

from __future__ import annotations

import json
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.actions import (
    CLOSED,
    OPEN,
    Controls,
    actions_to_vector,
    decision_from_json,
    decision_schema,
    decision_to_json,
    setpoints_to_vector,
    vector_to_actions,
    vector_to_setpoints,
)
from gridpilot.errors import ActionError
from gridpilot.values import RISK_LEVELS, Action, Decision

FACE = {
    "assessment": "LN14 is close to its rating while the wind picks up.",
    "risk_level": "MEDIUM",
    "actions": [
        {"type": "REDISPATCH", "target": "GAS", "params": {"target_mw": 95.0}, "reason": "less through LN12"},
        {"type": "STORAGE", "target": "BESS-SUBURB", "params": {"setpoint_mw": -30}, "reason": "discharge into the evening"},
        {"type": "LOAD_SHAPE", "target": "B4-SUBURB", "params": {"delta_mw": -15}, "reason": "shed until the peak is over"},
        {"type": "TOPOLOGY", "target": "LN03", "params": {"status": "open"}, "reason": "stop the loop flow"},
        {"type": "CURTAIL", "target": "B3-WIND", "params": {"limit_mw": 120.5}, "reason": "LN34 is at its limit"},
    ],
}
"""One action of every verb."""

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers()
ACTIONS = st.builds(Action, TEXT, TEXT, st.dictionaries(TEXT, NUMBERS | TEXT, max_size=3), TEXT)
DECISIONS = st.builds(Decision, TEXT, st.sampled_from(RISK_LEVELS), st.lists(ACTIONS, max_size=5).map(tuple))


# -------------------------------------------------------------------------------------------------------- JSON


def test_the_json_face_is_read_and_written_as_it_is() -> None:
    decision = decision_from_json(json.dumps(FACE), agent="llm")
    assert (decision.agent, decision.risk_level, len(decision.actions)) == ("llm", "MEDIUM", 5)
    assert decision.actions[1] == Action("STORAGE", "BESS-SUBURB", {"setpoint_mw": -30}, "discharge into the evening")
    assert json.loads(decision_to_json(decision)) == FACE


@given(DECISIONS)
def test_json_and_back(decision: Decision) -> None:
    text = decision_to_json(decision)
    assert "\n" not in text
    assert decision_from_json(text) == decision


def test_reasons_and_parameters_may_be_left_out() -> None:
    decision = decision_from_json('{"actions": [{"type": "TOPOLOGY", "target": "LN03"}]}')
    assert decision == Decision(actions=(Action("TOPOLOGY", "LN03"),))


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_what_is_written_is_always_json(value: float) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = decision_to_json(Decision(actions=(Action("REDISPATCH", "GAS", {"target_mw": value}),)))
    assert json.loads(text, parse_constant=refuse)["actions"][0]["params"] == {"target_mw": str(value)}


ENDLESS = '{"actions": [], "risk_level": ' + "9" * 5000 + "}"


@pytest.mark.parametrize("text", ["", "I would open LN03.", '{"actions": [', "[" * 100_000, ENDLESS])
def test_what_is_no_json_is_told_so(text: str) -> None:
    with pytest.raises(ActionError, match="not JSON"):
        decision_from_json(text)


@pytest.mark.parametrize("text", ["[]", "null", "3", '"open LN03"'])
def test_a_decision_is_an_object(text: str) -> None:
    with pytest.raises(ActionError, match="must be an object"):
        decision_from_json(text)


def test_every_problem_of_a_shape_is_listed() -> None:
    actions: list[Any] = [
        "open LN03",
        {"type": 3, "params": {}},
        {"type": "STORAGE", "target": "B", "params": [1], "reason": 7, "why": ""},
    ]
    text = json.dumps({"assessment": None, "risk_level": "SEVERE", "thoughts": "…", "actions": actions})
    with pytest.raises(ActionError) as caught:
        decision_from_json(text)
    assert {problem.where for problem in caught.value.problems} == {
        "assessment", "risk_level", "thoughts", "actions[0]", "actions[1].type", "actions[1].target", "actions[2].params",
        "actions[2].reason", "actions[2].why",
    }  # fmt: skip
    assert all(problem.where in str(caught.value) for problem in caught.value.problems)


@pytest.mark.parametrize("text", ['{"assessment": "calm"}', '{"actions": {}}', '{"actions": null}'])
def test_a_decision_without_a_list_of_actions_is_refused(text: str) -> None:
    with pytest.raises(ActionError, match="actions: must be a list"):
        decision_from_json(text)


def test_a_key_that_is_given_twice_is_not_dropped_in_silence() -> None:
    with pytest.raises(ActionError, match="target_mw: is given twice"):
        decision_from_json('{"actions": [{"type": "REDISPATCH", "target": "GAS", "params": {"target_mw": 1, "target_mw": 200}}]}')


# ------------------------------------------------------------------------------------------------------ schema


def valid(value: Any, schema: dict[str, Any]) -> bool:
    """JSON Schema 2020-12, as far as a decision uses it."""
    known = {"type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "const", "minimum", "maximum",
             "maxItems", "description"}  # fmt: skip
    assert set(schema) <= known, "the schema uses a keyword that this check does not know"
    kinds: dict[str, tuple[type, ...]] = {"object": (dict,), "array": (list,), "string": (str,), "number": (int, float)}
    if "type" in schema and (not isinstance(value, kinds[schema["type"]]) or isinstance(value, bool)):
        return False
    if "anyOf" in schema:
        assert schema["anyOf"], "anyOf of nothing is no schema"
        if not any(valid(value, option) for option in schema["anyOf"]):
            return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if isinstance(value, (int, float)) and not schema.get("minimum", -inf) <= value <= schema.get("maximum", inf):
        return False
    if isinstance(value, list):
        return len(value) <= schema.get("maxItems", inf) and all(valid(item, schema.get("items", {})) for item in value)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        inside = schema.get("additionalProperties", True) or set(value) <= set(properties)
        known_parts = all(valid(part, properties[key]) for key, part in value.items() if key in properties)
        return inside and known_parts and set(schema.get("required", ())) <= set(value)
    return True


def test_the_schema_takes_the_json_face(controls: Controls) -> None:
    assert valid(FACE, decision_schema(controls))
    assert valid({"assessment": "calm", "risk_level": "LOW", "actions": []}, decision_schema(controls))


@given(st.lists(st.floats(-1.0, 1.0), min_size=8, max_size=8))
def test_the_schema_takes_every_decision_that_a_vector_makes(controls: Controls, entries: list[float]) -> None:
    decision = Decision("", "LOW", vector_to_actions(controls, np.array(entries)))
    assert valid(json.loads(decision_to_json(decision)), decision_schema(controls))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("type", "EXPLODE"), ("target", "COAL"), ("params", {"target_mw": 251.0}), ("params", {"target_mw": -1.0}),
        ("params", {"target_mw": "95"}), ("params", {"target_mw": True}), ("params", {}), ("params", {"limit_mw": 3.0}),
        ("params", {"target_mw": 1.0, "ramp": 2.0}), ("priority", 1), ("reason", 5),
    ],
)  # fmt: skip
def test_the_schema_refuses_what_a_receipt_would(controls: Controls, place: str, value: Any) -> None:
    action = {**FACE["actions"][0], place: value}  # type: ignore[dict-item]
    assert not valid({**FACE, "actions": [action]}, decision_schema(controls))


@pytest.mark.parametrize("change", [{"risk_level": "SEVERE"}, {"thinking": ""}, {"actions": {}}, {"assessment": 1}])
def test_the_schema_refuses_another_shape(controls: Controls, change: dict[str, Any]) -> None:
    assert not valid({**FACE, **change}, decision_schema(controls))


def test_where_nothing_can_be_ordered_the_schema_takes_doing_nothing() -> None:
    schema = decision_schema(Controls(()))
    assert valid({**FACE, "actions": []}, schema)
    assert not valid(FACE, schema)


# ----------------------------------------------------------------------------------------------------- vectors

VECTORS = st.lists(st.floats(-1.0, 1.0), min_size=8, max_size=8).map(np.array)
HELD = {"generator": np.full((2, 2), 7.0), "storage": np.full((2, 1), 7.0), "load": np.full((2, 1), 7.0), "solar": np.full((2, 1), 7.0),
        "wind": np.full((2, 1), 7.0)}  # fmt: skip
BREAKERS = np.array([[True, False, True], [False, True, False]])


def switches(controls: Controls) -> list[bool]:
    return [entry.verb.moves_branches for entry in controls.entries]


def test_a_control_per_device_that_can_move_and_per_branch(controls: Controls) -> None:
    assert {entry.name for entry in controls.entries} == {
        "GAS.target_mw", "BESS-SUBURB.setpoint_mw", "B4-SUBURB.delta_mw", "B0-SOLAR.limit_mw", "B3-WIND.limit_mw", "LN03.status",
        "LN14.status", "LN25.status",
    }  # fmt: skip
    assert controls.targets()["CURTAIL"] == ("B0-SOLAR", "B3-WIND")
    assert (controls.low < controls.high).all()


@given(VECTORS)
def test_vector_to_setpoints_and_back(controls: Controls, vector: Any) -> None:
    devices, closed = vector_to_setpoints(controls, np.stack([vector, -vector]), HELD, BREAKERS)
    back = setpoints_to_vector(controls, devices, closed)
    expected = np.where(switches(controls), np.where(vector > 0, 1.0, -1.0), vector)
    assert back[0] == pytest.approx(expected, abs=1e-12)
    assert devices["generator"][:, 1].tolist() == [7.0, 7.0], "the slack unit has no control and keeps its schedule"


@given(VECTORS)
def test_vector_to_actions_and_back(controls: Controls, vector: Any) -> None:
    actions = vector_to_actions(controls, vector)
    assert len(actions) == len(controls.entries)
    expected = np.where(switches(controls), np.where(vector > 0, 1.0, -1.0), vector)
    assert actions_to_vector(controls, actions, np.zeros(8)) == pytest.approx(expected, abs=1e-12)


@given(VECTORS)
def test_actions_and_setpoints_of_a_vector_agree_in_their_signs(controls: Controls, vector: Any) -> None:
    devices, closed = vector_to_setpoints(controls, vector[None], {k: v[:1] for k, v in HELD.items()}, BREAKERS[:1])
    for action, entry in zip(vector_to_actions(controls, vector), controls.entries, strict=True):
        value = action.params[entry.verb.parameter]
        if entry.verb.moves_branches:
            assert value == (CLOSED if closed[0, entry.index] else OPEN)
        else:
            sign = -1.0 if action.type in ("STORAGE", "LOAD_SHAPE") else 1.0
            assert devices[entry.kind][0, entry.index] == sign * value


def test_a_vector_does_not_change_what_it_was_made_from(controls: Controls) -> None:
    before, breakers = {kind: values.copy() for kind, values in HELD.items()}, BREAKERS.copy()
    vector_to_setpoints(controls, np.zeros((2, 8)), HELD, BREAKERS)
    assert all((before[kind] == HELD[kind]).all() for kind in HELD)
    assert (breakers == BREAKERS).all()


def test_entries_beyond_the_range_are_its_ends(controls: Controls) -> None:
    far, ends = np.array([[9.0, -9.0, inf, -inf, 9.0, 9.0, -9.0, 9.0]]), np.array([[1.0, -1.0, 1.0, -1.0, 1.0, 1.0, -1.0, 1.0]])
    held = {kind: values[:1] for kind, values in HELD.items()}
    left, right = (vector_to_setpoints(controls, vector, held, BREAKERS[:1]) for vector in (far, ends))
    assert all((left[0][kind] == right[0][kind]).all() for kind in held)
    assert (left[1] == right[1]).all()


def test_a_vector_of_nan_or_of_another_length_is_an_error(controls: Controls) -> None:
    vector = np.zeros(8)
    vector[0] = nan
    with pytest.raises(ActionError, match=f"{controls.entries[0].name}: is NaN"):
        vector_to_actions(controls, vector)
    with pytest.raises(ActionError, match="expected 8, found 7"):
        vector_to_setpoints(controls, np.zeros((2, 7)), HELD, BREAKERS)


def test_actions_leave_other_controls_where_they_are(controls: Controls) -> None:
    hold = np.linspace(-0.8, 0.8, 8)
    vector = actions_to_vector(controls, (Action("REDISPATCH", "GAS", {"target_mw": 500.0}),), hold)
    k = next(k for k, entry in enumerate(controls.entries) if entry.target == "GAS")
    assert vector[k] == 1.0
    assert (np.delete(vector, k) == np.delete(hold, k)).all()


def test_actions_without_a_place_are_all_listed(controls: Controls) -> None:
    actions = (
        Action("REDISPATCH", "COAL", {"target_mw": 1.0}),
        Action("REDISPATCH", "GAS", {"limit_mw": 1.0}),
        Action("CURTAIL", "B3-WIND", {"limit_mw": nan}),
        Action("TOPOLOGY", "LN03", {"status": "open"}),
        Action("TOPOLOGY", "LN03", {"status": "closed"}),
    )
    with pytest.raises(ActionError) as caught:
        actions_to_vector(controls, actions, np.zeros(8))
    assert [problem.where for problem in caught.value.problems] == ["REDISPATCH COAL", "REDISPATCH GAS", "CURTAIL B3-WIND", "TOPOLOGY LN03"]


def test_without_controls_a_vector_has_no_entries() -> None:
    nothing = Controls(())
    assert setpoints_to_vector(nothing, {}, BREAKERS).shape == (2, 0)
    assert vector_to_actions(nothing, np.zeros(0)) == ()
