"""A group: `WIDTH` batch elements side by side, gathered from row-major inputs into lanes.

The last group of a batch is filled up with copies of the last element, whose results are dropped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridpilot.jit import inner
from gridpilot.powerflow.factor import BLOCK, PAIR
from gridpilot.powerflow.islands import energise
from gridpilot.powerflow.lanes import WIDTH
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.powerflow.ybus import Admittances, LaneAdmittances, assemble
from gridpilot.values import OFF, PQ, PV, SLACK, Bools, Codes, Floats, Ints, Status

HOPELESS_PU = 1e6
"""Mismatch beyond which an element is given up; also the largest that is reported."""
LOWEST_VOLTAGE_PU = 0.5
"""A solution with a bus below is no operating point, but a lower root of the equations or a collapse."""
_OK, _ISLANDED, _NON_FINITE = int(Status.OK), int(Status.ISLANDED), int(Status.NON_FINITE)

ALL_PQ, ALL_PV, ALL_FIXED, MIXED = 0, 1, 2, 3
"""What the four lanes of a place have in common: a kind, or nothing."""


class Inputs(NamedTuple):
    """The arguments of `PowerFlow.solve`, row-major `[B, …]`; the `start_…` are read where `warm`."""

    p_mw: Floats
    q_mvar: Floats
    kind: Codes
    v_set_pu: Floats
    closed: Bools
    warm: bool
    start_re: Floats
    start_im: Floats
    start_energised: Bools
    start_status: Codes


class Outputs(NamedTuple):
    """The fields of `Flow`, row-major, with rows for a whole number of groups."""

    v_re: Floats
    v_im: Floats
    v: Floats
    p_from: Floats
    q_from: Floats
    p_to: Floats
    q_to: Floats
    loading: Floats
    p_bus: Floats
    q_bus: Floats
    losses: Floats
    energised: Bools
    status: Codes
    residual: Floats
    iterations: Ints


class Group(NamedTuple):
    """Scratch of one group, in lanes by place: `[n * WIDTH]` where nothing else is said."""

    p: Floats
    q: Floats
    """Injection in pu."""
    v_set: Floats
    """Magnitude to hold; 1 at PQ, 0 at dead buses. Also the magnitude of a flat start."""
    e: Floats
    f: Floats
    """Voltage in rectangular coordinates."""
    e_start: Floats
    f_start: Floats
    alive: Floats
    pv: Floats
    fixed: Floats
    """Masks: energised; holds its magnitude; its voltage is given (slack or dead)."""
    mode: Ints
    """`ALL_PQ` … `MIXED` `[n]`."""
    on: Floats
    """Mask of the branches in service with both ends energised `[m * WIDTH]`."""
    y: LaneAdmittances
    blocks: Floats
    rhs: Floats
    parent: Ints
    """Scratch of the island search `[n]`."""
    finite: Floats
    live: Floats
    solved: Floats
    cold: Floats
    """Masks of the lanes `[WIDTH]`: every input is a number; still iterating; converged to a voltage that a grid
    survives; starts without an earlier solution."""
    residual: Floats
    lane: Floats
    """Largest mismatch in pu; scratch to read a register lane by lane `[WIDTH]`."""
    steps: Ints
    verdict: Ints
    """Newton steps; `Status` of the lanes that are finite and not solved `[WIDTH]`."""


@inner
def new_group(pattern: Pattern, admittances: Admittances) -> Group:
    """Scratch for one group of a network."""
    n, m = pattern.bus.shape[0], admittances.rating.shape[0]
    entries, pairs = pattern.entry_column.shape[0], pattern.column.shape[0]
    by_bus = np.empty((10, n * WIDTH))
    by_lane = np.empty((6, WIDTH))
    return Group(
        by_bus[0], by_bus[1], by_bus[2], by_bus[3], by_bus[4], by_bus[5], by_bus[6], by_bus[7], by_bus[8], by_bus[9],
        np.empty(n, dtype=np.int64),
        np.zeros(m * WIDTH),
        LaneAdmittances(np.empty(n * WIDTH), np.empty(n * WIDTH), np.empty(entries * WIDTH), np.empty(entries * WIDTH)),
        np.empty((n + 2 * pairs) * BLOCK),
        np.empty(n * PAIR),
        np.empty(n, dtype=np.int64),
        by_lane[0], by_lane[1], by_lane[2], by_lane[3], by_lane[4], by_lane[5],
        np.empty(WIDTH, dtype=np.int64),
        np.empty(WIDTH, dtype=np.int64),
    )  # fmt: skip


@inner
def element(inputs: Inputs, row: int) -> int:
    """The batch element in an output row: the rows beyond the batch repeat the last one."""
    return row if row < len(inputs.p_mw) else len(inputs.p_mw) - 1


@inner
def _same_topology(inputs: Inputs, a: int, b: int) -> bool:
    same = True
    for m in range(inputs.closed.shape[1]):
        same = same and inputs.closed[a, m] == inputs.closed[b, m]
    for bus in range(inputs.kind.shape[1]):
        same = same and inputs.kind[a, bus] == inputs.kind[b, bus]
    return same


@inner
def _find_islands(inputs: Inputs, ends: tuple[Ints, Ints], row: int, parent: Ints, out: Outputs) -> None:
    b = element(inputs, row)
    if row > 0 and _same_topology(inputs, b, element(inputs, row - 1)):
        for bus in range(out.energised.shape[1]):
            out.energised[row, bus] = out.energised[row - 1, bus]
        # the row before may have been given another status for its numbers
        whole = True
        for bus in range(out.energised.shape[1]):
            whole = whole and (out.energised[row, bus] or inputs.kind[b, bus] == OFF)
    else:
        whole = energise(ends[0], ends[1], inputs.closed[b], inputs.kind[b], parent, out.energised[row])
    out.status[row] = _OK if whole else _ISLANDED


@inner
def _is_finite(inputs: Inputs, b: int) -> bool:
    broken = 0.0  # becomes NaN by the first NaN or infinity
    for bus in range(inputs.kind.shape[1]):
        kind = inputs.kind[b, bus]
        if kind != OFF:
            broken += 0.0 * inputs.p_mw[b, bus] + 0.0 * inputs.q_mvar[b, bus]
            if kind != PQ:
                broken += 0.0 * inputs.v_set_pu[b, bus]
    return broken == 0.0


@inner
def _gather_buses(inputs: Inputs, pattern: Pattern, base_mva: float, row: int, lane: int, group: Group, out: Outputs) -> None:
    b = element(inputs, row)
    finite = _is_finite(inputs, b)
    if not finite:
        out.status[row] = _NON_FINITE
    warm = inputs.warm and finite and (inputs.start_status[b] == _OK or inputs.start_status[b] == _ISLANDED)
    for k in range(pattern.bus.shape[0]):
        bus, i = pattern.bus[k], k * WIDTH + lane
        alive, kind = out.energised[row, bus], inputs.kind[b, bus]
        group.alive[i] = 1.0 if alive else 0.0
        group.pv[i] = 1.0 if alive and kind == PV else 0.0
        group.fixed[i] = 1.0 if not alive or kind == SLACK else 0.0
        group.p[i] = inputs.p_mw[b, bus] / base_mva if alive and finite else 0.0
        group.q[i] = inputs.q_mvar[b, bus] / base_mva if alive and finite else 0.0
        v = inputs.v_set_pu[b, bus] if finite and kind != PQ else 1.0
        group.v_set[i] = v if alive else 0.0
        group.e[i] = group.v_set[i]
        group.f[i] = 0.0
        if warm and alive and kind != SLACK and inputs.start_energised[b, bus]:
            re, im = inputs.start_re[b, bus], inputs.start_im[b, bus]
            if np.isfinite(re) and np.isfinite(im):
                group.e[i] = re
                group.f[i] = im
    group.cold[lane] = 0.0 if warm else 1.0
    group.finite[lane] = group.live[lane] = 1.0 if finite else 0.0


@inner
def _gather_branches(inputs: Inputs, ends: tuple[Ints, Ints], row: int, lane: int, group: Group, out: Outputs) -> bool:
    b = element(inputs, row)
    changed = False
    for m in range(ends[0].shape[0]):
        on = inputs.closed[b, m] and out.energised[row, ends[0][m]] and out.energised[row, ends[1][m]]
        mask = 1.0 if on else 0.0
        changed = changed or group.on[m * WIDTH + lane] != mask
        group.on[m * WIDTH + lane] = mask
    return changed


@inner
def _find_modes(group: Group) -> None:
    for k in range(group.mode.shape[0]):
        fixed = pv = 0.0
        for lane in range(WIDTH):
            fixed += group.fixed[k * WIDTH + lane]
            pv += group.pv[k * WIDTH + lane]
        if fixed + pv == 0.0:
            group.mode[k] = ALL_PQ
        elif pv == WIDTH:
            group.mode[k] = ALL_PV
        elif fixed == WIDTH:
            group.mode[k] = ALL_FIXED
        else:
            group.mode[k] = MIXED


@inner
def fill_group(
    inputs: Inputs,
    pattern: Pattern,
    admittances: Admittances,
    ends: tuple[Ints, Ints],
    base_mva: float,
    first: int,
    group: Group,
    out: Outputs,
) -> None:
    """Fill the group whose first element has output row `first`: islands, injections, start and admittances.

    The admittances of the group before are kept where no lane's branches in service differ from it.
    """
    changed = first == 0
    for lane in range(WIDTH):
        row = first + lane
        _find_islands(inputs, ends, row, group.parent, out)
        _gather_buses(inputs, pattern, base_mva, row, lane, group, out)
        changed = _gather_branches(inputs, ends, row, lane, group, out) or changed
        group.solved[lane] = 0.0
        group.residual[lane] = HOPELESS_PU
        group.steps[lane] = 0
    _find_modes(group)
    if changed:
        assemble(pattern, admittances, group.on, group.y)
