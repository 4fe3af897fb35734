"""What a step brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from gridpilot.messages.envelope import StepId


class Received(NamedTuple):
    """One role's answer."""

    at: StepId
    """The step that it answers: the one asked for, or an older one in mode `free_running`."""
    value: Any
    """The payload, as the type that was asked for."""


@dataclass(frozen=True)
class Answers:
    """The answers to one request; roles are in the order of the request, whoever answered first."""

    at: StepId
    replies: Mapping[str, Received]
    """By role."""
    failed: Mapping[str, str]
    """Roles that answered with an error, and its sentence."""
    missed: tuple[str, ...]
    """Roles that did not answer in time."""
    elapsed_s: float

    @property
    def values(self) -> dict[str, Any]:
        """Payloads by role."""
        return {role: received.value for role, received in self.replies.items()}
