"""The one loop: observe → decide → preview → review → step → record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

from gridpilot.errors import ConfigError
from gridpilot.evaluation.answer import Answer, ask
from gridpilot.evaluation.informed import inform
from gridpilot.operations.clock import Pace
from gridpilot.operations.desk import REFUSED as TURNED_DOWN
from gridpilot.operations.desk import AutoDesk, Desk, Proposal
from gridpilot.shield import FULL, OPERATOR, Authority, ShieldResult, may_move, refuse_all, review
from gridpilot.traces import Moved, Record, TraceLog, fingerprint
from gridpilot.twin import Twin
from gridpilot.values import CONSTRAINTS, REWARD_TERMS, Action, Agent, Decision, GridState, Outcomes, Receipt, Transition, Verdict, View

Check = Callable[[Sequence[Action]], ShieldResult]
"""The shield at one state, for orders that are not the agent's."""


@runtime_checkable
class Versioned(Protocol):
    """An agent that runs on a model which changes."""

    @property
    def model(self) -> str:
        """Model and adapter version."""
        ...


class Cycle(NamedTuple):
    """One cycle that has passed."""

    record: Record
    transition: Transition
    """Where it led; `transition.state` is where the next cycle begins."""


def cycle(
    twin: Twin,
    state: GridState,
    agent: Agent,
    desk: Desk,
    log: TraceLog | None = None,
    *,
    before: Cycle | None = None,
    role: str = OPERATOR,
    authority: Authority = FULL,
    instructions: tuple[str, ...] = (),
) -> Cycle:
    """Operate a grid of one element for one cycle; `before` is the cycle that led to `state`, `instructions` are in the view.

    The agent gets the view, nothing else. One that fails has done nothing: the record has an invalid decision, whose
    assessment and receipt hold the type and message of what it raised (see `gridpilot.evaluation.answer.FAILURES`).
    """
    last, receipts = (before.transition, before.record.receipts) if before is not None else (None, ())
    view = replace(twin.observe(state, role=role, last=last, receipts=receipts), instructions=instructions)
    answer = ask(agent, view)
    check = partial(_checked, twin, state, role, authority)
    result = review(twin, state, answer.decision, role, authority=authority)
    seq = int(state.step[0])
    verdict = replace(desk.review(Proposal(seq, view, result, check)), seq=seq, at=utc_now())
    verdict, receipts = _allowed(result, verdict, check)
    setpoints, _ = twin.order(state, verdict.actions, may_move=may_move(role, authority))
    transition = twin.step(state, setpoints)
    record = _record(twin, agent, view, answer, result, verdict, receipts, transition)
    if log is not None:
        log.append(record)
    inform(agent, transition.state, record)
    return Cycle(record, transition)


def run_cycles(
    twin: Twin,
    agent: Agent,
    desk: Desk | None = None,
    log: TraceLog | None = None,
    *,
    cycles: int | None = None,
    pace: Pace | None = None,
    instructions: tuple[str, ...] = (),
) -> Iterator[Cycle]:
    """Operate a grid from its first state, cycle by cycle; `cycles` is the whole episode unless given.

    Raises `ConfigError` for a twin of several elements, or more cycles than its world has.
    """
    n_cycles = _length(twin, cycles)
    desk = AutoDesk() if desk is None else desk
    pace = Pace() if pace is None else pace
    state = twin.first()
    before: Cycle | None = None
    began_s = pace.now_s()
    for k in range(n_cycles):
        pace.wait(began_s, k, twin.model.dt_h)
        before = cycle(twin, state, agent, desk, log, before=before, instructions=instructions)
        state = before.transition.state
        yield before


def operate(
    twin: Twin,
    agent: Agent,
    desk: Desk | None = None,
    log: TraceLog | None = None,
    *,
    cycles: int | None = None,
    pace: Pace | None = None,
) -> Iterator[Record]:
    """The records of `run_cycles`."""
    for passed in run_cycles(twin, agent, desk, log, cycles=cycles, pace=pace):
        yield passed.record


def _length(twin: Twin, cycles: int | None) -> int:
    batch, longest = len(twin.world.first_row), twin.world.end_step
    if batch != 1:
        raise ConfigError(f"One grid is operated at a time, and this twin has {batch}: make it with one seed.")
    if cycles is not None and not 1 <= cycles <= longest:
        raise ConfigError(f"Asked for {cycles} cycles, and the twin's world has {longest}: make it with cycles={cycles}.")
    return longest if cycles is None else cycles


def _checked(twin: Twin, state: GridState, role: str, authority: Authority, actions: Sequence[Action]) -> ShieldResult:
    """What the shield makes of orders that are not the agent's."""
    return review(twin, state, Decision(actions=tuple(actions)), role, authority=authority)


def _allowed(result: ShieldResult, verdict: Verdict, check: Check) -> tuple[Verdict, tuple[Receipt, ...]]:
    """The verdict as it will be applied, and the receipts of everything that was asked for.

    Orders that the shield has not seen pass it now, whoever gave them.
    """
    if verdict.actions == result.actions:
        return verdict, result.receipts
    turned_down = refuse_all(result.receipts, verdict.why or f"{verdict.kind} by {verdict.by}")
    if not verdict.actions:
        return verdict, turned_down
    found = check(verdict.actions)
    kind, why = (TURNED_DOWN, found.why) if found.refused else (verdict.kind, verdict.why)
    return replace(verdict, kind=kind, why=why, actions=found.actions), (*turned_down, *found.receipts)


def _record(
    twin: Twin,
    agent: Agent,
    view: View,
    answer: Answer,
    result: ShieldResult,
    verdict: Verdict,
    receipts: tuple[Receipt, ...],
    transition: Transition,
) -> Record:
    found = fingerprint(transition.state)
    return Record(
        number=int(transition.state.step[0]),
        views=(view,),
        decision=result.decision,
        preview=result.preview,
        verdict=verdict,
        receipts=receipts,
        moved=summarise(twin, transition),
        state_hash=found.state_hash,
        arrays=found.arrays,
        agent=agent.name,
        model=agent.model if isinstance(agent, Versioned) else "",
        latency_ms=answer.latency_ms,
        at=utc_now(),
    )


def summarise(twin: Twin, transition: Transition) -> Moved:
    """A transition of one element as plain numbers."""
    outcomes = {field.name: float(getattr(transition.outcomes, field.name)[0]) for field in fields(Outcomes)}
    return Moved(
        step=int(transition.state.step[0]),
        time=twin.time(transition.state),
        reward=float(transition.reward[0]),
        terms=dict(zip(REWARD_TERMS, transition.reward_terms[0, 0].tolist(), strict=True)),
        costs=dict(zip(CONSTRAINTS, transition.constraint_costs[0, 0].tolist(), strict=True)),
        outcomes=outcomes,
        happenings=twin.describe(transition),
        collapsed=bool(transition.state.collapsed[0]),
    )


def utc_now() -> str:
    """Wall clock, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
