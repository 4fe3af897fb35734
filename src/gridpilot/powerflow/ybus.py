"""Branch and bus admittances of a network's π-sections.

With the series admittance y = 1 / (r + jx), the end admittances y_f, y_t and the ratio a = tap · exp(j·shift):

    i_from = (y + y_f) / |a|² · v_from  −  y / conj(a) · v_to
    i_to   = −y / a · v_from            +  (y + y_t) · v_to

Source: R. D. Zimmerman, C. E. Murillo-Sánchez, MATPOWER User's Manual, eq. 3.2 (there y_f = y_t = j·b/2).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from gridpilot.jit import bare
from gridpilot.network.network import Network
from gridpilot.powerflow.lanes import load, select, splat, store
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.values import Bools, Floats

Complexes = NDArray[np.complex128]


def _complex(real: Floats, imaginary: Floats) -> Complexes:
    return np.asarray(real + 1j * imaginary, dtype=np.complex128)


class BranchAdmittances(NamedTuple):
    """The four entries each branch has in the bus admittance matrix, complex, in pu `[m]`."""

    ff: Complexes
    ft: Complexes
    tf: Complexes
    tt: Complexes


def branch_admittances(network: Network) -> BranchAdmittances:
    """The entries of every branch as if closed."""
    series = 1.0 / _complex(network.r_pu, network.x_pu)
    ratio = network.tap * np.exp(_complex(0.0 * network.shift_rad, network.shift_rad))
    return BranchAdmittances(
        ff=(series + _complex(network.g_from_pu, network.b_from_pu)) / network.tap**2,
        ft=-series / np.conj(ratio),
        tf=-series / ratio,
        tt=series + _complex(network.g_to_pu, network.b_to_pu),
    )


def bus_shunts(network: Network) -> Complexes:
    """Shunt admittance at every bus in pu `[n]`."""
    each = _complex(network.shunt_g_mw, network.shunt_b_mvar) / network.base_mva
    total = np.zeros(network.n_bus, dtype=np.complex128)
    np.add.at(total, network.shunt_bus, each)
    return total


def bus_admittances(network: Network, closed: Bools) -> csr_array:
    """The bus admittance matrix in pu `[n, n]` with the branches `closed` `[m]` in service."""
    y = branch_admittances(network)
    a, b, k = network.branch_from[closed], network.branch_to[closed], np.arange(network.n_bus)
    rows, columns = np.concatenate([a, a, b, b, k]), np.concatenate([a, b, a, b, k])
    values = np.concatenate([y.ff[closed], y.ft[closed], y.tf[closed], y.tt[closed], bus_shunts(network)])
    return csr_array(coo_array((values, (rows, columns)), shape=(network.n_bus, network.n_bus)))


class Admittances(NamedTuple):
    """What the kernels read of a network, per unit; branches in the network's order, buses by place."""

    branch: Floats
    """Real and imaginary part of ff, ft, tf, tt `[m, 8]`."""
    shunt: Floats
    """Real and imaginary part of bus shunts by place `[n, 2]`."""
    per_rating: Floats
    """1 over the branch's rating `[m]`; 0 without one."""
    tap: Floats
    """The network's ratios `[m]`, which `branch` has in it."""
    per_base: float
    """1 over the base in MVA."""
    dc_branch: Floats
    """The same as `branch`, for the resistors whose currents are the flows of the DC approximation `[m, 8]`."""
    dc_shunt: Floats
    """No shunts `[n, 2]`."""
    dc_shift: Floats
    """Active power that a branch's phase shift drives from its from end to its to end in that approximation `[m]`."""
    no_load: Floats
    """Voltages by place that tap ratios alone make of 1 pu at one bus of each connected part `[n]`."""


