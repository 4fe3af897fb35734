"""Rewards: seven terms, each in its own file, kept apart everywhere; the weighted sum is derived."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from math import isfinite
from numbers import Real
from types import MappingProxyType

import numpy as np

from gridpilot.errors import ConfigError, Problem
from gridpilot.jit import kernel
from gridpilot.rewards import congestion, cost, curtailment, emissions, imbalance, reliability, voltage
from gridpilot.rewards.term import Facts, RewardTerm
from gridpilot.values import REWARD_TERMS, Floats

__all__ = ["Facts", "RewardTerm", "evaluate_terms", "reward_terms", "weights"]


@cache
def reward_terms() -> Mapping[str, RewardTerm]:
    """Every term by name, in the order of `REWARD_TERMS`."""
    return MappingProxyType({name: import_module(f"{__name__}.{name}").TERM for name in REWARD_TERMS})


@kernel
def evaluate_terms(facts: Facts) -> Floats:
    """All terms, unweighted `[B, 7]`, in the order of `REWARD_TERMS`."""
    by_term = (
        congestion.evaluate(facts), voltage.evaluate(facts), curtailment.evaluate(facts), imbalance.evaluate(facts),
        cost.evaluate(facts), emissions.evaluate(facts), reliability.evaluate(facts),
    )  # fmt: skip
    values = np.empty((len(facts.cost_usd), len(by_term)))
    for b in range(values.shape[0]):
        for k in range(len(by_term)):
            values[b, k] = by_term[k][b]
    return values


def weights(changes: Mapping[str, float] | None = None) -> Floats:
    """The weights `[7]`, with some of them changed; raises `ConfigError` for unknown terms and weights that are no number ≥ 0."""
    changes = changes or {}
    problems = [Problem(name, f"unknown term; valid: {', '.join(REWARD_TERMS)}") for name in changes if name not in REWARD_TERMS]
    problems += [
        Problem(name, f"a weight must be a number ≥ 0, found {value!r}") for name, value in changes.items() if not _is_weight(value)
    ]
    if problems:
        raise ConfigError("The reward weights cannot be used.", problems)
    return np.array([changes.get(name, term.weight) for name, term in reward_terms().items()], dtype=np.float64)


def _is_weight(value: object) -> bool:
    return isinstance(value, Real) and isfinite(value) and float(value) >= 0.0
