"""Trading: grid agents buy and sell energy of this step among themselves, in a double auction with one price for all.

Local markets of this form: Mengelkamp et al., "Designing microgrid energy markets", Applied Energy 210, 2018. The auction
itself is in `gridpilot.agents.coordination.horizontal.auction`. Bids and offers include all charges: with a fee f that either
side pays and a network charge g that buyers pay, a bid of b enters the auction at b − f − g and an offer of o at o + f.
So at the price p

    a buyer pays (p + f + g)·q ≤ b·q        a seller receives (p − f)·q ≥ o·q

and what is paid is what is received, 2·f·Q for the market and g·Q for the network, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from gridpilot.agents.coordination.horizontal.auction import (
    ENERGY_MAX_MWH,
    PRICE_MAX_USD_PER_MWH,
    Book,
    match,
    on_quanta,
    up,
)
from gridpilot.agents.coordination.horizontal.protocol import Agreement, agreement, check_said
from gridpilot.errors import ActionError, ConfigError, Problem
from gridpilot.values import Floats

NAME = "trading"

_HEARS: Final = ("bought_mwh", "sold_mwh", "price_usd_per_mwh", "paid_usd")


class Clearing(NamedTuple):
    """An auction after it is closed; `n` participants, `K` steps. All numbers are exact."""

    price_usd_per_mwh: Floats
    """Of the energy alone `[B]`; 0 where nothing is traded."""
    traded_mwh: Floats
    """`[B]`."""
    bought_mwh: Floats
    sold_mwh: Floats
    """Of each step of the book `[B, n, K]`."""
    paid_usd: Floats
    """By each participant, fees and charges in it; negative where it receives `[B, n]`."""
    fees_usd: Floats
    """To the market `[B]`."""
    charges_usd: Floats
    """To the network `[B]`."""


@dataclass(frozen=True, slots=True)
class Trading:
    """A market; raises `ConfigError` with every setting that is out of range."""

    steps: int = 1
    """Steps of every participant's bid, and of its offer."""
    fee_usd_per_mwh: float = 0.0
    """Trading fee, paid to the market by buyer and seller each; rounded up to the quantum of prices."""
    network_charge_usd_per_mwh: float = 0.0
    """Paid to the network by the buyer; rounded up to the quantum of prices."""
    seller_share: float = 0.5
    """Where the price is between the lowest (0) and the highest (1) that clear the market."""
    name: str = NAME

    def __post_init__(self) -> None:
        problems = [] if self.steps >= 1 else [Problem("steps", f"is {self.steps}; expected 1 or more")]
        for key in ("fee_usd_per_mwh", "network_charge_usd_per_mwh"):
            value = getattr(self, key)
            if not 0.0 <= value <= PRICE_MAX_USD_PER_MWH / 4.0:
                problems.append(Problem(key, f"is {value:g}; expected 0 to {PRICE_MAX_USD_PER_MWH / 4.0:g}"))
        if not 0.0 <= self.seller_share <= 1.0:
            problems.append(Problem("seller_share", f"is {self.seller_share:g}; expected 0 to 1"))
        if problems:
            raise ConfigError("The market cannot be opened.", problems)

    @property
    def says(self) -> tuple[str, ...]:
        """Of every step its bid and its offer."""
        return tuple(f"step_{k}_{column}" for k in range(1, self.steps + 1) for column in Book._fields)

    @property
    def hears(self) -> tuple[str, ...]:
        """What was traded, at which price, and what it costs in all."""
        return _HEARS

    def messages_per_round(self, agents: int) -> int:
        """Everybody's orders to the auctioneer, and everybody's result back."""
        return 2 * agents

    def clear(self, book: Book) -> Clearing:
        """Close a book `[B, n, K]`, after rounding it to quanta at nobody's cost.

        Raises `ActionError` where energies are negative, or energies or prices are beyond what an auction can hold.
        """
        _check(book)
        book = on_quanta(book)
        fee, charge = float(up(self.fee_usd_per_mwh)), float(up(self.network_charge_usd_per_mwh))
        net = book._replace(bid_usd_per_mwh=book.bid_usd_per_mwh - fee - charge, offer_usd_per_mwh=book.offer_usd_per_mwh + fee)
        fills = match(Book(*(np.ascontiguousarray(steps) for steps in net)), float(self.seller_share))
        price = fills.price_usd_per_mwh[:, None]
        bought, sold = fills.bought_mwh.sum(axis=2), fills.sold_mwh.sum(axis=2)
        return Clearing(
            *fills,
            paid_usd=(price + fee + charge) * bought - (price - fee) * sold,
            fees_usd=2.0 * fee * fills.traded_mwh,
            charges_usd=charge * fills.traded_mwh,
        )

    def exchange(self, said: Floats) -> Agreement:
        """One round: orders in, results out."""
        check_said(self, said)
        steps = said.reshape(*said.shape[:2], self.steps, len(Book._fields))
        clearing = self.clear(Book(*np.moveaxis(steps, 3, 0)))
        bought, sold = clearing.bought_mwh.sum(axis=2), clearing.sold_mwh.sum(axis=2)
        price = np.broadcast_to(clearing.price_usd_per_mwh[:, None], bought.shape)
        return agreement(self, np.stack([bought, sold, price, clearing.paid_usd], axis=2), rounds=1)


def _check(book: Book) -> None:
    problems = []
    for side in ("bid", "offer"):
        price, energy = getattr(book, f"{side}_usd_per_mwh"), getattr(book, f"{side}_mwh")
        if not (np.abs(price) <= PRICE_MAX_USD_PER_MWH).all():
            problems.append(Problem(f"{side}_usd_per_mwh", f"must be within ±{PRICE_MAX_USD_PER_MWH:g} USD/MWh"))
        if not (energy >= 0.0).all():
            problems.append(Problem(f"{side}_mwh", "must not be negative"))
        elif (total := energy.sum(axis=(1, 2)).max(initial=0.0)) > ENERGY_MAX_MWH:
            problems.append(Problem(f"{side}_mwh", f"is {total:g} MWh of all together; an auction holds {ENERGY_MAX_MWH:g}"))
    if problems:
        raise ActionError("The orders of an auction cannot be matched.", problems)


def make(steps: int = 1, fee_usd_per_mwh: float = 0.0, network_charge_usd_per_mwh: float = 0.0, seller_share: float = 0.5) -> Trading:
    """The protocol."""
    return Trading(steps, fee_usd_per_mwh, network_charge_usd_per_mwh, seller_share)
