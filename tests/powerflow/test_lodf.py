"""Outage distribution factors predict what the DC engine computes without the branch; bridges are those of the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridpilot.errors import PhysicsError
from gridpilot.network import Case, Network, make_network
from gridpilot.powerflow.dc import Dc
from gridpilot.powerflow.lodf import lodf, replacing_transfers, transfer_factors
from gridpilot.values import PQ, SLACK, Bools, Codes

Grids = Callable[[int], Case]
Batch = Callable[..., dict[str, Any]]
seeds = st.integers(0, 10**6)


def supplied(network: Network, closed: Bools, kind: Codes) -> Bools:
    """Buses in a component of the graph that has a slack bus, by SciPy."""
    ends = network.branch_from[closed], network.branch_to[closed]
    graph = coo_array((np.ones(closed.sum()), ends), shape=(network.n_bus, network.n_bus))
    _, part = connected_components(graph, directed=False)
    return np.isin(part, part[kind == SLACK])


def without(closed: Bools, *lost: int) -> Bools:
    kept = closed.copy()
    kept[list(lost)] = False
    return kept


@given(seed=seeds)
def test_factors_and_bridges_are_those_of_the_grid_without_the_branch(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = random_grid(seed)
    network, m = case.network, case.network.n_branch
    arguments = batch(case, np.ones((m + 1, network.n_bus)))
    arguments["closed"][:] = np.random.default_rng(seed).random(m) < 0.9
    arguments["closed"][1:] &= ~np.eye(m, dtype=np.bool_)
    closed, kind = arguments["closed"][0], arguments["kind"][0]
    flow = Dc(network).solve(**arguments).p_from_mw
    found = lodf(network, closed=closed, kind=kind)
    before = supplied(network, closed, kind)
    splits = [bool((before & ~supplied(network, without(closed, k), kind)).any()) for k in range(m)]
    assert found.bridges.tolist() == splits
    assert np.isfinite(found.factors).all()
    assert not found.factors[:, found.bridges | ~closed].any()
    for k in np.flatnonzero(~found.bridges):
        assert np.allclose(flow[0] + found.factors[:, k] * flow[0, k], flow[1 + k], atol=1e-9, rtol=1e-9)


@given(seed=seeds)
def test_two_lost_branches_are_the_grid_without_both(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = random_grid(seed)
    network = case.network
    pairs = np.array([(a, b) for a in range(network.n_branch) for b in range(a)], dtype=np.int64).reshape(-1, 2)
    arguments = batch(case, np.ones((len(pairs) + 1, network.n_bus)))
    closed, kind = arguments["closed"][0].copy(), arguments["kind"][0]
    for row, pair in enumerate(pairs.tolist()):
        arguments["closed"][row + 1, pair] = False
    flow = Dc(network).solve(**arguments).p_from_mw
    transfer = transfer_factors(network, closed=closed, kind=kind)
    moved, answered = replacing_transfers(transfer, pairs, flow[0])
    for row, pair in enumerate(pairs.tolist()):
        assert answered[row] == supplied(network, without(closed, *pair), kind).all()
        if answered[row]:
            after = flow[0] + transfer[:, pair] @ moved[row]
            after[pair] = 0.0
            assert np.allclose(after, flow[row + 1], atol=1e-9, rtol=1e-9)


def test_a_branch_between_two_sources_is_no_bridge() -> None:
    network = make_network(
        "two sources",
        base_mva=100.0,
        buses=[{"name": name, "kv": 20.0} for name in "abc"],
        branches=[{"name": "ab", "a": "a", "b": "b", "x_pu": 0.1}, {"name": "bc", "a": "b", "b": "c", "x_pu": 0.1}],
    )
    closed = np.ones(2, dtype=np.bool_)
    both = lodf(network, closed=closed, kind=np.array([SLACK, PQ, SLACK], dtype=np.int8))
    assert not both.bridges.any()
    assert both.factors == pytest.approx(np.array([[-1.0, -1.0], [-1.0, -1.0]]))
    one = lodf(network, closed=closed, kind=np.array([SLACK, PQ, PQ], dtype=np.int8))
    assert one.bridges.all()
    assert not one.factors.any()


def test_what_the_dc_approximation_cannot_say_is_an_error() -> None:
    rows: dict[str, Any] = {"base_mva": 100.0, "buses": [{"name": name, "kv": 20.0} for name in "ab"]}
    resistor = make_network("resistor", branches=[{"name": "ab", "a": "a", "b": "b", "r_pu": 0.1}], **rows)
    switched = make_network(
        "switched", branches=[{"name": "ab", "a": "a", "b": "b", "x_pu": 0.1}], switches=[{"name": "s", "a": "a", "b": "b"}], **rows
    )
    for network, said in ((resistor, "no DC approximation"), (switched, "closed bus-bus switches")):
        with pytest.raises(PhysicsError, match=said):
            lodf(network, closed=np.ones(1, dtype=np.bool_), kind=np.array([SLACK, PQ], dtype=np.int8))
