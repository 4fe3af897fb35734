"""`observe`: what a role sees of a state, as named numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import inf, isinf
from typing import Any

import numpy as np

from gridpilot.actions import Situation
from gridpilot.devices import DeviceTable
from gridpilot.devices.generator import hourly_cost
from gridpilot.errors import PhysicsError
from gridpilot.network import Network
from gridpilot.powerflow.sensitivities import ac_sensitivities, ptdf
from gridpilot.twin.model import LOAD, RENEWABLE, Model
from gridpilot.twin.narrate import narrate
from gridpilot.twin.outlook import forecast
from gridpilot.twin.positions import network_of
from gridpilot.twin.situation import situation
from gridpilot.twin.world import World
from gridpilot.values import OFF, REWARD_TERMS, Bools, Codes, Floats, GridState, Previewer, Reading, Receipt, Transition, View


def observe(
    model: Model, world: World, state: GridState, *, role: str = "operator", element: int = 0, key: int = 0,
    horizon: int = 12, last: Transition | None = None, receipts: Sequence[Receipt] = (), previewer: Previewer | None = None,
) -> View:  # fmt: skip
    """The view of a role with system visibility; `last` and `receipts` are of the step that led here."""
    now = situation(model, state, element)
    voltage, losses = _ac_sensitivity(model, state, element)
    return View(
        role=role,
        scenario=model.scenario.name,
        time=str(world.time(int(state.row[element]))),
        step=int(state.step[element]),
        dt_h=model.dt_h,
        devices=_devices(model, state, element, now),
        branches=_branches(model, state, element),
        buses=_buses(model, state, element),
        verbs={verb: targets for verb, targets in model.controls.targets().items() if targets or verb in _SHOWN},
        summary=_summary(model, state, element),
        outlook=_outlook(model, world, state, element, horizon, key),
        happenings=narrate(model, last, element) if last is not None else (),
        last_terms=dict(zip(REWARD_TERMS, last.reward_terms[element, 0].tolist(), strict=True)) if last is not None else {},
        last_receipts=tuple(receipts),
        preview=previewer,
        sensitivity=_sensitivity(model, state, element),
        voltage_sensitivity=voltage,
        loss_sensitivity=losses,
        weights=dict(zip(REWARD_TERMS, model.weights.tolist(), strict=True)),
    )


# ------------------------------------------------------------------------------------------------- components


def _devices(model: Model, state: GridState, element: int, now: Situation) -> dict[str, Reading]:
    bounds = _bounds(model, now)
    found: dict[str, Reading] = {}
    for kind in model.kinds:
        table = model.scenario.tables[kind.name]
        weather = state.exogenous[element, model.columns[kind.name]].reshape(len(kind.series), len(table))
        for k, name in enumerate(table.name):
            values: dict[str, Any] = {"bus": model.scenario.network.bus_name[int(table.bus[k])]}
            device_state = state.devices[kind.name]
            for field in device_state._fields:
                values[field] = getattr(device_state, field)[element, k].item()
            for series, row in zip(kind.series, weather, strict=True):
                values["demand_mw" if kind.name == "load" and series == "p_mw" else series] = row[k].item()
            if not kind.watches:
                values["ordered_position" if kind.adjusts else "setpoint_mw"] = _in_operators_sign(model, kind.name, k, now)
            if "q_mvar" in bounds.get(name, {}):
                values["setpoint_mvar"] = _in_operators_sign(model, kind.name, k, now, reactive=True)
            values["in_service"] = bool(now.present[kind.name][k])
            values.update(_ratings(table, k))
            if kind.name == "generator":
                values["marginal_usd_per_mwh"] = _marginal(table.parameters, k, values["p_mw"])
            found[name] = Reading(name, kind.name, values, bounds.get(name, {}))
    return found


_SHOWN = ("CURTAIL", "LOAD_SHAPE", "REDISPATCH", "STORAGE", "TOPOLOGY")
"""Verbs that every view names; the others where there is something for them to move."""


def _ratings(table: DeviceTable, k: int) -> dict[str, float]:
    """Nameplate numbers that an operator needs beside the state; a limit that does not exist is left out."""
    shown = ("p_min_mw", "p_max_mw", "ramp_mw_per_min", "is_slack", "cost_a", "cost_b", "co2_t_per_mwh", "energy_max_mwh",
             "energy_min_mwh", "charge_efficiency", "discharge_efficiency", "wear_usd_per_mwh", "flexible_share", "rebound_h",
             "shaping_usd_per_mwh", "neutral", "step_ratio", "step_mvar", "operation_s", "operation_usd", "operations_per_day",
             "operations_life", "rest_h",
             "contract_mw", "sell_discount", "missed_usd_per_mwh", "start_h", "stop_h", "stop_cost_usd", "q_control")  # fmt: skip
    p = table.parameters
    left_out = {"start_h", "stop_h", "stop_cost_usd", "q_control"}  # where a unit has none
    ratings = {field: float(getattr(p, field)[k]) for field in shown if field in p._fields}
    return _finite({field: value for field, value in ratings.items() if value or field not in left_out})


def _marginal(units: Any, k: int, p_mw: float) -> float:
    """What one more MWh of a unit that is on would cost at its output, curve included."""
    return float(hourly_cost(units, k, p_mw + 0.5) - hourly_cost(units, k, p_mw - 0.5))


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without infinite numbers, which JSON does not know."""
    return {name: value for name, value in values.items() if not (isinstance(value, float) and isinf(value))}


