"""What an environment shows: a flat vector of named entries, each mapped from its range to [−1, 1].

Only what an operator could know: measurements of now, orders in force, the clock, and a forecast made of the past. A
value outside its range is shown as the end of the range. What is not built yet shows the value of nothing, and its
`built` entry says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridpilot.devices import DeviceKind, DeviceTable
from gridpilot.envs.forecast import persistence
from gridpilot.envs.lens import Lens, Run, make_lens, read_flags, read_numbers
from gridpilot.errors import ConfigError
from gridpilot.jit import inner
from gridpilot.profiles import Profiles
from gridpilot.twin.memory import Blocks, sections_of
from gridpilot.twin.model import Model
from gridpilot.values import Floats, Ints

FORECAST_H = (1.0, 4.0)
"""Lead times of the forecast."""
LOADING_RANGE = 2.0
VOLTAGE_RANGE_PU = (0.8, 1.2)
HEADROOM = 1.5
"""Demand and weather are shown up to this multiple of their ordinary peak: a spike is still seen."""
LONGEST_H = 24.0
"""Range of a waiting or running time."""

Observation = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Entry:
    """One number of an observation."""

    name: str
    low: float
    high: float
    """Shown as −1 and 1; the unit is in the name."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Entries that are read together."""

    entries: tuple[Entry, ...]
    source: str
    """Name of the quantity in a memory, with `@` and a kind that of its devices; empty for the clock and the forecast."""
    skip: int = 0
    """Neighbours before the first one that belong to others."""


class Scale(NamedTuple):
    """From a fetched observation to the one shown."""

    middle: Floats
    per_half: Floats
    """Of every entry the middle of its range, and 1 over half of it `[d]`."""
    circle: Floats
    """Sine and cosine of the time of day `[rows per day, 2]`."""
    expected: Observation
    """Forecast at every row of the profiles `[T, k]`; the last entries."""
    raw: Floats
    """The fetched observation of one element, in its own units `[d]`."""


@inner
def look(lens: Lens, scale: Scale, b: int, row: int, shown: Observation) -> None:
    """Write the observation of an element at a row of the profiles `[d]`, each entry from its range to −1 … 1."""
    raw, expected = scale.raw, scale.expected
    place, first = row % scale.circle.shape[0], len(raw) - expected.shape[1]
    raw[0], raw[1], raw[2] = scale.circle[place, 0], scale.circle[place, 1], lens.step[b]
    read_numbers(lens, b)
    read_flags(lens, b)
    for k in range(expected.shape[1]):
        # Nobody forecasts a load that is not there yet.
        later = expected[row, k]
        raw[first + k] = later if lens.bus_active[b * lens.buses + lens.expected_bus[k]] else 0.0
    for k in range(len(raw)):
        shown[b, k] = min(max((raw[k] - scale.middle[k]) * scale.per_half[k], -1.0), 1.0)


