"""A triangle of three buses in a steady world, so that what a test does is all that happens.

    A slack ──── B unit
       └── C load, battery, sun, wind ──┘

All lines are alike: of what C draws from A, two thirds come over AC and a third over AB and BC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gridpilot.disturbances import Threat
from gridpilot.network import Network, make_network
from gridpilot.profiles import Profiles, make_profiles
from gridpilot.scenarios import ProtectionSettings, RewardSettings, Scenario, device_tables
from gridpilot.twin import Twin, make_twin
from gridpilot.values import Action, GridState, Setpoints, Transition

AB, AC, BC = range(3)
A, B, C = range(3)
LINES = ("AB", "AC", "BC")
SLACK, UNIT, LOAD, BATTERY, SUN, WIND = "A-SLACK", "B-UNIT", "C-LOAD", "C-BATTERY", "C-SUN", "C-WIND"
NO_RELAYS = ProtectionSettings(overload_delay_h=1e6, hard_limit=1e6)
STEP_H = 0.25


def triangle(ratings_mva: Sequence[float] = (500.0, 500.0, 500.0)) -> Network:
    """The network at 110 kV on 100 MVA."""
    return make_network(
        "triangle",
        base_mva=100.0,
        buses=[{"name": name, "kv": 110.0} for name in "ABC"],
        branches=[
            {"name": name, "a": name[0], "b": name[1], "r_pu": 0.005, "x_pu": 0.05, "rating_mva": rating}
            for name, rating in zip(LINES, ratings_mva, strict=True)
        ],
    )


def steady(**drivers: float) -> Profiles:
    """Ten days in which these drivers do not move."""
    values = np.tile(np.array(list(drivers.values())), (10 * 96, 1))
    return make_profiles(
        name="steady",
        start=np.datetime64("2030-01-01T00:00"),
        step_min=15.0,
        columns=list(drivers),
        values=values,
        source="made",
        licence="",
    )


def scenario(
    *,
    ratings_mva: Sequence[float] = (500.0, 500.0, 500.0),
    slack: Mapping[str, float] | None = None,
    unit: Mapping[str, float] | None = None,
    battery: Mapping[str, float] | None = None,
    threats: Sequence[Threat] = (),
    protection: ProtectionSettings = NO_RELAYS,
    **settings: Any,
) -> Scenario:
    """The triangle as a scenario; parts of a device that are not given are wide and free."""
    grid = triangle(ratings_mva)
    rows: dict[str, list[dict[str, Any]]] = {
        "generator": [
            {"name": SLACK, "bus": "A", "p_min_mw": -300.0, "p_max_mw": 300.0, "is_slack": 1.0, **(slack or {})},
            {"name": UNIT, "bus": "B", "p_max_mw": 100.0, "initial_mw": 40.0, **(unit or {})},
        ],
        "storage": [{"name": BATTERY, "bus": "C", "p_max_mw": 50.0, "energy_max_mwh": 100.0, **(battery or {})}],
        "load": [{"name": LOAD, "bus": "C", "flexible_share": 0.2}],
        "solar": [{"name": SUN, "bus": "C", "p_max_mw": 200.0}],
        "wind": [{"name": WIND, "bus": "C", "p_max_mw": 200.0}],
    }
    return Scenario(
        name="triangle",
        title="Three buses",
        network=grid,
        tables=device_tables(grid, rows),
        sources={},
        threats=tuple(threats),
        switchable=LINES,
        demand_peak_mw={LOAD: 200.0},
        protection=protection,
        rewards=settings.pop("rewards", RewardSettings()),
        **settings,
    )


def twin(
    made: Scenario | None = None,
    *,
    demand_mw: float = 100.0,
    sun_mw: float = 0.0,
    wind_mw: float = 0.0,
    seeds: Sequence[int] = (0,),
    cycles: int = 48,
    **parts: Any,
) -> Twin:
    """The triangle in quarters of an hour."""
    profiles = steady(**{f"{LOAD}.p_mw": demand_mw, f"{LOAD}.q_mvar": 0.0, f"{SUN}.available_mw": sun_mw, f"{WIND}.available_mw": wind_mw})
    return make_twin(
        made or scenario(**parts), profiles=profiles, start="2030-01-03", seeds=seeds, cycle_minutes=60 * STEP_H, cycles=cycles
    )


def switch(branch: str, status: str) -> Action:
    """An order to a breaker."""
    return Action("TOPOLOGY", branch, {"status": status})


def obeyed(twin: Twin, state: GridState, *actions: Action) -> Transition:
    """One step under these orders, all of which must be accepted."""
    setpoints, receipts = twin.order(state, actions)
    assert all(receipt.outcome != "refused" for receipt in receipts), receipts
    return twin.step(state, setpoints)


def held(twin: Twin, state: GridState, steps: int) -> list[Transition]:
    """Some steps without an order."""
    moves = []
    for _ in range(steps):
        moves.append(twin.step(state, state.setpoints))
        state = moves[-1].state
    return moves


def jolted(state: GridState, random: np.random.Generator, size_mw: float = 30.0) -> Setpoints:
    """The orders in force, each moved at random, and a breaker thrown now and then."""
    devices = {kind: values + random.normal(0.0, size_mw, values.shape) for kind, values in state.setpoints.devices.items()}
    thrown = random.random(state.setpoints.closed.shape) < 0.02
    return replace(state.setpoints, devices=devices, closed=state.setpoints.closed ^ thrown)
