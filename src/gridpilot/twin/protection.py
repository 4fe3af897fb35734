"""Relays: what opens a branch, and for how long.

Functions of kernels, each for one element `b` of a batch.
"""

from __future__ import annotations

from gridpilot.jit import inlined
from gridpilot.twin.grids import State, Work
from gridpilot.twin.model import Rules
from gridpilot.values import Bools


@inlined
def count_overload(state: State, dt_h: float, b: int) -> None:
    """Time above rating, counted once per step and reset by any step at or below it."""
    for k in range(state.overload_h.shape[1]):
        state.overload_h[b, k] = state.overload_h[b, k] + dt_h if state.flow.loading[b, k] > 1.0 else 0.0


@inlined
def opens(state: State, rules: Rules, b: int, k: int) -> bool:
    """Whether the relays of a branch open it: above the hard limit at once, above its rating when the delay is over."""
    loading = state.flow.loading[b, k]
    late = state.overload_h[b, k] > rules.overload_delay_h + 1e-9 and loading > 1.0
    return bool(late or loading > rules.hard_limit)


@inlined
def any_opens(state: State, rules: Rules, b: int) -> bool:
    """Whether the relays of any branch open it."""
    found = False
    for k in range(state.overload_h.shape[1]):
        found = found or opens(state, rules, b, k)
    return found


@inlined
def open_branches(state: State, work: Work, opened: Bools, rules: Rules, b: int) -> None:
    """Take the branches that relays open out of service."""
    for k in range(opened.shape[1]):
        if opens(state, rules, b, k):
            opened[b, k] = True
            work.in_use[b, k] = False


@inlined
def reset_relays(state: State, opened: Bools, rules: Rules, b: int) -> None:
    """Breakers, timers, lock-outs and trip flags after a step in which `opened` opened of the ones commanded closed.

    A branch closed again is as new.
    """
    for k in range(opened.shape[1]):
        if opened[b, k]:
            state.closed[b, k], state.overload_h[b, k] = False, 0.0
            state.lockout_h[b, k], state.tripped[b, k] = rules.lockout_h, True
        else:
            # A remainder below a second is rounding of the step, not waiting time.
            left = state.lockout_h[b, k] - rules.dt_h
            tripped = state.tripped[b, k] and not state.closed[b, k]
            state.tripped[b, k] = tripped
            state.lockout_h[b, k] = left if left > 1.0 / 3600.0 or (tripped and left < -1.0 / 3600.0) else 0.0
