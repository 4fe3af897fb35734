"""What an environment knows of an agent that may be silent, and what it takes its devices to do meanwhile."""

from __future__ import annotations

import numpy as np

from gridpilot.agents.grid import Closed, Unclosed
from gridpilot.values import Bools, Floats

States = list[list[list[float]]]
"""Per kind the fields of its state, device by device; flags as 0 and 1."""


class Hearing:
    """Of one agent, in one episode."""

    def __init__(self, states: States, stays: Bools) -> None:
        self.reported: Floats
        """What its devices said last, or what they are taken to do `[3 to 5, k]`."""
        self._stays = stays
        """Tap changers and banks: they stand where they are without anybody."""
        self.states = states
        """Those that its devices were last known in."""
        self.silent = 0
        """For how many cycles; where nobody waits, how old its newest answer is."""
        self.off_grid = False
        """Whether its devices are taken to have left the grid."""
        self.valid_until_s = float("inf")
        """Until when its devices follow the orders that they have."""
        self.heard_step = 0
        """Of its newest answer."""
        self.backlog: list[Unclosed] = []
        """Steps that it has not closed, oldest first."""

    def hear(self, reported: Floats) -> None:
        """A report has come."""
        self.reported, self.silent, self.off_grid = reported, 0, False

    def leave_grid(self) -> None:
        """Its devices' own protection takes them off the grid, until it is heard again."""
        self.reported, self.off_grid = np.where(self._stays, self.reported, 0.0), True

    def close(self, closed: list[Closed]) -> list[Closed]:
        """What it tells of steps that were not closed before."""
        open_steps = {unclosed.step for unclosed in self.backlog}
        told = {one.step for one in closed}
        self.backlog = [unclosed for unclosed in self.backlog if unclosed.step not in told]
        return [one for one in closed if one.step in open_steps]
