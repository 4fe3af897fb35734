"""The AC engine says how every element ended, and ends at the operating point where there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gridpilot.network import Case, Network, from_pandapower, make_network
from gridpilot.powerflow.group import LOWEST_VOLTAGE_PU
from gridpilot.powerflow.holding import NARROW, WIDE
from gridpilot.powerflow.newton import Newton
from gridpilot.values import PQ, SLACK, Flow, Status

Batch = Callable[..., dict[str, Any]]
Identical = Callable[..., None]
Grids = Callable[[int], Case]
X_PU, BASE_MVA = 0.1, 100.0


def line() -> Network:
    """A source and a load at the ends of a lossless line."""
    buses = [{"name": name, "kv": 110.0} for name in ("source", "load")]
    return make_network("line", base_mva=BASE_MVA, buses=buses, branches=[{"name": "L", "a": "source", "b": "load", "x_pu": X_PU}])


def drawing(p_mw: Any, q_mvar: Any) -> dict[str, Any]:
    """Loads at the end of the line, one element each."""
    p, q = np.atleast_1d(p_mw), np.atleast_1d(q_mvar)
    zero = np.zeros(len(p))
    return {
        "p_mw": -np.column_stack([zero, p]),
        "q_mvar": -np.column_stack([zero, q]),
        "kind": np.array([[SLACK, PQ]], dtype=np.int8),
        "v_set_pu": np.ones((1, 2)),
        "closed": np.ones((1, 1), dtype=np.bool_),
    }


def squares(p_mw: Any, q_mvar: Any) -> Any:
    """Discriminant, and both roots of v⁴ + (2 q x − 1) v² + x² (p² + q²) = 0, the lower one first."""
    p, q = np.asarray(p_mw) / BASE_MVA, np.asarray(q_mvar) / BASE_MVA
    half = 0.5 - q * X_PU
    discriminant = half**2 - X_PU**2 * (p**2 + q**2)
    apart = np.sqrt(np.maximum(discriminant, 0.0))
    return discriminant, half - apart, half + apart


@settings(max_examples=200)
@given(p_mw=st.floats(-600, 600), q_mvar=st.floats(-400, 300))
@example(p_mw=499.9, q_mvar=0.0)
@example(p_mw=0.0, q_mvar=249.9)
@example(p_mw=500.1, q_mvar=0.0)
def test_a_line_is_solved_up_to_its_nose_and_at_the_upper_root(p_mw: float, q_mvar: float) -> None:
    discriminant, _, upper = squares(p_mw, q_mvar)
    flow = Newton(line()).solve(**drawing(p_mw, q_mvar))
    if discriminant < -1e-6:
        assert flow.status[0] == Status.DIVERGED
        assert flow.residual_mva[0] > 1e-6
    elif discriminant > 1e-5 and upper > 1.01 * LOWEST_VOLTAGE_PU**2:
        assert flow.status[0] == Status.OK
        assert flow.v_pu[0, 1] ** 2 == pytest.approx(upper, abs=1e-6)


def start_at(flow: Flow, square: Any, p_mw: Any) -> Flow:
    """The flow with the load's voltage at a root of the line's equation."""
    v = np.sqrt(square)
    angle = -np.arcsin(np.asarray(p_mw) / BASE_MVA * X_PU / v)
    zero = np.zeros(len(v))
    return replace(flow, v_re_pu=np.column_stack([zero + 1, v * np.cos(angle)]), v_im_pu=np.column_stack([zero, v * np.sin(angle)]))


@pytest.mark.parametrize("count", [1, NARROW, WIDE + 1])
def test_from_the_lower_root_the_upper_one_is_found_by_a_second_attempt(count: int) -> None:
    p = np.linspace(100.0, 300.0, count)
    solver, arguments = Newton(line()), drawing(p, 0.0 * p)
    good = solver.solve(**arguments)
    lower = start_at(good, squares(p, 0.0 * p)[1], p)
    assert (lower.v_re_pu[:, 1] ** 2 + lower.v_im_pu[:, 1] ** 2 < LOWEST_VOLTAGE_PU**2).all()
    flow = solver.solve(**arguments, start=lower)
    assert (flow.status == Status.OK).all()
    # the same as from no start at all
    assert np.array_equal(flow.v_re_pu, good.v_re_pu)
    assert np.array_equal(flow.v_im_pu, good.v_im_pu)


def every_status(case: Case, batch: Batch) -> dict[str, Any]:
    """Elements that end as OK, DIVERGED, ISLANDED, LOW_VOLTAGE and NON_FINITE, in this order."""
    n = case.network.n_bus
    arguments = batch(case, np.array([[1.0], [20.0], [0.0], [0.0], [1.0]]) * np.ones(n))
    leaf = case.network.bus("8")
    arguments["closed"][2] = ~((case.network.branch_from == leaf) | (case.network.branch_to == leaf))
    arguments["kind"][3, arguments["kind"][3] != SLACK] = PQ
    arguments["v_set_pu"][3] = 0.45
    arguments["q_mvar"][4, 5] = -np.inf
    return arguments


def repeated(arguments: dict[str, Any], rows: Any) -> dict[str, Any]:
    return {name: value[rows] for name, value in arguments.items()}


@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4], [4, 3, 2, 1], [1, 1, 1, 0], [3, 4, 1, 1, 1, 1, 1, 1, 1, 2, 0, 1]])
def test_every_status_beside_every_other(case14: Case, batch: Batch, rows: list[int], assert_identical: Identical) -> None:
    arguments, solver = every_status(case14, batch), Newton(case14.network)
    flow = solver.solve(**repeated(arguments, rows))
    assert flow.status.tolist() == rows
    assert flow.usable.tolist() == [row in (Status.OK, Status.ISLANDED) for row in rows]
    for place, row in enumerate(rows):
        assert_identical(solver.solve(**repeated(arguments, [row])), flow, [place])


def test_what_has_no_solution_carries_nothing_and_stands_at_its_setpoints(case14: Case, batch: Batch) -> None:
    arguments = every_status(case14, batch)
    flow = Newton(case14.network).solve(**arguments)
    lost = ~flow.usable
    for name in ("p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar", "loading", "p_bus_mw", "q_bus_mvar", "losses_mw"):
        assert not getattr(flow, name)[lost].any(), name
    holds = arguments["kind"][1] != PQ
    assert np.array_equal(flow.v_pu[1], np.where(holds, arguments["v_set_pu"][1], 1.0))
    assert not flow.v_im_pu[lost].any()


@pytest.mark.parametrize("size", [1, NARROW, 3 * WIDE + 1])
def test_a_batch_without_any_solution_ends(case14: Case, batch: Batch, size: int) -> None:
    flow = Newton(case14.network).solve(**batch(case14, np.linspace(20.0, 500.0, size)))
    assert (flow.status == Status.DIVERGED).all()
    assert all(np.isfinite(getattr(flow, field.name)).all() for field in fields(flow))


@given(seed=st.integers(0, 10**6))
def test_a_failed_start_is_no_start(random_grid: Grids, batch: Batch, seed: int, assert_identical: Identical) -> None:
    case = random_grid(seed)
    solver, arguments = Newton(case.network), batch(case, [1.0, 0.8])
    failed = replace(solver.solve(**arguments), status=np.array([Status.DIVERGED, Status.NON_FINITE], dtype=np.int8))
    assert_identical(solver.solve(**arguments, start=failed), solver.solve(**arguments))


# ---------------------------------------------------------------------------------- a grid with a false root


@pytest.fixture(scope="module")
def rte() -> tuple[Any, Case]:
    """The French transmission grid of 2,848 buses, which Newton's method leads from flat voltages to a false root."""
    net = pandapower.networks.case2848rte()
    return net, from_pandapower(net)


