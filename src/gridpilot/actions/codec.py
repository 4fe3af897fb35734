"""Three faces of a decision: JSON text, `Action`s, and a normalised vector; with the ways between them.

The JSON face: `{"assessment", "risk_level", "actions": [{"type", "target", "params", "reason"}]}`. The vector has one
entry per control in [−1, 1]: the parameter's nameplate range for a device, closed (> 0) or open for a branch. Positions and
steps are rounded to whole numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

import numpy as np

from gridpilot.actions.controls import Control, Controls, params_problem, verbs
from gridpilot.actions.verb import CLOSED, OPEN
from gridpilot.errors import ActionError, Problem
from gridpilot.values import RISK_LEVELS, Action, Bools, Decision, Floats

_KEYS = {"assessment", "risk_level", "actions"}
_ACTION_KEYS = {"type", "target", "params", "reason"}


def decision_to_json(decision: Decision) -> str:
    """A decision as one line of JSON; a number that JSON does not know (NaN, infinity) becomes text."""
    actions = [
        {"type": a.type, "target": a.target, "params": {key: _known_to_json(value) for key, value in a.params.items()}, "reason": a.reason}
        for a in decision.actions
    ]
    face = {"assessment": decision.assessment, "risk_level": decision.risk_level, "actions": actions}
    return json.dumps(face, ensure_ascii=False)


def _known_to_json(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not isfinite(value) else value


def decision_from_json(text: str, *, agent: str = "") -> Decision:
    """A decision from its JSON face; raises `ActionError` with every problem of its shape.

    Names of verbs, targets and parameters are not checked here: what is wrong with them is said in their receipt.
    """
    twice: list[Problem] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        twice.extend(Problem(key, "is given twice in one object") for key in sorted(set(keys)) if keys.count(key) > 1)
        return dict(pairs)

    try:
        face = json.loads(text, object_pairs_hook=collect)
    except (ValueError, RecursionError) as error:  # ValueError also for an integer of thousands of digits
        raise ActionError(f"The decision is not JSON: {error}.", hint=f"Expected an object with {sorted(_KEYS)}.") from error
    problems = [*twice, *_shape_problems(face)]
    if problems:
        raise ActionError("The decision does not have the expected shape.", problems)
    actions = tuple(Action(a["type"], a["target"], a.get("params", {}), a.get("reason", "")) for a in face["actions"])
    return Decision(face.get("assessment", ""), face.get("risk_level", "LOW"), actions, agent=agent)


def _shape_problems(face: Any) -> list[Problem]:
    if not isinstance(face, dict):
        return [Problem("decision", f"must be an object, found {type(face).__name__}")]
    found = [Problem(key, f"unknown key; expected {sorted(_KEYS)}") for key in face if key not in _KEYS]
    if not isinstance(face.get("assessment", ""), str):
        found.append(Problem("assessment", "must be text"))
    if face.get("risk_level", "LOW") not in RISK_LEVELS:
        found.append(Problem("risk_level", f"must be one of {', '.join(RISK_LEVELS)}, found {face['risk_level']!r}"))
    if not isinstance(face.get("actions"), list):
        return [*found, Problem("actions", "must be a list (empty to do nothing)")]
    for k, action in enumerate(face["actions"]):
        found += _action_problems(f"actions[{k}]", action)
    return found


def _action_problems(where: str, action: Any) -> list[Problem]:
    if not isinstance(action, dict):
        return [Problem(where, f"must be an object, found {type(action).__name__}")]
    found = [Problem(f"{where}.{key}", f"unknown key; expected {sorted(_ACTION_KEYS)}") for key in action if key not in _ACTION_KEYS]
    found += [Problem(f"{where}.{key}", "must be text") for key in ("type", "target") if not isinstance(action.get(key), str)]
    if not isinstance(action.get("reason", ""), str):
        found.append(Problem(f"{where}.reason", "must be text"))
    if not isinstance(action.get("params", {}), dict):
        found.append(Problem(f"{where}.params", "must be an object"))
    return found


def decision_schema(controls: Controls) -> dict[str, Any]:
    """JSON Schema (2020-12) of a decision in this scenario: only known verbs and targets, parameters in range."""
    items: dict[str, Any] = {"items": {"anyOf": [_action_schema(tuple(own.values())) for own in controls.by_name.values()]}}
    return {
        "type": "object",
        "properties": {
            "assessment": {"type": "string"},
            "risk_level": {"enum": list(RISK_LEVELS)},
            # `anyOf` of nothing is no schema: where nothing can be ordered, the list is empty.
            "actions": {"type": "array", **(items if controls.entries else {"maxItems": 0})},
        },
        "required": ["assessment", "risk_level", "actions"],
        "additionalProperties": False,
    }


def _action_schema(controls: tuple[Control, ...]) -> dict[str, Any]:
    """An order to one target, of which these are the controls."""
    least = {"required": [controls[0].parameter]} if len(controls) == 1 else {"minProperties": 1}
    params = {
        "type": "object",
        "properties": {control.parameter: _value_schema(control) for control in controls},
        **least,
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "type": {"const": controls[0].verb.name},
            "target": {"const": controls[0].target},
            "params": params,
            "reason": {"type": "string"},
        },
        "required": ["type", "target", "params"],
        "additionalProperties": False,
    }


def _value_schema(control: Control) -> dict[str, Any]:
    if control.verb.moves_branches:
        return {"enum": [OPEN, CLOSED]}
    if control.whole:
        ends = {"minimum": round(control.low), "maximum": round(control.high)}
        return {"type": "integer", **ends, "description": control.verb.summary}
    summary = "Supply this many Mvar; held until changed, active power comes first." if control.reactive else control.verb.summary
    return {"type": "number", "minimum": control.low, "maximum": control.high, "description": summary}


# -------------------------------------------------------------------------------------------------- vectors


def setpoints_to_vector(controls: Controls, devices: Mapping[str, Floats], closed: Bools) -> Floats:
    """Setpoints `[B, n]` per kind and breakers `[B, m]` as vectors `[B, d]` in [−1, 1]."""
    columns = []
    for entry in controls.entries:
        if entry.verb.moves_branches:
            columns.append(np.where(closed[:, entry.index], 1.0, -1.0))
        else:
            value = entry.sign * devices[entry.kind][:, entry.column]
            columns.append(2.0 * (value - entry.low) / (entry.high - entry.low) - 1.0)
    return np.stack(columns, axis=1) if columns else np.zeros((len(closed), 0))


def vector_to_setpoints(
    controls: Controls, vector: Floats, devices: Mapping[str, Floats], closed: Bools
) -> tuple[dict[str, Floats], Bools]:
    """Vectors `[B, d]` as setpoints; what has no control keeps its value. Entries are clipped to [−1, 1].

    Raises `ActionError` for a vector of another length and for NaN.
    """
    unit = _shares(controls, vector)
    new_devices = {kind: values.copy() for kind, values in devices.items()}
    new_closed = closed.copy()
    for column, entry in enumerate(controls.entries):
        if entry.verb.moves_branches:
            new_closed[:, entry.index] = vector[:, column] > 0.0
        else:
            value = entry.low + unit[:, column] * (entry.high - entry.low)
            value = np.rint(value) if entry.whole else value
            new_devices[entry.kind][:, entry.column] = entry.sign * value + 0.0
    return new_devices, new_closed


def vector_to_actions(controls: Controls, vector: Floats) -> tuple[Action, ...]:
    """One action per verb and target from one vector `[d]`; raises `ActionError` for another length and for NaN."""
    unit = _shares(controls, vector)
    params: dict[tuple[str, str], dict[str, float | int | str]] = {}
    for share, raw, entry in zip(unit.tolist(), vector.tolist(), controls.entries, strict=True):
        value: float | int | str = entry.low + share * (entry.high - entry.low)
        if entry.verb.moves_branches:
            value = CLOSED if raw > 0.0 else OPEN
        elif entry.whole:
            value = round(float(value))
        params.setdefault((entry.verb.name, entry.target), {})[entry.parameter] = value
    return tuple(Action(verb, target, own) for (verb, target), own in params.items())


def actions_to_vector(controls: Controls, actions: tuple[Action, ...], hold: Floats) -> Floats:
    """One vector `[d]` from actions, inside [−1, 1]; controls that no action names stay at `hold`.

    Raises `ActionError` naming every action that no control answers to, with wrong parameters, or given twice.
    """
    vector = hold.copy()
    place = {(entry.verb.name, entry.target, entry.parameter): k for k, entry in enumerate(controls.entries)}
    lost = list(_vector_problems(controls, actions))
    if lost:
        raise ActionError("Some actions have no place in the action vector.", lost, hint=f"Verbs: {', '.join(sorted(verbs()))}.")
    asked = [(place[(action.type, action.target, name)], value) for action in actions for name, value in action.params.items()]
    for k, value in asked:
        entry = controls.entries[k]
        if entry.verb.moves_branches:
            vector[k] = 1.0 if value == CLOSED else -1.0
        else:
            vector[k] = np.clip(2.0 * (float(value) - entry.low) / (entry.high - entry.low) - 1.0, -1.0, 1.0)
    return vector


def _vector_problems(controls: Controls, actions: tuple[Action, ...]) -> Iterator[Problem]:
    seen: set[tuple[str, str, str]] = set()
    for action in actions:
        own = controls.by_name.get((action.type, action.target))
        keys = {(action.type, action.target, name) for name in action.params}
        if own is None:
            yield Problem(f"{action.type} {action.target}", "no such control")
        elif what := params_problem(own, action.params):
            yield Problem(f"{action.type} {action.target}", what)
        elif keys & seen:
            yield Problem(f"{action.type} {action.target}", "is ordered twice")
        seen |= keys


def _shares(controls: Controls, vector: Floats) -> Floats:
    """Entries of a vector `[…, d]` as shares of their range, 0 to 1."""
    if vector.shape[-1] != len(controls.entries):
        raise ActionError(f"An action vector has one entry per control: expected {len(controls.entries)}, found {vector.shape[-1]}.")
    nan = np.isnan(vector)
    if nan.any():
        lost = [Problem(entry.name, "is NaN") for k, entry in enumerate(controls.entries) if nan[..., k].any()]
        raise ActionError("An action vector must hold numbers.", lost, hint="A policy that returns NaN has diverged.")
    shares: Floats = (np.clip(vector, -1.0, 1.0) + 1.0) / 2.0
    return shares
