"""`check_scenario`: what every scenario promises, for authors of new ones.

def test_my_scenario() -> None:
    check_scenario(my_scenario.build())
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from gridpilot.errors import ConfigError
from gridpilot.profiles import Profiles
from gridpilot.profiles.catalogue import entries
from gridpilot.scenarios import Scenario, Source
from gridpilot.twin.model import Model, compile_model
from gridpilot.twin.twin import Twin, make_twin
from gridpilot.twin.world import drive
from gridpilot.values import GridState, Transition

BALANCE_MW = 1e-6
"""Largest residual of the power balance that a step may leave."""
_SEEDS = (0, 1)
_MOVES = 1e-9
"""Relative change below which a series stands still: interpolation rounds."""
_NEVER_NEGATIVE = ("p_mw", "available_mw")
_PERIODS = ("tuning", "judging")


def check_scenario(scenario: Scenario, profiles: Profiles | None = None, *, hours: float = 3.0, cycle_minutes: float = 5.0) -> None:
    """Builds the scenario's twin, looks at its parts, and steps it for some hours or until it has grown.

    Without `profiles`, on every source of the scenario that is on this machine. Raises `AssertionError` with a sentence
    for every promise that is broken.
    """
    model = _compiled(scenario, cycle_minutes)
    sources = [profiles] if profiles is not None else _sources_here(scenario)
    _raise(scenario, [*_controls(model), *_threats(scenario), *_dates(scenario), *_bands(scenario)])
    for source in sources:
        _raise(scenario, _drivers(model, source))
        _raise(scenario, _run(model, source, hours))


def _raise(scenario: Scenario, broken: Iterable[str]) -> None:
    listed = list(broken)
    if listed:
        raise AssertionError("\n  - ".join([f"Scenario {scenario.name!r} breaks {len(listed)} promise(s):", *listed]))


def _compiled(scenario: Scenario, cycle_minutes: float) -> Model:
    try:
        return compile_model(scenario, cycle_minutes=cycle_minutes)
    except ConfigError as error:
        raise AssertionError(f"Scenario {scenario.name!r} cannot be compiled: {error}") from error


def _sources_here(scenario: Scenario) -> list[Profiles]:
    """Profiles of the scenario that can be loaded; some may need data that is not on this machine."""
    known = {entry.name: entry for entry in entries()}
    lost = [name for name in scenario.sources if name not in known]
    _raise(scenario, [f"source {name!r} is no name that load_profiles knows: give its profiles to the check" for name in lost])
    here = [scenario.load_profiles(name) for name in scenario.sources if not known[name].missing]
    if not here:
        _raise(
            scenario,
            [f"none of its sources ({', '.join(scenario.sources) or 'it has none'}) can be loaded here: give profiles to the check"],
        )
    return here


# -------------------------------------------------------------------------------------------------- its parts


def _controls(model: Model) -> Iterator[str]:
    if not model.controls.entries:
        yield "nothing can be ordered: no device has a range, and there is no branch"
    for entry in model.controls.entries:
        if not (np.isfinite(entry.low) and np.isfinite(entry.high) and entry.low < entry.high):
            yield f"control {entry.name} has the range {entry.low} … {entry.high}; expected two finite numbers that rise"


def _threats(scenario: Scenario) -> Iterator[str]:
    places = scenario.places()
    for number, threat in enumerate(scenario.threats):
        where = f"threat {number} ({threat.kind.name})"
        for name in threat.components:
            if name not in places[threat.kind.channel]:
                yield f"{where} hits {name!r}, which the scenario does not have"
        if threat.between_h[1] >= scenario.episode_h:
            yield f"{where} begins between {threat.between_h} h, outside the episode of {scenario.episode_h:g} h"


def _dates(scenario: Scenario) -> Iterator[str]:
    for name, source in scenario.sources.items():
        for period in _PERIODS:
            first, last = getattr(source, period)
            if np.datetime64(first, "D") > np.datetime64(last, "D"):
                yield f"{period} dates of {name} end ({last}) before they begin ({first})"
        # The same days for both are a user's few own ones, on which nothing was tuned.
        if source.tuning != source.judging and dates_overlap(source):
            yield f"tuning {source.tuning} and judging {source.judging} of {name} have days in common"


def dates_overlap(source: Source) -> bool:
    """Whether a day of tuning is a day of judging: then results would flatter whoever chose the numbers."""
    (a, b), (c, d) = ([np.datetime64(day, "D") for day in getattr(source, period)] for period in _PERIODS)
    return bool(a <= d and c <= b)


def _bands(scenario: Scenario) -> Iterator[str]:
    network = scenario.network
    for k, name in enumerate(network.bus_name):
        if not 0 < network.bus_v_min_pu[k] < network.bus_v_max_pu[k]:
            yield f"bus {name} has the voltage band {network.bus_v_min_pu[k]} … {network.bus_v_max_pu[k]} pu"
    for kind, table in scenario.tables.items():
        for field, values in table.parameters._asdict().items():
            if np.isnan(values).any():
                yield f"parameter {field} of a {kind} is not a number"


def _drivers(model: Model, profiles: Profiles) -> Iterator[str]:
    """Every driver has a column, none is negative where it must not be, and there are days to run on."""
    source = model.scenario.sources.get(profiles.name)
    wanted = source.columns if source else {}
    known = source.completed(profiles).columns if source else ()
    lost = [f"{d} reads column {wanted[d][0]!r}, which {profiles.name} does not have" for d in wanted if wanted[d][0] not in known]
    if lost:
        yield from lost
        return
    try:
        driven = drive(model, profiles)
    except ConfigError as error:
        yield str(error)
        return
    low = driven.values.min(axis=0)
    for column, lowest in zip(driven.columns, low, strict=True):
        if column.rpartition(".")[2] in _NEVER_NEGATIVE and lowest < 0:
            yield f"driver {column} goes down to {lowest:.4g} on {profiles.name}; it cannot be below 0"
    if not (np.ptp(driven.values, axis=0) > _MOVES * np.abs(driven.values).max(axis=0)).any():
        yield f"no driver moves on {profiles.name}"
    for period in _PERIODS if source else ():
        first, last = getattr(source, period)
        if not len(driven.episode_starts(model.episode_steps + 1, first_day=first, last_day=last)):
            yield f"no episode of {model.scenario.episode_h:g} h fits into the {period} dates {first} … {last} of {profiles.name}"


# --------------------------------------------------------------------------------------------------- stepping


def _run(model: Model, profiles: Profiles, hours: float) -> Iterator[str]:
    """A few hours without orders; each kind of failure is told once, with the step at which it came."""
    scenario = model.scenario
    until = max((hours, *scenario.bus_from_h, *scenario.branch_from_h))
    steps = min(int(np.ceil(until / model.dt_h)) + 1, model.episode_steps)
    twin = make_twin(scenario, profiles=profiles, seeds=_SEEDS, cycle_minutes=round(model.dt_h * 60.0, 9), cycles=steps)
    state = twin.first()
    if not state.flow.usable.all():
        yield f"the grid has no power flow when an episode begins on {profiles.name}"
        return
    told: set[str] = set()
    for number in range(steps):
        moved = twin.step(state, state.setpoints)
        for what, sentence in (*_step_problems(twin, state, moved), *_view_problems(twin, moved.state)):
            if what not in told:
                told.add(what)
                yield f"step {number + 1} on {profiles.name}: {sentence}"
        state = moved.state


def _step_problems(twin: Twin, before: GridState, moved: Transition) -> Iterator[tuple[str, str]]:
    after = moved.state
    for where, values in _arrays(moved, "transition"):
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            yield where, f"{where} holds a value that is not finite"
    worst = float(moved.outcomes.balance_mw.max())
    if not worst <= BALANCE_MW:
        yield "balance", f"the power balance is off by {worst:.3g} MW; expected {BALANCE_MW:g} or less"
    if not (after.step == before.step + 1).all():
        yield "clock", "time does not advance"
    yield from _growth_problems(twin.model, after)


def _growth_problems(model: Model, state: GridState) -> Iterator[tuple[str, str]]:
    """What is not built has neither voltage nor flow nor demand; what is built is in the masks."""
    bus_from, branch_from = model.scenario.active_from(model.dt_h)
    if not (state.bus_active == (state.step[:, None] >= bus_from)).all():
        yield "bus mask", "a bus is in service before its time, or not from its time on"
    if not (state.branch_active == (state.step[:, None] >= branch_from)).all():
        yield "branch mask", "a branch is in service before its time, or not from its time on"
    quiet = ((state.flow.v_pu, ~state.bus_active), (state.flow.p_bus_mw, ~state.bus_active), (state.flow.p_from_mw, ~state.branch_active))
    if any(values[mask].any() for values, mask in quiet):
        yield "unbuilt", "a bus or branch that is not built yet has voltage or flow"
    unbuilt = ~state.bus_active[:, model.layout.column_bus]
    if state.exogenous[unbuilt].any():
        yield "unbuilt demand", "a device at a bus that is not built yet has demand or weather"


def _view_problems(twin: Twin, state: GridState) -> Iterator[tuple[str, str]]:
    """A view says of every bus whether it is built, and holds no NaN."""
    view = twin.observe(state)
    for k, name in enumerate(twin.model.scenario.network.bus_name):
        if view.buses[name].values["built"] != state.bus_active[0, k]:
            yield "view", f"the view does not say whether bus {name} is built"
    for readings in (view.devices, view.branches, view.buses):
        for name, reading in readings.items():
            if any(isinstance(value, float) and np.isnan(value) for value in reading.values.values()):
                yield f"view {name}", f"the view of {name} holds NaN"


def _arrays(value: Any, where: str) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Every array inside a value, with the path to it."""
    if isinstance(value, np.ndarray):
        yield where, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _arrays(item, f"{where}.{key}")
    elif is_dataclass(value):
        for field in fields(value):
            yield from _arrays(getattr(value, field.name), f"{where}.{field.name}")
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        for field_name in value._fields:
            yield from _arrays(getattr(value, field_name), f"{where}.{field_name}")
