"""Nano: a small language model of our own which reads a view as a short text and answers with orders.

Several replies are drawn, previewed in one batch beside doing nothing, and the best is taken; with one candidate, or in a role without
a preview, it is the greedy reply. The words it said are the decision's `thinking`. The risk it tells is never lower than what the
present shows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from gridpilot.agents.best_of import BestOf, best_of
from gridpilot.agents.nano.decoding import Reply, replies
from gridpilot.agents.nano.grammar import Grammar
from gridpilot.agents.nano.levers import Levers, levers_of
from gridpilot.agents.nano.model import CONFIG, TOKENIZER, WEIGHTS, Model, load_model
from gridpilot.agents.nano.prompt import prompt
from gridpilot.agents.reading import binding, number, risk_of
from gridpilot.errors import ConfigError, Problem
from gridpilot.values import RISK_LEVELS, Decision, Deliberation, View

NAME = "nano"
SHIPPED = Path(str(files("gridpilot.agents.nano"))) / "weights"
"""The model that comes with the package."""
CANDIDATES = 8
"""Replies that are weighed against each other; the weights are small, and eight of them take little longer than one."""
TEMPERATURE = 0.7
"""Of replies that are drawn."""


@dataclass(frozen=True)
class Nano:
    """How it decides."""

    candidates: int = CANDIDATES
    """Replies per decision: the greedy one, and others drawn."""
    temperature: float = TEMPERATURE
    """Of the replies that are drawn."""
    seed: int = 0
    folder: Path = SHIPPED
    """Where the model is."""
    name: str = NAME

    def __post_init__(self) -> None:
        problems = []
        if self.candidates < 1:
            problems.append(Problem("candidates", f"must be 1 or more, found {self.candidates}"))
        if not self.temperature > 0.0:
            problems.append(Problem("temperature", f"must be above 0, found {self.temperature}"))
        lost = [name for name in (WEIGHTS, CONFIG, TOKENIZER) if not (self.folder / name).is_file()]
        if lost:
            problems.append(
                Problem("folder", f"{self.folder} has no {', '.join(lost)}; make one with: gridpilot nano build --out {self.folder}")
            )
        if problems:
            raise ConfigError("Nano cannot decide like this.", problems)

    @property
    def model(self) -> str:
        """Which weights: the beginning of their SHA-256."""
        return f"{NAME}-{_version(str(self.folder))}"

    @property
    def network(self) -> Model:
        """The model itself; read when it is first asked for."""
        return _loaded(str(self.folder))

    def decide(self, view: View) -> Decision:
        """The best of several replies on the outlook; the greedy one where only one is asked for, or the view has no preview."""
        thought = Deliberation(self.name, model=self.model)
        if self.candidates == 1 or view.preview is None:
            return replace(self._candidates_for(view, 1)[0], deliberation=thought)
        found = self.weigh(view)
        thought = replace(thought, candidates=found.candidates, kept=found.best)
        held = "doing nothing is best of all previewed"
        chosen = found.chosen.decision or decided(view, levers_of(view), ("LOW",), self.name, held)
        return replace(chosen, deliberation=thought)

    def candidates_for(self, view: View) -> list[Decision]:
        """All decisions that were drawn for a view, the greedy one first."""
        return self._candidates_for(view, self.candidates)

    def _candidates_for(self, view: View, count: int) -> list[Decision]:
        levers, network = levers_of(view), self.network
        temperatures = (0.0, *[self.temperature] * (count - 1))
        found = replies(network, prompt(view, levers), Grammar(levers, network.vocabulary), temperatures, _key(self.seed, view.step))
        return [decided(view, levers, reply, self.name) for reply in found]

    def weigh(self, view: View) -> BestOf:
        """All decisions that were drawn for a view, weighed beside doing nothing."""
        return best_of(view, self.candidates_for(view))


def decided(view: View, levers: Levers, reply: Reply, name: str, why: str = "") -> Decision:
    """What a reply means for a view; the risk that it tells is never lower than what the present shows."""
    said, *words = reply
    risk = max(said, risk_of(view), key=RISK_LEVELS.index)
    actions = levers.actions(words)
    assessment = _assessment(view, why or ("" if actions else "holding every order"))
    return Decision(assessment, risk, actions, thinking=" ".join(reply), agent=name)


@cache
def _loaded(folder: str) -> Model:
    return load_model(Path(folder))


@cache
def _version(folder: str) -> str:
    return sha256((Path(folder) / WEIGHTS).read_bytes()).hexdigest()[:8]


def _key(seed: int, step: int) -> int:
    """A seed of its own for every cycle."""
    return (seed << 32) + step


def _assessment(view: View, why: str) -> str:
    hot = binding(view)
    worst = f"{hot[0].name} at {100 * number(hot[0], 'loading'):.0f} %" if hot else "no branch is hot"
    slack = f"slack {view.summary['slack_mw']:.0f} MW for {view.summary['slack_schedule_mw']:.0f} MW scheduled"
    return "; ".join(part for part in (worst, slack, why) if part) + "."
