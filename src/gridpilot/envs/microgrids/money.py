"""Rewards of microgrids, from the books of their areas and what they traded among themselves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridpilot.envs.microgrids.members import Members
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

PRICE_RANGE_USD_PER_MWH = (-50.0, 250.0)
"""What −1 and 1 say as the price of a trade."""


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


def accounts(members: Members, parts: Floats, market: Market, safety_weight: float, price_said: Floats | None, shared: bool) -> Accounts:
    """The accounts of a step from the areas' books `[B, A, 8]`.

    `price_said` `[B, A]` is each microgrid's price in USD/MWh for what it is short of or has too much; None where they do not trade.
    """
    traded_usd = traded_mwh = np.zeros(parts.shape[:2])
    if price_said is not None:
        parts, traded_usd, traded_mwh = _trade(members, parts, market, price_said)
    money = parts[:, :, OPERATING_USD] + parts[:, :, BOUGHT_USD] - parts[:, :, SOLD_USD] + traded_usd
    safety = parts[:, :, VOLTAGE_PU] + parts[:, :, OVERLOAD] + parts[:, :, DEVICES]
    reward = -money - safety_weight * safety
    if shared:
        reward = np.repeat(reward.mean(axis=1, keepdims=True), reward.shape[1], axis=1)
    return Accounts(reward, parts, traded_usd, traded_mwh)


def _trade(members: Members, parts: Floats, market: Market, price_said: Floats) -> tuple[Floats, Floats, Floats]:
    """Settle metered energy among microgrids first; the market has what is left.

    Everybody bids for all that it is short of, or offers all that it has too much, at the one price that it says.
    """
    short, over = parts[:, :, BOUGHT_MWH], parts[:, :, SOLD_MWH]
    heard = members.horizontal.exchange(np.stack([price_said, short, price_said, over], axis=2)).heard
    bought, sold, _, paid = np.moveaxis(heard, 2, 0)
    left = parts.copy()
    left[:, :, BOUGHT_MWH], left[:, :, SOLD_MWH] = short - bought, over - sold
    left[:, :, BOUGHT_USD] = left[:, :, BOUGHT_MWH] * market.price_usd_per_mwh[:, None]
    left[:, :, SOLD_USD] = left[:, :, SOLD_MWH] * market.price_usd_per_mwh[:, None] * market.sell_discount
    return left, paid, bought - sold
