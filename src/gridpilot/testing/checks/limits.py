"""No limit is degenerate: devices can move, branches are rated, bands have a width."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridpilot.actions import Control, verbs
from gridpilot.testing.finding import Check, Examined
from gridpilot.testing.patient import Patient
from gridpilot.values import GridState

_LEAST_MW = 1e-6


def examine(patient: Patient) -> Examined:
    """Looks at nameplates, and at what could be followed over a held episode."""
    network = patient.twin.model.scenario.network
    rated = np.isfinite(network.rating_mva)
    problems = [*_network_problems(patient), *_missing_controls(patient), *_frozen_controls(patient)]
    measured = {
        "controls": float(len(patient.twin.model.controls.entries)),
        "rated_branches": float(rated.sum()),
        "unrated_branches": float((~rated).sum()),
    }
    return Examined(tuple(problems), measured)


def _network_problems(patient: Patient) -> Iterator[str]:
    network = patient.twin.model.scenario.network
    if network.n_branch and not np.isfinite(network.rating_mva).any():
        yield "no branch has a rating, so that nothing can be overloaded"
    flat = ~((network.bus_v_min_pu > 0) & (network.bus_v_min_pu < network.bus_v_max_pu))
    yield from (f"bus {network.bus_name[k]} has the voltage band {_band(patient, k)}" for k in np.flatnonzero(flat).tolist())


def _band(patient: Patient, bus: int) -> str:
    network = patient.twin.model.scenario.network
    return f"[{network.bus_v_min_pu[bus]:g}, {network.bus_v_max_pu[bus]:g}] pu"


def _missing_controls(patient: Patient) -> Iterator[str]:
    """Devices that a verb could move, and that have no range to be moved in.

    Left out: the slack unit, which follows the grid; condensers, which give reactive power only; loads that are
    declared inflexible.
    """
    scenario = patient.twin.model.scenario
    moved = {(entry.kind, entry.target) for entry in patient.twin.model.controls.entries}
    movable = {kind for verb in verbs().values() for kind in verb.kinds}
    for kind, table in scenario.tables.items():
        p = table.parameters
        exempt = np.zeros(len(table), dtype=np.bool_)
        if kind == "generator":
            exempt = (p.is_slack > 0) | ((p.p_max_mw == 0) & (p.holds_voltage > 0))
        elif kind == "load":
            exempt = p.flexible_share == 0
        for name, excused in zip(table.name, exempt.tolist(), strict=True):
            if kind in movable and not excused and (kind, name) not in moved:
                yield f"{kind} {name} has no range to move in"


def _frozen_controls(patient: Patient) -> Iterator[str]:
    for control in patient.twin.model.controls.entries:
        if control.verb.moves_branches:
            continue
        if not (np.isfinite([control.low, control.high]).all() and control.high > control.low):
            yield f"{control.name} has the range [{control.low:g}, {control.high:g}] {control.unit}".rstrip()
            continue
        rooms = [
            patient.room(control, state)
            for state in patient.states
            if _is_built(patient, state, control) and patient.is_ready(control, state)
        ]
        if rooms and not max(high - low for low, high in rooms) > _LEAST_MW:
            yield f"{control.name} could not be moved at any time of the episode: its range was a point"


def _is_built(patient: Patient, state: GridState, control: Control) -> bool:
    bus = patient.twin.model.scenario.tables[control.kind].bus[control.index]
    return bool(state.bus_active[0, bus])


CHECK = Check("limits", "Every device can move, branches are rated, and every voltage band has a width.", examine)
