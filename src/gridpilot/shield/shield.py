"""`review`: what every decision passes, whoever made it.

    schema → authority → device limits → preview on the outlook → N-1 → result

A single order that is wrong is refused alone, with a receipt. Orders that together would leave the grid worse than
doing nothing are refused together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gridpilot.actions import CLIPPED, REFUSED
from gridpilot.shield.authority import FULL, OPERATOR, Authority, may_move
from gridpilot.shield.case import Case, Check
from gridpilot.shield.limits import within_limits
from gridpilot.shield.preview import not_worse
from gridpilot.shield.schema import readable, refusal
from gridpilot.shield.security import secure_as_before
from gridpilot.twin import Twin
from gridpilot.values import Action, Decision, GridState, Preview, Receipt

CHECKS: tuple[Check, ...] = (not_worse, secure_as_before)
"""Asked in this order; the first reason stands."""


@dataclass(frozen=True, slots=True)
class ShieldResult:
    """What the shield makes of a decision."""

    decision: Decision
    """As reviewed: with parameters that can be written down, and without actions where it was invalid."""
    actions: tuple[Action, ...]
    """What may be applied; empty where the decision was refused."""
    receipts: tuple[Receipt, ...]
    """One per action of the decision, or one for a decision that was none."""
    preview: Preview
    """`candidates[0]` is what was left of the decision after authority and limits."""
    refused: bool
    """The decision as a whole was refused: do nothing."""
    why: str
    """The reason of a refusal; else how many orders were clipped or refused; empty where all passed as they were."""


def review(
    twin: Twin,
    state: GridState,
    decision: Decision,
    role: str = OPERATOR,
    *,
    authority: Authority = FULL,
    checks: Sequence[Check] = CHECKS,
    horizon: int | None = None,
) -> ShieldResult:
    """Review a decision at a state of one element, looking `horizon` cycles ahead.

    Raises `UnknownNameError` for a role without an entry in `authority`.
    """
    asked = readable(decision)
    kept, receipts = within_limits(twin, state, asked.actions, may_move(role, authority))
    preview = twin.preview(state, [kept], horizon)
    if asked.invalid:
        return ShieldResult(asked, (), refusal(asked), preview, True, f"not a decision: {asked.assessment}")
    why = _reason(checks, Case(twin, state, kept, preview)) if kept else ""
    if why:
        return ShieldResult(asked, (), refuse_all(receipts, why), preview, True, why)
    return ShieldResult(asked, kept, receipts, preview, False, _changes(receipts))


def refuse_all(receipts: Sequence[Receipt], why: str) -> tuple[Receipt, ...]:
    """The receipts of a decision none of whose orders will be applied; what was refused already keeps its reason."""
    return tuple(r if r.outcome == REFUSED else replace(r, applied=None, outcome=REFUSED, why=why) for r in receipts)


def _reason(checks: Sequence[Check], case: Case) -> str:
    return next((why for check in checks if (why := check(case))), "")


def _changes(receipts: Sequence[Receipt]) -> str:
    counts = {outcome: sum(r.outcome == outcome for r in receipts) for outcome in (CLIPPED, REFUSED)}
    said = [f"{count} {outcome}" for outcome, count in counts.items() if count]
    return f"{' and '.join(said)} of {len(receipts)} orders" if said else ""
