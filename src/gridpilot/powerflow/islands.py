"""Which buses have a path to a source, and what each bus is to the equations, per batch element.

Sets of connected buses are merged branch by branch (union-find with path halving: R. E. Tarjan, J. van Leeuwen,
"Worst-case analysis of set union algorithms", J. ACM 31 (1984)). A set with a slack bus is held by it; one without
is held by its first grid-forming bus; one that has neither is dead: a bus that only fixes its voltage cannot hold the
balance of an island by itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gridpilot.frame import frame_of
from gridpilot.jit import bare, kernel
from gridpilot.network.network import Network
from gridpilot.values import FORMING, OFF, PV, SLACK, Bools, Codes, Ints

_NONE = -1


class Ends(NamedTuple):
    """Buses at either end of the branches `[m]`, and the number of buses."""

    branch_from: Ints
    branch_to: Ints
    n: int


class Found(NamedTuple):
    """Topologies, one to a row, and what `find_islands` writes: `[B, n]`, `closed` `[B, m]`."""

    kind: Codes
    closed: Bools
    role: Codes
    island: Ints
    holder: Ints


@bare
def _root(parent: Any, at: int, bus: int) -> int:
    while parent[at + bus] != bus:
        parent[at + bus] = parent[at + parent[at + bus]]
        bus = parent[at + bus]
    return bus


@bare
def find_islands(ends: Ends, found: Any, lane: int, shared: bool) -> bool:
    """Write what every bus of one element is to the equations into `role`; says whether every built bus has a source.

    The role is PQ, PV, SLACK (its voltage is given), or OFF where it is not built or has no source. A grid-forming bus is
    SLACK where it holds its island and PV elsewhere. With a `shared` slack, slack buses but the first of an island are PV.
    `island` and `holder` are left as the island of every bus, named by one of its buses, and the bus that holds each.
    `found` is a frame with the fields of `Found`, of which the element is row `lane`.
    """
    n, m_all = ends.n, len(ends.branch_from)
    at, kind, parent, holder, role = lane * n, found.kind, found.island, found.holder, found.role
    for bus in range(n):
        parent[at + bus] = bus
        holder[at + bus] = _NONE
    for m in range(m_all):
        a, b = ends.branch_from[m], ends.branch_to[m]
        if found.closed[lane * m_all + m] and kind[at + a] != OFF and kind[at + b] != OFF:
            parent[at + _root(parent, at, a)] = _root(parent, at, b)
    for bus in range(n):
        parent[at + bus] = _root(parent, at, bus)
    for sought in (SLACK, FORMING):
        for bus in range(n):
            if kind[at + bus] == sought and holder[at + parent[at + bus]] == _NONE:
                holder[at + parent[at + bus]] = bus
    whole = True
    for bus in range(n):
        mine, first = kind[at + bus], holder[at + parent[at + bus]]
        if mine == OFF or first == _NONE:
            role[at + bus] = OFF
            whole = whole and mine == OFF
        elif bus == first or (mine == SLACK and not shared):
            role[at + bus] = SLACK
        else:
            role[at + bus] = PV if mine == SLACK or mine == FORMING else mine
    return whole


_ends_of = frame_of(Ends)
_found_of = frame_of(Found)


@kernel
def _find_each(ends: Ends, found: Found) -> None:
    for element in range(len(found.role)):
        find_islands(_ends_of(ends), _found_of(found), element, False)


def roles(network: Network, *, closed: Bools, kind: Codes) -> Codes:
    """What every bus is to the equations, `[B, n]`, from `closed` `[B, m]` and `kind` `[B, n]`: PQ, PV, SLACK or OFF."""
    shape = kind.shape
    # copies: writable, and one machine code for every caller
    ends = Ends(network.branch_from.copy(), network.branch_to.copy(), network.n_bus)
    found = Found(
        np.array(kind, dtype=np.int8),
        np.array(closed, dtype=np.bool_),
        np.empty(shape, dtype=np.int8),
        np.empty(shape, dtype=np.int64),
        np.empty(shape, dtype=np.int64),
    )
    _find_each(ends, found)
    return found.role


def energised_buses(network: Network, *, closed: Bools, kind: Codes) -> Bools:
    """Whether each bus has a path to a source, `[B, n]`, from `closed` `[B, m]` and `kind` `[B, n]`."""
    energised: Bools = roles(network, closed=closed, kind=kind) != OFF
    return energised
