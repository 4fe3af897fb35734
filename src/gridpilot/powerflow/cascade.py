"""What relays make of an outage: every branch above a limit opens at once, again and again until none is above it.

It is the fast part of a cascade. Devices, balance and operators have not reacted, and overloads below the limit, which relays
bear for a while, stay.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridpilot.network.network import Network
from gridpilot.powerflow.contingency import Points, Security, lanes_at_a_time, solve_lanes
from gridpilot.values import Bools, Floats, Ints, PowerFlow


class Cascade(NamedTuple):
    """How each outage of a `Security` ends, `[B, K]`."""

    tripped: Ints
    """Branches that relays open after the outage."""
    lost_load_mw: Floats
    """Load without supply in the end; all of it where there is no solution, or no end."""


def cascades(
    engine: PowerFlow, network: Network, points: Points, found: Security, *, limit: Floats, load_mw: Floats, rounds: int
) -> Cascade:
    """Follow every outage in which a branch is loaded above `limit` `[B]` (1.0 is the rating), for at most `rounds` openings.

    `found` are the outages at these `points` without a screen, `load_mw` `[B, n]` the consumption. An outage of branches
    that are out already does nothing.
    """
    total = load_mw.sum(axis=1)
    lost = np.where(found.usable, found.islanded_load_mw, total[:, None]) * found.effective
    ended = Cascade(np.zeros(lost.shape, dtype=np.int64), lost)
    overloaded = found.effective & found.usable & (found.worst_loading > limit[:, None])
    index = found.outages.index
    for element, outage in lanes_at_a_time(network, overloaded):
        tripped, load_lost = _follow(engine, points, element, index[outage], limit[element], load_mw[element], rounds)
        ended.tripped[element, outage], ended.lost_load_mw[element, outage] = tripped, load_lost
    return ended


def _follow(
    engine: PowerFlow, points: Points, element: Ints, index: Ints, limit: Floats, load_mw: Floats, rounds: int
) -> tuple[Ints, Floats]:
    """Branches tripped and load lost in every lane."""
    closed = points.closed[element]
    np.put_along_axis(closed, index, False, axis=1)
    tripped = np.zeros(len(element), dtype=np.int64)
    lost = load_mw.sum(axis=1)
    live = np.arange(len(element))
    for _ in range(rounds + 1):
        flow = solve_lanes(engine, points, element[live], closed[live])
        opens: Bools = (flow.loading > limit[live, None]) & flow.usable[:, None]
        rests = flow.usable & ~opens.any(axis=1)
        dark = points.base.energised[element[live]] & ~flow.energised
        lost[live[rests]] = (load_mw[live] * dark).sum(axis=1)[rests]
        tripped[live] += opens.sum(axis=1)
        closed[live] &= ~opens
        live = live[opens.any(axis=1)]
        if not len(live):
            break
    return tripped, lost
