"""Short days, and agents that do one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from gridpilot.values import Action, Decision, View


@dataclass(frozen=True)
class Says:
    """An agent that calls every risk the same and orders the same, each cycle."""

    name: str
    risk_level: str = "LOW"
    actions: tuple[Action, ...] = ()

    def decide(self, view: View) -> Decision:
        return Decision(risk_level=self.risk_level, actions=self.actions, agent=self.name)


@pytest.fixture(scope="session")
def says() -> Callable[..., Says]:
    return Says
