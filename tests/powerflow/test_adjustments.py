"""Tap positions and capacitor banks that differ within a batch are the networks that have them, element by element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandapower as pp
import pytest

from gridpilot.errors import PhysicsError
from gridpilot.network import Case, Network, from_pandapower, make_network
from gridpilot.powerflow import engine
from gridpilot.powerflow.adjusted import adjusted_network
from gridpilot.powerflow.switched import Switched
from gridpilot.values import PQ, PV, SLACK, Flow, Status

TIGHT = {"tolerance_pu": 1e-11}
BATCH = 11
SHOWN = ("v_re_pu", "v_im_pu", "p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar", "loading", "p_bus_mw", "q_bus_mvar")


def positions(network: Network, seed: int, rows: int = BATCH) -> dict[str, Any]:
    """Ratios of some branches and banks at some buses; in some elements none."""
    draw = np.random.default_rng(seed)
    moved = (draw.random((rows, network.n_branch)) < 0.3) & (draw.random((rows, 1)) < 0.8)
    tap = np.where(moved, network.tap * draw.uniform(0.94, 1.06, moved.shape), network.tap)
    bank = np.where(draw.random((rows, network.n_bus)) < 0.3, draw.uniform(-4.0, 8.0, (rows, network.n_bus)), 0.0)
    return {"tap": tap, "bank_mvar": bank * (draw.random((rows, 1)) < 0.8)}


def asked(batch: Callable[..., dict[str, Any]], case: Case, seed: int) -> dict[str, Any]:
    """Light loads, with a branch out in most elements."""
    draw = np.random.default_rng(seed)
    arguments = batch(case, draw.uniform(0.3, 1.0, BATCH))
    rows = draw.random(BATCH) < 0.6
    arguments["closed"][rows, draw.integers(0, case.network.n_branch, BATCH)[rows]] = False
    return arguments


def rows_of(arguments: dict[str, Any], b: int) -> dict[str, Any]:
    return {name: values[b : b + 1] for name, values in arguments.items()}


def assert_close(found: Flow, expected: Flow, pu: float, base_mva: float) -> None:
    assert (found.status == expected.status).all()
    assert found.usable.all()
    for name in SHOWN:
        scale = base_mva if name[0] in "pq" else 1.0
        assert np.abs(getattr(found, name) - getattr(expected, name)).max() < pu * scale, name
    assert np.abs(found.losses_mw - expected.losses_mw).max() < 10 * pu * base_mva


@pytest.mark.parametrize("loading", ["power", "current"])
@pytest.mark.parametrize("seed", range(8))
def test_an_element_is_the_network_at_its_positions(
    seed: int, loading: str, random_grid: Callable[[int], Case], batch: Callable[..., dict[str, Any]]
) -> None:
    case = random_grid(seed)
    arguments, moved = asked(batch, case, seed), positions(case.network, seed)
    flow = engine("newton", case.network, loading=loading, **TIGHT).solve(**arguments, **moved)
    for b in range(BATCH):
        network = adjusted_network(case.network, moved["tap"][b], moved["bank_mvar"][b])
        alone = engine("newton", network, loading=loading, **TIGHT).solve(**rows_of(arguments, b))
        one = Flow(**{name: getattr(flow, name)[b : b + 1] for name in Flow.__dataclass_fields__})
        assert_close(one, alone, 1e-9, case.network.base_mva)


@pytest.mark.parametrize("seed", range(4))
def test_batch_is_loop(
    seed: int, random_grid: Callable[[int], Case], batch: Callable[..., dict[str, Any]], assert_identical: Callable[..., None]
) -> None:
    case = random_grid(seed + 20)
    solver = engine("newton", case.network)
    arguments = asked(batch, case, seed) | positions(case.network, seed)
    flow = solver.solve(**arguments)
    for b in range(BATCH):
        assert_identical(solver.solve(**rows_of(arguments, b)), flow, slice(b, b + 1))
    turned = solver.solve(**{name: values[::-1].copy() for name, values in arguments.items()})
    assert_identical(turned, flow, slice(None, None, -1))
    warm = solver.solve(**arguments, start=flow)
    for b in range(BATCH):
        start = Flow(**{name: getattr(flow, name)[b : b + 1] for name in Flow.__dataclass_fields__})
        assert_identical(solver.solve(**rows_of(arguments, b), start=start), warm, slice(b, b + 1))


def test_neutral_positions_change_no_bit(
    random_grid: Callable[[int], Case], batch: Callable[..., dict[str, Any]], assert_identical: Callable[..., None]
) -> None:
    """Also right after others: an engine keeps nothing of the call before."""
    case = random_grid(3)
    solver, arguments = engine("newton", case.network), asked(batch, case, 3)
    plain = solver.solve(**arguments)
    solver.solve(**arguments, **positions(case.network, 3))
    assert_identical(solver.solve(**arguments), plain)
    neutral: dict[str, Any] = {"tap": case.network.tap[None], "bank_mvar": np.zeros((1, case.network.n_bus))}
    assert_identical(solver.solve(**arguments, **neutral), plain)


def test_one_row_stands_for_all(case14: Case, batch: Callable[..., dict[str, Any]], assert_identical: Callable[..., None]) -> None:
    solver, moved = engine("newton", case14.network), positions(case14.network, 1)
    arguments = batch(case14, np.linspace(0.5, 1.0, BATCH))
    common: dict[str, Any] = {name: values[:1] if name in ("kind", "v_set_pu", "closed") else values for name, values in arguments.items()}
    one: dict[str, Any] = {name: values[:1] for name, values in moved.items()}
    every: dict[str, Any] = {name: np.repeat(values, BATCH, axis=0) for name, values in one.items()}
    assert_identical(solver.solve(**common, **one), solver.solve(**arguments, **every))
    warm = solver.solve(**batch(case14), **one)
    assert_identical(solver.solve(**common, **one, start=warm), solver.solve(**arguments, **every, start=warm))


@pytest.mark.parametrize("name", ["pandapower", "lightsim2grid"])
def test_the_references_agree(name: str, case14: Case, batch: Callable[..., dict[str, Any]]) -> None:
    arguments, moved = batch(case14, np.linspace(0.5, 1.0, 4)), positions(case14.network, 5, 4)
    found = engine("newton", case14.network, **TIGHT).solve(**arguments, **moved)
    assert_close(found, engine(name, case14.network, **TIGHT).solve(**arguments, **moved), 1e-8, case14.network.base_mva)


def test_dc_follows_taps(case14: Case, batch: Callable[..., dict[str, Any]]) -> None:
    arguments, moved = batch(case14, (0.5, 0.7, 1.0)), positions(case14.network, 5, 3)
    flow = engine("dc", case14.network).solve(**arguments, **moved)
    alone = engine("dc", replace(case14.network, tap=moved["tap"][1])).solve(**rows_of(arguments, 1))
    np.testing.assert_array_equal(flow.p_from_mw[1], alone.p_from_mw[0])
    assert np.abs(flow.p_from_mw[1] - engine("dc", case14.network).solve(**arguments).p_from_mw[1]).max() > 1e-3


def test_tap_pos_and_step_of_pandapower() -> None:
    """Positions of a pandapower net, of which only the ratios and the Mvar are taken over."""
    net = tapped_net()
    case = from_pandapower(net)
    network, draw = case.network, np.random.default_rng(0)
    at = [network.branch(name) for name in network.branch_name if "TR" in name]
    bank_bus = network.bus("B2")
    p, q = case.injections()
    kind, v_set = case.kinds()
    taps, steps = draw.integers(-9, 10, (6, 2)), draw.integers(0, 5, 6)
    tap, bank = np.repeat(network.tap[None], 6, axis=0), np.zeros((6, network.n_bus))
    tap[:, at] = 1.0 + 0.0125 * taps
    bank[:, bank_bus] = 1.5 * steps
    flow = engine("newton", network, **TIGHT).solve(
        p[None], q[None], kind=kind[None], v_set_pu=v_set[None], closed=network.branch_closed[None], tap=tap, bank_mvar=bank
    )
    assert (flow.status == Status.OK).all()
    for b in range(6):
        net.trafo["tap_pos"] = taps[b]
        net.shunt["step"] = steps[b]
        pp.runpp(net, tolerance_mva=1e-9, calculate_voltage_angles=True, lightsim2grid=False)
        v = net.res_bus.vm_pu.to_numpy() * np.exp(1j * np.deg2rad(net.res_bus.va_degree.to_numpy()))
        assert np.abs(flow.v_re_pu[b] + 1j * flow.v_im_pu[b] - v).max() < 1e-8
        trafos = net.res_trafo[["p_hv_mw", "q_hv_mvar", "p_lv_mw", "q_lv_mvar"]].to_numpy()
        mine = np.stack([flow.p_from_mw[b, at], flow.q_from_mvar[b, at], flow.p_to_mw[b, at], flow.q_to_mvar[b, at]], axis=1)
        assert np.abs(mine - trafos).max() / network.base_mva < 1e-8
        assert steps[b] * 1.5 * flow.v_pu[b, bank_bus] ** 2 == pytest.approx(-net.res_shunt.q_mvar[0], abs=1e-6)


def tapped_net() -> Any:
    """Two transformers with tap changers at their high-voltage side feed a loaded ring; a bank stands at one of its buses."""
    net = pp.create_empty_network(sn_mva=10.0)
    high, low, far = (pp.create_bus(net, kv, name=name) for name, kv in (("B0", 110.0), ("B1", 20.0), ("B2", 20.0)))
    pp.create_ext_grid(net, high, vm_pu=1.02)
    for k, bus in enumerate((low, far)):
        pp.create_transformer_from_parameters(
            net, high, bus, sn_mva=25.0, vn_hv_kv=110.0, vn_lv_kv=20.0, vkr_percent=0.4, vk_percent=11.0, pfe_kw=14.0, i0_percent=0.07,
            tap_side="hv", tap_neutral=0, tap_min=-9, tap_max=9, tap_step_percent=1.25, tap_pos=0, tap_changer_type="Ratio", name=f"TR{k}",
        )  # fmt: skip
    pp.create_line_from_parameters(net, low, far, 4.0, r_ohm_per_km=0.2, x_ohm_per_km=0.12, c_nf_per_km=200.0, max_i_ka=0.3, name="L")
    pp.create_load(net, low, 6.0, 2.0)
    pp.create_load(net, far, 8.0, 4.0)
    pp.create_shunt(net, far, q_mvar=-1.5, step=0, max_step=4)
    return net


def test_a_ratio_of_zero_is_refused(case14: Case, batch: Callable[..., dict[str, Any]]) -> None:
    tap, bank = np.zeros((1, case14.network.n_branch)), np.full((1, case14.network.n_bus), np.nan)
    with pytest.raises(PhysicsError, match=r"(?s)tap.*ratios above 0.*bank_mvar"):
        engine("newton", case14.network).solve(**batch(case14), tap=tap, bank_mvar=bank)
    with pytest.raises(PhysicsError, match="expected"):
        engine("newton", case14.network).solve(**batch(case14), tap=tap[:, :3])


def switched_grid(seed: int) -> Network:
    """A ring of six buses with a switch across it, a branch that the switch bridges, and a tapped branch at either end."""
    draw = np.random.default_rng(seed)
    pairs = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (1, 4)]
    branches = [
        {"name": f"L{k}", "a": str(a), "b": str(b), "r_pu": 0.01, "x_pu": draw.uniform(0.03, 0.08), "tap": draw.choice([1.0, 0.98])}
        for k, (a, b) in enumerate(pairs)
    ]
    return make_network(
        "switched", base_mva=100.0, buses=[{"name": str(k), "kv": 20.0} for k in range(6)], branches=branches,
        shunts=[{"name": "S", "bus": "4", "b_mvar": 3.0}], switches=[{"name": "K", "a": "1", "b": "4", "closed": True}],
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_with_switches_that_move(seed: int) -> None:
    network, draw = switched_grid(seed), np.random.default_rng(seed)
    closed = draw.random((BATCH, 1)) < 0.5
    moved = positions(network, seed)
    kind = np.array([[SLACK, PQ, PQ, PV, PQ, PQ]], dtype=np.int8)
    arguments: dict[str, Any] = {
        "p_mw": draw.uniform(-15.0, 5.0, (BATCH, 6)), "q_mvar": draw.uniform(-5.0, 2.0, (BATCH, 6)), "kind": kind,
        "v_set_pu": np.ones((1, 6)), "closed": np.ones((1, 7), dtype=np.bool_),
    }  # fmt: skip
    flow = engine("newton", network, switching=True, **TIGHT).solve(**arguments, **moved, switch_closed=closed)
    for other in (
        Switched(network, lambda still: engine("newton", still, **TIGHT)),
        engine("pandapower", network, switching=True, **TIGHT),
    ):
        assert_close(flow, other.solve(**arguments, **moved, switch_closed=closed), 1e-8, network.base_mva)


def test_what_the_pivots_were_at_fault_for_is_rescued_at_its_positions() -> None:
    """A regulated bus behind nearly no impedance, beside a bus between a coil and a capacitor of the same reactance."""
    impedances = [("A", "C", 0.0, 0.1), ("C", "D", 0.0, -0.1), ("A", "D", 0.01, 0.3), ("D", "E", 0.0, 1e-7)]
    branches = [{"name": a + b, "a": a, "b": b, "r_pu": r, "x_pu": x} for a, b, r, x in impedances]
    network = make_network("compensated", base_mva=100.0, buses=[{"name": name, "kv": 110.0} for name in "ACDE"], branches=branches)
    p, ones = np.array([[0.0, 0.0, -10.0, -20.0]]), np.ones((1, 4))
    arguments: dict[str, Any] = {
        "p_mw": p, "q_mvar": 0.2 * p, "kind": np.array([[SLACK, PQ, PQ, PV]], dtype=np.int8), "v_set_pu": ones,
        "closed": ones.astype(np.bool_),
    }  # fmt: skip
    tap, bank = np.array([[1.0, 1.0, 0.97, 1.0]]), np.array([[0.0, 0.0, 6.0, 0.0]])
    found = engine("newton", network).solve(**arguments, tap=tap, bank_mvar=bank)
    assert found.rescued.all()
    assert_close(found, engine("pandapower", network).solve(**arguments, tap=tap, bank_mvar=bank), 1e-6, 100.0)
