"""What a reward term is: a name, a weight, and a pure function of the facts of a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gridpilot.jit import kernel
from gridpilot.values import Bools, Floats


class Facts(NamedTuple):
    """What the terms are computed from; per element of the batch."""

    loading: Floats
    """Branch loading `[B, m]`; 1.0 is the rating."""
    tripped: Bools
    """Branches that protection holds open, or whose supply is lost `[B, m]`."""
    v_pu: Floats
    """Bus voltages `[B, n]`."""
    energised: Bools
    active: Bools
    """Buses with a supply; buses that are built `[B, n]`."""
    v_min_pu: Floats
    v_max_pu: Floats
    """Operating band `[n]`."""
    demand_mwh: Floats
    unserved_mwh: Floats
    available_mwh: Floats
    curtailed_mwh: Floats
    slack_deviation_mwh: Floats
    """What the slack unit covered beyond its schedule's band, and what it could not cover."""
    cost_usd: Floats
    co2_t: Floats
    """Sums over the step `[B]`."""
    price_usd_per_mwh: float
    """Reference price: what a MWh of demand costs in ordinary operation."""
    dt_h: float


@dataclass(frozen=True, slots=True)
class RewardTerm:
    """One term of the reward; each file of this package with a `TERM` adds one.

    Values are ≤ 0 (cost and emissions: ≤ 0 in ordinary operation) and proportional to the step's length, so that the
    sum over a day does not depend on it, and relative to the grid's own size, so that scenarios compare.
    """

    name: str
    weight: float
    unit: str
    """What −1 means."""
    formula: str
    evaluate: Callable[[Facts], Floats]
    """Facts → `[B]`."""


@kernel
def per_demand(amount: Floats, facts: Facts) -> Floats:
    """An amount relative to the demand of the step `[B]`; 0 where there is no demand to compare with."""
    share = np.zeros(len(amount))
    for b in range(len(amount)):
        if facts.demand_mwh[b] > 0.0:
            share[b] = amount[b] / facts.demand_mwh[b]
    return share
