"""Reliability: load is served, and no bus is cut off."""

from __future__ import annotations

import numpy as np

from gridpilot.jit import kernel
from gridpilot.rewards.term import Facts, RewardTerm, per_demand
from gridpilot.values import Floats

LOST_LOAD = 10.0
"""With its weight, a MWh not served costs 200 times the reference price: the usual value of lost load, near 10,000 USD."""


@kernel
def evaluate(facts: Facts) -> Floats:
    """The term of every element `[B]`."""
    batch, n = facts.v_pu.shape
    value = np.zeros(batch)
    unserved = per_demand(facts.unserved_mwh, facts)
    for b in range(batch):
        dead = 0
        built = 0
        for k in range(n):
            if facts.active[b, k]:
                built += 1
                if not facts.energised[b, k]:
                    dead += 1
        value[b] = -(LOST_LOAD * unserved[b] + dead / max(built, 1)) * facts.dt_h
    return value


TERM = RewardTerm(
    name="reliability",
    weight=10.0,
    unit="an hour in which a tenth of the demand is not served",
    formula="−(10 · unserved / demand + dead buses / buses) · dt",
    evaluate=evaluate,
)
