"""Speed of the power flow: loads and units of every element in, voltages and branch flows out.

The peer is lightsim2grid's `InjectionSweepCPP` on the same network, in the same run, on the same core: element-level
inputs in, voltages and active and reactive power at both ends out, solved to the same mismatch from the same start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gridpilot.evaluation.bench.cases import bench_case
from gridpilot.evaluation.bench.operating_points import Points, at_buses, draw_points
from gridpilot.evaluation.bench.report import Lap, Row, Tell, held_to, installed, race, silent
from gridpilot.evaluation.bench.runners import (
    TOLERANCE_PU,
    check_flow,
    check_same,
    fixed_arguments,
    repeated,
    solved_base,
    sweep_runner,
)
from gridpilot.evaluation.bench.scaling import BATCH_SETS, scaling_rows
from gridpilot.network import Case
from gridpilot.powerflow import engine
from gridpilot.powerflow.sweep import Sweep
from gridpilot.values import Floats, Flow

SOLVED = (
    ("case13", 1024), ("three13", 1024), ("case14", 1024), ("case118", 1024), ("case1354pegase", 64),
    ("case14", 1), ("case118", 1), ("case2848rte", 1),
)  # fmt: skip
"""Case and batch of every row that is raced against lightsim2grid."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int = 9
    """Turns that every runner takes."""
    single_solves: int = 200
    """Solutions per turn of a batch of one, each of another operating point."""
    batch_buses: int = 400_000
    """Buses solved per turn of a larger batch, in as many calls as that takes: a turn of less than a millisecond is noise."""
    slow_solves: int = 2
    """Solutions per turn of pandapower, which is orders slower."""


def rows(
    effort: Effort | None = None, solved: Sequence[tuple[str, int]] = SOLVED, *, scaling: bool = True, tell: Tell = silent
) -> list[Row]:
    """Rows `powerflow/<case>/B<batch>`, and with `scaling` those of growth, memory and threads.

    Raises `PhysicsError` where a solution does not hold, or the peers do not solve the same grid.
    """
    chosen = Effort() if effort is None else effort
    found: list[Row] = []
    with held_to(1):
        for name, batch in solved:
            tell(f"powerflow/{name}/B{batch}")
            found += _rows_of(name, batch, chosen)
    if scaling:
        found += scaling_rows(chosen.rounds, tell)
    return found


def _rows_of(name: str, batch: int, effort: Effort) -> list[Row]:
    """The row against lightsim2grid, and for a batch of one another against pandapower."""
    case = bench_case(name)
    calls = effort.single_solves if batch == 1 else max(1, effort.batch_buses // (batch * case.network.n_bus))
    sets = [draw_points(case, batch, seed) for seed in range(effort.single_solves if batch == 1 else BATCH_SETS)]
    sweep = Sweep(case, batch, tolerance_pu=TOLERANCE_PU)
    runners = {"gridpilot": sweep_runner(sweep, sets, calls)}
    if installed("lightsim2grid"):
        runners["lightsim2grid"] = _lightsim2grid_runner(case, sweep, sets, calls)
    if batch == 1 and installed("pandapower"):
        runners["pandapower"] = _pandapower_runner(case, sets[: effort.slow_solves])
    seconds = race(runners, effort.rounds)
    row = f"powerflow/{name}/B{batch}"
    note = f"from the base case's solution, every mismatch ≤ {TOLERANCE_PU:g} pu, P and Q at both ends"
    found = [_against(row, "lightsim2grid", seconds, f"{note}; lightsim2grid: InjectionSweepCPP, 1 thread")]
    if batch == 1:
        found.append(_against(f"{row}/pandapower", "pandapower", seconds, "pandapower: runpp, from its DC power flow"))
    return found


def _against(row: str, peer: str, seconds: dict[str, float], note: str) -> Row:
    ours, theirs = seconds["gridpilot"], seconds.get(peer)
    return Row(
        name=row,
        value=ours * 1e6,
        unit="µs per power flow",
        against=peer,
        ratio=None if theirs is None else theirs / ours,
        note=note if theirs is not None else f"{peer} is not installed: pip install 'gridpilot[bench]'",
    )


# ---------------------------------------------------------------------------------------------------- runners


def _lightsim2grid_runner(case: Case, sweep: Sweep, sets: Sequence[Points], calls: int) -> Callable[[], Lap]:
    """A runner over the peer, after both sides have agreed on the first set."""
    from gridpilot.evaluation.bench.peer_grids import PeerSweep

    base = solved_base(case)
    peer = PeerSweep(case, base, TOLERANCE_PU)
    tables = [(points, peer.arguments(points)) for points in sets]
    peer.solve(tables[0][1])
    flow = sweep.solve(*sets[0])
    check_same(case, flow.v_re_pu + 1j * flow.v_im_pu, peer.voltages())
    return repeated(lambda asked: peer.solve(asked[1]), lambda asked, _: peer.check(asked[0]), tables, calls, len(sets[0].load_p_mw))


def _pandapower_runner(case: Case, sets: Sequence[Points]) -> Callable[[], Lap]:
    solver, fixed = engine("pandapower", case.network), fixed_arguments(case, 1)

    def solve(asked: tuple[Floats, Floats]) -> Flow:
        return solver.solve(*asked, **fixed)

    return repeated(solve, lambda _, flow: check_flow(flow, case), [at_buses(case, points) for points in sets], len(sets), 1)
