"""A distributed slack: in every island the buses with a share take up what the injections leave over, in proportion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gridpilot.errors import PhysicsError
from gridpilot.network import Case, Network, from_pandapower, make_network
from gridpilot.powerflow import engine
from gridpilot.powerflow.islands import roles
from gridpilot.powerflow.newton import Newton
from gridpilot.values import FORMING, OFF, PQ, PV, SLACK, Floats, Flow, Status

Grids = Callable[[int], Case]
Batch = Callable[..., dict[str, Any]]
Complexes = NDArray[np.complex128]
TOLERANCE_PU = 1e-11


def voltage(flow: Flow) -> Complexes:
    return np.asarray(flow.v_re_pu + 1j * flow.v_im_pu)


def taken_up(flow: Flow, given_p_mw: Floats) -> Floats:
    """What every energised bus injects beyond what it was given `[B, n]`."""
    return np.where(flow.energised, flow.p_bus_mw - given_p_mw, 0.0)


# ------------------------------------------------------------------------------------------- pandapower


@pytest.mark.parametrize("name", ["case14", "case30", "case57", "case118"])
def test_participation_factors_are_pandapowers(name: str, batch: Batch) -> None:
    net = getattr(pandapower.networks, name)()
    draw, at_slack = np.random.default_rng(5), int(net.ext_grid.bus.iloc[0])
    net.load["p_mw"] *= draw.uniform(0.9, 1.1, len(net.load))
    net.gen["slack_weight"], net.ext_grid["slack_weight"] = draw.uniform(0.0, 1.0, len(net.gen)), 0.3
    case = from_pandapower(net)
    share = np.zeros((1, case.network.n_bus))
    share[0, net.gen.bus] = net.gen["slack_weight"]
    share[0, at_slack] = 0.3
    arguments = batch(case)
    flow = Newton(case.network, tolerance_pu=TOLERANCE_PU).solve(**arguments, share=share)
    pp.runpp(
        net, lightsim2grid=False, distributed_slack=True, calculate_voltage_angles=True, init="dc", tolerance_mva=TOLERANCE_PU * net.sn_mva
    )
    theirs = net.res_bus["vm_pu"].to_numpy() * np.exp(1j * np.deg2rad(net.res_bus["va_degree"].to_numpy()))
    assert flow.status[0] == Status.OK
    assert np.abs(voltage(flow)[0] - theirs * np.exp(-1j * case.slack_angle_rad[0])).max() <= 1e-8
    generated = flow.p_bus_mw[0, net.gen.bus] - (arguments["p_mw"][0, net.gen.bus] - net.gen["p_mw"].to_numpy())
    assert np.abs(generated - net.res_gen["p_mw"]).max() <= 1e-6
    # the slack gives its share and no more
    assert taken_up(flow, arguments["p_mw"])[0, at_slack] == pytest.approx(net.res_ext_grid["p_mw"].iloc[0], abs=1e-6)
    assert net.res_ext_grid["p_mw"].iloc[0] > 1.0


# ------------------------------------------------------------------------------------------- properties


@settings(max_examples=100)
@given(seed=st.integers(0, 10**6), holes=st.floats(0.0, 0.5), parts=st.floats(0.0, 1.0))
def test_every_island_shares_its_own_surplus_in_proportion(random_grid: Grids, batch: Batch, seed: int, holes: float, parts: float) -> None:
    case, draw = random_grid(seed), np.random.default_rng(seed)
    network, shape = case.network, (5, case.network.n_bus)
    arguments = batch(case, draw.uniform(0.3, 1.2, shape))
    arguments["closed"] = draw.random((5, network.n_branch)) >= holes
    arguments["kind"] = draw.choice([PQ, PV, SLACK, FORMING, OFF], shape, p=[0.45, 0.2, 0.1, 0.2, 0.05]).astype(np.int8)
    share = draw.uniform(0, 1, shape) * (draw.random(shape) < parts)
    flow = Newton(network, tolerance_pu=1e-10).solve(**arguments, share=share)
    for row in np.flatnonzero(flow.usable):
        more = taken_up(flow, arguments["p_mw"])[row]
        for members in islands(network, arguments["closed"][row], arguments["kind"][row]):
            if not flow.energised[row, members].any():
                continue
            part = share[row, members]
            if part.any():
                assert np.allclose(more[members], more[members].sum() * part / part.sum(), atol=1e-5)
            else:
                assert np.count_nonzero(np.abs(more[members]) > 1e-12) <= 1
    solved = flow.p_bus_mw[flow.usable].sum(axis=1)
    assert np.allclose(solved, flow.losses_mw[flow.usable], atol=1e-5)


def islands(network: Network, closed: Any, kind: Any) -> list[list[int]]:
    """Connected sets of built buses, by graph search."""
    on = closed & (kind[network.branch_from] != OFF) & (kind[network.branch_to] != OFF)
    near: dict[int, set[int]] = {bus: set() for bus in np.flatnonzero(kind != OFF).tolist()}
    for a, b in zip(network.branch_from[on].tolist(), network.branch_to[on].tolist(), strict=True):
        near[a].add(b)
        near[b].add(a)
    found, left = [], set(near)
    while left:
        members, edge = set(), {min(left)}
        while edge:
            members |= edge
            edge = set().union(*(near[bus] for bus in edge)) - members
        found.append(sorted(members))
        left -= members
    return found


@given(seed=st.integers(0, 10**6))
def test_the_injections_of_a_shared_balance_are_a_solution_of_the_plain_power_flow(random_grid: Grids, batch: Batch, seed: int) -> None:
    case, draw = random_grid(seed), np.random.default_rng(seed)
    arguments = batch(case, draw.uniform(0.3, 1.2, (3, case.network.n_bus)))
    share = draw.uniform(0, 1, arguments["p_mw"].shape)
    solver = Newton(case.network, tolerance_pu=1e-11)
    flow = solver.solve(**arguments, share=share)
    plain = solver.solve(**{**arguments, "p_mw": flow.p_bus_mw})
    assert np.abs(voltage(flow) - voltage(plain)).max() <= 1e-9
    assert np.abs(flow.p_bus_mw - plain.p_bus_mw).max() <= 1e-6


@given(seed=st.integers(0, 10**6))
def test_shares_count_by_their_proportion_and_a_lone_one_at_the_slack_is_none(random_grid: Grids, batch: Batch, seed: int) -> None:
    case, draw = random_grid(seed), np.random.default_rng(seed)
    arguments, solver = batch(case), Newton(case.network, tolerance_pu=1e-11)
    share = draw.uniform(0, 1, (1, case.network.n_bus))
    one, many = solver.solve(**arguments, share=share), solver.solve(**arguments, share=1000.0 * share)
    assert np.abs(voltage(one) - voltage(many)).max() <= 1e-9
    plain = solver.solve(**arguments)
    lone = np.zeros_like(share)
    lone[0, case.slack_bus] = 7.0
    for same in (solver.solve(**arguments, share=lone), solver.solve(**arguments, share=0.0 * lone)):
        assert np.abs(voltage(same) - voltage(plain)).max() <= 1e-9
        assert np.abs(same.p_bus_mw - plain.p_bus_mw).max() <= 1e-6


# ---------------------------------------------------------------------------------------------- islands


def two_feeders() -> tuple[Network, dict[str, Any]]:
    """Two grids of three buses in one network, which an open tie keeps apart."""
    names = ("s", "a", "b", "t", "c", "d")
    lines = [("s", "a"), ("a", "b"), ("t", "c"), ("c", "d"), ("b", "d")]
    network = make_network(
        "feeders",
        base_mva=100.0,
        buses=[{"name": name, "kv": 20.0} for name in names],
        branches=[{"name": a + b, "a": a, "b": b, "r_pu": 0.01, "x_pu": 0.05} for a, b in lines],
    )
    return network, {
        "p_mw": np.array([[0.0, 12.0, -40.0, 0.0, 35.0, -10.0]]),
        "q_mvar": np.array([[0.0, 0.0, -8.0, 0.0, 0.0, -3.0]]),
        "kind": np.array([[SLACK, PV, PQ, SLACK, PV, PQ]], dtype=np.int8),
        "v_set_pu": np.array([[1.0, 1.01, 1.0, 1.02, 1.0, 1.0]]),
        "closed": np.array([[True, True, True, True, False]]),
    }


def alone(arguments: dict[str, Any], buses: slice, branches: slice) -> tuple[Network, dict[str, Any]]:
    """One of the feeders as a network of its own."""
    network, _ = two_feeders()
    names = network.bus_name[buses]
    rows = [
        {"name": network.branch_name[k], "a": network.bus_name[network.branch_from[k]], "b": network.bus_name[network.branch_to[k]]}
        for k in range(*branches.indices(network.n_branch))
    ]
    part = make_network(
        "part", base_mva=100.0, buses=[{"name": n, "kv": 20.0} for n in names], branches=[{**r, "r_pu": 0.01, "x_pu": 0.05} for r in rows]
    )
    inputs = {name: value[:, branches if name == "closed" else buses] for name, value in arguments.items()}
    return part, inputs


@pytest.mark.parametrize(
    "share", [[1.0, 2.0, 0.0, 1.0, 1.0, 0.5], [1.0, 1.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 3.0, 1.0], [0.0] * 6]
)
def test_islands_beside_each_other_are_islands_alone(share: list[float]) -> None:
    network, arguments = two_feeders()
    together = Newton(network, tolerance_pu=TOLERANCE_PU).solve(**arguments, share=np.array([share]))
    assert together.status[0] == Status.OK
    for buses, branches in ((slice(0, 3), slice(0, 2)), (slice(3, 6), slice(2, 4))):
        part, inputs = alone(arguments, buses, branches)
        flow = Newton(part, tolerance_pu=TOLERANCE_PU).solve(**inputs, share=np.array([share[buses]]))
        assert np.abs(voltage(together)[:, buses] - voltage(flow)).max() <= 1e-10
        assert np.abs(together.p_bus_mw[:, buses] - flow.p_bus_mw).max() <= 1e-7


def test_of_two_slacks_that_are_joined_the_second_only_holds_its_voltage() -> None:
    network, arguments = two_feeders()
    arguments["closed"][:] = True
    share = np.array([[0.0, 1.0, 0.0, 0.0, 1.0, 0.0]])
    flow = Newton(network, tolerance_pu=TOLERANCE_PU).solve(**arguments, share=share)
    assert flow.status[0] == Status.OK
    more = taken_up(flow, arguments["p_mw"])[0]
    assert more == pytest.approx([0.0, more[1], 0.0, 0.0, more[1], 0.0], abs=1e-6)
    assert flow.v_pu[0, 3] == pytest.approx(1.02, abs=1e-9)
    assert abs(flow.angle_rad[0, 3]) > 1e-3
    # without shares both are ideal sources
    plain = Newton(network).solve(**arguments)
    assert plain.angle_rad[0, 3] == 0.0


def test_a_dead_island_takes_no_share_and_an_opened_tie_makes_two_balances() -> None:
    network, arguments = two_feeders()
    arguments["kind"][0, 3] = PQ
    share = np.array([[1.0, 1.0, 0.0, 1.0, 1.0, 1.0]])
    flow = Newton(network).solve(**arguments, share=share)
    assert flow.status[0] == Status.ISLANDED
    assert flow.energised[0].tolist() == [True] * 3 + [False] * 3
    assert taken_up(flow, arguments["p_mw"])[0, :2] == pytest.approx([flow.p_bus_mw[0, 0]] * 2, abs=1e-6)
    assert not flow.p_bus_mw[0, 3:].any()


def test_a_bus_that_holds_an_island_by_forming_it_shares_like_others() -> None:
    network, arguments = two_feeders()
    arguments["kind"] = np.array([[FORMING, PV, PQ, PQ, FORMING, PQ]], dtype=np.int8)
    share = np.array([[1.0, 3.0, 0.0, 0.0, 1.0, 0.0]])
    flow = Newton(network).solve(**arguments, share=share)
    more = taken_up(flow, arguments["p_mw"])[0]
    assert flow.status[0] == Status.OK
    assert more[1] == pytest.approx(3.0 * more[0], abs=1e-6)
    assert more[4] == pytest.approx(-(35.0 - 10.0) + flow.losses_mw[0] - (more[0] + more[1] + 12.0 - 40.0), abs=1e-6)
    assert roles(network, closed=arguments["closed"], kind=arguments["kind"])[0].tolist() == [SLACK, PV, PQ, PQ, SLACK, PQ]


def test_members_of_a_fused_bus_add_up_their_shares() -> None:
    network, arguments = two_feeders()
    lines = [("s", "a"), ("a", "b"), ("t", "c"), ("c", "d")]
    joined = make_network(
        "joined",
        base_mva=100.0,
        buses=[{"name": name, "kv": 20.0} for name in network.bus_name],
        branches=[{"name": a + b, "a": a, "b": b, "r_pu": 0.01, "x_pu": 0.05} for a, b in lines],
        switches=[{"name": "tie", "a": "b", "b": "d", "closed": True}],
    )
    arguments["closed"] = arguments["closed"][:, :4]
    share = np.array([[1.0, 0.0, 1.0, 0.0, 0.0, 1.0]])
    flow = engine("newton", joined, tolerance_pu=TOLERANCE_PU).solve(**arguments, share=share)
    more = taken_up(flow, arguments["p_mw"])[0]
    assert more[2] + more[5] == pytest.approx(2.0 * more[0], abs=1e-6)
    assert flow.p_bus_mw.sum() == pytest.approx(flow.losses_mw[0], abs=1e-6)


# -------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", ["dc", "pandapower"])
def test_an_engine_that_cannot_share_says_so(name: str, case14: Case, batch: Batch) -> None:
    with pytest.raises(PhysicsError, match="share"):
        engine(name, case14.network).solve(**batch(case14), share=np.ones((1, 14)))


def test_shares_of_a_wrong_shape_are_named(case14: Case, batch: Batch) -> None:
    with pytest.raises(PhysicsError) as caught:
        Newton(case14.network).solve(**batch(case14), share=np.ones((1, 20)))
    assert [problem.where for problem in caught.value.problems] == ["share"]


def test_a_beyond_the_nose_grid_has_no_shared_solution_either(case14: Case, batch: Batch) -> None:
    arguments = batch(case14, [1.0, 50.0, 1.0])
    share = np.ones((1, 14))
    flow = Newton(case14.network).solve(**arguments, share=share)
    assert flow.status.tolist() == [Status.OK, Status.DIVERGED, Status.OK]
    assert np.array_equal(flow.v_re_pu[0], flow.v_re_pu[2])
