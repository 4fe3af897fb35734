"""Agents that do as they are told, for tests of what happens around an agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gridpilot.values import Action, Decision, View

BATTERY = "BESS-SUBURB"


def battery(setpoint_mw: object) -> Action:
    """An order to the battery of six-bus; positive charges."""
    return Action("STORAGE", BATTERY, {"setpoint_mw": setpoint_mw}, "as the test says")


@dataclass
class Scripted:
    """Gives the actions that stand for a step, else none; keeps the views it was shown."""

    script: Mapping[int, tuple[Action, ...]] = field(default_factory=dict)
    name: str = "scripted"
    model: str = "script-1"
    views: list[View] = field(default_factory=list)

    def decide(self, view: View) -> Decision:
        self.views.append(view)
        return Decision(f"step {view.step}", "LOW", self.script.get(view.step, ()), agent=self.name)


@dataclass
class Failing:
    """Raises what it was given in every step but the first."""

    error: BaseException
    name: str = "failing"

    def decide(self, view: View) -> Decision:
        if view.step:
            raise self.error
        return Decision(actions=(battery(-10.0),), agent=self.name)
