"""Growth: new buses, lines, loads and plants at the edge of a grid while it is operated.

The network is built for the final grid at once; `Scenario.bus_from_h` and `branch_from_h` say when each part of it comes
into service. What was there keeps its index and its name, what is new is appended. Addition k is a function of the seed,
k and the grid before it: asking for more additions never changes the earlier ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.random import Generator
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from gridpilot.devices import DeviceTable, load, solar
from gridpilot.errors import ConfigError, Problem
from gridpilot.network import LINE, Network, grow, make_network
from gridpilot.scenarios.scenario import Scenario, Source
from gridpilot.values import Bools, Floats, Ints

PLACES = ("HARBOUR", "ORCHARD", "STATION", "MILL", "CAMPUS", "QUARRY", "MARKET", "DEPOT")
"""What new buses are called after their number, in turn."""

_CHOICES = 3
"""How many buses at the edge a tie is drawn from: with one it is always the same, with all there is no edge."""
_LINES_EVERY = 2
"""Every second addition has two lines, so that the new part of the grid is neither all radial nor all meshed."""
_PLANT_EVERY = 2
_DIRECTIONS = 16


@dataclass(frozen=True, slots=True)
class GrowthPlan:
    """How a grid grows. The defaults add 8 % to 16 % of the peak demand over a day: an operator notices, nobody is doomed."""

    every_h: float = 2.0
    """Hours from one addition to the next; the first comes after as many. A fast run takes some 35 s for 2 h."""
    count: int = 8
    """Additions in an episode."""
    load_share: tuple[float, float] = (0.01, 0.02)
    """Smallest and largest peak of a new load, as a part of the peak demand of the grid without growth."""
    flexible_share: float = 0.2
    """Part of a new load that can be shaped."""
    plant_share: float = 0.8
    """Rated power of the photovoltaic plant at every second new bus, as a part of its load's peak; 0 for none."""
    line_length: tuple[float, float] = (0.5, 1.0)
    """Shortest and longest new line, as a part of the median line of the grid without growth."""

    def __post_init__(self) -> None:
        problems = [Problem(name, what) for name, good, what in self._rules() if not good]
        if problems:
            raise ConfigError("This growth plan cannot be followed.", problems)

    def _rules(self) -> tuple[tuple[str, bool, str], ...]:
        return (
            ("every_h", isfinite(self.every_h) and self.every_h > 0, f"must be above 0 h, found {self.every_h}"),
            ("count", self.count >= 1, f"must be 1 or more, found {self.count}"),
            ("load_share", 0 < self.load_share[0] <= self.load_share[1] <= 1, f"must rise and be in 0 … 1, found {self.load_share}"),
            ("flexible_share", 0 <= self.flexible_share <= 1, f"must be in 0 … 1, found {self.flexible_share}"),
            ("plant_share", isfinite(self.plant_share) and self.plant_share >= 0, f"must be 0 or more, found {self.plant_share}"),
            ("line_length", 0 < self.line_length[0] <= self.line_length[1] < np.inf, f"must rise from above 0, found {self.line_length}"),
        )


def with_growth(scenario: Scenario, seed: int, plan: GrowthPlan | None = None) -> Scenario:
    """The scenario with additions to its grid, drawn by the seed.

    New loads follow the profile columns of an old load, new plants those of an old one, in every source. Raises
    `ConfigError` where the scenario grows already, has no load to follow, or the last addition would miss the episode.
    """
    plan = plan or GrowthPlan()
    _refuse(scenario, plan)
    grown = replace(
        scenario,
        bus_from_h=scenario.bus_from_h or (0.0,) * scenario.network.n_bus,
        branch_from_h=scenario.branch_from_h or (0.0,) * scenario.network.n_branch,
    )
    for number in range(1, plan.count + 1):
        grown = _add(grown, scenario, plan, number, np.random.default_rng([seed, number]))
    return grown


