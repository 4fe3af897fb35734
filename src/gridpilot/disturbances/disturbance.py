"""What a disturbance is: a change of one component between two instants, and a rule that draws it from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.random import Generator

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
    lasting_h: tuple[float, float]
    magnitude: tuple[float, float] = (1.0, 1.0)


def draw(threats: Sequence[Threat], seed: int) -> tuple[Disturbance, ...]:
    """The disturbances of one episode; the same for a seed, whatever else is drawn elsewhere.

    A component that is hit already while another disturbance of the same channel lasts is passed over for the
    next one of the threat's list, so that a restoration never undoes somebody else's fault.
    """
    drawn: list[Disturbance] = []
    for number, threat in enumerate(threats):
        random = np.random.default_rng([seed, number])
        start = float(random.uniform(*threat.between_h))
        until = start + float(random.uniform(*threat.lasting_h))
        first = int(random.integers(len(threat.components)))
        value = threat.kind.draw_value(random, threat.magnitude)
        order = threat.components[first:] + threat.components[:first]
        for component in order:
            if not _clash(drawn, threat.kind.channel, component, start, until):
                drawn.append(Disturbance(threat.kind.event, threat.kind.channel, component, start, until, value, threat.kind.rest))
                break
    return tuple(sorted(drawn, key=lambda d: (d.from_h, d.component)))


def _clash(drawn: list[Disturbance], channel: Channel, component: str, start: float, until: float) -> bool:
    return any(d.channel == channel and d.component == component and start <= d.until_h and d.from_h <= until for d in drawn)


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


def schedule(episodes: Sequence[Sequence[Disturbance]], place: dict[Channel, dict[str, int]], dt_h: float) -> Schedule:
    """Arrays of the disturbances of every element; `place` finds a component's index per channel.

    Raises `ConfigError` naming every component that does not exist.
    """
    lost = [
        Problem(d.component, f"there is no such component for a {d.event.name.lower().replace('_', ' ')}")
        for episode in episodes
        for d in episode
        if d.component not in place[d.channel]
    ]
    if lost:
        raise ConfigError("A disturbance hits a component that the scenario does not have.", sorted(set(lost), key=str))
    rows = [[entry for d in episode for entry in _entries(d, place, dt_h)] for episode in episodes]
    width = max((len(row) for row in rows), default=0)
    padding = (-1, 0, 0, 0, 0.0, 0)
    cells = np.array([row + [padding] * (width - len(row)) for row in rows], dtype=np.float64).reshape(len(rows), width, 6)
    step, event, channel, index, value, begins = np.moveaxis(cells, 2, 0)
    whole = [np.ascontiguousarray(column.astype(np.int64)) for column in (step, event, channel, index, begins)]
    return Schedule(whole[0], whole[1], whole[2], whole[3], np.ascontiguousarray(value), whole[4])


def _entries(d: Disturbance, place: dict[Channel, dict[str, int]], dt_h: float) -> list[tuple[float, ...]]:
    index = place[d.channel][d.component]
    first = max(int(np.ceil(d.from_h / dt_h)), 1)
    entries: list[tuple[float, ...]] = [(first, int(d.event), int(d.channel), index, d.value, 1)]
    if np.isfinite(d.until_h):
        last = max(int(np.ceil(d.until_h / dt_h)), first + 1)
        entries.append((last, int(Event.RESTORATION), int(d.channel), index, d.rest, 0))
    return entries
