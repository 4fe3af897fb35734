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
from gridpilot.powerflow.branch_flow import follow_heads, write_branches, write_buses, write_energised
from gridpilot.powerflow.common import have_in_common
from gridpilot.powerflow.gather import gather_buses, gather_limits, gather_share, gather_start, gather_state
from gridpilot.powerflow.group import HOPELESS_PU, Group, Inputs, Outputs, Settings
from gridpilot.powerflow.islands import Ends
from gridpilot.powerflow.iteration import KEEP, KNOWN, NEW, Manner, iterate, reject_low
from gridpilot.powerflow.lanes import load, store
from gridpilot.powerflow.limits import ROUNDS, switch_limited
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
    waiting: Ints


def new_queue(rows: Ints) -> Queue:
    """A queue of these elements."""
    late, again, last = np.empty((3, len(rows)), dtype=np.int64)
    return Queue(rows, late, again, last, np.zeros(3, dtype=np.int64))


class Solver(NamedTuple):
    """What the kernels need of a network, whatever is solved on it, and scratch for one thread: frames."""

    pattern: Pattern
    admittances: Admittances
    ends: Ends
    settings: Settings
    group: Group


@bare
def solve_rows(solver: Solver, inputs: Inputs, queue: Queue, first: int, count: int, standing: bool, out: Outputs) -> int:
    """Solve `count` of the batch elements `queue.rows` from the `first` one on, any of them in any order, and write their
    results in the same rows of `out`. Returns for how many the pivots were at fault (see `Outputs.rescued`).

    `standing` says that start and topology are those of the call before on this group. `out.v_re` and `out.v_im` may be
    the arrays that `inputs` starts from.
    """
    group = solver.group
    group.known[0] = group.known[0] and standing
    queue.waiting[_LATE] = queue.waiting[_AGAIN] = queue.waiting[_LAST] = 0
    _pass(solver, inputs, queue.rows, first, count, _FIRST, standing, queue, out)
    _pass(solver, inputs, queue.late, 0, queue.waiting[_LATE], _RESUMED, False, queue, out)
    _pass(solver, inputs, queue.again, 0, queue.waiting[_AGAIN], _COLD, False, queue, out)
    _pass(solver, inputs, queue.last, 0, queue.waiting[_LAST], _FLAT, False, queue, out)
    faults = 0
    for k in range(queue.waiting[_LAST]):
        faults += 1 if out.rescued[queue.last[k]] else 0
    return faults


@bare
def _pass(
    solver: Solver, inputs: Inputs, rows: Ints, begin: int, count: int, mode: int, standing: bool, queue: Queue, out: Outputs
) -> None:
    """Solve some elements group by group, and queue those that go on."""
    pattern, admittances, ends, settings, group = solver
    limited, shared, width = len(inputs.q_min_mvar) > 0, len(inputs.share) > 0, group.width
    # what is put aside is its voltages alone: shares and limits that it has moved would be lost
    patience = 1 if mode == _FIRST and count > width and not limited and not shared else 0
    steps = settings.max_iterations * (_LONGER if mode == _FLAT else 1)
    one_topology = len(inputs.kind) == 1 and len(inputs.closed) == 1 and len(inputs.head) <= 1
    one_topology = one_topology and len(inputs.tap) <= 1 and len(inputs.bank_mvar) <= 1
    in_common = mode == _FIRST and (count > width or standing) and have_in_common(inputs)
    for first in range(0, count, width):
        lanes = min(width, count - first)
        for lane in range(width):
            group.row[lane] = rows[begin + first + min(lane, lanes - 1)]
        if first == 0 or not one_topology:
            set_topology(inputs, pattern, admittances, ends, group)
        _begin(solver, inputs, mode, out)
        keep = in_common and not group.known[0] and _all_warm(group)
        common = KNOWN if in_common and group.known[0] else KEEP if keep else NEW
        iterate(pattern, settings, Manner(steps, patience, mode == _FLAT, shared, common), group)
        group.known[0] = group.known[0] or (keep and _all_moved_soundly(group))
        if limited:
            for turn in range(ROUNDS):
                if not switch_limited(pattern, group, turn):
                    break
                # every round has the iterations of a power flow
                iterate(pattern, settings, Manner((turn + 2) * steps, 0, mode == _FLAT, shared, NEW), group)
            if switch_limited(pattern, group, ROUNDS):
                store(group.live, 0, 0.0)  # roles that do not come to rest are no solution
        reject_low(pattern, group)
        for lane in range(lanes):
            _judge(mode, lane, settings.base_mva, group, queue, out)
        follow_heads(pattern, group)
        write_branches(pattern, admittances, settings.base_mva, settings.by_current != 0, group, out)
        write_buses(pattern, admittances, settings.base_mva, inputs, group, out)
        write_energised(ends.n, group, out)
        _put_aside(pattern, group, out)
        if limited:
            reset_roles(group)


@bare
def _all_warm(group: Group) -> bool:
    """Whether every lane stands at the voltages that it was given."""
    warm = True
    for lane in range(group.width):
        warm = warm and group.finite[lane] != 0.0 and group.cold[lane] == 0.0
    return warm


@bare
def _all_moved_soundly(group: Group) -> bool:
    """Whether every lane has taken a step, and none met a singular pivot."""
    moved = True
    for lane in range(group.width):
        moved = moved and group.steps[lane] > 0 and group.singular[lane] == 0.0
    return moved


@bare
def _begin(solver: Solver, inputs: Inputs, mode: int, out: Outputs) -> None:
    """Fill the group: injections and start."""
    pattern, admittances, _, settings, group = solver
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
        queue.late[queue.waiting[_LATE]] = row
        queue.waiting[_LATE] += 1
    else:
        failed = True
        status = _LOW if low or (mode > _RESUMED and out.status[row] == _LOW) else _DIVERGED
        if mode != _FLAT and group.cold[lane] != 0.0:
            queue.last[queue.waiting[_LAST]] = row
            queue.waiting[_LAST] += 1
        elif mode != _FLAT:
            queue.again[queue.waiting[_AGAIN]] = row
            queue.waiting[_AGAIN] += 1
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