def _in_operators_sign(model: Model, kind: str, index: int, now: Situation, *, reactive: bool = False) -> float:
    for entry in model.controls.entries:
        if entry.kind == kind and entry.index == index and entry.reactive == reactive:
            return float(entry.sign * now.devices[kind][entry.column]) + 0.0
    return float(now.devices[kind][index])


def _bounds(model: Model, now: Situation) -> dict[str, dict[str, tuple[float, float]]]:
    """Per device and parameter what can be followed this cycle, with the operator's signs."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for entry in model.controls.entries:
        if entry.verb.moves_branches:
            continue
        ends = sorted(entry.sign * float(side[entry.kind][entry.column]) for side in (now.low, now.high))
        low, high = (min(max(end, entry.low), entry.high) + 0.0 for end in ends)
        found.setdefault(entry.target, {})[entry.parameter] = low, high
    return found


def _branches(model: Model, state: GridState, element: int) -> dict[str, Reading]:
    network, flow = model.scenario.network, state.flow
    found = {}
    for k, name in enumerate(network.branch_name):
        values = {
            "from": network.bus_name[int(network.branch_from[k])],
            "to": network.bus_name[int(network.branch_to[k])],
            "loading": float(flow.loading[element, k]),
            "p_mw": float(flow.p_from_mw[element, k]),
            "q_mvar": float(flow.q_from_mvar[element, k]),
            "rating_mva": float(network.rating_mva[k]),
            "closed": bool(state.setpoints.closed[element, k]),
            "faulted": bool(state.faulted[element, k]),
            "tripped": bool(state.protection.tripped[element, k]),
            "lockout_min": max(float(state.protection.lockout_h[element, k]), 0.0) * 60.0,
            "overload_min": float(state.protection.overload_h[element, k]) * 60.0,
            "built": bool(state.branch_active[element, k]),
        }
        found[name] = Reading(name, "branch", _finite(values))
    return found


def _buses(model: Model, state: GridState, element: int) -> dict[str, Reading]:
    network, flow = model.scenario.network, state.flow
    return {
        name: Reading(
            name,
            "bus",
            {
                "v_pu": float(flow.v_pu[element, k]),
                "v_min_pu": float(network.bus_v_min_pu[k]),
                "v_max_pu": float(network.bus_v_max_pu[k]),
                "p_mw": float(flow.p_bus_mw[element, k]),
                "q_mvar": float(flow.q_bus_mvar[element, k]),
                "energised": bool(flow.energised[element, k]),
                "built": bool(state.bus_active[element, k]),
            },
        )
        for k, name in enumerate(network.bus_name)
    }


# ----------------------------------------------------------------------------------------------------- totals


def _summary(model: Model, state: GridState, element: int) -> dict[str, float]:
    layout, flow = model.layout, state.flow
    p_mw = np.concatenate([state.devices[kind.name].p_mw[element] for kind in model.kinds])
    here = flow.energised[element]
    lit = flow.v_pu[element][here]
    renewable = p_mw[layout.part == RENEWABLE].sum()
    totals = {
        "load_mw": float(-p_mw[layout.part == LOAD].sum()),
        "demand_mw": float(_drivers_total(model, state.exogenous[element], LOAD)),
        "renewable_mw": float(renewable),
        "renewable_available_mw": float(_drivers_total(model, state.exogenous[element], RENEWABLE)),
        "slack_mw": float(p_mw[layout.slack_unit]),
        "slack_schedule_mw": float(state.setpoints.devices["generator"][element, model.scenario.slack_unit]),
        "slack_min_mw": layout.slack_min_mw,
        "slack_max_mw": layout.slack_max_mw,
        "slack_band_mw": model.scenario.rewards.slack_band_mw,
        "price_usd_per_mwh": model.scenario.rewards.price_usd_per_mwh,
        "losses_mw": float(flow.losses_mw[element]),
        "max_loading": float(flow.loading[element].max(initial=0.0)),
        "min_v_pu": float(lit.min()) if len(lit) else 0.0,
        "max_v_pu": float(lit.max()) if len(lit) else 0.0,
    }
    return _finite(totals)


def _drivers_total(model: Model, exogenous: Floats, part: int) -> Any:
    """Sum of the MW drivers of loads or of renewables `[…]` from `[…, c]`; a plant gives no more than its rated power."""
    columns, most = _mw_columns(model, part)
    return np.minimum(exogenous[..., columns], most).sum(axis=-1)


@lru_cache(maxsize=32)
def _mw_columns(model: Model, part: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Columns, and the most that each can stand for in MW."""
    kinds = ("load",) if part == LOAD else ("solar", "wind")
    columns: list[int] = []
    most: list[float] = []
    for kind in model.kinds:
        if kind.name in kinds:
            start, table = model.columns[kind.name].start, model.scenario.tables[kind.name]
            columns += range(start, start + len(table))
            most += [inf] * len(table) if part == LOAD else table.parameters.p_max_mw.tolist()
    return tuple(columns), tuple(most)


