"""The auction keeps its books to the last bit, harms nobody, and trades all that one price can."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.agents.coordination.horizontal import make_horizontal
from gridpilot.agents.coordination.horizontal.auction import (
    ENERGY_MAX_MWH,
    ENERGY_QUANTUM_MWH,
    PRICE_MAX_USD_PER_MWH,
    PRICE_QUANTUM_USD_PER_MWH,
    Book,
    on_quanta,
)  # fmt: skip
from gridpilot.agents.coordination.horizontal.trading import Clearing, Trading
from gridpilot.errors import ActionError, ConfigError
from gridpilot.testing import check_horizontal
from gridpilot.values import Floats

PRICES = st.one_of(st.integers(-2, 6).map(float), st.floats(-40.0, 300.0))
"""Few whole numbers, so that steps meet at one price, among any others."""
ENERGIES = st.one_of(st.sampled_from([0.0, 0.25, 1.0, 1e-6, 2.0**-20]), st.floats(0.0, 3.0))
MARKETS = st.builds(
    Trading,
    fee_usd_per_mwh=st.sampled_from([0.0, 0.5, 0.01]),
    network_charge_usd_per_mwh=st.sampled_from([0.0, 1.0, 0.3]),
    seller_share=st.sampled_from([0.0, 0.5, 1.0, 0.3]),
)


@st.composite
def books(draw: st.DrawFn) -> Book:
    batch, agents, steps = draw(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3)))

    def side(numbers: st.SearchStrategy[float]) -> Floats:
        count = batch * agents * steps
        return np.array(draw(st.lists(numbers, min_size=count, max_size=count))).reshape(batch, agents, steps)

    return Book(side(PRICES), side(ENERGIES), side(PRICES), side(ENERGIES))


def exact(values: Floats) -> Fraction:
    return sum((Fraction(float(value)) for value in values.ravel()), Fraction(0))


def quanta(market: Trading) -> tuple[float, float]:
    """Fee and charge as they are paid."""
    fee, charge = (
        np.ceil(rate / PRICE_QUANTUM_USD_PER_MWH) * PRICE_QUANTUM_USD_PER_MWH
        for rate in (market.fee_usd_per_mwh, market.network_charge_usd_per_mwh)
    )
    return float(fee), float(charge)


def assert_balanced(clearing: Clearing) -> None:
    """In rational numbers, and in doubles summed in another order."""
    for b in range(len(clearing.traded_mwh)):
        traded = Fraction(float(clearing.traded_mwh[b]))
        assert exact(clearing.bought_mwh[b]) == exact(clearing.sold_mwh[b]) == traded
        assert exact(clearing.paid_usd[b]) == Fraction(float(clearing.fees_usd[b])) + Fraction(float(clearing.charges_usd[b]))
        assert clearing.bought_mwh[b, ::-1].sum() == clearing.sold_mwh[b].sum() == clearing.traded_mwh[b]
        assert clearing.paid_usd[b, ::-1].sum() - clearing.fees_usd[b] - clearing.charges_usd[b] == 0.0


@given(books(), MARKETS)
def test_energy_and_money_balance_to_the_last_bit(book: Book, market: Trading) -> None:
    clearing = market.clear(book)
    assert_balanced(clearing)
    fee, charge = quanta(market)
    for b, n in product(range(book.bid_mwh.shape[0]), range(book.bid_mwh.shape[1])):
        price = Fraction(float(clearing.price_usd_per_mwh[b]))
        bought, sold = exact(clearing.bought_mwh[b, n]), exact(clearing.sold_mwh[b, n])
        due = bought * (price + Fraction(fee) + Fraction(charge)) - sold * (price - Fraction(fee))
        assert Fraction(float(clearing.paid_usd[b, n])) == due


def test_the_balance_is_exact_at_the_largest_numbers_an_auction_holds() -> None:
    random = np.random.default_rng(3)
    shape = (1, 1000, 2)
    energy = random.dirichlet(np.ones(2000)).reshape(shape) * (ENERGY_MAX_MWH - 1.0)
    top = np.full(shape, PRICE_MAX_USD_PER_MWH)
    market = Trading(2, PRICE_MAX_USD_PER_MWH / 4, PRICE_MAX_USD_PER_MWH / 4)
    clearing = market.clear(Book(top, energy, random.uniform(-1.0, 1.0, shape), energy[:, ::-1].copy()))
    assert clearing.traded_mwh[0] > ENERGY_MAX_MWH - 2.0
    assert_balanced(clearing)


@given(books(), MARKETS)
def test_nobody_pays_more_or_gets_less_than_asked_for(book: Book, market: Trading) -> None:
    clearing = market.clear(book)
    fee, charge = quanta(market)
    price = clearing.price_usd_per_mwh[:, None, None]
    assert (book.bid_usd_per_mwh >= price + fee + charge)[clearing.bought_mwh > 0.0].all()
    assert (book.offer_usd_per_mwh <= price - fee)[clearing.sold_mwh > 0.0].all()
    assert (clearing.bought_mwh <= book.bid_mwh).all()
    assert (clearing.sold_mwh <= book.offer_mwh).all()
    assert min(clearing.bought_mwh.min(), clearing.sold_mwh.min()) >= 0.0


@given(books(), MARKETS)
def test_no_uniform_price_trades_more(book: Book, market: Trading) -> None:
    clearing, rounded = market.clear(book), on_quanta(book)
    fee, charge = quanta(market)
    bids, offers = rounded.bid_usd_per_mwh - fee - charge, rounded.offer_usd_per_mwh + fee
    for b in range(len(bids)):
        possible = [
            min(rounded.bid_mwh[b][bids[b] >= price].sum(), rounded.offer_mwh[b][offers[b] <= price].sum())
            for price in np.concatenate([bids[b].ravel(), offers[b].ravel()])
        ]
        assert clearing.traded_mwh[b] == max(possible)


@given(books(), MARKETS)
def test_the_better_step_goes_first_and_equals_share(book: Book, market: Trading) -> None:
    clearing, rounded = market.clear(book), on_quanta(book)
    sides = (
        (-rounded.bid_usd_per_mwh, rounded.bid_mwh, clearing.bought_mwh),
        (rounded.offer_usd_per_mwh, rounded.offer_mwh, clearing.sold_mwh),
    )
    for (costs, amounts, fills), b in product(sides, range(len(book.bid_mwh))):
        cost, amount, filled = costs[b].ravel(), amounts[b].ravel(), fills[b].ravel()
        served = cost[filled > 0.0]
        if served.size == 0:
            continue
        marginal = served.max()
        assert (filled == amount)[cost < marginal].all()
        tied = (cost == marginal) & (amount > 0.0)
        share = filled[tied].sum() / amount[tied].sum()
        assert (np.abs(filled[tied] - share * amount[tied]) <= ENERGY_QUANTUM_MWH * (1.0 + 1e-9)).all()


def test_three_microgrids_by_hand() -> None:
    """One offers 2 MWh from 30 USD, one 1 MWh from 50; the third bids 100 USD for 1 MWh and 60 for another 1.5."""
    none, zero = [0.0, 0.0], [0.0, 0.0]
    book = Book(
        np.array([[zero, zero, [100.0, 60.0]]]),
        np.array([[none, none, [1.0, 1.5]]]),
        np.array([[[30.0, 0.0], [50.0, 0.0], zero]]),
        np.array([[[2.0, 0.0], [1.0, 0.0], none]]),
    )
    clearing = Trading(2, fee_usd_per_mwh=1.0, network_charge_usd_per_mwh=2.0).clear(book)
    # With fees the bids are 97 and 57, the offers 31 and 51: 2.5 MWh, between 51 and 57.
    assert clearing.price_usd_per_mwh[0] == 54.0
    assert clearing.sold_mwh.sum(axis=2).tolist() == [[2.0, 0.5, 0.0]]
    assert clearing.bought_mwh[0, 2].tolist() == [1.0, 1.5]
    assert clearing.paid_usd.tolist() == [[-2.0 * 53.0, -0.5 * 53.0, 2.5 * 57.0]]
    assert (clearing.fees_usd[0], clearing.charges_usd[0]) == (5.0, 5.0)


@pytest.mark.parametrize(("seller_share", "price"), [(0.0, 20.0), (0.5, 30.0), (1.0, 40.0)])
def test_the_price_is_where_the_setting_puts_it(seller_share: float, price: float) -> None:
    book = Book(np.array([[[40.0], [0.0]]]), np.array([[[1.0], [0.0]]]), np.array([[[0.0], [20.0]]]), np.array([[[0.0], [1.0]]]))
    assert Trading(seller_share=seller_share).clear(book).price_usd_per_mwh[0] == price


def test_equal_offers_share_pro_rata_and_the_odd_quantum_goes_to_the_first() -> None:
    offers = np.array([[[0.0], [1.0], [1.0], [1.0]]])
    bids = np.array([[[1.0], [0.0], [0.0], [0.0]]])
    price = np.full(offers.shape, 10.0)
    sold = Trading().clear(Book(price, bids, price, offers)).sold_mwh[0, :, 0] / ENERGY_QUANTUM_MWH
    assert sold.tolist() == [0.0, 349526.0, 349525.0, 349525.0]


def test_a_step_without_energy_moves_no_price() -> None:
    one, none = [[10.0], [50.0]], [[0.0], [1.0]]
    book = Book(
        np.array([[[60.0], *one]]), np.array([[[1.0], *none]]), np.array([[[30.0], [55.0], [0.0]]]), np.array([[[1.0], [0.0], [0.0]]])
    )
    assert Trading(seller_share=0.0).clear(book).price_usd_per_mwh[0] == 30.0
    assert Trading(seller_share=1.0).clear(book).price_usd_per_mwh[0] == 60.0


@given(books(), MARKETS, PRICES, PRICES)
def test_somebody_who_wants_nothing_changes_nothing(book: Book, market: Trading, bid: float, offer: float) -> None:
    batch, _, steps = book.bid_mwh.shape
    idle = Book(*(np.full((batch, 1, steps), value) for value in (bid, 0.0, offer, 0.0)))
    more = market.clear(Book(*(np.concatenate([second, first], axis=1) for first, second in zip(book, idle, strict=True))))
    without = market.clear(book)
    assert (more.price_usd_per_mwh == without.price_usd_per_mwh).all()
    assert (more.paid_usd[:, 1:] == without.paid_usd).all()
    assert not more.paid_usd[:, 0].any()


def test_what_does_not_meet_is_not_traded() -> None:
    one = np.ones((2, 3, 1))
    clearing = Trading(fee_usd_per_mwh=1.0).clear(Book(11.0 * one, one, 10.0 * one, one))
    assert not np.concatenate([part.ravel() for part in clearing]).any()


def test_an_exchange_is_the_auction_in_the_columns_it_names() -> None:
    market = make_horizontal("trading", steps=2)
    said = np.zeros((1, 2, 8))
    said[0, 0, market.says.index("step_2_bid_usd_per_mwh")] = 80.0
    said[0, 0, market.says.index("step_2_bid_mwh")] = 0.5
    said[0, 1, market.says.index("step_1_offer_usd_per_mwh")] = 40.0
    said[0, 1, market.says.index("step_1_offer_mwh")] = 2.0
    agreed = market.exchange(said)
    assert market.hears == ("bought_mwh", "sold_mwh", "price_usd_per_mwh", "paid_usd")
    assert agreed.heard.tolist() == [[[0.5, 0.0, 60.0, 30.0], [0.0, 0.5, 60.0, -30.0]]]
    assert (agreed.rounds.tolist(), agreed.messages.tolist()) == ([1], [4])


@pytest.mark.parametrize("steps", [1, 3])
def test_it_keeps_the_promises_of_a_protocol(steps: int) -> None:
    check_horizontal(Trading(steps, fee_usd_per_mwh=0.1, network_charge_usd_per_mwh=0.2))


def test_orders_that_no_auction_holds_are_refused_all_at_once() -> None:
    one = np.ones((1, 2, 1))
    with pytest.raises(ActionError, match=r"bid_usd_per_mwh: must be within ±8192(.|\n)*bid_mwh: must not be neg(.|\n)*offer_mwh: is 4000"):
        Trading().clear(Book(1e4 * one, -one, one, 2000.0 * one))
    with pytest.raises(ActionError, match="bid_usd_per_mwh"):
        Trading().clear(Book(np.nan * one, one, one, one))


def test_settings_out_of_range_are_refused_all_at_once() -> None:
    with pytest.raises(ConfigError, match=r"steps(.|\n)*fee_usd_per_mwh(.|\n)*network_charge_usd_per_mwh(.|\n)*seller_share"):
        Trading(0, -1.0, 1e9, 1.5)