def _refuse(scenario: Scenario, plan: GrowthPlan) -> None:
    problems = []
    if any((*scenario.bus_from_h, *scenario.branch_from_h)):
        problems.append(Problem("scenario", "grows already; apply growth to the scenario as it was built"))
    if not any(scenario.demand_peak_mw.values()):
        problems.append(Problem("demand_peak_mw", "names no load whose profile a new one could follow"))
    last_h = plan.every_h * plan.count
    if last_h > scenario.episode_h:
        sentence = f"{plan.count} additions every {plan.every_h:g} h end at {last_h:g} h, after the episode of {scenario.episode_h:g} h"
        problems.append(Problem("plan", sentence))
    if problems:
        raise ConfigError(f"Scenario {scenario.name!r} cannot grow.", problems)


def _add(grown: Scenario, base: Scenario, plan: GrowthPlan, number: int, random: Generator) -> Scenario:
    """`grown` with addition `number`; sizes are measured against the grid without growth."""
    bus = f"G{number}-{PLACES[(number - 1) % len(PLACES)]}"
    ties = _anchors(grown.network, _slack_bus(base), 1 if number % _LINES_EVERY else 2, random)
    network = grow(grown.network, _extension(grown.network, base.network, plan, number, bus, ties, random))
    begins_h = plan.every_h * number
    peaks = {name: peak for name, peak in base.demand_peak_mw.items() if peak > 0}
    peak_mw = float(random.uniform(*plan.load_share)) * sum(peaks.values())
    leader = str(random.choice(list(peaks)))
    tables = dict(grown.tables)
    place = network.bus(bus)
    tables["load"] = _with_device(tables["load"], bus, place, load.parameters([{"flexible_share": plan.flexible_share}]))
    sources = {name: _followed(source, bus, leader, peak_mw / peaks[leader]) for name, source in grown.sources.items()}
    if "solar" in base.tables and plan.plant_share > 0 and number % _PLANT_EVERY == 0:
        sun, rated_mw = base.tables["solar"], plan.plant_share * peak_mw
        chosen = int(random.integers(len(sun)))
        share = rated_mw / float(sun.parameters.p_max_mw[chosen])
        tables["solar"] = _with_device(tables["solar"], f"{bus}-PV", place, solar.parameters([{"p_max_mw": rated_mw}]))
        sources = {name: _followed(source, f"{bus}-PV", sun.name[chosen], share) for name, source in sources.items()}
    return replace(
        grown,
        network=network,
        tables=tables,
        sources=sources,
        demand_peak_mw={**grown.demand_peak_mw, bus: peak_mw},
        bus_from_h=(*grown.bus_from_h, begins_h),
        branch_from_h=(*grown.branch_from_h, *[begins_h] * len(ties)),
    )


# ------------------------------------------------------------------------------------------------- devices


def _with_device(table: DeviceTable, name: str, bus: int, parameters: Any) -> DeviceTable:
    joined = type(table.parameters)(*(np.concatenate(pair) for pair in zip(table.parameters, parameters, strict=True)))
    return DeviceTable(table.kind, (*table.name, name), np.append(table.bus, bus), joined)


def _followed(source: Source, device: str, leader: str, share: float) -> Source:
    """`source` with columns for a new device: those of an old one, scaled."""
    fresh: dict[str, tuple[str, float]] = {}
    for driver, (column, factor) in source.columns.items():
        name, _, series = driver.rpartition(".")
        if name == leader:
            fresh[f"{device}.{series}"] = (column, factor * share)
    return replace(source, columns={**source.columns, **fresh})


# -------------------------------------------------------------------------------------------------- network


def _slack_bus(scenario: Scenario) -> int:
    return int(scenario.tables["generator"].bus[scenario.slack_unit])


