"""Every reward term falls when what it measures gets worse, shown by stepping; and the sum falls with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from gridpilot.scenarios import ProtectionSettings
from gridpilot.testing.finding import Check, Examined
from gridpilot.testing.patient import Patient, variant
from gridpilot.twin import Twin
from gridpilot.values import REWARD_TERMS, Action, Floats, GridState, Setpoints, Transition

_ROUNDING = 1e-9
_NEVER_POSITIVE = ("congestion", "voltage", "curtailment", "imbalance", "reliability")


def examine(patient: Patient) -> Examined:
    """Steps from one state into three situations per term, each worse than the one before."""
    if not patient.steady:
        return Examined(("no cycle of the episode is an ordinary one, so that nothing can be shown to get worse",))
    problems = list(_book_problems(patient))
    measured = {}
    twin = patient.alone()
    for term, worsen in _WORSE.items():
        moves = worsen(patient, twin)
        if not moves:
            continue
        k = REWARD_TERMS.index(term)
        values = [float(moved.reward_terms[0, 0, k]) for moved in moves]
        measured[f"{term}_fell_by"] = values[0] - values[-1]
        if any(not worse < better for better, worse in pairwise(values)):
            problems.append(f"{term} does not fall when it gets worse: {_listed(values)}")
        sums = [float(moved.reward[0]) for moved in moves]
        if _counts(term, twin) and any(not worse < better for better, worse in pairwise(sums)):
            problems.append(f"the reward does not fall when {term} gets worse: {_listed(sums)}")
    return Examined(tuple(problems), measured)


def _counts(term: str, twin: Twin) -> bool:
    """Whether the sum must fall with a term: where it has a weight, and always when the lights go out.

    Not for curtailment: a limit on renewables may do good elsewhere.
    """
    return term == "reliability" or (term != "curtailment" and bool(twin.model.weights[REWARD_TERMS.index(term)] > 0))


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.5g}" for value in values)


def _book_problems(patient: Patient) -> Iterator[str]:
    """Whether the sum is the sum, and penalties are penalties, in all runs."""
    off, highest = 0.0, np.full(len(REWARD_TERMS), -np.inf)
    for run in patient.runs.values():
        for passed in run:
            terms = passed.moved.reward_terms[:, 0]
            off = max(off, float(np.abs(terms @ patient.twin.model.weights - passed.moved.reward).max(initial=0.0)))
            highest = np.maximum(highest, terms.max(axis=0, initial=-np.inf))
    if not off <= _ROUNDING:
        yield f"the reward is off the weighted sum of its terms by {off:.3g}"
    for term in _NEVER_POSITIVE:
        top = highest[REWARD_TERMS.index(term)]
        if not top <= _ROUNDING:
            yield f"{term} was {top:.3g}, and may never be above 0"


# ---------------------------------------------------------------------------------------- how it gets worse


def _congestion(patient: Patient, twin: Twin) -> list[Transition]:
    """The same flows on branches rated for less and less, with relays that never trip."""
    state = patient.steady[0]
    loading = float(_hold(twin, state).state.flow.loading.max(initial=0.0))
    if loading <= 0:
        return []
    scenario = replace(twin.model.scenario, protection=ProtectionSettings(overload_delay_h=np.inf, hard_limit=np.inf))
    network = scenario.network
    rated = [replace(network, rating_mva=network.rating_mva * loading / share) for share in (1.1, 1.4, 1.7)]
    return [_hold(variant(twin, replace(scenario, network=net)), state) for net in rated]


def _voltage(patient: Patient, twin: Twin) -> list[Transition]:
    """The same voltages under a band that begins higher and higher above them."""
    if not twin.model.engine.has_voltages:
        return []
    state = patient.steady[0]
    scenario, n = twin.model.scenario, twin.model.scenario.network.n_bus
    top = float(state.flow.v_pu.max())
    bands = [replace(scenario.network, bus_v_min_pu=np.full(n, top + gap), bus_v_max_pu=np.full(n, top + 1.0)) for gap in (0.05, 0.1, 0.15)]
    return [_hold(variant(twin, replace(scenario, network=net)), state) for net in bands]


def _curtailment(patient: Patient, twin: Twin) -> list[Transition]:
    """A plant that may give what it would, half of it, and nothing, in its best ordinary cycle."""
    plants = [entry for entry in twin.model.controls.entries if entry.kind in ("solar", "wind") and not entry.reactive]
    gives = [
        (float(moved.state.devices[plant.kind].p_mw[0, plant.index]), plant, state)
        for state in patient.steady
        for moved in (_hold(twin, state),)
        for plant in plants
    ]
    if not gives:
        return []
    mw, plant, state = max(gives, key=lambda found: found[0])
    orders = [Action(plant.verb.name, plant.target, {plant.parameter: share * mw}) for share in (1.0, 0.5, 0.0)]
    return [twin.step(state, twin.order(state, [order])[0]) for order in orders]


def _imbalance(patient: Patient, twin: Twin) -> list[Transition]:
    """A slack schedule that is further and further from what the slack unit gives."""
    state, unit = patient.steady[0], twin.model.scenario.slack_unit
    actual = float(_hold(twin, state).outcomes.slack_p_mw[0])
    band = twin.model.scenario.rewards.slack_band_mw
    moves = []
    for gap in (0.0, band + 10.0, band + 50.0):
        units = state.setpoints.devices["generator"].copy()
        units[:, unit] = actual + gap
        moves.append(twin.step(state, Setpoints({**state.setpoints.devices, "generator": units}, state.setpoints.closed)))
    return moves


def _cost(patient: Patient, twin: Twin) -> list[Transition]:
    """Fuel that costs more and more."""
    return _with_generators(patient, twin, "cost_b", 20.0)


def _emissions(patient: Patient, twin: Twin) -> list[Transition]:
    """Fuel that is dirtier and dirtier."""
    return _with_generators(patient, twin, "co2_t_per_mwh", 0.5)


def _with_generators(patient: Patient, twin: Twin, parameter: str, more: float) -> list[Transition]:
    scenario, state = twin.model.scenario, patient.steady[0]
    table = scenario.tables["generator"]
    moves = []
    for k in range(3):
        values: Floats = getattr(table.parameters, parameter) + k * more
        changed = replace(table, parameters=table.parameters._replace(**{parameter: values}))
        moves.append(_hold(variant(twin, replace(scenario, tables={**scenario.tables, "generator": changed})), state))
    return moves


def _reliability(patient: Patient, twin: Twin) -> list[Transition]:
    """The largest load away from the slack bus cut off, then all of them: a dark grid must never be the better one."""
    state, layout = patient.steady[0], twin.model.layout
    loads = twin.model.scenario.tables.get("load")
    if loads is None:
        return []
    demand = state.exogenous[0, twin.model.columns["load"]][: len(loads)]
    by_size = [int(loads.bus[k]) for k in np.argsort(-demand) if loads.bus[k] != layout.slack_bus and demand[k] > 0]
    if not by_size:
        return []
    cuts = ([], by_size[:1], by_size) if len(set(by_size)) > 1 else ([], by_size)
    moves = []
    for cut in cuts:
        touched = np.isin(layout.branch_from, cut) | np.isin(layout.branch_to, cut)
        moves.append(twin.step(state, Setpoints(state.setpoints.devices, state.setpoints.closed & ~touched)))
    return moves


def _hold(twin: Twin, state: GridState) -> Transition:
    return twin.step(state, state.setpoints)


_WORSE: Mapping[str, Callable[[Patient, Twin], list[Transition]]] = {
    "congestion": _congestion,
    "voltage": _voltage,
    "curtailment": _curtailment,
    "imbalance": _imbalance,
    "cost": _cost,
    "emissions": _emissions,
    "reliability": _reliability,
}

CHECK = Check("rewards_respond", "Every reward term falls when what it measures gets worse, and the sum with it.", examine)
