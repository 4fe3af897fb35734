"""Solar and wind: take all the weather offers, unless the price is below what a MWh costs the plant (usually nothing).

The setpoint is the most the plant may inject. At its marginal cost it still produces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gridpilot.agents.coordination.offers.kind import OfferKind
from gridpilot.agents.coordination.offers.offer import Offer, make_offer
from gridpilot.devices.device import parameters_from_rows
from gridpilot.devices.renewable import Parameters, State
from gridpilot.values import Floats


class Terms(NamedTuple):
    """Per plant `[n]`."""

    marginal_usd_per_mwh: Floats
    """Negative where the plant is paid a premium for every MWh."""


def terms(rows: Sequence[Mapping[str, Any]]) -> Terms:
    """Terms from one dict per plant; raises `ConfigError`."""
    made: Terms = parameters_from_rows(Terms, rows, {"marginal_usd_per_mwh": 0.0})
    return made


def make(parameters: Parameters, state: State, terms: Terms, exogenous: Floats, low_mw: Floats, high_mw: Floats, dt_h: float) -> Offer:
    """The offer `[B, n]`: the whole range at rest."""
    return make_offer(low_mw, high_mw, rest_mw=high_mw, buy_below_usd_per_mwh=terms.marginal_usd_per_mwh)


OFFER = OfferKind(kinds=("solar", "wind"), terms=Terms, from_rows=terms, make=make)
