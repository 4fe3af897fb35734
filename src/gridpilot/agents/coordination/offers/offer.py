"""An offer: what a device can do in this step, and at which price it does what.

The answer of a device to a price λ is the power at which it earns most,

    p*(λ) = argmax λ·p − C(p)    with low ≤ p ≤ high,

where C is convex: falling outside what the device does for nothing, its `rest`. So the answer never falls as the price
rises. Marginal cost C' is described by two thresholds and a slope; with slope 0 a device goes all the way at its threshold:

    p*(λ) = clip(rest + (λ − sell_above)⁺ / slope − (buy_below − λ)⁺ / slope, low, high)

This is the device's part of dual decomposition: Palomar and Chiang, "A tutorial on decomposition methods for network
utility maximization", IEEE J. Sel. Areas Commun. 24(8), 2006; for devices of a microgrid: Kraning, Chu, Lavaei and Boyd,
"Dynamic network energy management via proximal message passing", Foundations and Trends in Optimization 1(2), 2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from gridpilot.errors import ConfigError, Problem
from gridpilot.values import Floats


class Offer(NamedTuple):
    """Of `n` devices, in every element `[B, n]`; powers are setpoints with the package's signs."""

    low_mw: Floats
    high_mw: Floats
    """Setpoints that can be followed now: limits, ramps and energy are in them."""
    rest_mw: Floats
    """What the device does between its thresholds; clipped to the limits like every answer."""
    buy_below_usd_per_mwh: Floats
    """Below this price the device goes down from its rest: it consumes more, or gives less. −inf: never."""
    sell_above_usd_per_mwh: Floats
    """Above this price it goes up from its rest. +inf: never."""
    slope_usd_per_mw2h: Floats
    """How much marginal cost changes with every MW away from the rest; 0: not at all."""


def make_offer(
    low_mw: Floats,
    high_mw: Floats,
    *,
    rest_mw: ArrayLike = 0.0,
    buy_below_usd_per_mwh: ArrayLike = -np.inf,
    sell_above_usd_per_mwh: ArrayLike = np.inf,
    slope_usd_per_mw2h: ArrayLike = 0.0,
) -> Offer:
    """An offer with limits `[B, n]`; the rest broadcasts to their shape.

    Raises `ConfigError` where limits or rest are not finite, limits or thresholds cross, or a slope is negative.
    """
    shape = np.broadcast_shapes(np.shape(low_mw), np.shape(high_mw))
    given = (low_mw, high_mw, rest_mw, buy_below_usd_per_mwh, sell_above_usd_per_mwh, slope_usd_per_mw2h)
    offer = Offer(*(np.broadcast_to(np.asarray(values, dtype=np.float64), shape).copy() for values in given))
    wrong = {
        "low_mw, high_mw": ~(np.isfinite(offer.low_mw) & np.isfinite(offer.high_mw) & (offer.low_mw <= offer.high_mw)),
        "rest_mw": ~np.isfinite(offer.rest_mw),
        "buy_below_usd_per_mwh, sell_above_usd_per_mwh": ~(offer.buy_below_usd_per_mwh <= offer.sell_above_usd_per_mwh),
        "slope_usd_per_mw2h": ~((offer.slope_usd_per_mw2h >= 0.0) & np.isfinite(offer.slope_usd_per_mw2h)),
    }
    expected = ("must be finite and rise", "must be finite", "must be numbers and not cross", "must be finite and not negative")
    places = zip(wrong.items(), expected, strict=True)
    problems = [Problem(field, f"{rule}; device {_devices(bad)} does not") for (field, bad), rule in places if bad.any()]
    if problems:
        raise ConfigError("The offers of some devices cannot be used.", problems)
    return offer


def join(offers: Sequence[Offer]) -> Offer:
    """The devices of all offers as one, in their order `[B, n1 + n2 + …]`."""
    return Offer(*(np.concatenate(parts, axis=1) for parts in zip(*offers, strict=True)))


def answer(price_usd_per_mwh: Floats, offer: Offer) -> Floats:
    """Setpoints `[B, n]` at a finite price per device `[B, n]`; inside the limits, never falling as a price rises."""
    up = _climb(price_usd_per_mwh - offer.sell_above_usd_per_mwh, offer.slope_usd_per_mw2h)
    down = _climb(offer.buy_below_usd_per_mwh - price_usd_per_mwh, offer.slope_usd_per_mw2h)
    return clip(offer.rest_mw + up - down, offer)


def clip(p_mw: Floats, offer: Offer) -> Floats:
    """Setpoints `[B, n]` as far as the devices can follow them."""
    return np.minimum(np.maximum(p_mw, offer.low_mw), offer.high_mw)


def _climb(gain_usd_per_mwh: Floats, slope_usd_per_mw2h: Floats) -> Floats:
    """How far from its rest a device goes for what it gains by the first MWh; infinitely far on a flat cost."""
    gain = np.maximum(gain_usd_per_mwh, 0.0)
    # A quotient beyond the range of doubles is as far as it gets: limits follow.
    with np.errstate(over="ignore"):
        return np.divide(gain, slope_usd_per_mw2h, out=np.where(gain > 0.0, np.inf, 0.0), where=slope_usd_per_mw2h > 0.0)


def _devices(bad: np.ndarray) -> str:
    return ", ".join(str(k) for k in np.flatnonzero(bad.reshape(-1, bad.shape[-1]).any(axis=0)))
