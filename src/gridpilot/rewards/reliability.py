"""Reliability: load is served, and no bus is cut off."""

from __future__ import annotations

import numpy as np

from gridpilot.jit import kernel
from gridpilot.rewards.term import Facts, RewardTerm
from gridpilot.values import Floats


@kernel
def evaluate(facts: Facts) -> Floats:
    """The term of every element `[B]`."""
    batch, n = facts.v_pu.shape
    value = np.zeros(batch)
    for b in range(batch):
        dead = 0
        built = 0
        for k in range(n):
            if facts.active[b, k]:
                built += 1
                if not facts.energised[b, k]:
                    dead += 1
        unserved = facts.unserved_mwh[b] / max(facts.demand_mwh[b], 1e-9)
        value[b] = -(unserved + dead / max(built, 1)) * facts.dt_h
    return value


TERM = RewardTerm(
    name="reliability",
    weight=10.0,
    unit="an hour without supply",
    formula="−(unserved / demand + dead buses / buses) · dt",
    evaluate=evaluate,
)
