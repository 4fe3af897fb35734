"""Holding, zero, random and maximum orders score differently: what is done matters."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from gridpilot.testing.finding import Check, Examined
from gridpilot.testing.patient import Patient

_LEAST = 1e-6
"""Difference of the reward per cycle below which two policies score the same."""


def examine(patient: Patient) -> Examined:
    """Compares the mean reward per cycle of every two policies, on every element."""
    scores = {name: np.mean([passed.moved.reward for passed in run], axis=0) for name, run in patient.runs.items()}
    problems = [
        f"policies {a!r} and {b!r} score the same, {scores[a][0]:.6g} per cycle"
        for a, b in combinations(scores, 2)
        if (np.abs(scores[a] - scores[b]) < _LEAST).any()
    ]
    return Examined(tuple(problems), {f"{name}_reward_per_cycle": float(value.mean()) for name, value in scores.items()})


CHECK = Check("policies_differ", "Holding, zero, random and maximum orders score differently.", examine)
