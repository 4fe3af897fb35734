"""An agreement on a price among agents behind a broker: the environment carries their letters, round by round, and mixes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gridpilot.agents.coordination.horizontal.consensus import Consensus
from gridpilot.agents.grid import Agree

Ask = Callable[[str, Mapping[str, object], type], dict[str, Any]]
"""A phase, questions by role, and the type of the answers: answers by role, of those who answered."""
Heard = list[list[float | None]]
"""What each member heard of its neighbours, in their order."""


class Agreement:
    """Who hears whom, and how often."""

    def __init__(self, consensus: Consensus, names: Sequence[str]) -> None:
        self._names, self._rounds = names, consensus.rounds
        self._neighbours: list[list[int]] = [[] for _ in names]
        for one, other in consensus.edges:
            self._neighbours[one].append(other)
            self._neighbours[other].append(one)
        self._neighbours = [sorted(own) for own in self._neighbours]
        self._weights = consensus.weights
        self.letters = 0
        """Of the last agreement: one from each who spoke to each neighbour, in every round."""
        self.spoken = [0] * len(names)
        """In how many rounds of the last agreement each member spoke."""

    def weights(self, k: int) -> list[float]:
        """What each neighbour counts for a member."""
        found: list[float] = self._weights[k, : len(self._neighbours[k])].tolist()
        return found

    def hold(self, ask: Ask, step: int, prices: Sequence[float], here: set[int]) -> Heard:
        """All rounds; the letters of the last one, which go out with `act`.

        `prices` are entries of actions. Only those who are `here` are asked, and who misses a round has no part in those after it: it
        keeps what it holds, and nobody hears it.
        """
        heard: Heard = [[] for _ in self._names]
        self.letters, self.spoken = 0, [0] * len(self._names)
        for k in range(1, self._rounds + 1):
            asked = {self._names[one]: Agree(step, prices[one], heard[one]) for one in sorted(here)}
            said = ask(f"agree-{k}", asked, float) if asked else {}
            here = {one for one in here if self._names[one] in said}
            heard = [self._letters(one, said) if one in here else [] for one in range(len(self._names))]
            for one in here:
                self.letters += len(self._neighbours[one])
                self.spoken[one] += 1
        return heard

    def _letters(self, one: int, said: Mapping[str, float]) -> list[float | None]:
        return [said.get(self._names[other]) for other in self._neighbours[one]]
