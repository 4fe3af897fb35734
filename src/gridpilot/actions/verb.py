"""What a verb is: a name, the kinds of component it moves, one parameter, and a sign."""

from __future__ import annotations

from dataclasses import dataclass

OPEN, CLOSED = "open", "closed"


@dataclass(frozen=True, slots=True)
class Verb:
    """One order that an operator can give; each file of this package with a `VERB` adds one."""

    name: str
    kinds: tuple[str, ...]
    """Kinds of device it moves; empty for a verb that moves branches."""
    parameter: str
    sign: float
    """Setpoint inside the package = sign × the parameter of the JSON face (`gridpilot.units`)."""
    summary: str
    """What the order means, for people and prompts; states the sign."""

    @property
    def moves_branches(self) -> bool:
        return not self.kinds
