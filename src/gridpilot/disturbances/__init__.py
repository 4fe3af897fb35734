"""Disturbances: what goes wrong, when, and for how long. One kind per file; a seed draws the episode's."""

from gridpilot.disturbances import generator_outage, line_trip, load_spike
from gridpilot.disturbances.disturbance import Channel, Disturbance, DisturbanceKind, Schedule, Threat, draw, schedule

GENERATOR_OUTAGE = generator_outage.KIND
LINE_TRIP = line_trip.KIND
LOAD_SPIKE = load_spike.KIND

__all__ = [
    "GENERATOR_OUTAGE", "LINE_TRIP", "LOAD_SPIKE", "Channel", "Disturbance", "DisturbanceKind", "Schedule", "Threat",
    "draw", "schedule",
]  # fmt: skip
