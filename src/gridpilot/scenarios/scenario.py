"""What a scenario is: a grid, its devices, the world that acts on it, and the rules it is judged by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gridpilot.devices import DeviceTable, device_kind
from gridpilot.disturbances import Channel, Threat
from gridpilot.errors import ConfigError, Problem
from gridpilot.network import Network
from gridpilot.profiles import Profiles, Sessions, load_profiles, with_sessions
from gridpilot.profiles.price import Market, with_price
from gridpilot.profiles.sessions import no_sessions
from gridpilot.rewards import weights
from gridpilot.scenarios.area import Area, area_problems
from gridpilot.values import REWARD_TERMS, Ints


@dataclass(frozen=True, slots=True)
class ProtectionSettings:
    """Relays: when a branch is opened, and what holds the balance when the slack unit cannot."""

    overload_delay_h: float = 0.5
    """A branch above its rating for longer than this is opened."""
    hard_limit: float = 1.5
    """A loading above this opens the branch at once."""
    lockout_h: float = 0.5
    """How long a branch which protection opened cannot be closed."""
    crew_h: float = 0.5
    """After the lock-out, how long until a field crew closes the branch if no operator has."""
    rounds: int = 10
    """Rounds of a cascade within one step; a grid that still trips then has collapsed."""


@dataclass(frozen=True, slots=True)
class RewardSettings:
    """How a step is scored."""

    price_usd_per_mwh: float = 50.0
    """Reference price of the cost term."""
    closing_price_usd_per_mwh: float = 110.0
    """Value of energy left in (or owed to) storage and shaped load when an episode ends: what it costs to replace it with
    gas, the weight of its emissions included, so that neither an empty nor a hoarded battery is a trick."""
    slack_band_mw: float = 20.0
    """Deviation of the slack unit from its schedule that is ordinary regulation."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Changes to the weights of `gridpilot.rewards`."""


@dataclass(frozen=True, eq=False)
class Source:
    """How a scenario reads one set of profiles: which column drives what, and on which dates."""

    columns: Mapping[str, tuple[str, float]]
    """Per driver, `DEVICE.series`, a column and the factor it is multiplied by."""
    tuning: tuple[str, str]
    """First and last day on which sizes and ratings were chosen."""
    judging: tuple[str, str]
    """First and last day of evaluation; no day of tuning is among them."""
    repair: tuple[str, ...] = ()
    """What may be repaired when the profiles are loaded: see `gridpilot.profiles.validation.REPAIRS`."""
    market: Market | None = None
    """How a price is drawn where the profiles have none; it is their column `price_seeded_usd_per_mwh`."""
    charging: Callable[[Sequence[str], Profiles], Sessions] | None = None
    """Cars that come to these charging points while these profiles last; None for those of the scenario."""

    def completed(self, profiles: Profiles) -> Profiles:
        """`profiles` with the price that is drawn for them."""
        return profiles if self.market is None else with_price(profiles, self.market)


