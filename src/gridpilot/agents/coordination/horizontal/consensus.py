"""Consensus: grid agents find the average of what each knows, by talking to their neighbours only.

Every round, everybody moves towards what its neighbours said:

    x_i ← x_i + Σ_j w_ij·(x_j − x_i)        w_ij = 1 / (1 + max(d_i, d_j))

with d the number of neighbours: the Metropolis weights of Xiao, Boyd and Lall, "A scheme for robust distributed sensor fusion
based on average consensus", IPSN 2005. W is symmetric, so the sum stays; on a connected graph a round leaves
at most ρ of the distance from the average, the second largest modulus of W's eigenvalues (Xiao and Boyd, "Fast linear iterations
for distributed averaging", Systems & Control Letters 53, 2004):

    ‖x(k) − x̄‖₂ ≤ ρ^k · ‖x(0) − x̄‖₂

So the number of rounds that a tolerance takes is known before the first; nobody has to find out whether all are done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log

import numpy as np

from gridpilot.agents.coordination.horizontal.graph import Edges, make_edges
from gridpilot.agents.coordination.horizontal.mixing import mix
from gridpilot.agents.coordination.horizontal.protocol import Agreement, agreement, check_said
from gridpilot.errors import ActionError, ConfigError, Problem
from gridpilot.values import Floats, Ints

NAME = "consensus"


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """Average consensus on a graph; made by `make`."""

    edges: Edges
    neighbours: Ints
    """Places that each agent hears `[n, most neighbours]`; those with fewer hear themselves, at weight 0."""
    weights: Floats
    """`[n, most neighbours]`."""
    contraction: float
    """ρ: what is left at most, after a round, of the distance from the average."""
    rounds: int
    says: tuple[str, ...]
    hears: tuple[str, ...]
    name: str = NAME

    @property
    def tolerance(self) -> float:
        """What is left at most of the distance from the average, after all rounds."""
        return self.contraction**self.rounds

    def messages_per_round(self, agents: int) -> int:
        """Both ways on every edge."""
        return 2 * len(self.edges)

    def exchange(self, said: Floats) -> Agreement:
        """All rounds; everybody ends close to the average, and the sum over agents stays, but for rounding."""
        check_said(self, said)
        if said.shape[1] != len(self.weights):
            raise ActionError(f"{said.shape[1]} grid agents spoke in a consensus of {len(self.weights)}.")
        values = said.copy()
        for _ in range(self.rounds):
            values = mix(values, values[:, self.neighbours], self.weights)
        return agreement(self, values, self.rounds)


def make(
    agents: int,
    graph: str | Sequence[Sequence[int]] = "ring",
    tolerance: float = 1e-6,
    rounds: int | None = None,
    quantities: Sequence[str] = ("value",),
) -> Consensus:
    """The protocol for so many agents, with `graph` as `make_edges` takes it.

    Without `rounds` there are as many as leave no more than `tolerance` of the first distance from the average. Raises
    `ConfigError` for numbers out of range, and for a graph that is not connected.
    """
    problems = [] if agents >= 1 else [Problem("agents", f"is {agents}; expected 1 or more")]
    if not 0.0 < tolerance < 1.0:
        problems.append(Problem("tolerance", f"is {tolerance:g}; expected more than 0 and less than 1, as in 1e-6"))
    if rounds is not None and rounds < 0:
        problems.append(Problem("rounds", f"is {rounds}; expected 0 or more"))
    if problems:
        raise ConfigError("The consensus cannot be held.", problems)
    edges = make_edges(graph, agents)
    neighbours, weights = _metropolis(edges, agents)
    contraction = _contraction(neighbours, weights)
    enough = _rounds(contraction, tolerance) if rounds is None else rounds
    return Consensus(edges, neighbours, weights, contraction, enough, tuple(quantities), tuple(quantities))


def _metropolis(edges: Edges, agents: int) -> tuple[Ints, Floats]:
    """Neighbours in ascending order, and their weights."""
    hears: list[list[int]] = [[] for _ in range(agents)]
    for a, b in edges:
        hears[a].append(b)
        hears[b].append(a)
    most = max((len(places) for places in hears), default=0)
    neighbours = np.tile(np.arange(agents)[:, None], (1, most))
    weights = np.zeros((agents, most))
    for agent, places in enumerate(hears):
        neighbours[agent, : len(places)] = sorted(places)
        weights[agent, : len(places)] = [1.0 / (1.0 + max(len(places), len(hears[j]))) for j in sorted(places)]
    return neighbours, weights


def _contraction(neighbours: Ints, weights: Floats) -> float:
    """Second largest modulus of the eigenvalues of W; 0 for one agent."""
    n = len(weights)
    matrix = np.eye(n) * (1.0 - weights.sum(axis=1))
    np.add.at(matrix, (np.arange(n)[:, None], neighbours), weights)
    moduli = np.sort(np.abs(np.linalg.eigvalsh(matrix)))
    return float(moduli[-2]) if n > 1 else 0.0


def _rounds(contraction: float, tolerance: float) -> int:
    # An eigenvalue of 0 comes out as rounding.
    return 1 if contraction <= tolerance else ceil(log(tolerance) / log(contraction))
