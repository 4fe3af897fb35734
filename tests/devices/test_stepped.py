"""Tap changers and banks stand in whole positions, get as far as a cycle has time for, and wear with every operation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpilot.devices import shunt, stepped, tap_changer
from gridpilot.errors import ConfigError

CHANGER = tap_changer.parameters([{"operation_s": 60.0, "operation_usd": 2.0, "operations_per_day": 10.0, "step_ratio": 0.01}])
STEP = 5.0 / 60.0
HERE = np.ones((1, 1), dtype=np.bool_)
NOTHING = np.zeros((1, 0))


def moved(state: Any, order: float, here: Any = HERE) -> tuple[Any, float]:
    """The next state, and the cost."""
    after, outcome = stepped.settle(CHANGER, state, np.array([[order]]), NOTHING, here, np.zeros((1, 1)), STEP)
    return after, float(outcome.cost_usd[0, 0])


@given(orders=st.lists(st.floats(-40.0, 40.0), min_size=1, max_size=8))
def test_it_moves_by_whole_steps_inside_its_reach(orders: list[float]) -> None:
    state = stepped.initial_state(CHANGER, 1)
    for order in orders:
        low, high = stepped.bounds(CHANGER, state, NOTHING, HERE, STEP)
        after, cost = moved(state, order)
        position = float(after.position[0, 0])
        assert position.is_integer()
        assert max(low[0, 0], -16.0) <= position <= min(high[0, 0], 16.0)
        assert abs(position - min(max(order, low[0, 0]), high[0, 0])) <= 0.5
        assert cost == 2.0 * abs(position - state.position[0, 0]) <= 10.0
        state = after


def test_the_ratio_follows_the_position() -> None:
    state, _ = moved(stepped.initial_state(CHANGER, 1), -3.0)
    assert tap_changer.adjust(CHANGER, state, state.position, HERE, STEP).tolist() == [[pytest.approx(0.97)]]


def test_out_of_service_it_stays() -> None:
    state, _ = moved(stepped.initial_state(CHANGER, 1), 4.0)
    after, cost = moved(state, -4.0, ~HERE)
    assert (float(after.position[0, 0]), cost) == (4.0, 0.0)
    capacitors = shunt.parameters([{"position_max": 3.0, "step_mvar": 2.0, "initial_position": 2.0}])
    stands = stepped.initial_state(capacitors, 1)
    assert shunt.adjust(capacitors, stands, stands.position, HERE, STEP).tolist() == [[4.0]]
    assert shunt.adjust(capacitors, stands, stands.position, ~HERE, STEP).tolist() == [[0.0]]


def test_operations_fade_and_too_many_are_told() -> None:
    state = stepped.initial_state(CHANGER, 1)
    for order in (5.0, 0.0, 5.0):
        state, _ = moved(state, order)
    assert 14.0 < state.operations[0, 0] < 15.0
    assert float(stepped.safety(CHANGER, state)[0, 0]) == pytest.approx((float(state.operations[0, 0]) - 10.0) / 10.0)
    for _ in range(12 * 24):
        state, _ = moved(state, 5.0)
    assert float(stepped.safety(CHANGER, state)[0, 0]) == 0.0


@pytest.mark.parametrize(
    ("row", "what"),
    [({"position_max": 2.5}, "whole"), ({"step_ratio": 0.1}, "above 0"), ({"initial_position": 20.0}, "position_max")],
)
def test_positions_that_cannot_be_are_refused(row: dict[str, float], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        tap_changer.parameters([row])
