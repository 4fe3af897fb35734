"""What is shaped away comes back: consumption and owed energy together are the demand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.devices import Outcome, load

DEMANDS = st.lists(st.tuples(st.floats(0.0, 300.0), st.floats(-300.0, 300.0)), min_size=1, max_size=40)
SHARES = st.floats(0.0, 1.0)
REBOUNDS = st.floats(0.0, 6.0)
CYCLES = st.sampled_from([1 / 12, 0.25, 1.0])
IN_SERVICE = np.ones((1, 1), dtype=np.bool_)


def one(share: float, rebound_h: float) -> load.Parameters:
    return load.parameters([{"flexible_share": share, "rebound_h": rebound_h}])


def run(
    parameters: load.Parameters, state: load.State, demand: float, order: float, dt_h: float, served: float = 1.0
) -> tuple[load.State, Outcome, float]:
    """One step in which the grid serves a share of what is asked for: state, outcome, consumption in MWh."""
    weather, setpoint = np.array([[demand, demand / 3]]), np.array([[order]])
    p = served * load.inject(parameters, state, setpoint, weather, IN_SERVICE, dt_h).p_mw
    after, outcome = load.settle(parameters, state, setpoint, weather, IN_SERVICE, p, dt_h)
    return after, outcome, -float(p[0, 0]) * dt_h


@given(DEMANDS, SHARES, REBOUNDS, CYCLES)
def test_consumption_and_debt_are_the_demand(days: list[tuple[float, float]], share: float, rebound_h: float, dt_h: float) -> None:
    parameters = one(share, rebound_h)
    state = load.initial_state(parameters, 1)
    consumed = demanded = 0.0
    for demand, order in days:
        state, outcome, energy = run(parameters, state, demand, order, dt_h)
        consumed, demanded = consumed + energy, demanded + demand * dt_h
        assert energy >= 0.0
        assert outcome.unserved_mwh[0, 0] == 0.0
        assert consumed + state.owed_mwh[0, 0] == pytest.approx(demanded, abs=1e-6)


@given(DEMANDS, SHARES, REBOUNDS, CYCLES, st.floats(0.0, 1.0))
def test_what_is_not_served_is_not_owed(
    days: list[tuple[float, float]], share: float, rebound_h: float, dt_h: float, served: float
) -> None:
    parameters = one(share, rebound_h)
    state = load.initial_state(parameters, 1)
    for demand, order in days:
        after, outcome, energy = run(parameters, state, demand, order, dt_h, served)
        assert outcome.demand_mwh[0, 0] - outcome.unserved_mwh[0, 0] == pytest.approx(energy, abs=1e-9)
        if energy > 0.0:
            assert energy + after.owed_mwh[0, 0] - state.owed_mwh[0, 0] == pytest.approx(served * demand * dt_h, abs=1e-6)
        state = after


@given(st.floats(-30.0, 30.0), st.floats(0.5, 4.0), CYCLES)
def test_the_rebound_returns_everything(order: float, rebound_h: float, dt_h: float) -> None:
    parameters = one(0.3, rebound_h)
    state = load.initial_state(parameters, 1)
    for step in range(round((2.0 + 20.0 * rebound_h) / dt_h)):
        state, _, _ = run(parameters, state, 100.0, order if step * dt_h < 2.0 else 0.0, dt_h)
    assert abs(state.owed_mwh[0, 0]) < 1e-6


@given(st.floats(-30.0, 30.0), st.floats(0.5, 4.0), CYCLES)
def test_a_shaping_that_is_held_gives_back_what_it_takes(order: float, rebound_h: float, dt_h: float) -> None:
    parameters = one(0.3, rebound_h)
    state = load.initial_state(parameters, 1)
    for _ in range(round(20.0 * max(rebound_h, dt_h) / dt_h)):
        state, _, energy = run(parameters, state, 100.0, order, dt_h)
    assert energy / dt_h == pytest.approx(100.0)
    assert state.owed_mwh[0, 0] == pytest.approx(order * max(rebound_h, dt_h))


@given(st.floats(0.0, 200.0), st.floats(-300.0, 300.0), SHARES)
def test_bounds_are_the_flexible_part_and_are_followed(demand: float, order: float, share: float) -> None:
    parameters = one(share, 2.0)
    state = load.initial_state(parameters, 1)
    low, high = load.bounds(parameters, state, np.array([[demand, 0.0]]), IN_SERVICE, 0.25)
    assert (low[0, 0], high[0, 0]) == (-share * demand, share * demand)
    _, _, energy = run(parameters, state, demand, order, 0.25)
    assert energy / 0.25 == pytest.approx(demand - min(max(order, low[0, 0]), high[0, 0]), abs=1e-9)


def test_reactive_power_keeps_the_power_factor() -> None:
    parameters = one(0.2, 2.0)
    state = load.initial_state(parameters, 1)
    p, q = load.inject(parameters, state, np.array([[15.0]]), np.array([[100.0, 30.0]]), IN_SERVICE, 0.25)
    assert p[0, 0] == pytest.approx(-85.0)
    assert q[0, 0] / p[0, 0] == pytest.approx(0.3)


@given(st.floats(0.0, 1e-3), st.floats(0.0, 10.0))
def test_a_rebound_at_next_to_no_demand_draws_no_more_than_twice_its_reactive_power(demand: float, owed: float) -> None:
    parameters = one(0.2, 2.0)
    state = load.initial_state(parameters, 1)._replace(owed_mwh=np.array([[owed]]))
    _, q = load.inject(parameters, state, np.zeros((1, 1)), np.array([[demand, 5.0]]), IN_SERVICE, 0.25)
    assert -10.0 <= q[0, 0] <= 0.0


def test_a_load_that_is_cut_off_asks_for_its_demand_and_keeps_its_debt() -> None:
    parameters = one(0.2, 2.0)
    state = load.initial_state(parameters, 1)._replace(owed_mwh=np.array([[6.0]]))
    weather, out = np.array([[100.0, 30.0]]), ~IN_SERVICE
    after, outcome = load.settle(parameters, state, np.array([[10.0]]), weather, out, np.zeros((1, 1)), 0.5)
    assert outcome.demand_mwh[0, 0] == outcome.unserved_mwh[0, 0] == 50.0
    assert after.owed_mwh[0, 0] == 6.0
    assert load.closing_value_mwh(parameters, after)[0, 0] == -6.0


def test_shaping_is_paid_in_both_directions() -> None:
    parameters = load.parameters([{"flexible_share": 0.2, "shaping_usd_per_mwh": 40.0}])
    state = load.initial_state(parameters, 1)
    costs = [run(parameters, state, 100.0, order, 0.25)[1].cost_usd[0, 0] for order in (-10.0, 0.0, 10.0)]
    assert costs == pytest.approx([100.0, 0.0, 100.0])
