"""Reactive limits: the solution fulfils the complementarity conditions, and is pandapower's where its rule leads there.

At the solution a regulating bus either holds its voltage within its limits, or stands at its upper one with a voltage no
higher than its setpoint, or at its lower one with a voltage no lower.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
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
from gridpilot.powerflow.newton import Newton
from gridpilot.values import FORMING, PQ, PV, SLACK, Flow, ReactiveLimits, Status

Grids = Callable[[int], Case]
Batch = Callable[..., dict[str, Any]]
Bools = NDArray[np.bool_]
Q_MVAR, V_PU = 1e-4, 1e-6
TOLERANCE_PU = 1e-11


def assert_complementary(flow: Flow, regulates: Bools, v_set_pu: Any, limits: ReactiveLimits) -> tuple[Bools, Bools]:
    """Buses at their upper and at their lower limit, of a solution that fulfils the conditions."""
    q, v = flow.q_bus_mvar, flow.v_pu
    at_max, at_min = regulates & (q > limits.q_max_mvar - Q_MVAR), regulates & (q < limits.q_min_mvar + Q_MVAR)
    assert (q <= limits.q_max_mvar + Q_MVAR)[regulates].all()
    assert (q >= limits.q_min_mvar - Q_MVAR)[regulates].all()
    assert (v <= v_set_pu + V_PU)[at_max & ~at_min].all()
    assert (v >= v_set_pu - V_PU)[at_min & ~at_max].all()
    assert (np.abs(v - v_set_pu) <= V_PU)[regulates & ~at_max & ~at_min].all()
    return at_max, at_min


@settings(max_examples=100)
@given(seed=st.integers(0, 10**6), spread=st.floats(0.1, 1.5), room=st.floats(0.0, 15.0), shared=st.booleans())
def test_a_bus_holds_its_voltage_or_stands_at_the_limit_that_explains_why_not(
    random_grid: Grids, batch: Batch, seed: int, spread: float, room: float, shared: bool
) -> None:
    case, draw = random_grid(seed), np.random.default_rng(seed)
    shape = (6, case.network.n_bus)
    arguments = batch(case, 1.0 + spread * draw.uniform(-1, 1, shape))
    middle, half = draw.uniform(-6, 6, shape), draw.uniform(0, 1, shape) * room
    limits = ReactiveLimits(middle - half, middle + half)
    share = draw.uniform(0, 1, shape) if shared else None
    flow = Newton(case.network, tolerance_pu=1e-9).solve(**arguments, limits=limits, share=share)
    assert (flow.status == Status.OK).all()
    assert_complementary(flow, arguments["kind"] == PV, arguments["v_set_pu"], limits)


# ------------------------------------------------------------------------------------------- pandapower


def tightened(name: str, seed: int) -> Any:
    """A net of pandapower's, of whose generators about half cannot give or take what the base case asks of them."""
    net = getattr(pandapower.networks, name)()
    pp.runpp(net, lightsim2grid=False, enforce_q_lims=False)
    draw, q = np.random.default_rng(seed), net.res_gen["q_mvar"].to_numpy()
    short = draw.random(len(q)) < 0.5
    net.gen["max_q_mvar"] = np.where(short & (q > 0), 0.7 * q, np.abs(q) + 500.0)
    net.gen["min_q_mvar"] = np.where(short & (q < 0), 0.7 * q, -np.abs(q) - 500.0)
    return net


def limits_of(case: Case) -> ReactiveLimits:
    """What the units at every bus can give, less what its loads take, `[1, n]`."""
    low, high = np.zeros((2, 1, case.network.n_bus))
    np.add.at(low[0], case.units.bus, case.units.q_min_mvar)
    np.add.at(high[0], case.units.bus, case.units.q_max_mvar)
    for side in (low, high):
        np.subtract.at(side[0], case.loads.bus, case.loads.q_mvar)
    return ReactiveLimits(low, high)


def complex_voltages(net: Any) -> Any:
    return net.res_bus["vm_pu"].to_numpy() * np.exp(1j * np.deg2rad(net.res_bus["va_degree"].to_numpy()))


def given_roles(net: Any, at_max: Bools, at_min: Bools) -> Any:
    """A copy in which the generators at limits give what they can, and hold no voltage."""
    copy = deepcopy(net)
    for k, gen in net.gen.iterrows():
        if at_max[gen.bus] or at_min[gen.bus]:
            copy.gen.loc[k, "in_service"] = False
            pp.create_sgen(copy, gen.bus, gen.p_mw, q_mvar=gen.max_q_mvar if at_max[gen.bus] else gen.min_q_mvar)
    return copy


