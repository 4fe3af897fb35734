"""A batch of running episodes of microgrids: what the PettingZoo environment and the vector form have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from gridpilot.agents.coordination.horizontal.bid import said_price
from gridpilot.envs.episodes import Episodes
from gridpilot.envs.microgrids.config import MicrogridsConfig
from gridpilot.envs.microgrids.members import Members
from gridpilot.envs.microgrids.money import Accounts, Market, accounts
from gridpilot.envs.microgrids.steering import Steering
from gridpilot.envs.observation import Observation
from gridpilot.errors import ActionError
from gridpilot.twin.areas import AREA_PARTS
from gridpilot.twin.cycle import Cycle, run_cycle
from gridpilot.values import Bools, Floats

Act = Callable[[Episodes, Floats, Floats], Cycle]
"""Orders by the entries of actions that move devices `[B, E]`, and those that say the prices of trades `[B, A]` (or `[B, 0]`): ahead
of the cycle that is returned, or within it."""
TradeBy = Callable[[Floats, Floats, Floats], Floats]
"""By the entries that say prices `[B, A]`; the others and what is returned as in `gridpilot.envs.microgrids.money.Trade`."""


class Passed(NamedTuple):
    """What a step led to."""

    shown: Observation
    """All features `[B, d]`: what the system sees."""
    accounts: Accounts
    """With what a collapse costs until the end of the episode."""
    terminated: Bools
    """The grid went down `[B]`."""
    truncated: Bools
    """The episode is over, and the grid stands `[B]`."""


class Rooms(NamedTuple):
    """The control rooms: where agents act and deal with each other."""

    act: Act
    """With what they agree on before."""
    trade: TradeBy


class Course:
    """Steps microgrids; who sits in their control rooms is behind `rooms`."""

    def __init__(self, config: MicrogridsConfig, members: Members, episodes: Episodes, rooms: Rooms | None = None) -> None:
        self.config, self.members, self.episodes = config, members, episodes
        self._rooms = rooms or local_rooms(episodes, members)
        view = episodes.memory.blocks.view
        self._closed, self._books, self._exogenous, self._step = view("closed"), view("areas"), view("exogenous"), view("step")
        self._areas = episodes.ground.model.layout.areas

    def step(self, actions: Sequence[Floats]) -> Passed:
        """One step under the actions of all members `[B, e]`; raises `ActionError` for wrong shapes and for what is no number."""
        moves, prices = self._read(actions)
        # Relays open branches, and nobody here but they: everything else is to be closed again.
        self._closed.fill(True)
        shown, _ = self.episodes.run(self._rooms.act(self.episodes, moves, prices))
        books, shared = self._books.reshape(len(self._books), -1, len(AREA_PARTS)), self.config.reward == "shared"
        trade = partial(self._rooms.trade, prices) if self.members.trades else None
        found = accounts(books, self._market(), self.config.safety_weight, trade, shared)
        seat = self.episodes.seat
        if seat.terminated.any():
            left = np.maximum(seat.steps - self._step, 0)
            found = found._replace(reward=found.reward * np.where(seat.terminated, 1.0 + left, 1.0)[:, None])
        return Passed(shown, found, seat.terminated.copy(), seat.truncated.copy())

    def _read(self, actions: Sequence[Floats]) -> tuple[Floats, Floats]:
        """Entries that move devices `[B, E]`, and those that say the prices of trades `[B, A]`; all clipped to −1 … 1."""
        batch = len(self._books)
        for member, action in zip(self.members.all, actions, strict=True):
            expected = (batch, len(member.action_names))
            if np.shape(action) != expected:
                raise ActionError(f"The action of {member.name} has shape {np.shape(action)}, expected {expected}: {member.action_names}.")
        said = np.concatenate(list(actions), axis=1, dtype=np.float64)
        if not np.isfinite(said).all():
            names = [f"{member.name}: {name}" for member in self.members.all for name in member.action_names]
            lost = ", ".join(names[k] for k in np.flatnonzero(~np.isfinite(said).all(axis=0)))
            raise ActionError(f"An action must be made of finite numbers; these entries are not: {lost}.")
        said = np.minimum(np.maximum(said, -1.0), 1.0)
        if not self.members.trades:
            return said, said[:, :0]
        last = np.cumsum([len(member.action_names) for member in self.members.all]) - 1
        return np.delete(said, last, axis=1), said[:, last]

    def _market(self) -> Market:
        column, constant = self._areas.price_column, self._areas.price_usd_per_mwh
        price = self._exogenous[:, column] if column >= 0 else np.full(len(self._books), constant)
        return Market(price, self._areas.sell_discount)


def local_rooms(episodes: Episodes, members: Members) -> Rooms:
    """All agents in this process, without a message."""
    steering = Steering(episodes.ground.model, members)

    def ahead(episodes: Episodes, moves: Floats, _: Floats) -> Cycle:
        steering.order_ahead(episodes.memory, moves)
        return run_cycle

    def within(episodes: Episodes, moves: Floats, _: Floats) -> Cycle:
        if members.agrees:
            # Everybody's price after all have talked to their neighbours; direct orders stay.
            own = members.columns[0]
            moves = moves.copy()
            moves[:, own] = members.horizontal.exchange(moves[:, own, None]).heard[:, :, 0]
        return partial(run_cycle, decide=partial(steering.order_within, actions=moves))

    def trade(prices: Floats, short_mwh: Floats, over_mwh: Floats) -> Floats:
        price = said_price(prices)
        return members.horizontal.exchange(np.stack([price, short_mwh, price, over_mwh], axis=2)).heard

    return Rooms(within if members.vertical.asks_offers else ahead, trade)
