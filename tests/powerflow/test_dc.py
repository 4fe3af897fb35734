"""The DC engine balances, is what AC tends to for small angles, and says what it cannot know."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.errors import PhysicsError
from gridpilot.network import Case, make_network
from gridpilot.powerflow.dc import Dc
from gridpilot.powerflow.newton import Newton
from gridpilot.values import OFF, PQ, SLACK, Status

Grids = Callable[[int], Case]
Batch = Callable[..., dict[str, Any]]
seeds = st.integers(0, 10**6)


def ideal(case: Case) -> Case:
    """The grid with what DC leaves out taken out: resistance, shunts, taps and charging."""
    network, zero = case.network, np.zeros(case.network.n_branch)
    ends: dict[str, Any] = dict.fromkeys(("r_pu", "g_from_pu", "b_from_pu", "g_to_pu", "b_to_pu"), zero)
    none = np.zeros(len(network.shunt_name))
    return replace(case, network=replace(network, **ends, tap=zero + 1.0, shunt_g_mw=none, shunt_b_mvar=none))


@given(seed=seeds)
def test_ac_tends_to_dc_for_small_angles(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = ideal(random_grid(seed))
    case = replace(case, network=replace(case.network, shift_rad=1e-3 * case.network.shift_rad))
    arguments = batch(case, [1e-3])
    arguments["q_mvar"][:] = 0.0
    arguments["v_set_pu"][:] = 1.0
    ac = Newton(case.network, tolerance_pu=1e-12).solve(**arguments)
    dc = Dc(case.network).solve(**arguments)
    largest = np.abs(dc.p_from_mw).max()
    assert np.allclose(ac.p_from_mw, dc.p_from_mw, atol=1e-4 * largest + 1e-9)
    assert np.allclose(ac.angle_rad, dc.angle_rad, atol=1e-6)


@given(seed=seeds)
def test_flows_balance_at_every_bus(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = random_grid(seed)
    network = case.network
    arguments = batch(case, [1.0, 0.5])
    arguments["closed"][1] = np.random.default_rng(seed).random(network.n_branch) < 0.7
    flow = Dc(network).solve(**arguments)
    shunt = np.zeros(network.n_bus)
    np.add.at(shunt, network.shunt_bus, network.shunt_g_mw)
    for row in range(2):
        leaving = np.where(flow.energised[row], shunt, 0.0)
        np.add.at(leaving, network.branch_from, flow.p_from_mw[row])
        np.add.at(leaving, network.branch_to, flow.p_to_mw[row])
        assert np.allclose(flow.p_bus_mw[row], leaving, atol=1e-8)
        assert flow.losses_mw[row] == pytest.approx(flow.p_bus_mw[row].sum(), abs=1e-8)
    given_by_bus = flow.energised & (arguments["kind"] != SLACK)
    assert np.array_equal(flow.p_bus_mw[given_by_bus], arguments["p_mw"][given_by_bus])
    assert not flow.p_from_mw[~arguments["closed"]].any()


def test_it_claims_no_voltages(case14: Case, batch: Batch) -> None:
    arguments = batch(case14)
    arguments["kind"][0, 13] = OFF
    engine = Dc(case14.network)
    flow = engine.solve(**arguments)
    assert not engine.has_voltages
    assert flow.v_pu[0].tolist() == [1.0] * 13 + [0.0]
    assert not flow.q_from_mvar.any()
    assert not flow.q_bus_mvar.any()
    assert np.array_equal(flow.loading, np.abs(flow.p_from_mw) / case14.network.rating_mva)


def test_statuses(case14: Case, batch: Batch) -> None:
    arguments = batch(case14, [1.0, 1.0, 1.0])
    arguments["p_mw"][1, 2] = np.inf
    arguments["kind"][2] = PQ
    flow = Dc(case14.network).solve(**arguments)
    assert flow.status.tolist() == [Status.OK, Status.NON_FINITE, Status.ISLANDED]
    assert np.isfinite(flow.p_from_mw).all()
    assert not flow.p_from_mw[1:].any()


def test_singular_equations_are_a_status() -> None:
    # two parallel branches whose susceptances cancel
    lines = [{"name": name, "a": "s", "b": "d", "x_pu": x} for name, x in (("coil", 0.1), ("capacitor", -0.1))]
    network = make_network("resonant", base_mva=100.0, buses=[{"name": "s", "kv": 10.0}, {"name": "d", "kv": 10.0}], branches=lines)
    ones, zeros = np.ones((1, 2)), np.zeros((1, 2))
    kind = np.array([[SLACK, PQ]], dtype=np.int8)
    flow = Dc(network).solve(ones, zeros, kind=kind, v_set_pu=ones, closed=np.ones((1, 2), dtype=np.bool_))
    assert flow.status[0] == Status.DIVERGED


def test_a_branch_without_reactance_is_refused() -> None:
    lines = [{"name": "wire", "a": "s", "b": "d", "r_pu": 0.1, "x_pu": 0.0}]
    network = make_network("resistive", base_mva=100.0, buses=[{"name": "s", "kv": 10.0}, {"name": "d", "kv": 10.0}], branches=lines)
    with pytest.raises(PhysicsError, match="wire"):
        Dc(network)


def test_many_topologies_and_another_process(case14: Case, batch: Batch) -> None:
    draw = np.random.default_rng(1)
    arguments = batch(case14, np.ones((300, 14)))
    arguments["closed"] = draw.random((300, 20)) < 0.9
    engine = Dc(case14.network)
    first = engine.solve(**arguments)
    assert np.array_equal(engine.solve(**arguments).p_from_mw, first.p_from_mw)
    assert np.array_equal(pickle.loads(pickle.dumps(engine)).solve(**arguments).p_from_mw, first.p_from_mw)
