"""Flexible load: moves consumption away from prices above its usual one, and towards prices below.

What is shaped away comes back (`gridpilot.devices.load`), at the price r that the customer expects then. Moving a
MWh is paid with w. So shedding gains where λ > r + w, and taking early gains where λ < r − w. The setpoint is the
change of injection: positive sheds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gridpilot.agents.coordination.offers.kind import OfferKind
from gridpilot.agents.coordination.offers.offer import Offer, make_offer
from gridpilot.devices.device import parameters_from_rows
from gridpilot.devices.load import Parameters, State
from gridpilot.values import Floats


class Terms(NamedTuple):
    """Per load `[n]`."""

    usual_usd_per_mwh: Floats
    """The price that the customer expects when consumption comes back."""
    slope_usd_per_mw2h: Floats
    """How much more every MW must gain; 0: the whole flexible part at the threshold."""


def terms(rows: Sequence[Mapping[str, Any]]) -> Terms:
    """Terms from one dict per load, `usual_usd_per_mwh` at least; raises `ConfigError`."""
    limits = {"slope_usd_per_mw2h": (0.0, np.inf)}
    made: Terms = parameters_from_rows(Terms, rows, {"slope_usd_per_mw2h": 0.0}, limits=limits)
    return made


def make(parameters: Parameters, state: State, terms: Terms, exogenous: Floats, low_mw: Floats, high_mw: Floats, dt_h: float) -> Offer:
    """The offer `[B, n]`."""
    return make_offer(
        low_mw,
        high_mw,
        buy_below_usd_per_mwh=terms.usual_usd_per_mwh - parameters.shaping_usd_per_mwh,
        sell_above_usd_per_mwh=terms.usual_usd_per_mwh + parameters.shaping_usd_per_mwh,
        slope_usd_per_mw2h=terms.slope_usd_per_mw2h,
    )


OFFER = OfferKind(kinds=("load",), terms=Terms, from_rows=terms, make=make)
