"""What an agent made of one cycle (`Score`), and of one episode (`Episode`): sums and counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from gridpilot.actions import CLIPPED, REFUSED
from gridpilot.values import REWARD_TERMS, Decision, Receipt, Transition

SAFE = "LOW"
"""The risk level that promises a cycle without violation."""


@dataclass(frozen=True, slots=True)
class Score:
    """One cycle."""

    reward: float
    terms: tuple[float, ...]
    """Unweighted, in the order of `REWARD_TERMS`."""
    survived: int
    """1 where the grid was up at the end of the cycle."""
    ens_mwh: float
    """Energy not served."""
    overload_min: float
    voltage_min: float
    curtailment_mwh: float
    cost_usd: float
    co2_t: float
    refused: int
    clipped: int
    """Actions that were refused, or followed in part."""
    invalid: int
    """1 where the agent's answer could not be read as a decision."""
    false_safe: int
    """1 where the agent called a grid safe that was not; see `is_false_safe`."""
    latency_ms: float
    """Time the agent took to decide."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One agent on one grid, from the first cycle to the last: sums over the cycles."""

    agent: str
    seed: int
    start: str
    """Local time of the first state, ISO 8601."""
    cycles: int
    reward: float
    terms: tuple[float, ...]
    survival: float
    """Share of the cycles at whose end the grid was up."""
    ens_mwh: float
    overload_min: float
    voltage_min: float
    curtailment_mwh: float
    cost_usd: float
    co2_t: float
    refused: int
    clipped: int
    invalid: int
    false_safe: int
    latencies_ms: tuple[float, ...]


def score(moved: Transition, decision: Decision, receipts: Sequence[Receipt], latency_ms: float, *, element: int = 0) -> Score:
    """The score of the cycle that `decision` was made for and that `moved` came of."""
    outcomes = moved.outcomes
    outcome_of = [receipt.outcome for receipt in receipts]
    return Score(
        reward=float(moved.reward[element]),
        terms=tuple(moved.reward_terms[element, 0].tolist()),
        survived=int(not moved.state.collapsed[element]),
        ens_mwh=float(outcomes.unserved_mwh[element]),
        overload_min=float(outcomes.overload_min[element]),
        voltage_min=float(outcomes.voltage_min[element]),
        curtailment_mwh=float(outcomes.curtailed_mwh[element]),
        cost_usd=float(outcomes.cost_usd[element]),
        co2_t=float(outcomes.co2_t[element]),
        refused=outcome_of.count(REFUSED),
        clipped=outcome_of.count(CLIPPED),
        invalid=int(decision.invalid),
        false_safe=int(is_false_safe(moved, decision, element)),
        latency_ms=latency_ms,
    )


def is_false_safe(moved: Transition, decision: Decision, element: int = 0) -> bool:
    """Whether a decision calls a grid safe that is not.

    It does where its assessment or its risk level contradicts a violation that the view shows (`Deliberation.false_safe`),
    and where a risk called LOW was followed, in the cycle that was decided about, by a violation or energy not served. There
    a cycle in which a disturbance begins does not count: nobody could have known of it. From the next one on the
    agent has seen it. A decision that could not be read promised nothing.
    """
    if decision.deliberation is not None and decision.deliberation.false_safe:
        return True
    if decision.invalid or decision.risk_level != SAFE:
        return False
    struck = moved.events.struck
    if ((struck[:, 0] == element) & (struck[:, 3] == 1)).any():
        return False
    outcomes = moved.outcomes
    harm = (outcomes.overload_min, outcomes.voltage_min, outcomes.unserved_mwh)
    return bool(moved.state.collapsed[element]) or any(float(values[element]) > 0.0 for values in harm)


def episode_of(agent: str, seed: int, start: str, scores: Sequence[Score]) -> Episode:
    """The sums of an episode's cycles."""

    def total(name: str) -> float:
        return fsum(getattr(one, name) for one in scores)

    def count(name: str) -> int:
        return sum(getattr(one, name) for one in scores)

    return Episode(
        agent=agent,
        seed=seed,
        start=start,
        cycles=len(scores),
        reward=total("reward"),
        terms=tuple(fsum(one.terms[k] for one in scores) for k in range(len(REWARD_TERMS))),
        survival=count("survived") / max(len(scores), 1),
        ens_mwh=total("ens_mwh"),
        overload_min=total("overload_min"),
        voltage_min=total("voltage_min"),
        curtailment_mwh=total("curtailment_mwh"),
        cost_usd=total("cost_usd"),
        co2_t=total("co2_t"),
        refused=count("refused"),
        clipped=count("clipped"),
        invalid=count("invalid"),
        false_safe=count("false_safe"),
        latencies_ms=tuple(one.latency_ms for one in scores),
    )
