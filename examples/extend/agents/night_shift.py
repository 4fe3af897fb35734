"""Night shift: fills every battery before six, and lets the day use it."""

from dataclasses import dataclass

from gridpilot.values import Action, Decision, View

NAME = "night-shift"


@dataclass(frozen=True)
class NightShift:
    """Charges by the clock."""

    charge_mw: float = 10.0
    name: str = NAME

    def decide(self, view: View) -> Decision:
        at_night = int(view.time[11:13]) < 6
        level_mw = self.charge_mw if at_night else -self.charge_mw
        return Decision(
            assessment="night" if at_night else "day",
            actions=tuple(Action("STORAGE", target, {"setpoint_mw": level_mw}, "by the clock") for target in view.verbs["STORAGE"]),
            agent=self.name,
        )


def make(**options: float) -> NightShift:
    """The agent; options are the fields of `NightShift`."""
    return NightShift(**options)  # type: ignore[arg-type]
