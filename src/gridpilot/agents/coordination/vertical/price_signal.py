"""Price signal: the grid agent says one price; every device answers by its own cost (`gridpilot.agents.coordination.offers`).

Setpoints never fall as the price rises, so that a grid agent finds any total that its devices can give together.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np

from gridpilot.agents.coordination.offers.offer import Offer, answer
from gridpilot.agents.coordination.vertical.protocol import between
from gridpilot.errors import ConfigError
from gridpilot.values import Floats

NAME = "price-signal"


@dataclass(frozen=True, slots=True)
class PriceSignal:
    """One entry, the price. Raises `ConfigError` where the range of prices is none."""

    price_min_usd_per_mwh: float
    """What −1 says."""
    price_max_usd_per_mwh: float
    """What 1 says."""
    name: str = NAME
    asks_offers: bool = True
    """A device answers a price by what it can do now."""

    def __post_init__(self) -> None:
        low, high = self.price_min_usd_per_mwh, self.price_max_usd_per_mwh
        if not (isfinite(low) and isfinite(high) and low < high):
            raise ConfigError(f"A price signal reaches from {low:g} to {high:g} USD/MWh; expected two finite prices that rise.")

    def entries(self, devices: int) -> int:
        """One, however many devices there are."""
        return 1

    def tell(self, action: Floats, offer: Offer) -> Floats:
        """The same price in USD/MWh to every device."""
        price = between(action, self.price_min_usd_per_mwh, self.price_max_usd_per_mwh)
        return np.broadcast_to(price, offer.low_mw.shape).copy()

    def answer(self, told: Floats, offer: Offer, own_mw: Floats) -> Floats:
        """Where the device earns most at that price."""
        return answer(told, offer)


def make(price_min_usd_per_mwh: float = -50.0, price_max_usd_per_mwh: float = 250.0) -> PriceSignal:
    """The protocol; the usual range is that of wholesale prices on all but the rarest days."""
    return PriceSignal(price_min_usd_per_mwh, price_max_usd_per_mwh)
