"""`Frame`: what the terminal shows of one cycle, as plain values, and the sums so far."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gridpilot.units import MINUTES_PER_HOUR
from gridpilot.values import REWARD_TERMS, Receipt

if TYPE_CHECKING:
    from gridpilot.operations import Cycle
    from gridpilot.traces import Moved
    from gridpilot.twin import Twin


_NUMBER = re.compile(r"\b\d+\.\d+\b")


@dataclass(frozen=True, slots=True)
class BranchNow:
    """A branch after the cycle."""

    name: str
    a: int
    b: int
    """Places of its ends in `Frame.buses`."""
    loading: float
    """1.0 is the rating."""
    out: str = ""
    """`open`, `fault` or `tripped`; empty where it is in service."""


@dataclass(frozen=True, slots=True)
class BusNow:
    """A bus after the cycle."""

    name: str
    v_pu: float
    v_min_pu: float
    v_max_pu: float
    x: float
    y: float
    """Place on a schematic; NaN where the grid has none."""
    energised: bool = True


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums since the run began."""

    reward: float = 0.0
    terms: Mapping[str, float] = field(default_factory=dict)
    """Weighted, by term; they add up to the reward."""
    curtailed_mwh: float = 0.0
    unserved_mwh: float = 0.0

    def plus(self, moved: Moved, weights: Mapping[str, float]) -> Totals:
        """The sums after one more cycle."""
        outcomes = moved.outcomes
        return Totals(
            reward=self.reward + moved.reward,
            terms={name: self.terms.get(name, 0.0) + weights[name] * moved.terms[name] for name in REWARD_TERMS},
            curtailed_mwh=self.curtailed_mwh + outcomes["curtailed_mwh"],
            unserved_mwh=self.unserved_mwh + outcomes["unserved_mwh"],
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """One cycle on the screen."""

    scenario: str
    agent: str
    time: str
    """Simulated local time after the cycle, ISO 8601."""
    cycle: int
    cycles: int
    max_loading: float
    min_v_pu: float
    max_v_pu: float
    violations: int
    """Branches above their rating or out of service against orders, and buses outside their band."""
    curtailed_mw: float
    unserved_mw: float
    reward: float
    terms: Mapping[str, float]
    """Weighted, of this cycle."""
    totals: Totals
    assessment: str = ""
    risk_level: str = "LOW"
    verdict: str = "approved"
    why: str = ""
    """Why the verdict is not what was decided."""
    stand_in: str = ""
    """Who decided in the agent's place and why, as a sentence; empty where the agent itself did."""
    wrong_claims: tuple[str, ...] = ()
    """What the assessment says of the grid and the view did not."""
    receipts: tuple[Receipt, ...] = ()
    happenings: tuple[str, ...] = ()
    latency_ms: float | None = None
    """Wall time of the decision; None leaves it out."""
    branches: tuple[BranchNow, ...] = ()
    buses: tuple[BusNow, ...] = ()

    @property
    def events(self) -> dict[str, str]:
        """What happened, by what tells one event from another: the sentence without its measured number."""
        return {_NUMBER.sub("#", said): said for said in self.happenings}

    @property
    def clock(self) -> str:
        """The time, as `2016-07-04 14:05`."""
        return self.time.replace("T", " ")[:16]


def weights_of(twin: Twin) -> dict[str, float]:
    """Weight of every reward term."""
    return dict(zip(REWARD_TERMS, (float(weight) for weight in twin.model.weights), strict=True))


def frame_of(passed: Cycle, twin: Twin, totals: Totals, cycles: int) -> Frame:
    """What to show of a cycle; `totals` are those after it, `cycles` the length of the run."""
    record, moved, dt_h = passed.record, passed.record.moved, twin.model.dt_h
    weights, outcomes, thought = weights_of(twin), moved.outcomes, record.decision.deliberation
    return Frame(
        scenario=twin.model.scenario.name.replace("_", "-"),
        agent=record.agent,
        time=moved.time,
        cycle=moved.step,
        cycles=cycles,
        max_loading=outcomes["max_loading"],
        min_v_pu=outcomes["min_v_pu"],
        max_v_pu=outcomes["max_v_pu"],
        violations=round((outcomes["overload_min"] + outcomes["voltage_min"]) / (dt_h * MINUTES_PER_HOUR)),
        curtailed_mw=outcomes["curtailed_mwh"] / dt_h,
        unserved_mw=outcomes["unserved_mwh"] / dt_h,
        reward=moved.reward,
        terms={name: weights[name] * moved.terms[name] for name in REWARD_TERMS},
        totals=totals,
        assessment=record.decision.assessment,
        risk_level=record.decision.risk_level,
        verdict=record.verdict.kind,
        why=record.verdict.why,
        stand_in="" if thought is None or not thought.why else f"{thought.decided_by} stood in, {thought.why}",
        wrong_claims=() if thought is None else thought.wrong_claims,
        receipts=record.receipts,
        happenings=moved.happenings,
        latency_ms=record.latency_ms,
        branches=_branches(passed, twin),
        buses=_buses(passed, twin),
    )


def _branches(passed: Cycle, twin: Twin) -> tuple[BranchNow, ...]:
    network, state = twin.model.scenario.network, passed.transition.state
    out = [
        "fault" if faulted else "tripped" if tripped else "" if closed else "open"
        for faulted, tripped, closed in zip(state.faulted[0], state.protection.tripped[0], state.setpoints.closed[0], strict=True)
    ]
    rows = zip(
        network.branch_name, network.branch_from.tolist(), network.branch_to.tolist(), state.flow.loading[0].tolist(), out, strict=True
    )
    return tuple(BranchNow(*row) for row, built in zip(rows, state.branch_active[0], strict=True) if built)


def _buses(passed: Cycle, twin: Twin) -> tuple[BusNow, ...]:
    network, flow = twin.model.scenario.network, passed.transition.state.flow
    return tuple(
        BusNow(*row)
        for row in zip(
            network.bus_name,
            flow.v_pu[0].tolist(),
            network.bus_v_min_pu.tolist(),
            network.bus_v_max_pu.tolist(),
            network.bus_xy[:, 0].tolist(),
            network.bus_xy[:, 1].tolist(),
            flow.energised[0].tolist(),
            strict=True,
        )
    )
