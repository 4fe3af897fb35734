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
def first_look(
    loading: Floats, status: Codes, overload_h: Floats, collapsed: Bools, delay_h: float, hard_limit: float, dt_h: float
) -> tuple[Floats, bool, Bools, Bools]:
    """Timers after this step, and what `relays` says under them."""
    timers = overload_timers(loading, overload_h, dt_h)
    some, opens, down = relays(loading, status, timers, collapsed, delay_h, hard_limit)
    return timers, some, opens, down


@kernel
def relays(
    loading: Floats, status: Codes, overload_h: Floats, collapsed: Bools, delay_h: float, hard_limit: float
) -> tuple[bool, Bools, Bools]:
    """Whether branches open now, which `[B, m]`, and which elements are down `[B]`, because they were or could not be solved.

    A branch opens above the hard limit at once, above its rating when the delay is over. The flows of an element that
    is down say nothing.
    """
    batch, m = loading.shape
    opens = np.zeros((batch, m), dtype=np.bool_)
    down = np.zeros(batch, dtype=np.bool_)
    some = False
    for b in range(batch):
        down[b] = collapsed[b] or not (status[b] == _OK or status[b] == _ISLANDED)
        if down[b]:
            continue
        for k in range(m):
            late = overload_h[b, k] > delay_h + 1e-9 and loading[b, k] > 1.0
            opens[b, k] = late or loading[b, k] > hard_limit
            some = some or opens[b, k]
    return some, opens, down


@kernel
def reset_relays(
    timers: Floats, opened: Bools, commanded: Bools, lockout_h: Floats, was_tripped: Bools, lockout_new_h: float, dt_h: float
) -> tuple[Bools, Floats, Floats, Bools]:
    """Breakers, timers, lock-outs and trip flags `[B, m]` after a step in which `opened` opened of the ones `commanded` closed.

    A branch closed again is as new.
    """
    batch, m = opened.shape
    closed = np.zeros((batch, m), dtype=np.bool_)
    overload = np.zeros((batch, m))
    lockout = np.zeros((batch, m))
    tripped = np.zeros((batch, m), dtype=np.bool_)
    for b in range(batch):
        for k in range(m):
            if opened[b, k]:
                lockout[b, k] = lockout_new_h
                tripped[b, k] = True
            else:
                closed[b, k] = commanded[b, k]
                overload[b, k] = timers[b, k]
                # A remainder below a second is rounding of the step, not waiting time.
                left = lockout_h[b, k] - dt_h
                tripped[b, k] = was_tripped[b, k] and not closed[b, k]
                lockout[b, k] = left if left > 1.0 / 3600.0 or (tripped[b, k] and left < -1.0 / 3600.0) else 0.0
    return closed, overload, lockout, tripped


def no_protection(batch: int, branches: int) -> Protection:
    """Relays at rest."""
    shape = (batch, branches)
    return Protection(np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.bool_))
