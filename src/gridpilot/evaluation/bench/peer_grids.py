"""lightsim2grid's batch solvers on a case of ours: the peers of the power flow and of the N-1 benchmark."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridpilot.errors import MissingExtraError, PhysicsError
from gridpilot.evaluation.bench.operating_points import Points, mismatch_mva
from gridpilot.network import Case
from gridpilot.powerflow.lightsim2grid import Consumers, Holders, beside_trafos, build_grid, tapped
from gridpilot.values import Bools, Floats, Ints

try:
    from lightsim2grid.lightsim2grid_cpp import ContingencyAnalysisCPP, InjectionSweepCPP
except ImportError as error:
    raise MissingExtraError("lightsim2grid", "bench", "A race against lightsim2grid") from error

Complexes = NDArray[np.complex128]

MAX_ITERATIONS = 20


def peer_grid(case: Case) -> Any:
    """A grid of lightsim2grid that solves the same network: every load and unit by itself, a source of its own per slack."""
    network, units, (_, v_set) = case.network, case.units, case.kinds()
    holds, fixed = _holding(case), _fixed(case)
    bus = np.concatenate([units.bus[holds], case.slack_bus])
    slack = np.arange(len(bus)) >= holds.sum()
    grid = build_grid(
        network,
        on=network.branch_closed,
        live=np.ones(network.n_bus, dtype=np.bool_),
        consumers=Consumers(case.loads.bus, case.loads.p_mw, case.loads.q_mvar),
        holders=Holders(bus, np.concatenate([units.p_mw[holds], np.zeros(slack.sum())]), v_set[bus], slack),
    )
    no_limit = np.full(fixed.sum(), 1e9)
    limits = (-no_limit, no_limit, -no_limit, no_limit)
    grid.init_sgens(units.p_mw[fixed], units.q_mvar[fixed], *limits, units.bus[fixed].astype(np.int32))
    return grid


def branch_order(case: Case) -> Ints:
    """The closed branches in lightsim2grid's order: power lines, then transformers."""
    on, trafo = case.network.branch_closed, tapped(case.network)
    return np.concatenate([np.flatnonzero(on & ~trafo), np.flatnonzero(on & trafo)])


class PeerSweep:
    """`InjectionSweepCPP` on one thread, every element from the same voltages, solved to the same mismatch as ours."""

    def __init__(self, case: Case, start: Complexes, tolerance_pu: float) -> None:
        self._case, self._start = case, start
        self._tolerance_pu = tolerance_pu
        self._sweep = InjectionSweepCPP(peer_grid(case))
        self._sweep.nb_thread = 1
        self._order = branch_order(case)

    def arguments(self, points: Points) -> tuple[Floats, ...]:
        """The points as its tables want them; made off the clock."""
        holds, fixed = _holding(self._case), _fixed(self._case)
        sources = np.zeros((len(points.unit_p_mw), len(self._case.slack_bus)))
        gen_p = np.hstack([points.unit_p_mw[:, holds], sources])
        return gen_p, np.ascontiguousarray(points.unit_p_mw[:, fixed]), points.load_p_mw, points.load_q_mvar

    def solve(self, arguments: tuple[Floats, ...]) -> None:
        """Voltages, and active and reactive power at both ends of every branch. Its tolerance is in MVA."""
        self._sweep.compute_Vs(*arguments, self._start, MAX_ITERATIONS, self._tolerance_pu * self._case.network.base_mva)
        self._sweep.compute_branch_results()

    def voltages(self) -> Complexes:
        """Complex voltages `[B, n]` of the last call."""
        found: Complexes = self._sweep.get_voltages()
        return found

    def check(self, points: Points) -> None:
        """Raises `PhysicsError` where the last call left a mismatch, as the branches' own results say."""
        mismatch_pu = mismatch_mva(self._case, points, *self._taken()) / self._case.network.base_mva
        if not all(self._sweep.converged_mask()) or mismatch_pu > 2.0 * self._tolerance_pu:
            raise PhysicsError(f"lightsim2grid left {mismatch_pu:g} pu on {self._case.network.name!r}: its time means nothing.")

    def _taken(self) -> tuple[Floats, Floats]:
        """What branches and shunts take at every bus, `[B, n]` each."""
        network, order = self._case.network, self._order
        flows = np.moveaxis(self._sweep.get_branch_results(), 0, -1)
        square = np.abs(self.voltages().T) ** 2
        beside = beside_trafos(network)[order].conj() * network.base_mva
        p, q = np.zeros_like(square), np.zeros_like(square)
        for into, at_from, at_to, shunt, extra in (
            (p, flows[:, 0], flows[:, 2], network.shunt_g_mw, beside.real),
            (q, flows[:, 1], flows[:, 3], -network.shunt_b_mvar, beside.imag),
        ):
            np.add.at(into, network.branch_from[order], at_from + extra[:, None] * square[network.branch_from[order]])
            np.add.at(into, network.branch_to[order], at_to)
            np.add.at(into, network.shunt_bus, shunt[:, None] * square[network.shunt_bus])
        return p.T, q.T


class PeerContingency:
    """`ContingencyAnalysisCPP` on one thread: every single outage at one operating point, from the base case's voltages.

    It passes over outages which cut something off, and keeps its base case from call to call.
    """

    def __init__(self, case: Case, start: Complexes, tolerance_pu: float) -> None:
        self._start, self._tolerance_mva = start, tolerance_pu * case.network.base_mva
        self._analysis = ContingencyAnalysisCPP(peer_grid(case))
        self._analysis.nb_thread = 1
        self._analysis.add_all_n1()
        self._branch = branch_order(case)[[outage[0] for outage in self._analysis.my_defaults()]]

    def solve(self) -> None:
        """Islands, voltages and currents of every outage."""
        self._analysis.clear_results_only()
        self._analysis.compute(self._start, MAX_ITERATIONS, self._tolerance_mva)
        self._analysis.compute_flows()

    def outages(self) -> tuple[Complexes, Bools]:
        """Voltages `[m, n]` and whether they were found `[m]` with each closed branch out, in the network's order."""
        order = np.argsort(self._branch)
        return self._analysis.get_voltages()[order], np.array(self._analysis.converged_mask())[order]


def _holding(case: Case) -> Bools:
    """Units that lightsim2grid calls generators."""
    holds: Bools = case.units.in_service & case.units.holds_voltage
    return holds


def _fixed(case: Case) -> Bools:
    """Units that lightsim2grid calls static generators."""
    fixed: Bools = case.units.in_service & ~case.units.holds_voltage
    return fixed