@dataclass(frozen=True, eq=False)
class Scenario:
    """A grid to be operated; built by a file of this package, or by its user."""

    name: str
    title: str
    network: Network
    tables: Mapping[str, DeviceTable]
    """Devices per kind; the generator table has exactly one slack unit."""
    sources: Mapping[str, Source]
    """Per profile name how it drives the devices."""
    sessions: Sessions | None = None
    """Cars that come to the charging points, where the source of the profiles says nothing else."""
    threats: tuple[Threat, ...] = ()
    switchable: tuple[str, ...] = ()
    """Branches that have an entry in the action vector; TOPOLOGY may name every branch."""
    demand_peak_mw: Mapping[str, float] = field(default_factory=dict)
    """Per load its highest ordinary demand: the range of LOAD_SHAPE is its flexible share of that."""
    protection: ProtectionSettings = ProtectionSettings()
    rewards: RewardSettings = RewardSettings()
    episode_h: float = 24.0
    bus_from_h: tuple[float, ...] = ()
    branch_from_h: tuple[float, ...] = ()
    """When a bus or branch comes into service, hours after the start; empty where all are there from the beginning."""
    areas: tuple[Area, ...] = ()
    """Parts with an owner of their own, such as microgrids."""
    price_driver: str = ""
    """Name of the series that is the market price in USD/MWh at which areas trade; without one it is the reference price."""

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise ConfigError(f"Scenario {self.name!r} is not consistent.", problems)

    @property
    def slack_unit(self) -> int:
        """Index of the generator at the slack bus."""
        return int(np.flatnonzero(self.tables["generator"].parameters.is_slack)[0])

    def drivers(self) -> tuple[str, ...]:
        """Names of all series that are read, `DEVICE.series`, in the order of the exogenous columns: devices', then the price."""
        read = tuple(
            f"{name}.{series}" for kind, table in self.tables.items() for series in device_kind(kind).series for name in table.name
        )
        return (*read, self.price_driver) if self.price_driver and self.price_driver not in read else read

    def load_profiles(self, name: str) -> Profiles:
        """The profiles of a name or a CSV file, repaired as the scenario's source of that name says; raises what loading raises."""
        source = self.sources.get(name.replace("_", "-"))
        return load_profiles(name, repair=source.repair) if source is not None and source.repair else load_profiles(name)

    def weather(self) -> tuple[str, ...]:
        """Those of `drivers` that profiles drive; the others are events."""
        events = {f"{name}.{series}" for kind, table in self.tables.items() for series in device_kind(kind).events for name in table.name}
        return tuple(driver for driver in self.drivers() if driver not in events)

    def driven_by(self, profiles: Profiles) -> Profiles:
        """`profiles` with one column per driver but events, in MW and Mvar, in the order of `weather`.

        Raises `ConfigError` where the scenario does not know how to read these profiles.
        """
        drivers = self.weather()
        source = self.sources.get(profiles.name)
        if source is None:
            if set(drivers) <= set(profiles.columns):
                return profiles.scaled({driver: (driver, 1.0) for driver in drivers})
            lost = [Problem(driver, "no column of this name") for driver in drivers if driver not in profiles.columns]
            raise ConfigError(
                f"Scenario {self.name!r} does not know how to read profiles {profiles.name!r}. It knows {', '.join(sorted(self.sources))}, "
                "or a table with one column per driver:",
                lost,
            )
        return source.completed(profiles).scaled({driver: source.columns[driver] for driver in drivers})

    def with_events(self, driven: Profiles) -> Profiles:
        """What drives the devices, on the cycle of a model, with the events among it: one column per driver, in their order.

        Raises `ConfigError` for sessions at charging points that do not exist.
        """
        points = self.tables["ev"].name if "ev" in self.tables else ()
        if not points:
            return driven
        source = self.sources.get(driven.name)
        come = source.charging(points, driven) if source is not None and source.charging is not None else self.sessions
        full = with_sessions(driven, come or no_sessions(), points)
        order = [full.column(name) for name in self.drivers()]
        values, peak = np.ascontiguousarray(full.values[:, order]), full.peak[order]
        values.flags.writeable = peak.flags.writeable = False
        return replace(full, columns=self.drivers(), values=values, peak=peak, kinds=tuple(full.kinds[k] for k in order))

    def places(self) -> dict[Channel, dict[str, int]]:
        """Per disturbance channel the index of every component that it can change."""
        found: dict[Channel, Mapping[str, int]] = {
            Channel.BRANCH_FAULT: {name: k for k, name in enumerate(self.network.branch_name)},
        }
        for channel, kind in ((Channel.LOAD_FACTOR, "load"), (Channel.GENERATOR_OUTAGE, "generator")):
            names = self.tables[kind].name if kind in self.tables else ()
            found[channel] = {name: k for k, name in enumerate(names)}
        return {channel: dict(places) for channel, places in found.items()}

    def active_from(self, dt_h: float) -> tuple[Ints, Ints]:
        """Step from which every bus `[n]` and branch `[m]` is in service."""
        bus = np.array(self.bus_from_h or np.zeros(self.network.n_bus))
        branch = np.array(self.branch_from_h or np.zeros(self.network.n_branch))
        return np.ceil(bus / dt_h - 1e-9).astype(np.int64), np.ceil(branch / dt_h - 1e-9).astype(np.int64)

    def without_disturbances(self) -> Scenario:
        """The same scenario on quiet days."""
        return replace(self, threats=())


def _problems(scenario: Scenario) -> list[Problem]:
    found: list[Problem] = []
    n = scenario.network.n_bus
    names = [name for table in scenario.tables.values() for name in table.name]
    found += [Problem(name, "two devices have this name") for name, count in sorted(Counter(names).items()) if count > 1]
    for kind, table in scenario.tables.items():
        device_kind(kind)
        found += [
            Problem(name, f"is at bus {bus}, which is not in 0…{n - 1}")
            for name, bus in zip(table.name, table.bus, strict=True)
            if not 0 <= bus < n
        ]
    found += _slack_problems(scenario) + _tap_problems(scenario) + _switch_problems(scenario)
    found += area_problems(scenario.areas, scenario.network)
    found += [Problem(name, "is switchable but no branch") for name in scenario.switchable if name not in scenario.network.branch_name]
    found += [Problem(name, "unknown reward term") for name in scenario.rewards.weights if name not in REWARD_TERMS]
    if not found:
        weights(scenario.rewards.weights)
        for source_name, source in scenario.sources.items():
            found += [Problem(f"{source_name}: {d}", "has no column") for d in scenario.weather() if d not in source.columns]
    return found


