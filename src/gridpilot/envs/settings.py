"""What an environment is made from, and what a reset may ask for; unknown keys are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gridpilot.errors import ConfigError, Problem
from gridpilot.profiles import Profiles
from gridpilot.scenarios import Scenario

PERIODS = ("tuning", "judging")


@dataclass(frozen=True, slots=True)
class EnvSettings:
    """How an environment is set up; every field is a keyword of `gymnasium.make` and `gridpilot.make_vec`."""

    scenario: str | Scenario = "six_bus"
    """Name of a scenario, or one of your own."""
    profiles: str | Profiles = "simbench"
    """Name of profiles, or your own."""
    cycle_minutes: float = 5.0
    """Simulated minutes per step."""
    cycles: int | None = None
    """Steps per episode; None for the scenario's own length."""
    growth: bool = False
    """Whether the grid grows while it is operated; spaces are sized for the final grid."""
    period: str = "tuning"
    """Dates that days are drawn from: `tuning`, which agents may learn on, or `judging`, which they are measured on."""

    def __post_init__(self) -> None:
        if self.period not in PERIODS:
            raise ConfigError(f"There is no period {self.period!r}; choose one of {', '.join(PERIODS)}.")
        if self.cycles is not None and self.cycles < 1:
            raise ConfigError(f"An episode has {self.cycles} cycles; expected at least 1, or None for the scenario's own length.")


def make_settings(given: Mapping[str, Any]) -> EnvSettings:
    """Settings from keywords; raises `ConfigError` naming every unknown one."""
    valid = tuple(EnvSettings.__dataclass_fields__)
    unknown = [Problem(key, f"is no setting of an environment; valid: {', '.join(valid)}") for key in given if key not in valid]
    if unknown:
        raise ConfigError("The environment cannot be made like this.", unknown)
    return EnvSettings(**given)


@dataclass(frozen=True, slots=True)
class ResetOptions:
    """What `reset(options=…)` understands."""

    start: str | None = None
    """The day to begin on, such as `2016-07-04`; None draws one."""
    period: str | None = None
    """`tuning` or `judging` for this reset and those after it; None keeps what holds."""


def read_options(options: Mapping[str, Any] | None) -> ResetOptions:
    """Options of a reset; raises `ConfigError` naming every unknown key and wrong value."""
    given = dict(options or {})
    valid = tuple(ResetOptions.__dataclass_fields__)
    problems = [Problem(str(key), f"is no option of a reset; valid: {', '.join(valid)}") for key in given if key not in valid]
    if given.get("period") not in (None, *PERIODS):
        problems.append(Problem("period", f"found {given['period']!r}, expected one of {', '.join(PERIODS)}"))
    if given.get("start") is not None and not _is_day(given["start"]):
        problems.append(Problem("start", f"found {given['start']!r}, expected a day such as 2016-07-04"))
    if problems:
        raise ConfigError("The environment cannot be reset like this.", problems)
    start = given.get("start")
    return ResetOptions(start=None if start is None else str(start), period=given.get("period"))


def _is_day(value: object) -> bool:
    try:
        np.datetime64(str(value), "D")
    except ValueError:
        return False
    return True


def with_period(settings: EnvSettings, options: ResetOptions) -> EnvSettings:
    """The settings after a reset has asked for a period."""
    return settings if options.period is None else replace(settings, period=options.period)
