"""From actions to setpoints, with a receipt for every action: applied, clipped or refused, and why.

Nothing is dropped silently: an unknown verb, target or parameter is a refusal in its receipt.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridpilot.actions.controls import Control, Controls, verbs
from gridpilot.actions.verb import CLOSED, OPEN
from gridpilot.values import Action, Bools, Floats, Receipt

APPLIED, CLIPPED, REFUSED = "applied", "clipped", "refused"
_CLOSE_ENOUGH_MW = 1e-6


@dataclass(frozen=True, eq=False)
class Situation:
    """What decides whether an order can be followed now; one element, package signs."""

    devices: Mapping[str, Floats]
    """Setpoints in force per kind `[n]`."""
    low: Mapping[str, Floats]
    high: Mapping[str, Floats]
    """What each device can follow this cycle `[n]`."""
    present: Mapping[str, Bools]
    """Devices that are built and in service `[n]`."""
    closed: Bools
    faulted: Bools
    lockout_h: Floats
    branch_active: Bools
    """Per branch `[m]`."""
    may_move: Collection[str] | None = None
    """Targets the role has authority over; None for all."""


@dataclass(frozen=True, eq=False)
class Orders:
    """What devices are told after a decision; one element."""

    devices: Mapping[str, Floats]
    closed: Bools
    receipts: tuple[Receipt, ...]


def give_orders(actions: Sequence[Action], controls: Controls, now: Situation) -> Orders:
    """Setpoints after these actions, in order; what no action names stays as it was."""
    devices = {kind: values.copy() for kind, values in now.devices.items()}
    closed = now.closed.copy()
    receipts: list[Receipt] = []
    seen: set[tuple[str, str]] = set()
    for action in actions:
        control, refusal = _find(action, controls, now)
        key = (action.type, action.target)
        if not refusal and key in seen:
            refusal = "the same component was ordered twice in one decision; the first order stands"
        if refusal or control is None:
            receipts.append(Receipt(action.type, action.target, _requested(action), None, REFUSED, refusal))
            continue
        seen.add(key)
        if control.verb.moves_branches:
            receipts.append(_switch(action, control, closed, now))
        else:
            receipts.append(_move(action, control, devices[control.kind], now))
    return Orders(devices, closed, tuple(receipts))


def _requested(action: Action) -> float | str | None:
    value = next(iter(action.params.values()), None)
    return value if value is None or isinstance(value, (int, float, str)) else str(value)


def _find(action: Action, controls: Controls, now: Situation) -> tuple[Control | None, str]:
    """The control an action names, or the reason why there is none."""
    known = verbs()
    if action.type not in known:
        return None, f"unknown verb {action.type!r}; valid: {', '.join(sorted(known))}"
    verb = known[action.type]
    control = controls.by_name.get((action.type, action.target))
    if control is None:
        valid = controls.targets()[action.type]
        return None, f"unknown target {action.target!r} for {action.type}; valid: {', '.join(valid) or 'none'}"
    if set(action.params) != {verb.parameter}:
        found = ", ".join(sorted(map(str, action.params))) or "none"
        return None, f"{action.type} takes exactly the parameter {verb.parameter!r}; found: {found}"
    wrong = _value_problem(control, action.params[verb.parameter])
    if wrong:
        return None, wrong
    if now.may_move is not None and action.target not in now.may_move:
        return None, f"this role has no authority over {action.target}"
    return control, ""


def _value_problem(control: Control, value: Any) -> str:
    if control.verb.moves_branches:
        return "" if value in (OPEN, CLOSED) else f"status must be {OPEN!r} or {CLOSED!r}, found {value!r}"
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return f"{control.verb.parameter} must be a finite number of MW, found {value!r}"
    return ""


def _switch(action: Action, control: Control, closed: Bools, now: Situation) -> Receipt:
    wanted = action.params[control.verb.parameter]
    k = control.index
    why = ""
    if not now.branch_active[k]:
        why = "the branch is not built yet"
    elif wanted == CLOSED and now.faulted[k]:
        why = "the branch is faulted and cannot be closed until it is repaired"
    elif wanted == CLOSED and now.lockout_h[k] > 0:
        why = f"protection has locked the branch out for another {now.lockout_h[k] * 60:.0f} min"
    if why:
        return Receipt(action.type, action.target, wanted, None, REFUSED, why)
    same = bool(closed[k]) == (wanted == CLOSED)
    closed[k] = wanted == CLOSED
    return Receipt(action.type, action.target, wanted, wanted, APPLIED, f"it was {wanted} already" if same else "")


def _move(action: Action, control: Control, setpoints: Floats, now: Situation) -> Receipt:
    """Holds the order (inside the nameplate) and says what of it can be followed this cycle."""
    verb, k = control.verb, control.index
    asked = float(action.params[verb.parameter])
    if not now.present[control.kind][k]:
        return Receipt(action.type, action.target, asked, None, REFUSED, "the device is out of service or not built yet")
    held = min(max(asked, control.low), control.high)
    setpoints[k] = verb.sign * held
    now_mw = verb.sign * min(max(setpoints[k], float(now.low[control.kind][k])), float(now.high[control.kind][k])) + 0.0
    if abs(now_mw - asked) <= _CLOSE_ENOUGH_MW:
        return Receipt(action.type, action.target, asked, now_mw, APPLIED)
    if held != asked:
        why = f"outside the range {control.low:g} … {control.high:g} MW"
    else:
        why = f"{now_mw:.4g} MW is what can be had this cycle; {held:g} MW stays the order"
    return Receipt(action.type, action.target, asked, now_mw, CLIPPED, why)
