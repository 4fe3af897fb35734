"""What a responder's function is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from msgspec import Raw

from gridpilot.messages.codec import Codec
from gridpilot.messages.envelope import StepId

T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """One request to one role."""

    role: str
    at: StepId
    valid_until: float
    """Seconds since 1970: after this what it orders must not be in force any more."""
    payload: Raw
    codec: Codec

    def read(self, kind: type[T]) -> T:
        """The payload as a type; raises `MessageError` where it is another, which the requester sees as a failure."""
        return self.codec.unpack(self.payload, kind)


Answer = Callable[[Question], object | Awaitable[object]]
"""A role's own code: a payload for a question. A `GridpilotError` becomes a failed answer; any other error ends the responder."""