def kernel_admittances(network: Network, pattern: Pattern) -> Admittances:
    """The admittances of a network in the order of a pattern."""
    parts = [part for entry in branch_admittances(network) for part in (entry.real, entry.imag)]
    shunts = bus_shunts(network)[pattern.bus]
    # |z| instead of x: positive whatever the branch is, so that the DC start can always be solved for
    dc_b = 1.0 / (np.hypot(network.r_pu, network.x_pu) * network.tap)
    nothing = np.zeros(network.n_branch)
    resistor = np.column_stack([dc_b, nothing, -dc_b, nothing, -dc_b, nothing, dc_b, nothing])
    return Admittances(
        branch=np.ascontiguousarray(np.column_stack(parts)).reshape(network.n_branch, 8),
        shunt=np.ascontiguousarray(np.column_stack([shunts.real, shunts.imag])),
        per_rating=network.base_mva / network.rating_mva,
        tap=network.tap.copy(),
        per_base=1.0 / network.base_mva,
        dc_branch=np.ascontiguousarray(resistor).reshape(network.n_branch, 8),
        dc_shunt=np.zeros((network.n_bus, 2)),
        dc_shift=dc_b * network.shift_rad,
        no_load=no_load_voltages(network)[pattern.bus],
    )


def no_load_voltages(network: Network) -> Floats:
    """The voltage that tap ratios alone give every bus `[n]`: 1 pu at the first bus of each connected part, and from there
    over the fewest closed branches. Where loops have ratios that do not cancel, one of their ways is taken.
    """
    v = np.ones(network.n_bus)
    if (network.tap == 1.0).all():
        return v
    on = network.branch_closed
    a, b, tap = network.branch_from[on], network.branch_to[on], network.tap[on]
    ratio = {(int(i), int(j)): t for i, j, t in (*zip(a, b, 1.0 / tap, strict=True), *zip(b, a, tap, strict=True))}
    graph = csr_array(coo_array((np.ones(len(a)), (a, b)), shape=(network.n_bus, network.n_bus)))
    _, part = connected_components(graph, directed=False)
    for first in np.unique(part, return_index=True)[1].tolist():
        order, before = breadth_first_order(graph, first, directed=False)
        for bus in order[1:].tolist():
            v[bus] = v[before[bus]] * ratio[int(before[bus]), bus]
    return v


@bare
def assemble_common(pattern: Pattern, admittances: Admittances, group: Any) -> None:
    """Write the rows in common, with the branches `on_common` in service.

    Rows are summed anew from their branches, never corrected, so that an open branch leaves no rounding behind; and in
    the same order as own rows, so that it makes no difference which of the two a row is.
    """
    diagonal, row_entry = group.diagonal, group.entry
    for k in range(len(pattern.bus)):
        diagonal[2 * k], diagonal[2 * k + 1] = admittances.shunt[2 * k], admittances.shunt[2 * k + 1]
        for entry in range(2 * pattern.entry_start[k], 2 * pattern.entry_start[k + 1]):
            row_entry[entry] = 0.0
        for x in range(pattern.end_start[k], pattern.end_start[k + 1]):
            m, entry = pattern.end_branch[x], 2 * pattern.end_entry[x]
            on, side = group.on_common[m], pattern.end_side[x]
            here, there = 8 * m + 6 * side, 8 * m + 2 + 2 * side
            diagonal[2 * k] += admittances.branch[here] if on else 0.0
            diagonal[2 * k + 1] += admittances.branch[here + 1] if on else 0.0
            row_entry[entry] += admittances.branch[there] if on else 0.0
            row_entry[entry + 1] += admittances.branch[there + 1] if on else 0.0


@bare
def assemble_own(pattern: Pattern, branch: Any, shunt: Any, k: int, group: Any, adjusted: bool) -> None:
    """Write row `k` of the lanes, in each of which the branches of the mask `on` are in service.

    `adjusted` by the lanes' ratios and banks, or as the network has it.
    """
    width, own = group.width, group.own_entry
    g, b = splat(own, shunt[2 * k]), splat(own, shunt[2 * k + 1])
    if adjusted and group.banked[k]:
        b = b + load(group.bank, k * width)
    for entry in range(2 * pattern.entry_start[k], 2 * pattern.entry_start[k + 1]):
        store(own, entry * width, 0.0)
    for x in range(pattern.end_start[k], pattern.end_start[k + 1]):
        m, w = pattern.end_branch[x], 2 * pattern.end_entry[x] * width
        side, mask = pattern.end_side[x], load(group.on, m * width)
        here, there = 8 * m + 6 * side, 8 * m + 2 + 2 * side
        turns = square = splat(own, 1.0)
        if adjusted and group.tapped[m]:
            turns = load(group.ratio, m * width)
            square = square if side else turns * turns
        g = g + select(mask, square * branch[here], 0.0)
        b = b + select(mask, square * branch[here + 1], 0.0)
        store(own, w, load(own, w) + select(mask, turns * branch[there], 0.0))
        store(own, w + width, load(own, w + width) + select(mask, turns * branch[there + 1], 0.0))
    store(group.own_diagonal, 2 * k * width, g)
    store(group.own_diagonal, (2 * k + 1) * width, b)


