"""Emissions: carbon intensity of the dispatch."""

from __future__ import annotations

from gridpilot.jit import kernel
from gridpilot.rewards.term import Facts, RewardTerm, per_demand
from gridpilot.values import Floats


@kernel
def evaluate(facts: Facts) -> Floats:
    """The term of every element `[B]`."""
    return -per_demand(facts.co2_t, facts) * facts.dt_h


TERM = RewardTerm(
    name="emissions",
    weight=1.0,
    unit="an hour at one tonne of CO2 per MWh",
    formula="−CO2 / demand · dt, in t/MWh",
    evaluate=evaluate,
)
