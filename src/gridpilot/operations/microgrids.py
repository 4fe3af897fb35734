"""An episode of microgrids whose agents may be anywhere, with a trace from which it goes on after a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from gridpilot.agents.grid.rules import GridRules
from gridpilot.envs.microgrids import MicrogridsConfig, MicrogridsEnv
from gridpilot.envs.microgrids.config import IN_MEMORY, make_config
from gridpilot.envs.microgrids.remote import Exchange
from gridpilot.envs.microgrids.seats import make_seats
from gridpilot.errors import ConfigError, TraceError
from gridpilot.messages.steps import Watch, unwatched
from gridpilot.traces.chain import Chain, new_chain, open_chain
from gridpilot.traces.fingerprint import state_hash
from gridpilot.traces.line import FIRST, seal
from gridpilot.traces.reader import scan

TRACE = "microgrids.jsonl"
POLICIES = ("standing", "random", "rules")
_KIND, _STEP, _SCHEMA = "microgrids", "step", 1
_REACH = 0.4
"""How far a random action goes of what it may."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A step of the episode."""

    step: int
    steps: int
    rewards: Mapping[str, float]
    silent: tuple[str, ...]
    """Agents that did not answer."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a trace says of its episode before the first step."""

    config: MicrogridsConfig
    seed: int
    policy: str


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode that has ended."""

    trace: Path
    steps: int
    resumed_at: int
    """Steps that the trace had already."""
    rewards: Mapping[str, float]
    """Sums over the steps."""
    silent_cycles: Mapping[str, int]
    """For how many cycles each agent did not answer."""
    messages: Mapping[str, int]
    state_hash: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """How the replay of a trace went."""

    recorded: Recorded
    verified: int
    """States and rewards that came out bit for bit, the first state among them."""
    differs_at: int | None
    """The step that came out otherwise, 0 for the first state; None where none did."""

    @property
    def sentence(self) -> str:
        """What came out, and what to try."""
        if not self.verified and self.differs_at is None:
            return "The trace ends before its first state: there is nothing to verify."
        if self.differs_at is None:
            return f"The first state and {self.verified - 1} steps came out bit for bit, from what agents said then."
        where = f"Step {self.differs_at}" if self.differs_at else "The first state"
        return f"{where} came out otherwise: the trace was made by another version of gridpilot, or from other data."


def run_episode(
    config: MicrogridsConfig,
    folder: Path,
    *,
    seed: int = 0,
    policy: str = "standing",
    tell: Callable[[Progress], None] = lambda _: None,
    watch: Watch = unwatched,
) -> Episode:
    """A new episode, recorded in a folder. All its agents are behind the broker of the configuration; `watch` hears who is waited for.

    Raises `ConfigError` for a policy that there is none of and a scenario that is no name, and what the environment and a trace raise.
    """
    if policy not in POLICIES:
        raise ConfigError(f"There is no policy {policy!r}; choose one of {', '.join(POLICIES)}.")
    if not isinstance(config.scenario, str) or not isinstance(config.profiles, str):
        raise ConfigError("A recorded episode needs a scenario and profiles by name.")
    header = {"kind": _KIND, "schema": _SCHEMA, "config": _plain(config), "seed": seed, "policy": policy}
    # First the environment and its agents: what cannot begin leaves no trace that would be in the way of the next try.
    with closing(MicrogridsEnv(replace(config, centralized=False), watch=watch)) as env:
        folder.mkdir(parents=True, exist_ok=True)
        with new_chain(folder / TRACE, seal(header, FIRST)) as chain:
            try:
                return _operate(env, chain, [], seed, policy, tell)
            except BaseException:
                if chain.tail.lines == 1:
                    chain.path.unlink()
                raise


def resume_episode(
    folder: Path,
    *,
    changes: Mapping[str, Any] | None = None,
    tell: Callable[[Progress], None] = lambda _: None,
    watch: Watch = unwatched,
) -> Episode:
    """Go on with the episode of a folder, from its last whole line; `changes` are fields of its configuration, such as the broker.

    Raises `TraceError` where the trace is broken, of another kind, or does not lead to the states that it says.
    """
    path = folder / TRACE
    chain, _ = open_chain(path)
    with chain:
        recorded = read_recorded(path)
        config = replace(recorded.config, **{**(changes or {}), "centralized": False})
        with closing(MicrogridsEnv(config, watch=watch)) as env:
            return _operate(env, chain, _lines(path), recorded.seed, recorded.policy, tell)


def is_microgrids(path: Path) -> bool:
    """Whether a file begins as a trace of microgrids; raises `TraceError` for a broken first line."""
    first = next(_bodies(path), None)
    return first is not None and first.get("kind") == _KIND


def read_recorded(path: Path) -> Recorded:
    """What a trace was made from; raises `TraceError` for one whose first line is broken or of another kind."""
    header = next(_bodies(path), {})
    if header.get("kind") != _KIND or header.get("schema") != _SCHEMA:
        raise TraceError(f"{path} is no trace of microgrids that this version of gridpilot reads.")
    return Recorded(make_config({**header["config"], "centralized": False}), header["seed"], header["policy"])


def _lines(path: Path) -> list[dict[str, Any]]:
    """The first state and every step; raises `TraceError` at a broken line."""
    return list(_bodies(path))[1:]


def _bodies(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            yield from (line.body for line in scan(file, path))
    except OSError as error:
        raise TraceError(f"Trace {path} cannot be read: {error.strerror}. Give a trace, or the folder of one.") from error


def replay_episode(path: Path) -> Replayed:
    """Take the grid through a trace again, with what agents said then, and compare every state up to the first that differs.

    No agent is asked and no broker is needed. Raises `TraceError` as `read_recorded`, and at a broken line.
    """
    recorded, lines = read_recorded(path), _lines(path)
    config = replace(recorded.config, message_broker=IN_MEMORY, hosts="here", faults={})
    verified = 0
    with closing(MicrogridsEnv(config)) as env:
        assert env.remote is not None  # `centralized` is false
        env.remote.play_back(_exchanges(lines))
        for line, found in zip(lines, _steps(env, recorded.seed, recorded.policy), strict=False):
            if any(line[key] != found[key] for key in ("state_hash", "rewards")):
                return Replayed(recorded, verified, verified)
            verified += 1
    return Replayed(recorded, verified, None)


def _exchanges(lines: list[dict[str, Any]]) -> Iterator[Exchange]:
    return (Exchange(**{field: line[field] for field in Exchange._fields}) for line in lines)


def _operate(
    env: MicrogridsEnv, chain: Chain, before: list[dict[str, Any]], seed: int, policy: str, tell: Callable[[Progress], None]
) -> Episode:
    """Replay what the trace has, go on, and record it."""
    sums, silent = dict.fromkeys(env.possible_agents, 0.0), dict.fromkeys(env.possible_agents, 0)
    assert env.remote is not None  # `centralized` is false
    if before:
        env.remote.play_back(_exchanges(before))
    steps = 0
    for steps, line in enumerate(_steps(env, seed, policy)):
        if steps < len(before):
            _compare(before[steps], line, chain.path)
            line = before[steps]
        else:
            chain.write(seal({"kind": _STEP, **line}, chain.tail.digest))
        for name, reward in line["rewards"].items():
            sums[name] += reward
        for name in line["silent"]:
            silent[name] += 1
        if steps >= len(before):
            tell(Progress(steps, env.steps, line["rewards"], tuple(line["silent"])))
    state = env.grid_state
    assert state is not None  # an episode has begun
    return Episode(chain.path, steps, max(len(before) - 1, 0), sums, silent, dict(env.messages), state_hash(state))


def _steps(env: MicrogridsEnv, seed: int, policy: str) -> Iterator[dict[str, Any]]:
    """What is recorded of the first state and of every step."""
    decide = _policy(env, seed, policy)
    seen, _ = env.reset(seed=seed)
    yield _line(env, {}, ())
    step = 0
    while env.agents:
        step += 1
        seen, rewards, _, _, infos = env.step(decide(step, seen))
        yield _line(env, rewards, [name for name, info in infos.items() if info["silent_cycles"]])


def _line(env: MicrogridsEnv, rewards: Mapping[str, float], silent: Any) -> dict[str, Any]:
    state = env.grid_state
    assert state is not None  # an episode has begun
    assert env.remote is not None  # `centralized` is false
    return {**env.remote.last._asdict(), "rewards": dict(rewards), "silent": list(silent), "state_hash": state_hash(state)}


def _policy(env: MicrogridsEnv, seed: int, policy: str) -> Callable[[int, Mapping[str, Any]], dict[str, Any]]:
    """From step and observations to actions: nothing else counts, so that an episode that is resumed goes on as it would have."""
    standing = env.standing_action

    def stand(step: int, seen: Mapping[str, Any]) -> dict[str, Any]:
        return {name: standing[name] for name in env.agents}

    def draw(step: int, seen: Mapping[str, Any]) -> dict[str, Any]:
        random = np.random.default_rng([seed, step])
        return {name: random.uniform(-_REACH, _REACH, len(standing[name])) for name in env.agents}

    if policy != "rules":
        return stand if policy == "standing" else draw
    seats, rules = make_seats(env.config, env.members), GridRules()

    def rule(step: int, seen: Mapping[str, Any]) -> dict[str, Any]:
        return {name: seats[name].action(rules.decide(seats[name].measured(seen[name]), seats[name].ranges_mw)) for name in env.agents}

    return rule


def _compare(recorded: Mapping[str, Any], found: Mapping[str, Any], path: Path) -> None:
    if recorded["state_hash"] != found["state_hash"]:
        raise TraceError(
            f"Trace {path} does not lead to the states that it says: it was made by another version, or from other data. "
            "Begin a new episode in another folder."
        )


def _plain(config: MicrogridsConfig) -> dict[str, Any]:
    """The configuration as JSON knows it, without what a resumed episode decides anew."""
    left_out = ("epoch", "centralized")
    values = {entry.name: getattr(config, entry.name) for entry in fields(config) if entry.name not in left_out}
    plain: dict[str, Any] = msgspec.to_builtins({key: dict(v) if isinstance(v, Mapping) else v for key, v in values.items()})
    return plain
