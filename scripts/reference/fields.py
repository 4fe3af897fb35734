"""Fields of a class as a table: name, unit, default and what the text below the field says."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import MISSING, is_dataclass
from dataclasses import fields as dataclass_fields
from importlib import import_module
from textwrap import dedent
from typing import Any

from gridpilot.devices import device_kind
from reference.markdown import code, number, table

UNITS = {
    "_mw_per_min": "MW/min", "_usd_per_mwh": "USD/MWh", "_usd_per_h": "USD/h", "_t_per_mwh": "t/MWh", "_per_h": "1/h", "_mwh": "MWh",
    "_mvar": "Mvar", "_mva": "MVA", "_mw": "MW", "_pu": "pu", "_min": "min", "_ms": "ms", "_h": "h", "_usd": "USD", "_t": "t", "_s": "s",
}  # fmt: skip
"""Unit by the end of a name; the longest end first."""

_NO_UNIT = {"power_factor_min", "position_min"}
"""Names whose end is no unit."""

MEANINGS = {
    "p_min_mw": "Least output while on; 0 for a unit that may idle.",
    "p_max_mw": "Largest output.",
    "ramp_mw_per_min": "Fastest change of the output.",
    "q_min_mvar": "Least reactive power; of orders for it, and not enforced by the power flow of units that hold voltage yet.",
    "q_max_mvar": "Largest reactive power; the same holds.",
    "v_set_pu": "Voltage that the unit holds at its bus.",
    "cost_a": "Quadratic part of the hourly cost.",
    "cost_b": "Linear part.",
    "cost_c": "Constant part, while on.",
    "curve_mw": "Outputs of the piecewise cost curve; in a row, `curve` is a list of (MW, USD/h) points.",
    "curve_usd_per_h": "Hourly costs of the piecewise curve.",
    "start_cost_usd": "Booked at every start.",
    "stop_cost_usd": "Booked at every stop.",
    "position_min": "Lowest position.",
    "position_max": "Highest position; of a bank, its number of steps.",
    "initial_position": "Position and order when an episode begins.",
    "min_up_h": "Shortest time between a start and the next stop.",
    "min_down_h": "Shortest time between a stop and the next start.",
    "co2_t_per_mwh": "Emissions per energy injected.",
    "energy_max_mwh": "Largest energy that is stored.",
    "charge_efficiency": "Part of the charged energy that is stored.",
    "discharge_efficiency": "Part of the drawn energy that reaches the grid.",
    "self_discharge_per_h": "Part of the stored energy that is lost per hour.",
    "wear_usd_per_mwh": "Cost per MWh exchanged with the grid, in either direction.",
    "initial_mwh": "Energy when an episode begins.",
    "role": "Who sees it; `operator` is the whole system's.",
    "scenario": "Name of the scenario.",
    "profiles": "Name of the profiles, or path of a CSV file.",
    "agent": "Name of the agent.",
    "seed": "Draws the disturbances and, without a start, the day.",
    "engine": "Power flow engine.",
    "cycle_minutes": "Simulated minutes per cycle.",
    "growth": "Whether the grid grows.",
    "period": "`judging` or `tuning` days.",
    "desk": "Who reviewed the decisions.",
    "versions": "Versions of Python, gridpilot, NumPy, numba and SciPy.",
    "step": "Cycles since the episode began.",
    "dt_h": "Length of a cycle.",
    "devices": "Per device a `Reading`: its state, weather or demand, order in force, ratings and bounds of now.",
    "branches": "Per branch a `Reading`: ends, loading, flows, rating, and whether it is closed, faulted, tripped, locked out.",
    "last_terms": "Reward terms of the last step, unweighted.",
    "last_receipts": "Receipts of the last decision.",
    "type": "Verb, as in `STORAGE`.",
    "target": "Component that the order is for.",
    "params": 'The verb\'s parameters by name, as in `{"setpoint_mw": -30}`.',
    "reason": "Why, in words.",
    "assessment": "How the agent sees the grid, in words.",
    "risk_level": "`LOW`, `MEDIUM`, `HIGH` or `CRITICAL`.",
    "actions": "The orders; empty to hold every order.",
    "requested": "Value that was asked for.",
    "why": "Why it was clipped, refused or changed.",
    "by": "Who decided it.",
    "sources": "Ids of the knowledge that was used.",
    "receipts": "What became of each action.",
    "demand_mwh": "Energy that loads asked for.",
    "unserved_mwh": "Energy not served.",
    "unserved": "Energy not served.",
    "curtailed_mwh": "Renewable energy that was offered and not taken.",
    "curtailment_mwh": "Renewable energy that was offered and not taken.",
    "cost_usd": "Fuel, start-ups, wear and payments.",
    "co2_t": "Emissions.",
    "slack_p_mw": "Output of the slack unit.",
    "slack_schedule_mw": "Its schedule.",
    "overload_min": "Minutes × branches above their rating.",
    "voltage_min": "Minutes × buses outside their band.",
    "max_loading": "Largest branch loading; 1 is the rating.",
    "min_v_pu": "Lowest voltage of an energised bus.",
    "max_v_pu": "Highest voltage.",
    "decision": "What the agent wanted.",
    "verdict": "What the desk made of it.",
    "moved": "Where it led.",
    "state_hash": "SHA-256 of the physics of the next state.",
    "terms": "Reward terms, unweighted.",
    "reward": "Weighted sum of the terms.",
    "trips": "Branches that protection opens.",
    "survives": "Whether the grid is up at the end.",
    "episodes": "How many were played.",
    "refused": "Actions that were refused.",
    "latency_p50_ms": "Median time to decide.",
    "collapsed": "Whether the grid went down.",
    "kind": "A kind of `gridpilot.disturbances`.",
    "magnitude": "Smallest and largest magnitude; a load spike multiplies the demand by it.",
    "name": "Its name.",
    "title": "One line about it.",
    "bus_from_h": "When each bus comes into service, hours after the start; empty where all are there from the beginning.",
    "network": "The grid.",
    "threats": "Disturbances that the seed draws from.",
    "protection": "Relays.",
    "rewards": "How a step is scored.",
    "episode_h": "Length of an episode.",
}
"""What fields mean whose name says it to a reader of the code."""


def fields(argument: str) -> str:
    """The fields of a dataclass or NamedTuple, given as `package.module:Class`."""
    module, _, name = argument.partition(":")
    found = getattr(import_module(f"gridpilot.{module}"), name)
    texts, defaults = field_texts(found), _defaults(found)
    named = [field for field in texts if not field.startswith("_")]
    with_defaults = any(defaults.get(field, "") for field in named)
    rows = [[code(field), *([code(defaults.get(field, ""))] if with_defaults else []), _meaning(field, texts[field])] for field in named]
    return table(["field", *(["default"] if with_defaults else []), "meaning"], rows)


def device(name: str) -> str:
    """The parameters of a kind of device."""
    kind = device_kind(name)
    texts = field_texts(kind.parameters)
    defaults = _device_defaults(name)
    rows = [
        [code(field), _unit(field, texts[field]), defaults.get(field, "required"), _meaning(field, texts[field])]
        for field in kind.parameters._fields
    ]
    return table(["parameter", "unit", "default", "meaning"], rows)


def _meaning(field: str, text: str) -> str:
    """What the text below a field says; a text that is no more than a unit, or none, is made up for by `MEANINGS`."""
    return text if text and not text.startswith("USD") else MEANINGS[field]


def _unit(field: str, text: str) -> str:
    """The unit in a parameter's name, else the one its text begins with."""
    return unit_of(field) or (text.split()[0].rstrip(".") if text.startswith("USD") else "–")


