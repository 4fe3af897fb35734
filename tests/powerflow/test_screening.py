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
PUBLISHED = {
    "RTS-GMLC": ("rts_gmlc/RTS_GMLC.m", (1.3, 1.5)),
    "case14": ("pglib_opf_v23.07/pglib_opf_case14_ieee.m", (0.8, 1.3, 2.0)),
    "case118": ("pglib_opf_v23.07/pglib_opf_case118_ieee.m", (1.6, 2.0, 3.0)),
}
"""Files with published ratings, and factors on these at which some branches overload and many outages overload none."""


def rated(case: Case, arguments: dict[str, Any], headroom: float) -> Network:
    """The network with ratings that are multiples of its largest flows before any outage."""
    flow = engine("newton", case.network).solve(**arguments)
    flows = [np.hypot(flow.p_from_mw, flow.q_from_mvar), np.hypot(flow.p_to_mw, flow.q_to_mvar)]
    largest = np.max(flows, axis=(0, 1))
    return replace(case.network, rating_mva=np.maximum(headroom * largest, 0.1 * largest.max()))


def pairs(network: Network, count: int) -> Outages:
    draw = np.random.default_rng(7)
    return n_minus_k(network, [draw.choice(network.n_branch, 2, replace=False).tolist() for _ in range(count)])


def assert_none_missed(network: Network, arguments: dict[str, Any]) -> None:
    """Screened N-1 and N-2 find every overload, island and collapse of the full ones, with less work."""
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


@pytest.mark.parametrize("headroom", [1.6, 2.2, 3.0])
@pytest.mark.parametrize("name", ["case14", "case118"])
def test_no_overload_is_missed_where_ratings_follow_the_flows(name: str, headroom: float, batch: Batch) -> None:
    case = from_pandapower(getattr(pandapower.networks, name)())
    arguments = batch(case, SCALES)
    assert_none_missed(rated(case, arguments, headroom), arguments)


@pytest.mark.parametrize(("name", "factor"), [(name, factor) for name, (_, factors) in PUBLISHED.items() for factor in factors])
def test_no_overload_is_missed_with_published_ratings_scaled(name: str, factor: float, shared_data: Path, batch: Batch) -> None:
    case = read_matpower(shared_data / "networks" / PUBLISHED[name][0])
    assert_none_missed(replace(case.network, rating_mva=factor * case.network.rating_mva), batch(case, SCALES))


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
            q_from, q_to = base.q_from_mvar[b], base.q_to_mvar[b]
            moved_mw, moved_mvar = factors[:, k] * base.p_from_mw[b, k], factors[:, k] * max(q_from[k], -q_to[k], key=abs)
            ends = [
                np.hypot(base.p_from_mw[b] + moved_mw, np.maximum(abs(q_from), abs(q_from + moved_mvar))),
                np.hypot(base.p_to_mw[b] - moved_mw, np.maximum(abs(q_to), abs(q_to - moved_mvar))),
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


def two_lines(load_mw: float, load_mvar: float, rating_mva: float) -> tuple[Network, Points]:
    """Two parallel lines of 0.3 pu between a source and a load."""
    lines = [{"name": name, "a": "source", "b": "load", "x_pu": 0.3, "rating_mva": rating_mva} for name in ("L1", "L2")]
    network = make_network("two lines", base_mva=100.0, buses=[{"name": name, "kv": 110.0} for name in ("source", "load")], branches=lines)
    one = np.ones((1, 2))
    points = solve_points(
        engine("newton", network),
        p_mw=np.array([[0.0, -load_mw]]),
        q_mvar=np.array([[0.0, -load_mvar]]),
        kind=np.array([[SLACK, PQ]], dtype=np.int8),
        v_set_pu=one,
        closed=one > 0.0,
    )
    return network, points


def test_reactive_power_that_takes_the_other_line_is_seen() -> None:
    network, points = two_lines(0.0, 35.0, 30.0)
    solver, outages = engine("newton", network), n_minus_one(network)
    assert (points.base.loading < SCREEN_LOADING).all()
    assert contingencies(solver, network, points, outages).overloads.all()
    assert contingencies(solver, network, points, outages, screen=SCREEN_LOADING).confirmed.all()


@pytest.mark.parametrize(("load_mw", "usable"), [(120.0, True), (180.0, False)])
def test_the_screen_is_blind_to_voltage_and_to_collapse_at_light_loading(load_mw: float, usable: bool) -> None:
    network, points = two_lines(load_mw, 0.0, 500.0)
    solver, outages = engine("newton", network), n_minus_one(network)
    full = contingencies(solver, network, points, outages)
    assert full.insecure.all()
    assert full.usable.tolist() == [[usable, usable]]
    screened = contingencies(solver, network, points, outages, screen=SCREEN_LOADING)
    assert not screened.confirmed.any()
    assert screened.estimated_loading is not None
    assert np.array_equal(screened.worst_loading, screened.estimated_loading)
    assert np.array_equal(screened.lowest_v_pu[0], np.repeat(points.base.v_pu[0, 1], 2))
