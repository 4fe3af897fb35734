"""A switch books what becomes of its branch, whoever moves it: operators, relays, faults and crews."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.twin import small
from tests.twin.small import LINES, STEP_H, held, obeyed

from gridpilot.devices import switch
from gridpilot.errors import ConfigError
from gridpilot.scenarios import ProtectionSettings, device_tables
from gridpilot.twin import Twin
from gridpilot.values import GridState

ONE: Any = switch.parameters([{"operation_usd": 5.0, "operations_per_day": 2.0, "operations_life": 4.0, "rest_h": 0.6}])
NOTHING = np.zeros((1, 0))


def booked(state: Any, closed: bool) -> tuple[Any, float]:
    """The next state where the branch is so, and the cost."""
    rest = np.zeros((1, 1))
    after, outcome = switch.settle(ONE, state, rest, NOTHING, np.array([[closed]]), rest, STEP_H)
    return after, float(outcome.cost_usd[0, 0])


@given(positions=st.lists(st.booleans(), min_size=1, max_size=12))
def test_every_change_is_an_operation_and_nothing_else_is(positions: list[bool]) -> None:
    state, paid = switch.initial_state(ONE, 1), 0.0
    for closed in positions:
        state, cost = booked(state, closed)
        paid += cost
    operations = sum(a != b for a, b in zip([True, *positions], positions, strict=False))
    assert paid == 5.0 * operations
    assert float(state.life_share[0, 0]) == pytest.approx(operations / 4.0)
    assert bool(state.closed[0, 0]) == positions[-1]


def test_too_early_too_often_and_too_old_are_violations() -> None:
    state, _ = booked(switch.initial_state(ONE, 1), False)
    assert float(switch.safety(ONE, state)[0, 0]) == 0.0
    state, _ = booked(state, True)  # a quarter of an hour after the first one, of 0.6 h that it needs
    assert float(switch.safety(ONE, state)[0, 0]) == pytest.approx((0.6 - STEP_H) / 0.6)
    for _ in range(3):
        state, _ = booked(state, True)
    assert float(switch.safety(ONE, state)[0, 0]) == 0.0
    state, _ = booked(state, False)  # the third of a day that is meant to hold two
    assert float(switch.safety(ONE, state)[0, 0]) == pytest.approx((float(state.operations[0, 0]) - 2.0) / 2.0)
    for closed in (True, False):
        state, _ = booked(state, closed)
    for _ in range(400):
        state, _ = booked(state, False)
    assert float(switch.safety(ONE, state)[0, 0]) == pytest.approx(5.0 / 4.0 - 1.0)


def twin(name: str = LINES[1], *, ratings_mva: tuple[float, ...] = (500.0, 500.0, 500.0), **settings: Any) -> Twin:
    """The triangle with a switch."""
    plain = small.scenario(ratings_mva=ratings_mva, **{key: settings.pop(key) for key in ("protection",) if key in settings})
    row = {"name": "CB", "branch": name, "operation_usd": 5.0, "rest_h": 0.6}
    return small.twin(replace(plain, tables={**plain.tables, **device_tables(plain.network, {"switch": [row]})}), **settings)


def cost(twin: Twin, state: GridState) -> float:
    return float(state.devices["switch"].life_share[0, 0]) * 10_000.0 * 5.0


def test_an_order_to_the_branch_is_what_moves_it() -> None:
    tried = twin()
    first = tried.first()
    opened = obeyed(tried, first, small.switch(LINES[1], "open"))
    assert not opened.state.devices["switch"].closed[0, 0]
    still = tried.step(first, first.setpoints)
    # the rest of the cost is fuel, which hardly differs: what a switch cost is added to it
    assert opened.outcomes.cost_usd[0] - still.outcomes.cost_usd[0] == pytest.approx(5.0, abs=1.0)
    stands = held(tried, opened.state, 4)[-1]
    assert cost(tried, stands.state) == pytest.approx(5.0)
    closed = obeyed(tried, stands.state, small.switch(LINES[1], "closed"))
    assert closed.state.devices["switch"].closed[0, 0]
    assert closed.constraint_costs[0, 0, 3] == 0.0
    again = obeyed(tried, closed.state, small.switch(LINES[1], "open"))
    assert again.constraint_costs[0, 0, 3] == pytest.approx((0.6 - STEP_H) / 0.6)
    # The flows are those of the grid without a switch.
    bare = small.twin(small.scenario())
    same = obeyed(bare, bare.first(), small.switch(LINES[1], "open"))
    assert same.state.flow.p_from_mw.tolist() == opened.state.flow.p_from_mw.tolist()


def test_a_relay_that_opens_the_branch_wears_it_too() -> None:
    relays = ProtectionSettings(overload_delay_h=0.0, hard_limit=1.05, lockout_h=0.5, crew_h=0.5)
    tried = twin(LINES[0], ratings_mva=(20.0, 500.0, 500.0), protection=relays, demand_mw=150.0)
    moves = held(tried, tried.first(), 6)
    position = [bool(move.state.devices["switch"].closed[0, 0]) for move in moves]
    in_service = [bool(move.state.setpoints.closed[0, tried.model.scenario.network.branch(LINES[0])]) for move in moves]
    assert position == in_service
    assert False in position
    operations = sum(a != b for a, b in zip([True, *position], position, strict=False))
    assert cost(tried, moves[-1].state) == pytest.approx(5.0 * operations)


def test_a_switch_is_seen_and_cannot_be_ordered() -> None:
    tried = twin()
    view = tried.observe(tried.first())
    reading = view.devices["CB"]
    assert reading.values["closed"] is True
    assert reading.bounds == {}
    assert "CB" not in {entry.target for entry in tried.model.controls.entries}


def test_a_switch_that_is_not_as_the_network_is_refused() -> None:
    plain = small.scenario()
    rows: list[dict[str, Any]] = [{"name": "CB", "branch": LINES[0], "initial_closed": 0.0}, {"name": "CB2", "branch": LINES[0]}]
    with pytest.raises(ConfigError, match=r"must be 1: .* is built closed(.|\n)*CB2: is the second switch"):
        replace(plain, tables={**plain.tables, **device_tables(plain.network, {"switch": rows})})
