"""A battery neither makes nor loses energy but by its efficiencies and its self-discharge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.devices import storage

numbers = st.floats
UNITS = st.fixed_dictionaries(
    {
        "p_max_mw": numbers(1.0, 80.0),
        "energy_max_mwh": numbers(20.0, 200.0),
        "energy_min_mwh": numbers(0.0, 10.0),
        "charge_efficiency": numbers(0.7, 1.0),
        "discharge_efficiency": numbers(0.7, 1.0),
        "self_discharge_per_h": numbers(0.0, 0.01),
        "wear_usd_per_mwh": numbers(0.0, 20.0),
    }
)
ORDERS = st.lists(numbers(-120.0, 120.0), min_size=1, max_size=30)
CYCLES = st.sampled_from([1 / 12, 0.25, 1.0])
IN_SERVICE = np.ones((1, 1), dtype=np.bool_)
NO_SERIES = np.zeros((1, 0))


def ordered(mw: float) -> np.ndarray:
    return np.array([[mw]])


@given(UNITS, ORDERS, CYCLES)
def test_energy_balance_over_any_orders(unit: dict[str, float], orders: list[float], dt_h: float) -> None:
    parameters = storage.parameters([unit])
    state = storage.initial_state(parameters, 1)
    expected, wear = float(state.energy_mwh[0, 0]), 0.0
    for order in orders:
        p = storage.inject(parameters, state, ordered(order), NO_SERIES, IN_SERVICE, dt_h).p_mw
        state, outcome = storage.settle(parameters, state, ordered(order), NO_SERIES, IN_SERVICE, p, dt_h)
        at_grid = float(p[0, 0]) * dt_h
        expected *= 1.0 - unit["self_discharge_per_h"] * dt_h
        expected -= at_grid / unit["discharge_efficiency"] if at_grid > 0 else at_grid * unit["charge_efficiency"]
        wear += abs(at_grid) * unit["wear_usd_per_mwh"]
        assert state.energy_mwh[0, 0] == pytest.approx(expected, abs=1e-9)
        assert outcome.cost_usd[0, 0] == pytest.approx(abs(at_grid) * unit["wear_usd_per_mwh"])


@given(UNITS, ORDERS, CYCLES)
def test_never_outside_its_limits(unit: dict[str, float], orders: list[float], dt_h: float) -> None:
    parameters = storage.parameters([unit])
    state = storage.initial_state(parameters, 1)
    for order in orders:
        p = storage.inject(parameters, state, ordered(order), NO_SERIES, IN_SERVICE, dt_h).p_mw
        before = float(state.energy_mwh[0, 0])
        state, _ = storage.settle(parameters, state, ordered(order), NO_SERIES, IN_SERVICE, p, dt_h)
        after = float(state.energy_mwh[0, 0])
        assert abs(p[0, 0]) <= unit["p_max_mw"]
        assert after <= unit["energy_max_mwh"] + 1e-9
        # Self-discharge goes on below the energy that is never drawn; the grid's own draw stops there.
        assert after >= min(unit["energy_min_mwh"], before) * (1.0 - unit["self_discharge_per_h"] * dt_h) - 1e-9
        if after < unit["energy_min_mwh"] - 1e-9:
            assert p[0, 0] <= 0.0


@given(UNITS, ORDERS, CYCLES)
def test_follows_every_order_inside_its_bounds_exactly(unit: dict[str, float], orders: list[float], dt_h: float) -> None:
    parameters = storage.parameters([unit])
    state = storage.initial_state(parameters, 1)
    for order in orders:
        low, high = storage.bounds(parameters, state, NO_SERIES, IN_SERVICE, dt_h)
        p = storage.inject(parameters, state, ordered(order), NO_SERIES, IN_SERVICE, dt_h).p_mw
        assert p[0, 0] == min(max(order, low[0, 0]), high[0, 0])
        state, _ = storage.settle(parameters, state, ordered(order), NO_SERIES, IN_SERVICE, p, dt_h)


@given(UNITS, CYCLES)
def test_there_and_back_loses_the_round_trip(unit: dict[str, float], dt_h: float) -> None:
    parameters = storage.parameters([{**unit, "self_discharge_per_h": 0.0, "energy_min_mwh": 0.0, "initial_mwh": 0.0}])
    state = storage.initial_state(parameters, 1)
    taken = given_back = 0.0
    for order in (-1e3, 1e3):
        for _ in range(400):
            p = storage.inject(parameters, state, ordered(order), NO_SERIES, IN_SERVICE, dt_h).p_mw
            state, _ = storage.settle(parameters, state, ordered(order), NO_SERIES, IN_SERVICE, p, dt_h)
            taken, given_back = taken - min(p[0, 0], 0.0) * dt_h, given_back + max(p[0, 0], 0.0) * dt_h
    left = storage.closing_value_mwh(parameters, state)[0, 0]
    assert given_back + left == pytest.approx(taken * unit["charge_efficiency"] * unit["discharge_efficiency"])
    assert taken > 0


def test_a_unit_at_a_dead_bus_only_loses_its_self_discharge() -> None:
    parameters = storage.parameters([{"p_max_mw": 20.0, "energy_max_mwh": 40.0, "self_discharge_per_h": 0.01}])
    state = storage.initial_state(parameters, 1)
    after, outcome = storage.settle(parameters, state, ordered(20.0), NO_SERIES, IN_SERVICE, ordered(0.0), 1.0)
    assert after.energy_mwh[0, 0] == pytest.approx(20.0 * 0.99)
    assert outcome.cost_usd[0, 0] == 0.0


def test_closing_value_is_what_the_grid_could_still_get() -> None:
    parameters = storage.parameters([{"p_max_mw": 20.0, "energy_max_mwh": 40.0, "energy_min_mwh": 4.0, "initial_mwh": 24.0}])
    assert storage.closing_value_mwh(parameters, storage.initial_state(parameters, 2)) == pytest.approx(np.full((2, 1), 20.0 * 0.95))
