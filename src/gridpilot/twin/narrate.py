"""Events of a step as sentences that an operator reads."""

from __future__ import annotations

from gridpilot.disturbances import Channel
from gridpilot.twin.model import Model
from gridpilot.values import Event, Transition


def narrate(model: Model, moved: Transition, element: int = 0) -> tuple[str, ...]:
    """What happened to one element during a step, most serious first."""
    events, network = moved.events, model.scenario.network
    said: list[str] = []
    if events.collapsed[element]:
        said.append(f"{Event.COLLAPSE.name}: the grid went down.")
    if events.islanded[element]:
        said.append(f"{Event.ISLANDED.name}: part of the grid lost its supply.")
    if events.shed_mw[element] > 0:
        said.append(f"{Event.LOAD_SHED.name}: {events.shed_mw[element]:.1f} MW shed, the slack unit is at its upper limit.")
    if events.spilled_mw[element] > 0:
        said.append(f"{Event.RENEWABLE_SPILL.name}: {events.spilled_mw[element]:.1f} MW spilled, the slack unit is at its lower limit.")
    said += [
        f"{Event.PROTECTION_TRIP.name}: {name} was opened by protection."
        for name, tripped in zip(network.branch_name, events.tripped[element].tolist(), strict=True)
        if tripped
    ]
    said += [_struck(model, row) for row in events.struck.tolist() if row[0] == element]
    said += [
        f"{Event.GROWTH.name}: {name} was built."
        for name, built in zip(network.bus_name, events.built[element].tolist(), strict=True)
        if built
    ]
    return tuple(said)


def _struck(model: Model, row: list[int]) -> str:
    _, code, index, begins, channel = row
    tables = model.scenario.tables
    names = {
        Channel.BRANCH_FAULT: model.scenario.network.branch_name,
        Channel.LOAD_FACTOR: tables["load"].name if "load" in tables else (),
        Channel.GENERATOR_OUTAGE: tables["generator"].name,
    }[Channel(channel)]
    event = Event(code)
    if not begins:
        return f"{event.name}: {names[index]} is back to normal."
    what = {
        Event.LINE_TRIP: "is out by a fault",
        Event.LOAD_SPIKE: "draws more than usual",
        Event.GENERATOR_OUTAGE: "has failed",
    }[event]
    return f"{event.name}: {names[index]} {what}."
