"""A feeder behind a transformer, with one of every device that the triangle does not have, in a steady world.

HV slack ──OLTC── MV diesel, battery, two charging points ──LINE── FAR load, sun, bank, tie
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tests.twin.small import NO_RELAYS, steady

from gridpilot.network import Network, make_network
from gridpilot.profiles import Sessions
from gridpilot.scenarios import RewardSettings, Scenario, device_tables
from gridpilot.twin import Twin, make_twin

HV, MV, FAR = range(3)
OLTC, BANK, TIE, BATTERY, SUN, DIESEL, POINTS = "OLTC", "BANK", "TIE", "BATTERY", "SUN", "DIESEL", ("EV-1", "EV-2")
STEP_H = 0.25


def feeder() -> Network:
    return make_network(
        "feeder",
        base_mva=10.0,
        buses=[{"name": "HV", "kv": 110.0}, {"name": "MV", "kv": 20.0}, {"name": "FAR", "kv": 20.0}],
        branches=[
            {"name": "TR", "a": "HV", "b": "MV", "r_pu": 0.002, "x_pu": 0.06, "tap": 0.99, "transformer": True, "rating_mva": 40.0},
            {"name": "LINE", "a": "MV", "b": "FAR", "r_pu": 0.02, "x_pu": 0.03, "rating_mva": 40.0},
        ],
    )


def scenario(*, sessions: Sessions | None = None, rows: Mapping[str, Sequence[Mapping[str, Any]]] | None = None) -> Scenario:
    """`rows` of kinds replace those of the feeder."""
    grid = feeder()
    usual: dict[str, Sequence[Mapping[str, Any]]] = {
        "generator": [
            {"name": "SLACK", "bus": "HV", "p_min_mw": -80.0, "p_max_mw": 80.0, "is_slack": 1.0, "cost_b": 40.0},
            {"name": DIESEL, "bus": "MV", "p_min_mw": 1.0, "p_max_mw": 4.0, "holds_voltage": 0.0, "start_h": 0.5, "stop_h": 0.5,
             "start_cost_usd": 50.0, "stop_cost_usd": 5.0, "cost_b": 100.0, "cost_c": 10.0,
             "q_min_mvar": -1.0, "q_max_mvar": 2.0, "q_control": 1.0},
        ],
        "storage": [
            {"name": BATTERY, "bus": "MV", "p_max_mw": 3.0, "energy_max_mwh": 9.0, "s_max_mva": 4.0, "q_control": 1.0},
        ],
        "load": [{"name": "TOWN", "bus": "FAR"}],
        "solar": [{"name": SUN, "bus": "FAR", "p_max_mw": 5.0, "q_control": 1.0}],
        "tap_changer": [{"name": OLTC, "branch": "TR", "operation_usd": 0.7, "operations_per_day": 20.0}],
        "shunt": [{"name": BANK, "bus": "FAR", "position_max": 4.0, "step_mvar": 0.5, "operation_usd": 1.5}],
        "grid_tie": [{"name": TIE, "bus": "FAR", "p_max_mw": 2.0, "sell_discount": 0.25, "contract_mw": 1.5}],
        "ev": [{"name": name, "bus": "MV", "p_max_mw": 0.05, "missed_usd_per_mwh": 300.0} for name in POINTS],
    }  # fmt: skip
    return Scenario(
        name="feeder",
        title="A feeder with everything",
        network=grid,
        tables=device_tables(grid, {**usual, **(rows or {})}),
        sources={},
        sessions=sessions,
        switchable=("LINE",),
        protection=NO_RELAYS,
        rewards=RewardSettings(price_usd_per_mwh=50.0),
    )


def visits(*rows: tuple[str, str, str, float]) -> Sessions:
    """Sessions from (point, arrival, departure, MWh)."""
    begin = np.datetime64("2030-01-03T00:00", "m")
    ordered, points = sorted(rows, key=lambda row: row[1]), tuple(dict.fromkeys(row[0] for row in rows))
    instants = ([row[1] for row in ordered], [row[2] for row in ordered])
    hours = [[float((np.datetime64(at, "m") - begin) / np.timedelta64(1, "m")) / 60.0 for at in own] for own in instants]
    return Sessions(
        start=begin,
        points=points,
        station=np.array([points.index(row[0]) for row in ordered], dtype=np.int64),
        arrival_h=np.array(hours[0]),
        departure_h=np.array(hours[1]),
        energy_mwh=np.array([row[3] for row in ordered]),
        source="made",
        licence="",
    )


def twin(made: Scenario | None = None, *, demand_mw: float = 6.0, sun_mw: float = 2.0, price: float = 60.0, **settings: Any) -> Twin:
    """The feeder in quarters of an hour, from midnight of 3 January 2030."""
    world = {"TOWN.p_mw": demand_mw, "TOWN.q_mvar": 2.0, f"{SUN}.available_mw": sun_mw, f"{TIE}.price_usd_per_mwh": price}
    asked: dict[str, Any] = {"start": "2030-01-03", "seeds": (0,), "cycles": 48, **settings}
    return make_twin(made or scenario(), profiles=steady(**world), cycle_minutes=60 * STEP_H, **asked)
