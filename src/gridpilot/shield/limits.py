"""Third check: what of the orders can the devices follow? The rest is clipped or refused, with a receipt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from gridpilot.actions import REFUSED
from gridpilot.twin import Twin
from gridpilot.values import Action, GridState, Receipt


class Limited(NamedTuple):
    """Orders after authority and device limits."""

    actions: tuple[Action, ...]
    """Those that were not refused, as they were asked for."""
    receipts: tuple[Receipt, ...]
    """One per action that was asked for, in their order."""


def within_limits(twin: Twin, state: GridState, actions: Sequence[Action], may_move: Collection[str] | None = None) -> Limited:
    """What is left of some actions; ordering it again gives the same setpoints."""
    _, receipts = twin.order(state, actions, may_move=may_move)
    kept = tuple(action for action, receipt in zip(actions, receipts, strict=True) if receipt.outcome != REFUSED)
    return Limited(kept, receipts)
