"""The AC engine's solution is one of the grid, not of its description: units, order, names and directions change nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gridpilot.network import Case, Network
from gridpilot.powerflow.newton import Newton
from gridpilot.values import Flow, ReactiveLimits

Grids = Callable[[int], Case]
Batch = Callable[..., dict[str, Any]]
Complexes = NDArray[np.complex128]
seeds = st.integers(0, 10**6)
AGREEMENT_PU, AGREEMENT_MVA = 1e-9, 1e-7
PER_BRANCH = (
    "branch_kind", "branch_from", "branch_to", "r_pu", "x_pu", "g_from_pu", "b_from_pu", "g_to_pu", "b_to_pu",
    "tap", "shift_rad", "rating_mva", "angle_min_rad", "angle_max_rad", "branch_closed",
)  # fmt: skip
FLOWS = "p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar"
INJECTIONS = "p_bus_mw", "q_bus_mvar"


def voltage(flow: Flow) -> Complexes:
    return np.asarray(flow.v_re_pu + 1j * flow.v_im_pu)


def solve(network: Network, arguments: dict[str, Any]) -> Flow:
    return Newton(network, tolerance_pu=1e-12).solve(**arguments)


def extras(seed: int, shape: tuple[int, int]) -> dict[str, Any]:
    """Tight reactive limits and shares in the balance, or nothing."""
    draw = np.random.default_rng(seed)
    if draw.random() < 0.5:
        return {}
    limits = ReactiveLimits(draw.uniform(-15, -2, shape), draw.uniform(2, 15, shape))
    return {"limits": limits, "share": draw.uniform(0, 1, shape)}


@given(seed=seeds, factor=st.sampled_from([0.01, 0.1, 3.0, 100.0]))
def test_another_base_is_the_same_grid(random_grid: Grids, batch: Batch, seed: int, factor: float) -> None:
    case = random_grid(seed)
    network, arguments = case.network, batch(case, [1.0, 0.7])
    arguments |= extras(seed, arguments["p_mw"].shape)
    impedances = {name: factor * getattr(network, name) for name in ("r_pu", "x_pu")}
    admittances = {name: getattr(network, name) / factor for name in ("g_from_pu", "b_from_pu", "g_to_pu", "b_to_pu")}
    rebased = replace(network, base_mva=factor * network.base_mva, **impedances, **admittances)
    one, other = solve(network, arguments), solve(rebased, arguments)
    assert np.abs(voltage(one) - voltage(other)).max() <= AGREEMENT_PU
    for name in (*FLOWS, *INJECTIONS, "losses_mw", "loading"):
        assert np.abs(getattr(one, name) - getattr(other, name)).max() <= AGREEMENT_MVA, name


@given(seed=seeds, factor=st.sampled_from([1e-3, 0.25, 8.0, 1e4]))
def test_a_grid_for_more_power_is_the_same_in_per_unit(random_grid: Grids, batch: Batch, seed: int, factor: float) -> None:
    case = random_grid(seed)
    network, arguments = case.network, batch(case, [1.0, 0.7])
    powers = {name: factor * getattr(network, name) for name in ("shunt_g_mw", "shunt_b_mvar", "rating_mva")}
    larger = replace(network, base_mva=factor * network.base_mva, **powers)
    scaled = {**arguments, "p_mw": factor * arguments["p_mw"], "q_mvar": factor * arguments["q_mvar"]}
    one, other = solve(network, arguments), solve(larger, scaled)
    assert np.abs(voltage(one) - voltage(other)).max() <= AGREEMENT_PU
    assert np.abs(one.loading - other.loading).max() <= AGREEMENT_PU
    for name in (*FLOWS, *INJECTIONS, "losses_mw", "residual_mva"):
        assert np.abs(factor * getattr(one, name) - getattr(other, name)).max() <= AGREEMENT_MVA * factor, name


@given(seed=seeds)
def test_order_and_names_are_of_no_account(random_grid: Grids, batch: Batch, seed: int) -> None:
    case, draw = random_grid(seed), np.random.default_rng(seed)
    network, arguments = case.network, batch(case, [1.0, 0.7])
    arguments |= extras(seed, arguments["p_mw"].shape)
    bus, branch = draw.permutation(network.n_bus), draw.permutation(network.n_branch)
    place = np.argsort(bus)
    columns = {name: getattr(network, name)[branch] for name in PER_BRANCH}
    columns |= {name: place[columns[name]] for name in ("branch_from", "branch_to")}
    per_bus = {name: getattr(network, name)[bus] for name in ("bus_kv", "bus_v_min_pu", "bus_v_max_pu", "bus_xy")}
    shuffled = replace(
        network,
        bus_name=tuple(f"bus {k}" for k in bus),
        branch_name=tuple(f"branch {k}" for k in branch),
        shunt_bus=place[network.shunt_bus],
        **columns,
        **per_bus,
    )
    moved = {name: value[:, branch if name == "closed" else bus] for name, value in arguments.items() if name != "limits"}
    if "limits" in arguments:
        moved["limits"] = ReactiveLimits(arguments["limits"].q_min_mvar[:, bus], arguments["limits"].q_max_mvar[:, bus])
    one, other = solve(network, arguments), solve(shuffled, moved)
    assert np.abs(voltage(one)[:, bus] - voltage(other)).max() <= AGREEMENT_PU
    for name in INJECTIONS:
        assert np.abs(getattr(one, name)[:, bus] - getattr(other, name)).max() <= AGREEMENT_MVA, name
    for name in (*FLOWS, "loading"):
        assert np.abs(getattr(one, name)[:, branch] - getattr(other, name)).max() <= AGREEMENT_MVA, name


@given(seed=seeds)
def test_a_branch_read_from_its_other_end_is_the_same_branch(random_grid: Grids, batch: Batch, seed: int) -> None:
    case, draw = random_grid(seed), np.random.default_rng(seed)
    network, arguments = case.network, batch(case)
    turned = draw.random(network.n_branch) < 0.5
    # an ideal transformer moves through a π-section: its impedances grow by the square of the ratio
    square = np.where(turned, network.tap**2, 1.0)

    def swapped(name: str, other: str) -> Any:
        return np.where(turned, getattr(network, other), getattr(network, name))

    other_way = replace(
        network,
        branch_from=swapped("branch_from", "branch_to"),
        branch_to=swapped("branch_to", "branch_from"),
        g_from_pu=swapped("g_from_pu", "g_to_pu") / square,
        b_from_pu=swapped("b_from_pu", "b_to_pu") / square,
        g_to_pu=swapped("g_to_pu", "g_from_pu") / square,
        b_to_pu=swapped("b_to_pu", "b_from_pu") / square,
        r_pu=network.r_pu * square,
        x_pu=network.x_pu * square,
        tap=np.where(turned, 1.0 / network.tap, network.tap),
        shift_rad=np.where(turned, -network.shift_rad, network.shift_rad),
    )
    one, other = solve(network, arguments), solve(other_way, arguments)
    assert np.abs(voltage(one) - voltage(other)).max() <= AGREEMENT_PU
    for name, reverse in zip(FLOWS, (*FLOWS[2:], *FLOWS[:2]), strict=True):
        expected = np.where(turned, getattr(one, reverse), getattr(one, name))
        assert np.abs(expected - getattr(other, name)).max() <= AGREEMENT_MVA, name


@given(seed=seeds)
def test_two_circuits_carry_what_one_of_half_the_impedance_does(random_grid: Grids, batch: Batch, seed: int) -> None:
    case = random_grid(seed)
    network, arguments = case.network, batch(case)
    ends = {name: 0.5 * getattr(network, name) for name in ("g_from_pu", "b_from_pu", "g_to_pu", "b_to_pu")}
    circuit = replace(network, r_pu=2 * network.r_pu, x_pu=2 * network.x_pu, **ends)
    columns: dict[str, Any] = {name: np.tile(getattr(circuit, name), 2) for name in PER_BRANCH}
    doubled = replace(circuit, branch_name=(*network.branch_name, *(f"{name} second" for name in network.branch_name)), **columns)
    one = solve(network, arguments)
    two = solve(doubled, {**arguments, "closed": np.tile(arguments["closed"], 2)})
    assert np.abs(voltage(one) - voltage(two)).max() <= AGREEMENT_PU
    for name in FLOWS:
        first, second = np.split(getattr(two, name), 2, axis=1)
        assert np.abs(first + second - getattr(one, name)).max() <= AGREEMENT_MVA, name
