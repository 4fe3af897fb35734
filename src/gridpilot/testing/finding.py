"""What a check is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gridpilot.testing.patient import Patient


@dataclass(frozen=True, slots=True)
class Examined:
    """What an examination brought: nothing to complain about where `problems` is empty."""

    problems: tuple[str, ...]
    """One clause each, without a full stop."""
    measured: Mapping[str, float] = field(default_factory=dict)
    """The numbers that the judgement rests on, with their units in their names."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be true of a scenario; each file of `gridpilot.testing.checks` with a `CHECK` adds one."""

    name: str
    promise: str
    """What holds where it passes, as a sentence."""
    examine: Callable[[Patient], Examined]


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    name: str
    passed: bool
    sentence: str
    """The promise where it passed, else what is wrong."""
    measured: Mapping[str, float]
