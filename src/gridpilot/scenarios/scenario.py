"""What a scenario is: a grid, its devices, the world that acts on it, and the rules it is judged by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gridpilot.devices import DeviceTable, device_kind
from gridpilot.disturbances import Channel, Threat
from gridpilot.errors import ConfigError, Problem
from gridpilot.network import Network
from gridpilot.profiles import Profiles, load_profiles
from gridpilot.profiles.price import Market, with_price
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

    def driven_by(self, profiles: Profiles) -> Profiles:
        """`profiles` with one column per driver, in MW and Mvar, in the order of `drivers`.

        Raises `ConfigError` where the scenario does not know how to read these profiles.
        """
        drivers = self.drivers()
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
    found += _slack_problems(scenario)
    found += area_problems(scenario.areas, scenario.network)
    found += [Problem(name, "is switchable but no branch") for name in scenario.switchable if name not in scenario.network.branch_name]
    found += [Problem(name, "unknown reward term") for name in scenario.rewards.weights if name not in REWARD_TERMS]
    if not found:
        weights(scenario.rewards.weights)
        for source_name, source in scenario.sources.items():
            found += [Problem(f"{source_name}: {d}", "has no column") for d in scenario.drivers() if d not in source.columns]
    return found


def _slack_problems(scenario: Scenario) -> list[Problem]:
    if "generator" not in scenario.tables:
        return [Problem("generator", "a scenario needs generators, one of them the slack unit")]
    slack = scenario.tables["generator"].parameters.is_slack.sum()
    return [] if slack == 1 else [Problem("generator", f"exactly one unit must be the slack unit, found {slack:g}")]


def device_tables(network: Network, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, DeviceTable]:
    """Tables from rows per kind: `name`, `bus` (its name), and the parameters of the kind.

    Raises `ConfigError` naming every unknown bus, parameter and missing value.
    """
    buses = frozenset(network.bus_name)
    problems = [problem for kind, own in rows.items() for row in own for problem in _row_problems(buses, kind, row)]
    if problems:
        raise ConfigError("Some devices cannot be built.", problems)
    return {kind: _table(network, kind, own) for kind, own in rows.items()}


def _row_problems(buses: frozenset[str], kind: str, row: Mapping[str, Any]) -> list[Problem]:
    where = f"{kind} {row.get('name', '(no name)')}"
    found = [Problem(where, f"has no {key!r}") for key in ("name", "bus") if key not in row]
    if "bus" in row and row["bus"] not in buses:
        found.append(Problem(where, f"there is no bus {row['bus']!r}"))
    known = {"name", "bus", "curve", *device_kind(kind).parameters._fields}
    return found + [Problem(where, f"there is no parameter {key!r}; valid: {', '.join(sorted(known))}") for key in row if key not in known]


def _table(network: Network, kind: str, rows: Sequence[Mapping[str, Any]]) -> DeviceTable:
    numbers = [{key: value for key, value in row.items() if key not in ("name", "bus")} for row in rows]
    bus = np.array([network.bus(row["bus"]) for row in rows], dtype=np.int64)
    return DeviceTable(kind, tuple(row["name"] for row in rows), bus, device_kind(kind).from_rows(numbers))
