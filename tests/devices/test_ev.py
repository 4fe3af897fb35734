"""A charging point gives a car what it wants, as far as power and time allow, and books what it missed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.devices import ev

DT_H = 0.25
POINT = ev.parameters([{"p_max_mw": 0.02, "charge_efficiency": 0.9, "missed_usd_per_mwh": 500.0}])
HERE = np.ones((1, 1), dtype=np.bool_)


def visit(wants_mwh: float, stay_h: float, order_mw: float, steps: int) -> list[tuple[float, Any, Any]]:
    """Power, state and outcome of every step after a car comes in the first one."""
    state, seen = ev.initial_state(POINT, 1), []
    for step in range(steps):
        told = np.array([[wants_mwh, stay_h]]) if step == 0 else np.zeros((1, 2))
        p = ev.inject(POINT, state, np.array([[order_mw]]), told, HERE, DT_H).p_mw
        state, outcome = ev.settle(POINT, state, np.array([[order_mw]]), told, HERE, p, DT_H)
        seen.append((float(p[0, 0]), state, outcome))
    return seen


@given(wants=st.floats(1e-4, 0.1), stay=st.floats(0.05, 3.0), order=st.floats(-0.05, 0.05))
def test_what_a_car_asked_for_it_got_or_missed(wants: float, stay: float, order: float) -> None:
    seen = visit(wants, stay, order, 14)
    got = -sum(p for p, _, _ in seen) * DT_H * 0.9
    missed = sum(float(state.missed_mwh[0, 0]) for _, state, _ in seen)
    assert got + missed == pytest.approx(wants, abs=1e-12)
    assert sum(float(outcome.cost_usd[0, 0]) for _, _, outcome in seen) == pytest.approx(500.0 * missed)
    assert all(-0.02 <= p <= 0.0 for p, _, _ in seen)
    assert seen[-1][1].left_h[0, 0] == 0.0


def test_more_charging_never_costs_more() -> None:
    costs = [sum(float(o.cost_usd[0, 0]) for _, _, o in visit(0.02, 1.0, -mw, 6)) for mw in np.linspace(0.0, 0.02, 9)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] == pytest.approx(10.0)


def test_safety_is_the_share_that_was_missed() -> None:
    departed = visit(0.02, 0.5, 0.0, 2)[-1][1]
    assert ev.safety(POINT, departed).tolist() == [[1.0]]
    assert ev.safety(POINT, visit(0.004, 0.5, -0.02, 2)[-1][1]).tolist() == [[0.0]]


def test_a_car_leaves_in_a_blackout_too() -> None:
    state = visit(0.02, 0.5, -0.02, 1)[-1][1]
    dark, nothing = np.zeros((1, 1), dtype=np.bool_), np.zeros((1, 1))
    after, _ = ev.settle(POINT, state, nothing, np.zeros((1, 2)), dark, nothing, DT_H)
    assert after.left_h[0, 0] == 0.0
    assert after.missed_mwh[0, 0] == pytest.approx(0.02 - 0.02 * DT_H * 0.9)
