"""A scenario compiled for stepping: the engine, and the arrays that do not change while it is operated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from gridpilot.actions import Controls, make_controls
from gridpilot.devices import DeviceKind, device_kind, renewable, storage
from gridpilot.errors import ConfigError
from gridpilot.jit import Resident, resident
from gridpilot.powerflow import engine as make_engine
from gridpilot.powerflow import engine_options
from gridpilot.rewards import weights
from gridpilot.scenarios import Scenario
from gridpilot.twin.areas import AreaLayout, area_layout
from gridpilot.values import PQ, PV, SLACK, Bools, Codes, Floats, Ints, PowerFlow

OTHER, LOAD, RENEWABLE, UNIT, SLACK_UNIT = 0, 1, 2, 3, 4
"""What a device is to the balance: see `Layout.part`."""
_PARTS = {"load": LOAD, "solar": RENEWABLE, "wind": RENEWABLE, "generator": UNIT}


class Layout(NamedTuple):
    """Where things are in the flat arrays of a step; a NamedTuple, so that kernels can take it whole."""

    bus: Ints
    """Bus of every device, kinds one after the other `[N]`."""
    part: Ints
    """What each device is to the balance `[N]`: OTHER, LOAD, RENEWABLE, UNIT or SLACK_UNIT."""
    column_bus: Ints
    """Bus of the device that reads an exogenous column `[c]`."""
    column_load: Ints
    """Load that a column belongs to, −1 for others `[c]`."""
    base_kind: Codes
    """Kind of each bus by construction: SLACK, PV where some unit regulates it, else PQ `[n]`."""
    v_set_pu: Floats
    """Voltage at regulated buses `[n]`."""
    regulator: Ints
    """First flat device that regulates a bus, −1 where none does `[n]`."""
    idles: Bools
    """Devices that stay connected at 0 MW, as a condenser does, and regulate there `[N]`."""
    branch_from: Ints
    branch_to: Ints
    """Buses at the ends `[m]`."""
    v_min_pu: Floats
    v_max_pu: Floats
    """Operating band `[n]`."""
    bus_from_step: Ints
    branch_from_step: Ints
    """Step from which a bus or branch is in service."""
    tap: Floats
    """The network's ratios `[m]`."""
    tap_device: Ints
    tap_branch: Ints
    """Devices that change a ratio, and of which branch."""
    bank_device: Ints
    """Devices that are banks at their bus."""
    slack_unit: int
    """Flat index of the slack unit."""
    slack_order: int
    """Place of its schedule among the setpoints."""
    slack_bus: int
    slack_min_mw: float
    slack_max_mw: float
    areas: AreaLayout


class Rules(NamedTuple):
    """The numbers of a step that are not places: relays, prices, and the length of a cycle."""

    dt_h: float
    overload_delay_h: float
    hard_limit: float
    lockout_h: float
    crew_h: float
    rounds: int
    """See `gridpilot.scenarios.ProtectionSettings`."""
    slack_band_mw: float
    price_usd_per_mwh: float
    """See `gridpilot.scenarios.RewardSettings`."""
    first_unit: int
    """Flat index of the first generator."""


TOLERANCE_MVA = 1e-8
"""Mismatch that a step's power flow may leave at a bus; the books of a whole grid then close to 1e-6 MW."""


@dataclass(frozen=True, eq=False)
class Model:
    """Everything about a scenario that stays as it is while time goes on."""

    scenario: Scenario
    engine: PowerFlow
    dt_h: float
    kinds: tuple[DeviceKind, ...]
    slices: Mapping[str, slice]
    """Columns of each kind in the flat arrays `[B, N]`."""
    orders: Mapping[str, slice]
    """Columns of each kind in the flat setpoints `[B, O]`."""
    columns: Mapping[str, slice]
    """Columns of each kind in `exogenous` `[B, c]`."""
    layout: Layout
    controls: Controls
    """Everything that can be ordered."""
    vector_controls: Controls
    """What has an entry in the action vector: devices, and the scenario's switchable branches."""
    weights: Floats
    """Reward weights `[7]`."""
    episode_steps: int

    @property
    def n_devices(self) -> int:
        return len(self.layout.bus)

    @property
    def n_orders(self) -> int:
        return sum(map(self.order_count, self.orders))

    def order_count(self, kind: str) -> int:
        """Setpoints of a kind: one per device, or with those for reactive power two."""
        columns = self.orders[kind]
        return int(columns.stop - columns.start)

    def parameters(self, kind: str) -> Any:
        """Parameters of a kind's devices."""
        return self.scenario.tables[kind].parameters

    @cached_property
    def held_layout(self) -> Resident[Layout]:
        """`layout` for kernels."""
        return resident(self.layout)

    @property
    def rules(self) -> Rules:
        """Relays, prices and the length of a cycle."""
        relays, rewards = self.scenario.protection, self.scenario.rewards
        return Rules(
            float(self.dt_h), float(relays.overload_delay_h), float(relays.hard_limit), float(relays.lockout_h), float(relays.crew_h),
            int(relays.rounds), float(rewards.slack_band_mw), float(rewards.price_usd_per_mwh), self.slices["generator"].start,
        )  # fmt: skip


