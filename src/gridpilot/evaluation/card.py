"""`Card`: what an agent made of its episodes, in one set of numbers. All are means per episode, but the latencies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridpilot.evaluation.episode import Episode
from gridpilot.evaluation.intervals import Estimate, estimate
from gridpilot.values import REWARD_TERMS


@dataclass(frozen=True, slots=True)
class Card:
    """One agent's evaluation card."""

    agent: str
    episodes: int
    reward: Estimate
    terms: Mapping[str, Estimate]
    """Unweighted, by name in the order of `REWARD_TERMS`."""
    survival: float
    """Share of cycles at whose end the grid was up; 1 where every episode was survived."""
    ens_mwh: float
    """Energy not served."""
    overload_min: float
    voltage_min: float
    """Minutes × components in violation; a tripped branch and a dead bus are."""
    curtailment_mwh: float
    cost_usd: float
    co2_t: float
    refused: float
    clipped: float
    """Actions refused, or followed in part."""
    invalid: float
    """Answers that were no decision."""
    false_safe: float
    """Decisions that called the grid safe in a violation, or before one that could have been known."""
    latency_p50_ms: float
    latency_p95_ms: float
    """Time to decide, over all decisions of all episodes."""

    def to_json(self) -> dict[str, Any]:
        """The agent's entry in `gridpilot evaluate --json`."""
        plain = ("survival", "ens_mwh", "overload_min", "voltage_min", "curtailment_mwh", "cost_usd", "co2_t", "refused",
                 "clipped", "invalid", "false_safe")  # fmt: skip
        return {
            "reward": self.reward.to_json(),
            "terms": {name: term.to_json() for name, term in self.terms.items()},
            **{name: getattr(self, name) for name in plain},
            "latency_ms": {"p50": self.latency_p50_ms, "p95": self.latency_p95_ms},
        }


def card_of(episodes: Sequence[Episode]) -> Card:
    """The card of one agent's episodes; raises `ConfigError` where there is none."""
    reward = estimate([episode.reward for episode in episodes])

    def mean(name: str) -> float:
        return float(np.mean([getattr(episode, name) for episode in episodes]))

    latencies = [ms for episode in episodes for ms in episode.latencies_ms]
    p50, p95 = np.percentile(latencies, (50, 95)).tolist()
    return Card(
        agent=episodes[0].agent,
        episodes=len(episodes),
        reward=reward,
        terms={name: estimate([episode.terms[k] for episode in episodes]) for k, name in enumerate(REWARD_TERMS)},
        survival=mean("survival"),
        ens_mwh=mean("ens_mwh"),
        overload_min=mean("overload_min"),
        voltage_min=mean("voltage_min"),
        curtailment_mwh=mean("curtailment_mwh"),
        cost_usd=mean("cost_usd"),
        co2_t=mean("co2_t"),
        refused=mean("refused"),
        clipped=mean("clipped"),
        invalid=mean("invalid"),
        false_safe=mean("false_safe"),
        latency_p50_ms=p50,
        latency_p95_ms=p95,
    )
