"""Nobody sees a disturbance before it strikes: neither in a view nor in a preview."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gridpilot.disturbances import Channel, Schedule
from gridpilot.testing.compare import difference
from gridpilot.testing.finding import Check, Examined
from gridpilot.testing.patient import Patient
from gridpilot.twin import Twin
from gridpilot.twin.world import no_schedule
from gridpilot.values import Event, GridState


def examine(patient: Patient) -> Examined:
    """Compares what is seen of a quiet world and of one in which the next cycle brings a disturbance of every kind."""
    if not patient.states:
        return Examined(("the grid is down from the beginning, so that nothing can be seen",))
    twin = patient.alone()
    problems: list[str] = []
    for state in (patient.states[0], patient.states[len(patient.states) // 2]):
        quiet = replace(twin, world=replace(twin.world, schedule=no_schedule(1)))
        doomed = replace(twin, world=replace(twin.world, schedule=_next_cycle(twin, state)))
        if not len(doomed.step(state, state.setpoints).events.struck):
            problems.append("a scheduled disturbance does not strike")
        if place := difference(quiet.observe(state), doomed.observe(state), without=("preview",)):
            problems.append(f"the view tells of a disturbance to come: {place}")
        if place := difference(quiet.preview(state, []), doomed.preview(state, [])):
            problems.append(f"the preview tells of a disturbance to come: {place}")
    return Examined(tuple(dict.fromkeys(problems)), {"threats": len(twin.model.scenario.threats)})


def _next_cycle(twin: Twin, state: GridState) -> Schedule:
    """The first branch faulted, the first load tripled and the first unit out, one cycle from now."""
    events = [(Event.LINE_TRIP, Channel.BRANCH_FAULT, 1.0), (Event.GENERATOR_OUTAGE, Channel.GENERATOR_OUTAGE, 1.0)]
    if "load" in twin.model.scenario.tables:
        events.append((Event.LOAD_SPIKE, Channel.LOAD_FACTOR, 3.0))
    shape = (1, len(events))
    return Schedule(
        step=np.full(shape, int(state.step[0]) + 1, dtype=np.int64),
        event=np.array([[event for event, _, _ in events]], dtype=np.int64),
        channel=np.array([[channel for _, channel, _ in events]], dtype=np.int64),
        index=np.zeros(shape, dtype=np.int64),
        value=np.array([[value for _, _, value in events]]),
        begins=np.ones(shape, dtype=np.int64),
    )


CHECK = Check("disturbances_hidden", "No view and no preview knows a disturbance before it strikes.", examine)
