"""All devices in one compiled call do what each kind does by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gridpilot.errors import ConfigError
from gridpilot.twin import Twin, balance, ledger, make_twin
from gridpilot.twin.fleet import fleet_of
from gridpilot.values import GridState, Setpoints


@pytest.fixture
def twin() -> Twin:
    return make_twin("six_bus", start="2016-06-01", seeds=(0, 1, 2), cycles=24)


@pytest.fixture
def state(twin: Twin) -> GridState:
    """Some cycles into the episode, under random orders."""
    random, state = np.random.default_rng(0), twin.first()
    for _ in range(6):
        devices = {kind: values + random.normal(0, 10, values.shape) for kind, values in state.setpoints.devices.items()}
        state = twin.step(state, Setpoints(devices, state.setpoints.closed)).state
    return state


def prepared(twin: Twin, state: GridState) -> balance.Prepared:
    model, rules = twin.model, twin.model.scenario.protection
    return balance.prepare(
        model.held_layout, model.held_parameters, fleet_of(model, state, state.setpoints), twin.world.table[state.row + 1], state.step + 1,
        state.load_factor, state.outage, state.collapsed, state.faulted, state.setpoints.closed, state.protection.lockout_h,
        rules.crew_h, model.slices["generator"].start, model.dt_h,
    )  # fmt: skip


def own(twin: Twin, now: balance.Prepared, kind: Any) -> tuple[Any, Any]:
    """Exogenous values and service flags of one kind."""
    exogenous = np.ascontiguousarray(now.exogenous[:, twin.model.columns[kind.name]])
    return exogenous, np.ascontiguousarray(now.in_service[:, twin.model.slices[kind.name]])


def test_injections_are_those_of_the_kinds(twin: Twin, state: GridState) -> None:
    now = prepared(twin, state)
    for kind in twin.model.kinds:
        parameters, mine = twin.model.parameters(kind.name), twin.model.slices[kind.name]
        exogenous, present = own(twin, now, kind)
        alone = kind.inject(parameters, state.devices[kind.name], state.setpoints.devices[kind.name], exogenous, present, twin.model.dt_h)
        assert np.array_equal(alone.p_mw, now.p_mw[:, mine])
        assert np.array_equal(alone.q_mvar, now.q_mvar[:, mine])


def test_books_are_the_sums_of_the_kinds(twin: Twin, state: GridState) -> None:
    now, model = prepared(twin, state), twin.model
    flow = state.flow
    states, p_mw, totals = ledger.settle(
        model.held_layout, model.held_parameters, fleet_of(model, state, state.setpoints), now.exogenous, now.in_service,
        now.p_mw, flow.energised, flow.p_bus_mw, model.dt_h,
    )  # fmt: skip
    expected = np.zeros_like(totals)
    for kind, after in zip(model.kinds, states, strict=True):
        exogenous, present = own(twin, now, kind)
        alone, outcome = kind.settle(
            model.parameters(kind.name), state.devices[kind.name], state.setpoints.devices[kind.name], exogenous, present,
            np.ascontiguousarray(p_mw[:, model.slices[kind.name]]), model.dt_h,
        )  # fmt: skip
        assert type(alone) is type(after)
        assert all(np.array_equal(a, b) for a, b in zip(alone, after, strict=True))
        expected += np.stack([field.sum(axis=1) for field in outcome])
    assert np.allclose(totals, expected, rtol=1e-12, atol=1e-12)


def test_a_step_beyond_the_profiles_is_refused(twin: Twin, state: GridState) -> None:
    over = replace(state, row=np.full(3, len(twin.world.table) - 1))
    with pytest.raises(ConfigError, match="rows"):
        twin.step(over, over.setpoints)
