"""A double auction with a uniform price: who buys and sells how much at which price, on arrays of steps.

Demand D(p) is all that is bid at p or more, supply S(p) all that is offered at p or less. What is traded is the most that
any one price allows, Q = max over p of min(D(p), S(p)). Every price from the dearest offer that is needed, s, to the cheapest
bid that is, d, allows it; the price is s + k·(d − s): the k-double auction of Chatterjee and Samuelson, "Bargaining under
incomplete information", Operations Research 31(5), 1983, for many as in Rustichini, Satterthwaite and Williams,
"Convergence to efficiency in a simple market with incomplete information", Econometrica 62(5), 1994.

Steps are served in merit order: cheapest offers, dearest bids first. Steps at the marginal price share what is left pro
rata; what that leaves over in quanta goes, one quantum each, to the first of them in the book's order.

Exact by construction: energy is a whole number of `ENERGY_QUANTUM_MWH`, a price one of `PRICE_QUANTUM_USD_PER_MWH`, both
powers of two. Inside `ENERGY_MAX_MWH` and `PRICE_MAX_USD_PER_MWH` every sum and every product is then a double without rounding,
in whatever order it is taken.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from gridpilot.values import Floats, Ints

ENERGY_QUANTUM_MWH: Final = 2.0**-20
"""About 1 Wh."""
PRICE_QUANTUM_USD_PER_MWH: Final = 2.0**-7
"""About 0.8 cents."""
ENERGY_MAX_MWH: Final = 2.0**11
"""Most that can be bid, or offered, by all together: 2⁶² bounds the product of two numbers of quanta."""
PRICE_MAX_USD_PER_MWH: Final = 2.0**13
"""2⁵³ quanta of money, 2²⁶ USD, bound all payments of an auction with fees."""


class Book(NamedTuple):
    """Orders of `n` participants in `K` steps each, on the quanta: `[B, n, K]`. A step of 0 MWh is none."""

    bid_usd_per_mwh: Floats
    """The most that is paid."""
    bid_mwh: Floats
    offer_usd_per_mwh: Floats
    """The least that is asked."""
    offer_mwh: Floats


class Fills(NamedTuple):
    """What of a book is traded."""

    price_usd_per_mwh: Floats
    """`[B]`; 0 where nothing is traded."""
    traded_mwh: Floats
    """`[B]`: what all buy, and what all sell."""
    bought_mwh: Floats
    sold_mwh: Floats
    """Of each step `[B, n, K]`."""


def on_quanta(book: Book) -> Book:
    """Rounded to nobody's harm: less energy, lower bids, higher offers, by less than a quantum each."""
    return Book(
        _down(book.bid_usd_per_mwh, PRICE_QUANTUM_USD_PER_MWH),
        _down(book.bid_mwh, ENERGY_QUANTUM_MWH),
        up(book.offer_usd_per_mwh),
        _down(book.offer_mwh, ENERGY_QUANTUM_MWH),
    )


def match(book: Book, seller_share: float = 0.5) -> Fills:
    """What is traded of a book on its quanta; `seller_share` is k, 0 for the buyers' best price and 1 for the sellers'."""
    flat = Book(*(steps.reshape(len(steps), -1) for steps in book))
    traded, lowest, highest = _crossing(flat)
    middle = _down(lowest + seller_share * (highest - lowest), PRICE_QUANTUM_USD_PER_MWH)
    bought = _merit_order(-flat.bid_usd_per_mwh, flat.bid_mwh, -highest, traded)
    sold = _merit_order(flat.offer_usd_per_mwh, flat.offer_mwh, lowest, traded)
    return Fills(
        np.where(traded > 0.0, middle, 0.0),
        traded,
        bought.reshape(book.bid_mwh.shape),
        sold.reshape(book.offer_mwh.shape),
    )


def up(price_usd_per_mwh: Floats | float) -> Floats:
    """Prices rounded up to their quantum."""
    # Zero has no sign here: −0.0 + 0.0 is 0.0.
    return np.ceil(np.asarray(price_usd_per_mwh) / PRICE_QUANTUM_USD_PER_MWH) * PRICE_QUANTUM_USD_PER_MWH + 0.0


def _down(values: Floats, quantum: float) -> Floats:
    return np.floor(values / quantum) * quantum


def _crossing(book: Book) -> tuple[Floats, Floats, Floats]:
    """The most that can be traded, the lowest and the highest price for it, `[B]`, from steps `[B, n·K]`."""
    price = np.concatenate([book.offer_usd_per_mwh, book.bid_usd_per_mwh], axis=1)
    # Offers stand before bids, and stay there at equal prices: neither curve is cut short where they meet.
    order = np.argsort(price, axis=1, kind="stable")
    price = np.take_along_axis(price, order, axis=1)
    offered = np.take_along_axis(np.concatenate([book.offer_mwh, np.zeros(book.bid_mwh.shape)], axis=1), order, axis=1)
    bid = np.take_along_axis(np.concatenate([np.zeros(book.offer_mwh.shape), book.bid_mwh], axis=1), order, axis=1)
    supply = np.cumsum(offered, axis=1)
    demand = np.cumsum(bid[:, ::-1], axis=1)[:, ::-1]
    traded = np.minimum(supply, demand).max(axis=1)
    first = np.argmax(supply >= traded[:, None], axis=1)
    last = price.shape[1] - 1 - np.argmax(demand[:, ::-1] >= traded[:, None], axis=1)
    rows = np.arange(len(price))
    return traded, price[rows, first], price[rows, last]


def _merit_order(cost: Floats, available_mwh: Floats, marginal: Floats, traded_mwh: Floats) -> Floats:
    """Parts of steps `[B, s]` that make up `traded_mwh` `[B]`: all below the marginal cost `[B]`, a share of those at it."""
    quanta: Ints = (available_mwh / ENERGY_QUANTUM_MWH).astype(np.int64)
    inside = np.where(cost < marginal[:, None], quanta, 0)
    tied = np.where(cost == marginal[:, None], quanta, 0)
    left = (traded_mwh / ENERGY_QUANTUM_MWH).astype(np.int64) - inside.sum(axis=1)
    share = tied * left[:, None] // np.maximum(tied.sum(axis=1), 1)[:, None]
    over = left - share.sum(axis=1)
    first = (tied > 0) & (np.cumsum(tied > 0, axis=1) <= over[:, None])
    quanta_traded: Ints = inside + share + first
    return quanta_traded * ENERGY_QUANTUM_MWH
