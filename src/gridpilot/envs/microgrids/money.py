"""Rewards of microgrids, from the books of their areas and what they traded among themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gridpilot.twin.areas import (
    BOUGHT_MWH,
    BOUGHT_USD,
    DEVICES,
    OPERATING_USD,
    OVERLOAD,
    SOLD_MWH,
    SOLD_USD,
    VOLTAGE_PU,
)
from gridpilot.values import Floats

Trade = Callable[[Floats, Floats], Floats]
"""From what microgrids are short of and have too much in MWh `[B, A]` to what everybody hears of the market `[B, A, 4]`: MWh bought and
sold, the price, and what is paid in USD."""


class Market(NamedTuple):
    """The market that all can buy from and sell to."""

    price_usd_per_mwh: Floats
    """`[B]`."""
    sell_discount: Floats
    """Part of it that is paid for sales `[A]`."""


class Accounts(NamedTuple):
    """What a step brought each of `A` microgrids."""

    reward: Floats
    """`[B, A]`."""
    parts: Floats
    """The columns of `gridpilot.twin.areas.AREA_PARTS` `[B, A, 8]`; of what is bought and sold only what the market had to do with."""
    traded_usd: Floats
    """Paid to other microgrids, fees and charges in it; negative where it was received `[B, A]`."""
    traded_mwh: Floats
    """Bought from other microgrids; negative where it was sold `[B, A]`."""


def accounts(parts: Floats, market: Market, safety_weight: float, trade: Trade | None, shared: bool) -> Accounts:
    """The accounts of a step from the areas' books `[B, A, 8]`; `trade` is None where microgrids do not trade."""
    traded_usd = traded_mwh = np.zeros(parts.shape[:2])
    if trade is not None:
        parts, traded_usd, traded_mwh = _trade(trade, parts, market)
    money = parts[:, :, OPERATING_USD] + parts[:, :, BOUGHT_USD] - parts[:, :, SOLD_USD] + traded_usd
    safety = parts[:, :, VOLTAGE_PU] + parts[:, :, OVERLOAD] + parts[:, :, DEVICES]
    reward = -money - safety_weight * safety
    if shared:
        reward = np.repeat(reward.mean(axis=1, keepdims=True), reward.shape[1], axis=1)
    return Accounts(reward, parts, traded_usd, traded_mwh)


def _trade(trade: Trade, parts: Floats, market: Market) -> tuple[Floats, Floats, Floats]:
    """Settle metered energy among microgrids first; the market has what is left."""
    short, over = parts[:, :, BOUGHT_MWH], parts[:, :, SOLD_MWH]
    bought, sold, _, paid = np.moveaxis(trade(short, over), 2, 0)
    left = parts.copy()
    left[:, :, BOUGHT_MWH], left[:, :, SOLD_MWH] = short - bought, over - sold
    left[:, :, BOUGHT_USD] = left[:, :, BOUGHT_MWH] * market.price_usd_per_mwh[:, None]
    left[:, :, SOLD_USD] = left[:, :, SOLD_MWH] * market.price_usd_per_mwh[:, None] * market.sell_discount
    return left, paid, bought - sold
