"""Setpoint: the grid agent says to every device what to do; −1 is the lower limit of its offer, 1 the upper one."""

from __future__ import annotations

from dataclasses import dataclass

from gridpilot.agents.coordination.offers.offer import Offer, clip
from gridpilot.agents.coordination.vertical.protocol import between
from gridpilot.values import Floats

NAME = "setpoint"


@dataclass(frozen=True, slots=True)
class Setpoint:
    """One entry per device."""

    name: str = NAME
    asks_offers: bool = False
    """Nameplate limits do: −1 and 1 then mean the same in every step, and a device that cannot follow goes as far as it can."""

    def entries(self, devices: int) -> int:
        """One per device."""
        return devices

    def tell(self, action: Floats, offer: Offer) -> Floats:
        """Setpoints in MW, by the limits that the devices have reported."""
        return between(action, offer.low_mw, offer.high_mw)

    def answer(self, told: Floats, offer: Offer, own_mw: Floats) -> Floats:
        """The setpoint, as far as the device's own limits allow."""
        return clip(told, offer)


def make() -> Setpoint:
    """The protocol; it has no options."""
    return Setpoint()
