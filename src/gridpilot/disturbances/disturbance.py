"""What a disturbance is: a change of one component between two instants, and a rule that draws it from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from hashlib import sha256
from math import ceil, isfinite

import numpy as np
from numpy.random import PCG64, Generator

from gridpilot.errors import ConfigError, Problem
from gridpilot.values import Event, Floats, Ints


class Channel(IntEnum):
    """What a disturbance changes."""

    BRANCH_FAULT = 0
    """The branch is out: 1, or back: 0."""
    LOAD_FACTOR = 1
    """The demand is multiplied by the value."""
    GENERATOR_OUTAGE = 2
    """The unit is out: 1, or back: 0."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing that goes wrong, and comes back."""

    event: Event
    channel: Channel
    component: str
    from_h: float
    """Hours after the episode begins."""
    until_h: float
    """When it is restored; infinity for never."""
    value: float
    """What the channel is set to while it lasts."""
    rest: float
    """What the channel returns to."""


@dataclass(frozen=True, slots=True)
class DisturbanceKind:
    """One kind of disturbance; each file of this package with a `KIND` adds one."""

    name: str
    event: Event
    channel: Channel
    rest: float
    draw_value: Callable[[Generator, tuple[float, float]], float]
    """(random numbers, magnitude range) → value of the channel."""


@dataclass(frozen=True, slots=True)
class Threat:
    """One disturbance of a scenario before the seed has said where, when and how much."""

    kind: DisturbanceKind
    components: tuple[str, ...]
    """One of them is drawn."""
    between_h: tuple[float, float]
    """Earliest and latest begin, hours after the episode begins."""
    lasting_h: tuple[float, float]
    """Shortest and longest duration; infinity for never restored."""
    magnitude: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        ranges = {"between_h": self.between_h, "lasting_h": self.lasting_h, "magnitude": self.magnitude}
        problems = [
            Problem(name, f"must be two finite numbers ≥ 0 that do not fall, found {low} and {high}")
            for name, (low, high) in ranges.items()
            if not 0 <= low <= high or not (isfinite(high) or (name == "lasting_h" and low == high))
        ]
        if not self.components:
            problems.append(Problem("components", "must name at least one"))
        if problems:
            raise ConfigError(f"A threat of kind {self.kind.name!r} cannot be drawn.", problems)


def draw(threats: Sequence[Threat], seed: int) -> tuple[Disturbance, ...]:
    """The disturbances of one episode; the same for a seed, whatever else is drawn elsewhere.

    A threat's draw depends on the seed and on the threat, not on its place in the list: reordering changes nothing.
    A component that is hit already while another disturbance of the same channel lasts is passed over for the next
    one of the threat's list, earlier begins first, so that a restoration never undoes somebody else's fault. A
    threat all of whose components are hit already does not happen.
    """
    wanted = [_draw_one(threat, _random(seed, key)) for threat, key in zip(threats, _keys(tuple(threats)), strict=True)]
    drawn: list[Disturbance] = []
    for first, order in sorted(wanted, key=lambda pair: (pair[0].from_h, pair[0].component, pair[0].until_h)):
        free = next((component for component in order if not _clash(drawn, first, component)), None)
        if free is not None:
            drawn.append(first if free == first.component else replace(first, component=free))
    return tuple(sorted(drawn, key=lambda d: (d.from_h, d.component)))


@lru_cache(maxsize=32)
def _keys(threats: tuple[Threat, ...]) -> tuple[str, ...]:
    """A text for each threat that is its own, whatever its place."""
    copies: dict[str, int] = {}
    keys: list[str] = []
    for threat in threats:
        key = repr((threat.kind.name, threat.components, threat.between_h, threat.lasting_h, threat.magnitude))
        copies[key] = copies.get(key, -1) + 1
        keys.append(f"{key} {copies[key]}")
    return tuple(keys)


def _random(seed: int, key: str) -> Generator:
    # A digest, because Python's own hash of a text changes from process to process. As words, not as one large number:
    # the same generator in half the time, and thousands of episodes may begin at once.
    digest = sha256(f"{seed} {key}".encode()).digest()
    return Generator(PCG64(np.frombuffer(digest[:16], dtype="<u4")))


