"""What is bought costs the price, what is sold earns less."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.devices import grid_tie

TIE = grid_tie.parameters([{"p_max_mw": 10.0, "p_min_mw": -4.0, "sell_discount": 0.3, "contract_mw": 6.0, "co2_t_per_mwh": 0.4}])
HERE = np.ones((1, 1), dtype=np.bool_)


def booked(order_mw: float, price: float) -> tuple[float, float, float]:
    """Power, cost of an hour, and safety measure."""
    state, told = grid_tie.initial_state(TIE, 1), np.array([[price]])
    p = grid_tie.inject(TIE, state, np.array([[order_mw]]), told, HERE, 1.0).p_mw
    after, outcome = grid_tie.settle(TIE, state, np.array([[order_mw]]), told, HERE, p, 1.0)
    assert outcome.co2_t[0, 0] == 0.4 * max(p[0, 0], 0.0)
    return float(p[0, 0]), float(outcome.cost_usd[0, 0]), float(grid_tie.safety(TIE, after)[0, 0])


@given(low=st.floats(-20.0, 20.0), more=st.floats(0.0, 20.0), price=st.floats(0.0, 300.0))
def test_more_power_never_costs_less_and_a_round_trip_never_pays(low: float, more: float, price: float) -> None:
    (p, cost, _), (_, dearer, _) = booked(low, price), booked(low + more, price)
    assert dearer >= cost
    assert -4.0 <= p <= 10.0
    assert booked(3.0, price)[1] + booked(-3.0, price)[1] >= 0.0


def test_prices_discount_and_contract() -> None:
    assert booked(5.0, 80.0) == (5.0, 400.0, 0.0)
    assert booked(-2.0, 80.0)[1] == pytest.approx(-112.0)
    assert booked(9.0, 80.0)[2] == pytest.approx(0.5)
    assert booked(-2.0, -50.0)[1] == pytest.approx(70.0)
