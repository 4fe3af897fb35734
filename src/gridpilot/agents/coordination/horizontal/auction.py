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

from gridpilot.jit import inner, kernel
from gridpilot.values import Floats

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


@kernel
def match(book: Book, seller_share: float) -> Fills:
    """What is traded of a book on its quanta; `seller_share` is k, 0 for the buyers' best price and 1 for the sellers'."""
    batch = book.bid_mwh.shape[0]
    price, traded = np.zeros(batch), np.zeros(batch)
    bought, sold = np.zeros(book.bid_mwh.shape), np.zeros(book.offer_mwh.shape)
    for b in range(batch):
        bid, offer = -book.bid_usd_per_mwh[b].ravel(), book.offer_usd_per_mwh[b].ravel()
        bid_mwh, offer_mwh = book.bid_mwh[b].ravel(), book.offer_mwh[b].ravel()
        traded[b], highest, lowest = _crossing(bid, bid_mwh, offer, offer_mwh)
        if traded[b] > 0.0:
            middle = lowest + seller_share * (highest - lowest)
            price[b] = np.floor(middle / PRICE_QUANTUM_USD_PER_MWH) * PRICE_QUANTUM_USD_PER_MWH
            _serve(bid, bid_mwh, -highest, traded[b], bought[b].reshape(-1))
            _serve(offer, offer_mwh, lowest, traded[b], sold[b].reshape(-1))
    return Fills(price, traded, bought, sold)


def up(price_usd_per_mwh: Floats | float) -> Floats:
    """Prices rounded up to their quantum."""
    # Zero has no sign here: −0.0 + 0.0 is 0.0.
    rounded: Floats = np.ceil(np.asarray(price_usd_per_mwh) / PRICE_QUANTUM_USD_PER_MWH) * PRICE_QUANTUM_USD_PER_MWH + 0.0
    return rounded


def _down(values: Floats, quantum: float) -> Floats:
    return np.floor(values / quantum) * quantum


@inner
def _crossing(bid: Floats, bid_mwh: Floats, offer: Floats, offer_mwh: Floats) -> tuple[float, float, float]:
    """The most that can be traded, and the highest and the lowest price for it; `bid` are negative prices, as costs are."""
    bids, offers = np.argsort(bid, kind="mergesort"), np.argsort(offer, kind="mergesort")
    traded = highest = lowest = 0.0
    i = j = 0
    wanted, left = bid_mwh[bids[0]], offer_mwh[offers[0]]
    while -bid[bids[i]] >= offer[offers[j]]:
        part = min(wanted, left)
        if part > 0.0:
            highest, lowest = -bid[bids[i]], offer[offers[j]]
        traded, wanted, left = traded + part, wanted - part, left - part
        if wanted == 0.0:
            i += 1
            if i == len(bids):
                break
            wanted = bid_mwh[bids[i]]
        else:
            j += 1
            if j == len(offers):
                break
            left = offer_mwh[offers[j]]
    return traded, highest, lowest


@inner
def _serve(cost: Floats, available_mwh: Floats, marginal: float, traded_mwh: float, filled_mwh: Floats) -> None:
    """Write what each step gives to `traded_mwh`: all of those below the marginal cost, a share of those at it."""
    left, tied = traded_mwh, 0.0
    for k in range(len(cost)):
        if cost[k] < marginal:
            filled_mwh[k] = available_mwh[k]
            left -= available_mwh[k]
        elif cost[k] == marginal:
            tied += available_mwh[k]
    over = left
    for k in range(len(cost)):
        if cost[k] == marginal:
            # In whole numbers, as a quotient of doubles might round above the share.
            share = int(available_mwh[k] / ENERGY_QUANTUM_MWH) * int(left / ENERGY_QUANTUM_MWH) // int(tied / ENERGY_QUANTUM_MWH)
            filled_mwh[k] = share * ENERGY_QUANTUM_MWH
            over -= filled_mwh[k]
    for k in range(len(cost)):
        if over > 0.0 and cost[k] == marginal and available_mwh[k] > 0.0:
            filled_mwh[k] += ENERGY_QUANTUM_MWH
            over -= ENERGY_QUANTUM_MWH
