"""Every control moves power on the grid: an order that no branch and no bus can feel is a device out of the network."""

from __future__ import annotations

import numpy as np

from gridpilot.actions import CLOSED, OPEN, Control
from gridpilot.testing.finding import Check, Examined
from gridpilot.testing.patient import Patient
from gridpilot.twin import Twin
from gridpilot.values import Action, Floats, Flow, GridState

_LEAST_PU = 1e-6
"""Of the network's base: far above what a power flow leaves, and below the charging of the shortest line's dead end."""
_WEATHER_SHARE = 0.01


def examine(patient: Patient) -> Examined:
    """Orders both ends of what each control can do, at up to a day's worth of moments, and compares the flows a cycle later."""
    controls = patient.twin.model.controls.entries
    if not controls:
        return Examined(("there is nothing to order",))
    if not patient.states:
        return Examined(("the grid is down from the beginning, so that no order can be tried",))
    twin = patient.alone()
    least_mva = _LEAST_PU * twin.model.scenario.network.base_mva
    effect = {control.name: _effect_mva(patient, twin, control, least_mva) for control in controls}
    tried = {name: mva for name, mva in effect.items() if mva is not None}
    dead = [name for name, mva in tried.items() if not mva >= least_mva]
    problems = [f"{len(dead)} of {len(controls)} controls change no flow: {', '.join(dead)}"] if dead else []
    measured = {"controls": len(controls), "tried": len(tried), "least_effect_mva": min(tried.values(), default=0.0)}
    return Examined(tuple(problems), measured)


def _effect_mva(patient: Patient, twin: Twin, control: Control, enough_mva: float) -> float | None:
    """Largest effect over the sampled states, as soon as it is large enough.

    None where it could not be tried for a good reason: a plant that saw no weather, or what was built during the day,
    into a grid that may have been down by then.
    """
    states = [state for state in patient.states if _can_be_tried(patient, twin, state, control)]
    effects = [0.0]
    for state in states:
        ends = (OPEN, CLOSED) if control.verb.moves_branches else patient.room(control, state)
        effects.append(_apart_mva(twin, state, control, *ends))
        if effects[-1] >= enough_mva:
            break
    return None if not states and _is_excused(patient, control) else max(effects)


def _can_be_tried(patient: Patient, twin: Twin, state: GridState, control: Control) -> bool:
    """Whether a control is live at a state: built, supplied, not locked out, and a plant has weather."""
    lit = state.flow.energised[0]
    if control.verb.moves_branches:
        k, layout = control.index, twin.model.layout
        held_open = state.faulted[0, k] or state.protection.lockout_h[0, k] > 0 or not state.branch_active[0, k]
        return bool(lit[layout.branch_from[k]] and lit[layout.branch_to[k]] and not held_open)
    bus = twin.model.scenario.tables[control.kind].bus[control.index]
    return bool(lit[bus]) and _has_weather(twin, state, control) and patient.is_ready(control, state)


def _has_weather(twin: Twin, state: GridState, control: Control) -> bool:
    """Whether a plant will be offered something worth limiting in the coming cycle; True for what needs no weather."""
    if control.kind not in ("solar", "wind"):
        return True
    most = twin.model.parameters(control.kind).p_max_mw[control.index]
    offered = twin.world.table[state.row[0] + 1, twin.model.columns[control.kind]][control.index]
    return bool(offered > _WEATHER_SHARE * most)


def _is_excused(patient: Patient, control: Control) -> bool:
    layout = patient.twin.model.layout
    if control.verb.moves_branches:
        return bool(layout.branch_from_step[control.index] > 0)
    bus = patient.twin.model.scenario.tables[control.kind].bus[control.index]
    becalmed = not any(_has_weather(patient.twin, state, control) for state in patient.states)
    never_ready = not any(patient.is_ready(control, state) for state in patient.states)
    return bool(layout.bus_from_step[bus] > 0) or becalmed or never_ready


def _apart_mva(twin: Twin, state: GridState, control: Control, low: float | str, high: float | str) -> float:
    """Largest change of a flow or injection between two orders."""
    flows = [_flow_after(twin, state, control, value) for value in (low, high)]
    return max(float(np.abs(b - a).max(initial=0.0)) for a, b in zip(_powers(flows[0]), _powers(flows[1]), strict=True))


def _flow_after(twin: Twin, state: GridState, control: Control, value: float | str) -> Flow:
    setpoints, _ = twin.order(state, [Action(control.verb.name, control.target, {control.parameter: value})])
    return twin.step(state, setpoints).state.flow


def _powers(flow: Flow) -> tuple[Floats, ...]:
    return flow.p_from_mw, flow.p_bus_mw, flow.q_from_mvar, flow.q_bus_mvar


CHECK = Check("actions_change_flows", "Every control changes flows.", examine)
