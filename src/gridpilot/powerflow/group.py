"""A group: `WIDTH` batch elements side by side, gathered from row-major inputs into lanes.

The last group of a batch is filled up with copies of the last element, whose results are dropped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridpilot.jit import inner
from gridpilot.powerflow.factor import BLOCK, PAIR
from gridpilot.powerflow.islands import energise
from gridpilot.powerflow.lanes import WIDTH, below, fma, gather, load, select, splat, store
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.powerflow.ybus import Admittances, LaneAdmittances, assemble
from gridpilot.values import OFF, PV, SLACK, Bools, Codes, Floats, Ints, Status

HOPELESS_PU = 1e6
"""Mismatch beyond which an element is given up; also the largest that is reported."""
LOWEST_VOLTAGE_PU = 0.5
"""A solution with a bus below is no operating point, but a lower root of the equations or a collapse."""
_LEAST_SQUARE, _LARGEST_SQUARE = 0.1**2, 10.0**2
"""Start voltages outside are none: a bus that was not energised has 0."""
_OK, _ISLANDED, _NON_FINITE = int(Status.OK), int(Status.ISLANDED), int(Status.NON_FINITE)


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
    built: Floats
    holds: Floats
    alive: Floats
    pv: Floats
    fixed: Floats
    """Masks: not OFF; has a setpoint to read; energised; energised PV; its voltage is given (slack or dead)."""
    all_pq: Bools
    """Whether the bus is an energised PQ bus in all four lanes `[n]`."""
    on: Floats
    """Mask of the branches in service with both ends energised `[m * WIDTH]`."""
    y: LaneAdmittances
    blocks: Floats
    rhs: Floats
    parent: Ints
    whole: Bools
    alike: Ints
    """Of the island search: scratch `[n]`; whether the last element has no dead bus `[1]`; how many elements before it
    have its topology `[1]`."""
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
    by_bus = np.empty((12, n * WIDTH))
    by_lane = np.empty((6, WIDTH))
    return Group(
        by_bus[0], by_bus[1], by_bus[2], by_bus[3], by_bus[4], by_bus[5], by_bus[6], by_bus[7], by_bus[8], by_bus[9],
        by_bus[10], by_bus[11],
        np.empty(n, dtype=np.bool_),
        np.zeros(m * WIDTH),
        LaneAdmittances(np.empty(n * WIDTH), np.empty(n * WIDTH), np.empty(entries * WIDTH), np.empty(entries * WIDTH)),
        np.empty((n + 2 * pairs) * BLOCK),
        np.empty(n * PAIR),
        np.empty(n, dtype=np.int64),
        np.empty(1, dtype=np.bool_),
        np.zeros(1, dtype=np.int64),
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
    different = 0
    for m in range(inputs.closed.shape[1]):
        different += inputs.closed[a, m] != inputs.closed[b, m]
    for bus in range(inputs.kind.shape[1]):
        different += inputs.kind[a, bus] != inputs.kind[b, bus]
    return different == 0


@inner
def _find_islands(inputs: Inputs, ends: tuple[Ints, Ints], first: int, group: Group, out: Outputs) -> bool:
    """Write `energised` and status of the group's rows; says whether this group and the one before have one topology."""
    for lane in range(WIDTH):
        row = first + lane
        b = element(inputs, row)
        if row > 0 and _same_topology(inputs, b, element(inputs, row - 1)):
            for bus in range(out.energised.shape[1]):
                out.energised[row, bus] = out.energised[row - 1, bus]
            group.alike[0] += 1
        else:
            group.whole[0] = energise(ends[0], ends[1], inputs.closed[b], inputs.kind[b], group.parent, out.energised[row])
            group.alike[0] = 0
        out.status[row] = _OK if group.whole[0] else _ISLANDED
    return bool(group.alike[0] >= 2 * WIDTH - 1)


@inner
def _mask_buses(inputs: Inputs, pattern: Pattern, first: int, group: Group, out: Outputs) -> None:
    """Masks of every place, from the kinds and islands of four elements."""
    for k in range(pattern.bus.shape[0]):
        bus = pattern.bus[k]
        all_pq = True
        for lane in range(WIDTH):
            i = k * WIDTH + lane
            alive, kind = out.energised[first + lane, bus], inputs.kind[element(inputs, first + lane), bus]
            pv, fixed = alive and kind == PV, not alive or kind == SLACK
            all_pq = all_pq and not pv and not fixed
            group.built[i] = 1.0 if kind != OFF else 0.0
            group.holds[i] = 1.0 if kind in (PV, SLACK) else 0.0
            group.alive[i] = 1.0 if alive else 0.0
            group.pv[i] = 1.0 if pv else 0.0
            group.fixed[i] = 1.0 if fixed else 0.0
        group.all_pq[k] = all_pq


