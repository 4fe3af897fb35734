"""DC optimal power flow: the published optima, optima known by hand, and honest endings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gridpilot.errors import CaseError, ConfigError
from gridpilot.network import Case, read_matpower
from gridpilot.opf import Verdict, dc_opf
from gridpilot.opf.cost import hourly_cost

PUBLISHED_USD_PER_H = {
    "case3_lmbd": "5.6959e+03",
    "case5_pjm": "1.7480e+04",
    "case14_ieee": "2.0515e+03",
    "case24_ieee_rts": "6.1001e+04",
    "case30_as": "7.6760e+02",
    "case30_ieee": "7.4728e+03",
    "case39_epri": "1.3689e+05",
    "case57_ieee": "3.4773e+04",
    "case73_ieee_rts": "1.8300e+05",
    "case118_ieee": "9.3101e+04",
    "case300_ieee": "5.1785e+05",
}
"""Column "DC" of BASELINE.md of PGLib-OPF v23.07, typical operating conditions (PowerModels 0.19.9, Ipopt)."""


@pytest.mark.parametrize("name", PUBLISHED_USD_PER_H)
def test_cost_is_the_published_one_to_every_printed_digit(pglib: Callable[[str], Case], name: str) -> None:
    found = dc_opf(pglib(name))
    assert found.verdict is Verdict.OPTIMAL
    assert found.gap <= 1e-7
    assert f"{found.cost_usd_per_h:.4e}" == PUBLISHED_USD_PER_H[name]


def test_a_dispatch_obeys_what_it_was_asked_to(pglib: Callable[[str], Case]) -> None:
    case = pglib("case118_ieee")
    network, units, found = case.network, case.units, dc_opf(case)
    live = units.in_service
    assert (found.p_mw >= np.where(live, units.p_min_mw, 0.0) - 1e-6).all()
    assert (found.p_mw <= np.where(live, units.p_max_mw, 0.0) + 1e-6).all()
    assert (np.abs(found.p_from_mw) <= network.rating_mva + 1e-6).all()
    angle = found.angle_rad
    law = network.x_pu / (network.r_pu**2 + network.x_pu**2) * (angle[network.branch_from] - angle[network.branch_to])
    assert np.allclose(found.p_from_mw, network.base_mva * law, atol=1e-6)
    balance = np.zeros(network.n_bus)
    np.add.at(balance, units.bus, found.p_mw)
    np.subtract.at(balance, case.loads.bus, case.loads.p_mw)
    np.subtract.at(balance, network.shunt_bus, network.shunt_g_mw)
    np.subtract.at(balance, network.branch_from, found.p_from_mw)
    np.add.at(balance, network.branch_to, found.p_from_mw)
    assert np.abs(balance).max() < 1e-6
    assert found.cost_usd_per_h == pytest.approx(hourly_cost(units, found.p_mw).sum())


def test_without_congestion_the_cheap_unit_serves_all_at_its_marginal_cost(triangle: Callable[..., Case]) -> None:
    found = dc_opf(triangle())
    assert np.allclose(found.p_mw, [100.0, 0.0], atol=1e-6)
    assert found.cost_usd_per_h == pytest.approx(0.01 * 100**2 + 20 * 100 + 5)
    assert np.allclose(found.price_usd_per_mwh, 22.0, atol=0.02)


def test_a_binding_line_divides_the_prices(triangle: Callable[..., Case]) -> None:
    """Of A's power two thirds go over AC, of B's one third: at 50 MVA, A can give 50 MW."""
    found = dc_opf(triangle(rating_mva=50.0))
    assert np.allclose(found.p_mw, [50.0, 50.0], atol=1e-4)
    assert found.p_from_mw[1] == pytest.approx(50.0)
    a, b, c = found.price_usd_per_mwh
    assert (a, b) == pytest.approx((21.0, 50.0), abs=0.02)
    assert c == pytest.approx(2 * b - a, abs=0.05)  # one more MW at C takes two more at B and one less at A


def test_the_price_is_what_one_more_megawatt_costs(triangle: Callable[..., Case]) -> None:
    case = triangle(rating_mva=50.0)
    more = replace(case, loads=replace(case.loads, p_mw=case.loads.p_mw + 0.5))
    rise = dc_opf(more).cost_usd_per_h - dc_opf(case).cost_usd_per_h
    assert rise / 0.5 == pytest.approx(dc_opf(case).price_usd_per_mwh[2], rel=0.01)


def test_angle_limits_bind_like_ratings(triangle: Callable[..., Case]) -> None:
    """0.05 rad over 0.1 pu are 50 MW."""
    limit = np.rad2deg(0.05)
    by_angle, by_rating = dc_opf(triangle(angle_min_deg=-limit, angle_max_deg=limit)), dc_opf(triangle(rating_mva=50.0))
    assert np.allclose(by_angle.p_mw, by_rating.p_mw, atol=1e-4)


def test_piecewise_costs_are_met_exactly(triangle: Callable[..., Case]) -> None:
    units = [{"bus": "A", "cost_points": ((0.0, 10.0), (60.0, 610.0), (200.0, 9010.0))}, {"bus": "B", "cost": (30.0, 0.0)}]
    found = dc_opf(triangle(units=units))
    assert np.allclose(found.p_mw, [60.0, 40.0], atol=1e-6)
    assert found.cost_usd_per_h == pytest.approx(610.0 + 1200.0)
    assert found.gap == pytest.approx(0.0, abs=1e-9)


def test_a_falling_slope_is_bounded_from_below_and_the_gap_says_by_how_much(triangle: Callable[..., Case]) -> None:
    units = [{"bus": "A", "cost_points": ((0.0, 0.0), (100.0, 4000.0), (200.0, 5000.0))}, {"bus": "B", "cost": (60.0, 0.0)}]
    found = dc_opf(triangle(units=units))
    assert found.verdict is Verdict.FEASIBLE
    assert found.cost_usd_per_h == pytest.approx(4000.0)
    assert found.gap == pytest.approx((4000.0 - 2500.0) / 4000.0)


def test_units_out_of_service_give_and_cost_nothing(triangle: Callable[..., Case]) -> None:
    case = triangle()
    off = replace(case, units=replace(case.units, in_service=np.array([False, True])))
    found = dc_opf(off)
    assert np.allclose(found.p_mw, [0.0, 100.0])
    assert found.cost_usd_per_h == pytest.approx(5000.0)


def test_dc_lines_keep_their_transfer(shared_data: Path) -> None:
    case = read_matpower(shared_data / "networks" / "rts_gmlc" / "RTS_GMLC.m")
    kept = np.array([fuel == "dcline" for fuel in case.units.fuel])
    assert kept.any()
    found = dc_opf(case)
    assert found.verdict is Verdict.OPTIMAL
    assert np.array_equal(found.p_mw[kept], case.units.p_mw[kept])


def test_demand_beyond_all_units_has_no_dispatch(triangle: Callable[..., Case]) -> None:
    case = triangle()
    found = dc_opf(replace(case, loads=replace(case.loads, p_mw=np.array([500.0]))))
    assert found.verdict is Verdict.INFEASIBLE
    assert found.cost_usd_per_h == np.inf


def test_a_cost_that_falls_without_end_is_called_so(triangle: Callable[..., Case]) -> None:
    paid = {"name": "paid", "bus": "A", "cost": (-1.0, 0.0), "p_max_mw": np.inf}
    units = [paid, {"name": "sink", "bus": "A", "cost": (0.0, 0.0), "p_min_mw": -np.inf}]
    assert dc_opf(triangle(units=units)).verdict is Verdict.UNBOUNDED


def test_a_polynomial_that_bends_down_is_refused_by_name(triangle: Callable[..., Case]) -> None:
    with pytest.raises(CaseError, match="unit GA: has a polynomial cost whose slope falls"):
        dc_opf(triangle(units=[{"bus": "A", "cost": (-0.1, 20.0, 0.0)}]))


def test_settings_out_of_range_are_refused(triangle: Callable[..., Case]) -> None:
    with pytest.raises(ConfigError, match="gap 0"):
        dc_opf(triangle(), gap=0.0)


def test_too_few_rounds_leave_a_gap_and_say_so(pglib: Callable[[str], Case]) -> None:
    found = dc_opf(pglib("case30_as"), max_rounds=1)
    assert found.verdict is Verdict.FEASIBLE
    assert found.gap > 1e-7
