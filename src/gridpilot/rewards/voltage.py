"""Voltage: buses outside their operating band."""

from __future__ import annotations

import numpy as np

from gridpilot.jit import kernel
from gridpilot.rewards.term import Facts, RewardTerm
from gridpilot.values import Floats

UNIT = 0.05
DEAD_AS = 0.15
"""A dead bus counts as one at 0.80 pu, below which under-voltage relays cut load off: going dark is never the cheaper way out."""


@kernel
def evaluate(facts: Facts) -> Floats:
    """The term of every element `[B]`."""
    batch, n = facts.v_pu.shape
    value = np.zeros(batch)
    for b in range(batch):
        outside = 0.0
        for k in range(n):
            if facts.energised[b, k]:
                v = facts.v_pu[b, k]
                outside += max(facts.v_min_pu[k] - v, v - facts.v_max_pu[k], 0.0)
            elif facts.active[b, k]:
                outside += DEAD_AS
        value[b] = -outside / UNIT * facts.dt_h
    return value


TERM = RewardTerm(
    name="voltage",
    weight=3.0,
    unit="one bus 0.05 pu outside its band for an hour",
    formula="−dt · Σ_buses max(0, v_min − v, v − v_max) / 0.05; a dead bus counts as 0.15 pu",
    evaluate=evaluate,
)
