"""`RunConfig`: everything that makes a run what it is; every problem of a configuration is told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Self, get_type_hints

import msgspec

from gridpilot.agents import make_agents
from gridpilot.errors import ConfigError, Problem, UnknownNameError
from gridpilot.operations.clock import FAST, parse_speed
from gridpilot.operations.desk import AUTO, MODES
from gridpilot.powerflow import engine_names
from gridpilot.profiles import profile_names
from gridpilot.scenarios import load_scenario
from gridpilot.twin.twin import PERIODS

AGENT_OPTIONS = ("base_url", "model", "api_key_env", "adapter", "stand_in", "candidates", "deadline_s", "prompt_tokens", "speech")
"""Settings that go to the agent; one that has no such option refuses them."""


@dataclass(frozen=True, slots=True)
class RunConfig:
    """A run; raises `ConfigError` with every problem."""

    scenario: str = "six-bus"
    """Name of a scenario."""
    agent: str = "nano"
    """Name of the agent at the controls."""
    base_url: str | None = None
    """Of the server that a language model is asked at."""
    model: str | None = None
    """Name of the language model at the server."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key of the server."""
    adapter: str | None = None
    """Folder of a LoRA adapter for a model in a folder."""
    stand_in: str | None = None
    """Name of the agent that decides where a language model does not."""
    candidates: int | None = None
    """Decisions that a language model makes in each cycle, of which the best on the outlook is taken."""
    deadline_s: float | None = None
    """Wall time in which a decision is made, by the stand-in if need be."""
    prompt_tokens: int | None = None
    """Longest prompt of a language model."""
    speech: str | None = None
    """What a server's model is spoken to in: `json`, or `nano` for weights that `gridpilot nano build` has made."""
    instructions: tuple[str, ...] = ()
    """Standing instructions of the operator, in words."""
    cycles: int | None = None
    """Cycles to operate; None for the scenario's whole episode."""
    cycle_minutes: float = 5.0
    """Simulated time between two decisions."""
    speed: str | float = FAST
    """`fast`, or how many times faster than real time."""
    seed: int = 0
    """Draws the disturbances, the forecast errors and, without `start`, the day."""
    profiles: str = "simbench"
    """Name of the profiles, or path of a CSV file."""
    start: str | None = None
    """First day, as in 2016-07-04; None to draw one."""
    period: str = "judging"
    """Days to draw from: `judging`, or `tuning` for those on which the scenario was made."""
    growth: bool = False
    """Whether the grid grows while it is operated."""
    engine: str = "newton"
    """Name of the power flow engine."""
    out: str = "runs"
    """Folder in which the run makes its own."""
    mode: str = AUTO
    """What happens to a decision that the shield lets through: `auto` applies it, `advise` shows it, `review` asks the operator."""
    operator: str = ""
    """Who signs verdicts in mode `review`; the user of this machine where it is empty."""
    verdict_s: float | None = None
    """How long a proposal waits for a verdict, in seconds; then everything is held. None: until there is one."""
    durable: bool = False
    """Wait for the disk after every record, so that a power cut loses none."""

    def __post_init__(self) -> None:
        problems = [*_name_problems(self), *_range_problems(self)]
        if problems:
            raise ConfigError("The configuration of the run cannot be used.", problems)

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> Self:
        """From keys with dashes or underscores; numbers may be text, as they are in the environment.

        Raises `ConfigError` with every unknown key, every value that is not of its type, or every one that cannot be used.
        """
        hints = get_type_hints(cls)
        given = {key.replace("-", "_"): value for key, value in settings.items()}
        problems = [Problem(key, f"unknown setting; valid: {', '.join(hints)}") for key in given if key not in hints]
        values: dict[str, Any] = {}
        for key, value in given.items():
            if key in hints:
                try:
                    values[key] = msgspec.convert(value, hints[key], strict=False)
                except msgspec.ValidationError as error:
                    problems.append(Problem(key, f"{value!r}: {error}"))
        if problems:
            raise ConfigError("The configuration of the run cannot be read.", problems)
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """What `from_mapping` reads."""
        return asdict(self)

    @property
    def agent_options(self) -> dict[str, Any]:
        """What is set of the options that some agents have."""
        return {key: value for key in AGENT_OPTIONS if (value := getattr(self, key)) is not None}

    @property
    def times_real_time(self) -> float:
        """The speed as a number; infinity for `fast`."""
        return parse_speed(self.speed)


def _name_problems(config: RunConfig) -> Iterator[Problem]:
    try:
        load_scenario(config.scenario)
    except UnknownNameError as error:
        yield Problem("scenario", str(error))
    try:
        make_agents([config.agent], config.agent_options)
    except ConfigError as error:
        yield Problem("agent", str(error))
    if config.profiles.replace("_", "-") not in profile_names() and not Path(config.profiles).is_file():
        known = (*profile_names(), "a path to a .csv or .csv.gz file")
        yield Problem("profiles", str(UnknownNameError("profiles", config.profiles, known)))
    chosen = (("engine", config.engine, engine_names()), ("period", config.period, PERIODS), ("mode", config.mode, MODES))
    for key, name, valid in chosen:
        if name not in valid:
            yield Problem(key, str(UnknownNameError(key, name, valid)))


def _range_problems(config: RunConfig) -> Iterator[Problem]:
    if config.cycles is not None and config.cycles < 1:
        yield Problem("cycles", f"is {config.cycles}; expected 1 or more")
    if not 0 < config.cycle_minutes < float("inf"):
        yield Problem("cycle_minutes", f"is {config.cycle_minutes:g}; expected more than 0, as in 5")
    if config.seed < 0:
        yield Problem("seed", f"is {config.seed}; expected 0 or more")
    if config.verdict_s is not None and not config.verdict_s > 0:
        yield Problem("verdict_s", f"is {config.verdict_s:g}; expected more than 0")
    if not config.out:
        yield Problem("out", "is empty; expected a folder")
    try:
        parse_speed(config.speed)
    except ConfigError as error:
        yield Problem("speed", str(error))
    if config.start is not None:
        try:
            date.fromisoformat(config.start)
        except ValueError:
            yield Problem("start", f"is {config.start!r}; expected a day such as 2016-07-04")