def never_back(net: Any) -> bool:
    """Whether the solution of `enforce_q_lims`, which takes no bus back, fulfils the conditions."""
    q, v = net.res_gen["q_mvar"], net.res_gen["vm_pu"] - net.gen["vm_pu"]
    too_high, too_low = (q > net.gen["max_q_mvar"] - Q_MVAR) & (v > V_PU), (q < net.gen["min_q_mvar"] + Q_MVAR) & (v < -V_PU)
    return not (too_high | too_low).any()


@pytest.mark.parametrize("name", ["case14", "case30", "case57", "case118"])
def test_pandapower_finds_the_same_voltages(name: str, batch: Batch) -> None:
    bound = 0
    for seed in range(3):
        net = tightened(name, seed)
        case = from_pandapower(net)
        limits, arguments = limits_of(case), batch(case)
        flow = Newton(case.network, tolerance_pu=TOLERANCE_PU).solve(**arguments, limits=limits)
        assert flow.status[0] == Status.OK
        at_max, at_min = assert_complementary(flow, arguments["kind"] == PV, arguments["v_set_pu"], limits)
        bound += int((at_max | at_min).sum())
        options = {"tolerance_mva": TOLERANCE_PU * net.sn_mva, "calculate_voltage_angles": True, "init": "dc", "lightsim2grid": False}
        told = given_roles(net, at_max[0], at_min[0])
        pp.runpp(told, **options)
        pp.runpp(net, enforce_q_lims=True, **options)
        # its own roles are ours, but where a bus that it has given up ought to have come back
        for reference in (told, net) if never_back(net) else (told,):
            theirs = complex_voltages(reference) * np.exp(-1j * case.slack_angle_rad[0])
            assert np.abs(flow.v_re_pu[0] + 1j * flow.v_im_pu[0] - theirs).max() <= 1e-8
    assert bound >= 3


def test_pandapower_keeps_the_same_roles_where_no_bus_must_come_back() -> None:
    nets = [tightened(name, seed) for name in ("case14", "case30") for seed in range(3)]
    for net in nets:
        pp.runpp(net, enforce_q_lims=True, lightsim2grid=False)
    assert sum(never_back(net) for net in nets) >= 4


def chain() -> Any:
    """Slack, near and far; the far generator has the higher setpoint, which the near one must absorb against."""
    net = pp.create_empty_network(sn_mva=100.0)
    slack, near, far = (pp.create_bus(net, 110.0, name=name) for name in ("slack", "near", "far"))
    for a, b in ((slack, near), (near, far)):
        pp.create_impedance(net, a, b, rft_pu=0.01, xft_pu=0.1, sn_mva=100.0)
    pp.create_ext_grid(net, slack, vm_pu=1.0)
    pp.create_gen(net, near, p_mw=10.0, vm_pu=1.0, min_q_mvar=-10.0, max_q_mvar=50.0)
    pp.create_gen(net, far, p_mw=10.0, vm_pu=1.05, min_q_mvar=-50.0, max_q_mvar=5.0)
    return net


def test_a_bus_whose_neighbour_is_at_its_limit_holds_its_voltage_again() -> None:
    net = chain()
    case = from_pandapower(net)
    (p, q), (kind, v_set) = case.injections(), case.kinds()
    arguments: dict[str, Any] = {
        "p_mw": p[None], "q_mvar": q[None], "kind": kind[None], "v_set_pu": v_set[None], "closed": np.ones((1, 2), dtype=np.bool_)
    }  # fmt: skip
    solver = Newton(case.network, tolerance_pu=TOLERANCE_PU)
    free = solver.solve(**arguments)
    assert free.q_bus_mvar[0, 1] < -10.0
    assert free.q_bus_mvar[0, 2] > 5.0
    flow = solver.solve(**arguments, limits=limits_of(case))
    assert_complementary(flow, arguments["kind"] == PV, arguments["v_set_pu"], limits_of(case))
    # both break a limit at first; with the far bus at its own the near one needs nothing but its voltage
    assert flow.q_bus_mvar[0, 2] == pytest.approx(5.0, abs=1e-9)
    assert flow.v_pu[0, 1] == pytest.approx(1.0, abs=1e-9)
    assert -10.0 < flow.q_bus_mvar[0, 1] < 0.0
    # pandapower never takes a bus back; told which buses regulate, it finds the same voltages
    pp.runpp(net, enforce_q_lims=True, lightsim2grid=False)
    assert net.res_gen["q_mvar"].to_numpy() == pytest.approx([-10.0, 5.0], abs=1e-5)
    assert net.res_bus["vm_pu"].to_numpy()[1] < 1.0
    net.gen.loc[1, "in_service"] = False
    pp.create_sgen(net, 2, p_mw=10.0, q_mvar=5.0)
    pp.runpp(net, lightsim2grid=False, tolerance_mva=TOLERANCE_PU * net.sn_mva)
    assert np.abs(flow.v_re_pu[0] + 1j * flow.v_im_pu[0] - complex_voltages(net)).max() <= 1e-8