def _anchors(network: Network, slack_bus: int, count: int, random: Generator) -> Ints:
    """Buses that the next one is tied to: drawn from those with the fewest branches, of these the latest.

    A second tie is drawn from the buses nearest to the first, so that no new line short-cuts the grid. It stays in the
    part that lines alone connect: around a transformer it would close a loop of unequal ratios or phase shifts.
    """
    closed, lines = network.branch_closed, network.branch_closed & (network.branch_kind == LINE)
    degree = np.bincount(np.concatenate([network.branch_from[closed], network.branch_to[closed]]), minlength=network.n_bus)
    reached = np.flatnonzero(np.isfinite(_hops(network, closed, slack_bus)))
    edge = reached[np.lexsort((-reached, degree[reached]))]
    first = int(random.choice(edge[:_CHOICES]))
    if count == 1:
        return np.array([first], dtype=np.int64)
    away = _hops(network, lines, first)
    others = np.flatnonzero(np.isfinite(away) & (away > 0))
    nearest = others[np.lexsort((-others, away[others]))][:_CHOICES]
    return np.array([first, *([int(random.choice(nearest))] if len(nearest) else [])], dtype=np.int64)


def _hops(network: Network, used: Bools, start: int) -> Floats:
    """How many of the used branches lie between a bus and every other `[n]`; infinity where there is no way."""
    ends = (network.branch_from[used], network.branch_to[used])
    graph = coo_array((np.ones(int(used.sum())), ends), shape=(network.n_bus, network.n_bus)).tocsr()
    hops: Floats = dijkstra(graph, directed=False, unweighted=True, indices=np.array([start]))[0]
    return hops


def _extension(network: Network, base: Network, plan: GrowthPlan, number: int, bus: str, ties: Ints, random: Generator) -> Network:
    """The new bus and its lines, with the buses they are tied to."""
    near = int(ties[0])
    x, y = _free_place(network, near)
    band = {"v_min_pu": network.bus_v_min_pu[near], "v_max_pu": network.bus_v_max_pu[near]}
    line = _median_line(base, float(network.bus_kv[near]))
    branches = []
    for tie, suffix in zip(ties, ("", "B"), strict=False):
        length = float(random.uniform(*plan.line_length))
        sized = {key: value * length for key, value in line.items() if key != "rating_mva"}
        ends = {"a": network.bus_name[tie], "b": bus}
        branches.append({"name": f"LN-G{number}{suffix}", **ends, **sized, "rating_mva": line["rating_mva"]})
    old = [{"name": network.bus_name[tie], "kv": network.bus_kv[tie]} for tie in ties]
    new = {"name": bus, "kv": network.bus_kv[near], "x": x, "y": y, **band}
    return make_network(network.name, base_mva=network.base_mva, buses=[*old, new], branches=branches, frequency_hz=network.frequency_hz)


def _median_line(base: Network, kv: float) -> Mapping[str, float]:
    """The typical line at a voltage, in pu; of all branches where the grid has no line at that voltage."""
    lines = (base.branch_kind == LINE) & (base.bus_kv[base.branch_from] == kv)
    chosen = lines if lines.any() else np.ones(base.n_branch, dtype=np.bool_)
    return {
        "r_pu": float(np.median(base.r_pu[chosen])),
        "x_pu": float(np.median(base.x_pu[chosen])),
        "b_pu": float(np.median((base.b_from_pu + base.b_to_pu)[chosen])),
        "rating_mva": float(np.median(base.rating_mva[chosen])),
    }


def _free_place(network: Network, near: int) -> tuple[float, float]:
    """A place on the schematic beside a bus, away from all others; NaN where that bus has none."""
    placed = network.bus_xy[np.isfinite(network.bus_xy).all(axis=1)]
    centre = network.bus_xy[near]
    if not np.isfinite(centre).all() or len(placed) < 2:
        return float("nan"), float("nan")
    turn = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    ends = (network.bus_xy[network.branch_from], network.bus_xy[network.branch_to])
    reach = float(np.nanmedian(np.linalg.norm(ends[0] - ends[1], axis=1))) if network.n_branch else 1.0
    spots = centre + 0.7 * reach * np.column_stack([np.cos(turn), np.sin(turn)])
    room = np.linalg.norm(spots[:, None, :] - placed[None, :, :], axis=2).min(axis=1)
    # Rounded, so that equal rooms are equal on every machine and the first direction wins.
    x, y = spots[int(np.argmax(room.round(9)))]
    return float(x), float(y)