def assert_true_root(flow: Flow, net: Any, case: Case) -> None:
    pp.runpp(net, init="dc", calculate_voltage_angles=True, tolerance_mva=1e-9, lightsim2grid=False)
    theirs = net.res_bus["vm_pu"].to_numpy() * np.exp(1j * np.deg2rad(net.res_bus["va_degree"].to_numpy()))
    turned = theirs * np.exp(-1j * case.slack_angle_rad[0])
    assert (flow.status == Status.OK).all()
    assert flow.v_pu.min() > 0.8
    assert np.abs(flow.v_re_pu + 1j * flow.v_im_pu - turned).max() <= 1e-8


def test_a_cold_start_finds_the_true_root_of_a_large_grid(rte: tuple[Any, Case], batch: Batch) -> None:
    net, case = rte
    assert_true_root(Newton(case.network, tolerance_pu=1e-10).solve(**batch(case, np.ones((3, case.network.n_bus)))), net, case)


def test_flat_voltages_and_a_false_root_lead_to_the_true_one(rte: tuple[Any, Case], batch: Batch) -> None:
    net, case = rte
    solver = Newton(case.network, tolerance_pu=1e-10)
    arguments = batch(case, np.ones((2, case.network.n_bus)))
    cold = solver.solve(**arguments)
    pp.runpp(net, init="flat", calculate_voltage_angles=True, lightsim2grid=False)
    false = net.res_bus["vm_pu"].to_numpy() * np.exp(1j * (np.deg2rad(net.res_bus["va_degree"].to_numpy()) - case.slack_angle_rad[0]))
    assert np.abs(false).min() < 0.1
    starts = np.stack([np.ones(case.network.n_bus, dtype=np.complex128), false])
    assert_true_root(solver.solve(**arguments, start=replace(cold, v_re_pu=starts.real.copy(), v_im_pu=starts.imag.copy())), net, case)


def test_hopeless_elements_leave_the_others_of_a_large_grid_alone(rte: tuple[Any, Case], batch: Batch, assert_identical: Identical) -> None:
    _, case = rte
    solver = Newton(case.network)
    flow = solver.solve(**batch(case, [1.0, 10.0, 0.9, 3.0, 1.0, 0.5]))
    assert flow.status.tolist() == [0, 1, 0, 1, 0, 0]
    assert_identical(solver.solve(**batch(case, [0.9])), flow, [2])
