"""Open branches, dead islands and unbuilt buses: what is not there leaves no trace in the AC engine."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gridpilot.network import Case, make_network, trip
from gridpilot.powerflow.newton import Newton
from gridpilot.values import OFF, PQ, PV, SLACK, Flow, Status

Grids = Callable[[int], Case]
Batch = Callable[..., dict[str, Any]]
Identical = Callable[..., None]
Complexes = NDArray[np.complex128]
seeds = st.integers(0, 10**6)


def voltage(flow: Flow) -> Complexes:
    return np.asarray(flow.v_re_pu + 1j * flow.v_im_pu)


@given(seed=seeds)
def test_an_outage_is_the_network_without_the_branch(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = random_grid(seed)
    network = case.network
    gone = int(np.random.default_rng(seed).integers(network.n_branch))
    arguments = batch(case)
    arguments["closed"][:, gone] = False
    flow = Newton(network, tolerance_pu=1e-11).solve(**arguments)
    kept = np.arange(network.n_branch) != gone
    names = ("branch_kind", "branch_from", "branch_to", "r_pu", "x_pu", "g_from_pu", "b_from_pu", "g_to_pu", "b_to_pu", "tap", "shift_rad")
    smaller = replace(
        network,
        branch_name=tuple(name for name, keep in zip(network.branch_name, kept, strict=True) if keep),
        **{name: getattr(network, name)[kept] for name in (*names, "rating_mva", "angle_min_rad", "angle_max_rad", "branch_closed")},
    )
    arguments["closed"] = arguments["closed"][:, kept]
    without = Newton(smaller, tolerance_pu=1e-11).solve(**arguments)
    assert flow.status[0] == without.status[0]
    assert np.allclose(voltage(flow), voltage(without), atol=1e-10, rtol=0)
    assert np.allclose(flow.p_from_mw[:, kept], without.p_from_mw, atol=1e-8, rtol=0)
    assert flow.p_from_mw[0, gone] == flow.q_to_mvar[0, gone] == flow.loading[0, gone] == 0.0


def test_tripped_network_and_open_branch_agree(case14: Case, batch: Batch, assert_identical: Identical) -> None:
    tripped = trip(case14.network, case14.network.branch_name[2])
    arguments = batch(replace(case14, network=tripped))
    assert_identical(Newton(tripped).solve(**arguments), Newton(case14.network).solve(**arguments))


def test_an_island_without_source_is_dead_and_the_rest_lives() -> None:
    names = ("source", "near", "far", "end")
    network = make_network(
        "chain",
        base_mva=100.0,
        buses=[{"name": name, "kv": 20.0} for name in names],
        branches=[{"name": f"{a}-{b}", "a": a, "b": b, "x_pu": 0.1} for a, b in itertools.pairwise(names)],
    )
    arguments: dict[str, Any] = {
        "p_mw": np.array([[0.0, -10.0, 5.0, -7.0]]),
        "q_mvar": np.zeros((1, 4)),
        "kind": np.array([[SLACK, PQ, PV, PQ]], dtype=np.int8),
        "v_set_pu": np.ones((1, 4)),
        "closed": np.array([[True, False, True]]),
    }
    flow = Newton(network).solve(**arguments)
    assert flow.status[0] == Status.ISLANDED
    assert flow.usable[0]
    assert flow.energised[0].tolist() == [True, True, False, False]
    assert flow.v_pu[0, 2:].tolist() == [0.0, 0.0]
    assert not flow.p_from_mw[0, 1:].any()
    assert not flow.p_bus_mw[0, 2:].any()
    assert not flow.q_bus_mvar[0, 2:].any()
    assert flow.p_bus_mw[0, 0] == pytest.approx(10.0, abs=1e-5)


@given(seed=seeds)
def test_an_unbuilt_bus_is_not_there(random_grid: Grids, batch: Batch, seed: int, assert_identical: Identical) -> None:
    case = random_grid(seed)
    off = int(np.random.default_rng(seed).integers(case.network.n_bus))
    arguments = batch(case)
    arguments["kind"][:, off] = OFF
    ignored = {name: value.copy() for name, value in arguments.items()}
    for name in ("p_mw", "q_mvar", "v_set_pu"):
        ignored[name][:, off] = np.nan
    engine = Newton(case.network)
    flow = engine.solve(**ignored)
    assert_identical(flow, engine.solve(**arguments))
    cut = {name: value.copy() for name, value in arguments.items()}
    cut["closed"] &= (case.network.branch_from != off) & (case.network.branch_to != off)
    cut["kind"][:, off] = PQ
    without = engine.solve(**cut)
    others = np.arange(case.network.n_bus) != off
    assert np.array_equal(flow.v_pu[:, others], without.v_pu[:, others])
    assert not flow.energised[0, off]
    if without.energised[0, others].all():
        assert flow.status[0] == Status.OK
        assert without.status[0] == Status.ISLANDED


def test_a_grid_without_slack_is_dead_not_an_error(case14: Case, batch: Batch) -> None:
    arguments = batch(case14)
    arguments["kind"][:] = PQ
    flow = Newton(case14.network).solve(**arguments)
    assert flow.status[0] == Status.ISLANDED
    assert not flow.energised.any()
    assert not flow.v_pu.any()
    assert flow.losses_mw[0] == 0.0
