"""Demand drop: a load falls to a part of its demand for a while, as when a factory stops."""

from numpy.random import Generator

from gridpilot.disturbances.disturbance import Channel, DisturbanceKind
from gridpilot.values import Event


def _value(random: Generator, magnitude: tuple[float, float]) -> float:
    return float(random.uniform(*magnitude))


KIND = DisturbanceKind(name="demand_drop", event=Event.LOAD_SPIKE, channel=Channel.LOAD_FACTOR, rest=1.0, draw_value=_value)
