"""Examples: prompts of states that somebody brought about, each with the teacher's reply.

A *shift* is one grid over one day under changing hands: the teacher's, the rules', nobody's, orders drawn at random, and in a later
round nano's own, so that it learns what to do in the states that it leads to (S. Ross, G. Gordon, D. Bagnell, "A reduction of
imitation learning and structured prediction to no-regret online learning", AISTATS 2011). Shifts are drawn by number from the seed and
are the same however many processes work on them. Days are those on which sizes were chosen, never those of evaluation.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator

from gridpilot.agents import make_agent
from gridpilot.agents.nano.decoding import Reply, replies
from gridpilot.agents.nano.grammar import Grammar
from gridpilot.agents.nano.levers import Levers, levers_of
from gridpilot.agents.nano.model import Model, load_model
from gridpilot.agents.nano.prompt import prompt
from gridpilot.learning.nano.grids import LEARNED_FROM, variant
from gridpilot.learning.nano.teacher import Teacher
from gridpilot.scenarios import load_scenario
from gridpilot.twin import make_twin
from gridpilot.values import Action, View

_AS_IT_IS = 0.4
"""Part of the shifts that play a scenario without changes."""
PERIOD, PROFILES = "tuning", "simbench"


@dataclass(frozen=True, slots=True)
class Example:
    """One state, and what should be said of it."""

    prompt: str
    reply: str
    """Words, without the end."""
    grid: str
    round: int


@dataclass(frozen=True, slots=True)
class Shift:
    """What one job does: a grid over a day."""

    number: int
    seed: int
    round: int = 0
    cycles: int = 288
    every: int = 3
    """Cycles from one label to the next."""
    model: str = ""
    """Folder of a model that has its turns at the controls; empty in the first round."""


def play(shift: Shift) -> list[Example]:
    """The examples of a shift."""
    random = np.random.default_rng([shift.seed, shift.round, shift.number])
    name = LEARNED_FROM[shift.number % len(LEARNED_FROM)]
    scenario = load_scenario(name) if random.random() < _AS_IT_IS else variant(name, random)
    day = int(random.integers(1_000, 1_000_000))
    twin = make_twin(scenario, profiles=PROFILES, seeds=[day], cycles=shift.cycles, period=PERIOD)
    teacher, hands = Teacher(), Hands(load_model(Path(shift.model)) if shift.model else None, random)
    found: list[Example] = []
    state = twin.first()
    for step in range(shift.cycles):
        if state.collapsed[0]:
            break
        hands.change()
        labelled, setpoints = step % shift.every == 0, state.setpoints
        if labelled or hands.every_cycle:
            view = twin.observe(state)
            levers = levers_of(view)
            text = prompt(view, levers)
            label = teacher.label(view, levers) if labelled else ()
            if label:
                found.append(Example(text, " ".join(label), scenario.name, shift.round))
            setpoints, _ = twin.order(state, hands.actions(view, levers, text, label))
        state = twin.step(state, setpoints).state
    return found


_FIRST = {"teacher": 0.55, "nobody": 0.15, "random": 0.2, "rules": 0.1}
_LATER = {"nano": 0.7, "teacher": 0.1, "nobody": 0.05, "random": 0.15}


@dataclass
class Hands:
    """Who is at the controls; they change every half hour to three hours."""

    model: Model | None
    random: Generator
    who: str = ""
    left: int = 0
    """Cycles until they change."""

    def change(self) -> None:
        """A cycle begins."""
        if self.left == 0:
            shares = _FIRST if self.model is None else _LATER
            self.who, self.left = str(self.random.choice(list(shares), p=list(shares.values()))), int(self.random.integers(6, 37))
        self.left -= 1

    @property
    def every_cycle(self) -> bool:
        return self.who == "nano"

    def actions(self, view: View, levers: Levers, text: str, label: Reply) -> tuple[Action, ...]:
        """What they order; nobody orders nothing."""
        if self.who == "teacher":
            return levers.actions(label[1:])
        if self.who == "rules":
            return make_agent("rules").decide(view).actions
        if self.who == "random":
            return levers.actions(_drawn(levers, self.random))
        if self.who == "nano" and self.model is not None:
            grammar = Grammar(levers, self.model.vocabulary)
            return levers.actions(replies(self.model, text, grammar, (0.0,))[0][1:])
        return ()


def _drawn(levers: Levers, random: Generator) -> Reply:
    """Any value for some of the slots."""
    chosen = [lever for lever in levers.by_word.values() if random.random() < 0.4]
    return tuple(word for lever in chosen for word in (lever.word, str(random.choice(lever.values))))


# ------------------------------------------------------------------------------------------------- many shifts


def play_all(shifts: Sequence[Shift], processes: int = 1, progress: Callable[[int, int], None] | None = None) -> list[Example]:
    """The examples of all shifts, in their order; an interrupt goes through, with no process left behind."""
    found: list[Example] = []
    for done, examples in enumerate(_played(shifts, processes), start=1):
        found += examples
        if progress is not None:
            progress(done, len(shifts))
    return found


def _played(shifts: Sequence[Shift], processes: int) -> Iterator[list[Example]]:
    if processes <= 1:
        yield from map(play, shifts)
        return
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _leave_interrupts)
    try:
        yield from pool.map(play, shifts)
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts() -> None:
    """The interrupt is the parent's to take."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """One JSON document per line."""
    path.write_text("".join(json.dumps(asdict(example)) + "\n" for example in examples), encoding="utf-8")


def read_examples(path: Path) -> list[Example]:
    """What `write_examples` wrote."""
    return [Example(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
