"""Cards of devices."""

from __future__ import annotations

from typing import Final

import numpy as np

from gridpilot.knowledge.document import Document
from gridpilot.knowledge.topology.card import card
from gridpilot.knowledge.topology.phrases import listed, strongest
from gridpilot.knowledge.topology.survey import Survey

REACHED: Final = 5
"""Branches that a card names."""

_SHOWN: Final = (
    "p_min_mw", "p_max_mw", "ramp_mw_per_min", "energy_min_mwh", "energy_max_mwh", "flexible_share", "rebound_h", "v_set_pu",
    "co2_t_per_mwh", "cost_b", "start_h", "step_ratio", "step_mvar", "operations_per_day", "contract_mw",
)  # fmt: skip
"""Nameplate values of a card, where a kind has them."""

_CALLED: Final = {"solar": "solar plant", "wind": "wind farm", "storage": "battery", "ev": "charging point"}
_ALSO_CALLED: Final = {
    "storage": ("storage", "BESS", "capacity MWh"),
    "generator": ("unit", "machine", "power plant", "ramp", "minimum and maximum output"),
    "load": ("demand", "consumption", "customers", "flexible share"),
    "solar": ("solar", "photovoltaic", "PV", "renewable plant"),
    "wind": ("wind", "turbines", "renewable plant"),
    "ev": ("EV", "cars", "electric vehicles"),
    "grid_tie": ("connection to the upstream grid", "exchange", "import", "export"),
    "tap_changer": ("transformer ratio", "OLTC"),
    "shunt": ("capacitor bank", "reactor", "reactive steps"),
}


def device_card(grid: Survey, kind: str, index: int) -> Document:
    """What a device is, how it is moved, and which branches feel it."""
    table = grid.scenario.tables[kind]
    name, bus, word = table.name[index], int(table.bus[index]), _CALLED.get(kind, kind.replace("_", " "))
    where = grid.network.bus_name[bus]
    text = [
        f"{name} is a {word} at bus {where}.{_role(grid, kind, index)}",
        f"Nameplate: {listed(_nameplate(grid, kind, index), 'nothing to tell')}.",
        f"Orders: {listed(_orders(grid, kind, name), 'it takes none')}.",
        _reach(grid, bus),
    ]
    tags = (*_ALSO_CALLED.get(kind, ()), "device", "which branches it moves")
    return card(grid, f"device/{name}", f"{word.capitalize()} {name} at bus {where}", text, tags, told_by="devices of the scenario")


def _role(grid: Survey, kind: str, index: int) -> str:
    if kind == "generator" and index == grid.scenario.slack_unit:
        return " It is the slack unit: it balances the grid and takes no order."
    return ""


def _nameplate(grid: Survey, kind: str, index: int) -> list[str]:
    parameters = grid.scenario.tables[kind].parameters
    values = {field: float(np.asarray(getattr(parameters, field))[index]) for field in _SHOWN if field in parameters._fields}
    return [f"{field} {value:g}" for field, value in values.items() if np.isfinite(value)]


def _orders(grid: Survey, kind: str, name: str) -> list[str]:
    return [
        f"{entry.verb.name} {entry.parameter} from {entry.low:g} to {entry.high:g}"
        for entry in grid.controls.entries
        if entry.target == name and entry.kind == kind
    ]


def _reach(grid: Survey, bus: int) -> str:
    if grid.factors is None:
        return "Linear sensitivities do not exist for this grid."
    reached = strongest(grid.factors.to_flow[:, bus], grid.network.branch_name, REACHED)
    return f"MW on branches, from end to to end, per MW that it injects and the slack unit takes: {listed(reached)}."
