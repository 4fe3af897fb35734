"""What a power flow's sparse factorisation costs is decided once, on the pattern: ordering, fill, schedule.

The Jacobian has one 2x2 block per bus and per pair of buses that a branch joins. All buses and all branches are
in the pattern, whatever their kind and position, so that a batch element may open or close any branch, or move
the slack, without new symbolic work.

Sources: W. F. Tinney, J. W. Walker, "Direct solutions of sparse network equations by optimally ordered triangular
factorization", Proc. IEEE 55 (1967), scheme 2 (minimum degree).
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np

from gridpilot.network.network import Network
from gridpilot.values import Ints


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
    branch_ft: Ints
    branch_tf: Ints
    """Admittance entry (row from, column to) and (row to, column from) `[m]`."""


def analyse(network: Network) -> Pattern:
    """The pattern of a network without closed bus-bus switches."""
    neighbours = _neighbours(network)
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
    entry = {(k, j): e for e, (k, j) in enumerate((k, j) for k, row in enumerate(entries) for j in row)}
    entry_block = _ints([block(k, j) for k, j in entry])
    ends = [(int(place[a]), int(place[b])) for a, b in zip(network.branch_from, network.branch_to, strict=True)]
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
        branch_from=_ints([a for a, _ in ends]),
        branch_to=_ints([b for _, b in ends]),
        branch_ft=_ints([entry[a, b] for a, b in ends]),
        branch_tf=_ints([entry[b, a] for a, b in ends]),
    )


def _neighbours(network: Network) -> list[set[int]]:
    found: list[set[int]] = [set() for _ in range(network.n_bus)]
    for a, b in zip(network.branch_from.tolist(), network.branch_to.tolist(), strict=True):
        found[a].add(b)
        found[b].add(a)
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


def _starts(rows: list[list[int]]) -> Ints:
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)
