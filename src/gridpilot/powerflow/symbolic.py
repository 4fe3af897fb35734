"""What a power flow's sparse factorisation costs is decided once, on the pattern: ordering, fill, schedule.

The Jacobian has one 2x2 block per bus and per pair of buses that a branch joins. All buses and all branches are
in the pattern, whatever their kind and position, so that a batch element may open or close any branch, or move
the slack, without new symbolic work. Where switches may move branches to other buses, those pairs are in it too.

Sources: W. F. Tinney, J. W. Walker, "Direct solutions of sparse network equations by optimally ordered triangular
factorization", Proc. IEEE 55 (1967), scheme 2 (minimum degree).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from gridpilot.network.network import Network
from gridpilot.powerflow.stations import possible_heads, stations
from gridpilot.values import Bools, Ints


class Pattern(NamedTuple):
    """Index arrays of the factorisation; `u` pairs of buses are coupled, fill included.

    Blocks are numbered: `0 … n-1` the diagonal, `n + e` the upper block of pair `e`, `n + u + e` its lower one.
    A bus's *place* is when it is eliminated.
    """

    bus: Ints
    """Bus at each place `[n]`."""
    place: Ints
    """Place of each bus `[n]`."""
    start: Ints
    column: Ints
    """Pairs of place `k`: `start[k] … start[k+1]`, each with the later place `column[e]`."""
    target: Ints
    """Block that each product of the elimination is subtracted from, in the order of the elimination."""
    fill: Ints
    """Blocks no branch writes, which begin as zero."""
    entry_start: Ints
    entry_column: Ints
    entry_block: Ints
    """Off-diagonal admittances of row `k`: `entry_start[k] … entry_start[k+1]`, with column place and block."""
    branch_from: Ints
    branch_to: Ints
    """Place of either end `[m]`."""
    end_start: Ints
    end_branch: Ints
    end_side: Ints
    end_entry: Ints
    """Branches that end at row `k`: `end_start[k] … end_start[k+1]`, by number, with side (0 from, 1 to) and admittance entry."""
    movable: Bools
    member: Ints
    moving: Ints
    kin_start: Ints
    kin: Ints
    guest_start: Ints
    guest_branch: Ints
    guest_side: Ints
    """What bus-bus switches may move (`gridpilot.powerflow.stations.Stations`), all by bus; empty where they stand still."""


def analyse(network: Network, *, switching: bool = False) -> Pattern:
    """The pattern of a network, in which bus-bus switches are open for good or, `switching`, may be open or closed."""
    possible = possible_heads(network) if switching else [[bus] for bus in range(network.n_bus)]
    neighbours = _neighbours(network, possible)
    order, later = _minimum_degree([set(group) for group in neighbours])
    place = np.empty(network.n_bus, dtype=np.int64)
    place[order] = np.arange(network.n_bus)
    rows = [sorted(int(place[bus]) for bus in group) for group in later]
    pair = {(k, i): e for e, (k, i) in enumerate((k, i) for k, row in enumerate(rows) for i in row)}
    n, u = network.n_bus, len(pair)

    def block(i: int, j: int) -> int:
        if i == j:
            return i
        return n + pair[i, j] if i < j else n + u + pair[j, i]

    entries = [sorted(int(place[bus]) for bus in neighbours[order[k]]) for k in range(n)]
    entry_block = _ints([block(k, j) for k, row in enumerate(entries) for j in row])
    ends = _ends(network, place, entries)
    return Pattern(
        bus=_ints(order),
        place=place,
        start=_starts(rows),
        column=_ints([i for row in rows for i in row]),
        target=_ints([block(i, j) for row in rows for i in row for j in row]),
        fill=np.setdiff1d(np.arange(n, n + 2 * u), entry_block),
        entry_start=_starts(entries),
        entry_column=_ints([j for row in entries for j in row]),
        entry_block=entry_block,
        branch_from=place[network.branch_from],
        branch_to=place[network.branch_to],
        end_start=_starts(ends),
        end_branch=_ints([branch for row in ends for branch, _, _ in row]),
        end_side=_ints([side for row in ends for _, side, _ in row]),
        end_entry=_ints([entry for row in ends for _, _, entry in row]),
        **stations(network, possible)._asdict(),
    )


def _ends(network: Network, place: Ints, entries: list[list[int]]) -> list[list[tuple[int, int, int]]]:
    """Per row the branches that end there, as (branch, side, admittance entry)."""
    first = _starts(entries)
    found: list[list[tuple[int, int, int]]] = [[] for _ in entries]
    for m, (a, b) in enumerate(zip(place[network.branch_from].tolist(), place[network.branch_to].tolist(), strict=True)):
        found[a].append((m, 0, int(first[a]) + entries[a].index(b)))
        found[b].append((m, 1, int(first[b]) + entries[b].index(a)))
    return found


def _neighbours(network: Network, possible: list[list[int]]) -> list[set[int]]:
    """The buses that a branch may join with each, from the possible heads of every bus."""
    found: list[set[int]] = [set() for _ in range(network.n_bus)]
    for a, b in zip(network.branch_from.tolist(), network.branch_to.tolist(), strict=True):
        for i, j in product(possible[a], possible[b]):
            if i != j:
                found[i].add(j)
                found[j].add(i)
    return found


def _minimum_degree(graph: list[set[int]]) -> tuple[list[int], list[set[int]]]:
    """Elimination order, and for each eliminated bus its neighbours at that time; eats `graph`."""
    heap = [(len(group), bus) for bus, group in enumerate(graph)]
    heapq.heapify(heap)
    gone = [False] * len(graph)
    order: list[int] = []
    later: list[set[int]] = []
    while heap:
        degree, bus = heapq.heappop(heap)
        if gone[bus] or degree != len(graph[bus]):
            continue
        gone[bus] = True
        group = graph[bus]
        order.append(bus)
        later.append(group)
        for other in group:
            graph[other] |= group
            graph[other] -= {bus, other}
        for other in group:
            heapq.heappush(heap, (len(graph[other]), other))
    return order, later


def _starts(rows: Sequence[Sequence[object]]) -> Ints:
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)
