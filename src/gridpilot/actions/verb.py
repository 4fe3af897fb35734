"""What a verb is: a name, the kinds of component it moves, a parameter with its sign, and for some a second one."""

from __future__ import annotations

from dataclasses import dataclass

OPEN, CLOSED = "open", "closed"
REACTIVE = "q_mvar"
"""The second parameter of verbs that `orders_q`: reactive power, positive where it supplies the grid."""


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
    unit: str = "MW"
    """Of the parameter; empty for positions and steps."""
    whole: bool = False
    """Whether the parameter is a whole number."""
    orders_q: bool = False
    """Whether it takes `q_mvar` too, for devices whose reactive power can be ordered."""

    @property
    def moves_branches(self) -> bool:
        return not self.kinds
