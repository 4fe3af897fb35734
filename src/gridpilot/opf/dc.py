"""DC optimal power flow of a case: the cheapest dispatch in the DC approximation, by linear programs.

    minimise Σ cost(p_g)   over unit outputs p_g, angles θ and branch flows p_ft in MW
    p_ft = base · x / (r² + x²) · (θ_f − θ_t)          |p_ft| ≤ rating,   θ limits of the branch
    Σ_g p_g − Σ demand − Σ shunt conductance = Σ flows out of the bus,    θ = 0 at slack buses

This is the DC formulation behind the published baselines of PGLib-OPF (`DCPPowerModel` of PowerModels.jl): a branch has the
susceptance of its series impedance, off-nominal taps and phase shifts are left out, shunt conductance draws its power at
1 pu, and constant terms of a cost count. Curved costs are approached from below by tangents (`gridpilot.opf.cost`).

Sources: S. Babaeinejadsarookolaee et al., "The Power Grid Library for Benchmarking AC Optimal Power Flow Algorithms",
arXiv:1908.02788; C. Coffrin et al., "PowerModels.jl: An open-source framework for exploring power flow formulations",
PSCC 2018. Solver: HiGHS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import block_array, csr_array, diags_array, eye_array

from gridpilot.errors import ConfigError
from gridpilot.network.case import Case, UnitTable
from gridpilot.opf.cost import Tangents, add_tangents, check_convex, first_tangents, hourly_cost
from gridpilot.opf.program import Solution, solve_program
from gridpilot.opf.verdict import Verdict
from gridpilot.values import Bools, Floats

DC_LINE = "dcline"
"""Fuel of the pair of units that stands for a DC line; it keeps the transfer of the case."""


@dataclass(frozen=True, slots=True, eq=False)
class DcDispatch:
    """The cheapest dispatch in the DC approximation. Unless the verdict says OPTIMAL, numbers are 0 and the cost infinite."""

    verdict: Verdict
    p_mw: Floats
    """Output of every unit of the case `[k]`; 0 out of service."""
    angle_rad: Floats
    """At every bus `[n]`."""
    p_from_mw: Floats
    """Flow from the from end to the to end of every branch `[m]`."""
    price_usd_per_mwh: Floats
    """What one more MW of demand at a bus would cost per hour `[n]`."""
    cost_usd_per_h: float
    """Of this dispatch."""
    gap: float
    """How much lower the optimum could be at most, relative to the cost: what tangents do not know yet."""
    rounds: int
    """Linear programs solved."""


class _Problem(NamedTuple):
    """What stays the same from one linear program to the next; unknowns are `[p, cost, θ, flow]`."""

    units: UnitTable
    equations: csr_array
    right: Floats
    bounds: Floats
    """Lower and upper `[unknowns, 2]`."""


def dc_opf(case: Case, *, gap: float = 1e-7, max_rounds: int = 60) -> DcDispatch:
    """The cheapest DC dispatch of a case's units in service, to a relative `gap` of its cost.

    DC lines keep the transfer of the case. Raises `CaseError` for a cost that is not convex and `ConfigError` for a gap
    that is not positive or fewer than one round.
    """
    if not gap > 0 or max_rounds < 1:
        raise ConfigError(f"Found gap {gap} and max_rounds {max_rounds}; expected a gap above 0 and at least one round.")
    check_convex(case.units)
    problem, tangents, bound = _problem(case), first_tangents(case.units), -np.inf
    for rounds in range(1, max_rounds + 1):
        found = _solve(problem, tangents)
        if found.verdict is not Verdict.OPTIMAL:
            return _nothing(case, found.verdict, rounds)
        p_mw = found.x[: len(case.units.name)]
        cost = float(hourly_cost(case.units, p_mw).sum())
        open_gap = max(cost - found.value, 0.0) / max(abs(cost), 1.0)
        if open_gap <= gap or found.value <= bound:
            break  # nothing is left to learn where the bound stands still, as under a cost with a falling slope
        bound = found.value
        tangents = add_tangents(tangents, case.units, p_mw)
    return _dispatch(case, found, Verdict.OPTIMAL if open_gap <= gap else Verdict.FEASIBLE, cost, open_gap, rounds)


def unit_bounds(units: UnitTable) -> tuple[Floats, Floats]:
    """Least and largest output in MW of every unit `[k]`: 0 out of service, and that of the case for DC lines."""
    kept = np.array([fuel == DC_LINE for fuel in units.fuel], dtype=np.bool_)
    low, high = (np.where(kept, units.p_mw, limit) for limit in (units.p_min_mw, units.p_max_mw))
    return np.where(units.in_service, low, 0.0), np.where(units.in_service, high, 0.0)


def _problem(case: Case) -> _Problem:
    network, units = case.network, case.units
    n, m, k = network.n_bus, network.n_branch, len(units.name)
    rows = np.arange(m)
    incidence = csr_array(
        (np.repeat([1.0, -1.0], m), (np.concatenate([rows, rows]), np.concatenate([network.branch_from, network.branch_to]))), shape=(m, n)
    )
    at_bus = csr_array((np.ones(k), (units.bus, np.arange(k))), shape=(n, k))
    on = network.branch_closed
    susceptance = np.where(on, network.base_mva * network.x_pu / (network.r_pu**2 + network.x_pu**2), 0.0)
    ohm = [csr_array((m, k)), csr_array((m, k)), -diags_array(susceptance) @ incidence, eye_array(m)]
    balance = [at_bus, csr_array((n, k)), csr_array((n, n)), -incidence.T]
    demand = np.zeros(n)
    np.add.at(demand, case.loads.bus, case.loads.p_mw)
    np.add.at(demand, network.shunt_bus, network.shunt_g_mw)
    bounds = np.vstack([np.column_stack(unit_bounds(units)), _unlimited(k), _angles(case), _flows(case, susceptance, on)])
    return _Problem(units, csr_array(block_array([ohm, balance])), np.concatenate([np.zeros(m), demand]), bounds)


def _unlimited(count: int) -> Floats:
    return np.tile([-np.inf, np.inf], (count, 1))


def _angles(case: Case) -> Floats:
    bounds = _unlimited(case.network.n_bus)
    bounds[case.slack_bus] = case.slack_angle_rad[:, None]
    return bounds


def _flows(case: Case, susceptance: Floats, on: Bools) -> Floats:
    """Limits of branch flows: the rating, and what the limits of the angle over the branch make of it."""
    network = case.network
    with np.errstate(invalid="ignore"):  # 0 · inf at open branches, which are bounded to 0 below
        ends = np.sort(np.column_stack([susceptance * network.angle_min_rad, susceptance * network.angle_max_rad]), axis=1)
    low, high = np.maximum(-network.rating_mva, ends[:, 0]), np.minimum(network.rating_mva, ends[:, 1])
    return np.column_stack([np.where(on, low, 0.0), np.where(on, high, 0.0)])


def _solve(problem: _Problem, tangents: Tangents) -> Solution:
    """One linear program: the cost of a unit is at least each of its tangents."""
    k, width = len(problem.units.name), problem.equations.shape[1]
    count = np.arange(len(tangents.unit))
    above = csr_array(
        (
            np.concatenate([tangents.slope, -np.ones(len(count))]),
            (np.concatenate([count, count]), np.concatenate([tangents.unit, k + tangents.unit])),
        ),
        shape=(len(count), width),
    )
    bounds = problem.bounds.copy()
    bounds[k : 2 * k][~problem.units.in_service] = 0.0
    objective = np.zeros(width)
    objective[k : 2 * k] = 1.0
    return solve_program(objective, above=above, limit=-tangents.intercept, equations=problem.equations, right=problem.right, bounds=bounds)


def _dispatch(case: Case, found: Solution, verdict: Verdict, cost: float, gap: float, rounds: int) -> DcDispatch:
    n, m, k = case.network.n_bus, case.network.n_branch, len(case.units.name)
    return DcDispatch(
        verdict=verdict,
        p_mw=found.x[:k],
        angle_rad=found.x[2 * k : 2 * k + n],
        p_from_mw=found.x[2 * k + n :],
        price_usd_per_mwh=found.price[m:],
        cost_usd_per_h=cost,
        gap=gap,
        rounds=rounds,
    )


def _nothing(case: Case, verdict: Verdict, rounds: int) -> DcDispatch:
    n, m, k = case.network.n_bus, case.network.n_branch, len(case.units.name)
    return DcDispatch(verdict, np.zeros(k), np.zeros(n), np.zeros(m), np.zeros(n), float("inf"), float("inf"), rounds)
