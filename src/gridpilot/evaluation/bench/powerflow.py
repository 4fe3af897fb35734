"""Speed of the power flow: microseconds per AC solution, beside pandapower in the same run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from gridpilot.errors import MissingExtraError, PhysicsError
from gridpilot.evaluation.bench.report import Lap, Row, one_core, race
from gridpilot.network import Case, from_pandapower, load_case
from gridpilot.powerflow import engine
from gridpilot.values import Flow, PowerFlow, Status

CASES = ("case14", "case118")
BATCHES = (1, 1024)
LARGEST_RESIDUAL_PU = 1e-8
"""A solution that misses by more does not count."""
_SPREAD = 0.05
"""Each bus's injection is drawn from this band around the case's own, independently per element."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int = 7
    """Turns that every runner takes."""
    single_solves: int = 200
    """Solutions per turn of a batch of one."""
    peer_solves: int = 5
    """Solutions per turn of the peer, which is orders slower."""


def rows(effort: Effort | None = None, cases: tuple[str, ...] = CASES, batches: tuple[int, ...] = BATCHES) -> list[Row]:
    """Rows `powerflow/<case>/B<batch>`; raises `PhysicsError` where a solution does not hold."""
    chosen = Effort() if effort is None else effort
    with one_core():
        return [_row(case, batch, chosen) for case in cases for batch in batches]


def _case(name: str) -> Case:
    """A case of gridpilot's own, else of pandapower's."""
    if name == "case14":
        return load_case(name)
    if find_spec("pandapower") is None:
        raise MissingExtraError("pandapower", "bench", f"The benchmark case {name!r}")
    import pandapower.networks

    return from_pandapower(getattr(pandapower.networks, name)())


def _row(name: str, batch: int, effort: Effort) -> Row:
    case = _case(name)
    newton = engine("newton", case.network)
    # Two batches at least: no batch may start from its own solution.
    asked = _inputs(case, max(2 * batch, effort.single_solves))
    runners: dict[str, Callable[[], Lap]] = {"newton": _ours(newton, asked, batch)}
    if find_spec("pandapower") is not None:
        runners["pandapower"] = _theirs(engine("pandapower", case.network), asked, effort.peer_solves)
    seconds = race(runners, effort.rounds)
    peer = seconds.get("pandapower")
    return Row(
        name=f"powerflow/{name}/B{batch}",
        value=seconds["newton"] * 1e6,
        unit="µs per power flow",
        against="pandapower",
        ratio=None if peer is None else peer / seconds["newton"],
        note="pandapower is not installed" if peer is None else f"warm start, residual ≤ {LARGEST_RESIDUAL_PU:g} pu in every element",
    )


def _inputs(case: Case, count: int) -> dict[str, Any]:
    """Arguments of `solve` for `count` independent elements."""
    random = np.random.default_rng(0)
    p, q = case.injections()
    kind, v_set = case.kinds()
    share = 1.0 + random.uniform(-_SPREAD, _SPREAD, (2, count, len(p)))
    return {
        "p_mw": share[0] * p,
        "q_mvar": share[1] * q,
        "kind": np.tile(kind, (count, 1)),
        "v_set_pu": np.tile(v_set, (count, 1)),
        "closed": np.tile(case.network.branch_closed, (count, 1)),
    }


def _some(asked: dict[str, Any], first: int, count: int) -> dict[str, Any]:
    return {name: values[first : first + count] for name, values in asked.items()}


def _ours(newton: PowerFlow, asked: dict[str, Any], batch: int) -> Callable[[], Lap]:
    """A runner that solves all elements, `batch` at a time, each from the solution of the element before."""
    count = len(asked["p_mw"]) // batch * batch
    parts = [_some(asked, first, batch) for first in range(0, count, batch)]
    start = newton.solve(**parts[-1])

    def run() -> Lap:
        flows = [start]
        for part in parts:
            flows.append(newton.solve(**part, start=flows[-1]))
        return Lap(count, lambda: _check(flows, newton))

    return run


def _theirs(peer: PowerFlow, asked: dict[str, Any], count: int) -> Callable[[], Lap]:
    def run() -> Lap:
        flow = peer.solve(**_some(asked, 0, count))
        return Lap(count, lambda: _check([flow], peer))

    return run


def _check(flows: Sequence[Flow], solver: Any) -> None:
    worst = max(float(flow.residual_mva.max()) for flow in flows) / solver.network.base_mva
    if worst > LARGEST_RESIDUAL_PU or any((flow.status != int(Status.OK)).any() for flow in flows):
        raise PhysicsError(f"{solver.name} left a residual of {worst:g} pu on {solver.network.name!r}: its time means nothing.")
