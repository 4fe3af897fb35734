"""Bands of loading and voltage, and the colour and mark of each: never a hue alone."""

from __future__ import annotations

from enum import Enum


class Band(Enum):
    """How close something is to its limit; the value is its colour in the theme *classic*."""

    LIGHT = "#6b7480"
    HEALTHY = "#62b89e"
    WARNING = "#fde567"
    VIOLATION = "#eb2e1e"

    @property
    def colour(self) -> str:
        return self.value

    @property
    def mark(self) -> str:
        """What tells the band without colour."""
        return {Band.LIGHT: " ", Band.HEALTHY: " ", Band.WARNING: "!", Band.VIOLATION: "▲"}[self]


VOLTAGE_MARGIN_PU = 0.02
"""Distance from the edge of a bus's band below which it is a warning: 0.97 and 1.03 of a band of 0.95 to 1.05."""
_ROUNDING_PU = 1e-9


def loading_band(loading: float) -> Band:
    """Band of a branch; 1.0 is its rating."""
    if loading > 0.95:
        return Band.VIOLATION
    if loading > 0.80:
        return Band.WARNING
    return Band.HEALTHY if loading >= 0.50 else Band.LIGHT


def voltage_band(v_pu: float, v_min_pu: float = 0.95, v_max_pu: float = 1.05) -> Band:
    """Band of a bus voltage within its operating band."""
    room = min(v_pu - v_min_pu, v_max_pu - v_pu)
    if room < -_ROUNDING_PU:
        return Band.VIOLATION
    return Band.WARNING if room < VOLTAGE_MARGIN_PU - _ROUNDING_PU else Band.HEALTHY
