"""Imbalance: what the slack unit must cover beyond its schedule."""

from __future__ import annotations

from gridpilot.jit import kernel
from gridpilot.rewards.term import Facts, RewardTerm, per_demand
from gridpilot.values import Floats


@kernel
def evaluate(facts: Facts) -> Floats:
    """The term of every element `[B]`."""
    return -per_demand(facts.slack_deviation_mwh, facts) * facts.dt_h


TERM = RewardTerm(
    name="imbalance",
    weight=4.0,
    unit="an hour with the whole demand unscheduled",
    formula="−|slack output − schedule| / demand · dt, outside the schedule band",
    evaluate=evaluate,
)
