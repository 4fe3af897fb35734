"""Every point of the curves on the same days, and what is told of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from gridpilot.envs.microgrids.config import make_config
from gridpilot.errors import ConfigError
from gridpilot.evaluation.bench.report import make_report
from gridpilot.evaluation.intervals import Estimate, estimate, paired_difference
from gridpilot.evaluation.sensitivity.curves import Curve, Point, curves
from gridpilot.evaluation.sensitivity.day import Day, play_day

DEFAULT_DAYS = 16

Progress = Callable[[int, int], None]
"""Called after every day of every point with how many are done, and how many there will be."""


@dataclass(frozen=True)
class Summary:
    """A point over its days: means per day."""

    curve: Curve
    point: Point
    reward: Estimate
    """USD, of all microgrids."""
    change: Estimate
    """Of the reward against the first point of the curve on the same days."""
    safety: Estimate
    silent_percent: Estimate
    """Part of the steps in which a microgrid was silent."""
    missed: Estimate
    """Replies that did not come in time."""
    survived: float
    """Part of the days that the grid stood to their end."""

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "name": f"{self.curve.name}/{self.point.value:g}",
            "about": self.curve.about,
            "curve": self.curve.name,
            "title": self.curve.title,
            "value": self.point.value,
            "unit": self.curve.unit,
            **{name: getattr(self, name).to_json() for name in ("reward", "change", "safety", "silent_percent", "missed")},
            "survived": self.survived,
        }


@dataclass(frozen=True)
class Study:
    """What was found, where and when."""

    scenario: str
    profiles: str
    days: int
    """That every point was played on."""
    rows: tuple[Summary, ...]

    def document(self) -> dict[str, Any]:
        """What `gridpilot sensitivity --json` prints."""
        here = make_report(())
        return {
            "scenario": self.scenario,
            "profiles": self.profiles,
            "period": "judging",
            "days": self.days,
            "date": date.today().isoformat(),
            "machine": dict(here.machine),
            "versions": dict(here.versions),
            "rows": [row.to_json() for row in self.rows],
        }


def sensitivity(
    scenario: str = "three_microgrids",
    *,
    days: int = DEFAULT_DAYS,
    cycles: int | None = None,
    profiles: str = "simbench",
    chosen: Sequence[Curve] | None = None,
    progress: Progress | None = None,
) -> Study:
    """Play all points of the curves on `days` days of the judging period, with the seeds 0 … `days` − 1.

    An interrupt (Ctrl-C) ends it with the days that all points have finished; before the first of them it goes through. Raises
    `ConfigError` and `UnknownNameError` for what cannot be had.
    """
    if days < 1:
        raise ConfigError(f"Found {days} days; expected 1 or more.")
    shown = curves() if chosen is None else tuple(chosen)
    tasks = [(curve, point) for curve in shown for point in curve.points]
    base = {"scenario": scenario, "profiles": profiles, "cycles": cycles, "period": "judging"}
    played: list[list[Day]] = []
    try:
        for seed in range(days):
            found: list[Day] = []
            for _, point in tasks:
                found.append(_play(base, point, seed))
                if progress is not None:
                    progress(seed * len(tasks) + len(found), days * len(tasks))
            played.append(found)
    except KeyboardInterrupt:
        if not played:
            raise
    return Study(scenario, profiles, len(played), tuple(_summaries(tasks, played)))


def _play(base: Mapping[str, Any], point: Point, seed: int) -> Day:
    settings = {**base, **point.settings}
    if "faults" in settings:
        settings["faults"] = {"seed": seed, **settings["faults"]}
    return play_day(make_config(settings), seed, point.observation_delay, point.action_delay, point.acting)


def _summaries(tasks: Sequence[tuple[Curve, Point]], played: Sequence[Sequence[Day]]) -> Iterator[Summary]:
    """One per task; `played` has per day what every task made of it."""
    first: dict[str, list[float]] = {}
    for (curve, point), days in zip(tasks, zip(*played, strict=True), strict=True):
        rewards = [day.reward for day in days]
        yield Summary(
            curve=curve,
            point=point,
            reward=estimate(rewards),
            change=paired_difference(rewards, first.setdefault(curve.name, rewards)),
            safety=estimate([day.safety for day in days]),
            silent_percent=estimate([100.0 * day.silent / day.asked for day in days]),
            missed=estimate([day.missed for day in days]),
            survived=sum(day.survived for day in days) / len(days),
        )
