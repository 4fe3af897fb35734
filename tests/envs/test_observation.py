"""Observations say what an operator could know, and nothing of what is to come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gridpilot.actions import codec
from gridpilot.envs import GridEnv
from gridpilot.envs.episodes import Episodes, begin
from gridpilot.envs.forecast import MEMORY_H, persistence
from gridpilot.envs.ground import Ground, lay_ground
from gridpilot.envs.observation import make_observer
from gridpilot.envs.seat import hand_in
from gridpilot.envs.settings import EnvSettings
from gridpilot.jit import resident
from gridpilot.profiles import NoisyPersistence, Profiles
from gridpilot.twin.memory import Memory
from gridpilot.twin.world import World, no_schedule


@pytest.fixture
def ground() -> Ground:
    return lay_ground(EnvSettings(scenario="six_bus", cycles=36))


def value(env: GridEnv, shown: Any, name: str) -> float:
    """An entry in its own unit again."""
    k = env.observation_names.index(name)
    entry = env._ground.observer.entries[k]
    return entry.low + (float(shown[k]) + 1.0) / 2.0 * (entry.high - entry.low)


def test_entries_are_the_state_in_their_units(env: GridEnv, actions: Any) -> None:
    env.reset(seed=1)
    shown = env.step(actions[0])[0]
    state, network = env.state, env._ground.model.scenario.network
    assert state is not None
    for k, name in enumerate(network.branch_name):
        assert value(env, shown, f"branch.{name}.loading") == pytest.approx(min(state.flow.loading[0, k], 2.0), abs=1e-5)
    for k, name in enumerate(network.bus_name):
        assert value(env, shown, f"bus.{name}.v_pu") == pytest.approx(np.clip(state.flow.v_pu[0, k], 0.8, 1.2), abs=1e-5)
    assert value(env, shown, "storage.BESS-SUBURB.energy_mwh") == pytest.approx(state.devices["storage"].energy_mwh[0, 0], abs=1e-4)
    assert value(env, shown, "now.B1-CITY.p_mw") == pytest.approx(state.exogenous[0, 0], abs=1e-4)


def test_the_clock_turns_once_a_day(env: GridEnv) -> None:
    shown = env.reset(seed=1, options={"start": "2016-03-01"})[0]
    assert (value(env, shown, "clock.day.sin"), value(env, shown, "clock.day.cos")) == pytest.approx((0.0, 1.0), abs=1e-6)
    for _ in range(36):
        shown = env.step(env.standing_action)[0]
    # 36 cycles of 5 minutes: three o'clock.
    assert value(env, shown, "clock.day.sin") == pytest.approx(np.sin(2 * np.pi * 3 / 24), abs=1e-6)


def test_the_forecast_is_the_persistence_of_the_profiles_layer(ground: Ground) -> None:
    driven = ground.driven
    leads = [12, 48]
    reference = NoisyPersistence.of(driven, noise=0.0, memory_h=MEMORY_H)
    rows = np.array([0, 5, 287, 288, 289, 5000, 70000, len(driven) - 49])
    expected = reference.forecast(driven.values, rows, max(leads), driven.rows_per_day, key=0)
    found = persistence(driven, leads)[rows]
    assert np.allclose(found, expected[:, np.array(leads) - 1], rtol=0, atol=1e-12)


def changed_after(driven: Profiles, row: int) -> Profiles:
    """The same profiles with another future."""
    values = driven.values.copy()
    values[row + 1 :] = np.random.default_rng(0).uniform(0, 1, values[row + 1 :].shape) * values.max(axis=0)
    return replace(driven, values=values)


def seen(ground: Ground, world: World, memory: Memory) -> bytes:
    """What is shown of the grids in a memory."""
    return Episodes(ground, world, memory).look().tobytes()


def test_no_observation_depends_on_the_future_or_on_the_schedule(ground: Ground) -> None:
    begun = begin(ground, [3])
    first = int(begun.state.row[0])
    for later in range(0, 30, 10):
        begun.memory.blocks.view("row")[0], begun.memory.blocks.view("step")[0] = first + later, later
        other = make_observer(ground.model, changed_after(ground.driven, first + later), ground.steps)
        shown = seen(ground, begun.world, begun.memory)
        assert shown == seen(replace(ground, observer=other), begun.world, begun.memory)
        assert shown == seen(ground, replace(begun.world, schedule=no_schedule(1)), begun.memory)


def test_what_is_not_built_is_masked() -> None:
    env = GridEnv(scenario="six_bus", growth=True)
    shown = env.reset(seed=0)[0]
    state = env.state
    assert state is not None
    assert not state.bus_active.all()
    for k, name in enumerate(env._ground.model.scenario.network.bus_name):
        assert value(env, shown, f"bus.{name}.built") == pytest.approx(float(state.bus_active[0, k]), abs=1e-6)
    absent = set(np.flatnonzero(~state.bus_active[0]).tolist())
    columns = [k for k, bus in enumerate(env._ground.model.layout.column_bus) if bus in absent]
    for column in columns:
        name = env._ground.driven.columns[column]
        assert value(env, shown, f"now.{name}") == pytest.approx(0.0, abs=1e-4)
        if name.endswith("_mw"):
            assert value(env, shown, f"in_1h.{name}") == pytest.approx(0.0, abs=1e-4)


def test_vectors_mean_what_the_codec_says(ground: Ground) -> None:
    controls, begun = ground.model.vector_controls, begin(ground, [0, 1, 2])
    state = begun.state
    vector = np.random.default_rng(1).uniform(-1.2, 1.2, (3, len(controls.entries)))
    begun.seat.vector[...] = vector
    assert hand_in(resident(begun.seat))
    ours = begun.state.setpoints
    devices, closed = codec.vector_to_setpoints(controls, vector, state.setpoints.devices, np.ones_like(state.setpoints.closed))
    assert np.array_equal(ours.closed, closed)
    for kind, values in devices.items():
        assert ours.devices[kind].tobytes() == values.tobytes(), kind


def test_the_standing_action_changes_no_order(ground: Ground) -> None:
    env = GridEnv(scenario="six_bus", cycles=36)
    env.reset(seed=0)
    before = env.state
    env.step(env.standing_action)
    assert before is not None
    assert env.state is not None
    for kind, values in before.setpoints.devices.items():
        # The action has single precision.
        assert np.allclose(env.state.setpoints.devices[kind], values, atol=1e-4)