@inner
def _mask_branches(inputs: Inputs, ends: tuple[Ints, Ints], first: int, group: Group, out: Outputs) -> bool:
    """Mask of the branches in service; says whether it differs from the one before."""
    changed = first == 0
    for lane in range(WIDTH):
        row = first + lane
        b = element(inputs, row)
        for m in range(ends[0].shape[0]):
            on = inputs.closed[b, m] and out.energised[row, ends[0][m]] and out.energised[row, ends[1][m]]
            mask = 1.0 if on else 0.0
            changed = changed or group.on[m * WIDTH + lane] != mask
            group.on[m * WIDTH + lane] = mask
    return changed


@inner
def _gather_buses(inputs: Inputs, pattern: Pattern, base_mva: float, first: int, group: Group) -> None:
    """Injections, setpoints and start of four elements, and which of them have numbers only (`finite`)."""
    n, zero, one, base = pattern.bus.shape[0], splat(0.0), splat(1.0), splat(base_mva)
    r0, r1 = n * element(inputs, first), n * element(inputs, first + 1)
    r2, r3 = n * element(inputs, first + 2), n * element(inputs, first + 3)
    broken = zero  # NaN from the first NaN or infinity on
    for k in range(n):
        i, bus = k * WIDTH, pattern.bus[k]
        alive, built = load(group.alive, i), load(group.built, i)
        p = gather(inputs.p_mw, r0 + bus, r1 + bus, r2 + bus, r3 + bus)
        q = gather(inputs.q_mvar, r0 + bus, r1 + bus, r2 + bus, r3 + bus)
        v = select(load(group.holds, i), gather(inputs.v_set_pu, r0 + bus, r1 + bus, r2 + bus, r3 + bus), one)
        broken = fma(zero, select(built, p, zero), fma(zero, select(built, q, zero), fma(zero, v, broken)))
        v = select(alive, v, zero)
        store(group.p, i, select(alive, p / base, zero))
        store(group.q, i, select(alive, q / base, zero))
        store(group.v_set, i, v)
        store(group.e, i, v)
        store(group.f, i, zero)
    store(group.finite, 0, below(broken, one))
    for lane in range(WIDTH):
        if group.finite[lane] == 0.0:
            for i in range(lane, n * WIDTH, WIDTH):
                group.p[i] = group.q[i] = group.f[i] = 0.0
                group.e[i] = group.v_set[i] = group.alive[i]


@inner
def _gather_start(inputs: Inputs, pattern: Pattern, first: int, group: Group) -> None:
    """Begin from the earlier voltages, where an element was solved and a bus energised."""
    n = pattern.bus.shape[0]
    r0, r1 = n * element(inputs, first), n * element(inputs, first + 1)
    r2, r3 = n * element(inputs, first + 2), n * element(inputs, first + 3)
    for lane in range(WIDTH):
        status = inputs.start_status[element(inputs, first + lane)]
        solved = group.finite[lane] != 0.0 and status in (_OK, _ISLANDED)
        group.cold[lane] = 0.0 if solved else 1.0
    warm = splat(1.0) - load(group.cold, 0)
    for k in range(n):
        i, bus = k * WIDTH, pattern.bus[k]
        e = gather(inputs.start_re, r0 + bus, r1 + bus, r2 + bus, r3 + bus)
        f = gather(inputs.start_im, r0 + bus, r1 + bus, r2 + bus, r3 + bus)
        square = fma(e, e, f * f)
        plausible = below(splat(_LEAST_SQUARE), square) * below(square, splat(_LARGEST_SQUARE))
        use = warm * plausible * (splat(1.0) - load(group.fixed, i))
        store(group.e, i, select(use, e, load(group.e, i)))
        store(group.f, i, select(use, f, load(group.f, i)))


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
    """Fill the group whose first element has output row `first`: islands, admittances, injections and start.

    What depends on the topology is kept from the group before where no lane's topology differs.
    """
    if not _find_islands(inputs, ends, first, group, out):
        _mask_buses(inputs, pattern, first, group, out)
        if _mask_branches(inputs, ends, first, group, out):
            assemble(pattern, admittances, group.on, group.y)
    _gather_buses(inputs, pattern, base_mva, first, group)
    if inputs.warm:
        _gather_start(inputs, pattern, first, group)
    else:
        store(group.cold, 0, splat(1.0))
    for lane in range(WIDTH):
        if group.finite[lane] == 0.0:
            out.status[first + lane] = _NON_FINITE
        group.live[lane] = group.finite[lane]
        group.solved[lane] = 0.0
        group.residual[lane] = HOPELESS_PU
        group.steps[lane] = 0
