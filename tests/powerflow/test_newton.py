"""The AC engine obeys the physics, and its results do not depend on what is solved beside them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gridpilot.errors import ConfigError, PhysicsError
from gridpilot.network import Case, Network, make_network, trip
from gridpilot.powerflow.newton import Newton
from gridpilot.powerflow.ybus import bus_admittances
from gridpilot.values import OFF, PQ, PV, SLACK, Flow, Status

Grids = Callable[[int], Case]
Batch = Callable[..., dict[str, Any]]
Complexes = NDArray[np.complex128]
seeds = st.integers(0, 10**6)


def voltage(flow: Flow) -> Complexes:
    return np.asarray(flow.v_re_pu + 1j * flow.v_im_pu)


def values(flow: Flow) -> dict[str, NDArray[Any]]:
    return {field.name: getattr(flow, field.name) for field in fields(flow)}


def rows(arguments: dict[str, Any], which: Any) -> dict[str, Any]:
    return {name: value[which] for name, value in arguments.items()}


def assert_identical(a: Flow, b: Flow, which: Any = slice(None)) -> None:
    """Every bit of `a` is that of the elements `which` of `b`."""
    for name, value in values(a).items():
        assert value.tobytes() == values(b)[name][which].tobytes(), name


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


def mixed_batch(case: Case, batch: Batch, seed: int, size: int) -> dict[str, Any]:
    """Elements of every sort: usual, overloaded, with NaN, with outages, with unbuilt buses and another slack."""
    draw = np.random.default_rng(seed)
    n, m = case.network.n_bus, case.network.n_branch
    arguments = batch(case, draw.uniform(0.5, 1.5, (size, n)))
    for row in range(size):
        sort = draw.integers(0, 7)
        if sort == 1:
            arguments["p_mw"][row] -= 1e5
        elif sort == 2:
            arguments["p_mw"][row, draw.integers(n)] = np.nan
        elif sort == 3:
            arguments["closed"][row, draw.integers(m)] = False
        elif sort == 4:
            arguments["kind"][row, draw.integers(n)] = OFF
        elif sort == 5:
            arguments["kind"][row, draw.integers(n)] = SLACK
        elif sort == 6:
            arguments["closed"][row] = draw.random(m) < 0.5
    return arguments


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


# ------------------------------------------------------------------------------- batch, place and start


@settings(max_examples=25)
@given(seed=seeds, size=st.integers(1, 9), warm=st.booleans())
def test_batch_is_the_loop_bit_for_bit_in_any_order(random_grid: Grids, batch: Batch, seed: int, size: int, warm: bool) -> None:
    case = random_grid(seed)
    engine = Newton(case.network)
    arguments = mixed_batch(case, batch, seed, size)
    start = engine.solve(**mixed_batch(case, batch, seed + 1, size)) if warm else None

    def started(which: Any) -> Flow | None:
        return None if start is None else Flow(**{name: value[which] for name, value in values(start).items()})

    together = engine.solve(**arguments, start=start)
    for row in range(size):
        alone = engine.solve(**rows(arguments, [row]), start=started([row]))
        assert_identical(alone, together, [row])
    order = np.random.default_rng(seed).permutation(size)
    assert_identical(engine.solve(**rows(arguments, order), start=started(order)), together, order)


@given(seed=seeds)
def test_every_output_is_finite_whatever_goes_in(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = random_grid(seed)
    arguments = mixed_batch(case, batch, seed, 8)
    flow = Newton(case.network).solve(**arguments)
    assert all(np.isfinite(value).all() for value in values(flow).values())
    # an unusable element carries nothing, and stands at its start
    assert not flow.p_from_mw[~flow.usable].any()
    assert np.allclose(flow.v_pu[~flow.usable], np.where(flow.energised[~flow.usable], flow.v_pu[~flow.usable], 0.0))
    assert np.array_equal(flow.status == Status.NON_FINITE, np.isnan(np.where(arguments["kind"] == OFF, 0, arguments["p_mw"])).any(axis=1))


@given(seed=seeds)
def test_warm_and_cold_start_lead_to_the_same_solution(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = random_grid(seed)
    engine = Newton(case.network, tolerance_pu=1e-11)
    start = engine.solve(**batch(case))
    cold, warm = engine.solve(**batch(case, [1.1])), engine.solve(**batch(case, [1.1]), start=start)
    assert np.allclose(voltage(cold), voltage(warm), atol=1e-9, rtol=0)
    assert engine.solve(**batch(case), start=start).iterations[0] == 0


def test_a_start_that_leads_nowhere_is_tried_again_cold() -> None:
    # at half the nominal voltage the Jacobian of a lossless line is singular
    engine = Newton(two_buses())
    arguments = two_bus_arguments(-200.0)
    good = engine.solve(**arguments)
    stuck = replace(good, v_re_pu=np.array([[1.0, 0.5]]), v_im_pu=np.zeros((1, 2)))
    assert_identical(replace(engine.solve(**arguments, start=stuck), iterations=good.iterations), good)


# ----------------------------------------------------------------------------------- outages and islands


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
        **{name: getattr(network, name)[kept] for name in (*names, "rating_mva", "branch_closed")},
    )
    arguments["closed"] = arguments["closed"][:, kept]
    without = Newton(smaller, tolerance_pu=1e-11).solve(**arguments)
    assert flow.status[0] == without.status[0]
    assert np.allclose(voltage(flow), voltage(without), atol=1e-10, rtol=0)
    assert np.allclose(flow.p_from_mw[:, kept], without.p_from_mw, atol=1e-8, rtol=0)
    assert flow.p_from_mw[0, gone] == flow.q_to_mvar[0, gone] == flow.loading[0, gone] == 0.0


def test_tripped_network_and_open_branch_agree(case14: Case, batch: Batch) -> None:
    tripped = trip(case14.network, case14.network.branch_name[2])
    arguments = batch(replace(case14, network=tripped))
    assert_identical(Newton(tripped).solve(**arguments), Newton(case14.network).solve(**arguments))


def test_an_island_without_source_is_dead_and_the_rest_lives() -> None:
    names = ("source", "near", "far", "end")
    network = make_network(
        "chain",
        base_mva=100.0,
        buses=[{"name": name, "kv": 20.0} for name in names],
        branches=[{"name": f"{a}-{b}", "a": a, "b": b, "x_pu": 0.1} for a, b in zip(names, names[1:], strict=False)],
    )
    arguments = {
        "p_mw": np.array([[0.0, -10.0, 5.0, -7.0]]),
        "q_mvar": np.zeros((1, 4)),
        "kind": np.array([[SLACK, PQ, PV, PQ]], dtype=np.int8),
        "v_set_pu": np.ones((1, 4)),
        "closed": np.array([[True, False, True]]),
    }
    flow = Newton(network).solve(**arguments)
    assert flow.status[0] == Status.ISLANDED and flow.usable[0]
    assert flow.energised[0].tolist() == [True, True, False, False]
    assert flow.v_pu[0, 2:].tolist() == [0.0, 0.0]
    assert not flow.p_from_mw[0, 1:].any() and not flow.p_bus_mw[0, 2:].any() and not flow.q_bus_mvar[0, 2:].any()
    assert flow.p_bus_mw[0, 0] == pytest.approx(10.0, abs=1e-5)


@given(seed=seeds)
def test_an_unbuilt_bus_is_not_there(random_grid: Grids, batch: Batch, seed: int) -> None:
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
        assert flow.status[0] == Status.OK and without.status[0] == Status.ISLANDED


def test_a_grid_without_slack_is_dead_not_an_error(case14: Case, batch: Batch) -> None:
    arguments = batch(case14)
    arguments["kind"][:] = PQ
    flow = Newton(case14.network).solve(**arguments)
    assert flow.status[0] == Status.ISLANDED
    assert not flow.energised.any() and not flow.v_pu.any() and flow.losses_mw[0] == 0.0


# --------------------------------------------------------------------------------- statuses and refusals


def test_beyond_the_nose_there_is_no_solution() -> None:
    # a lossless line carries at most v² / 2x at unity power factor: 500 MW here
    engine = Newton(two_buses(x_pu=0.1))
    assert engine.solve(**two_bus_arguments(-499.0)).status[0] == Status.OK
    beyond = engine.solve(**two_bus_arguments(-501.0))
    assert beyond.status[0] == Status.DIVERGED
    assert beyond.residual_mva[0] > 1e-6


def test_a_solution_far_below_nominal_is_told() -> None:
    # drawing q over a reactance: v² − v + q x = 0, whose larger root is below one half only past the nose,
    # so the load leads there by a start at the lower root and a source that is low itself
    arguments = two_bus_arguments(-1.0)
    arguments["v_set_pu"][:] = 0.45
    flow = Newton(two_buses()).solve(**arguments)
    assert flow.status[0] == Status.LOW_VOLTAGE and not flow.usable[0]


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
def test_a_number_that_is_none_is_told(case14: Case, batch: Batch, where: str, value: float) -> None:
    arguments = batch(case14, [1.0, 1.0])
    arguments[where][1, case14.slack_bus[0]] = value
    flow = Newton(case14.network).solve(**arguments)
    assert flow.status.tolist() == [Status.OK, Status.NON_FINITE]
    assert_identical(Newton(case14.network).solve(**batch(case14)), flow, [0])


def test_wrong_shapes_are_all_named(case14: Case, batch: Batch) -> None:
    arguments = batch(case14)
    arguments["q_mvar"], arguments["closed"] = np.zeros((1, 3)), np.ones((2, 20), dtype=np.bool_)
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


def test_an_engine_can_be_sent_to_another_process(case14: Case, batch: Batch) -> None:
    engine = Newton(case14.network)
    assert_identical(pickle.loads(pickle.dumps(engine)).solve(**batch(case14)), engine.solve(**batch(case14)))
