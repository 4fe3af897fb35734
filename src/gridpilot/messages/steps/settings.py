"""How a requester waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gridpilot.errors import ConfigError, Problem

LOCKSTEP: Final = "lockstep"
DEADLINE: Final = "deadline"
FREE_RUNNING: Final = "free_running"
MODES: Final = (LOCKSTEP, DEADLINE, FREE_RUNNING)


@dataclass(frozen=True)
class StepSettings:
    """Raises `ConfigError` with every value that is out of range."""

    mode: str = LOCKSTEP
    """`lockstep`: all roles answer, or the step is an error. `deadline`: the step goes on without those who are late.
    `free_running`: nobody waits; each role's newest answer is taken, of whichever step it is."""
    deadline_s: float = 5.0
    """How long a request is waited for, and carried out at all: after it a responder drops the request."""
    resend_s: float = 0.1
    """Pause before unanswered requests are sent again; doubles each time."""
    pace_s: float = 0.0
    """In mode `free_running`: how long answers may come before those that are there are taken."""
    batch_per_host: bool = True
    """Whether the roles of one host share a message."""

    def __post_init__(self) -> None:
        wrong = [] if self.mode in MODES else [Problem("mode", f"is {self.mode!r}, expected one of {', '.join(MODES)}")]
        wrong += [
            Problem(name, f"is {getattr(self, name)} s, expected more than 0")
            for name in ("deadline_s", "resend_s")
            if not 0.0 < getattr(self, name) < float("inf")
        ]
        if not 0.0 <= self.pace_s < float("inf"):
            wrong.append(Problem("pace_s", f"is {self.pace_s} s, expected 0 or more"))
        if wrong:
            raise ConfigError("The step protocol cannot run so.", wrong)
