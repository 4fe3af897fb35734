"""What a check is given, and what a check is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gridpilot.twin import Twin
from gridpilot.values import Action, Candidate, GridState, Preview


@dataclass(frozen=True, eq=False)
class Case:
    """Orders that authority and device limits let through, and what they would lead to."""

    twin: Twin
    state: GridState
    """Before the orders; one element."""
    actions: tuple[Action, ...]
    """At least one."""
    preview: Preview

    @property
    def ordered(self) -> Candidate:
        """The orders' own row of the preview."""
        return self.preview.candidates[0]


Check = Callable[[Case], str]
"""From a case to the reason for refusing it; empty where there is none."""