def _device_defaults(name: str) -> Mapping[str, str]:
    """Defaults of a kind as text: those of its file, and those it works out from other parameters."""
    module = import_module(f"gridpilot.devices.{name}")
    source = import_module("gridpilot.devices.renewable") if name in ("solar", "wind") else module
    plain = {field: number(value) for field, value in source._DEFAULTS.items()}
    derived = {"initial_mwh": "half of `energy_max_mwh`", "curve_mw": "none", "curve_usd_per_h": "none"}
    return {**derived, **_DERIVED.get(name, {}), **plain}


_DERIVED: Mapping[str, Mapping[str, str]] = {
    "solar": {"s_max_mva": "`p_max_mw` / 0.95"},
    "wind": {"s_max_mva": "`p_max_mw` / 0.95"},
    "storage": {"s_max_mva": "`p_max_mw`"},
    "tap_changer": {"initial_position": "`neutral`"},
    "grid_tie": {"p_min_mw": "−`p_max_mw`"},
}
"""What the kinds work out from other parameters."""


def unit_of(name: str) -> str:
    """The unit in a name; empty where it has none."""
    if name in _NO_UNIT:
        return ""
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), "")


def field_texts(kind: type[Any]) -> dict[str, str]:
    """Every field with the text below it, in the order of the class."""
    body = ast.parse(dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    texts: dict[str, str] = {}
    last = ""
    for node in body.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            last = node.target.id
            texts[last] = ""
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and last:
            texts[last] = " ".join(str(node.value.value).split())
        else:
            last = ""
    return texts


def _defaults(kind: type[Any]) -> dict[str, str]:
    if not is_dataclass(kind):
        return {}
    found = {}
    for field in dataclass_fields(kind):
        if field.default is not MISSING:
            found[field.name] = _shown(field.default)
        elif field.default_factory is not MISSING:
            made = field.default_factory()
            found[field.name] = str(made) if not made else "…"
    return found


def _shown(value: object) -> str:
    if isinstance(value, float):
        return number(value)
    text = repr(value)
    return text if len(text) <= 40 else "…"
