"""What an environment shows: a flat vector of named entries, each mapped from its range to [−1, 1].

Only what an operator could know: measurements of now, orders in force, the clock, and a forecast made of the past. A
value outside its range is shown as the end of the range. What is not built yet shows the value of nothing, and its
`built` entry says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridpilot.envs.forecast import persistence
from gridpilot.errors import ConfigError
from gridpilot.jit import kernel
from gridpilot.profiles import Profiles
from gridpilot.twin.model import Model
from gridpilot.values import Floats, GridState

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
    read: Callable[[GridState], NDArray[Any]]
    """State → `[B, len(entries)]` in the entries' own units."""


@dataclass(frozen=True, eq=False)
class Observer:
    """Reads observations off states."""

    groups: tuple[_Group, ...]
    low: Floats
    high: Floats

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every entry, in the order of the vector."""
        return tuple(entry for group in self.groups for entry in group.entries)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.entries)

    def observe(self, state: GridState) -> Observation:
        """Observations `[B, d]`, every entry a number in [−1, 1]."""
        raw = np.concatenate([group.read(state) for group in self.groups], axis=1, dtype=np.float64)
        shown: Observation = _normalised(raw, self.low, self.high)
        return shown


@kernel
def _normalised(raw: Floats, low: Floats, high: Floats) -> Observation:
    batch, width = raw.shape
    shown = np.empty((batch, width), dtype=np.float32)
    for b in range(batch):
        for k in range(width):
            place = 2.0 * (raw[b, k] - low[k]) / (high[k] - low[k]) - 1.0
            shown[b, k] = min(max(place, -1.0), 1.0)
    return shown


def make_observer(model: Model, driven: Profiles, steps: int) -> Observer:
    """The observer of a model, driven by these profiles, in episodes of `steps` cycles."""
    groups = (*_clock(driven, steps), *_buses(model), *_branches(model), *_devices(model, driven), *_weather(model, driven))
    entries = [entry for group in groups for entry in group.entries]
    low, high = np.array([entry.low for entry in entries]), np.array([entry.high for entry in entries])
    return Observer(groups, low, high)


def _entries(prefix: str, names: Sequence[str], field: str, low: Any, high: Any) -> tuple[Entry, ...]:
    """Entries `prefix.name.field`; a range of one point is opened upwards."""
    lows, highs = np.broadcast_to(low, len(names)), np.broadcast_to(high, len(names))
    return tuple(
        Entry(f"{prefix}.{name}.{field}", float(a), float(b) if b > a else float(a) + 1.0)
        for name, a, b in zip(names, lows, highs, strict=True)
    )


def _clock(driven: Profiles, steps: int) -> Iterator[_Group]:
    per_day = driven.rows_per_day
    midnight = float((driven.start - driven.start.astype("datetime64[D]")) / np.timedelta64(1, "m")) / driven.step_min
    turn = 2.0 * np.pi * (np.arange(per_day) + midnight) / per_day
    circle = np.stack([np.sin(turn), np.cos(turn)], axis=1)
    yield _Group((Entry("clock.day.sin", -1.0, 1.0), Entry("clock.day.cos", -1.0, 1.0)), lambda state: circle[state.row % per_day])
    yield _Group((Entry("clock.episode.cycles", 0.0, float(steps)),), lambda state: state.step[:, None])


def _buses(model: Model) -> Iterator[_Group]:
    names = model.scenario.network.bus_name
    yield _Group(_entries("bus", names, "v_pu", *VOLTAGE_RANGE_PU), lambda state: state.flow.v_pu)
    yield _Group(_entries("bus", names, "built", 0.0, 1.0), lambda state: state.bus_active)


def _branches(model: Model) -> Iterator[_Group]:
    names, rules = model.scenario.network.branch_name, model.scenario.protection
    rating = model.scenario.network.rating_mva
    reach = LOADING_RANGE * np.where(np.isfinite(rating), rating, model.scenario.network.base_mva)
    yield _Group(_entries("branch", names, "loading", 0.0, LOADING_RANGE), lambda state: state.flow.loading)
    yield _Group(_entries("branch", names, "p_from_mw", -reach, reach), lambda state: state.flow.p_from_mw)
    yield _Group(_entries("branch", names, "closed", 0.0, 1.0), lambda state: state.setpoints.closed)
    yield _Group(_entries("branch", names, "faulted", 0.0, 1.0), lambda state: state.faulted)
    yield _Group(_entries("branch", names, "overload_h", 0.0, rules.overload_delay_h), lambda state: state.protection.overload_h)
    yield _Group(_entries("branch", names, "lockout_h", -rules.crew_h, rules.lockout_h), lambda state: state.protection.lockout_h)
    yield _Group(_entries("branch", names, "built", 0.0, 1.0), lambda state: state.branch_active)


def _devices(model: Model, driven: Profiles) -> Iterator[_Group]:
    """State and order of every device, and whether a generator is out."""
    for kind in model.kinds:
        table = model.scenario.tables[kind.name]
        capacity = _capacity_mw(model, driven, kind.name)
        for position, field in enumerate(kind.state._fields):
            low, high = _range_of(field, table.parameters, capacity)
            yield _Group(_entries(kind.name, table.name, field, low, high), _device_reader(kind.name, position))
        yield _Group(_entries(kind.name, table.name, "order_mw", -capacity, capacity), _order_reader(kind.name))
    units = model.scenario.tables["generator"].name
    yield _Group(_entries("generator", units, "outage", 0.0, 1.0), lambda state: state.outage)


def _device_reader(kind: str, position: int) -> Callable[[GridState], NDArray[Any]]:
    def read(state: GridState) -> NDArray[Any]:
        values: NDArray[Any] = state.devices[kind][position]
        return values

    return read


def _order_reader(kind: str) -> Callable[[GridState], NDArray[Any]]:
    return lambda state: state.setpoints.devices[kind]


def _capacity_mw(model: Model, driven: Profiles, kind: str) -> Floats:
    """Largest power of every device of a kind `[n]`: its rating, else the peak of what drives it."""
    table = model.scenario.tables[kind]
    rated = getattr(table.parameters, "p_max_mw", None)
    if rated is not None:
        return np.asarray(rated, dtype=np.float64)
    columns = model.columns[kind]
    return HEADROOM * driven.peak[columns.start : columns.start + len(table)]


def _range_of(field: str, parameters: Any, capacity_mw: Floats) -> tuple[Any, Any]:
    """Range of a field of a device's state, by its unit; raises `ConfigError` for a unit without a rule."""
    if field.endswith("_mwh"):
        most = getattr(parameters, f"{field.removesuffix('_mwh')}_max_mwh", None)
        return (-capacity_mw, capacity_mw) if most is None else (0.0, most)
    if field.endswith("_mw"):
        return -capacity_mw, capacity_mw
    if field.endswith("_h"):
        return 0.0, LONGEST_H
    if field in ("on", "connected"):
        return 0.0, 1.0
    raise ConfigError(
        f"An observation has no range for {field!r} of a device's state; expected a name that ends in _mw, _mwh or _h, or 'on'."
    )


def _weather(model: Model, driven: Profiles) -> Iterator[_Group]:
    """Demand and weather now, and what the past says of the next hours."""
    top = HEADROOM * driven.peak
    low = np.where(driven.non_negative, 0.0, -top)
    ranges = zip(driven.columns, low.tolist(), top.tolist(), strict=True)
    now = tuple(Entry(f"now.{name}", a, b if b > a else a + 1.0) for name, a, b in ranges)
    yield _Group(now, lambda state: state.exogenous)
    active = [k for k, name in enumerate(driven.columns) if name.endswith("_mw")]
    if not active:
        return
    leads = [max(1, round(lead_h * driven.rows_per_day / 24.0)) for lead_h in FORECAST_H]
    expected = persistence(driven, leads)[:, :, active].astype(np.float32).reshape(len(driven), -1)
    bus = np.tile(model.layout.column_bus[active], len(leads))
    later = tuple(
        Entry(f"in_{lead_h:g}h.{now[k].name.removeprefix('now.')}", now[k].low, now[k].high) for lead_h in FORECAST_H for k in active
    )
    # Nobody forecasts a load that is not there yet.
    yield _Group(later, lambda state: expected[state.row] * state.bus_active[:, bus])
