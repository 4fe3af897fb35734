"""A batch, group by group: who is solved with whom, in how many attempts.

The first pass takes the elements in their order. A group is left as soon as one lane alone goes on: that element is put
aside, and a second pass solves those put aside together, so that no lane waits for another's difficulties. What a warm
start did not lead to is tried from a cold one, and what that did not lead to from a flat one with damped steps. None of
this changes an element's numbers: each is iterated from its own start as if it were alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridpilot.jit import bare
from gridpilot.powerflow.branch_flow import write_branches, write_buses, write_energised
from gridpilot.powerflow.gather import gather_buses, gather_limits, gather_share, gather_start, gather_state
from gridpilot.powerflow.group import HOPELESS_PU, Group, Inputs, Outputs
from gridpilot.powerflow.islands import Ends
from gridpilot.powerflow.lanes import load, store
from gridpilot.powerflow.limits import ROUNDS, switch_limited
from gridpilot.powerflow.iteration import iterate, reject_low
from gridpilot.powerflow.start import start_cold
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.powerflow.topology import reset_roles, set_topology
from gridpilot.powerflow.ybus import Admittances
from gridpilot.values import Ints, Status

_OK, _DIVERGED, _ISLANDED = int(Status.OK), int(Status.DIVERGED), int(Status.ISLANDED)
_LOW, _NON_FINITE = int(Status.LOW_VOLTAGE), int(Status.NON_FINITE)
_FIRST, _RESUMED, _COLD, _FLAT = 0, 1, 2, 3
"""How the elements of a pass begin: as asked, where they stood, from DC angles, or flat with damped steps."""
_LATE, _AGAIN, _LAST = 0, 1, 2
_LONGER = 3
"""Damped steps take so many times the iterations."""


class Queue(NamedTuple):
    """The elements to solve, and room for those put aside, to be tried cold, and to be tried flat, with how many of each."""

    rows: Ints
    late: Ints
    again: Ints
    last: Ints
    count: Ints


def new_queue(rows: Ints) -> Queue:
    """A queue of these elements."""
    return Queue(rows, *np.empty((3, len(rows)), dtype=np.int64), np.zeros(3, dtype=np.int64))


class Settings(NamedTuple):
    """Numbers the kernels need beside the network."""

    base_mva: float
    tolerance_pu: float
    max_iterations: int
    by_current: int


class Solver(NamedTuple):
    """What the kernels need of a network, whatever is solved on it, and scratch for one thread: frames."""

    pattern: Pattern
    admittances: Admittances
    ends: Ends
    settings: Settings
    group: Group


@bare
def solve_rows(solver: Solver, inputs: Inputs, queue: Queue, count: int, out: Outputs) -> None:
    """Solve the first `count` of the batch elements `queue.rows`, any of them in any order, and write their results in
    the same rows of `out`.

    `out.v_re` and `out.v_im` may be the arrays that `inputs` starts from.
    """
    queue.count[_LATE] = queue.count[_AGAIN] = queue.count[_LAST] = 0
    _pass(solver, inputs, queue.rows, count, _FIRST, queue, out)
    _pass(solver, inputs, queue.late, queue.count[_LATE], _RESUMED, queue, out)
    _pass(solver, inputs, queue.again, queue.count[_AGAIN], _COLD, queue, out)
    _pass(solver, inputs, queue.last, queue.count[_LAST], _FLAT, queue, out)


@bare
def _pass(solver: Solver, inputs: Inputs, rows: Ints, count: int, mode: int, queue: Queue, out: Outputs) -> None:
    """Solve some elements group by group, and queue those that go on."""
    pattern, admittances, ends, settings, group = solver
    limited, shared, width = len(inputs.q_min_mvar) > 0, len(inputs.share) > 0, group.width
    # what is put aside is its voltages alone: shares and limits that it has moved would be lost
    patience = 1 if mode == _FIRST and count > width and not limited and not shared else 0
    steps = settings.max_iterations * (_LONGER if mode == _FLAT else 1)
    for first in range(0, count, width):
        lanes = min(width, count - first)
        for lane in range(width):
            group.row[lane] = rows[first + min(lane, lanes - 1)]
        _begin(solver, inputs, mode, out)
        iterate(pattern, settings.tolerance_pu, steps, patience, mode == _FLAT, shared, group)
        if limited:
            for turn in range(ROUNDS):
                if not switch_limited(pattern, group, turn):
                    break
                # every round has the iterations of a power flow
                iterate(pattern, settings.tolerance_pu, (turn + 2) * steps, 0, mode == _FLAT, shared, group)
            if switch_limited(pattern, group, ROUNDS):
                store(group.live, 0, 0.0)  # roles that do not come to rest are no solution
        reject_low(pattern, group)
        for lane in range(lanes):
            _judge(mode, lane, settings.base_mva, group, queue, out)
        write_branches(pattern, admittances, settings.base_mva, settings.by_current != 0, group, out)
        write_buses(pattern, admittances, settings.base_mva, inputs, group, out)
        write_energised(ends.n, group, out)
        _put_aside(pattern, group, out)
        if limited:
            reset_roles(group)


@bare
def _begin(solver: Solver, inputs: Inputs, mode: int, out: Outputs) -> None:
    """Fill the group: topology, injections and start."""
    pattern, admittances, ends, settings, group = solver
    set_topology(inputs, pattern, admittances, ends, group)
    gather_buses(inputs, pattern, settings.base_mva, group)
    if len(inputs.q_min_mvar) > 0:
        gather_limits(inputs, pattern, settings.base_mva, group)
    if len(inputs.share) > 0:
        gather_share(inputs, pattern, group)
    store(group.live, 0, load(group.finite, 0))
    store(group.solved, 0, 0.0)
    store(group.singular, 0, 0.0)
    store(group.residual, 0, HOPELESS_PU)
    store(group.cold, 0, 0.0 if mode == _RESUMED else 1.0)
    for lane in range(group.width):
        group.steps[lane] = out.iterations[group.row[lane]] if mode == _RESUMED else 0
    if mode == _RESUMED:
        gather_state(pattern, out.v_re, out.v_im, group)
    elif mode == _FIRST and len(inputs.start_status) > 0:
        gather_start(inputs, pattern, group)
    some_cold = False
    for lane in range(group.width):
        some_cold = some_cold or group.cold[lane] != 0.0
    if some_cold:
        start_cold(pattern, admittances, group, mode == _FLAT)


@bare
def _judge(mode: int, lane: int, base_mva: float, group: Group, queue: Queue, out: Outputs) -> None:
    """Write how a lane ended, and queue it if it goes on."""
    row = group.row[lane]
    status, failed, low = _DIVERGED, False, group.lane[lane] != 0.0
    if group.finite[lane] == 0.0:
        status = _NON_FINITE
    elif group.solved[lane] != 0.0:
        status = _OK if group.whole[lane] else _ISLANDED
    elif group.live[lane] != 0.0:
        queue.late[queue.count[_LATE]] = row
        queue.count[_LATE] += 1
    else:
        failed = True
        status = _LOW if low or (mode > _RESUMED and out.status[row] == _LOW) else _DIVERGED
        if mode != _FLAT and group.cold[lane] != 0.0:
            queue.last[queue.count[_LAST]] = row
            queue.count[_LAST] += 1
        elif mode != _FLAT:
            queue.again[queue.count[_AGAIN]] = row
            queue.count[_AGAIN] += 1
    out.status[row], out.iterations[row] = status, group.steps[lane]
    out.residual[row] = group.residual[lane] * base_mva
    # for whoever solves the rest: the pivots were at fault, perhaps not the grid
    out.rescued[row] = failed and mode == _FLAT and group.singular[lane] != 0.0


@bare
def _put_aside(pattern: Pattern, group: Group, out: Outputs) -> None:
    """Keep the voltages of lanes that are still live where their results will be."""
    n, width = len(pattern.bus), group.width
    for lane in range(width):
        if group.live[lane] != 0.0:
            for k in range(n):
                out.v_re[group.row[lane] * n + pattern.bus[k]] = group.e[k * width + lane]
                out.v_im[group.row[lane] * n + pattern.bus[k]] = group.f[k * width + lane]
