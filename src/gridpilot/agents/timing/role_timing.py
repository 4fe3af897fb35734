"""How often a role decides, how old what it sees is, and how late what it orders comes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from math import isfinite
from typing import Final

from gridpilot.errors import ConfigError, Problem
from gridpilot.profiles.randomness import uniform

US_PER_H: Final = 3_600_000_000
"""Virtual time is counted in whole microseconds: sums are exact, and two times are equal or they are not."""


@dataclass(frozen=True, slots=True)
class RoleTiming:
    """Timing of one role; raises `ConfigError` with everything that is out of range."""

    tick_h: float
    """Time between two decisions."""
    observation_delay_h: float = 0.0
    """Age of the state that a decision sees."""
    action_delay_h: float = 0.0
    """Time from a decision until its orders are in force."""
    jitter_h: float = 0.0
    """The decision, what it sees and its orders are each late by up to this much more, independently and evenly distributed.
    At most half a tick, so that no order overtakes the one before."""

    def __post_init__(self) -> None:
        problems = []
        for field in fields(self):
            value = getattr(self, field.name)
            if not (isfinite(value) and value >= 0.0):
                problems.append(Problem(field.name, f"is {value:g}; expected a finite number of hours, 0 or more"))
        if not problems and to_us(self.tick_h) < 1:
            problems.append(Problem("tick_h", f"is {self.tick_h:g}; expected a microsecond or more"))
        if not problems and 2 * to_us(self.jitter_h) > to_us(self.tick_h):
            problems.append(Problem("jitter_h", f"is {self.jitter_h:g}; expected at most half of tick_h, which is {self.tick_h:g}"))
        if problems:
            raise ConfigError("The timing of a role cannot be used.", problems)


@dataclass(frozen=True, slots=True)
class Tick:
    """One decision of a role, in microseconds since the beginning."""

    decided_us: int
    seen_us: int
    """Time of the state that it sees; at least 0, as nothing is known from before the beginning."""
    applied_us: int


def tick_of(timing: RoleTiming, role: str, number: int, seed: int) -> Tick:
    """The `number`-th decision of a role, from 0.

    Its lateness is a function of seed, role name and number alone: neither other roles nor earlier ticks change it.
    """
    late_us = _lateness(to_us(timing.jitter_h), role, number, seed)
    decided = number * to_us(timing.tick_h) + late_us[0]
    seen = max(decided - to_us(timing.observation_delay_h) - late_us[1], 0)
    return Tick(decided, seen, decided + to_us(timing.action_delay_h) + late_us[2])


def to_us(hours: float) -> int:
    """The nearest whole number of microseconds."""
    return round(hours * US_PER_H)


def _lateness(jitter_us: int, role: str, number: int, seed: int) -> tuple[int, int, int]:
    """Of the decision, what it sees and its orders."""
    if jitter_us == 0:
        return 0, 0, 0
    key = int.from_bytes(hashlib.sha256(role.encode()).digest()[:8], "little", signed=True)
    decided, seen, applied = uniform(seed, key, number, [0, 1, 2])
    # Below 1, so that every whole number from 0 to the jitter is as likely.
    return int(decided * (jitter_us + 1)), int(seen * (jitter_us + 1)), int(applied * (jitter_us + 1))