def _tap_problems(scenario: Scenario) -> list[Problem]:
    tables = [table for kind, table in scenario.tables.items() if device_kind(kind).adjusts == "tap"]
    branches = [branch for table in tables for branch in table.branch.tolist()]
    lost = [Problem("tap_changer", f"is at branch {k}, which is not there") for k in branches if not 0 <= k < scenario.network.n_branch]
    twice = sorted({k for k in branches if branches.count(k) > 1})
    return lost + [Problem(scenario.network.branch_name[k], "has two tap changers; a branch has one ratio") for k in twice if not lost]


def _switch_problems(scenario: Scenario) -> list[Problem]:
    """Switches at branches that are not there, that have another one, or that are not as the network was built."""
    found, network, seen = [], scenario.network, set[int]()
    for table in (table for kind, table in scenario.tables.items() if device_kind(kind).watches == "branch"):
        for name, branch, closed in zip(table.name, table.branch.tolist(), (table.parameters.initial_closed > 0.5).tolist(), strict=True):
            if not 0 <= branch < network.n_branch:
                found.append(Problem(name, f"is at branch {branch}, which is not there"))
            elif branch in seen:
                found.append(Problem(name, f"is the second switch of {network.branch_name[branch]}; a branch has one position"))
            elif closed != bool(network.branch_closed[branch]):
                as_built = "closed" if network.branch_closed[branch] else "open"
                found.append(
                    Problem(f"{name}.initial_closed", f"must be {1 - closed:d}: {network.branch_name[branch]} is built {as_built}")
                )
            seen.add(branch)
    return found


def _slack_problems(scenario: Scenario) -> list[Problem]:
    if "generator" not in scenario.tables:
        return [Problem("generator", "a scenario needs generators, one of them the slack unit")]
    slack = scenario.tables["generator"].parameters.is_slack.sum()
    return [] if slack == 1 else [Problem("generator", f"exactly one unit must be the slack unit, found {slack:g}")]


def device_tables(network: Network, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, DeviceTable]:
    """Tables from rows per kind: `name`, `bus` (its name), and the parameters of the kind.

    A kind that changes ratios or watches branches has `branch` (its name) instead of `bus`. Raises `ConfigError` naming every unknown bus,
    parameter and missing value.
    """
    problems = []
    for kind, own in rows.items():
        place, names = _place(network, kind)
        problems += [problem for row in own for problem in _row_problems((place, frozenset(names)), kind, row)]
    if problems:
        raise ConfigError("Some devices cannot be built.", problems)
    return {kind: _table(network, kind, own) for kind, own in rows.items()}


def _row_problems(places: tuple[str, frozenset[str]], kind: str, row: Mapping[str, Any]) -> list[Problem]:
    where = f"{kind} {row.get('name', '(no name)')}"
    place, names = places
    found = [Problem(where, f"has no {key!r}") for key in ("name", place) if key not in row]
    if place in row and row[place] not in names:
        found.append(Problem(where, f"there is no {place} {row[place]!r}"))
    known = {"name", place, "curve", *device_kind(kind).parameters._fields}
    return found + [Problem(where, f"there is no parameter {key!r}; valid: {', '.join(sorted(known))}") for key in row if key not in known]


def _table(network: Network, kind: str, rows: Sequence[Mapping[str, Any]]) -> DeviceTable:
    place, places = _place(network, kind)
    numbers = [{key: value for key, value in row.items() if key not in ("name", place)} for row in rows]
    where = {name: k for k, name in enumerate(places)}
    index = np.array([where[row[place]] for row in rows], dtype=np.int64)
    names, made = tuple(row["name"] for row in rows), device_kind(kind).from_rows(numbers)
    if place == "branch":
        return DeviceTable(kind, names, network.branch_to[index], made, index)
    return DeviceTable(kind, names, index, made)


def _place(network: Network, kind: str) -> tuple[str, tuple[str, ...]]:
    """What says where a device of a kind is, and the names that it may say."""
    if device_kind(kind).adjusts == "tap" or device_kind(kind).watches == "branch":
        return "branch", network.branch_name
    return "bus", network.bus_name
