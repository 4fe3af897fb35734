"""Starts for elements without a solution to begin from. The first: nominal magnitudes at the angles of a DC power flow.

    P_i = Σ_j b_ij (θ_i − θ_j − shift_ij),   b = 1 / (|z| · tap)

These are the currents of a network of resistors in which angles are the voltages, so that the angles are one Newton step
of that network: the same factorisation finds them. Angles become unit vectors without trigonometry, by the Cayley map
((1 + jt) / (1 − jt)) with t = θ / 16, squared three times.

The second, for what the first did not lead to: angles of 0 at the magnitudes that tap ratios make of the slack's. Between two
buses that a regulator of next to no impedance joins, equal magnitudes are a current of hundreds of times the rated one,
from which no Newton step finds back; the ratio of its tap is none.
"""

from __future__ import annotations

from typing import Any

from gridpilot.jit import bare
from gridpilot.powerflow.factor import eliminate, substitute
from gridpilot.powerflow.group import Group
from gridpilot.powerflow.iteration import linearise
from gridpilot.powerflow.lanes import absolute, below, fma, fnma, load, select, splat, store
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.powerflow.topology import own_rows
from gridpilot.powerflow.ybus import Admittances, assemble_row, moved_end

_LARGEST_ANGLE_RAD = 100.0
"""Beyond it the angles say nothing and the start is flat."""


@bare
def _write_system(pattern: Pattern, admittances: Admittances, group: Group) -> None:
    """The network of resistors at 1 V, in which no bus regulates, and the power into its buses."""
    width = group.width
    for k in range(len(pattern.bus)):
        assemble_row(pattern, admittances.dc_branch, admittances.dc_shunt, k, group, False)  # a start, at the network's own ratios
        group.own[k] = True
        store(group.e, k * width, 1.0)
        store(group.f, k * width, 0.0)
        store(group.pv, k * width, 0.0)
    linearise(pattern, group, True)
    for k in range(len(pattern.bus)):
        i = k * width
        power = load(group.p, i)
        if len(pattern.movable) > 0 and pattern.movable[pattern.bus[k]]:
            power = power + _movable_shift(pattern, admittances, k, group)
        else:
            for x in range(pattern.end_start[k], pattern.end_start[k + 1]):
                m = pattern.end_branch[x]
                shift = -admittances.dc_shift[m] if pattern.end_side[x] else admittances.dc_shift[m]
                power = fma(load(group.on, m * width), shift, power)
        store(group.rhs, 2 * i, select(load(group.fixed, i), 0.0, power))
        store(group.rhs, 2 * i + width, 0.0)


@bare
def _movable_shift(pattern: Pattern, admittances: Admittances, k: int, group: Group) -> Any:
    """Power that phase shifts drive into a bus whose branches depend on switches."""
    for lane in range(group.width):
        power = 0.0
        for x in range(pattern.guest_start[pattern.bus[k]], pattern.guest_start[pattern.bus[k] + 1]):
            m, side = pattern.guest_branch[x], pattern.guest_side[x]
            if moved_end(pattern, group, lane, m, side) == pattern.bus[k] and group.on[m * group.width + lane] != 0.0:
                power += -admittances.dc_shift[m] if side else admittances.dc_shift[m]
        group.lane[lane] = power
    return load(group.lane, 0)


@bare
def _slack_no_load(admittances: Admittances, group: Group, n: int) -> Any:
    """What `no_load` says of the last slack bus of each lane."""
    found = splat(group.rhs, 1.0)
    for k in range(n):
        i = k * group.width
        found = select(load(group.fixed, i) * load(group.alive, i), admittances.no_load[k], found)
    return found


@bare
def start_cold(pattern: Pattern, admittances: Admittances, group: Group, flat: bool) -> None:
    """Write the start of the lanes in the mask `cold`: at angles of 0 and no-load magnitudes where it shall be `flat`."""
    cold, width = load(group.cold, 0), group.width
    reference = _slack_no_load(admittances, group, len(pattern.bus)) if flat else splat(group.rhs, 1.0)
    for k in range(len(pattern.bus)):
        store(group.e_kept, k * width, load(group.e, k * width))
        store(group.f_kept, k * width, load(group.f, k * width))
    if not flat:
        _write_system(pattern, admittances, group)
        eliminate(pattern, group, False, False)
        substitute(pattern, group.blocks, group.rhs, width)
        own_rows(pattern, admittances, group)
    for k in range(len(pattern.bus)):
        i = k * width
        theta = splat(group.rhs, 0.0) if flat else load(group.rhs, 2 * i)
        t = select(below(absolute(theta), _LARGEST_ANGLE_RAD), theta, 0.0) * (1.0 / 16.0)
        scale = 1.0 / fma(t, t, 1.0)
        c, s = fnma(t, t, 1.0) * scale, (t + t) * scale
        for _ in range(3):
            c, s = fnma(s, s, c * c), (c + c) * s
        v = load(group.v_set, i)
        if flat:
            v = select(load(group.holds, i), v, v * (admittances.no_load[k] / reference))
        store(group.e, i, select(cold, v * c, load(group.e_kept, i)))
        store(group.f, i, select(cold, v * s, load(group.f_kept, i)))
        store(group.pv, i, load(group.regulates, i))
