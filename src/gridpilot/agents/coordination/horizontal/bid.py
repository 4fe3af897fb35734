"""What an agent says in a market: one price, from an entry of its action, for all that it is short of or has too much."""

from __future__ import annotations

from typing import Final, TypeVar

from gridpilot.values import Floats

PRICE_RANGE_USD_PER_MWH: Final = (-50.0, 250.0)
"""What −1 and 1 say as the price of a trade."""

Entry = TypeVar("Entry", float, Floats)


def said_price(entry: Entry) -> Entry:
    """USD/MWh of entries of actions, −1 … 1."""
    low, high = PRICE_RANGE_USD_PER_MWH
    price: Entry = low + (entry + 1.0) / 2.0 * (high - low)
    return price
