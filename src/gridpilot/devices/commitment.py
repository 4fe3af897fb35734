"""Unit commitment: how a generator with a start-up or shut-down time goes from offline to online and back.

    offline --(start_h at 0 MW)--> online --(stop_h at the minimum)--> offline

State and time are kept as one number: hours since the unit last came on or went off or, below 0, hours that the start-up (while
it is off) or shut-down (while it is on) still takes. Neither can be taken back; a unit that fails on the way is offline.
Sources: the states of D. Bertsimas et al., "Adaptive robust optimization for the security constrained unit commitment problem",
IEEE Trans. PWRS 28 (2013); minimum times count from the end of either.
"""

from __future__ import annotations

from gridpilot.jit import inlined

ROUNDING_H = 1e-9
"""Twelve cycles of five minutes make an hour, and must not need a thirteenth."""


@inlined
def after_cycle(on: bool, since_h: float, wanted: bool, free: bool, takes_h: float, dt_h: float) -> tuple[bool, float]:
    """Whether a unit in service is on after a cycle, and its hours.

    `wanted` is the state that it is told to have, `free` whether its minimum time is over (and, to stop, its output at the
    minimum), `takes_h` the time of the change that is on, or would be.
    """
    if since_h < 0.0:
        left_h = since_h + dt_h
        return (on, left_h) if left_h < -ROUNDING_H else (not on, 0.0)
    if wanted == on or not free:
        return on, since_h + dt_h
    if takes_h <= 0.0:
        return wanted, dt_h  # it changed when the cycle began
    if takes_h > dt_h + ROUNDING_H:
        return on, dt_h - takes_h
    return wanted, 0.0


@inlined
def after_failure(on: bool, since_h: float, dt_h: float) -> float:
    """The hours of a unit that is out of service in this cycle, which is off."""
    return since_h + dt_h if not on and since_h >= 0.0 else dt_h
