"""What a grid agent does when nothing is heard of its environment any more: hold, then leave the grid.

    follows    orders come, or the last ones are still within their time
    holds      the time of the last question is over, and half of the time that orders are held after it: nothing came, and an
               environment that only waits for somebody else would have asked again. Devices hold the orders that they have
    off grid   their orders are no longer valid: devices exchange nothing, until the environment is back

The environment takes the devices of a silent agent to do the same, by the same times (see `Unclosed.off_grid`), so that what it books is
what they did. Clocks of different machines are to agree within a fraction of the deadline.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

FOLLOWS: Final = "follows"
HOLDS: Final = "holds"
OFF_GRID: Final = "off grid"


class Watch:
    """Of one agent. Where time stands still between steps, there is nothing to watch."""

    def __init__(self, role: str, tell: Callable[[str], None] = lambda _: None, clock: Callable[[], float] = time.time) -> None:
        """`tell` hears a sentence when something changes; `clock` is that of `Question.valid_until`."""
        self.role = role
        self.doing = FOLLOWS
        self.disagreed = 0
        """Steps in which the environment took devices to be on the grid, or off it, when they were not."""
        self._tell, self._clock = tell, clock
        self._hold_s: float | None = None
        self._until_s = float("inf")
        self._left_s = self._back_s = float("inf")

    def begin(self, hold_s: float | None) -> None:
        """Devices are taken over: nothing is ordered yet. `hold_s` is that of `gridpilot.agents.grid.Sheet`."""
        if self.doing != FOLLOWS:
            self._return()
        self._hold_s, self._until_s = hold_s, float("inf")

    def renew(self, valid_until_s: float) -> None:
        """The environment was heard, with a question that is valid so long."""
        if self._hold_s is None:
            return
        if self.doing != FOLLOWS:
            self._return()
        self._until_s = valid_until_s if self._until_s == float("inf") else max(valid_until_s, self._until_s)

    def check(self) -> float:
        """Do what is due now; seconds until there may be something to do again."""
        if self._hold_s is None or self._until_s == float("inf"):
            return _IDLE_S
        now_s, leave_s = self._clock(), self._until_s + self._hold_s
        notice_s = self._until_s + self._hold_s / 2.0
        if self.doing == FOLLOWS and now_s >= notice_s:
            self.doing = HOLDS
            left_s = max(leave_s - now_s, 0.0)
            self._tell(f"{self.role}: nothing heard of the environment; its devices hold their orders for {left_s:.3g} s more")
        if self.doing == HOLDS and now_s >= leave_s:
            self.doing, self._left_s, self._back_s = OFF_GRID, leave_s, float("inf")
            self._tell(f"{self.role}: the orders of its devices are no longer valid; they are off the grid")
        due_s = {FOLLOWS: notice_s, HOLDS: leave_s, OFF_GRID: now_s + _IDLE_S}[self.doing]
        return min(max(due_s - now_s, 0.0), _IDLE_S)

    def compare(self, off_grid: bool, at_s: float) -> None:
        """What the environment took devices to do at a time, against what they did."""
        if self._hold_s is None or off_grid == (self._left_s <= at_s < self._back_s):
            return
        self.disagreed += 1
        if self.disagreed == 1:
            taken, were = ("off", "on") if off_grid else ("on", "off")
            where = f"{taken} the grid when they were {were} it"
            self._tell(f"{self.role}: the environment took its devices to be {where}. Are both clocks right?")

    def _return(self) -> None:
        was, self.doing, self._back_s = self.doing, FOLLOWS, self._clock()
        after = f" after {self._back_s - self._left_s:.3g} s off the grid" if was == OFF_GRID else ""
        self._tell(f"{self.role}: the environment is back; its devices follow orders again{after}")


_IDLE_S = 0.2
"""Longest pause between two looks at the clock."""