# --------------------------------------------------------------------------------------------- by hand


def three_buses(kinds: tuple[int, int, int]) -> tuple[Network, dict[str, Any]]:
    """A slack and two regulating buses around a triangle of lossless lines."""
    names = ("s", "a", "b")
    lines = [{"name": f"{a}{b}", "a": a, "b": b, "x_pu": 0.1} for a, b in ("sa", "ab", "sb")]
    arguments = {
        "p_mw": np.array([[0.0, 20.0, -40.0]]),
        "q_mvar": np.array([[0.0, 0.0, -15.0]]),
        "kind": np.array([kinds], dtype=np.int8),
        "v_set_pu": np.array([[1.0, 1.02, 1.01]]),
        "closed": np.ones((1, 3), dtype=np.bool_),
    }
    return make_network("triangle", base_mva=100.0, buses=[{"name": name, "kv": 110.0} for name in names], branches=lines), arguments


def within(low: list[float], high: list[float]) -> ReactiveLimits:
    return ReactiveLimits(np.array([low]), np.array([high]))


def test_infinite_limits_are_none(case14: Case, batch: Batch, assert_identical: Callable[..., None]) -> None:
    endless = np.full((1, 14), np.inf)
    solver = Newton(case14.network)
    limited = solver.solve(**batch(case14, [1.0, 1.2]), limits=ReactiveLimits(-endless, endless))
    assert_identical(limited, solver.solve(**batch(case14, [1.0, 1.2])))


def test_a_bus_at_its_limit_is_a_bus_with_that_injection() -> None:
    network, arguments = three_buses((SLACK, PV, PV))
    flow = Newton(network, tolerance_pu=TOLERANCE_PU).solve(**arguments, limits=within([-99, -99, -99], [99, 5, 3]))
    arguments["kind"][0, 1:], arguments["q_mvar"][0, 1:] = PQ, (5.0, 3.0)
    given_q = Newton(network, tolerance_pu=TOLERANCE_PU).solve(**arguments)
    assert np.abs(flow.v_re_pu - given_q.v_re_pu).max() <= 1e-9
    assert np.abs(flow.v_im_pu - given_q.v_im_pu).max() <= 1e-9
    assert flow.q_bus_mvar[0, 1:].tolist() == pytest.approx([5.0, 3.0], abs=1e-9)
    assert flow.v_pu[0, 1] < 1.02


def test_a_slack_has_no_limit_and_a_grid_forming_bus_has_one_where_it_regulates() -> None:
    network, arguments = three_buses((SLACK, FORMING, PV))
    limits = within([-1, -99, -99], [1, 2, 99])
    flow = Newton(network).solve(**arguments, limits=limits)
    assert abs(flow.q_bus_mvar[0, 0]) > 1.0
    assert flow.v_pu[0, 0] == pytest.approx(1.0, abs=1e-12)
    assert flow.q_bus_mvar[0, 1] == pytest.approx(2.0, abs=1e-9)
    # where it holds its island it is the slack
    network, arguments = three_buses((PV, FORMING, PV))
    held = Newton(network).solve(**arguments, limits=limits)
    assert held.status[0] == Status.OK
    assert held.v_pu[0, 1] == pytest.approx(1.02, abs=1e-12)


def test_limits_of_the_members_of_a_fused_bus_add_up() -> None:
    _, arguments = three_buses((SLACK, PV, PV))
    buses = [{"name": name, "kv": 110.0} for name in ("s", "a", "b")]
    coupler = [{"name": "coupler", "a": "a", "b": "b", "closed": True}]
    lines = [{"name": "sa", "a": "s", "b": "a", "x_pu": 0.1}]
    network = make_network("coupled", base_mva=100.0, buses=buses, branches=lines, switches=coupler)
    arguments["closed"] = arguments["closed"][:, :1]
    flow = engine("newton", network).solve(**arguments, limits=within([-99, -99, -99], [99, 4, 3]))
    assert flow.q_bus_mvar[0, 1:].sum() == pytest.approx(7.0, abs=1e-6)
    assert flow.v_pu[0, 1] == flow.v_pu[0, 2] < 1.02


@pytest.mark.parametrize("name", ["dc", "pandapower"])
def test_an_engine_without_limits_says_so(name: str, case14: Case, batch: Batch) -> None:
    with pytest.raises(PhysicsError, match="limits"):
        engine(name, case14.network).solve(**batch(case14), limits=limits_of(case14))


def test_limits_of_a_wrong_shape_are_named(case14: Case, batch: Batch) -> None:
    with pytest.raises(PhysicsError) as caught:
        Newton(case14.network).solve(**batch(case14), limits=ReactiveLimits(np.zeros((1, 3)), np.zeros((1, 20))))
    assert [problem.where for problem in caught.value.problems] == ["limits.q_min_mvar", "limits.q_max_mvar"]
