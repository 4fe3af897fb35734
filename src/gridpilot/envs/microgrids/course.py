"""A batch of running episodes of microgrids: what the PettingZoo environment and the vector form have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from gridpilot.envs.episodes import Cycle, Episodes
from gridpilot.envs.microgrids.config import MicrogridsConfig
from gridpilot.envs.microgrids.members import Members
from gridpilot.envs.microgrids.money import PRICE_RANGE_USD_PER_MWH, Accounts, Market, accounts
from gridpilot.envs.microgrids.steering import Steering
from gridpilot.envs.observation import Observation
from gridpilot.errors import ActionError
from gridpilot.twin.areas import AREA_PARTS
from gridpilot.twin.cycle import run_cycle
from gridpilot.values import Bools, Floats

Act = Callable[[Episodes, Floats], Cycle]
"""Orders by actions `[B, E]`: ahead of the cycle that is returned, or within it."""


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
    messages: int
    """Logical messages among grid agents in one element."""


class Course:
    """Steps microgrids; who sits in their control rooms is behind `act`."""

    def __init__(self, config: MicrogridsConfig, members: Members, episodes: Episodes, act: Act | None = None) -> None:
        self.config, self.members, self.episodes = config, members, episodes
        self._act = act or local_act(episodes, members)
        view = episodes.memory.blocks.view
        self._closed, self._books, self._exogenous, self._step = view("closed"), view("areas"), view("exogenous"), view("step")
        self._areas = episodes.ground.model.layout.areas

    def step(self, actions: Sequence[Floats]) -> Passed:
        """One step under the actions of all members `[B, e]`; raises `ActionError` for wrong shapes and for what is no number."""
        moves, price_said = self._read(actions)
        messages = 0
        if self.members.agrees:
            moves, messages = self._agreed(moves)
        # Relays open branches, and nobody here but they: everything else is to be closed again.
        self._closed.fill(True)
        shown, _ = self.episodes.run(self._act(self.episodes, moves))
        books, shared = self._books.reshape(len(self._books), -1, len(AREA_PARTS)), self.config.reward == "shared"
        found = accounts(self.members, books, self._market(), self.config.safety_weight, price_said, shared)
        messages += self.members.horizontal.messages_per_round(len(self.members.all)) if self.members.trades else 0
        seat = self.episodes.seat
        if seat.terminated.any():
            left = np.maximum(seat.steps - self._step, 0)
            found = found._replace(reward=found.reward * np.where(seat.terminated, 1.0 + left, 1.0)[:, None])
        return Passed(shown, found, seat.terminated.copy(), seat.truncated.copy(), messages)

    def _read(self, actions: Sequence[Floats]) -> tuple[Floats, Floats | None]:
        """Moves `[B, E]`, and the prices of trades `[B, A]`; all entries clipped to −1 … 1."""
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
            return said, None
        last = np.cumsum([len(member.action_names) for member in self.members.all]) - 1
        low, high = PRICE_RANGE_USD_PER_MWH
        return np.delete(said, last, axis=1), low + (said[:, last] + 1.0) / 2.0 * (high - low)

    def _agreed(self, moves: Floats) -> tuple[Floats, int]:
        """Everybody's price after all have talked to their neighbours, and the messages of one element."""
        prices, _ = self.members.columns
        agreement, agreed = self.members.horizontal.exchange(moves[:, prices, None]), moves.copy()
        agreed[:, prices] = agreement.heard[:, :, 0]
        return agreed, int(agreement.messages[0])

    def _market(self) -> Market:
        column, constant = self._areas.price_column, self._areas.price_usd_per_mwh
        price = self._exogenous[:, column] if column >= 0 else np.full(len(self._books), constant)
        return Market(price, self._areas.sell_discount)


def local_act(episodes: Episodes, members: Members) -> Act:
    """All agents in this process, without a message."""
    steering = Steering(episodes.ground.model, members)

    def ahead(episodes: Episodes, moves: Floats) -> Cycle:
        steering.order_ahead(episodes.memory, moves)
        return run_cycle

    def within(episodes: Episodes, moves: Floats) -> Cycle:
        return partial(run_cycle, decide=partial(steering.order_within, actions=moves))

    return within if members.vertical.asks_offers else ahead