def _outlook(model: Model, world: World, state: GridState, element: int, horizon: int, key: int) -> dict[str, tuple[float, ...]]:
    expected = forecast(world, state, horizon, key, element)
    loads = model.scenario.tables.get("load")
    if loads is not None:
        # A spike that is on now is expected to stay on, as in a preview.
        start = model.columns["load"].start
        n = len(loads)
        expected[:, start : start + 2 * n] *= np.tile(state.load_factor[element], 2)
    expected *= state.bus_active[element, model.layout.column_bus]
    demand, renewable = _drivers_total(model, expected, LOAD), _drivers_total(model, expected, RENEWABLE)
    totals = {"demand_mw": demand, "renewable_mw": renewable, "net_mw": demand - renewable}
    drivers = zip(model.scenario.drivers(), expected.T, strict=True)
    return {name: tuple(values.tolist()) for name, values in (*totals.items(), *drivers)}


@lru_cache(maxsize=256)
def _ptdf(network: Network, closed: bytes, kind: bytes) -> Floats:
    return ptdf(network, closed=np.frombuffer(closed, dtype=np.bool_), kind=np.frombuffer(kind, dtype=np.int8))


def _topology(model: Model, state: GridState, element: int) -> tuple[Bools, Codes]:
    """Branches in service `[m]` and kinds of buses `[n]`."""
    in_service = state.setpoints.closed[element] & ~state.faulted[element] & state.branch_active[element]
    return in_service, np.where(state.bus_active[element], model.layout.base_kind, OFF).astype(np.int8)


def _ac_sensitivity(model: Model, state: GridState, element: int) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Voltage in pu at every bus, and losses in MW, per MW injected by a device; nothing where no AC flow was solved."""
    if not (model.engine.has_voltages and state.flow.usable[element]) or state.collapsed[element]:
        return {}, {}
    network = network_of(model, state, element)
    in_service, kind = _topology(model, state, element)
    try:
        effect = ac_sensitivities(network, state.flow, kind=kind, closed=in_service, element=element)
    except PhysicsError:  # at the limit of voltage stability nothing linear can be said
        return {}, {}
    voltage, losses = {}, {}
    for kind_name, table in model.scenario.tables.items():
        ratio = _reactive_ratio(model, state, element, kind_name)
        for name, bus, share in zip(table.name, table.bus.tolist(), ratio.tolist(), strict=True):
            by_bus = effect.to_p.v_pu[:, bus] + share * effect.to_q.v_pu[:, bus]
            voltage[name] = dict(zip(network.bus_name, by_bus.tolist(), strict=True))
            losses[name] = float(effect.to_p.losses_mw[bus] + share * effect.to_q.losses_mw[bus])
    return voltage, losses


def _reactive_ratio(model: Model, state: GridState, element: int, kind: str) -> Floats:
    """Mvar that go with a MW of every device of a kind `[n]`: a load keeps its power factor, a plant its ratio."""
    table = model.scenario.tables[kind]
    if kind == "load":
        p, q = state.exogenous[element, model.columns[kind]].reshape(2, len(table))
        return np.asarray(np.where(p > 0, q / np.where(p > 0, p, 1.0), 0.0), dtype=np.float64)
    if "q_per_p" in table.parameters._fields:
        return np.where(table.parameters.q_control > 0.0, 0.0, table.parameters.q_per_p)
    return np.zeros(len(table))


def _sensitivity(model: Model, state: GridState, element: int) -> dict[str, dict[str, float]]:
    """MW on every branch per MW injected by a device and taken by the slack unit."""
    in_service, kind = _topology(model, state, element)
    factors = _ptdf(model.scenario.network, in_service.tobytes(), kind.tobytes())
    names = model.scenario.network.branch_name
    return {
        name: dict(zip(names, factors[:, bus].tolist(), strict=True))
        for table in model.scenario.tables.values()
        for name, bus in zip(table.name, table.bus.tolist(), strict=True)
    }
