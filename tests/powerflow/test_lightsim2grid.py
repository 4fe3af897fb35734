"""lightsim2grid, built directly from a network, finds what the AC engine finds, and refuses what it would solve otherwise."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandapower.networks
import pytest

from gridpilot.errors import MissingExtraError, PhysicsError
from gridpilot.network import Case, from_pandapower, read_matpower
from gridpilot.powerflow import engine
from gridpilot.powerflow.lightsim2grid import LightSim2Grid, beside_trafos
from gridpilot.powerflow.newton import Newton
from gridpilot.values import OFF, PQ, PV, SLACK, Flow, Status

Batch = Callable[..., dict[str, Any]]
AGREEMENT_PU = 1e-8
TOLERANCE_PU = 1e-11


def assert_agreement(case: Case, arguments: dict[str, Any]) -> Flow:
    ours = Newton(case.network, tolerance_pu=TOLERANCE_PU).solve(**arguments)
    theirs = LightSim2Grid(case.network, tolerance_pu=TOLERANCE_PU).solve(**arguments)
    assert np.array_equal(ours.status, theirs.status)
    assert np.array_equal(ours.energised, theirs.energised)
    for name in ("v_re_pu", "v_im_pu", "v_pu"):
        assert np.abs(getattr(ours, name) - getattr(theirs, name)).max() <= AGREEMENT_PU, name
    for name in ("p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar", "p_bus_mw", "q_bus_mvar"):
        # a flow is a voltage difference times an admittance, which reaches 1e2 pu and more
        assert np.abs(getattr(ours, name) - getattr(theirs, name)).max() <= 100 * AGREEMENT_PU * case.network.base_mva, name
    assert np.allclose(ours.losses_mw, theirs.losses_mw, atol=100 * AGREEMENT_PU * case.network.base_mva)
    assert np.allclose(ours.loading, theirs.loading, atol=1e-6)
    return theirs


@pytest.mark.parametrize("name", ["case14", "case118"])
def test_ieee_cases(name: str, batch: Batch) -> None:
    case = from_pandapower(getattr(pandapower.networks, name)())
    factors = np.random.default_rng(2).uniform(0.8, 1.1, (5, case.network.n_bus))
    assert_agreement(case, batch(case, factors))


@pytest.mark.parametrize("seed", range(4))
def test_branches_whose_ends_differ(seed: int, random_grid: Callable[[int], Case], batch: Batch) -> None:
    """lightsim2grid's transformers have the same shunt at both ends; what is beyond stands beside them."""
    case, draw = random_grid(seed), np.random.default_rng(seed)
    count = case.network.n_branch
    uneven = replace(case.network, g_from_pu=draw.uniform(0.0, 0.01, count), b_from_pu=draw.uniform(-0.05, 0.05, count))
    assert np.abs(beside_trafos(uneven)).max() > 0.0
    assert_agreement(replace(case, network=uneven), batch(case, [1.0, 0.5]))


def test_rts_gmlc(shared_data: Path, batch: Batch) -> None:
    case = read_matpower(shared_data / "networks" / "rts_gmlc" / "RTS_GMLC.m")
    assert_agreement(case, batch(case, np.random.default_rng(3).uniform(0.8, 1.1, (5, case.network.n_bus))))


@pytest.mark.parametrize("seed", range(12))
def test_random_grids_with_taps_shifts_and_shunts(seed: int, random_grid: Callable[[int], Case], batch: Batch) -> None:
    case = random_grid(seed)
    assert_agreement(case, batch(case, [1.0, 0.5]))


def test_outages_islands_and_unbuilt_buses(case14: Case, batch: Batch) -> None:
    network = case14.network
    arguments = batch(case14, np.ones((network.n_branch + 2, network.n_bus)))
    np.fill_diagonal(arguments["closed"], False)
    arguments["kind"][-2, network.bus("14")] = OFF
    arguments["kind"][-1, network.bus("2")] = PQ
    flow = assert_agreement(case14, arguments)
    assert {Status.OK, Status.ISLANDED} == {Status(int(status)) for status in flow.status}


def test_failures_have_their_status(case14: Case, batch: Batch) -> None:
    arguments = batch(case14, [1.0, 50.0, 1.0, 1.0])
    arguments["p_mw"][2, 3] = np.nan
    arguments["kind"][3] = PQ
    flow = engine("lightsim2grid", case14.network).solve(**arguments)
    assert flow.status.tolist() == [Status.OK, Status.DIVERGED, Status.NON_FINITE, Status.ISLANDED]


def test_it_begins_where_it_is_told_to(case14: Case, batch: Batch) -> None:
    solver, arguments = engine("lightsim2grid", case14.network), batch(case14, [1.0, 0.9])
    cold = solver.solve(**arguments)
    warm = solver.solve(**arguments, start=cold)
    assert (warm.iterations < cold.iterations).all()
    assert np.abs(warm.v_pu - cold.v_pu).max() <= AGREEMENT_PU


def test_a_start_from_another_slack_is_turned(case14: Case, batch: Batch) -> None:
    arguments = batch(case14)
    other = batch(case14)
    other["kind"][0, [case14.slack_bus[0], 1]] = PV, SLACK
    before = engine("newton", case14.network).solve(**other)
    assert abs(before.angle_rad[0, case14.slack_bus[0]]) > 0.01
    flow = engine("lightsim2grid", case14.network).solve(**arguments, start=before)
    assert flow.angle_rad[0, case14.slack_bus[0]] == pytest.approx(0.0, abs=1e-12)
    assert np.abs(flow.v_pu - engine("newton", case14.network).solve(**arguments).v_pu).max() <= AGREEMENT_PU


def test_a_slack_bus_alone_is_solved(case14: Case, batch: Batch) -> None:
    arguments = batch(case14)
    arguments["closed"][:] = False
    flow = assert_agreement(case14, arguments)
    assert flow.status.tolist() == [Status.ISLANDED]
    assert flow.energised.sum() == 1


def test_several_slacks_are_refused_because_they_would_share(case14: Case, batch: Batch) -> None:
    arguments = batch(case14, [1.0, 1.0])
    arguments["kind"][1, 5] = SLACK
    with pytest.raises(PhysicsError, match=r"element 1: has 2 slack buses"):
        engine("lightsim2grid", case14.network).solve(**arguments)


def test_without_the_package_the_engine_names_the_extra(monkeypatch: pytest.MonkeyPatch, case14: Case) -> None:
    for module in ("lightsim2grid.algorithm", "lightsim2grid.lightsim2grid_cpp"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "gridpilot.powerflow.lightsim2grid")
    with pytest.raises(MissingExtraError, match=r"gridpilot\[bench\]"):
        engine("lightsim2grid", case14.network)