def _draw_one(threat: Threat, random: Generator) -> tuple[Disturbance, tuple[str, ...]]:
    """A disturbance of the component that was drawn, and the order in which the components are asked."""
    start = _between(random, threat.between_h)
    until = start + _between(random, threat.lasting_h)
    k = int(random.integers(len(threat.components)))
    value = threat.kind.draw_value(random, threat.magnitude)
    order = threat.components[k:] + threat.components[:k]
    return Disturbance(threat.kind.event, threat.kind.channel, order[0], start, until, value, threat.kind.rest), order


def _between(random: Generator, ends: tuple[float, float]) -> float:
    return ends[0] + (ends[1] - ends[0]) * random.random() if ends[0] < ends[1] else ends[0]


def _clash(drawn: list[Disturbance], new: Disturbance, component: str) -> bool:
    """Whether a component would be hit while another disturbance of the same channel lasts there."""
    return any(d.channel == new.channel and d.component == component and new.from_h <= d.until_h and d.from_h <= new.until_h for d in drawn)


@dataclass(frozen=True, eq=False)
class Schedule:
    """The disturbances of a batch as arrays: what the twin applies. No view ever holds one."""

    step: Ints
    """Step at which an entry applies `[B, K]`; −1 pads."""
    event: Ints
    channel: Ints
    index: Ints
    """Branch, load or generator `[B, K]`."""
    value: Floats
    begins: Ints
    """1 where the entry begins a disturbance, 0 where it ends one `[B, K]`."""


def schedule(episodes: Sequence[Sequence[Disturbance]], place: dict[Channel, dict[str, int]], dt_h: float, room: int = 0) -> Schedule:
    """Arrays of the disturbances of every element; `place` finds a component's index per channel.

    There is room for at least `room` disturbances of every element, for those of any episode that takes its place.

    An instant belongs to the first step at or after it. What lasts less than a step lasts one, and the next
    disturbance of the same component waits for the end of the one before.

    Raises `ConfigError` naming every component that does not exist.
    """
    lost = [
        Problem(d.component, f"there is no such component for a {d.event.name.lower().replace('_', ' ')}")
        for episode in episodes
        for d in episode
        if d.component not in place.get(d.channel, {})
    ]
    if lost:
        raise ConfigError("A disturbance hits a component that the scenario does not have.", sorted(set(lost), key=str))
    rows = [_entries(episode, place, dt_h) for episode in episodes]
    width = max((len(row) for row in rows), default=0)
    width = max(width, 2 * room)  # a begin and an end
    padding = (-1, 0, 0, 0, 0.0, 0)
    cells = np.array([row + [padding] * (width - len(row)) for row in rows], dtype=np.float64).reshape(len(rows), width, 6)
    step, event, channel, index, value, begins = np.moveaxis(cells, 2, 0)
    whole = [np.ascontiguousarray(column.astype(np.int64)) for column in (step, event, channel, index, begins)]
    return Schedule(whole[0], whole[1], whole[2], whole[3], np.ascontiguousarray(value), whole[4])


def _entries(episode: Sequence[Disturbance], place: dict[Channel, dict[str, int]], dt_h: float) -> list[tuple[float, ...]]:
    """Begins and ends in the order of their begins, so that an end comes before a begin of the same step."""
    entries: list[tuple[float, ...]] = []
    free: dict[tuple[Channel, str], int] = {}
    for d in sorted(episode, key=lambda d: (d.from_h, d.component)):
        index = place[d.channel][d.component]
        first = max(_step(d.from_h, dt_h), free.get((d.channel, d.component), 1))
        entries.append((first, int(d.event), int(d.channel), index, d.value, 1))
        if isfinite(d.until_h):
            last = max(_step(d.until_h, dt_h), first + 1)
            entries.append((last, int(Event.RESTORATION), int(d.channel), index, d.rest, 0))
            free[d.channel, d.component] = last
    return entries


def _step(instant_h: float, dt_h: float) -> int:
    """First step at or after an instant; a quotient that is whole but for rounding is whole."""
    return max(ceil(instant_h / dt_h - 1e-9), 1)
