"""A run: a configuration turned into a twin, an agent and a trace below `runs/<run-id>/`, and at the end a card."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

from gridpilot.agents import make_agent, make_agents
from gridpilot.agents.lifecycle import close_agent, prepare_agent
from gridpilot.errors import ConfigError
from gridpilot.evaluation.episode import Episode, Score, episode_of, score
from gridpilot.evaluation.evaluate import BASELINE, Evaluation
from gridpilot.evaluation.informed import informed
from gridpilot.operations.clock import Pace
from gridpilot.operations.config import RunConfig
from gridpilot.operations.cycle import Cycle, run_cycles, utc_now
from gridpilot.operations.desk import ADVISE, AUTO, AdviseDesk, AutoDesk, Desk, Operator, ReviewDesk
from gridpilot.operations.folder import RunFolder, make_folder, write_json
from gridpilot.traces import Header, Record, TraceLog, create_log, fingerprint, twin_of
from gridpilot.twin import Twin
from gridpilot.values import Agent


class Run:
    """A run that can be operated once; made by `start_run`, and ended by leaving its `with` block.

        with start_run(RunConfig(agent="rules")) as run:
            for record in run.records():
                print(record.moved.time, record.moved.reward)
        print(run.folder.card)

    Ctrl-C ends the run, not the program: what was done is kept, and gets its card.
    """

    def __init__(self, config: RunConfig, folder: RunFolder, twin: Twin, agent: Agent, desk: Desk, log: TraceLog, pace: Pace) -> None:
        self.config = config
        self.folder = folder
        self.twin = twin
        self.interrupted = False
        """Whether Ctrl-C ended it before its last cycle."""
        self.stood_in = 0
        """Cycles in which a stand-in decided in the agent's place."""
        self._agent, self._desk, self._log, self._pace = agent, desk, log, pace
        self._scores: list[Score] = []

    @property
    def cycles(self) -> int:
        """Cycles of the whole run."""
        return self.twin.world.end_step

    @property
    def done(self) -> int:
        """Cycles operated so far."""
        return len(self._scores)

    def prepare(self) -> str:
        """Let the agent make itself ready; what it found as a sentence, or nothing."""
        return prepare_agent(self._agent)

    def records(self) -> Iterator[Record]:
        """Operate, cycle by cycle; each record is in the trace when it comes out."""
        for passed in self.passed():
            yield passed.record

    def passed(self) -> Iterator[Cycle]:
        """The same, with the transition that the record keeps a summary of."""
        try:
            said = self.config.instructions
            for passed in run_cycles(self.twin, self._agent, self._desk, self._log, pace=self._pace, instructions=said):
                self._scores.append(_score(passed))
                thought = passed.record.decision.deliberation
                self.stood_in += bool(thought and thought.why)
                yield passed
        except KeyboardInterrupt:
            self.interrupted = True

    def evaluation(self) -> Evaluation:
        """The agent's cycles so far, with do-nothing on the same ones beside it; at least one must be done."""
        played = {self._agent.name: (self._episode(self._agent.name, self._scores),)}
        if self._agent.name != BASELINE:
            beside = run_cycles(self.twin, make_agent(BASELINE), cycles=self.done)
            played = {BASELINE: (self._episode(BASELINE, [_score(passed) for passed in beside]),), **played}
        return Evaluation(self.twin.model.scenario.name, self.twin.world.profiles.name, played)

    def close(self) -> None:
        """Close the trace and the agent, and write the card of the cycles that were done."""
        self._log.close()
        close_agent(self._agent)
        if self.done:
            write_json(self.folder.card, self.evaluation().to_json())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        interrupted = isinstance(error, KeyboardInterrupt)
        self.interrupted = self.interrupted or interrupted
        self.close()
        return interrupted

    def _episode(self, agent: str, scores: list[Score]) -> Episode:
        start = str(self.twin.world.time(int(self.twin.world.first_row[0])))
        return episode_of(agent, self.config.seed, start, scores)


def start_run(config: RunConfig, *, operator: Operator | None = None, pace: Pace | None = None) -> Run:
    """A run ready to be operated, with its folder, `config.json` and the header of its trace.

    `operator` is whom mode `review` asks. Raises `ConfigError` or `ProfileError` for what cannot be run; nothing is written then.
    """
    desk = _desk(config, operator)
    (agent,) = make_agents([config.agent], config.agent_options)
    bare = _header(config, agent, desk)
    twin = twin_of(bare)
    agent = informed(agent, twin)
    first = fingerprint(twin.first())
    header = replace(bare, state_hash=first.state_hash, arrays=first.arrays)
    folder = make_folder(config.out, f"{twin.model.scenario.name}-{agent.name}-{config.seed}".replace("_", "-"))
    write_json(folder.config, config.to_mapping())
    log = create_log(folder.trace, header, durable=config.durable)
    return Run(config, folder, twin, agent, desk, log, Pace(config.times_real_time) if pace is None else pace)


def _desk(config: RunConfig, operator: Operator | None) -> Desk:
    if config.mode == AUTO:
        return AutoDesk()
    if config.mode == ADVISE:
        return AdviseDesk()
    if operator is None:
        raise ConfigError("Mode 'review' asks an operator, and there is none: give one, such as a gridpilot.operations.Mailbox.")
    return ReviewDesk(operator, math.inf if config.verdict_s is None else config.verdict_s)


def _header(config: RunConfig, agent: Agent, desk: Desk) -> Header:
    return Header(
        scenario=config.scenario,
        profiles=config.profiles,
        agent=agent.name,
        seed=config.seed,
        start=config.start,
        cycle_minutes=config.cycle_minutes,
        cycles=config.cycles,
        engine=config.engine,
        growth=config.growth,
        period=config.period,
        desk=desk.mode,
        config=config.to_mapping(),
        began=utc_now(),
    )


def _score(passed: Cycle) -> Score:
    record = passed.record
    return score(passed.transition, record.decision, record.receipts, record.latency_ms)
