"""Cheap or secure: three dispatches of one grid after the loss of every branch (N-1), and under a thousand other loads."""

from dataclasses import replace

import numpy as np

from gridpilot.network import Case, load_case
from gridpilot.opf import ac_dispatch
from gridpilot.opf.cost import hourly_cost
from gridpilot.powerflow import engine
from gridpilot.powerflow.contingency import contingencies, solve_points
from gridpilot.powerflow.outages import n_minus_one
from gridpilot.powerflow.ranking import ranking
from gridpilot.powerflow.sweep import Sweep

OTHERS = 1024


def rated(case: Case, share: float) -> Case:
    """The case, which has no ratings, with 160 MVA on the two lines of the power station and 90 MVA elsewhere, or a share of that."""
    at_station = case.network.branch_from == case.slack_bus[0]
    return replace(case, network=replace(case.network, rating_mva=share * np.where(at_station, 160.0, 90.0)))


def cheapest(case: Case) -> Case:
    found = ac_dispatch(case)
    units = replace(case.units, p_mw=found.p_mw, v_set_pu=found.v_set_pu[case.units.bus])
    return replace(case, units=units, slack_v_pu=found.v_set_pu[case.slack_bus])


def examine(name: str, case: Case) -> None:
    network, (p_mw, q_mvar), (kind, v_set_pu) = case.network, case.injections(), case.kinds()
    solver = engine("newton", network)
    points = solve_points(
        solver, p_mw=p_mw[None], q_mvar=q_mvar[None], kind=kind[None], v_set_pu=v_set_pu[None], closed=network.branch_closed[None]
    )
    found = contingencies(solver, network, points, n_minus_one(network))
    worst = ranking(found, network, top=1)[0]

    factor = np.random.default_rng(0).normal(1.0, 0.1, (OTHERS, len(case.loads.bus)))
    units_mw = np.tile(case.units.p_mw, (OTHERS, 1))
    others = Sweep(case, OTHERS).solve(case.loads.p_mw * factor, case.loads.q_mvar * factor, units_mw)

    cost, loading = hourly_cost(case.units, case.units.p_mw).sum(), points.base.loading.max()
    print(f"{name:27} {cost:6,.0f} {loading:8.0%} {(found.overloads > 0).sum():8} of {len(found.outages)}", end="")
    print(f" {(others.loading > 1.0).any(axis=1).mean():15.0%}   {worst.outage} is lost: {worst.branch} at {worst.loading:.0%}")


published = load_case("case14")
print(f"{'dispatch':27} {'USD/h':>6} {'loading':>8} {'bad outages':>14} {'bad other loads':>15}   worst outage")
examine("as published", rated(published, 1.0))
examine("cheapest", rated(cheapest(rated(published, 1.0)), 1.0))
examine("cheapest with 15 % to spare", rated(cheapest(rated(published, 0.85)), 1.0))
