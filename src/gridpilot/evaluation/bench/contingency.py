"""Speed of the N-1 analysis: every single outage of a grid at one operating point, with the check for islands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from gridpilot.errors import PhysicsError
from gridpilot.evaluation.bench.cases import bench_case
from gridpilot.evaluation.bench.operating_points import draw_points, moved_case
from gridpilot.evaluation.bench.report import Lap, Row, Tell, held_to, installed, race, silent
from gridpilot.evaluation.bench.runners import TOLERANCE_PU, check_same, fixed_arguments, repeated, solved_base
from gridpilot.network import Case
from gridpilot.powerflow import engine
from gridpilot.powerflow.contingency import Points, Security, contingencies, solve_points
from gridpilot.powerflow.outages import n_minus_one
from gridpilot.values import Flow, PowerFlow, Status

CASES = ("case118",)
_POINTS = 3
"""Operating points that are analysed in turn."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int = 9
    """Turns that every runner takes."""
    analyses: int = 12
    """Analyses per turn, each of another operating point than the one before."""


def rows(effort: Effort | None = None, cases: Sequence[str] = CASES, tell: Tell = silent) -> list[Row]:
    """Rows `contingency/<case>`; raises `PhysicsError` where both sides do not find the same."""
    chosen = Effort() if effort is None else effort
    found = []
    with held_to(1):
        for name in cases:
            tell(f"contingency/{name}")
            found.append(_row(name, chosen))
    return found


def _row(name: str, effort: Effort) -> Row:
    case = bench_case(name)
    sets = [moved_case(case, draw_points(case, 1, seed)) for seed in range(_POINTS)]
    solver = engine("newton", case.network, tolerance_pu=TOLERANCE_PU)
    runners = {"gridpilot": _ours(case, solver, sets, effort.analyses)}
    if installed("lightsim2grid"):
        runners["lightsim2grid"] = _theirs(case, solver, sets, effort.analyses)
    seconds = race(runners, effort.rounds)
    peer = seconds.get("lightsim2grid")
    note = (
        f"{case.network.n_branch} outages, each checked for islands; lightsim2grid: ContingencyAnalysisCPP, 1 thread, which passes "
        "over outages that cut something off, where gridpilot solves what is left"
    )
    return Row(
        name=f"contingency/{name}",
        value=seconds["gridpilot"] * 1e6,
        unit="µs per outage",
        against="lightsim2grid",
        ratio=None if peer is None else peer / seconds["gridpilot"],
        note=note if peer is not None else "lightsim2grid is not installed: pip install 'gridpilot[bench]'",
    )


def _ours(case: Case, solver: PowerFlow, sets: Sequence[Case], analyses: int) -> Callable[[], Lap]:
    """A runner over our own analysis; operating points are solved, and every outage's residual looked at, off the clock."""
    network, outages = case.network, n_minus_one(case.network)
    for here in sets:
        _check(_every_outage(solver, here, _base(solver, here)), case)
    points = [_points(solver, here) for here in sets]

    def analyse(asked: Points) -> Security:
        return contingencies(solver, network, asked, outages)

    return repeated(analyse, lambda _, found: _sound(found, case), points, analyses, _outages(case))


def _points(solver: PowerFlow, case: Case) -> Points:
    p, q = case.injections()
    return solve_points(solver, p_mw=p[None], q_mvar=q[None], **fixed_arguments(case, 1))


def _sound(found: Security, case: Case) -> None:
    if not (found.confirmed.all() and found.usable.all()):
        raise PhysicsError(f"An outage of {case.network.name!r} was not solved: the time of the others means nothing.")


def _theirs(case: Case, solver: PowerFlow, sets: Sequence[Case], analyses: int) -> Callable[[], Lap]:
    """A runner over the peer, after both sides have agreed on every operating point."""
    from gridpilot.evaluation.bench.peer_grids import PeerContingency

    peers = [PeerContingency(here, solved_base(here), TOLERANCE_PU) for here in sets]
    for here, peer in zip(sets, peers, strict=True):
        peer.solve()
        theirs, solved = peer.outages()
        flow = _every_outage(solver, here, _base(solver, here))
        if not np.array_equal(solved, flow.status == int(Status.OK)):
            raise PhysicsError(f"Both sides find other outages of {case.network.name!r} solvable: they do not solve the same grid.")
        check_same(case, (flow.v_re_pu + 1j * flow.v_im_pu)[solved], theirs[solved])
    return repeated(lambda peer: peer.solve(), lambda peer, _: None, peers, analyses, _outages(case))


def _outages(case: Case) -> int:
    return int(case.network.branch_closed.sum())


def _base(solver: PowerFlow, case: Case) -> Flow:
    """The operating point without an outage."""
    p, q = case.injections()
    return solver.solve(p[None], q[None], **fixed_arguments(case, 1))


def _every_outage(solver: PowerFlow, case: Case, base: Flow) -> Flow:
    """One element per closed branch, with that branch out, each from the flow without an outage."""
    count = _outages(case)
    asked = fixed_arguments(case, count)
    asked["closed"][np.arange(count), np.flatnonzero(case.network.branch_closed)] = False
    p, q = (np.tile(values, (count, 1)) for values in case.injections())
    start = Flow(**{field.name: np.repeat(getattr(base, field.name), count, axis=0) for field in fields(Flow)})
    return solver.solve(p, q, **asked, start=start)


def _check(flow: Flow, case: Case) -> None:
    """An outage may cut something off; what is left is solved."""
    worst_pu = float(flow.residual_mva[flow.usable].max()) / case.network.base_mva
    if worst_pu > TOLERANCE_PU or not flow.usable.all():
        raise PhysicsError(f"A residual of {worst_pu:g} pu was left on {case.network.name!r}: its time means nothing.")
