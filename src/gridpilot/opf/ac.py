"""AC-feasible dispatch of a case by successive linear programming.

From an AC operating point the limits are linearised with the sensitivities of the engine (loading at both branch ends with
reactive power, voltages, reactive limits, angles, losses through the slack bus), a linear program moves unit outputs and
voltage setpoints inside a trust region, and the engine says what the move really does. A merit function, cost plus a price
on broken limits, decides whether the move is kept and how far the next one may go. What comes out obeys the AC equations
to the engine's tolerance; the cost is a local optimum, as that of any AC solver without a certificate.

Sources: R. Fletcher, E. Sainz de la Maza, "Nonlinear programming and nonsmooth optimization by successive linear
programming", Math. Programming 43 (1989), for the method; A. Castillo et al., "A successive linear programming approach to
solving the IV-ACOPF", IEEE Trans. PWRS 31 (2016), for its use on power flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridpilot.errors import ConfigError
from gridpilot.network.case import Case
from gridpilot.opf.cost import check_convex, first_tangents
from gridpilot.opf.dc import dc_opf
from gridpilot.opf.linear import Model, Region, Step, correct, linearise, propose
from gridpilot.opf.point import Frame, Point, Violations, frame_of, solve_point
from gridpilot.opf.verdict import Verdict
from gridpilot.powerflow import engine
from gridpilot.values import Floats, Flow, PowerFlow

_ENGINE_TOLERANCE_PU = 1e-10
_FIRST_REGION = 0.5
_LARGEST_REGION, _SMALLEST_REGION = 1.0, 1e-7
_VOLTAGE_SHARE = 0.1
"""Reach of a voltage setpoint in pu for a region that reaches over the whole range of units."""
_LOSS_SHARES = (0.0, 0.02, 0.05)
"""Of a lossless dispatch, added to it for the first operating point."""
_DEARER, _DEARER_STILL = 5.0, 10.0
"""Price of breaking a limit, in units of what the dearest redispatch costs; and its factor where that was not enough."""
_SEARCHES = 4
_KEEP, _TRUST = 0.05, 0.5
"""Parts of the expected gain that must come true for a step to be kept, and for the next one to reach further."""


@dataclass(frozen=True, slots=True, eq=False)
class AcDispatch:
    """A dispatch with the AC power flow that it leads to."""

    verdict: Verdict
    """OPTIMAL: every limit holds and no step inside the trust region gains. FEASIBLE: it holds, the search was cut short.
    INFEASIBLE: limits are broken, see `violations`. DIVERGED: no power flow was found to begin from."""
    p_mw: Floats
    """Output of every unit of the case `[k]`; 0 out of service."""
    v_set_pu: Floats
    """Voltage setpoint of the buses that have one, 1 elsewhere `[n]`."""
    flow: Flow | None
    """The solved power flow, one element; None where the verdict is DIVERGED."""
    cost_usd_per_h: float
    """Of this dispatch; infinite where the verdict is DIVERGED."""
    violations: Violations | None
    """What is broken and by how much; None where the verdict is DIVERGED."""
    iterations: int
    """Linear programs around an operating point."""


def ac_dispatch(case: Case, *, tolerance_pu: float = 1e-6, gap: float = 1e-6, max_iterations: int = 150) -> AcDispatch:
    """The cheapest dispatch found that keeps every limit of a case to `tolerance_pu` under the AC equations.

    It begins at the DC optimum, or at the case's own dispatch where that has no AC solution, and ends where the next step
    promises less than `gap` of the cost. Buses with reactive power to give hold a voltage that is found inside their
    band. Raises `CaseError` for costs that cannot be minimised, `PhysicsError` for a network without power flow, and
    `ConfigError` for settings out of range.
    """
    if not (tolerance_pu > 0 and gap > 0) or max_iterations < 1:
        raise ConfigError(
            f"Found tolerance_pu {tolerance_pu}, gap {gap} and max_iterations {max_iterations}; expected positive numbers and at least 1."
        )
    check_convex(case.units)
    frame = frame_of(case)
    solver = engine("newton", case.network, tolerance_pu=_ENGINE_TOLERANCE_PU)
    point = _first_point(frame, solver)
    if point is None:
        n, k = case.network.n_bus, len(case.units.name)
        return AcDispatch(Verdict.DIVERGED, np.zeros(k), np.ones(n), None, float("inf"), None, 0)
    point, iterations, settled = _improve(frame, solver, point, tolerance_pu, gap, max_iterations)
    verdict = Verdict.OPTIMAL if settled else Verdict.FEASIBLE
    if point.violations.worst > tolerance_pu:
        verdict = Verdict.INFEASIBLE
    return AcDispatch(verdict, point.p_mw, point.v_set_pu, point.flow, point.cost_usd_per_h, point.violations, iterations)


def _first_point(frame: Frame, solver: PowerFlow) -> Point | None:
    """Of the DC optimum with some of the units' room given to losses, or of the case's own dispatch."""
    case = frame.case
    network, units = case.network, case.units
    v_set = np.ones(network.n_bus)
    live = np.flatnonzero(units.in_service)
    v_set[units.bus[live]] = units.v_set_pu[live]
    v_set[case.slack_bus] = case.slack_v_pu
    v_set[frame.regulated] = np.clip(v_set, network.bus_v_min_pu, network.bus_v_max_pu)[frame.regulated]
    cheapest = dc_opf(case)
    starts = []
    if cheapest.verdict in (Verdict.OPTIMAL, Verdict.FEASIBLE):
        starts = [np.clip((1.0 + share) * cheapest.p_mw, frame.p_min_mw, frame.p_max_mw) for share in _LOSS_SHARES]
    for p_mw in (*starts, np.clip(units.p_mw, frame.p_min_mw, frame.p_max_mw)):
        point = solve_point(frame, solver, p_mw, v_set, None)
        if point is not None:
            return point
    return None


def _improve(
    frame: Frame, solver: PowerFlow, point: Point, tolerance_pu: float, gap: float, max_iterations: int
) -> tuple[Point, int, bool]:
    """Searches one after the other, each from where the last one settled, at a higher price where limits are still broken.

    Says whether the last one settled: a wide region, opened anew, must have found nothing either.
    """
    penalty, done, settled = _penalty(frame), 0, False
    for _ in range(_SEARCHES):
        before = point
        point, used, settled = _settle(_Search(frame, solver, penalty), point, gap, max_iterations - done)
        done += used
        broken = point.violations.worst > tolerance_pu
        gained = before.cost_usd_per_h - point.cost_usd_per_h
        if not settled or (not broken and before.violations.worst <= tolerance_pu and gained <= 10.0 * gap * abs(point.cost_usd_per_h)):
            break
        penalty *= _DEARER_STILL if broken else 1.0
    return point, done, settled


def _settle(search: _Search, point: Point, gap: float, max_iterations: int) -> tuple[Point, int, bool]:
    """Steps that the merit function accepts, until the next one promises less than the gap; says whether it came to that."""
    tangents, share = first_tangents(search.frame.case.units), _FIRST_REGION
    model = linearise(search.frame, point)
    for iteration in range(1, max_iterations + 1):
        region = Region(share, _VOLTAGE_SHARE * share)
        step = propose(search.frame, point, model, region, search.penalty, tangents)
        if step is None:
            return point, iteration, False
        tangents = step.tangents
        expected = search.merit(point) - step.merit
        if expected <= gap * max(abs(point.cost_usd_per_h), 1.0) or share < _SMALLEST_REGION:
            return point, iteration, True
        moved = search.follow(point, model, step, region, _TRUST * expected)
        gained = search.merit(point) - search.merit(moved)
        if moved is not None and gained >= _KEEP * expected:
            point = moved
            model = linearise(search.frame, point)
        share = min(2.0 * share, _LARGEST_REGION) if gained >= _TRUST * expected else share / 2.0
    return point, max_iterations, False


@dataclass(frozen=True, slots=True)
class _Search:
    """What judges steps."""

    frame: Frame
    solver: PowerFlow
    penalty: float
    """USD/h of a limit broken by 1 pu."""

    def merit(self, point: Point | None) -> float:
        return np.inf if point is None else point.cost_usd_per_h + self.penalty * point.violations.total

    def follow(self, point: Point, model: Model, step: Step, region: Region, wanted: float) -> Point | None:
        """Where a step leads; corrected once for what its linear model did not see, where it gains less than `wanted`."""
        moved = solve_point(self.frame, self.solver, step.p_mw, step.v_set_pu, point.flow)
        if moved is None or self.merit(point) - self.merit(moved) >= wanted:
            return moved
        again = propose(self.frame, point, correct(model, self.frame, step, moved), region, self.penalty, step.tangents)
        if again is None:
            return moved
        corrected = solve_point(self.frame, self.solver, again.p_mw, again.v_set_pu, moved.flow)
        return corrected if self.merit(corrected) < self.merit(moved) else moved


def _penalty(frame: Frame) -> float:
    """Price of a limit broken by 1 pu: many times what a redispatch of 1 pu at the dearest unit costs."""
    dearest = float(np.abs(first_tangents(frame.case.units).slope).max(initial=1.0))
    return _DEARER * max(dearest, 1.0) * frame.case.network.base_mva
