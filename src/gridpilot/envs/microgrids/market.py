"""A market for agents behind a broker: meters are read, agents order, the market clears, and each is told what it has traded.

The double auction is that of `gridpilot.agents.coordination.horizontal.trading`. Orders are the agents' own; the market refuses one
for more energy than the meter shows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridpilot.agents.coordination.horizontal import HorizontalProtocol
from gridpilot.agents.grid import Account, Cleared, Metered, Order, Trade
from gridpilot.envs.microgrids.agreement import Ask
from gridpilot.errors import MessageError
from gridpilot.values import Floats

Orders = list[list[float] | None]
"""The fields of each member's order; None of who said nothing."""


class RemoteMarket:
    """Its books of an episode."""

    def __init__(self, protocol: HorizontalProtocol, names: Sequence[str]) -> None:
        self._protocol, self._names = protocol, names
        self.open()

    def open(self) -> None:
        """An episode begins."""
        self.orders: Orders = []
        """Of the last step."""
        self.accounts = [Account() for _ in self._names]
        """What every member has traded since the episode began."""
        self.told: dict[str, Account] = {}
        """The same as the agents themselves said last."""
        self._pending: list[list[Trade]] = [[] for _ in self._names]

    def deal(self, ask: Ask, step: int, short_mwh: Sequence[float], over_mwh: Sequence[float], here: Sequence[int]) -> Floats:
        """What everybody hears, `[1, n, 4]` as the protocol says, of the orders of those who are `here`.

        Who does not order does not trade. Raises `MessageError` for an order of more than the meter shows, and where an agent's account is
        not the market's.
        """
        asked = {self._names[k]: Metered(step, short_mwh[k], over_mwh[k]) for k in here}
        said = ask("trade", asked, Order)
        self.orders = [_fields(said.get(name)) for name in self._names]
        for k, order in enumerate(self.orders):
            if order is not None and not (0.0 <= order[1] <= short_mwh[k] and 0.0 <= order[3] <= over_mwh[k]):
                most = f"at most {short_mwh[k]:g} and {over_mwh[k]:g} MWh, as its meter shows"
                raise MessageError("payload", f"{self._names[k]} bids for {order[1]:g} and offers {order[3]:g} MWh; expected {most}.")
        heard = self.clear(step, self.orders)
        self._tell(ask, here)
        return heard

    def clear(self, step: int, orders: Orders) -> Floats:
        """The same from orders that are known `[1, n, 4]`, without telling anybody."""
        self.orders = orders
        said = np.array([[order or [0.0] * len(Order.__struct_fields__) for order in orders]], dtype=np.float64)
        heard = self._protocol.exchange(said).heard
        for k, order in enumerate(orders):
            if order is not None:
                trade = Trade(step, *heard[0, k].tolist())
                self._pending[k].append(trade)
                self.accounts[k] = _booked(self.accounts[k], trade)
        return heard

    def knows(self, k: int) -> None:
        """A member that was started anew has been given its account."""
        self._pending[k].clear()

    def _tell(self, ask: Ask, here: Sequence[int]) -> None:
        """Until an agent has answered, it is told again with the next trade."""
        asked = {self._names[k]: Cleared(list(self._pending[k])) for k in here if self._pending[k]}
        answers = ask("cleared", asked, Account) if asked else {}
        for k in here:
            account = answers.get(self._names[k])
            if account is not None:
                if account != self.accounts[k]:
                    raise MessageError("payload", f"The account of {self._names[k]} is {account}; the market's is {self.accounts[k]}.")
                self._pending[k].clear()
                self.told[self._names[k]] = account


def _fields(order: Order | None) -> list[float] | None:
    return None if order is None else [getattr(order, name) for name in Order.__struct_fields__]


def _booked(own: Account, trade: Trade) -> Account:
    return Account(trade.step, own.bought_mwh + trade.bought_mwh, own.sold_mwh + trade.sold_mwh, own.paid_usd + trade.paid_usd)