def compile_model(scenario: Scenario, *, cycle_minutes: float = 5.0, engine: str = "newton") -> Model:
    """The model of a scenario at a cycle length; raises `ConfigError` for a cycle that does not divide the episode."""
    dt_h = cycle_minutes / 60.0
    steps = scenario.episode_h / dt_h if 0.0 < dt_h <= scenario.episode_h else 0.0  # NaN is not between them either
    if not steps or abs(steps - round(steps)) > 1e-9:
        raise ConfigError(f"A cycle of {cycle_minutes:g} min does not divide an episode of {scenario.episode_h:g} h; try 5, 15 or 60.")
    accuracy = {"tolerance_pu": TOLERANCE_MVA / scenario.network.base_mva} if "tolerance_pu" in engine_options(engine) else {}
    made = make_engine(engine, scenario.network, **accuracy)
    _refuse_voltage_weight(scenario, made)
    kinds = tuple(device_kind(kind) for kind in scenario.tables)
    controls = _controls(scenario)
    orders = _slices({kind.name: len(kind.initial_setpoint(scenario.tables[kind.name].parameters)) for kind in kinds})
    switchable = set(scenario.switchable)
    in_vector = tuple(e for e in controls.entries if not e.verb.moves_branches or e.target in switchable)
    return Model(
        scenario=scenario,
        engine=made,
        dt_h=dt_h,
        kinds=kinds,
        slices=_slices({kind.name: len(scenario.tables[kind.name]) for kind in kinds}),
        orders=orders,
        columns=_slices({kind.name: len(scenario.tables[kind.name]) * len(kind.series) for kind in kinds}),
        layout=_layout(scenario, kinds, dt_h, orders["generator"].start + scenario.slack_unit),
        controls=controls,
        vector_controls=Controls(in_vector),
        weights=weights(scenario.rewards.weights),
        episode_steps=round(steps),
    )


def _refuse_voltage_weight(scenario: Scenario, engine: PowerFlow) -> None:
    if not engine.has_voltages and weights(scenario.rewards.weights)[1] > 0:
        raise ConfigError(
            f"Engine {engine.name!r} has no voltage magnitudes, and scenario {scenario.name!r} weighs voltage: "
            "choose an AC engine, or set the weight of 'voltage' to 0."
        )


def _slices(sizes: dict[str, int]) -> dict[str, slice]:
    found, start = {}, 0
    for name, size in sizes.items():
        found[name] = slice(start, start + size)
        start += size
    return found


def _controls(scenario: Scenario) -> Controls:
    ranges: dict[str, tuple[Floats, Floats]] = {}
    for kind, table in scenario.tables.items():
        p = table.parameters
        zeros = np.zeros(len(table))
        if kind == "generator":
            free = p.is_slack == 0  # the slack unit follows the grid, not an order
            ranges[kind] = zeros, np.where(free, p.p_max_mw, 0.0)
        elif kind == "storage":
            ranges[kind] = -p.p_max_mw, p.p_max_mw
        elif kind == "load":
            peak = np.array([scenario.demand_peak_mw.get(name, 0.0) for name in table.name])
            ranges[kind] = -p.flexible_share * peak, p.flexible_share * peak
        elif kind in ("solar", "wind"):
            ranges[kind] = zeros, p.p_max_mw
        elif kind in ("tap_changer", "shunt"):
            ranges[kind] = p.position_min, p.position_max
        elif kind == "grid_tie":
            ranges[kind] = p.p_min_mw, p.p_max_mw
        elif kind == "ev":
            ranges[kind] = -p.p_max_mw, zeros
        if kind in _REACTIVE and (p.q_control > 0.0).any():
            low, high = _REACTIVE[kind](p)
            ranges[kind] = np.concatenate([ranges[kind][0], low]), np.concatenate([ranges[kind][1], high])
    return make_controls(scenario.tables, ranges, [(name, k) for k, name in enumerate(scenario.network.branch_name)])


