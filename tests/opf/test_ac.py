"""AC-feasible dispatch: it obeys the AC equations and every limit, and costs what the best published solutions cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gridpilot.errors import ConfigError
from gridpilot.network import Case, read_matpower
from gridpilot.opf import AcDispatch, Verdict, ac_dispatch, dc_opf
from gridpilot.powerflow.jacobian import currents
from gridpilot.powerflow.ybus import bus_admittances
from gridpilot.values import Floats

PUBLISHED_USD_PER_H = {
    "case3_lmbd": 5.8126e3,
    "case5_pjm": 1.7552e4,
    "case14_ieee": 2.1781e3,
    "case30_as": 8.0313e2,
    "case30_ieee": 8.2085e3,
    "case39_epri": 1.3842e5,
    "case57_ieee": 3.7589e4,
    "case118_ieee": 9.7214e4,
}
"""Column "AC" of BASELINE.md of PGLib-OPF v23.07, typical operating conditions (PowerModels 0.19.9, Ipopt)."""


def broken_pu(case: Case, found: AcDispatch) -> float:
    """The worst violation, worked out from voltages and admittances alone."""
    network, units, flow = case.network, case.units, found.flow
    assert flow is not None
    v = flow.v_re_pu[0] + 1j * flow.v_im_pu[0]
    s = network.base_mva * v * np.conj(currents(bus_admittances(network, network.branch_closed), v))
    np.add.at(s, case.loads.bus, case.loads.p_mw + 1j * case.loads.q_mvar)
    given = np.zeros(network.n_bus)
    np.add.at(given, units.bus, found.p_mw)
    live = units.in_service
    q_low, q_high = np.zeros(network.n_bus), np.zeros(network.n_bus)
    np.add.at(q_low, units.bus[live], units.q_min_mvar[live])
    np.add.at(q_high, units.bus[live], units.q_max_mvar[live])
    apparent = np.maximum(np.hypot(flow.p_from_mw, flow.q_from_mvar), np.hypot(flow.p_to_mw, flow.q_to_mvar))[0]
    angle = np.angle(v[network.branch_from] / v[network.branch_to])
    parts: tuple[Floats, ...] = (
        np.abs(s.real - given) / network.base_mva,
        (q_low - s.imag) / network.base_mva,
        (s.imag - q_high) / network.base_mva,
        (units.p_min_mw - found.p_mw)[live] / network.base_mva,
        (found.p_mw - units.p_max_mw)[live] / network.base_mva,
        (apparent - network.rating_mva) / network.base_mva,
        np.abs(v) - network.bus_v_max_pu,
        network.bus_v_min_pu - np.abs(v),
        angle - network.angle_max_rad,
        network.angle_min_rad - angle,
    )
    return max(float(part.max()) for part in parts)


@pytest.mark.parametrize("name", PUBLISHED_USD_PER_H)
def test_it_is_feasible_and_costs_what_is_published(pglib: Callable[[str], Case], name: str) -> None:
    case = pglib(name)
    found = ac_dispatch(case)
    assert found.verdict is Verdict.OPTIMAL
    assert broken_pu(case, found) <= 1e-6
    assert found.violations is not None
    assert found.violations.worst <= 1e-6
    # A dispatch that keeps every limit cannot be cheaper than the optimum, beyond the digits printed.
    assert -1e-4 < found.cost_usd_per_h / PUBLISHED_USD_PER_H[name] - 1.0 < 1e-3


def test_it_is_feasible_on_rts_gmlc(shared_data: Path) -> None:
    case = read_matpower(shared_data / "networks" / "rts_gmlc" / "RTS_GMLC.m")
    found = ac_dispatch(case)
    assert found.verdict is Verdict.OPTIMAL
    assert broken_pu(case, found) <= 1e-6
    assert found.cost_usd_per_h > dc_opf(case).cost_usd_per_h


def test_losses_and_reactive_power_cost_something(triangle: Callable[..., Case]) -> None:
    case = triangle(r_pu=0.02)
    found = ac_dispatch(case)
    assert found.verdict is Verdict.OPTIMAL
    assert found.p_mw.sum() > 100.5
    assert found.cost_usd_per_h > dc_opf(case).cost_usd_per_h


def test_a_rating_binds_on_apparent_power(triangle: Callable[..., Case]) -> None:
    case = triangle(rating_mva=50.0)
    found = ac_dispatch(case)
    assert found.verdict is Verdict.OPTIMAL
    assert found.flow is not None
    assert found.flow.loading[0, 1] == pytest.approx(1.0, abs=1e-6)
    assert found.p_mw[0] <= 50.1


def test_what_no_dispatch_can_keep_is_infeasible_and_listed(triangle: Callable[..., Case]) -> None:
    case = triangle()
    tight = replace(case, network=replace(case.network, rating_mva=np.full(3, 30.0)))
    found = ac_dispatch(tight)
    assert found.verdict is Verdict.INFEASIBLE
    assert found.violations is not None
    assert found.violations.loading_pu.max() > 0.05


def test_what_has_no_power_flow_diverged(triangle: Callable[..., Case]) -> None:
    case = triangle()
    found = ac_dispatch(replace(case, loads=replace(case.loads, p_mw=np.array([1e5]))))
    assert found.verdict is Verdict.DIVERGED
    assert found.flow is None
    assert found.cost_usd_per_h == np.inf


def test_a_search_cut_short_does_not_call_itself_optimal(pglib: Callable[[str], Case]) -> None:
    found = ac_dispatch(pglib("case14_ieee"), max_iterations=1)
    assert found.verdict in (Verdict.FEASIBLE, Verdict.INFEASIBLE)
    assert found.iterations == 1


def test_settings_out_of_range_are_refused(triangle: Callable[..., Case]) -> None:
    with pytest.raises(ConfigError, match="max_iterations 0"):
        ac_dispatch(triangle(), max_iterations=0)
