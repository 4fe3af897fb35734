"""The grammar of a reply: a risk level, then slots in order, each with a value that can be followed now, then the end.

    reply = RISK {slot value} END

It is made for one view, so every reply is a decision, and every number in it is inside the bounds of that state.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gridpilot.agents.nano.levers import Levers
from gridpilot.agents.nano.vocabulary import END, Vocabulary
from gridpilot.values import RISK_LEVELS


@dataclass(frozen=True)
class Grammar:
    """What may follow, for one view."""

    levers: Levers
    vocabulary: Vocabulary

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """In the order in which they may be named."""
        return tuple(self.levers.by_word)

    def following(self, said: tuple[str, ...]) -> tuple[str, ...]:
        """Words that may come after those of a reply so far."""
        if not said:
            return RISK_LEVELS
        if said[-1] == END:
            return ()
        if len(said) % 2 == 0:
            return self.levers.by_word[said[-1]].values
        named = self.slots.index(said[-2]) + 1 if len(said) > 1 else 0
        return (*self.slots[named:], END)

    def holds(self, words: tuple[str, ...]) -> bool:
        """Whether words, without the end, are a reply."""
        return bool(words) and all(word in self.following(words[:k]) for k, word in enumerate(words)) and len(words) % 2 == 1
