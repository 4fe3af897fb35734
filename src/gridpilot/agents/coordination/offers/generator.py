"""Generator: produces where the marginal cost of its quadratic curve is the price, `b + 2·a·p = λ`.

Limits and ramps bound the answer. Below its technical minimum a unit that may stop follows what the device makes of
it: the nearer of 0 and the minimum (`gridpilot.devices.generator`). Start-up and no-load cost are the owner's: a
price is no promise for the hours to come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gridpilot.agents.coordination.offers.kind import OfferKind
from gridpilot.agents.coordination.offers.offer import Offer, make_offer
from gridpilot.devices.device import parameters_from_rows
from gridpilot.devices.generator import Parameters, State
from gridpilot.errors import ConfigError, Problem
from gridpilot.values import Floats


class Terms(NamedTuple):
    """Per unit `[n]`."""

    margin_usd_per_mwh: Floats
    """What the owner asks on top of marginal cost; 0 for a price taker."""


def terms(rows: Sequence[Mapping[str, Any]]) -> Terms:
    """Terms from one dict per unit; raises `ConfigError`."""
    made: Terms = parameters_from_rows(Terms, rows, {"margin_usd_per_mwh": 0.0})
    return made


def make(parameters: Parameters, state: State, terms: Terms, exogenous: Floats, low_mw: Floats, high_mw: Floats, dt_h: float) -> Offer:
    """The offer `[B, n]`; raises `ConfigError` for units whose cost is not a convex quadratic."""
    problems = [Problem(f"unit {k}", "has a piecewise-linear cost; expected a quadratic one") for k in _with_points(parameters)]
    concave = np.flatnonzero(parameters.cost_a < 0.0)
    problems += [Problem(f"unit {k}", f"has cost_a {parameters.cost_a[k]:g}; expected 0 or more") for k in concave]
    if problems:
        raise ConfigError("Some units have no price at which they know what to do.", problems)
    return make_offer(
        low_mw,
        high_mw,
        sell_above_usd_per_mwh=parameters.cost_b + terms.margin_usd_per_mwh,
        slope_usd_per_mw2h=2.0 * parameters.cost_a,
    )


def _with_points(parameters: Parameters) -> list[int]:
    if parameters.curve_mw.shape[1] == 0:
        return []
    return [int(k) for k in np.flatnonzero(np.ptp(parameters.curve_mw, axis=1) > 0.0)]


OFFER = OfferKind(kinds=("generator",), terms=Terms, from_rows=terms, make=make)
