"""The AC engine obeys the physics, and says what it cannot solve."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gridpilot.errors import ConfigError, PhysicsError
from gridpilot.network import Case, Network, make_network
from gridpilot.powerflow.newton import Newton
from gridpilot.powerflow.ybus import bus_admittances
from gridpilot.values import PQ, PV, SLACK, Flow, Status

Grids = Callable[[int], Case]
Batch = Callable[..., dict[str, Any]]
Identical = Callable[..., None]
Complexes = NDArray[np.complex128]
seeds = st.integers(0, 10**6)


def voltage(flow: Flow) -> Complexes:
    return np.asarray(flow.v_re_pu + 1j * flow.v_im_pu)


def two_buses(*, x_pu: float = 0.1, **more: float) -> Network:
    line = {"name": "L", "a": "source", "b": "load", "x_pu": x_pu, **more}
    return make_network("two", base_mva=100.0, buses=[{"name": name, "kv": 110.0} for name in ("source", "load")], branches=[line])


def two_bus_arguments(p_mw: float, q_mvar: float = 0.0) -> dict[str, Any]:
    return {
        "p_mw": np.array([[0.0, p_mw]]),
        "q_mvar": np.array([[0.0, q_mvar]]),
        "kind": np.array([[SLACK, PQ]], dtype=np.int8),
        "v_set_pu": np.ones((1, 2)),
        "closed": np.ones((1, 1), dtype=np.bool_),
    }


# ------------------------------------------------------------------------------------------------ physics


def test_two_buses_have_the_solution_of_the_textbook() -> None:
    # lossless line, unity power factor: v² is the larger root of v⁴ − v² + (p x)² = 0
    flow = Newton(two_buses(x_pu=0.1)).solve(**two_bus_arguments(-200.0))
    v = np.sqrt((1 + np.sqrt(1 - 4 * (2.0 * 0.1) ** 2)) / 2)
    assert flow.v_pu[0, 1] == pytest.approx(v, abs=1e-9)
    assert np.sin(-flow.angle_rad[0, 1]) == pytest.approx(2.0 * 0.1 / v, abs=1e-9)
    assert flow.p_from_mw[0, 0] == pytest.approx(200.0, abs=1e-5)
    assert flow.losses_mw[0] == pytest.approx(0.0, abs=1e-9)


def test_tap_raises_the_voltage_behind_it() -> None:
    flow = Newton(two_buses(tap=0.95)).solve(**two_bus_arguments(0.0))
    assert flow.v_pu[0, 1] == pytest.approx(1 / 0.95, abs=1e-9)


def test_shift_turns_the_angle_behind_it() -> None:
    flow = Newton(two_buses(shift_deg=150.0)).solve(**two_bus_arguments(0.0))
    assert np.rad2deg(flow.angle_rad[0, 1]) == pytest.approx(-150.0, abs=1e-6)


@given(seed=seeds)
def test_power_is_balanced_at_every_bus_and_in_every_branch(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = random_grid(seed)
    network = case.network
    flow = Newton(network).solve(**batch(case))
    assert flow.status[0] == Status.OK
    v = voltage(flow)[0]
    admittances = bus_admittances(network, network.branch_closed)
    injected = v * np.conj(admittances @ v) * network.base_mva
    assert np.allclose(flow.p_bus_mw[0] + 1j * flow.q_bus_mvar[0], injected, atol=2e-6, rtol=0)
    leaving = np.zeros(network.n_bus, dtype=np.complex128)
    np.add.at(leaving, network.branch_from, flow.p_from_mw[0] + 1j * flow.q_from_mvar[0])
    np.add.at(leaving, network.branch_to, flow.p_to_mw[0] + 1j * flow.q_to_mvar[0])
    shunt = np.zeros(network.n_bus, dtype=np.complex128)
    np.add.at(shunt, network.shunt_bus, network.shunt_g_mw - 1j * network.shunt_b_mvar)
    assert np.allclose(injected, leaving + shunt * np.abs(v) ** 2, atol=1e-9, rtol=0)
    assert flow.losses_mw[0] == pytest.approx(injected.real.sum(), abs=1e-8)
    assert flow.residual_mva[0] <= 1e-8 * network.base_mva


@given(seed=seeds)
def test_given_injections_and_setpoints_are_kept(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = random_grid(seed)
    arguments = batch(case)
    flow = Newton(case.network).solve(**arguments)
    kind = arguments["kind"]
    assert np.array_equal(flow.p_bus_mw[kind != SLACK], arguments["p_mw"][kind != SLACK])
    assert np.array_equal(flow.q_bus_mvar[kind == PQ], arguments["q_mvar"][kind == PQ])
    holds = (kind == PV) | (kind == SLACK)
    assert np.allclose(flow.v_pu[holds], arguments["v_set_pu"][holds], atol=1e-8, rtol=0)


@given(seed=seeds)
def test_loading_is_the_larger_end_over_the_rating(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = random_grid(seed)
    network = case.network
    flow = Newton(network).solve(**batch(case))
    at_from, at_to = np.hypot(flow.p_from_mw, flow.q_from_mvar), np.hypot(flow.p_to_mw, flow.q_to_mvar)
    assert np.allclose(flow.loading, np.maximum(at_from, at_to) / network.rating_mva, rtol=1e-12)
    by_current = Newton(network, loading="current").solve(**batch(case))
    current = np.maximum(at_from / flow.v_pu[:, network.branch_from], at_to / flow.v_pu[:, network.branch_to])
    assert np.allclose(by_current.loading, current / network.rating_mva, rtol=1e-10)


def test_no_rating_means_no_loading() -> None:
    assert Newton(two_buses()).solve(**two_bus_arguments(-50.0)).loading[0, 0] == 0.0


# --------------------------------------------------------------------------------- statuses and refusals


def test_beyond_the_nose_there_is_no_solution() -> None:
    # a lossless line carries at most v² / 2x at unity power factor: 500 MW here
    engine = Newton(two_buses(x_pu=0.1))
    assert engine.solve(**two_bus_arguments(-499.0)).status[0] == Status.OK
    beyond = engine.solve(**two_bus_arguments(-501.0))
    assert beyond.status[0] == Status.DIVERGED
    assert beyond.residual_mva[0] > 1e-6


def test_a_solution_at_a_voltage_no_grid_survives_is_told() -> None:
    # a source held at 0.45 pu: the equations have a solution, a grid has not
    arguments = two_bus_arguments(-1.0)
    arguments["v_set_pu"][:] = 0.45
    flow = Newton(two_buses()).solve(**arguments)
    assert flow.status[0] == Status.LOW_VOLTAGE
    assert not flow.usable[0]
    assert flow.p_from_mw[0, 0] == 0.0


def test_a_start_that_leads_nowhere_is_tried_again_cold(assert_identical: Identical) -> None:
    # at half the nominal voltage the Jacobian of a lossless line is singular
    engine = Newton(two_buses())
    arguments = two_bus_arguments(-200.0)
    good = engine.solve(**arguments)
    stuck = replace(good, v_re_pu=np.array([[1.0, 0.5]]), v_im_pu=np.zeros((1, 2)))
    assert_identical(replace(engine.solve(**arguments, start=stuck), iterations=good.iterations), good)


def test_a_start_at_the_lower_root_ends_at_the_upper_one() -> None:
    engine = Newton(two_buses(x_pu=0.1))
    arguments = two_bus_arguments(-200.0)
    good = engine.solve(**arguments)
    low = np.sqrt((1 - np.sqrt(1 - 4 * (2.0 * 0.1) ** 2)) / 2)
    angle = -np.arcsin(0.2 / low)
    at_low = replace(good, v_re_pu=np.array([[1.0, low * np.cos(angle)]]), v_im_pu=np.array([[0.0, low * np.sin(angle)]]))
    assert np.allclose(voltage(engine.solve(**arguments, start=at_low)), voltage(good), atol=1e-8)


@pytest.mark.parametrize("where", ["p_mw", "q_mvar", "v_set_pu"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_told(case14: Case, batch: Batch, where: str, value: float, assert_identical: Identical) -> None:
    arguments = batch(case14, [1.0, 1.0])
    arguments[where][1, case14.slack_bus[0]] = value
    flow = Newton(case14.network).solve(**arguments)
    assert flow.status.tolist() == [Status.OK, Status.NON_FINITE]
    assert_identical(Newton(case14.network).solve(**batch(case14)), flow, [0])


def test_an_empty_batch_and_a_single_bus_are_no_special_cases(case14: Case, batch: Batch) -> None:
    empty = Newton(case14.network).solve(**{name: value[:0] for name, value in batch(case14).items()})
    assert empty.v_pu.shape == (0, 14)
    alone = make_network("one", base_mva=1.0, buses=[{"name": "b", "kv": 1.0}], branches=[])
    single: dict[str, Any] = {
        "p_mw": np.zeros((1, 1)),
        "q_mvar": np.zeros((1, 1)),
        "kind": np.full((1, 1), SLACK, dtype=np.int8),
        "v_set_pu": np.full((1, 1), 1.02),
        "closed": np.ones((1, 0), dtype=np.bool_),
    }
    flow = Newton(alone).solve(**single)
    assert flow.status[0] == Status.OK
    assert flow.v_pu[0, 0] == 1.02


def test_wrong_shapes_are_all_named(case14: Case, batch: Batch) -> None:
    arguments = batch(case14, [1.0, 1.0])
    arguments["q_mvar"], arguments["closed"] = np.zeros((1, 3)), np.ones((3, 20), dtype=np.bool_)
    with pytest.raises(PhysicsError) as caught:
        Newton(case14.network).solve(**arguments)
    assert [problem.where for problem in caught.value.problems] == ["q_mvar", "closed"]


def test_a_start_of_another_batch_is_refused(case14: Case, batch: Batch) -> None:
    engine = Newton(case14.network)
    with pytest.raises(PhysicsError, match="start"):
        engine.solve(**batch(case14), start=engine.solve(**batch(case14, [1.0, 1.1])))


@pytest.mark.parametrize("option", [{"tolerance_pu": 0.0}, {"max_iterations": 0}, {"loading": "volts"}])
def test_settings_out_of_range_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(option))):
        Newton(two_buses(), **option)


def test_inputs_are_left_alone_and_may_be_read_only(case14: Case, batch: Batch) -> None:
    arguments = batch(case14, [1.0, 1.1])
    before = {name: value.copy() for name, value in arguments.items()}
    for value in arguments.values():
        value.setflags(write=False)
    Newton(case14.network).solve(**arguments)
    assert all(np.array_equal(arguments[name], before[name]) for name in before)


def test_an_engine_can_be_sent_to_another_process(case14: Case, batch: Batch, assert_identical: Identical) -> None:
    engine = Newton(case14.network)
    assert_identical(pickle.loads(pickle.dumps(engine)).solve(**batch(case14)), engine.solve(**batch(case14)))
