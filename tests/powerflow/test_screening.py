"""No overload that full AC finds is lost to the screen, and the screen saves work; what it cannot see, it does not claim to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandapower.networks
import pytest

from gridpilot.network import Case, Network, from_pandapower, make_network, read_matpower
from gridpilot.powerflow import engine
from gridpilot.powerflow.contingency import SCREEN_LOADING, Points, contingencies, solve_points
from gridpilot.powerflow.lodf import lodf
from gridpilot.powerflow.outages import Outages, n_minus_k, n_minus_one
from gridpilot.powerflow.screening import estimate_loading
from gridpilot.values import PQ, SLACK

Batch = Callable[..., dict[str, Any]]
SCALES = np.linspace(0.6, 1.1, 6)
HEADROOM = (1.6, 2.2, 3.0)
"""Ratings as multiples of the largest flow before any outage."""


@pytest.fixture(scope="module", params=["case14", "case118", "rts-gmlc"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "rts-gmlc":
        folder: Path = request.getfixturevalue("shared_data")
        return read_matpower(folder / "networks" / "rts_gmlc" / "RTS_GMLC.m")
    return from_pandapower(getattr(pandapower.networks, request.param)())


def rated(case: Case, arguments: dict[str, Any], headroom: float) -> Network:
    """The network with ratings that fit its flows: some branches overload after an outage, many outages overload none."""
    flow = engine("newton", case.network).solve(**arguments)
    flows = [np.hypot(flow.p_from_mw, flow.q_from_mvar), np.hypot(flow.p_to_mw, flow.q_to_mvar)]
    largest = np.max(flows, axis=(0, 1))
    return replace(case.network, rating_mva=np.maximum(headroom * largest, 0.1 * largest.max()))


def pairs(network: Network, count: int) -> Outages:
    draw = np.random.default_rng(7)
    return n_minus_k(network, [draw.choice(network.n_branch, 2, replace=False).tolist() for _ in range(count)])


@pytest.mark.parametrize("headroom", HEADROOM)
def test_no_overload_is_missed_at_the_default_threshold(case: Case, batch: Batch, headroom: float) -> None:
    arguments = batch(case, SCALES)
    network = rated(case, arguments, headroom)
    solver = engine("newton", network)
    points = solve_points(solver, **arguments)
    left_out = overloads = 0
    for outages in (n_minus_one(network), pairs(network, 200)):
        full = contingencies(solver, network, points, outages)
        screened = contingencies(solver, network, points, outages, screen=SCREEN_LOADING)
        assert not ((full.overloads > 0) & ~screened.confirmed).any()
        assert not (~full.usable & ~screened.confirmed).any()
        assert not (full.islanded & ~screened.confirmed).any()
        left_out += int((~screened.confirmed).sum())
        overloads += int((full.overloads > 0).sum())
        same = screened.confirmed
        assert np.array_equal(full.worst_loading[same], screened.worst_loading[same])
    assert overloads
    assert left_out


def test_the_estimate_is_the_factors_applied_to_the_flow_before(case14: Case, batch: Batch) -> None:
    arguments = batch(case14, (1.0, 0.8))
    network = rated(case14, arguments, 2.0)
    base = engine("newton", network).solve(**arguments)
    outages = n_minus_one(network)
    found = estimate_loading(network, outages, kind=arguments["kind"], closed=arguments["closed"], base=base)
    factors, bridges = lodf(network, closed=arguments["closed"][0], kind=arguments["kind"][0])
    assert np.isinf(found.loading[:, bridges]).all()
    for b in range(2):
        for k in np.flatnonzero(~bridges):
            moved = factors[:, k] * base.p_from_mw[b, k]
            ends = [
                np.hypot(base.p_from_mw[b] + moved, base.q_from_mvar[b]),
                np.hypot(base.p_to_mw[b] - moved, base.q_to_mvar[b]),
            ]
            loading = np.max(ends, axis=0) / network.rating_mva
            loading[k] = 0.0
            assert found.loading[b, k] == pytest.approx(loading.max(), rel=1e-9)
            assert loading[found.branch[b, k]] == pytest.approx(loading.max(), rel=1e-9)


def test_points_of_different_topology_have_their_own_factors(case14: Case, batch: Batch) -> None:
    arguments = batch(case14, (1.0, 1.0, 1.0))
    arguments["closed"][1, 2] = False
    network = rated(case14, arguments, 2.0)
    solver, outages = engine("newton", network), n_minus_one(network)
    together = contingencies(solver, network, solve_points(solver, **arguments), outages, screen=0.7)
    assert together.estimated_loading is not None
    assert np.array_equal(together.estimated_loading[0], together.estimated_loading[2])
    assert not np.array_equal(together.estimated_loading[0], together.estimated_loading[1])


def reactive_detour() -> tuple[Network, Points]:
    """A far bus that draws reactive power only: the DC estimate sees nothing move."""
    network = make_network(
        "reactive",
        base_mva=100.0,
        buses=[{"name": name, "kv": 110.0} for name in ("source", "load")],
        branches=[
            {"name": "L1", "a": "source", "b": "load", "x_pu": 0.1, "rating_mva": 60.0},
            {"name": "L2", "a": "source", "b": "load", "x_pu": 0.1, "rating_mva": 60.0},
        ],
    )
    solver = engine("newton", network)
    zero, kind = np.zeros((1, 2)), np.array([[SLACK, PQ]], dtype=np.int8)
    demand = np.array([[0.0, -70.0]])
    points = solve_points(solver, p_mw=zero, q_mvar=demand, kind=kind, v_set_pu=zero + 1.0, closed=np.ones((1, 2), dtype=np.bool_))
    return network, points


def test_the_screen_is_blind_to_reactive_power_and_voltage_as_its_words_say() -> None:
    network, points = reactive_detour()
    solver, outages = engine("newton", network), n_minus_one(network)
    full = contingencies(solver, network, points, outages)
    assert full.overloads.all()
    assert full.voltage_violations.all()
    screened = contingencies(solver, network, points, outages, screen=SCREEN_LOADING)
    assert not screened.confirmed.any()
    assert screened.estimated_loading is not None
    assert np.array_equal(screened.worst_loading, screened.estimated_loading)
    assert np.array_equal(screened.lowest_v_pu[0], np.repeat(points.base.v_pu[0, 1], 2))