@bare
def assemble_row(pattern: Pattern, branch: Any, shunt: Any, k: int, group: Any, adjusted: bool) -> None:
    """Write row `k` of the lanes, in each of which branches end where its switches say; `adjusted` as in `assemble_own`."""
    if len(pattern.movable) > 0 and pattern.movable[pattern.bus[k]]:
        _assemble_movable(pattern, branch, shunt, k, group, adjusted)
    else:
        assemble_own(pattern, branch, shunt, k, group, adjusted)


@bare
def _assemble_movable(pattern: Pattern, branch: Any, shunt: Any, k: int, group: Any, adjusted: bool) -> None:
    """The same sums, in the same order, of what each lane has at the bus: the shunts and branches of all that it is the head of."""
    n, width, bus = len(pattern.bus), group.width, pattern.bus[k]
    for entry in range(2 * pattern.entry_start[k], 2 * pattern.entry_start[k + 1]):
        store(group.own_entry, entry * width, 0.0)
    for lane in range(width):
        g, b = 0.0, 0.0
        for x in range(pattern.kin_start[bus], pattern.kin_start[bus + 1]):
            if group.head[lane * n + pattern.kin[x]] == bus:
                place = pattern.place[pattern.kin[x]]
                g += shunt[2 * place]
                b += shunt[2 * place + 1]
                b += group.bank[place * width + lane] if adjusted else 0.0
        for x in range(pattern.guest_start[bus], pattern.guest_start[bus + 1]):
            m, side = pattern.guest_branch[x], pattern.guest_side[x]
            near, far = moved_end(pattern, group, lane, m, side), moved_end(pattern, group, lane, m, 1 - side)
            if near == bus and group.on[m * width + lane] != 0.0:
                here, there = 8 * m + 6 * side, 8 * m + 2 + 2 * side
                turns = group.ratio[m * width + lane] if adjusted else 1.0
                square = 1.0 if side else turns * turns
                g += square * branch[here]
                b += square * branch[here + 1]
                w = 2 * _entry_of(pattern, k, pattern.place[far]) * width + lane
                group.own_entry[w] += turns * branch[there]
                group.own_entry[w + width] += turns * branch[there + 1]
        group.own_diagonal[2 * k * width + lane] = g
        group.own_diagonal[(2 * k + 1) * width + lane] = b


@bare
def moved_end(pattern: Pattern, group: Any, lane: int, m: int, side: int) -> int:
    """The bus at which a branch ends in a lane, at its from (0) or to (1) side."""
    place = pattern.branch_to[m] if side else pattern.branch_from[m]
    bus: int = group.head[lane * len(pattern.bus) + pattern.bus[place]]
    return bus


@bare
def _entry_of(pattern: Pattern, k: int, column: int) -> int:
    """The admittance entry of row `k` in a column that it has."""
    entry = int(pattern.entry_start[k])
    while pattern.entry_column[entry] != column:
        entry += 1
    return entry


@bare
def diagonal_admittance(group: Any, k: int) -> tuple[Any, Any]:
    """Conductance and susceptance of row `k`'s diagonal."""
    if group.own[k]:
        return load(group.own_diagonal, 2 * k * group.width), load(group.own_diagonal, (2 * k + 1) * group.width)
    return splat(group.own_diagonal, group.diagonal[2 * k]), splat(group.own_diagonal, group.diagonal[2 * k + 1])


@bare
def entry_admittance(group: Any, own: bool, entry: int) -> tuple[Any, Any]:
    """Conductance and susceptance of an off-diagonal entry, of a row that is the lanes' `own` or not."""
    if own:
        return load(group.own_entry, 2 * entry * group.width), load(group.own_entry, (2 * entry + 1) * group.width)
    return splat(group.own_entry, group.entry[2 * entry]), splat(group.own_entry, group.entry[2 * entry + 1])
