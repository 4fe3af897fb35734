"""Lists and numbers as the cards write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from gridpilot.values import Floats

NOTHING = 0.02
"""Effect below which a card does not name a component."""


def listed(words: Iterable[str], nothing: str = "none") -> str:
    """Words with commas."""
    return ", ".join(words) or nothing


def strongest(effects: Floats, names: Sequence[str], most: int) -> list[str]:
    """The `most` largest effects with their names and signs, as `LN12 +0.45`; those near 0 are left out."""
    order = sorted(range(len(names)), key=lambda k: (-round(abs(float(effects[k])), 6), names[k]))
    return [f"{names[k]} {effects[k]:+.2f}" for k in order[:most] if abs(effects[k]) >= NOTHING]


def mva(rating: float) -> str:
    """A rating."""
    return f"{rating:g} MVA" if np.isfinite(rating) else "no rating"


def percent(share: float) -> str:
    """A share of a rating."""
    return f"{share:.0%}"
