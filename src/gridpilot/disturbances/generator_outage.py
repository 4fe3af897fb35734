"""Generator outage: a unit fails and is back after its repair."""

from __future__ import annotations

from numpy.random import Generator

from gridpilot.disturbances.disturbance import Channel, DisturbanceKind
from gridpilot.values import Event


def _value(random: Generator, magnitude: tuple[float, float]) -> float:
    return 1.0


KIND = DisturbanceKind(name="generator_outage", event=Event.GENERATOR_OUTAGE, channel=Channel.GENERATOR_OUTAGE, rest=0.0, draw_value=_value)