def _ordered_q(units: Any) -> tuple[Floats, Floats]:
    """Range of Mvar that generators can be told."""
    mine = units.q_control > 0.0
    return np.where(mine, units.q_min_mvar, 0.0), np.where(mine, units.q_max_mvar, 0.0)


def _both_ways(reach: Callable[[Any], Floats]) -> Callable[[Any], tuple[Floats, Floats]]:
    return lambda p: (-reach(p) + 0.0, reach(p))


_REACTIVE: Mapping[str, Callable[[Any], tuple[Floats, Floats]]] = {
    "generator": _ordered_q,
    "storage": _both_ways(storage.q_reach_mvar),
    "solar": _both_ways(renewable.q_reach_mvar),
    "wind": _both_ways(renewable.q_reach_mvar),
}
"""Per kind the range of its orders for reactive power `[n]`, from its parameters."""


def _adjusting(scenario: Scenario, kinds: tuple[DeviceKind, ...]) -> dict[str, Ints]:
    """Devices that change ratios, with their branches, and those that are banks."""
    taps, branches, banks, first = [], [], [], 0
    for kind in kinds:
        table = scenario.tables[kind.name]
        flat = np.arange(first, first + len(table))
        first += len(table)
        if kind.adjusts == "tap":
            taps.append(flat)
            branches.append(table.branch)
        elif kind.adjusts == "bank":
            banks.append(flat)
    none = np.zeros(0, dtype=np.int64)
    found = {"tap_device": taps, "tap_branch": branches, "bank_device": banks}
    return {name: np.concatenate([*parts, none]).astype(np.int64) for name, parts in found.items()}


def _layout(scenario: Scenario, kinds: tuple[DeviceKind, ...], dt_h: float, slack_order: int) -> Layout:
    tables, network = scenario.tables, scenario.network
    bus = np.concatenate([tables[kind.name].bus for kind in kinds])
    part = np.concatenate([np.full(len(tables[kind.name]), _PARTS.get(kind.name, OTHER)) for kind in kinds])
    first = list(tables).index("generator")
    offset = sum(len(tables[kind.name]) for kind in kinds[:first])
    units = tables["generator"].parameters
    slack = offset + scenario.slack_unit
    part[slack] = SLACK_UNIT
    column_bus = [tables[kind.name].bus for kind in kinds for _ in kind.series]
    column_load = [
        np.arange(len(tables[kind.name])) if kind.name == "load" else np.full(len(tables[kind.name]), -1)
        for kind in kinds
        for _ in kind.series
    ]
    for _ in scenario.drivers()[sum(len(buses) for buses in column_bus) :]:
        # The market price is nobody's: it stands where the grid begins.
        column_bus.append(bus[[slack]])
        column_load.append(np.array([-1]))
    base_kind = np.full(network.n_bus, PQ, dtype=np.int8)
    v_set = np.ones(network.n_bus)
    regulator = np.full(network.n_bus, -1, dtype=np.int64)
    for k in np.flatnonzero(units.holds_voltage)[::-1]:
        where = tables["generator"].bus[k]
        base_kind[where], v_set[where], regulator[where] = PV, units.v_set_pu[k], offset + k
    slack_bus = int(bus[slack])
    base_kind[slack_bus], v_set[slack_bus] = SLACK, units.v_set_pu[scenario.slack_unit]
    idles = np.zeros(len(bus), dtype=np.bool_)
    idles[offset : offset + len(tables["generator"])] = units.p_min_mw == 0
    bus_from, branch_from = scenario.active_from(dt_h)
    return Layout(
        bus=bus.astype(np.int64),
        part=part.astype(np.int64),
        column_bus=np.concatenate([*column_bus, np.zeros(0, np.int64)]).astype(np.int64),
        column_load=np.concatenate([*column_load, np.zeros(0, np.int64)]).astype(np.int64),
        base_kind=base_kind,
        v_set_pu=v_set,
        regulator=regulator,
        idles=idles,
        branch_from=network.branch_from.copy(),
        branch_to=network.branch_to.copy(),
        v_min_pu=network.bus_v_min_pu.copy(),
        v_max_pu=network.bus_v_max_pu.copy(),
        bus_from_step=bus_from,
        branch_from_step=branch_from,
        tap=network.tap.copy(),
        **_adjusting(scenario, kinds),
        slack_unit=slack,
        slack_order=slack_order,
        slack_bus=slack_bus,
        slack_min_mw=float(units.p_min_mw[scenario.slack_unit]),
        slack_max_mw=float(units.p_max_mw[scenario.slack_unit]),
        areas=area_layout(scenario, bus.astype(np.int64)),
    )
