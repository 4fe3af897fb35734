"""Previews and outlooks run on forecasts: another true future changes nothing in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gridpilot.testing.compare import difference
from gridpilot.testing.finding import Check, Examined
from gridpilot.testing.patient import Patient
from gridpilot.twin import Twin
from gridpilot.values import Action, GridState

_HORIZON = 12


def examine(patient: Patient) -> Examined:
    """Compares what is previewed and expected in two worlds that part after now."""
    if not patient.states:
        return Examined(("the grid is down from the beginning, so that nothing can be previewed",))
    twin = patient.alone()
    problems: list[str] = []
    for state in (patient.states[0], patient.states[len(patient.states) // 2]):
        other = _with_another_future(twin, state)
        here, there = (t.step(state, state.setpoints).state.exogenous for t in (twin, other))
        if np.array_equal(here, there):
            problems.append("another true future changes nothing in the true world either")
        plans = [_some_action(patient, state)]
        if place := difference(twin.preview(state, plans, _HORIZON), other.preview(state, plans, _HORIZON)):
            problems.append(f"the preview sees the true future: {place}")
        if place := difference(twin.observe(state).outlook, other.observe(state).outlook):
            problems.append(f"the outlook sees the true future: {place}")
    return Examined(tuple(dict.fromkeys(problems)), {"horizon_cycles": _HORIZON})


def _with_another_future(twin: Twin, state: GridState) -> Twin:
    """The same twin in a world where everything after now is half as much again, and a bit."""
    table = twin.world.table.copy()
    after = int(state.row[0]) + 1
    table[after:] = table[after:] * 1.5 + 1.0
    table.setflags(write=False)
    return replace(twin, world=replace(twin.world, table=table, profiles=replace(twin.world.profiles, values=table)))


def _some_action(patient: Patient, state: GridState) -> tuple[Action, ...]:
    for control in patient.twin.model.controls.entries:
        if not control.verb.moves_branches:
            return (Action(control.verb.name, control.target, {control.parameter: patient.room(control, state)[1]}),)
    return ()


CHECK = Check("preview_blind", "Previews and outlooks do not depend on the true future.", examine)
