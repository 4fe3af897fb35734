"""What a microgrids environment is made from: keywords, or the same keys of a YAML file; unknown ones are refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from gridpilot.agents.coordination.horizontal import horizontal_names
from gridpilot.agents.coordination.vertical import vertical_names
from gridpilot.envs.microgrids.orders import P_MW, QUANTITIES
from gridpilot.envs.settings import PERIODS, EnvSettings
from gridpilot.errors import ConfigError, Problem
from gridpilot.hints import misfits
from gridpilot.messages.faults import Faults
from gridpilot.messages.steps.settings import FREE_RUNNING, LOCKSTEP, MODES
from gridpilot.profiles import Profiles
from gridpilot.scenarios import Scenario

REWARDS = ("own", "shared")
IN_MEMORY = "in_memory"
VISIBILITIES = ("public", "owner", "upper", "system")


@dataclass(frozen=True, slots=True)
class MicrogridsConfig:
    """How the environment is set up; raises `ConfigError` with every value that cannot be used."""

    scenario: str | Scenario = "three_microgrids"
    """Name of a scenario with areas, such as `microgrids-100`, or one of your own."""
    profiles: str | Profiles = "simbench"
    """Name of profiles, or your own."""
    cycle_minutes: float = 15.0
    """Simulated minutes per step."""
    cycles: int | None = None
    """Steps per episode; None for the scenario's own length."""
    growth: bool = False
    """Whether the grid grows while it is operated; microgrids that are not built yet are no agents yet."""
    period: str = "tuning"
    """Dates that days are drawn from: `tuning` or `judging`."""
    reward: str = "own"
    """`own`: every microgrid gets its own reward; `shared`: all get the mean."""
    safety_weight: float = 10.0
    """What a unit of safety is worth, in USD: 1 pu of voltage outside its band, 100 % of a branch's rating above it."""
    vertical: str = "setpoint"
    """How a grid agent moves its devices: a name of `gridpilot.agents.coordination.vertical`."""
    vertical_options: Mapping[str, float] = field(default_factory=dict)
    """Options of that protocol, such as `price_max_usd_per_mwh`."""
    orders: Sequence[str] = (P_MW,)
    """What a grid agent orders of its devices: `p_mw`, which the vertical protocol coordinates, and beside it direct orders, each an
    entry of the action: `q_mvar` of inverters, `position` of tap changers, `steps` of capacitor banks."""
    wishes: Mapping[str, float] = field(default_factory=dict)
    """What owners of devices want when a price is signalled, `KIND.term` → value (see `gridpilot.agents.coordination.offers`); a
    battery's stored energy is worth the scenario's reference price where nothing else is said, and so is what a car charges."""
    horizontal: str = "none"
    """How grid agents deal with each other: `none`; `trading`, whose price is one more entry of every action; `consensus`, which
    averages the prices of `price-signal` over a graph."""
    horizontal_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of that protocol, such as `fee_usd_per_mwh`."""
    visibility: Mapping[str, str] = field(default_factory=dict)
    """Patterns of feature names → `public`, `owner`, `upper` or `system`, tried before the usual ones."""
    centralized: bool = True
    """Whether all agents live in the environment; else they are reached through the message broker."""
    message_broker: str = IN_MEMORY
    """`in_memory`, or the URL of a broker: nats://…, amqp://…, kafka://…, mqtt://…, redis://…."""
    run: str = "local"
    """Name of the run on the broker: agents of other runs do not hear it."""
    epoch: int | None = None
    """Who of several environments of one run is in force: the highest. None: the time at which it was made, so the newest."""
    hosts: str = "here"
    """Where grid agents of a distributed environment live: `here`, in threads of this process, or `elsewhere`."""
    mode: str = LOCKSTEP
    """`lockstep`: a step in which an agent does not answer is an error. `deadline`: it goes on without. `free-running`: it waits for
    nobody, and takes each agent's newest answer."""
    pace_s: float = 0.0
    """In mode `free-running`: what a step takes, in seconds in which answers may come."""
    deadline_s: float = 5.0
    """How long an agent's answer is waited for."""
    hold_cycles: int = 1
    """For how many cycles the devices of a silent agent do what it reported last; after that they are off the grid. Agents in other
    processes, and all in mode `free-running`, count `deadline_s` for a cycle: orders are valid for (1 + `hold_cycles`) times that."""
    faults: Mapping[str, Any] = field(default_factory=dict)
    """What happens to messages on purpose: fields of `gridpilot.messages.faults.Faults`, such as `seed`, `loss` and `delay_s`."""
    join_s: float = 60.0
    """How long agents are waited for when the environment is made, and when an episode begins: they may have to compile first."""

    def __post_init__(self) -> None:
        problems = _problems(self)
        if problems:
            raise ConfigError("The microgrids cannot be set up like this.", problems)

    @property
    def step_mode(self) -> str:
        """`mode` as the step protocol calls it."""
        return self.mode.replace("-", "_")

    @property
    def settings(self) -> EnvSettings:
        """The part that all environments share."""
        return EnvSettings(self.scenario, self.profiles, self.cycle_minutes, self.cycles, self.growth, self.period)


