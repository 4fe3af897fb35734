"""Cost: fuel, start-ups, wear and payments to flexible customers."""

from __future__ import annotations

from gridpilot.jit import kernel
from gridpilot.rewards.term import Facts, RewardTerm, per_demand
from gridpilot.values import Floats


@kernel
def evaluate(facts: Facts) -> Floats:
    """The term of every element `[B]`."""
    return -per_demand(facts.cost_usd, facts) / facts.price_usd_per_mwh * facts.dt_h


TERM = RewardTerm(
    name="cost",
    weight=0.5,
    unit="an hour at the reference price",
    formula="−cost / (reference price · demand) · dt",
    evaluate=evaluate,
)
