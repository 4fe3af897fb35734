"""Curtailment: renewable energy that the weather offered and nobody took."""

from __future__ import annotations

from gridpilot.jit import kernel
from gridpilot.rewards.term import Facts, RewardTerm, per_demand
from gridpilot.values import Floats


@kernel
def evaluate(facts: Facts) -> Floats:
    """The term of every element `[B]`."""
    return -per_demand(facts.curtailed_mwh, facts) * facts.dt_h


TERM = RewardTerm(
    name="curtailment",
    weight=2.0,
    unit="an hour of demand met by energy that was thrown away",
    formula="−curtailed / demand · dt",
    evaluate=evaluate,
)
