"""An outage is the grid without the branch; islands, collapses and bad questions are told apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

import gridpilot.powerflow.contingency as contingency
from gridpilot.errors import ConfigError, PhysicsError
from gridpilot.network import Case, Network, make_network, trip
from gridpilot.powerflow import engine
from gridpilot.powerflow.contingency import Security, contingencies, solve_points
from gridpilot.powerflow.outages import Outages, n_minus_k, n_minus_one
from gridpilot.powerflow.ranking import ranking
from gridpilot.values import PQ, SLACK, Flow, Status

Grids = Callable[[int], Case]
Batch = Callable[..., dict[str, Any]]
seeds = st.integers(0, 10**6)
TIGHT = {"tolerance_pu": 1e-11}


def rebuilt_without(network: Network, lost: tuple[int, ...]) -> Network:
    """The network made anew from its rows, some branches not among them."""
    branch = [
        {
            "name": name, "a": network.bus_name[network.branch_from[k]], "b": network.bus_name[network.branch_to[k]],
            "r_pu": network.r_pu[k], "x_pu": network.x_pu[k], "b_from_pu": network.b_from_pu[k], "b_to_pu": network.b_to_pu[k],
            "g_from_pu": network.g_from_pu[k], "g_to_pu": network.g_to_pu[k], "tap": network.tap[k],
            "shift_deg": np.rad2deg(network.shift_rad[k]), "rating_mva": network.rating_mva[k],
        }
        for k, name in enumerate(network.branch_name)
    ]  # fmt: skip
    return make_network(
        network.name,
        base_mva=network.base_mva,
        buses=[{"name": name, "kv": kv} for name, kv in zip(network.bus_name, network.bus_kv, strict=True)],
        branches=[row for k, row in enumerate(branch) if k not in lost],
        shunts=[
            {"name": name, "bus": network.bus_name[network.shunt_bus[k]], "g_mw": network.shunt_g_mw[k], "b_mvar": network.shunt_b_mvar[k]}
            for k, name in enumerate(network.shunt_name)
        ],
    )


def islands(network: Network, lost: tuple[int, ...], slack: int) -> Any:
    """Buses without a path to the slack bus after an outage, by SciPy."""
    kept = np.setdiff1d(np.arange(network.n_branch), lost)
    ends = network.branch_from[kept], network.branch_to[kept]
    graph = coo_array((np.ones(len(kept)), ends), shape=(network.n_bus, network.n_bus))
    part = connected_components(graph, directed=False)[1]
    return part != part[slack]


@settings(max_examples=20)
@given(seed=seeds)
def test_an_outage_is_the_network_made_without_the_branches(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = random_grid(seed)
    network, arguments = case.network, batch(case)
    draw = np.random.default_rng(seed)
    pair = tuple(draw.choice(network.n_branch, min(2, network.n_branch), replace=False).tolist())
    outages = n_minus_k(network, [*((k,) for k in range(network.n_branch)), pair])
    solver = engine("newton", network, **TIGHT)
    found = contingencies(solver, network, solve_points(solver, **arguments), outages)
    assert found.confirmed.all()
    for k, lost in enumerate(outages.branches):
        alone = rebuilt_without(network, lost)
        flow = engine("newton", alone, **TIGHT).solve(**{**arguments, "closed": np.ones((1, alone.n_branch), dtype=np.bool_)})
        dark = islands(network, lost, int(case.slack_bus[0]))
        assert found.status[0, k] == flow.status[0]
        assert found.islanded[0, k] == dark.any()
        assert found.islanded_load_mw[0, k] == pytest.approx(np.maximum(-arguments["p_mw"][0, dark], 0.0).sum(), abs=1e-12)
        seen = flow.v_pu[0, ~dark]
        assert found.lowest_v_pu[0, k] == pytest.approx(seen.min(), abs=1e-9)
        assert found.highest_v_pu[0, k] == pytest.approx(seen.max(), abs=1e-9)
        assert found.worst_loading[0, k] == pytest.approx(flow.loading[0].max(initial=0.0), abs=1e-9)
        if flow.loading[0].max(initial=0.0) > 0.0:
            name = network.branch_name[found.worst_branch[0, k]]
            assert flow.loading[0, alone.branch(name)] == pytest.approx(flow.loading[0].max(), abs=1e-9)
        assert found.overloads[0, k] == (flow.loading[0] > 1.0).sum()
        assert found.voltage_violations[0, k] == ((seen < 0.95) | (seen > 1.05)).sum()


def assert_same(one: Security, other: Security, element: int) -> None:
    """Every bit of the one point of `other` is that of a point of `one`."""
    for field in fields(Security):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, np.ndarray):
            assert left[element].tobytes() == right[0].tobytes(), field.name


@pytest.mark.parametrize("screen", [None, 0.7])
def test_a_batch_is_a_loop_over_it_bit_for_bit(case14: Case, batch: Batch, monkeypatch: pytest.MonkeyPatch, screen: float | None) -> None:
    network = replace(case14.network, rating_mva=np.full(case14.network.n_branch, 90.0))
    solver, outages = engine("newton", network), n_minus_k(network, itertools.combinations(range(8), 2))
    arguments = batch(case14, (0.5, 0.9, 1.0, 1.1))
    arguments["closed"][2, 9] = False
    together = contingencies(solver, network, solve_points(solver, **arguments), outages, screen=screen)
    assert screen is None or 0 < together.confirmed.sum() < together.confirmed.size
    monkeypatch.setattr(contingency, "_CHUNK_FLOATS", 1)
    monkeypatch.setattr(contingency, "_LEAST_LANES", 5)
    for b in range(4):
        one = solve_points(solver, **{name: values[b : b + 1] for name, values in arguments.items()})
        assert_same(together, contingencies(solver, network, one, outages, screen=screen), b)


def chain(load_mw: float, **options: Any) -> tuple[Network, dict[str, Any]]:
    """Source ═ town ─ farm: two parallel lines, and a single one behind them."""
    network = make_network(
        "chain",
        base_mva=100.0,
        buses=[{"name": name, "kv": 110.0} for name in ("source", "town", "farm")],
        branches=[
            {"name": "L1", "a": "source", "b": "town", "x_pu": 0.3, "rating_mva": 80.0},
            {"name": "L2", "a": "source", "b": "town", "x_pu": 0.3, "rating_mva": 80.0},
            {"name": "L3", "a": "town", "b": "farm", "x_pu": 0.1, "rating_mva": 50.0},
        ],
        **options,
    )
    return network, {
        "p_mw": np.array([[0.0, -load_mw, -5.0]]),
        "q_mvar": np.zeros((1, 3)),
        "kind": np.array([[SLACK, PQ, PQ]], dtype=np.int8),
        "v_set_pu": np.ones((1, 3)),
        "closed": np.ones((1, 3), dtype=np.bool_),
    }


def test_collapse_island_and_overload_are_told_apart() -> None:
    network, arguments = chain(200.0)
    solver = engine("newton", network)
    load = np.array([[0.0, 200.0, 7.5]])
    found = contingencies(solver, network, solve_points(solver, **arguments), n_minus_one(network), load_mw=load)
    # 205 MW over 0.3 pu is beyond v²/2x = 167 MW, over 0.15 pu it is not.
    assert [Status(int(code)) for code in found.status[0]] == [Status.DIVERGED, Status.DIVERGED, Status.ISLANDED]
    assert found.islanded[0].tolist() == [False, False, True]
    assert found.islanded_load_mw[0].tolist() == [0.0, 0.0, 7.5]
    assert found.worst_branch[0].tolist() == [-1, -1, 0]
    assert found.insecure.all()
    assert np.isfinite(found.worst_loading).all()
    rows = ranking(found, network, top=2)
    assert [row.outage for row in rows] == ["L1", "L2"]
    assert (rows[0].branch, rows[0].loading, rows[0].lowest_v_pu) == (None, None, None)
    assert ranking(found, network)[2].islanded_load_mw == 7.5


def test_an_outage_of_what_is_out_already_says_nothing_new() -> None:
    network, arguments = chain(50.0)
    arguments["closed"][0, 1] = False
    solver = engine("newton", network)
    points = solve_points(solver, **arguments)
    found = contingencies(solver, network, points, n_minus_k(network, [["L2"], ["L1", "L2"]]))
    assert found.effective[0].tolist() == [False, True]
    assert found.worst_loading[0, 0] == points.base.loading.max()
    assert not found.insecure[0, 0]
    assert [row.outage for row in ranking(found, network)] == ["L1 + L2"]
    assert n_minus_one(trip(network, "L2")).branches == ((0,), (2,))


def test_closed_switches_are_fused_as_the_engine_has_them() -> None:
    network, arguments = chain(50.0, switches=[{"name": "S", "a": "town", "b": "farm"}])
    solver = engine("newton", network)
    points = solve_points(solver, **arguments)
    found = contingencies(solver, network, points, n_minus_one(network))
    assert not found.islanded.any()
    with pytest.raises(PhysicsError, match="closed bus-bus switches"):
        contingencies(solver, network, points, n_minus_one(network), screen=0.7)


def test_dark_points_stay_dark_and_no_outages_are_no_rows(case14: Case, batch: Batch) -> None:
    network, arguments = case14.network, batch(case14, (1.0, 1.0))
    arguments["kind"][1] = PQ
    solver = engine("newton", network)
    points = solve_points(solver, **arguments)
    for screen in (None, 0.7):
        found = contingencies(solver, network, points, n_minus_one(network), screen=screen)
        assert not found.islanded[1].any()
        assert (found.lowest_bus[1] == -1).all()
    assert contingencies(solver, network, points, Outages(())).status.shape == (2, 0)


def test_bad_questions_are_errors_with_every_problem(case14: Case, batch: Batch) -> None:
    network = case14.network
    solver = engine("newton", network)
    points = solve_points(solver, **batch(case14))
    with pytest.raises(PhysicsError) as caught:
        n_minus_k(network, [[], [0, 99], ["nowhere"], [1]])
    assert [problem.where for problem in caught.value.problems] == ["outage 0", "outage 1", "outage 2"]
    with pytest.raises(ConfigError, match="screen is 0"):
        contingencies(solver, network, points, n_minus_one(network), screen=0.0)
    wrong = points._replace(closed=points.closed[:, :3])
    with pytest.raises(PhysicsError, match=r"closed: has shape \(1, 3\)[\s\S]*load_mw"):
        contingencies(solver, network, wrong, n_minus_one(network), load_mw=np.zeros((2, 2)))


def test_every_reference_engine_can_confirm(case14: Case, batch: Batch) -> None:
    network, outages = case14.network, n_minus_one(case14.network)
    found = {}
    for name in ("newton", "pandapower"):
        solver = engine(name, network)
        found[name] = contingencies(solver, network, solve_points(solver, **batch(case14)), outages)
    ours, theirs = found["newton"], found["pandapower"]
    assert np.array_equal(ours.status, theirs.status)
    assert np.array_equal(ours.islanded, theirs.islanded)
    assert np.allclose(ours.lowest_v_pu, theirs.lowest_v_pu, atol=1e-8, rtol=0.0)
    assert np.allclose(ours.worst_loading, theirs.worst_loading, atol=1e-8, rtol=0.0)


def test_an_engine_without_voltages_says_nothing_of_them() -> None:
    network, arguments = chain(100.0)
    solver = engine("dc", network)
    found = contingencies(solver, network, solve_points(solver, **arguments), n_minus_one(network))
    assert found.worst_loading[0].tolist() == pytest.approx([105.0 / 80.0, 105.0 / 80.0, 50.0 / 80.0])
    assert (found.lowest_bus == -1).all()
    assert not found.voltage_violations.any()


def test_a_start_is_the_flow_before_the_outage(case14: Case, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    network = case14.network
    solver = engine("newton", network)
    points = solve_points(solver, **batch(case14))
    seen: list[Flow | None] = []
    solve = type(solver).solve

    def spy(self: Any, *arguments: Any, **options: Any) -> Flow:
        seen.append(options.get("start"))
        return solve(self, *arguments, **options)

    monkeypatch.setattr(type(solver), "solve", spy)
    contingencies(solver, network, points, n_minus_one(network))
    (start,) = seen
    assert start is not None
    assert np.array_equal(start.v_re_pu, points.base.v_re_pu)
