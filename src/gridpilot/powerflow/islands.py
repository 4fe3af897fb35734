"""Which buses have a path to a source, per batch element.

Sets of connected buses are merged branch by branch (union-find with path halving: R. E. Tarjan, J. van Leeuwen,
"Worst-case analysis of set union algorithms", J. ACM 31 (1984)). A set without a slack bus is dead: a bus that
only fixes its voltage cannot hold the balance of an island by itself.
"""

from __future__ import annotations

import numpy as np

from gridpilot.jit import inner, kernel
from gridpilot.network.network import Network
from gridpilot.values import OFF, SLACK, Bools, Codes, Ints


@inner
def _root(parent: Ints, bus: int) -> int:
    while parent[bus] != bus:
        parent[bus] = parent[parent[bus]]
        bus = parent[bus]
    return bus


@inner
def energise(branch_from: Ints, branch_to: Ints, closed: Bools, kind: Codes, parent: Ints, energised: Bools) -> bool:
    """Write which buses of one element have a path to a slack bus; says whether every built bus has one.

    `parent` is scratch `[n]`. A bus of kind OFF is not there: it passes nothing on and is not missed.
    """
    for bus in range(kind.shape[0]):
        parent[bus] = bus
        energised[bus] = False
    for m in range(branch_from.shape[0]):
        a, b = branch_from[m], branch_to[m]
        if closed[m] and kind[a] != OFF and kind[b] != OFF:
            parent[_root(parent, a)] = _root(parent, b)
    for bus in range(kind.shape[0]):
        if kind[bus] == SLACK:
            energised[_root(parent, bus)] = True
    whole = True
    for bus in range(kind.shape[0]):
        energised[bus] = energised[_root(parent, bus)]
        whole = whole and (energised[bus] or kind[bus] == OFF)
    return whole


@kernel
def _energise_each(branch_from: Ints, branch_to: Ints, closed: Bools, kind: Codes, energised: Bools) -> None:
    parent = np.empty(kind.shape[1], dtype=np.int64)
    for element in range(kind.shape[0]):
        energise(branch_from, branch_to, closed[element], kind[element], parent, energised[element])


def energised_buses(network: Network, *, closed: Bools, kind: Codes) -> Bools:
    """Whether each bus has a path to a slack bus, `[B, n]`, from `closed` `[B, m]` and `kind` `[B, n]`."""
    found = np.empty(kind.shape, dtype=np.bool_)
    ends = network.branch_from.copy(), network.branch_to.copy()  # writable: one machine code for every caller
    _energise_each(*ends, np.array(closed, dtype=np.bool_), np.array(kind, dtype=np.int8), found)
    return found
