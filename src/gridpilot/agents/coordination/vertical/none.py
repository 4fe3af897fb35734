"""None: the grid agent says nothing, and its devices decide by themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridpilot.agents.coordination.offers.offer import Offer, clip
from gridpilot.values import Floats

NAME = "none"


@dataclass(frozen=True, slots=True)
class NoVertical:
    """No entry, and no message."""

    name: str = NAME
    asks_offers: bool = False
    """Nobody asks."""

    def entries(self, devices: int) -> int:
        """None."""
        return 0

    def tell(self, action: Floats, offer: Offer) -> Floats:
        """Nothing `[B, 0]`."""
        return np.zeros((len(offer.low_mw), 0))

    def answer(self, told: Floats, offer: Offer, own_mw: Floats) -> Floats:
        """What the device has decided, as far as its limits allow."""
        return clip(own_mw, offer)


def make() -> NoVertical:
    """The protocol; it has no options."""
    return NoVertical()
