"""One round of a consensus, for one agent or for many: nothing but arithmetic, so that an agent's process can do its own part."""

from __future__ import annotations

import numpy as np

from gridpilot.values import Floats


def mix(own: Floats, heard: Floats, weights: Floats) -> Floats:
    """One round of `n` agents, each by itself: `own` `[B, n, c]`, `heard` `[B, n, d, c]`, `weights` `[n, d]`."""
    # Neighbour by neighbour, so that one agent alone adds in the same order.
    step = np.zeros_like(own)
    for k in range(weights.shape[1]):
        step += weights[:, k, None] * (heard[:, :, k] - own)
    return own + step
