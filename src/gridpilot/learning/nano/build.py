"""`build`: nano from a seed. Label, train, let it operate, label where it led to, train on.

    round 0   states brought about by the teacher, rules, chance and nobody   → train from random weights
    round 1 … states that nano itself led to as well                          → train on, on all examples so far

Then it operates days on which nothing was learned about it, and what came of it is written into the model's card. An interrupt
keeps the last whole round; the same command with the same folder goes on from there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gridpilot.agents.nano import Nano
from gridpilot.agents.nano.model import WEIGHTS, load_model
from gridpilot.agents.nano.vocabulary import PAD, Vocabulary, all_words
from gridpilot.errors import ConfigError, Problem
from gridpilot.evaluation import evaluate
from gridpilot.learning.nano.card import card
from gridpilot.learning.nano.dataset import PERIOD, Example, Shift, play_all, read_examples, write_examples
from gridpilot.learning.nano.export import read_network, write_model
from gridpilot.learning.nano.grids import LEARNED_FROM
from gridpilot.learning.nano.training import ModelSize, Schedule, Tokens, new_model, tokens_of, train, validation_loss
from gridpilot.values import Agent

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

_HELD_OUT = 20
"""One example in so many is kept for validation."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How much of everything."""

    shifts: tuple[int, ...] = (200, 80)
    """Days that are labelled in each round."""
    steps: tuple[int, ...] = (800, 800)
    """Steps of training in each round."""
    size: ModelSize = field(default_factory=ModelSize)
    batch: int = 64
    cycles: int = 288
    """Per day."""
    judged_days: int = 4
    """Days of the training period that it operates at the end, drawn by seeds that no round used; 0 for none."""
    processes: int = 2

    def __post_init__(self) -> None:
        problems = []
        if not self.shifts or len(self.shifts) != len(self.steps):
            problems.append(Problem("shifts", f"and steps must have one number per round, found {self.shifts} and {self.steps}"))
        if min((*self.shifts, *self.steps, self.batch, self.cycles, self.processes), default=0) < 1:
            problems.append(Problem("recipe", "holds a number below 1"))
        if problems:
            raise ConfigError("Nano cannot be built like this.", problems)

    def schedule(self, number: int) -> Schedule:
        """Of a round; later ones begin at a lower rate."""
        return Schedule(steps=self.steps[number], batch=self.batch, peak_rate=2e-3 if number == 0 else 1.5e-3)


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made."""

    folder: Path
    """With the model as transformers reads it, and its card, `README.md`."""
    metrics: dict[str, Any]


def build(folder: Path, seed: int = 0, recipe: Recipe | None = None, progress: Progress | None = None) -> Built:
    """Build nano into a folder; raises `MissingExtraError` without the extra `learn`."""
    recipe, tell, began_s = recipe or Recipe(), progress or _silent, time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    losses: list[float] = []
    for number in range(len(recipe.steps)):
        loss = _round(folder, number, seed, recipe, tell)
        losses.append(loss)
    metrics = _metrics(folder, recipe, tell)
    metrics |= {"validation_loss": losses, "minutes": round((time.perf_counter() - began_s) / 60.0, 1), "seed": seed}
    metrics |= {"examples": len(_examples(folder, len(recipe.steps))), "recipe": asdict(recipe)}
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(card(metrics), encoding="utf-8")
    return Built(folder, metrics)


def _round(folder: Path, number: int, seed: int, recipe: Recipe, tell: Progress) -> float:
    """Label and train; what is in the folder already is kept. Returns the validation loss."""
    before, after = folder / f"round-{number - 1}", folder / f"round-{number}"
    last = number == len(recipe.steps) - 1
    after = folder if last else after
    labelled = folder / f"examples-{number}.jsonl"
    if not labelled.is_file():
        shifts = [
            Shift(k, seed, number, cycles=recipe.cycles, model="" if number == 0 else str(before)) for k in range(recipe.shifts[number])
        ]  # fmt: skip
        what = f"round {number}: days labelled"
        write_examples(labelled, play_all(shifts, recipe.processes, lambda done, total: tell(what, done, total)))
    vocabulary = Vocabulary(all_words())
    learned, held_out = _split(_examples(folder, number + 1), vocabulary)
    pad = vocabulary.token[PAD]
    if (after / WEIGHTS).is_file():
        return validation_loss(read_network(after), held_out, pad)
    network = new_model(recipe.size, vocabulary, seed) if number == 0 else read_network(before)
    what = f"round {number}: steps trained"
    train(network, learned, recipe.schedule(number), pad=pad, seed=seed + number, progress=lambda done, total: tell(what, done, total))
    write_model(after, network, vocabulary)
    return validation_loss(network, held_out, pad)


def _examples(folder: Path, rounds: int) -> list[Example]:
    return [example for number in range(rounds) for example in read_examples(folder / f"examples-{number}.jsonl")]


def _split(examples: list[Example], vocabulary: Vocabulary) -> tuple[list[Tokens], list[Tokens]]:
    """Examples to learn from, and every twentieth to check with."""
    tokens = [tokens_of(example, vocabulary) for example in examples]
    chosen = np.arange(len(tokens)) % _HELD_OUT == _HELD_OUT - 1
    return [t for t, out in zip(tokens, chosen, strict=True) if not out], [t for t, out in zip(tokens, chosen, strict=True) if out]


def _metrics(folder: Path, recipe: Recipe, tell: Progress) -> dict[str, Any]:
    """Cards of days in the training period, beside the others."""
    found: dict[str, Any] = {"parameters": sum(array.size for array in load_model(folder).arrays.values()), "cards": {}}
    agents: list[str | Agent] = ["do-nothing", "rules", "planner", Nano(folder=folder)]
    for name in LEARNED_FROM if recipe.judged_days else ():
        played = evaluate(
            name, agents, seeds=range(recipe.judged_days), period=PERIOD, cycles=recipe.cycles,
            progress=lambda _, done, total: tell("days operated", done, total),
        )  # fmt: skip
        found["cards"][name] = {agent: one.to_json() for agent, one in played.cards.items()}
    return found


def _silent(what: str, done: int, total: int) -> None:
    """Say nothing."""
