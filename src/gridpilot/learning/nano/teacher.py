"""Labels: what nano should have said of a view, by a search in the language that it speaks.

The optimiser's orders, and smaller versions of them, are put into nano's words. Around them every value is moved a little, up and
down, and left out. One batched preview weighs all of them, and doing nothing; the best is the label. The optimiser's own stays
where nothing is better by more than a margin, because it looks further ahead than the score does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gridpilot.agents.best_of import DEFAULT_HORIZON, Weighed, best_of
from gridpilot.agents.nano.decoding import Reply
from gridpilot.agents.nano.levers import HIGH, LOW, Lever, Levers
from gridpilot.agents.opf import Opf
from gridpilot.agents.reading import risk_ahead
from gridpilot.values import Decision, View

_STEPS = (-2, 2)
"""By how many words a value is moved."""


@dataclass(frozen=True)
class Teacher:
    """Where plans come from, and by how much a search around them must be better."""

    margin: float = 0.05
    """Reward over the horizon."""
    horizon: int = DEFAULT_HORIZON
    optimiser: Opf = field(default_factory=Opf)

    def label(self, view: View, levers: Levers) -> Reply:
        """The words of the best reply that was found; raises `ValueError` for a view without a preview."""
        plans = list(dict.fromkeys(levers.words(move) for move in self.optimiser.plans(view))) or [()]
        found = list(dict.fromkeys([*plans, *_near(levers, plans[0])]))
        weighed = best_of(view, [Decision(actions=levers.actions(words)) for words in found], self.horizon)
        planned = max(weighed.weighed[: len(plans) + 1], key=_rank)
        best = weighed.chosen
        kept = planned if planned.safe >= best.safe and best.score < planned.score + self.margin else best
        words = () if kept.decision is None else found[weighed.weighed.index(kept) - 1]
        return (risk_ahead(view, weighed.held_nothing), *words)


def _rank(one: Weighed) -> tuple[bool, float]:
    return one.safe, one.score


def _near(levers: Levers, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The reply with one value changed, or left out; loads are left as they are, they are many and small."""
    own = dict(zip(words[::2], words[1::2], strict=True))
    for slot, lever in levers.by_word.items():
        if lever.parameter and slot[0] != "l":
            for value in _moved(lever, own.get(slot, lever.value(lever.told))):
                yield _joined(levers, {**own, slot: value})
            if slot in own:
                yield _joined(levers, {word: value for word, value in own.items() if word != slot})


def _moved(lever: Lever, value: str) -> Iterator[str]:
    numbers = lever.values[:-2]
    at = {LOW: -1, HIGH: len(numbers)}.get(value, numbers.index(value) if value in numbers else 0)
    for step in _STEPS:
        k = at + step
        yield LOW if k < 0 else HIGH if k >= len(numbers) else numbers[k]


def _joined(levers: Levers, own: Mapping[str, str]) -> tuple[str, ...]:
    """Slots and values in the order of a reply."""
    return tuple(word for slot in levers.by_word if slot in own for word in (slot, own[slot]))
