"""Asking an agent: its decision, how long it took, and what happens when it fails."""

from __future__ import annotations

import time
from typing import Final, NamedTuple

from gridpilot.errors import GridpilotError
from gridpilot.values import Agent, Decision, View

FAILURES: Final = (
    GridpilotError, ArithmeticError, AssertionError, AttributeError, LookupError, NameError, OSError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What a faulty agent raises; it costs the agent its decision, and the evaluation goes on."""


class Answer(NamedTuple):
    """What came of asking an agent."""

    decision: Decision
    latency_ms: float
    """Wall time of `decide`."""


def ask(agent: Agent, view: View) -> Answer:
    """The agent's decision; where it fails or answers something else, an invalid one that says why."""
    began_s = time.perf_counter()
    try:
        decision: object = agent.decide(view)
    except FAILURES as failure:
        decision = _invalid(agent, f"{type(failure).__name__}: {failure}")
    latency_ms = (time.perf_counter() - began_s) * 1000.0
    if not isinstance(decision, Decision):
        decision = _invalid(agent, f"the agent answered {type(decision).__name__}, expected a Decision")
    return Answer(decision, latency_ms)


def _invalid(agent: Agent, why: str) -> Decision:
    return Decision(assessment=why, agent=agent.name, invalid=True)
