"""A grid agent's own part in dealing with others: the price that it holds in an agreement, and its purse in a market."""

from __future__ import annotations

import numpy as np

from gridpilot.agents.coordination.horizontal.bid import said_price
from gridpilot.agents.coordination.horizontal.mixing import mix
from gridpilot.agents.grid.dialogue import Account, Agree, Cleared, Metered, Order
from gridpilot.errors import MessageError


class OwnPrice:
    """What an agent holds while neighbours agree on a price."""

    def __init__(self, weights: list[float]) -> None:
        """Of its neighbours, in their order."""
        self._weights = np.array([weights], dtype=np.float64)
        self._step, self._price = -1, 0.0

    def tell(self, message: Agree) -> float:
        """A round: mix what was heard of the round before, and say what is held now."""
        if message.step != self._step:
            self._step, self._price = message.step, message.price
        self._hear(message.heard)
        return self._price

    def conclude(self, step: int, price: float, heard: list[float | None]) -> float:
        """What the agreement of a step has come to; the agent's own `price` where it was never asked."""
        if step != self._step:
            return price
        self._hear(heard)
        return self._price

    def _hear(self, heard: list[float | None]) -> None:
        """Move towards what neighbours said. One who said nothing is taken to hold the same, and moves nobody.

        Raises `MessageError` for another number of neighbours.
        """
        if heard and len(heard) != self._weights.shape[1]:
            raise MessageError("payload", f"{len(heard)} neighbours were heard, expected {self._weights.shape[1]}.")
        if heard:
            values = [self._price if value is None else value for value in heard]
            self._price = float(mix(np.array([[[self._price]]]), np.array(values)[None, None, :, None], self._weights)[0, 0, 0])


class Purse:
    """What an agent has traded, by its own count."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.entry = 0.0
        """Of its action: the price that it says."""

    def order(self, metered: Metered) -> Order:
        """All that it is short of, or has too much, at the one price that it says."""
        price = said_price(self.entry)
        return Order(price, metered.bought_mwh, price, metered.sold_mwh)

    def book(self, message: Cleared) -> Account:
        """Take trades into the account, each of them once however often it is told."""
        for trade in message.trades:
            own = self.account
            if trade.step > own.step:
                bought, sold = own.bought_mwh + trade.bought_mwh, own.sold_mwh + trade.sold_mwh
                self.account = Account(trade.step, bought, sold, own.paid_usd + trade.paid_usd)
        return self.account
