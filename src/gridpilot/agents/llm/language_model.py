"""The seam between the agent and a model: a question goes in, decisions that are valid come out, with what it took."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gridpilot.values import Attempt, Decision


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked for a decision with."""

    messages: Sequence[Mapping[str, str]]
    """As chat completions have them."""
    schema: Callable[[bool], Mapping[str, Any]] | None
    """JSON Schema of a reply; of one that has a largest length where the argument is True. None where replies are no JSON."""
    judge: Callable[[str], Decision]
    """From a reply to the decision; raises `ActionError` with every problem."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking."""

    decisions: tuple[Decision, ...]
    """Valid ones; empty where there is none."""
    attempts: tuple[Attempt, ...]

    @property
    def why(self) -> str:
        """Why there is no decision; empty where there is one."""
        if self.decisions:
            return ""
        last = self.attempts[-1] if self.attempts else Attempt("late", 0.0, "there was no time to ask")
        return f"{last.outcome}: {last.why}"


class LanguageModel(Protocol):
    """A model that decides in words."""

    @property
    def model(self) -> str:
        """Its name, with its adapter."""
        ...

    def prepare(self, deadline_s: float) -> str:
        """Make ready, and say in a sentence what was found; takes no longer than this for what can be slow elsewhere."""
        ...

    def ask(self, question: Question, n: int, by_s: float) -> Asked:
        """Up to `n` decisions until `by_s` on the monotonic clock; never raises for what the model or its server does."""
        ...

    def say(self, messages: Sequence[Mapping[str, str]], by_s: float) -> str:
        """A reply in free text; raises `ModelError` where there is none until `by_s`."""
        ...

    def close(self) -> None:
        """Let go of connections and threads."""
        ...
