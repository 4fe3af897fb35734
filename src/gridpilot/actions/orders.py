"""From actions to setpoints, with a receipt for every action: applied, clipped or refused, and why.

Nothing is dropped silently: an unknown verb, target or parameter is a refusal in its receipt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from gridpilot.actions.controls import Control, Controls, is_finite_number, verbs
from gridpilot.actions.verb import CLOSED
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
    least: Mapping[str, Floats] = field(default_factory=dict)
    """Per kind the smallest output other than 0 `[n]`, where there is one: a unit runs at its minimum or not at all."""


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
        if control.verb.moves_branches:
            receipt = _switch(action, control, closed, now)
        else:
            receipt = _move(action, control, devices[control.kind], now)
        if receipt.outcome != REFUSED:
            seen.add(key)
        receipts.append(receipt)
    return Orders(devices, closed, tuple(receipts))


def _requested(action: Action) -> float | str | None:
    """The first parameter, as what a receipt can hold: text where it is not a finite number."""
    value = next(iter(action.params.values()), None)
    if value is None or isinstance(value, str):
        return value
    return float(value) if is_finite_number(value) else f"{value!r:.40}"


def _find(action: Action, controls: Controls, now: Situation) -> tuple[Control | None, str]:
    """The control an action names, or the reason why there is none."""
    known = verbs()
    if action.type not in known:
        return None, f"unknown verb {action.type!r}; valid: {', '.join(sorted(known))}"
    control = controls.by_name.get((action.type, action.target))
    if control is None:
        valid = controls.targets()[action.type]
        return None, f"unknown target {action.target!r} for {action.type}; valid: {', '.join(valid) or 'none'}"
    wrong = control.problem(action.params)
    if wrong:
        return None, wrong
    if now.may_move is not None and action.target not in now.may_move:
        return None, f"this role has no authority over {action.target}"
    return control, ""


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
    setpoints[k] = verb.sign * held + 0.0  # no negative zero: equal orders are equal bit for bit
    now_mw = verb.sign * _followed(float(setpoints[k]), control, now) + 0.0
    if abs(now_mw - asked) <= _CLOSE_ENOUGH_MW:
        return Receipt(action.type, action.target, asked, now_mw, APPLIED)
    if held != asked:
        why = f"outside the range {control.low:g} … {control.high:g} MW"
    else:
        why = f"{now_mw:.4g} MW is what can be had this cycle; {held:g} MW stays the order"
    return Receipt(action.type, action.target, asked, now_mw, CLIPPED, why)


def _followed(setpoint: float, control: Control, now: Situation) -> float:
    """What a device can follow of a setpoint this cycle; in the gap below the least output, the nearer end."""
    low, high = float(now.low[control.kind][control.index]), float(now.high[control.kind][control.index])
    reached = min(max(setpoint, low), high)
    least = float(now.least[control.kind][control.index]) if control.kind in now.least else 0.0
    if 0.0 < reached < least:
        return least if setpoint >= 0.5 * least or low > 0.0 else 0.0
    return reached
