"""Heads of merged buses, and a pattern with room for every position of the switches."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridpilot.network import Network, make_network
from gridpilot.powerflow.stations import heads, possible_heads, stations
from gridpilot.powerflow.symbolic import analyse
from gridpilot.values import Bools

BUSES = 6
pairs_of_buses = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda ends: ends[0] != ends[1]), max_size=5)


def ring(pairs: list[tuple[int, int]]) -> Network:
    """A ring of lines with these switches."""
    lines = [*pairwise(range(BUSES)), (BUSES - 1, 0)]
    return make_network(
        "ring", base_mva=100.0, buses=[{"name": str(k), "kv": 110.0} for k in range(BUSES)],
        branches=[{"name": f"L{k}", "a": str(a), "b": str(b), "x_pu": 0.1} for k, (a, b) in enumerate(lines)],
        switches=[{"name": f"K{k}", "a": str(a), "b": str(b)} for k, (a, b) in enumerate(pairs)],
    )  # fmt: skip


def every_position(count: int) -> Bools:
    return np.array(list(product([False, True], repeat=count)), dtype=np.bool_).reshape(2**count, count)


@given(pairs=pairs_of_buses)
def test_heads_are_the_first_buses_of_what_closed_switches_connect(pairs: list[tuple[int, int]]) -> None:
    network = ring(pairs)
    for position, found in zip(every_position(len(pairs)), heads(network, every_position(len(pairs))), strict=True):
        a, b = network.switch_a[position], network.switch_b[position]
        label = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(BUSES, BUSES)), directed=False)[1]
        assert found.tolist() == [int(np.flatnonzero(label == mine)[0]) for mine in label]


@given(pairs=pairs_of_buses)
def test_every_branch_has_an_entry_wherever_switches_move_it(pairs: list[tuple[int, int]]) -> None:
    network = ring(pairs)
    pattern: Any = analyse(network, switching=True)
    entries = [set(pattern.bus[pattern.entry_column[a:b]].tolist()) for a, b in pairwise(pattern.entry_start)]
    for head in heads(network, every_position(len(pairs))):
        for m, (a, b) in enumerate(zip(head[network.branch_from], head[network.branch_to], strict=True)):
            assert a == b or b in entries[pattern.place[a]]
            assert a == b or a in entries[pattern.place[b]]
            for bus, side in ((a, 0), (b, 1)):
                guests = slice(*pattern.guest_start[bus : bus + 2]) if len(pattern.member) else slice(0)
                listed = zip(pattern.guest_branch[guests], pattern.guest_side[guests], strict=True)
                assert not len(pattern.member) or (m, side) in [(int(x), int(y)) for x, y in listed]


def test_a_network_without_switches_has_no_stations_and_its_own_pattern() -> None:
    network = ring([])
    assert all(len(part) == 0 for part in stations(network, possible_heads(network)))
    for mine, theirs in zip(analyse(network, switching=True), analyse(network), strict=True):
        assert np.array_equal(mine, theirs)


def test_only_what_switches_reach_may_move() -> None:
    found = stations(ring([(1, 2)]), possible_heads(ring([(1, 2)])))
    assert found.member.tolist() == [1, 2]
    assert np.flatnonzero(found.movable).tolist() == [0, 1, 2, 3]
    assert found.moving.tolist() == [0, 1, 2]
