"""Congestion: branches above their thermal rating, and those that protection had to open."""

from __future__ import annotations

import numpy as np

from gridpilot.jit import kernel
from gridpilot.rewards.term import Facts, RewardTerm
from gridpilot.values import Floats

UNIT = 0.1
TRIPPED_AS = 0.2


@kernel
def evaluate(facts: Facts) -> Floats:
    """The term of every element `[B]`."""
    batch, m = facts.loading.shape
    value = np.zeros(batch)
    for b in range(batch):
        over = 0.0
        for k in range(m):
            # Tripping must never be cheaper than the overload that led to it.
            over += TRIPPED_AS if facts.tripped[b, k] else max(facts.loading[b, k] - 1.0, 0.0)
        value[b] = -over / UNIT * facts.dt_h
    return value


TERM = RewardTerm(
    name="congestion",
    weight=5.0,
    unit="one branch 10 % above its rating for an hour",
    formula="−dt · Σ_branches max(0, loading − 1) / 0.1; a tripped branch counts as 20 % above",
    evaluate=evaluate,
)
