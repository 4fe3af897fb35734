"""Do-nothing: every order stays as it was. What every other agent is compared with."""

from __future__ import annotations

from dataclasses import dataclass

from gridpilot.agents.reading import risk_of
from gridpilot.values import Decision, View

NAME = "do-nothing"


@dataclass(frozen=True, slots=True)
class DoNothing:
    """Never moves anything."""

    name: str = NAME

    def decide(self, view: View) -> Decision:
        """No actions."""
        return Decision(assessment="Holding every order.", risk_level=risk_of(view), agent=self.name)


def make() -> DoNothing:
    """The agent."""
    return DoNothing()