@dataclass(frozen=True, eq=False)
class Observer:
    """What an observation is made of."""

    model: Model
    groups: tuple[_Group, ...]
    circle: Floats
    expected: Observation
    expected_bus: Ints

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every entry, in the order of the vector."""
        return tuple(entry for group in self.groups for entry in group.entries)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.entries)

    def lens(self, blocks: Blocks) -> Lens:
        """For a memory of these blocks."""
        return make_lens(_runs(self, blocks.batch), len(self.entries), self.expected_bus, blocks)

    def scale(self, lens: Lens) -> Scale:
        """For what this lens fetches."""
        low, high = _ranges(self)
        return Scale((low + high) / 2.0, 2.0 / (high - low), self.circle, self.expected, lens.raw)


@lru_cache(maxsize=32)
def _ranges(observer: Observer) -> Floats:
    """Lows and highs of the entries `[2, d]`."""
    return np.array([[entry.low for entry in observer.entries], [entry.high for entry in observer.entries]])


@lru_cache(maxsize=32)
def _runs(observer: Observer, batch: int) -> list[Run]:
    """The entries that a memory of so many elements holds; episodes begin again and again with as many."""
    at, found, entry = sections_of(observer.model).at, [], 0
    for group in observer.groups:
        if group.source:
            name, _, kind = group.source.partition("@")
            block, before, width = at[name]
            first = before * batch + (observer.model.orders[kind].start if kind else 0) + group.skip
            found.append(Run(block, entry, first, width or 1, len(group.entries)))
        entry += len(group.entries)
    return found


def make_observer(model: Model, driven: Profiles, steps: int) -> Observer:
    """The observer of a model, driven by these profiles, in episodes of `steps` cycles."""
    active = [k for k, name in enumerate(driven.columns) if name.endswith("_mw")]
    groups = (*_clock(steps), *_buses(model), *_branches(model), *_devices(model, driven), *_weather(driven, active))
    leads = [max(1, round(lead_h * driven.rows_per_day / 24.0)) for lead_h in FORECAST_H]
    expected = persistence(driven, leads)[:, :, active].astype(np.float32).reshape(len(driven), -1)
    bus = np.tile(model.layout.column_bus[active], len(leads))
    return Observer(model, groups, _circle(driven), expected, bus)


def _circle(driven: Profiles) -> Floats:
    """Sine and cosine of the time of day, row by row."""
    per_day = driven.rows_per_day
    midnight = float((driven.start - driven.start.astype("datetime64[D]")) / np.timedelta64(1, "m")) / driven.step_min
    turn = 2.0 * np.pi * (np.arange(per_day) + midnight) / per_day
    return np.stack([np.sin(turn), np.cos(turn)], axis=1)


def _entries(prefix: str, names: Sequence[str], field: str, low: Any, high: Any) -> tuple[Entry, ...]:
    """Entries `prefix.name.field`; a range of one point is opened upwards."""
    lows, highs = np.broadcast_to(low, len(names)), np.broadcast_to(high, len(names))
    return tuple(
        Entry(f"{prefix}.{name}.{field}", float(a), float(b) if b > a else float(a) + 1.0)
        for name, a, b in zip(names, lows, highs, strict=True)
    )


def _clock(steps: int) -> Iterator[_Group]:
    day = (Entry("clock.day.sin", -1.0, 1.0), Entry("clock.day.cos", -1.0, 1.0))
    yield _Group((*day, Entry("clock.episode.cycles", 0.0, float(steps))), "")


def _buses(model: Model) -> Iterator[_Group]:
    names = model.scenario.network.bus_name
    yield _Group(_entries("bus", names, "v_pu", *VOLTAGE_RANGE_PU), "v")
    yield _Group(_entries("bus", names, "built", 0.0, 1.0), "bus_active")


def _branches(model: Model) -> Iterator[_Group]:
    names, rules = model.scenario.network.branch_name, model.scenario.protection
    rating = model.scenario.network.rating_mva
    reach = LOADING_RANGE * np.where(np.isfinite(rating), rating, model.scenario.network.base_mva)
    yield _Group(_entries("branch", names, "loading", 0.0, LOADING_RANGE), "loading")
    yield _Group(_entries("branch", names, "p_from_mw", -reach, reach), "p_from")
    yield _Group(_entries("branch", names, "closed", 0.0, 1.0), "closed")
    yield _Group(_entries("branch", names, "faulted", 0.0, 1.0), "faulted")
    yield _Group(_entries("branch", names, "overload_h", 0.0, rules.overload_delay_h), "overload_h")
    yield _Group(_entries("branch", names, "lockout_h", -rules.crew_h, rules.lockout_h), "lockout_h")
    yield _Group(_entries("branch", names, "built", 0.0, 1.0), "branch_active")


def _devices(model: Model, driven: Profiles) -> Iterator[_Group]:
    """State and order of every device, and whether a generator is out."""
    for kind in model.kinds:
        table = model.scenario.tables[kind.name]
        capacity = _capacity_mw(model, driven, kind.name)
        for field in kind.state._fields:
            low, high = _range_of(field, table.parameters, capacity)
            yield _Group(_entries(kind.name, table.name, field, low, high), f"{kind.name}.{field}")
        if not kind.watches:
            yield _Group(_orders(kind, table, capacity), f"orders@{kind.name}")
        if model.order_count(kind.name) > len(table):
            most = _most_mvar(model, kind.name, len(table))
            yield _Group(_entries(kind.name, table.name, "order_mvar", -most, most), f"orders@{kind.name}", len(table))
    units = model.scenario.tables["generator"].name
    yield _Group(_entries("generator", units, "outage", 0.0, 1.0), "outage")


def _orders(kind: DeviceKind, table: DeviceTable, capacity_mw: Floats) -> tuple[Entry, ...]:
    """Orders for MW, or for positions."""
    if kind.adjusts:
        return _entries(kind.name, table.name, "order", table.parameters.position_min, table.parameters.position_max)
    return _entries(kind.name, table.name, "order_mw", -capacity_mw, capacity_mw)


def _most_mvar(model: Model, kind: str, devices: int) -> Floats:
    """Largest order for reactive power of every device `[n]`; 0 where it takes none."""
    most = np.zeros(devices)
    for control in model.controls.entries:
        if control.kind == kind and control.reactive:
            most[control.index] = max(-control.low, control.high)
    return most


def _capacity_mw(model: Model, driven: Profiles, kind: str) -> Floats:
    """Largest power of every device of a kind `[n]`: its rating, else the peak of what drives it."""
    table = model.scenario.tables[kind]
    rated = getattr(table.parameters, "p_max_mw", None)
    if rated is not None:
        return np.asarray(rated, dtype=np.float64)
    columns = model.columns[kind]
    if columns.stop == columns.start:
        return np.zeros(len(table))
    return HEADROOM * driven.peak[columns.start : columns.start + len(table)]


def _range_of(field: str, parameters: Any, capacity_mw: Floats) -> tuple[Any, Any]:
    """Range of a field of a device's state, by its unit; raises `ConfigError` for a unit without a rule."""
    if field.endswith("_mwh"):
        most = getattr(parameters, f"{field.removesuffix('_mwh')}_max_mwh", getattr(parameters, "session_max_mwh", None))
        return (-capacity_mw, capacity_mw) if most is None else (0.0, most)
    if field.endswith("_mw"):
        return -capacity_mw, capacity_mw
    if field.endswith("_h"):
        return 0.0, LONGEST_H
    if field in ("on", "connected", "closed") or field.endswith("_share"):
        return 0.0, 1.0
    if field == "position":
        return parameters.position_min, parameters.position_max
    if field == "operations":
        return 0.0, np.where(np.isfinite(parameters.operations_per_day), parameters.operations_per_day, LONGEST_H)
    raise ConfigError(
        f"An observation has no range for {field!r} of a device's state; expected a name that ends in _mw, _mwh, _h or _share, "
        "or one of 'on', 'closed', 'position', 'operations'."
    )


def _weather(driven: Profiles, active: Sequence[int]) -> Iterator[_Group]:
    """Demand and weather now, and what the past says of the next hours of the `active` columns."""
    top = HEADROOM * driven.peak
    low = np.where(driven.non_negative, 0.0, -top)
    ranges = zip(driven.columns, low.tolist(), top.tolist(), strict=True)
    now = tuple(Entry(f"now.{name}", a, b if b > a else a + 1.0) for name, a, b in ranges)
    yield _Group(now, "exogenous")
    later = tuple(
        Entry(f"in_{lead_h:g}h.{now[k].name.removeprefix('now.')}", now[k].low, now[k].high) for lead_h in FORECAST_H for k in active
    )
    yield _Group(later, "")
