"""Every control moves power on the grid: an order that no branch and no bus can feel is a device out of the network."""

from __future__ import annotations

import numpy as np

from gridpilot.actions import CLOSED, OPEN, Control
from gridpilot.testing.finding import Check, Examined
from gridpilot.testing.patient import Patient
from gridpilot.twin import Twin
from gridpilot.values import Action, Floats, Flow, GridState

_LEAST_MW = 1e-3


def examine(patient: Patient) -> Examined:
    """Orders both ends of what each control can do, at up to a day's worth of moments, and compares the flows a cycle later."""
    controls = patient.twin.model.controls.entries
    if not controls:
        return Examined(("there is nothing to order",))
    if not patient.states:
        return Examined(("the grid is down from the beginning, so that no order can be tried",))
    twin = patient.alone()
    effect = {control.name: _effect_mw(patient, twin, control) for control in controls}
    tried = {name: mw for name, mw in effect.items() if mw is not None}
    dead = [name for name, mw in tried.items() if not mw >= _LEAST_MW]
    problems = [f"{len(dead)} of {len(tried)} controls change no flow: {', '.join(dead)}"] if dead else []
    measured = {"controls": len(controls), "tried": len(tried), "least_effect_mw": min(tried.values(), default=0.0)}
    return Examined(tuple(problems), measured)


def _effect_mw(patient: Patient, twin: Twin, control: Control) -> float | None:
    """Largest effect over the sampled states, as soon as it is large enough; None where it could never be tried."""
    effects = []
    for state in patient.states:
        if not _can_be_tried(twin, state, control):
            continue
        ends = (OPEN, CLOSED) if control.verb.moves_branches else patient.room(control, state)
        effects.append(_apart_mw(twin, state, control, *ends))
        if effects[-1] >= _LEAST_MW:
            break
    return max(effects, default=None)


def _can_be_tried(twin: Twin, state: GridState, control: Control) -> bool:
    """Whether a control is there at a state: built, and for a plant that lives on weather, not in the dark."""
    if control.verb.moves_branches:
        return bool(state.branch_active[0, control.index] and not state.faulted[0, control.index])
    table = twin.model.scenario.tables[control.kind]
    weather = state.exogenous[0, twin.model.columns[control.kind]]
    lit = control.kind not in ("solar", "wind") or bool(weather[control.index] > 0)
    return bool(state.bus_active[0, table.bus[control.index]]) and lit


def _apart_mw(twin: Twin, state: GridState, control: Control, low: float | str, high: float | str) -> float:
    """Largest change of a flow or injection between two orders."""
    flows = [_flow_after(twin, state, control, value) for value in (low, high)]
    return max(float(np.abs(b - a).max(initial=0.0)) for a, b in zip(_powers(flows[0]), _powers(flows[1]), strict=True))


def _flow_after(twin: Twin, state: GridState, control: Control, value: float | str) -> Flow:
    setpoints, _ = twin.order(state, [Action(control.verb.name, control.target, {control.verb.parameter: value})])
    return twin.step(state, setpoints).state.flow


def _powers(flow: Flow) -> tuple[Floats, Floats]:
    return flow.p_from_mw, flow.p_bus_mw


CHECK = Check("actions_change_flows", "Every control changes flows.", examine)
