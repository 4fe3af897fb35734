"""What a person says to a proposal, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gridpilot.actions import APPLIED
from gridpilot.errors import Problem, StaleVerdictError, VerdictError
from gridpilot.operations.desk.proposal import Proposal
from gridpilot.values import Action, Receipt, Verdict

APPROVED, MODIFIED, REJECTED, HELD = "approved", "modified", "rejected", "held"
"""As decided; changed by a person; turned down by a person; nothing done, because a person said so or nobody answered in time."""
REFUSED, ADVISED = "refused", "advised"
"""Turned down by the shield; shown only."""
RULINGS: Final = (APPROVED, MODIFIED, REJECTED, HELD)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What an operator says to the proposal with sequence number `seq`."""

    kind: str
    """One of `RULINGS`."""
    seq: int
    by: str
    """The operator's name."""
    why: str = ""
    """A rejection needs one."""
    actions: tuple[Action, ...] = ()
    """Of a modification: all orders that are to be applied."""


def rule(proposal: Proposal, ruling: Ruling) -> Verdict:
    """The verdict that a ruling leads to.

    Raises `StaleVerdictError` for a ruling on another state, and `VerdictError` with everything that is wrong with one on this:
    approving what the shield refused, rejecting without a reason, orders that devices cannot follow or that the shield refuses.
    """
    if ruling.seq != proposal.seq:
        raise StaleVerdictError(
            f"The verdict is on state {ruling.seq}, and the grid stands at state {proposal.seq} ({proposal.view.time}): "
            "nothing was applied. Look at the new proposal and decide again."
        )
    if not ruling.by:
        raise VerdictError("A verdict needs the name of its operator.")
    if ruling.actions and ruling.kind != MODIFIED:
        raise VerdictError(f"A verdict {ruling.kind!r} has no orders of its own; found {len(ruling.actions)}. Say {MODIFIED!r} instead.")
    if ruling.kind == APPROVED:
        return _approved(proposal, ruling)
    if ruling.kind == MODIFIED:
        return _modified(proposal, ruling)
    if ruling.kind == REJECTED and not ruling.why.strip():
        raise VerdictError("A rejection needs a reason: it is what the agent learns from.")
    if ruling.kind not in RULINGS:
        raise VerdictError(f"The verdict is {ruling.kind!r}; expected one of {', '.join(RULINGS)}.")
    return Verdict(ruling.kind, (), ruling.why, ruling.by)


def _approved(proposal: Proposal, ruling: Ruling) -> Verdict:
    result = proposal.result
    if result.refused:
        raise VerdictError(f"The shield refused this decision: {result.why}. Modify it, reject it, or hold.")
    return Verdict(APPROVED, result.actions, ruling.why or result.why, ruling.by)


def _modified(proposal: Proposal, ruling: Ruling) -> Verdict:
    if not ruling.actions:
        raise VerdictError("A modification without orders is none; say 'held' to do nothing.")
    found = proposal.what_if(ruling.actions)
    if found.refused:
        raise VerdictError(f"The shield refuses these orders: {found.why}.")
    problems = [Problem(f"{receipt.type} {receipt.target}", _wrong(receipt)) for receipt in found.receipts if receipt.outcome != APPLIED]
    if problems:
        raise VerdictError("These orders cannot be followed as they are.", problems)
    return Verdict(MODIFIED, found.actions, ruling.why, ruling.by)


def _wrong(receipt: Receipt) -> str:
    if receipt.applied is None:
        return f"{receipt.requested} is refused: {receipt.why}"
    return f"{receipt.requested} is more than it can do now; it would be {receipt.applied} ({receipt.why})"
