"""What is varied: delays of observations and of orders, the loss of messages, and how long the broker is down.

Delays are those of the rules on the virtual clock of `gridpilot.agents.timing`. Loss and outages are those of messages between the
environment and grid agents in memory (`gridpilot.messages.faults`), whose time is virtual too, in mode `deadline`. So all curves are
the same in every run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gridpilot.messages.faults import Partition
from gridpilot.messages.steps.settings import DEADLINE
from gridpilot.messages.subjects import ROOT

DELAYS: Final = (0, 1, 2, 3, 4, 5)
LOSSES: Final = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
OUTAGES_S: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)

TRIES: Final = {"one": 0.09, "two": 0.25, "four": 0.95}
"""How often a message is sent within a deadline in seconds: at 0, 0.1, 0.3 and 0.7 s, as `StepSettings.resend_s` doubles."""

MESSAGE_S: Final = 0.025
"""What a message takes where the broker may be down. A step is two requests with their replies: a tenth of a second."""
OUTAGE_DEADLINE_S: Final = 1.0
OUTAGE_START_S: Final = 4.8
"""About the middle of a day of 96 steps."""
HOLDS: Final = (1, 8)


@dataclass(frozen=True)
class Point:
    """One value of what is varied."""

    value: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `MicrogridsConfig`; the seed of the faults is that of the day."""
    observation_delay: int = 0
    action_delay: int = 0
    """Steps."""
    acting: bool = True


@dataclass(frozen=True)
class Curve:
    """Points that differ in one thing, the first without it."""

    name: str
    about: str
    """`delay`, `loss` or `outage`: what is on the axis."""
    title: str
    unit: str
    points: tuple[Point, ...]


def curves() -> tuple[Curve, ...]:
    """All that are measured; `at-rest` is one point for comparison, a day under the orders in which it begins."""
    return (
        Curve("at-rest", "rest", "nobody acts", "", (Point(0.0, acting=False),)),
        Curve("observation-delay", "delay", "observations late", "steps", tuple(Point(k, observation_delay=k) for k in DELAYS)),
        Curve("action-delay", "delay", "orders late", "steps", tuple(Point(k, action_delay=k) for k in DELAYS)),
        *(_loss(tries, deadline_s) for tries, deadline_s in TRIES.items()),
        *(_outage(hold) for hold in HOLDS),
    )


def _loss(tries: str, deadline_s: float) -> Curve:
    plural = "try" if tries == "one" else "tries"
    points = tuple(Point(100.0 * loss, _distributed(deadline_s, loss=loss)) for loss in LOSSES)
    return Curve(f"loss-{tries}-{plural}", "loss", f"loss, {tries} {plural}", "%", points)


def _outage(hold: int) -> Curve:
    cycles = "step" if hold == 1 else "steps"
    points = tuple(Point(seconds, _cut(seconds, hold)) for seconds in OUTAGES_S)
    return Curve(f"outage-hold-{hold}", "outage", f"outage, hold {hold} {cycles}", "s", points)


def _cut(seconds: float, hold: int) -> dict[str, Any]:
    cuts = (Partition(f"{ROOT}.>", OUTAGE_START_S, OUTAGE_START_S + seconds),) if seconds else ()
    return _distributed(OUTAGE_DEADLINE_S, delay_s=MESSAGE_S, partitions=cuts) | {"hold_cycles": hold}


def _distributed(deadline_s: float, **faults: Any) -> dict[str, Any]:
    return {"centralized": False, "mode": DEADLINE, "deadline_s": deadline_s, "faults": faults}
