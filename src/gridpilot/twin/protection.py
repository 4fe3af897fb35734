"""Relays: what opens a branch, and for how long."""

from __future__ import annotations

import numpy as np

from gridpilot.jit import kernel
from gridpilot.values import Bools, Codes, Floats, Protection, Status

_OK, _ISLANDED = int(Status.OK), int(Status.ISLANDED)


@kernel
def overload_timers(loading: Floats, overload_h: Floats, dt_h: float) -> Floats:
    """Time above rating `[B, m]`, counted once per step and reset by any step at or below it."""
    batch, m = loading.shape
    timers = np.zeros((batch, m))
    for b in range(batch):
        for k in range(m):
            if loading[b, k] > 1.0:
                timers[b, k] = overload_h[b, k] + dt_h
    return timers


@kernel
def relays(loading: Floats, overload_h: Floats, collapsed: Bools, status: Codes, delay_h: float, hard_limit: float) -> tuple[bool, Bools]:
    """Branches that open now `[B, m]`, and whether there are any: above the hard limit at once, above rating when the
    delay is over. The flows of an element that collapsed or was not solved say nothing.
    """
    batch, m = loading.shape
    opens = np.zeros((batch, m), dtype=np.bool_)
    some = False
    for b in range(batch):
        if collapsed[b] or not (status[b] == _OK or status[b] == _ISLANDED):
            continue
        for k in range(m):
            late = overload_h[b, k] > delay_h + 1e-9 and loading[b, k] > 1.0
            opens[b, k] = late or loading[b, k] > hard_limit
            some = some or opens[b, k]
    return some, opens


@kernel
def reset_relays(
    timers: Floats, opened: Bools, closed: Bools, lockout_h: Floats, was_tripped: Bools, lockout_new_h: float, dt_h: float
) -> tuple[Floats, Floats, Bools]:
    """Timers, lock-outs and trip flags after a step in which `opened` opened; a branch closed again is as new."""
    batch, m = opened.shape
    overload = np.zeros((batch, m))
    lockout = np.zeros((batch, m))
    tripped = np.zeros((batch, m), dtype=np.bool_)
    for b in range(batch):
        for k in range(m):
            if opened[b, k]:
                lockout[b, k] = lockout_new_h
                tripped[b, k] = True
            else:
                overload[b, k] = timers[b, k]
                # A remainder below a second is rounding of the step, not waiting time.
                left = lockout_h[b, k] - dt_h
                tripped[b, k] = was_tripped[b, k] and not closed[b, k]
                lockout[b, k] = left if left > 1.0 / 3600.0 or (tripped[b, k] and left < -1.0 / 3600.0) else 0.0
    return overload, lockout, tripped


def no_protection(batch: int, branches: int) -> Protection:
    """Relays at rest."""
    shape = (batch, branches)
    return Protection(np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.bool_))
