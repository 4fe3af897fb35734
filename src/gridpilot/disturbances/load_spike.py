"""Load spike: a load's demand is multiplied for a while."""

from __future__ import annotations

from numpy.random import Generator

from gridpilot.disturbances.disturbance import Channel, DisturbanceKind
from gridpilot.values import Event


def _value(random: Generator, magnitude: tuple[float, float]) -> float:
    return float(random.uniform(*magnitude))


KIND = DisturbanceKind(name="load_spike", event=Event.LOAD_SPIKE, channel=Channel.LOAD_FACTOR, rest=1.0, draw_value=_value)
