"""`evaluate`: every agent on the same seeds, days, weather and disturbances, through the product's own loop."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date
from multiprocessing.process import BaseProcess
from typing import Any

from gridpilot.agents import make_agents
from gridpilot.agents.lifecycle import close_agent
from gridpilot.errors import ConfigError
from gridpilot.evaluation.answer import ask
from gridpilot.evaluation.card import Card, card_of
from gridpilot.evaluation.episode import Episode, Score, episode_of, score
from gridpilot.evaluation.informed import inform, informed
from gridpilot.evaluation.intervals import Estimate, paired_difference
from gridpilot.profiles import Profiles
from gridpilot.scenarios import Scenario, load_scenario
from gridpilot.shield import OPERATOR, review
from gridpilot.twin import Twin, make_twin
from gridpilot.values import Agent, Receipt, Transition

BASELINE = "do-nothing"
DEFAULT_AGENTS = (BASELINE, "rules", "planner", "opf", "nano")
DEFAULT_EPISODES = 8


@dataclass(frozen=True, eq=False)
class Conditions:
    """What all agents of an evaluation meet alike; the seed adds the day and the disturbances."""

    scenario: Scenario | str
    profiles: Profiles
    start: str | date | None = None
    """A day for all seeds; without it each seed draws one from the scenario's dates."""
    cycle_minutes: float = 5.0
    cycles: int | None = None
    """Cycles per episode; None for the scenario's whole episode."""
    engine: str = "newton"
    growth: bool = False
    period: str = "judging"

    def twin(self, seed: int) -> Twin:
        """The grid of one episode."""
        return make_twin(
            self.scenario, profiles=self.profiles, start=self.start, seeds=(seed,), cycle_minutes=self.cycle_minutes,
            cycles=self.cycles, engine=self.engine, growth=self.growth, period=self.period,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Agents on the same episodes."""

    scenario: str
    profiles: str
    played: Mapping[str, tuple[Episode, ...]]
    """Per agent its episodes, one per seed and in the same order for all."""

    @property
    def episodes(self) -> int:
        """Episodes per agent."""
        return min((len(episodes) for episodes in self.played.values()), default=0)

    @property
    def cards(self) -> dict[str, Card]:
        """A card per agent, in the order they were asked for."""
        return {agent: card_of(episodes) for agent, episodes in self.played.items()}

    def against_nothing(self) -> dict[str, Estimate]:
        """Per other agent its reward less do-nothing's, episode by episode; empty where do-nothing did not play."""
        if BASELINE not in self.played:
            return {}
        base = [episode.reward for episode in self.played[BASELINE]]
        return {
            agent: paired_difference([episode.reward for episode in episodes], base)
            for agent, episodes in self.played.items()
            if agent != BASELINE
        }

    def to_json(self) -> dict[str, Any]:
        """What `gridpilot evaluate --json` prints."""
        return {
            "scenario": self.scenario,
            "profiles": self.profiles,
            "episodes": self.episodes,
            "agents": {agent: card.to_json() for agent, card in self.cards.items()},
        }


Progress = Callable[[Episode, int, int], None]
"""Called after every episode with it, how many are done, and how many there will be."""


def evaluate(
    scenario: Scenario | str,
    agents: Sequence[str | Agent] = DEFAULT_AGENTS,
    *,
    options: Mapping[str, Any] | None = None,
    episodes: int = DEFAULT_EPISODES,
    seeds: Sequence[int] | None = None,
    profiles: Profiles | str = "simbench",
    start: str | date | None = None,
    cycle_minutes: float = 5.0,
    cycles: int | None = None,
    engine: str = "newton",
    growth: bool = False,
    period: str = "judging",
    processes: int = 1,
    progress: Progress | None = None,
) -> Evaluation:
    """Play every agent on every seed: `seeds`, or 0 … `episodes` − 1.

    `options` go to those of the agents named that have them.

    An interrupt (Ctrl-C) ends it with the seeds that all agents have finished; before the first of them it goes
    through. `processes` plays that many episodes at a time; agents must then be picklable, and latencies are those of
    a busier machine. Raises `ConfigError` and `UnknownNameError` for what cannot be had.
    """
    cast = _cast(agents, options or {})
    keys = tuple(range(episodes)) if seeds is None else tuple(seeds)
    if not keys or len(set(keys)) != len(keys):
        raise ConfigError(f"An evaluation needs one or more different seeds, found {list(keys)}: ask for at least one episode.")
    if processes < 1:
        raise ConfigError(f"Found {processes} processes; expected 1 or more.")
    known = load_scenario(scenario) if isinstance(scenario, str) else scenario
    conditions = Conditions(
        scenario=scenario,
        profiles=known.load_profiles(profiles) if isinstance(profiles, str) else profiles,
        start=start,
        cycle_minutes=cycle_minutes,
        cycles=cycles,
        engine=engine,
        growth=growth,
        period=period,
    )
    done: dict[tuple[str, int], Episode] = {}
    tasks = [(agent, seed) for seed in keys for agent in cast.values()]
    try:
        for episode in _play_all(conditions, tasks, min(processes, len(tasks))):
            done[episode.agent, episode.seed] = episode
            if progress is not None:
                progress(episode, len(done), len(tasks))
    except KeyboardInterrupt:
        if not _finished(done, cast, keys):
            raise
    finally:
        for agent in cast.values():
            close_agent(agent)
    played = {name: tuple(done[name, seed] for seed in _finished(done, cast, keys)) for name in cast}
    return Evaluation(known.name, conditions.profiles.name, played)


def _cast(agents: Sequence[str | Agent], options: Mapping[str, Any]) -> dict[str, Agent]:
    named = iter(make_agents([agent for agent in agents if isinstance(agent, str)], options))
    made = [next(named) if isinstance(agent, str) else agent for agent in agents]
    names = [agent.name for agent in made]
    if not names or len(set(names)) != len(names):
        raise ConfigError(f"An evaluation needs one or more agents of different names, found {names}.")
    return dict(zip(names, made, strict=True))


def _finished(done: Mapping[tuple[str, int], Episode], cast: Mapping[str, Agent], seeds: Sequence[int]) -> list[int]:
    """Seeds that all agents have played: only those compare."""
    return [seed for seed in seeds if all((name, seed) in done for name in cast)]


# --------------------------------------------------------------------------------------------------- playing


def play(conditions: Conditions, agent: Agent, seed: int) -> Episode:
    """One episode: observe → decide → shield → step, until it ends."""
    twin = conditions.twin(seed)
    agent, state = informed(agent, twin), twin.first()
    start = twin.time(state)
    scores: list[Score] = []
    last: Transition | None = None
    receipts: tuple[Receipt, ...] = ()
    for _ in range(twin.world.end_step):
        answer = ask(agent, twin.observe(state, role=OPERATOR, last=last, receipts=receipts))
        result = review(twin, state, answer.decision, OPERATOR)
        receipts = result.receipts
        setpoints, _ = twin.order(state, result.actions)
        last = twin.step(state, setpoints)
        state = last.state
        inform(agent, state)
        scores.append(score(last, result.decision, receipts, answer.latency_ms))
    return episode_of(agent.name, seed, start, scores)


def _play_all(conditions: Conditions, tasks: Sequence[tuple[Agent, int]], processes: int) -> Iterator[Episode]:
    """Every task's episode, as it is done."""
    if processes == 1:
        for agent, seed in tasks:
            yield play(conditions, agent, seed)
        return
    before = set(multiprocessing.active_children())
    workers: set[BaseProcess] = set()
    pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _leave_interrupts)
    try:
        futures = [pool.submit(play, conditions, agent, seed) for agent, seed in tasks]
        workers = set(multiprocessing.active_children()) - before
        for future in as_completed(futures):
            yield future.result()
    except (KeyboardInterrupt, GeneratorExit):
        # The interrupt was the parent's to take: a worker in the middle of an episode would keep it waiting.
        for worker in workers:
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
