"""Rewards: seven terms, each in its own file, kept apart everywhere; the weighted sum is derived."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

import numpy as np

from gridpilot.errors import ConfigError, Problem
from gridpilot.rewards.term import Facts, RewardTerm
from gridpilot.values import REWARD_TERMS, Floats

__all__ = ["Facts", "RewardTerm", "evaluate_terms", "reward_terms", "weights"]


@cache
def reward_terms() -> Mapping[str, RewardTerm]:
    """Every term by name, in the order of `REWARD_TERMS`."""
    return MappingProxyType({name: import_module(f"{__name__}.{name}").TERM for name in REWARD_TERMS})


def evaluate_terms(facts: Facts) -> Floats:
    """All terms, unweighted `[B, 7]`."""
    return np.stack([term.evaluate(facts) for term in reward_terms().values()], axis=1)


def weights(changes: Mapping[str, float] | None = None) -> Floats:
    """The weights `[7]`, with some of them changed; raises `ConfigError` for unknown terms and negative weights."""
    changes = changes or {}
    problems = [Problem(name, f"unknown term; valid: {', '.join(REWARD_TERMS)}") for name in changes if name not in REWARD_TERMS]
    problems += [Problem(name, f"a weight must be ≥ 0, found {value}") for name, value in changes.items() if not value >= 0]
    if problems:
        raise ConfigError("The reward weights cannot be used.", problems)
    return np.array([changes.get(name, term.weight) for name, term in reward_terms().items()])
