"""Every control moves power on the grid: an order that no branch and no bus can feel is a device out of the network."""

from __future__ import annotations

import numpy as np

from gridpilot.actions import CLOSED, OPEN, Control
from gridpilot.testing.finding import Check, Examined
from gridpilot.testing.patient import Patient
from gridpilot.twin import Twin
from gridpilot.values import Action, Flow, GridState

_LEAST_MW = 1e-3


def examine(patient: Patient) -> Examined:
    """Orders both ends of what each control can do at the moment it can do most, and compares the flows a cycle later."""
    controls = patient.twin.model.controls.entries
    if not controls:
        return Examined(("there is nothing to order",))
    if not patient.states:
        return Examined(("the grid is down from the beginning, so that no order can be tried",))
    twin = patient.alone()
    effect = {control.name: _effect_mw(patient, twin, control) for control in controls}
    dead = [name for name, mw in effect.items() if not mw >= _LEAST_MW]
    problems = [f"{len(dead)} of {len(controls)} controls change no flow: {', '.join(dead)}"] if dead else []
    return Examined(tuple(problems), {"controls": len(controls), "least_effect_mw": min(effect.values())})


def _effect_mw(patient: Patient, twin: Twin, control: Control) -> float:
    if control.verb.moves_branches:
        # A branch that carries nothing now may carry something later.
        return max(_apart_mw(twin, state, control, OPEN, CLOSED) for state in patient.states[:: max(1, len(patient.states) // 4)])
    state = patient.roomiest(control)
    return 0.0 if state is None else _apart_mw(twin, state, control, *patient.room(control, state))


def _apart_mw(twin: Twin, state: GridState, control: Control, low: float | str, high: float | str) -> float:
    """Largest change of a flow or injection between two orders."""
    flows = [_flow_after(twin, state, control, value) for value in (low, high)]
    return max(float(np.abs(b - a).max(initial=0.0)) for a, b in zip(_powers(flows[0]), _powers(flows[1]), strict=True))


def _flow_after(twin: Twin, state: GridState, control: Control, value: float | str) -> Flow:
    setpoints, _ = twin.order(state, [Action(control.verb.name, control.target, {control.verb.parameter: value})])
    return twin.step(state, setpoints).state.flow


def _powers(flow: Flow) -> tuple[np.ndarray, np.ndarray]:
    return flow.p_from_mw, flow.p_bus_mw


CHECK = Check("actions_change_flows", "Every control changes flows.", examine)
