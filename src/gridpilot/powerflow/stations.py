"""Stations: buses that bus-bus switches may join, and which bus stands for each of them.

Closed switches merge buses into one electrical node. Its *head*, the first of them, takes the branches and shunts of all; the
others are *followers*, which the equations do not know. A bus that nothing is merged with is its own head.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridpilot.jit import kernel
from gridpilot.network.network import Network
from gridpilot.values import Bools, Ints


class Stations(NamedTuple):
    """What switches may move, whatever their positions; every array is empty where the network has no switches."""

    movable: Bools
    """Buses whose admittances depend on switches: those of a station, and those a branch joins to one `[n]`."""
    member: Ints
    """Buses that switches may join with others."""
    moving: Ints
    """Branches that end at one."""
    kin_start: Ints
    kin: Ints
    """Buses that bus `k` may be the head of, itself included: `kin_start[k] … kin_start[k+1]`, by rising number."""
    guest_start: Ints
    guest_branch: Ints
    guest_side: Ints
    """Branches that may end at bus `k`: `guest_start[k] … guest_start[k+1]`, by number and side (0 from, 1 to)."""


def possible_heads(network: Network) -> list[list[int]]:
    """For every bus those that may be its head: of the buses that switches connect it with, it and those before it."""
    every = np.ones((1, len(network.switch_name)), dtype=np.bool_)
    station = heads(network, every)[0].tolist()
    buses: dict[int, list[int]] = {}
    for bus, first in enumerate(station):
        buses.setdefault(first, []).append(bus)
    return [[other for other in buses[first] if other <= bus] for bus, first in enumerate(station)]


def stations(network: Network, possible: list[list[int]]) -> Stations:
    """The stations of a network, from the possible heads of its buses; those of a network without switches are empty."""
    kin: list[list[int]] = [[] for _ in possible]
    for bus, group in enumerate(possible):
        for head in group:
            kin[head].append(bus)
    member = [len(possible[bus]) + len(kin[bus]) > 2 for bus in range(network.n_bus)]
    if not any(member):
        none = np.zeros(0, dtype=np.int64)
        return Stations(np.zeros(0, dtype=np.bool_), none, none, none, none, none, none, none)
    movable, moving = list(member), []
    guests: list[list[tuple[int, int]]] = [[] for _ in possible]
    for m, ends in enumerate(zip(network.branch_from.tolist(), network.branch_to.tolist(), strict=True)):
        for side, bus in enumerate(ends):
            for head in possible[bus]:
                guests[head].append((m, side))
        if member[ends[0]] or member[ends[1]]:
            moving.append(m)
            movable[ends[0]] = movable[ends[1]] = True
    return Stations(
        movable=np.array(movable, dtype=np.bool_),
        member=np.flatnonzero(member),
        moving=_ints(moving),
        kin_start=_starts(kin),
        kin=_ints([bus for row in kin for bus in row]),
        guest_start=_starts(guests),
        guest_branch=_ints([m for row in guests for m, _ in row]),
        guest_side=_ints([side for row in guests for _, side in row]),
    )


def heads(network: Network, switch_closed: Bools) -> Ints:
    """The head of every bus `[T, n]` with the switches in these positions `[T, s]`."""
    found = np.empty((len(switch_closed), network.n_bus), dtype=np.int64)
    _find_heads(network.switch_a.copy(), network.switch_b.copy(), np.array(switch_closed, dtype=np.bool_), found)
    return found


@kernel
def _find_heads(switch_a: Ints, switch_b: Ints, switch_closed: Bools, head: Ints) -> None:
    n = head.shape[1]
    for row in range(len(head)):
        for bus in range(n):
            head[row, bus] = bus
        for s in range(len(switch_a)):
            a, b = switch_a[s], switch_b[s]
            while switch_closed[row, s] and head[row, a] != a:
                a = head[row, a]
            while switch_closed[row, s] and head[row, b] != b:
                b = head[row, b]
            if switch_closed[row, s]:
                head[row, max(a, b)] = min(a, b)
        for bus in range(n):
            # heads come before their followers, so that theirs is final
            head[row, bus] = head[row, head[row, bus]]


def _starts(rows: list[list[int]] | list[list[tuple[int, int]]]) -> Ints:
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)
