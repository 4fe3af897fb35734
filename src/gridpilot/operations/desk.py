"""The desk: where a decision is approved, changed or turned down. The environment never waits for a person; the desk does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gridpilot.shield import ShieldResult
from gridpilot.values import Verdict

APPROVED, MODIFIED, REJECTED, REFUSED = "approved", "modified", "rejected", "refused"
"""Kinds of a verdict: as decided, changed by a person, turned down by a person, turned down by the shield."""


class Desk(Protocol):
    """The seam between a decision and the grid."""

    @property
    def name(self) -> str:
        """Who signs its verdicts."""
        ...

    def review(self, result: ShieldResult) -> Verdict:
        """What will be applied; may take its time. Actions that the shield did not see pass authority and limits again."""
        ...


@dataclass(frozen=True, slots=True)
class AutoDesk:
    """Approves whatever the shield lets through; where it refuses, nothing is done, and the reason is kept."""

    name: str = "auto"

    def review(self, result: ShieldResult) -> Verdict:
        return Verdict(REFUSED if result.refused else APPROVED, result.actions, result.why, self.name)
