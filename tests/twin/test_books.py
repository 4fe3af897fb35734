"""Energy and money: what devices book is what the grid saw, and no energy is free at the end."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from tests.twin import small

from gridpilot.scenarios import RewardSettings
from gridpilot.twin import Twin, make_twin
from gridpilot.values import Action, Floats, Transition

CHARGE, DISCHARGE = 0.9, 0.8
CELL = {"charge_efficiency": CHARGE, "discharge_efficiency": DISCHARGE, "self_discharge_per_h": 0.0, "wear_usd_per_mwh": 0.0}


def random_day(name: str) -> tuple[Twin, list[Transition]]:
    twin = make_twin(name, seeds=(0, 1, 2), cycle_minutes=15.0)
    random, state = np.random.default_rng(0), twin.first()
    moves = []
    for _ in range(95):
        moves.append(twin.step(state, small.jolted(state, random)))
        state = moves[-1].state
    return twin, moves


def total_mw(moved: Transition, *kinds: str) -> Floats:
    """Sum over the devices of some kinds `[B]`."""
    summed: Floats = np.sum([moved.state.devices[kind].p_mw.sum(axis=1) for kind in kinds], axis=0)
    return summed


@pytest.mark.parametrize("name", ["six_bus", "ieee14"])
def test_what_is_generated_is_consumed_or_lost(name: str) -> None:
    twin, moves = random_day(name)
    for moved in moves:
        generated = total_mw(moved, "generator", "solar", "wind", "storage")
        consumed = moved.outcomes.demand_mwh / twin.model.dt_h - moved.outcomes.unserved_mwh / twin.model.dt_h
        assert np.abs(generated - consumed - moved.state.flow.losses_mw).max() < 1e-6
        taken = moved.outcomes.available_mwh - moved.outcomes.curtailed_mwh
        assert taken == pytest.approx(total_mw(moved, "solar", "wind") * twin.model.dt_h, abs=1e-9)
        assert moved.outcomes.slack_p_mw == pytest.approx(moved.state.devices["generator"].p_mw[:, twin.model.scenario.slack_unit])


@pytest.mark.parametrize("name", ["six_bus", "ieee14"])
def test_stored_energy_changes_by_what_the_grid_saw(name: str) -> None:
    twin, moves = random_day(name)
    cell, dt_h = twin.model.parameters("storage"), twin.model.dt_h
    for before, moved in pairwise(moves):
        p, energy = moved.state.devices["storage"].p_mw, before.state.devices["storage"].energy_mwh
        kept = energy * (1.0 - cell.self_discharge_per_h * dt_h)
        expected = kept - np.where(p > 0, p / cell.discharge_efficiency, p * cell.charge_efficiency) * dt_h
        assert moved.state.devices["storage"].energy_mwh == pytest.approx(expected, abs=1e-9)


def last_step(battery_mw: float, **prices: Any) -> float:
    """Cost of the one and last step of an episode in which the battery injects so much."""
    made = small.scenario(battery=CELL, slack={"cost_b": 30.0}, unit={"cost_b": 30.0}, rewards=RewardSettings(**prices))
    twin = small.twin(made, cycles=1)
    moved = small.obeyed(twin, twin.first(), Action("STORAGE", small.BATTERY, {"setpoint_mw": -battery_mw}))
    assert moved.state.devices["storage"].p_mw[0, 0] == pytest.approx(battery_mw)
    return float(moved.outcomes.cost_usd[0])


def test_emptying_the_battery_on_the_last_step_gains_nothing() -> None:
    rest = last_step(0.0)
    assert last_step(40.0) > rest
    assert last_step(40.0, closing_price_usd_per_mwh=0.0) < last_step(0.0, closing_price_usd_per_mwh=0.0), "without its value it would"


def test_energy_that_is_left_is_worth_what_it_could_still_give() -> None:
    fuel_saved = last_step(0.0, closing_price_usd_per_mwh=0.0) - last_step(40.0, closing_price_usd_per_mwh=0.0)
    # 40 MW for a quarter of an hour at the grid are 10 MWh that could have been delivered later.
    assert last_step(40.0, closing_price_usd_per_mwh=77.0) - last_step(0.0, closing_price_usd_per_mwh=77.0) == pytest.approx(
        10.0 * 77.0 - fuel_saved
    )


def test_shedding_demand_on_the_last_step_leaves_a_debt() -> None:
    costs = []
    for delta_mw in (0.0, -20.0):
        made = small.scenario(battery=CELL, slack={"cost_b": 30.0}, unit={"cost_b": 30.0})
        twin = small.twin(made, cycles=1)
        order = Action("LOAD_SHAPE", small.LOAD, {"delta_mw": delta_mw})
        costs.append(float(small.obeyed(twin, twin.first(), order).outcomes.cost_usd[0]))
    assert costs[1] > costs[0]


def test_the_closing_value_is_booked_once_at_the_end() -> None:
    made = small.scenario(battery={**CELL, "initial_mwh": 80.0}, slack={"cost_b": 0.0})
    twin = small.twin(made, cycles=4)
    first = small.obeyed(twin, twin.first(), Action("STORAGE", small.BATTERY, {"setpoint_mw": -10.0}))
    costs = [float(moved.outcomes.cost_usd[0]) for moved in (first, *small.held(twin, first.state, 3))]
    assert costs == pytest.approx([0.0, 0.0, 0.0, 10.0 * 110.0])


def test_reward_is_the_weighted_sum_of_its_terms() -> None:
    twin, moves = random_day("six_bus")
    for moved in moves:
        assert moved.reward == pytest.approx(moved.reward_terms[:, 0] @ twin.model.weights)
