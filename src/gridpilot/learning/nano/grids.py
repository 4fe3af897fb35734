"""Grids to learn from: those of the package as they are, and variants with other sizes, places, weather and faults.

A variant keeps the lines of its grid. Its devices stand at other buses, its ratings, costs, storage, loads and plants are larger
or smaller, any branch may be lost and any load may spike. So what is learned is physics, not a map.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator

from gridpilot.devices import DeviceTable
from gridpilot.disturbances import GENERATOR_OUTAGE, LINE_TRIP, LOAD_SPIKE, Threat
from gridpilot.scenarios import Scenario, Source, load_scenario
from gridpilot.values import Floats

LEARNED_FROM = ("six_bus", "ieee14")
"""Scenarios whose lines nano knows."""


def variant(name: str, random: Generator, *, moved: float = 0.5) -> Scenario:
    """A variant of a scenario; with the probability `moved` its devices stand at other buses."""
    scenario = load_scenario(name)
    tables = {kind: _resized(table, random) for kind, table in scenario.tables.items()}
    if random.random() < moved:
        tables = _shuffled(tables, scenario, random)
    rating = scenario.network.rating_mva * random.uniform(0.85, 1.25) * random.uniform(0.9, 1.1, scenario.network.n_branch)
    return replace(
        scenario,
        network=replace(scenario.network, rating_mva=rating),
        tables=tables,
        sources={key: _stretched(source, tables, random) for key, source in scenario.sources.items()},
        threats=_threats(scenario, random),
    )


def _between(random: Generator, low: float, high: float, size: int) -> Floats:
    return np.asarray(random.uniform(low, high, size), dtype=np.float64)


def _resized(table: DeviceTable, random: Generator) -> DeviceTable:
    """The devices with other costs, energies and first orders."""
    p, n = table.parameters, len(table)
    changes: dict[str, Any] = {}
    if table.kind == "generator":
        slack = p.is_slack > 0
        first = p.initial_mw * _between(random, 0.6, 1.4, n)
        first = np.where(slack, first, random.uniform(0.0, 1.0, n) * p.p_max_mw * 0.7)
        changes = {"initial_mw": np.clip(first, p.p_min_mw, p.p_max_mw), "cost_b": p.cost_b * _between(random, 0.75, 1.25, n)}
    elif table.kind == "storage":
        energy = p.energy_max_mwh * _between(random, 0.5, 1.6, n)
        least = np.minimum(p.energy_min_mwh, 0.1 * energy)
        changes = {"energy_max_mwh": energy, "energy_min_mwh": least, "initial_mwh": least + random.uniform(0.0, 1.0, n) * (energy - least)}
    elif table.kind == "load":
        changes = {"flexible_share": p.flexible_share * random.uniform(0.5, 1.5)}
    return replace(table, parameters=p._replace(**changes))


def _shuffled(tables: dict[str, DeviceTable], scenario: Scenario, random: Generator) -> dict[str, DeviceTable]:
    """Storage and plants at drawn buses; units, which hold voltages, stay."""
    movable = [kind for kind in ("storage", "solar", "wind") if kind in tables]
    places = {kind: random.choice(scenario.network.n_bus, len(tables[kind])).astype(np.int64) for kind in movable}
    return {kind: replace(table, bus=places[kind]) if kind in places else table for kind, table in tables.items()}


def _stretched(source: Source, tables: dict[str, DeviceTable], random: Generator) -> Source:
    """Loads and plants that are larger or smaller than they were."""
    kind_of = {name: kind for kind, table in tables.items() for name in table.name}
    demand, share = random.uniform(0.8, 1.2), {name: random.uniform(0.85, 1.15) for name in kind_of}
    weather = {"solar": random.uniform(0.5, 1.4), "wind": random.uniform(0.5, 1.4), "load": demand}
    columns = {}
    for driver, (column, factor) in source.columns.items():
        name = driver.rpartition(".")[0]
        columns[driver] = (column, factor * weather.get(kind_of.get(name, ""), 1.0) * share.get(name, 1.0))
    return replace(source, columns=columns)


def _threats(scenario: Scenario, random: Generator) -> tuple[Threat, ...]:
    """The faults of the scenario, and as many more of the same kinds that may strike anywhere and at any hour."""
    generators = scenario.tables["generator"]
    units = tuple(name for name, slack in zip(generators.name, generators.parameters.is_slack, strict=True) if not slack)
    sized = [name for name, most in scenario.demand_peak_mw.items() if most > 0]
    more = [
        Threat(LINE_TRIP, _some(scenario.network.branch_name, random), between_h=(0.0, 22.0), lasting_h=(0.5, 4.0)),
        Threat(LINE_TRIP, _some(scenario.network.branch_name, random), between_h=(0.0, 22.0), lasting_h=(0.5, 2.0)),
        Threat(LOAD_SPIKE, _some(sized, random), between_h=(0.0, 22.0), lasting_h=(0.5, 3.0), magnitude=(1.05, 1.3)),
    ]
    if random.random() < 0.3:
        more.append(Threat(GENERATOR_OUTAGE, _some(units, random), between_h=(0.0, 20.0), lasting_h=(1.0, 4.0)))
    return (*scenario.threats, *more)


def _some(names: Any, random: Generator) -> tuple[str, ...]:
    """Up to four names."""
    return tuple(str(name) for name in random.choice(list(names), min(4, len(names)), replace=False))
