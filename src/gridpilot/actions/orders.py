"""From actions to setpoints, with a receipt for every action: applied, clipped or refused, and why.

Nothing is dropped silently: an unknown verb, target or parameter is a refusal in its receipt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gridpilot.actions.controls import Control, Controls, is_finite_number, params_problem, verbs
from gridpilot.actions.verb import CLOSED
from gridpilot.values import Action, Bools, Floats, Receipt

APPLIED, CLIPPED, REFUSED = "applied", "clipped", "refused"
_CLOSE_ENOUGH = 1e-6


@dataclass(frozen=True, eq=False)
class Situation:
    """What decides whether an order can be followed now; one element, package signs."""

    devices: Mapping[str, Floats]
    """Setpoints in force per kind `[n]`, with those for reactive power `[2n]`."""
    low: Mapping[str, Floats]
    high: Mapping[str, Floats]
    """What each device can follow this cycle, of the same shape."""
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
    seen: set[tuple[str, str, str]] = set()
    for action in actions:
        own, refusal = _find(action, controls, now)
        keys = {(action.type, action.target, name) for name in action.params}
        if not refusal and keys & seen:
            refusal = "the same component was ordered twice in one decision; the first order stands"
        if refusal:
            receipts.append(Receipt(action.type, action.target, _requested(action), None, REFUSED, refusal))
            continue
        if any(control.verb.moves_branches for control in own):
            receipt = _switch(action, own[0], closed, now)
        else:
            receipt = _joined([_move(action, control, devices[control.kind], now) for control in own], own)
        if receipt.outcome != REFUSED:
            seen |= keys
        receipts.append(receipt)
    return Orders(devices, closed, tuple(receipts))


def _joined(receipts: Sequence[Receipt], controls: Sequence[Control]) -> Receipt:
    """One receipt for all parameters of an action: the first one's, with what became of the others in `why`."""
    first, *others = receipts
    why = [first.why] if first.why else []
    for receipt, control in zip(others, controls[1:], strict=True):
        if receipt.outcome == CLIPPED and first.outcome != REFUSED:
            first = replace(first, outcome=CLIPPED)
            why.append(f"{control.parameter}: {receipt.why}")
    return replace(first, why="; ".join(why))


def _requested(action: Action) -> float | str | None:
    """The first parameter, as what a receipt can hold: text where it is not a finite number."""
    value = next(iter(action.params.values()), None)
    if value is None or isinstance(value, str):
        return value
    return float(value) if is_finite_number(value) else f"{value!r:.40}"


def _find(action: Action, controls: Controls, now: Situation) -> tuple[Sequence[Control], str]:
    """The controls an action names, or the reason why there are none."""
    known = verbs()
    if action.type not in known:
        return (), f"unknown verb {action.type!r}; valid: {', '.join(sorted(known))}"
    own = controls.by_name.get((action.type, action.target))
    if own is None:
        valid = controls.targets()[action.type]
        return (), f"unknown target {action.target!r} for {action.type}; valid: {', '.join(valid) or 'none'}"
    wrong = params_problem(own, action.params)
    if wrong:
        return (), wrong
    if now.may_move is not None and action.target not in now.may_move:
        return (), f"this role has no authority over {action.target}"
    return [control for name, control in own.items() if name in action.params], ""


def _switch(action: Action, control: Control, closed: Bools, now: Situation) -> Receipt:
    wanted = action.params[control.parameter]
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
    sign, k = control.sign, control.column
    asked = float(action.params[control.parameter])
    if not now.present[control.kind][control.index]:
        return Receipt(action.type, action.target, asked, None, REFUSED, "the device is out of service or not built yet")
    held = min(max(asked, control.low), control.high)
    setpoints[k] = sign * held + 0.0  # no negative zero: equal orders are equal bit for bit
    followed = sign * _followed(float(setpoints[k]), control, now) + 0.0
    if abs(followed - asked) <= _CLOSE_ENOUGH:
        return Receipt(action.type, action.target, asked, followed, APPLIED)
    unit = f" {control.unit}" if control.unit else ""
    if held != asked:
        why = f"outside the range {control.low:g} … {control.high:g}{unit}"
    else:
        why = f"{followed:.4g}{unit} is what can be had this cycle; {held:g}{unit} stays the order"
    return Receipt(action.type, action.target, asked, followed, CLIPPED, why)


def _followed(setpoint: float, control: Control, now: Situation) -> float:
    """What a device can follow of a setpoint this cycle; in the gap below the least output, the nearer end."""
    low, high = float(now.low[control.kind][control.column]), float(now.high[control.kind][control.column])
    reached = min(max(setpoint, low), high)
    if control.reactive:
        return reached
    least = float(now.least[control.kind][control.index]) if control.kind in now.least else 0.0
    if 0.0 < reached < least:
        return least if setpoint >= 0.5 * least or low > 0.0 else 0.0
    return reached
