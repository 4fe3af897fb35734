"""Curtailment: renewable energy that the weather offered and nobody took."""

from __future__ import annotations

import numpy as np

from gridpilot.jit import kernel
from gridpilot.rewards.term import Facts, RewardTerm
from gridpilot.values import Floats


@kernel
def evaluate(facts: Facts) -> Floats:
    """The term of every element `[B]`."""
    return -facts.curtailed_mwh / np.maximum(facts.demand_mwh, 1e-9) * facts.dt_h


TERM = RewardTerm(
    name="curtailment",
    weight=2.0,
    unit="an hour of demand met by energy that was thrown away",
    formula="−curtailed / demand · dt",
    evaluate=evaluate,
)
