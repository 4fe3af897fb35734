"""The seam between a grid agent and its devices, cut where a message can pass.

A protocol has two halves. `tell` is the grid agent's: from its action vector to one number per device. `answer` is the
device's: from that number and its own offer to a setpoint. A device's answer depends on nothing but its own columns, so
that it may be given in another process, with the same bits.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from gridpilot.agents.coordination.offers.offer import Offer
from gridpilot.errors import ActionError
from gridpilot.values import Floats


class VerticalProtocol(Protocol):
    """How a grid agent moves its devices."""

    @property
    def name(self) -> str:
        """What the configuration calls it."""
        ...

    @property
    def asks_offers(self) -> bool:
        """Whether it needs what devices can do in this very step; else offers with nameplate limits are enough."""
        ...

    def entries(self, devices: int) -> int:
        """Length of the grid agent's action vector for so many devices."""
        ...

    def tell(self, action: Floats, offer: Offer) -> Floats:
        """What each device is told `[B, n]`, or `[B, 0]` where nothing is; `action` `[B, entries]`, clipped to −1 … 1."""
        ...

    def answer(self, told: Floats, offer: Offer, own_mw: Floats) -> Floats:
        """Setpoints `[B, n]` inside the offer's limits; `own_mw` `[B, n]` is what the devices would do by themselves."""
        ...


def coordinate(protocol: VerticalProtocol, action: Floats, offer: Offer, own_mw: Floats) -> Floats:
    """Setpoints `[B, n]` from the action of a grid agent `[B, entries]`; both halves, one after the other.

    Raises `ActionError` for an action of another shape, or with an entry that is not a finite number.
    """
    batch, devices = offer.low_mw.shape
    expected = (batch, protocol.entries(devices))
    if action.shape != expected:
        raise ActionError(f"The action of a grid agent has the shape {action.shape}; {protocol.name!r} expects {expected}.")
    if not np.isfinite(action).all():
        lost = np.flatnonzero(~np.isfinite(action).all(axis=0)).tolist()
        raise ActionError(f"An action must be made of finite numbers; these entries of a grid agent's are not: {lost}.")
    return protocol.answer(protocol.tell(action, offer), offer, own_mw)


def between(action: Floats, low: Floats | float, high: Floats | float) -> Floats:
    """From −1 … 1 to low … high, both ends exactly; entries beyond are clipped."""
    share = (np.minimum(np.maximum(action, -1.0), 1.0) + 1.0) / 2.0
    inside = np.minimum(low + share * (np.asarray(high) - low), high)
    return np.where(share == 1.0, high, inside)