def _problems(config: MicrogridsConfig) -> list[Problem]:
    """All of them; what has a wrong type is not looked at further."""
    wrong: list[Problem] = []
    for name, hint in get_type_hints(MicrogridsConfig).items():
        wrong += misfits(name, getattr(config, name), hint)
    told = {problem.where.partition(".")[0] for problem in wrong}
    if "orders" not in told:
        wrong += _order_problems(config.orders)
    found = [*_wrong_names(config, told), *_wrong_numbers(config, told), *_wrong_faults(config, told), *_contradictions(config, told)]
    return [*wrong, *found]


def _wrong_names(config: MicrogridsConfig, told: set[str]) -> Iterator[Problem]:
    choices = {
        "period": PERIODS,
        "reward": REWARDS,
        "vertical": vertical_names(),
        "horizontal": horizontal_names(),
        "hosts": ("here", "elsewhere"),
        "mode": MODES,
    }
    for name, valid in choices.items():
        value = getattr(config, name)
        if name not in told and _plain(value) not in [_plain(one) for one in valid]:
            yield Problem(name, f"is {value!r}, expected one of {', '.join(valid)}")
    for pattern, level in config.visibility.items() if "visibility" not in told else ():
        if level not in VISIBILITIES:
            yield Problem(f"visibility.{pattern}", f"is {level!r}, expected one of {', '.join(VISIBILITIES)}")


def _plain(name: str) -> str:
    """Dashes and underscores are the same."""
    return name.replace("_", "-")


def _wrong_numbers(config: MicrogridsConfig, told: set[str]) -> Iterator[Problem]:
    for name in {"safety_weight", "pace_s", "deadline_s", "join_s", "hold_cycles"} - told:
        if not 0.0 <= (value := getattr(config, name)) < float("inf"):
            yield Problem(name, f"is {value}, expected 0 or more")
    if "cycle_minutes" not in told and not 0.0 < config.cycle_minutes < float("inf"):
        yield Problem("cycle_minutes", f"is {config.cycle_minutes}, expected more than 0")
    if "cycles" not in told and config.cycles is not None and config.cycles < 1:
        yield Problem("cycles", f"is {config.cycles}, expected 1 or more, or nothing for the scenario's own length")
    if "epoch" not in told and config.epoch is not None and config.epoch < 0:
        yield Problem("epoch", f"is {config.epoch}, expected 0 or more, or nothing for the time")


def _wrong_faults(config: MicrogridsConfig, told: set[str]) -> Iterator[Problem]:
    if "faults" in told:
        return
    hints = get_type_hints(Faults)
    wrong = [Problem(f"faults.{key}", f"is unknown; valid: {', '.join(hints)}") for key in config.faults if key not in hints]
    for key in config.faults.keys() & hints.keys():
        wrong += misfits(f"faults.{key}", config.faults[key], hints[key])
    yield from wrong
    if not wrong:
        try:
            Faults(**config.faults)
        except ConfigError as error:
            yield from (Problem(f"faults.{problem.where}", problem.what) for problem in error.problems)


def _contradictions(config: MicrogridsConfig, told: set[str]) -> Iterator[Problem]:
    if told & {"hosts", "message_broker", "centralized", "horizontal", "vertical"}:
        return
    if config.hosts == "elsewhere" and config.message_broker == IN_MEMORY:
        yield Problem("hosts", "is 'elsewhere', which needs the URL of a message_broker")
    if config.centralized and config.message_broker != IN_MEMORY:
        yield Problem("message_broker", "is not used while centralized is true; set centralized to false")
    if config.horizontal == "consensus" and _plain(config.vertical) != "price-signal":
        yield Problem("horizontal", f"'consensus' agrees on a price, which vertical {config.vertical!r} has none of")
    if "mode" not in told and config.step_mode == FREE_RUNNING and config.horizontal != "none":
        yield Problem("horizontal", f"is {config.horizontal!r}, which needs answers of the same step; mode 'free-running' waits for none")


def _order_problems(orders: Sequence[str]) -> list[Problem]:
    choices = ", ".join(QUANTITIES)
    if isinstance(orders, str):
        return [Problem("orders", f"is {orders!r}, expected a list of some of {choices}")]
    found = [Problem("orders", f"has {name!r}, expected some of {choices}") for name in orders if name not in QUANTITIES]
    found += [Problem("orders", f"has {name!r} twice") for name in QUANTITIES if list(orders).count(name) > 1]
    if P_MW not in orders:
        found.append(Problem("orders", f"must have {P_MW!r}; the vertical protocol 'none' leaves power to the devices"))
    return found


def make_config(given: Mapping[str, Any]) -> MicrogridsConfig:
    """A configuration from keys with dashes or underscores; raises `ConfigError` naming every unknown one."""
    valid = [entry.name for entry in fields(MicrogridsConfig)]
    known = {key.replace("-", "_"): value for key, value in given.items()}
    unknown = [Problem(key, f"is unknown; valid: {', '.join(valid)}") for key in known if key not in valid]
    try:
        made = MicrogridsConfig(**{key: value for key, value in known.items() if key in valid})
    except ConfigError as error:
        raise ConfigError(error.summary, [*unknown, *error.problems]) from error
    if unknown:
        raise ConfigError("The microgrids cannot be set up like this.", unknown)
    return made


def read_config(path: str | Path) -> MicrogridsConfig:
    """The configuration of a YAML file; raises `ConfigError` for one that cannot be read, is none, or has unknown keys."""
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a YAML file: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise ConfigError(f"{path} holds no settings; expected lines such as `scenario: three_microgrids`.")
    return make_config(found)
