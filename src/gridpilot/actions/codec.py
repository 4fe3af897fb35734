"""Three faces of a decision: JSON text, `Action`s, and a normalised vector; with the ways between them.

The JSON face: `{"assessment", "risk_level", "actions": [{"type", "target", "params", "reason"}]}`. The vector has one
entry per control in [−1, 1]: the parameter's nameplate range for a device, closed (> 0) or open for a branch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from gridpilot.actions.controls import Control, Controls, verbs
from gridpilot.actions.verb import CLOSED, OPEN
from gridpilot.errors import ActionError, Problem
from gridpilot.values import RISK_LEVELS, Action, Bools, Decision, Floats

_KEYS = {"assessment", "risk_level", "actions"}
_ACTION_KEYS = {"type", "target", "params", "reason"}


def decision_to_json(decision: Decision) -> str:
    """A decision as one line of JSON."""
    actions = [{"type": a.type, "target": a.target, "params": dict(a.params), "reason": a.reason} for a in decision.actions]
    face = {"assessment": decision.assessment, "risk_level": decision.risk_level, "actions": actions}
    return json.dumps(face, ensure_ascii=False)


def decision_from_json(text: str, *, agent: str = "") -> Decision:
    """A decision from its JSON face; raises `ActionError` with every problem of its shape.

    Names of verbs, targets and parameters are not checked here: what is wrong with them is said in their receipt.
    """
    try:
        face = json.loads(text)
    except json.JSONDecodeError as error:
        raise ActionError(f"The decision is not JSON: {error}.", hint=f"Expected an object with {sorted(_KEYS)}.") from error
    problems = list(_shape_problems(face))
    if problems:
        raise ActionError("The decision does not have the expected shape.", problems)
    actions = tuple(
        Action(str(a["type"]), str(a["target"]), dict(a.get("params", {})), str(a.get("reason", ""))) for a in face["actions"]
    )
    return Decision(str(face.get("assessment", "")), str(face.get("risk_level", "LOW")), actions, agent=agent)


def _shape_problems(face: Any) -> list[Problem]:
    if not isinstance(face, dict):
        return [Problem("decision", f"must be an object, found {type(face).__name__}")]
    found = [Problem(key, f"unknown key; expected {sorted(_KEYS)}") for key in face if key not in _KEYS]
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
    if not isinstance(action.get("params", {}), dict):
        found.append(Problem(f"{where}.params", "must be an object"))
    return found


def decision_schema(controls: Controls) -> dict[str, Any]:
    """JSON Schema (2020-12) of a decision in this scenario: only known verbs and targets, parameters in range."""
    return {
        "type": "object",
        "properties": {
            "assessment": {"type": "string"},
            "risk_level": {"enum": list(RISK_LEVELS)},
            "actions": {"type": "array", "items": {"anyOf": [_action_schema(entry) for entry in controls.entries]}},
        },
        "required": ["assessment", "risk_level", "actions"],
        "additionalProperties": False,
    }


def _action_schema(control: Control) -> dict[str, Any]:
    if control.verb.moves_branches:
        value: dict[str, Any] = {"enum": [OPEN, CLOSED]}
    else:
        value = {"type": "number", "minimum": control.low, "maximum": control.high, "description": control.verb.summary}
    params = {
        "type": "object",
        "properties": {control.verb.parameter: value},
        "required": [control.verb.parameter],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "type": {"const": control.verb.name},
            "target": {"const": control.target},
            "params": params,
            "reason": {"type": "string"},
        },
        "required": ["type", "target", "params"],
        "additionalProperties": False,
    }


# -------------------------------------------------------------------------------------------------- vectors


def setpoints_to_vector(controls: Controls, devices: Mapping[str, Floats], closed: Bools) -> Floats:
    """Setpoints `[B, n]` per kind and breakers `[B, m]` as vectors `[B, d]` in [−1, 1]."""
    columns = []
    for entry in controls.entries:
        if entry.verb.moves_branches:
            columns.append(np.where(closed[:, entry.index], 1.0, -1.0))
        else:
            value = entry.verb.sign * devices[entry.kind][:, entry.index]
            columns.append(2.0 * (value - entry.low) / (entry.high - entry.low) - 1.0)
    return np.stack(columns, axis=1) if columns else np.zeros((len(closed), 0))


def vector_to_setpoints(
    controls: Controls, vector: Floats, devices: Mapping[str, Floats], closed: Bools
) -> tuple[dict[str, Floats], Bools]:
    """Vectors `[B, d]` as setpoints; what has no control keeps its value. Entries are clipped to [−1, 1]."""
    new_devices = {kind: values.copy() for kind, values in devices.items()}
    new_closed = closed.copy()
    unit = (np.clip(vector, -1.0, 1.0) + 1.0) / 2.0
    for column, entry in enumerate(controls.entries):
        if entry.verb.moves_branches:
            new_closed[:, entry.index] = unit[:, column] > 0.5
        else:
            value = entry.low + unit[:, column] * (entry.high - entry.low)
            new_devices[entry.kind][:, entry.index] = entry.verb.sign * value
    return new_devices, new_closed


def vector_to_actions(controls: Controls, vector: Floats) -> tuple[Action, ...]:
    """One action per control from one vector `[d]`."""
    unit = (np.clip(vector, -1.0, 1.0) + 1.0) / 2.0
    actions = []
    for share, entry in zip(unit.tolist(), controls.entries, strict=True):
        value: float | str = entry.low + share * (entry.high - entry.low)
        if entry.verb.moves_branches:
            value = CLOSED if share > 0.5 else OPEN
        actions.append(Action(entry.verb.name, entry.target, {entry.verb.parameter: value}))
    return tuple(actions)


def actions_to_vector(controls: Controls, actions: tuple[Action, ...], hold: Floats) -> Floats:
    """One vector `[d]` from actions; controls that no action names stay at `hold`.

    Raises `ActionError` naming every action that no control answers to.
    """
    vector = hold.copy()
    place = {(entry.verb.name, entry.target): k for k, entry in enumerate(controls.entries)}
    lost = [Problem(f"{a.type} {a.target}", "no such control") for a in actions if (a.type, a.target) not in place]
    if lost:
        raise ActionError("Some actions have no place in the action vector.", lost, hint=f"Verbs: {', '.join(sorted(verbs()))}.")
    for action in actions:
        k = place[(action.type, action.target)]
        entry = controls.entries[k]
        value = action.params[entry.verb.parameter]
        if entry.verb.moves_branches:
            vector[k] = 1.0 if value == CLOSED else -1.0
        else:
            vector[k] = 2.0 * (float(value) - entry.low) / (entry.high - entry.low) - 1.0
    return vector
