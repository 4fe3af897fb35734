"""Runners of power flows for a race, and what a result must hold to count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, TypeVar

import numpy as np

from gridpilot.errors import PhysicsError
from gridpilot.evaluation.bench.operating_points import Points
from gridpilot.evaluation.bench.report import Lap
from gridpilot.network import Case
from gridpilot.powerflow import engine
from gridpilot.powerflow.sweep import Sweep
from gridpilot.values import Flow, Status

A = TypeVar("A")

TOLERANCE_PU = 1e-8
"""A solution that misses by more does not count."""
SAME_PU = 1e-6
"""Voltages of both sides differ by less, or they do not solve the same grid."""


def repeated(solve: Callable[[A], Any], check: Callable[[A, Any], None], sets: Sequence[A], calls: int, batch: int) -> Callable[[], Lap]:
    """A runner of `calls` calls a turn, going round the sets. Off the clock every result is checked.

    Results but the last of a turn are written over by then, and made again for the check.
    """
    queue = cycle(sets)

    def run() -> Lap:
        turn = [next(queue) for _ in range(calls)]
        for asked in turn:
            result = solve(asked)

        def verify() -> None:
            check(turn[-1], result)
            for asked in turn[:-1]:
                check(asked, solve(asked))

        return Lap(calls * batch, verify)

    return run


def sweep_runner(sweep: Sweep, sets: Sequence[Points], calls: int) -> Callable[[], Lap]:
    """A runner over our own element-level power flow."""

    def check(asked: Points, flow: Flow) -> None:
        check_flow(flow, sweep.case)

    return repeated(lambda asked: sweep.solve(*asked), check, sets, calls, len(sets[0].load_p_mw))


def check_flow(flow: Flow, case: Case) -> None:
    """Raises `PhysicsError` where an element of a flow is not solved."""
    worst_pu = float(flow.residual_mva.max()) / case.network.base_mva
    if worst_pu > TOLERANCE_PU or (flow.status != int(Status.OK)).any():
        raise PhysicsError(f"A residual of {worst_pu:g} pu was left on {case.network.name!r}: its time means nothing.")


def check_same(case: Case, ours: Any, theirs: Any) -> None:
    """Raises `PhysicsError` where voltages of both sides are not the same."""
    apart = float(np.abs(ours - theirs).max(initial=0.0))
    if not apart <= SAME_PU:
        raise PhysicsError(f"Both sides differ by {apart:g} pu on {case.network.name!r}: they do not solve the same grid.")


def solved_base(case: Case) -> Any:
    """Complex voltages `[n]` of the case's own operating point."""
    p, q = case.injections()
    flow = engine("newton", case.network, tolerance_pu=1e-10).solve(p[None], q[None], **fixed_arguments(case, 1))
    return (flow.v_re_pu + 1j * flow.v_im_pu)[0]


def fixed_arguments(case: Case, batch: int) -> dict[str, Any]:
    """What a power flow by bus is asked beside the injections, as the case has it."""
    kind, v_set = case.kinds()
    closed = case.network.branch_closed
    return {"kind": np.tile(kind, (batch, 1)), "v_set_pu": np.tile(v_set, (batch, 1)), "closed": np.tile(closed, (batch, 1))}
