"""What a trace holds: a `Header` that can rebuild the run, then one `Record` per cycle."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final

from gridpilot.values import Decision, Preview, Receipt, Verdict, View

SCHEMA: Final = 1
"""Version of the trace's shape; a reader refuses any other."""

_PACKAGES = ("gridpilot", "numpy", "numba", "scipy")


def versions() -> dict[str, str]:
    """Versions of what the numbers of a run depend on."""
    return {"python": platform.python_version(), **{package: version(package) for package in _PACKAGES}}


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a trace: everything needed to run it again."""

    scenario: str
    profiles: str
    agent: str
    seed: int = 0
    start: str | None = None
    """First day; None where the seed drew it."""
    cycle_minutes: float = 5.0
    cycles: int | None = None
    """Length of the episode; None for the scenario's own."""
    engine: str = "newton"
    growth: bool = False
    period: str = "judging"
    desk: str = "auto"
    config: Mapping[str, Any] = field(default_factory=dict)
    """The whole configuration as its user gave it."""
    versions: Mapping[str, str] = field(default_factory=versions)
    began: str = ""
    """Wall clock when the run began, ISO 8601 UTC."""
    state_hash: str = ""
    """Of the first state, before any decision."""
    arrays: Mapping[str, str] = field(default_factory=dict)
    """Beginnings of the hashes of the first state's arrays."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A transition as a trace keeps it: plain numbers of one element."""

    step: int
    """Cycles since the episode began, after the move."""
    time: str
    """Simulated local time after the move, ISO 8601."""
    reward: float
    terms: Mapping[str, float]
    """Unweighted reward terms of the whole system."""
    costs: Mapping[str, float]
    """Constraint costs of the whole system."""
    outcomes: Mapping[str, float]
    """By the names of `Outcomes`, with their units."""
    happenings: tuple[str, ...]
    """Events, as sentences."""
    collapsed: bool


@dataclass(frozen=True, slots=True)
class Record:
    """One cycle: what was seen, decided, foreseen, allowed and done, and where it led."""

    number: int
    """1 for the first cycle of the trace."""
    views: tuple[View, ...]
    """One per role. A view that was read from a trace has no `preview` and no sensitivities: they follow from the state."""
    decision: Decision
    preview: Preview | None
    """The decision beside do-nothing on the outlook; None where no check asked for it."""
    verdict: Verdict
    receipts: tuple[Receipt, ...]
    moved: Moved
    state_hash: str
    arrays: Mapping[str, str]
    """Beginnings of the hashes of the state's arrays."""
    agent: str
    model: str = ""
    """Model and adapter version of an agent that has one."""
    latency_ms: float = 0.0
    """Wall time of the decision."""
    at: str = ""
    """Wall clock when the record was made, ISO 8601 UTC."""
