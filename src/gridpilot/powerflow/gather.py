"""From row-major inputs into the lanes of a group: injections, setpoints, limits and the start."""

from __future__ import annotations

from typing import Any

from gridpilot.jit import bare
from gridpilot.powerflow.group import HOPELESS_PU, Group, Inputs
from gridpilot.powerflow.lanes import absolute, beginnings, below, fma, gather, largest, load, select, splat, store
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.values import Floats, Status

_LEAST_SQUARE, _LARGEST_SQUARE = 0.1**2, 10.0**2
"""Start voltages outside are none: a bus that was not energised has 0."""
_OK, _ISLANDED = int(Status.OK), int(Status.ISLANDED)


@bare
def rows_of(values: Floats, n: int, group: Group) -> Any:
    """Where the rows of a group's elements begin in an array with n columns, of which all elements may share the only row."""
    return beginnings(group.row, n if len(values) > 1 else 0)


@bare
def gather_buses(inputs: Inputs, pattern: Pattern, base_mva: float, group: Group) -> None:
    """Injections, setpoints and a flat start of the group's elements, and which of them have numbers only (`finite`).

    A setpoint so large that its square may be infinite counts as none.
    """
    n, width, per_base = len(pattern.bus), group.width, 1.0 / base_mva
    at_p, at_q, at_v = rows_of(inputs.p_mw, n, group), rows_of(inputs.q_mvar, n, group), rows_of(inputs.v_set_pu, n, group)
    broken = splat(group.p, 0.0)  # 1 or more, or NaN, from the first number on that is none
    for k in range(n):
        i, bus = k * width, pattern.bus[k]
        alive, built = load(group.alive, i), load(group.built, i)
        p, q = gather(inputs.p_mw, at_p, bus), gather(inputs.q_mvar, at_q, bus)
        v = select(load(group.holds, i), gather(inputs.v_set_pu, at_v, bus), 1.0)
        broken = largest(broken, absolute(v) * (1.0 / HOPELESS_PU))
        broken = fma(0.0, select(built, p, 0.0), fma(0.0, select(built, q, 0.0), broken))
        v = select(alive, v, 0.0)
        store(group.p, i, select(alive, p * per_base, 0.0))
        store(group.q, i, select(alive, q * per_base, 0.0))
        store(group.v_set, i, v)
        store(group.e, i, v)
        store(group.f, i, 0.0)
    store(group.finite, 0, below(broken, 1.0))
    for lane in range(width):
        if group.finite[lane] == 0.0:
            for i in range(lane, n * width, width):
                group.p[i] = group.q[i] = group.f[i] = 0.0
                group.e[i] = group.v_set[i] = group.alive[i]


@bare
def gather_limits(inputs: Inputs, pattern: Pattern, base_mva: float, group: Group) -> None:
    """Reactive limits of the group's elements in pu; an element with NaN for one is not `finite`."""
    n, per_base, finite = len(pattern.bus), 1.0 / base_mva, load(group.finite, 0)
    rows_low, rows_high = rows_of(inputs.q_min_mvar, n, group), rows_of(inputs.q_max_mvar, n, group)
    for k in range(n):
        i = k * group.width
        low, high = gather(inputs.q_min_mvar, rows_low, pattern.bus[k]), gather(inputs.q_max_mvar, rows_high, pattern.bus[k])
        # infinities are no limits: only NaN is neither below 1 nor above 0
        told = largest(below(low, 1.0), below(0.0, low)) * largest(below(high, 1.0), below(0.0, high))
        finite = finite * select(load(group.regulates, i), told, 1.0)
        store(group.q_min, i, low * per_base)
        store(group.q_max, i, high * per_base)
    store(group.finite, 0, finite)


@bare
def gather_share(inputs: Inputs, pattern: Pattern, group: Group) -> None:
    """Shares in the balance, of which the dead have none; an island without any is balanced by the bus that holds it.

    An element with a share that is no number is not `finite`.
    """
    n, width, broken = len(pattern.bus), group.width, splat(group.share, 0.0)
    rows = rows_of(inputs.share, n, group)
    for k in range(n):
        share = gather(inputs.share, rows, pattern.bus[k])
        broken = fma(0.0, select(load(group.built, k * width), share, 0.0), broken)
        store(group.share, k * width, select(load(group.alive, k * width), share, 0.0))
    store(group.finite, 0, load(group.finite, 0) * below(broken, 1.0))
    for lane in range(width):
        at = lane * n
        for bus in range(n):
            group.surplus[at + bus] = 0.0
        for k in range(n):
            group.surplus[at + group.island[at + pattern.bus[k]]] += group.share[k * width + lane]
        for k in range(n):
            island = group.island[at + pattern.bus[k]]
            if group.surplus[at + island] == 0.0 and group.holder[at + island] == pattern.bus[k]:
                group.share[k * width + lane] = 1.0


@bare
def gather_start(inputs: Inputs, pattern: Pattern, group: Group) -> None:
    """Begin from the earlier voltages, where an element was solved and a bus energised; the other lanes are `cold`."""
    n = len(pattern.bus)
    for lane in range(group.width):
        status = inputs.start_status[group.row[lane] if len(inputs.start_status) > 1 else 0]
        solved = group.finite[lane] != 0.0 and (status == _OK or status == _ISLANDED)
        group.cold[lane] = 0.0 if solved else 1.0
    warm = 1.0 - load(group.cold, 0)
    rows, one = beginnings(group.row, n), len(inputs.start_re) == 1
    for k in range(n):
        i, bus = k * group.width, pattern.bus[k]
        if one:
            e, f = splat(group.e, inputs.start_re[bus]), splat(group.f, inputs.start_im[bus])
        else:
            e, f = gather(inputs.start_re, rows, bus), gather(inputs.start_im, rows, bus)
        square = fma(e, e, f * f)
        plausible = below(_LEAST_SQUARE, square) * below(square, _LARGEST_SQUARE)
        use = warm * plausible * (1.0 - load(group.fixed, i))
        store(group.e, i, select(use, e, load(group.e, i)))
        store(group.f, i, select(use, f, load(group.f, i)))


@bare
def gather_state(pattern: Pattern, v_re: Floats, v_im: Floats, group: Group) -> None:
    """Go on from where the group's elements stood."""
    rows = beginnings(group.row, len(pattern.bus))
    for k in range(len(pattern.bus)):
        store(group.e, k * group.width, gather(v_re, rows, pattern.bus[k]))
        store(group.f, k * group.width, gather(v_im, rows, pattern.bus[k]))
