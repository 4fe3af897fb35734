"""Congestion: branches above their thermal rating, and those that protection had to open."""

from __future__ import annotations

import numpy as np

from gridpilot.jit import kernel
from gridpilot.rewards.term import Facts, RewardTerm
from gridpilot.values import Floats

TRIPPED_AS = 0.5
"""A tripped branch counts as loaded to 150 %, the hard limit of the relays: tripping is never cheaper than the overload."""


@kernel
def evaluate(facts: Facts) -> Floats:
    """The term of every element `[B]`."""
    batch, m = facts.loading.shape
    value = np.zeros(batch)
    for b in range(batch):
        over = 0.0
        for k in range(m):
            over += TRIPPED_AS if facts.tripped[b, k] else max(facts.loading[b, k] - 1.0, 0.0)
        value[b] = -over * facts.dt_h
    return value


TERM = RewardTerm(
    name="congestion",
    weight=5.0,
    unit="one branch at twice its rating for an hour",
    formula="−dt · Σ_branches max(0, loading − 1); a tripped branch counts as 0.5",
    evaluate=evaluate,
)
