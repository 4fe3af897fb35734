"""A user's own grid: a scenario from a case that a reader made, and time series that drive it.

    case = from_pandapower(net)                     # or read_matpower("grid.m")
    scenario = scenario_from_case(case, load_profiles("week.csv"))

Names stay the user's. Closed bus-bus switches are fused, units out of service left out. A unit whose fuel is solar or
wind, and a static generator whose name says so, is a plant of the weather: it injects at the power factor of the case and
holds no voltage. All others are generators, one of them the slack unit; where a reference bus has none, or one without limits,
that is an import from the grid above. `gridpilot.scenarios.drivers` says which column drives what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, isfinite
from typing import Any

import numpy as np

from gridpilot.devices import DeviceTable, storage
from gridpilot.errors import ConfigError, Problem
from gridpilot.network import Case, Network, fuse
from gridpilot.profiles import Profiles
from gridpilot.scenarios.drivers import Columns, Driven, match_columns, peaks_mw
from gridpilot.scenarios.scenario import RewardSettings, Scenario, Source, device_tables

KINDS = ("generator", "solar", "wind", "storage", "out")
"""What a unit can be; `out` leaves it out."""
_WORDS = {"solar": {"solar", "pv", "rtpv", "photovoltaic"}, "wind": {"wind", "wp", "wka", "wt"}, "storage": {"storage", "battery", "bess"}}
_HALVED_FROM_DAYS = 4

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a case does not say, and an operator has to know."""

    flexible_share: float = 0.1
    """Part of every load that can be shaped."""
    rating_mva: float = inf
    """Rating of branches for which the case has none."""
    import_price_usd_per_mwh: float = 60.0
    """Price of power from the grid above; what is fed back earns as much."""
    import_co2_t_per_mwh: float = 0.4
    """Emissions of power from the grid above."""
    import_limit_mw: float | None = None
    """Most that the grid above gives or takes; None for twice the nominal power of all loads and plants."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """What single units are, by name, where their fuel or name does not tell: one of `KINDS`."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Columns that drive all `load`, `solar` or `wind`, where they are not called `load_pu`, `solar_pu`, `wind_pu`."""


def scenario_from_case(
    case: Case,
    profiles: Profiles | None = None,
    *,
    name: str = "",
    storage: Sequence[Mapping[str, Any]] = (),
    assumptions: Assumptions | None = None,
) -> Scenario:
    """The scenario of a grid; `dataclasses.replace` adds threats, relays, switchable branches or another episode.

    `storage` rows have `name`, `energy_max_mwh` and any field of a storage unit's parameters; `bus` and `p_max_mw` are
    those of the case's unit of that name where it has one. Without `profiles` the scenario runs on any table with one
    column per driver. A load of 0 MW is left out.

    Raises `ConfigError` with every unit, load and driver that does not fit.
    """
    grid = _Grid(case, assumptions or Assumptions(), storage)
    problems = list(grid.problems())
    if problems:
        raise ConfigError(f"Case {case.network.name!r} cannot be operated as it is.", problems)
    devices = grid.driven()
    columns = match_columns(profiles, devices, grid.assumed.columns) if profiles is not None else {}
    peaks = peaks_mw(profiles, columns, devices) if profiles is not None else {d.name: d.p_mw for d in devices if d.kind == "load"}
    sources = {profiles.name: _source(profiles, columns)} if profiles is not None else {}
    return Scenario(
        name=name or case.network.name,
        title=f"{name or case.network.name}: {grid.network.n_bus} buses",
        network=grid.network,
        tables=grid.tables(),
        sources=sources,
        demand_peak_mw=peaks,
        rewards=grid.rewards(),
    )


