"""Cost: fuel, start-ups, wear and payments to flexible customers."""

from __future__ import annotations

import numpy as np

from gridpilot.jit import kernel
from gridpilot.rewards.term import Facts, RewardTerm
from gridpilot.values import Floats


@kernel
def evaluate(facts: Facts) -> Floats:
    """The term of every element `[B]`."""
    return -facts.cost_usd / np.maximum(facts.demand_mwh * facts.price_usd_per_mwh, 1e-9) * facts.dt_h


TERM = RewardTerm(
    name="cost",
    weight=0.5,
    unit="an hour at the reference price",
    formula="−cost / (reference price · demand) · dt",
    evaluate=evaluate,
)
