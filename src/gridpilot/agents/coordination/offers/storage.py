"""Storage: charges below and discharges above what a stored MWh is worth to its owner.

With worth v of a stored MWh, wear w per MWh at the grid and efficiencies η_c, η_d: a MWh taken from the grid leaves
η_c in the store, a MWh given to it draws 1/η_d. So it pays to charge where λ < v·η_c − w, and to discharge where
λ > v/η_d + w; between the two the losses cost more than is gained. Energy limits are in the device's bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gridpilot.agents.coordination.offers.kind import OfferKind
from gridpilot.agents.coordination.offers.offer import Offer, make_offer
from gridpilot.devices.device import parameters_from_rows
from gridpilot.devices.storage import Parameters, State
from gridpilot.values import Floats


class Terms(NamedTuple):
    """Per unit `[n]`."""

    value_usd_per_mwh: Floats
    """What a MWh in the store is worth."""
    slope_usd_per_mw2h: Floats
    """How much more every MW must gain; 0: full power at the threshold."""


def terms(rows: Sequence[Mapping[str, Any]]) -> Terms:
    """Terms from one dict per unit, `value_usd_per_mwh` at least; raises `ConfigError`."""
    limits = dict.fromkeys(Terms._fields, (0.0, np.inf))
    made: Terms = parameters_from_rows(Terms, rows, {"slope_usd_per_mw2h": 0.0}, limits=limits)
    return made


def make(parameters: Parameters, state: State, terms: Terms, exogenous: Floats, low_mw: Floats, high_mw: Floats, dt_h: float) -> Offer:
    """The offer `[B, n]`."""
    value, wear = terms.value_usd_per_mwh, parameters.wear_usd_per_mwh
    return make_offer(
        low_mw,
        high_mw,
        buy_below_usd_per_mwh=value * parameters.charge_efficiency - wear,
        sell_above_usd_per_mwh=value / parameters.discharge_efficiency + wear,
        slope_usd_per_mw2h=terms.slope_usd_per_mw2h,
    )


OFFER = OfferKind(kinds=("storage",), terms=Terms, from_rows=terms, make=make)
