"""A market price for profiles that have none: drawn by a seed, high in scarce hours and low in sunny and windy ones.

    price = 45 + 70·(demand − 0.6) − 25·solar − 15·(wind − 0.4) + 8·noise      USD/MWh

with each series relative to its own peak. The noise is that of `gridpilot.profiles.synthetic`: a function of seed and instant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gridpilot.profiles.columns import PRICE
from gridpilot.profiles.profiles import Profiles
from gridpilot.profiles.synthetic import CORRELATION_H, noise, price_usd_per_mwh
from gridpilot.values import Floats

COLUMN: Final = "price_seeded_usd_per_mwh"
_KEY: Final = "price_usd_per_mwh"


@dataclass(frozen=True, slots=True)
class Market:
    """What a drawn price follows: columns of the profiles."""

    demand: str
    solar: str
    wind: str
    seed: int = 0


def with_price(profiles: Profiles, market: Market) -> Profiles:
    """`profiles` with the column `price_seeded_usd_per_mwh`; raises `UnknownNameError` for a column they do not have."""
    clock: Floats = float(profiles.start.astype(np.int64)) + np.arange(len(profiles), dtype=np.float64) * profiles.step_min
    wobble = noise(market.seed, tuple(CORRELATION_H).index(_KEY), clock, CORRELATION_H[_KEY])
    demand, solar, wind = (_relative(profiles, name) for name in (market.demand, market.solar, market.wind))
    price = price_usd_per_mwh(demand, solar, wind, wobble)
    values = np.column_stack([profiles.values, price])
    values.flags.writeable = False
    peak = np.append(profiles.peak, np.abs(price).max())
    return replace(
        profiles,
        columns=(*profiles.columns, COLUMN),
        values=values,
        peak=peak,
        kinds=(*profiles.kinds, PRICE),
        source=f"{profiles.source}; {COLUMN} made by gridpilot from seed {market.seed}",
    )


def _relative(profiles: Profiles, column: str) -> Floats:
    k = profiles.column(column)
    relative: Floats = profiles.values[:, k] / profiles.peak[k]
    return relative