def _source(profiles: Profiles, columns: Columns) -> Source:
    """The first half of the days is for tuning, the second for judging; a few days are used whole for both."""
    first, last = (instant.astype("datetime64[D]") for instant in (profiles.start, profiles.end - np.timedelta64(1, "m")))
    days = int((last - first) / np.timedelta64(1, "D")) + 1
    if days < _HALVED_FROM_DAYS:
        return Source(columns, (str(first), str(last)), (str(first), str(last)))
    middle = first + np.timedelta64(days // 2, "D")
    return Source(columns, (str(first), str(middle - np.timedelta64(1, "D"))), (str(middle), str(last)))


class _Grid:
    """A case on its way to a scenario: fused, sorted by kind of device, with what was assumed."""

    def __init__(self, case: Case, assumed: Assumptions, storage: Sequence[Mapping[str, Any]]) -> None:
        self.assumed = assumed
        fused, at = fuse(case.network)
        rating = np.where(np.isfinite(fused.rating_mva), fused.rating_mva, assumed.rating_mva)
        self.network: Network = replace(fused, rating_mva=rating)
        self.slack_buses = sorted({fused.bus_name[at[bus]] for bus in case.slack_bus})
        self.slack_v_pu = float(case.slack_v_pu[0])
        self.loads = _load_rows(case, self.network, at)
        self.unit_names = case.units.name
        self.units = {row["name"]: row for row in _unit_rows(case, self.network, at)}
        self.kind = {name: assumed.kinds.get(name) or _kind_of(row) for name, row in self.units.items()}
        self.batteries = [self._battery(row) for row in storage]

    def _battery(self, row: Mapping[str, Any]) -> Row:
        unit = self.units.get(row.get("name", ""), {})
        known: Row = {"bus": unit["bus"], "p_max_mw": _rated_mw(unit)} if unit else {}
        return {**known, **row}

    def of_kind(self, kind: str) -> list[Row]:
        return [row for name, row in self.units.items() if self.kind[name] == kind]

    def slack_row(self) -> Row:
        """The unit at the reference bus; an import where there is none, or none with limits."""
        bus = self.slack_buses[0]
        here = sorted((row for row in self.of_kind("generator") if row["bus"] == bus), key=lambda row: not row["holds_voltage"])
        unit = here[0] if here else {"name": f"{bus} import", "bus": bus, "p_min_mw": -inf, "p_max_mw": inf, "cost": (), "cost_points": ()}
        most = self.import_limit_mw()
        limits = {"p_min_mw": max(unit["p_min_mw"], -most), "p_max_mw": min(unit["p_max_mw"], most)}
        others = sum(row["p_mw"] for row in self.units.values() if row["name"] != unit["name"])
        schedule = min(max(sum(row["p_mw"] for row in self.loads) - others, limits["p_min_mw"]), limits["p_max_mw"])
        bought = {"cost_b": self.assumed.import_price_usd_per_mwh, "co2_t_per_mwh": self.assumed.import_co2_t_per_mwh}
        known = _costs(unit) if unit["cost"] or unit["cost_points"] else bought
        fixed = {"v_set_pu": self.slack_v_pu, "is_slack": 1.0, "holds_voltage": 1.0, "initial_mw": schedule}
        return {"name": unit["name"], "bus": bus, **limits, **known, **fixed}

    def import_limit_mw(self) -> float:
        if self.assumed.import_limit_mw is not None:
            return self.assumed.import_limit_mw
        return 2.0 * sum([*(float(row["p_mw"]) for row in self.loads), *map(_rated_mw, self.units.values())])

    def driven(self) -> list[Driven]:
        """Devices that follow time series."""
        plants = [Driven(row["name"], kind, _rated_mw(row)) for kind in ("solar", "wind") for row in self.of_kind(kind)]
        return [*(Driven(row["name"], "load", row["p_mw"], row["q_mvar"]) for row in self.loads), *plants]

    def tables(self) -> dict[str, DeviceTable]:
        slack = self.slack_row()
        units = [slack, *(_unit(row) for row in self.of_kind("generator") if row["name"] != slack["name"])]
        demand = [{"name": row["name"], "bus": row["bus"], "flexible_share": self.assumed.flexible_share} for row in self.loads]
        plants = {kind: [_plant(row) for row in self.of_kind(kind)] for kind in ("solar", "wind")}
        rows = {"generator": units, "storage": self.batteries, "load": demand, **plants}
        return {kind: self._table(kind, of_kind) for kind, of_kind in rows.items() if of_kind}

    def _table(self, kind: str, rows: list[Row]) -> DeviceTable:
        return device_tables(self.network, {kind: rows})[kind]

    def rewards(self) -> RewardSettings:
        """A slack unit with limits of its own has a schedule to keep, an import has none."""
        slack = self.slack_row()
        unit = self.units.get(slack["name"])
        planned = unit is not None and isfinite(unit["p_max_mw"])
        band = 0.1 * slack["p_max_mw"] if planned else slack["p_max_mw"] - slack["p_min_mw"]
        price = self.assumed.import_price_usd_per_mwh
        return RewardSettings(price_usd_per_mwh=price, closing_price_usd_per_mwh=price, slack_band_mw=band)

    # ------------------------------------------------------------------------------------------- problems

    def problems(self) -> Iterator[Problem]:
        """Everything that keeps this case from being operated."""
        for name, kind in self.assumed.kinds.items():
            if name not in self.unit_names:
                yield Problem(f"kinds: {name}", "the case has no unit of this name")
            if kind not in KINDS:
                yield Problem(f"kinds: {name}", f"is {kind!r}; expected one of {', '.join(KINDS)}")
        if len(self.slack_buses) != 1:
            where = ", ".join(self.slack_buses)
            yield Problem("reference bus", f"{len(self.slack_buses)} found ({where}); exactly one can hold the balance of the grid")
        if not self.loads:
            yield Problem("loads", "no load draws power; there is nothing to supply")
        for row in self.loads:
            if row["p_mw"] < 0:
                yield Problem(row["name"], f"is a load of {row['p_mw']:g} MW; what feeds in belongs to the static generators")
        for row in self.units.values():
            yield from self._unit_problems(row)
        yield from self._battery_problems()

    def _unit_problems(self, row: Row) -> Iterator[Problem]:
        name, kind = row["name"], self.kind[row["name"]]
        if kind in ("solar", "wind") and not _rated_mw(row) > 0:
            yield Problem(name, f"is a {kind} plant of {_rated_mw(row):g} MW; expected a rated power above 0")
        if kind == "storage" and name not in {battery.get("name") for battery in self.batteries}:
            yield Problem(name, 'is storage whose energy the case does not say; give storage=[{"name": …, "energy_max_mwh": …}]')
        if kind == "generator" and row["fuel"] == "dcline":
            yield Problem(name, "is an end of a DC line, which cannot be operated; leave it out with kinds={…: 'out'}")
        elif kind == "generator" and not (row["bus"] in self.slack_buses and row["holds_voltage"]):
            yield from _generator_problems(row)

    def _battery_problems(self) -> Iterator[Problem]:
        valid = {"name", "bus", *storage.Parameters._fields}
        for row in self.batteries:
            where = f"storage {row.get('name', '?')}"
            missing = [key for key in ("name", "bus", "p_max_mw", "energy_max_mwh") if key not in row]
            if missing:
                yield Problem(where, f"has no {', '.join(missing)}")
            unknown = sorted(set(row) - valid)
            if unknown:
                yield Problem(where, f"has unknown keys {', '.join(unknown)}; expected {', '.join(sorted(valid))}")
            if row.get("bus", self.network.bus_name[0]) not in self.network.bus_name:
                yield Problem(where, f"there is no bus {row['bus']!r}")


# ------------------------------------------------------------------------------------------------ rows of a case


def _load_rows(case: Case, network: Network, at: Any) -> list[Row]:
    table = case.loads
    return [
        {"name": name, "bus": network.bus_name[at[bus]], "p_mw": float(p), "q_mvar": float(q)}
        for name, bus, p, q in zip(table.name, table.bus, table.p_mw, table.q_mvar, strict=True)
        if p or q
    ]


_UNIT_FIELDS = (
    "p_mw", "q_mvar", "p_min_mw", "p_max_mw", "q_min_mvar", "q_max_mvar", "v_set_pu", "holds_voltage", "fuel", "cost", "cost_points",
)  # fmt: skip


def _unit_rows(case: Case, network: Network, at: Any) -> Iterator[Row]:
    table = case.units
    for k in np.flatnonzero(table.in_service):
        values = {column: getattr(table, column)[k] for column in _UNIT_FIELDS}
        numbers = {column: float(value) if isinstance(value, np.floating) else value for column, value in values.items()}
        yield {"name": table.name[k], "bus": network.bus_name[at[table.bus[k]]], **numbers}


def _generator_problems(row: Row) -> Iterator[Problem]:
    """What a generator of the twin cannot do; a slack unit does what the grid needs."""
    if row["p_mw"] < 0:
        yield Problem(row["name"], f"injects {row['p_mw']:g} MW; a generator cannot draw power: make it a load")
    if row["q_mvar"] and not row["holds_voltage"]:
        yield Problem(row["name"], f"injects {row['q_mvar']:g} Mvar; a generator that holds no voltage runs at unity power factor here")
    if any(row["cost"][:-3]):
        yield Problem(row["name"], f"has a cost polynomial of degree {len(row['cost']) - 1}; expected 2 or less")


def _kind_of(row: Row) -> str:
    """By its fuel; a static generator also by its name."""
    texts = [row["fuel"]] if row["holds_voltage"] else [row["fuel"], row["name"]]
    for text in texts:
        words = set(re.findall(r"[a-z]+", str(text).lower()))
        for kind, known in _WORDS.items():
            if words & known:
                return kind
    return "generator"


def _rated_mw(row: Row) -> float:
    """Largest output; the present one where the case gives no limit."""
    return float(row["p_max_mw"]) if isfinite(row["p_max_mw"]) else abs(float(row["p_mw"]))


def _costs(row: Row) -> Row:
    c, b, a = [0.0, 0.0, 0.0, *row["cost"]][:-4:-1]
    return {"cost_a": a, "cost_b": b, "cost_c": c, "curve": list(row["cost_points"])}


def _unit(row: Row) -> Row:
    low, high = max(row["p_min_mw"], 0.0), _rated_mw(row)
    kept = {key: row[key] for key in ("name", "bus", "q_min_mvar", "q_max_mvar", "v_set_pu")}
    start = min(max(row["p_mw"], low), high) if row["p_mw"] > 0 else 0.0
    return {**kept, "p_min_mw": low, "p_max_mw": high, "holds_voltage": float(row["holds_voltage"]), "initial_mw": start, **_costs(row)}


def _plant(row: Row) -> Row:
    ratio = row["q_mvar"] / row["p_mw"] if row["p_mw"] else 0.0
    return {"name": row["name"], "bus": row["bus"], "p_max_mw": _rated_mw(row), "q_per_p": ratio}
