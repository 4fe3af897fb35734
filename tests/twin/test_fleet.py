"""All devices in one compiled call do what each kind does by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gridpilot.errors import ConfigError
from gridpilot.twin import Twin, make_twin
from gridpilot.twin.cycle import open_cycle, settle_devices
from gridpilot.twin.memory import Memory, Piece
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


def opened(twin: Twin, state: GridState) -> Piece:
    """The devices of a state in the middle of its next step: they have said what they would exchange."""
    memory = Memory(twin.model, state.batch)
    memory.load(state, state.setpoints)
    (piece,) = memory.pieces
    open_cycle(piece.held, piece.fleet, twin.world.held(piece.first, piece.end))
    return piece


def own(twin: Twin, piece: Piece, kind: Any) -> tuple[Any, Any]:
    """Exogenous values and service flags of one kind."""
    exogenous = np.ascontiguousarray(piece.grids.state.exogenous[:, twin.model.columns[kind.name]])
    return exogenous, np.ascontiguousarray(piece.grids.work.in_service[:, twin.model.slices[kind.name]])


def test_injections_are_those_of_the_kinds(twin: Twin, state: GridState) -> None:
    piece = opened(twin, state)
    for kind in twin.model.kinds:
        parameters, mine = twin.model.parameters(kind.name), twin.model.slices[kind.name]
        exogenous, present = own(twin, piece, kind)
        alone = kind.inject(parameters, state.devices[kind.name], state.setpoints.devices[kind.name], exogenous, present, twin.model.dt_h)
        assert np.array_equal(alone.p_mw, piece.grids.work.p_mw[:, mine])
        assert np.array_equal(alone.q_mvar, piece.grids.work.q_mvar[:, mine])


def test_books_are_the_sums_of_the_kinds(twin: Twin, state: GridState) -> None:
    piece, model = opened(twin, state), twin.model
    work = piece.grids.work
    work.real_mw[...] = work.p_mw * np.random.default_rng(1).uniform(0.5, 1.0, work.p_mw.shape)
    settle_devices(piece.held, piece.fleet)
    expected = np.zeros_like(work.totals)
    for kind, after in zip(model.kinds, piece.states, strict=True):
        exogenous, present = own(twin, piece, kind)
        alone, outcome = kind.settle(
            model.parameters(kind.name), state.devices[kind.name], state.setpoints.devices[kind.name], exogenous, present,
            np.ascontiguousarray(work.real_mw[:, model.slices[kind.name]]), model.dt_h,
        )  # fmt: skip
        assert type(alone) is type(after)
        assert all(np.array_equal(a, b) for a, b in zip(alone, after, strict=True))
        expected += np.stack([field.sum(axis=1) for field in outcome])
    assert expected.any(axis=1).all()
    assert np.allclose(work.totals, expected, rtol=1e-12, atol=1e-12)


def test_a_step_beyond_the_profiles_is_refused(twin: Twin, state: GridState) -> None:
    over = replace(state, row=np.full(3, len(twin.world.table) - 1))
    with pytest.raises(ConfigError, match="rows"):
        twin.step(over, over.setpoints)
