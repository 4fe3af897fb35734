"""Line trip: a fault takes a branch out until it is repaired."""

from __future__ import annotations

from numpy.random import Generator

from gridpilot.disturbances.disturbance import Channel, DisturbanceKind
from gridpilot.values import Event


def _value(random: Generator, magnitude: tuple[float, float]) -> float:
    return 1.0


KIND = DisturbanceKind(name="line_trip", event=Event.LINE_TRIP, channel=Channel.BRANCH_FAULT, rest=0.0, draw_value=_value)
