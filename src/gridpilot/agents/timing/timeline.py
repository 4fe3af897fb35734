"""A virtual clock: what every role does when, and when the grid steps, in one order; no time passes while it runs.

The grid steps every `dt_h`, and holds orders in between. At equal times

1. roles observe (`OBSERVE`), in the order in which they are given, say from the root of the tree to its leaves;
2. orders come into force (`APPLY`), in the same order of roles;
3. the grid steps (`ADVANCE`), under the orders in force.

So without delays, and with ticks of `dt_h`, it is lockstep: all observe, all act, the grid steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from gridpilot.agents.timing.role_timing import US_PER_H, RoleTiming, tick_of, to_us
from gridpilot.errors import ConfigError, Problem


class Doing(IntEnum):
    """What happens; the smaller first at equal times."""

    OBSERVE = 1
    APPLY = 2
    ADVANCE = 3


class Moment(NamedTuple):
    """One thing that happens; moments compare in the order in which they happen."""

    time_us: int
    doing: Doing
    place: int
    """Of the role, in the order given; 0 for the grid."""
    number: int
    """Of the role's decision, or of the grid's step, from 0."""
    role: str
    """Empty for the grid."""
    step: int
    """OBSERVE, APPLY: steps that the state had made which the decision sees. ADVANCE: steps that the grid has made before."""

    @property
    def time_h(self) -> float:
        """Hours since the beginning."""
        return self.time_us / US_PER_H


@dataclass(frozen=True, slots=True)
class Timeline:
    """When what happens; raises `ConfigError` where the grid's own times are out of range."""

    roles: Mapping[str, RoleTiming]
    """By name, in the order in which they act at equal times."""
    dt_h: float
    """Step of the grid."""
    steps: int
    """Steps that the grid makes; the clock stops after the last."""
    seed: int = 0
    """Of the jitter."""

    def __post_init__(self) -> None:
        problems = [] if 0.0 < self.dt_h < float("inf") and to_us(self.dt_h) else [Problem("dt_h", f"is {self.dt_h:g}; expected above 0")]
        if self.steps < 1:
            problems.append(Problem("steps", f"is {self.steps}; expected 1 or more"))
        if problems:
            raise ConfigError("The clock cannot run.", problems)

    @property
    def lag_steps(self) -> int:
        """How many steps the oldest state that is ever seen may be behind: what has to be remembered."""
        ages = [to_us(role.observation_delay_h) + to_us(role.jitter_h) for role in self.roles.values()]
        return -(-max(ages, default=0) // to_us(self.dt_h))

    def __iter__(self) -> Iterator[Moment]:
        """Every moment up to the grid's last step, in order.

        Every `OBSERVE` has its `APPLY`, unless its orders would come into force after the last step has begun.
        """
        dt_us = to_us(self.dt_h)
        queue = [Moment(0, Doing.ADVANCE, 0, 0, "", 0)]
        for place, role in enumerate(self.roles):
            queue += self._decision(place, role, 0)
        heapify(queue)
        while True:
            moment = heappop(queue)
            yield moment
            following = moment.number + 1
            if moment.doing is Doing.OBSERVE:
                for later in self._decision(moment.place, moment.role, following):
                    heappush(queue, later)
            elif moment.doing is Doing.ADVANCE:
                if following == self.steps:
                    return
                heappush(queue, Moment(following * dt_us, Doing.ADVANCE, 0, following, "", following))

    def _decision(self, place: int, role: str, number: int) -> tuple[Moment, Moment]:
        """Both moments of one decision."""
        tick = tick_of(self.roles[role], role, number, self.seed)
        observed = Moment(tick.decided_us, Doing.OBSERVE, place, number, role, tick.seen_us // to_us(self.dt_h))
        return observed, observed._replace(time_us=tick.applied_us, doing=Doing.APPLY)
