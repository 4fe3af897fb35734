"""Reciprocal rank fusion: one ranking of several.

Source: G. V. Cormack, C. L. A. Clarke, S. Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
Methods", SIGIR 2009.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

K: Final = 60
"""Constant of the paper: how little the first ranks stand out."""


def fused(rankings: Iterable[Sequence[str]], k: int = K) -> list[tuple[str, float]]:
    """Ids with their score, the sum of 1 / (k + rank) over the rankings that have them, best first; equal scores by id."""
    scores: dict[str, float] = defaultdict(float)
    for ranking in rankings:
        for rank, id_ in enumerate(ranking, start=1):
            scores[id_] += 1.0 / (k + rank)
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))
