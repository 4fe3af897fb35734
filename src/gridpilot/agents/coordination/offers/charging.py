"""Charging of a vehicle: below the price its driver is willing to pay, and in time whatever the price.

A session that still needs E MWh in the battery, with h hours until it leaves, has to take at least

    c_min = (E/η − p_max·(h − dt)⁺) / dt

in this step, or full power in all later ones would not be enough: the latest start of a deferrable load with a deadline
(Subramanian et al., "Real-time scheduling of distributed resources", IEEE Trans. Smart Grid 4(4), 2013). Nothing else
binds it: it waits for prices.
"""

from __future__ import annotations

import numpy as np

from gridpilot.agents.coordination.offers.offer import Offer, make_offer
from gridpilot.values import Floats


def least_charge_mw(need_mwh: Floats, left_h: Floats, p_max_mw: Floats, efficiency: Floats, dt_h: float) -> Floats:
    """Power at the grid `[B, n]` that a session must take now so that it can still be ready; at most `p_max_mw`."""
    later_mwh = p_max_mw * np.maximum(left_h - dt_h, 0.0)
    least = (need_mwh / efficiency - later_mwh) / dt_h
    return np.minimum(np.maximum(least, 0.0), p_max_mw)


def charging_offer(
    low_mw: Floats, high_mw: Floats, *, least_mw: Floats, willing_usd_per_mwh: Floats, give_back_usd_per_mwh: Floats | float = np.inf
) -> Offer:
    """The offer `[B, n]` of charging points with limits as the package's signs have it: charging is negative.

    They charge as fast as they can below `willing_usd_per_mwh` `[n]`, else as slowly as `least_mw` allows, and feed back
    above `give_back_usd_per_mwh`, where they can and need not charge.
    """
    slowest = np.maximum(np.minimum(high_mw, 0.0 - least_mw), low_mw)
    return make_offer(
        low_mw,
        np.where(least_mw > 0.0, slowest, high_mw),
        rest_mw=0.0 - least_mw,
        buy_below_usd_per_mwh=willing_usd_per_mwh,
        sell_above_usd_per_mwh=give_back_usd_per_mwh,
    )
