"""Energised buses are those that graph search reaches from a slack bus."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridpilot.network import Case
from gridpilot.powerflow.islands import energised_buses
from gridpilot.values import OFF, PQ, PV, SLACK


@given(seed=st.integers(0, 10**6), size=st.integers(1, 6))
def test_energised_is_connected_to_a_slack(random_grid: Callable[[int], Case], seed: int, size: int) -> None:
    network, draw = random_grid(seed).network, np.random.default_rng(seed)
    closed = draw.random((size, network.n_branch)) < 0.6
    kind = draw.choice([PQ, PV, SLACK, OFF], (size, network.n_bus), p=[0.6, 0.15, 0.15, 0.1]).astype(np.int8)
    found = energised_buses(network, closed=closed, kind=kind)
    for row in range(size):
        built = kind[row] != OFF
        on = closed[row] & built[network.branch_from] & built[network.branch_to]
        edges = (np.ones(on.sum()), (network.branch_from[on], network.branch_to[on]))
        _, label = connected_components(coo_array(edges, shape=(network.n_bus, network.n_bus)), directed=False)
        live = set(label[kind[row] == SLACK])
        assert found[row].tolist() == [bool(built[k] and label[k] in live) for k in range(network.n_bus)]
