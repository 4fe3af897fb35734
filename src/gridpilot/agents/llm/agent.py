"""The language-model operator: reads the view, retrieves knowledge, asks a model, weighs what it says, and tells how it went.

No cycle is lost: where the model is late, down or wrong, the stand-in decides, and the decision says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic

from gridpilot.agents.best_of import best_of
from gridpilot.agents.llm.claims import check_claims
from gridpilot.agents.llm.language_model import Asked, LanguageModel
from gridpilot.agents.llm.prompt import DEFAULT_TOKENS
from gridpilot.agents.llm.retrieval import Retriever, nothing_known
from gridpilot.agents.llm.speech import Speech, in_json
from gridpilot.errors import ConfigError, GridpilotError, Problem
from gridpilot.values import Agent, Decision, Deliberation, View

DEFAULT_STAND_IN = "planner"
DEFAULT_DEADLINE_S = 20.0
MOST_CANDIDATES = 32
_LEAST_TOKENS = 800
_RESERVE_SHARE, _RESERVE_S = 0.2, 1.0
"""Of the deadline, and at most: what is kept for the stand-in and for weighing."""


@dataclass(frozen=True, eq=False)
class LanguageAgent:
    """A language model at the controls; raises `ConfigError` with every setting that cannot be used."""

    language: LanguageModel
    stand_in: Agent
    name: str = "llm"
    retriever: Retriever = nothing_known
    candidates: int = 1
    """Decisions that are asked for and weighed against each other and against doing nothing."""
    deadline_s: float = DEFAULT_DEADLINE_S
    """Wall time of a decision, the stand-in's included."""
    prompt_tokens: int = DEFAULT_TOKENS
    speech: Speech = in_json

    def __post_init__(self) -> None:
        problems = []
        if not 1 <= self.candidates <= MOST_CANDIDATES:
            problems.append(Problem("candidates", f"is {self.candidates}, expected 1 … {MOST_CANDIDATES}"))
        if not 0 < self.deadline_s < float("inf"):
            problems.append(Problem("deadline_s", f"is {self.deadline_s:g}, expected more than 0, as in {DEFAULT_DEADLINE_S:g}"))
        if self.prompt_tokens < _LEAST_TOKENS:
            problems.append(Problem("prompt_tokens", f"is {self.prompt_tokens}, expected {_LEAST_TOKENS} or more"))
        if isinstance(self.stand_in, LanguageAgent):
            problems.append(Problem("stand_in", f"is {self.stand_in.name!r}, expected an agent without a language model"))
        if problems:
            raise ConfigError("The language-model operator cannot be made.", problems)

    @property
    def model(self) -> str:
        """Name of the model, with its adapter."""
        return self.language.model

    @property
    def is_informed(self) -> bool:
        """Whether it has knowledge at hand."""
        return self.retriever is not nothing_known

    def prepare(self) -> str:
        """Make the model ready, and say what was found."""
        return f"{self.language.prepare(self.deadline_s)}; {self.stand_in.name} stands in for it"

    def close(self) -> None:
        """Let go of connections and threads."""
        self.language.close()

    def decide(self, view: View) -> Decision:
        """The model's decision, or the stand-in's."""
        by_s = monotonic() + self.deadline_s - min(_RESERVE_SHARE * self.deadline_s, _RESERVE_S)
        try:
            prompt, question = self.speech(view, self.retriever(view), self.prompt_tokens, self.name)
        except GridpilotError as error:
            return self._stood_in(view, Deliberation(self.name, model=self.model), f"no prompt: {error}")
        asked = self.language.ask(question, self.candidates, by_s)
        thought = Deliberation(self.name, model=self.model, attempts=asked.attempts, passages=prompt.passages, prompt_tokens=prompt.tokens)
        if not asked.decisions:
            return self._stood_in(view, thought, asked.why)
        return self._decided(view, asked, thought)

    def _decided(self, view: View, asked: Asked, thought: Deliberation) -> Decision:
        decision = asked.decisions[0]
        if len(asked.decisions) > 1 and view.preview is not None:
            found = best_of(view, asked.decisions)
            decision = found.chosen.decision or _held(asked.decisions)
            thought = replace(thought, candidates=found.candidates, kept=found.best)
        checked = check_claims(decision, view)
        thought = replace(thought, wrong_claims=checked.wrong, false_safe=checked.false_safe)
        return replace(decision, sources=thought.passages, deliberation=thought)

    def _stood_in(self, view: View, thought: Deliberation, why: str) -> Decision:
        decision = self.stand_in.decide(view)
        return replace(decision, deliberation=replace(thought, decided_by=self.stand_in.name, why=" ".join(why.split())))


def _held(decisions: Sequence[Decision]) -> Decision:
    """Doing nothing, in the words of the first decision."""
    return replace(decisions[0], actions=())
