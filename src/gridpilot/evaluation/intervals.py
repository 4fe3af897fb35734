"""Means with confidence intervals over episodes.

Student's t: an interval for the mean of few samples whose spread is not known. Two agents that met the same episodes
are compared by the interval of their differences, which leaves out what the episodes have in common (Student,
"The probable error of a mean", Biometrika 6, 1908).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from gridpilot.errors import ConfigError

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over episodes, and the ends of its 95 % confidence interval."""

    mean: float
    low: float | None
    high: float | None
    """None where there is one episode only: it says nothing about the spread."""

    def to_json(self) -> dict[str, float | None]:
        return {"mean": self.mean, "low": self.low, "high": self.high}


def estimate(samples: Sequence[float], level: float = LEVEL) -> Estimate:
    """The mean of independent samples with its t-interval; raises `ConfigError` where there is none."""
    values = np.asarray(samples, dtype=np.float64)
    n = len(values)
    if n == 0:
        raise ConfigError("There is nothing to estimate: no episode was finished.")
    mean = float(values.mean())
    if n == 1:
        return Estimate(mean, None, None)
    half = float(stdtrit(n - 1, 0.5 + level / 2) * values.std(ddof=1) / np.sqrt(n))
    return Estimate(mean, mean - half, mean + half)


def paired_difference(ours: Sequence[float], theirs: Sequence[float], level: float = LEVEL) -> Estimate:
    """Mean of `ours − theirs`, sample by sample on the same episodes; raises `ConfigError` for unequal lengths."""
    if len(ours) != len(theirs):
        raise ConfigError(f"Paired samples must come from the same episodes; found {len(ours)} and {len(theirs)}.")
    return estimate([a - b for a, b in zip(ours, theirs, strict=True)], level)
