"""The pivoting solver finds what the engine finds, and what an engine without pivoting cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandapower.networks
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.network import Case, Network, from_pandapower, make_network
from gridpilot.powerflow.jacobian import currents
from gridpilot.powerflow.newton import Newton
from gridpilot.powerflow.pandapower import Pandapower
from gridpilot.powerflow.rescue import Rescued, rescue
from gridpilot.powerflow.ybus import bus_admittances
from gridpilot.values import PQ, PV, SLACK


def rescued(case: Case, scale: float = 1.0, iterations: int = 30, tolerance_pu: float = 1e-9) -> Rescued:
    """From nominal voltage."""
    n = case.network.n_bus
    (p, q), (kind, v_set) = case.injections(), case.kinds()
    flat, whole = np.ones(n, dtype=np.complex128), np.ones(n, dtype=np.bool_)
    return rescue(case.network, scale * p, scale * q, kind, v_set, case.network.branch_closed, whole, flat, tolerance_pu, iterations)


def solved(network: Network, p_mw: list[float], kind: list[int], start: Any = None) -> Rescued:
    n = network.n_bus
    start = np.ones(n, dtype=np.complex128) if start is None else start
    codes, whole = np.array(kind, dtype=np.int8), np.ones(n, dtype=np.bool_)
    return rescue(network, np.array(p_mw), np.zeros(n), codes, np.ones(n), network.branch_closed, whole, start, 1e-9, 30)


def grid(*lines: tuple[str, str, float, float]) -> Network:
    names = sorted({end for a, b, _, _ in lines for end in (a, b)})
    branches = [{"name": f"{a}{b}", "a": a, "b": b, "r_pu": r, "x_pu": x} for a, b, r, x in lines]
    return make_network("small", base_mva=100.0, buses=[{"name": name, "kv": 110.0} for name in names], branches=branches)


def residual_pu(network: Network, found: Rescued, p_mw: list[float], free: list[int]) -> float:
    s = found.v * np.conj(currents(bus_admittances(network, network.branch_closed), found.v))
    return float(np.abs(s[free] - np.array(p_mw)[free] / network.base_mva).max())


@pytest.mark.parametrize("name", ["case14", "case118"])
def test_voltages_are_those_of_pandapower(name: str, batch: Callable[..., Any]) -> None:
    case = from_pandapower(getattr(pandapower.networks, name)())
    found, theirs = rescued(case, tolerance_pu=1e-11), Pandapower(case.network, tolerance_pu=1e-11).solve(**batch(case))
    assert found.converged
    assert np.abs(found.v - (theirs.v_re_pu[0] + 1j * theirs.v_im_pu[0])).max() < 1e-8


@given(seed=st.integers(0, 10**6))
def test_solution_is_that_of_the_engine(random_grid: Callable[[int], Case], batch: Callable[..., Any], seed: int) -> None:
    case = random_grid(seed)
    flow = Newton(case.network, tolerance_pu=1e-10).solve(**batch(case))
    found = rescued(case)
    assert found.converged
    assert np.allclose(found.v, flow.v_re_pu[0] + 1j * flow.v_im_pu[0], atol=1e-7)


def test_a_bus_without_admittance_of_its_own_needs_a_pivot_and_gets_one() -> None:
    """Bus B stands between a coil and a capacitor of the same reactance: at no load its whole Jacobian block is zero."""
    network = grid(("A", "B", 0.0, 0.1), ("B", "C", 0.0, -0.1), ("A", "C", 0.01, 0.3))
    assert bus_admittances(network, network.branch_closed)[1, 1] == 0
    p_mw = [0.0, 0.0, -20.0]
    found = solved(network, p_mw, [SLACK, PQ, PQ])
    assert found.converged
    assert residual_pu(network, found, p_mw, [1, 2]) < 1e-9


def test_near_zero_impedances_keep_their_ends_together() -> None:
    """1e-5 Ω at 110 kV, between ordinary lines."""
    tiny = 1e-5 / 121.0
    network = grid(("A", "B", 0.01, 0.1), ("B", "C", 0.0, tiny), ("C", "D", 0.01, 0.1))
    p_mw = [0.0, -10.0, -10.0, -10.0]
    found = solved(network, p_mw, [SLACK, PQ, PQ, PQ])
    assert found.residual_pu < 1e-7
    assert abs(found.v[1] - found.v[2]) < 1e-6
    joined = solved(grid(("A", "B", 0.01, 0.1), ("B", "D", 0.01, 0.1)), [0.0, -20.0, -10.0], [SLACK, PQ, PQ])
    assert np.allclose(found.v[[0, 1, 3]], joined.v, atol=1e-6)


def test_a_bad_start_is_damped_instead_of_thrown_away(case14: Case) -> None:
    far = np.exp(1j * np.linspace(0.0, 1.0, 14)) * 0.7
    (p, q), (kind, v_set) = case14.injections(), case14.kinds()
    whole = np.ones(14, dtype=np.bool_)
    arguments = (case14.network, p, q, kind, v_set, case14.network.branch_closed, whole, far, 1e-9, 60)
    found = rescue(*arguments)
    assert found.converged
    assert np.allclose(found.v, rescued(case14).v, atol=1e-7)


def test_held_magnitudes_stand_exactly_and_dead_buses_at_zero(case14: Case) -> None:
    (p, q), (kind, v_set) = case14.injections(), case14.kinds()
    closed = case14.network.branch_closed.copy()
    cut = (case14.network.branch_from == 13) | (case14.network.branch_to == 13)
    closed[cut] = False
    live = np.arange(14) != 13
    found = rescue(case14.network, p, q, kind, v_set, closed, live, np.ones(14, dtype=np.complex128), 1e-9, 30)
    assert found.converged
    held = (kind == PV) | (kind == SLACK)
    assert np.allclose(np.abs(found.v[held]), v_set[held], rtol=0, atol=1e-14)
    assert found.v[13] == 0


def test_what_has_no_solution_is_not_called_one(case14: Case) -> None:
    found = rescued(case14, scale=50.0)
    assert not found.converged
    assert np.isfinite(found.residual_pu)
    assert found.residual_pu > 1e-3


def test_a_number_that_is_none_ends_it(case14: Case) -> None:
    broken = replace(case14, loads=replace(case14.loads, p_mw=np.full_like(case14.loads.p_mw, np.nan)))
    found = rescued(broken)
    assert not found.converged
    assert found.iterations == 0


def test_no_iteration_is_taken_from_a_solution(case14: Case) -> None:
    start = rescued(case14)
    (p, q), (kind, v_set) = case14.injections(), case14.kinds()
    whole = np.ones(14, dtype=np.bool_)
    again = rescue(case14.network, p, q, kind, v_set, case14.network.branch_closed, whole, start.v, 1e-8, 30)
    assert again.iterations == 0
    assert again.converged
