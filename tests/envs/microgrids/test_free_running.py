"""An environment that waits for nobody: the newest answers count, whenever they come, and every step is booked once."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import numpy as np
import pytest
from tests.envs.microgrids.episode import actions, play

from gridpilot.agents.grid import GridAgent, Unclosed
from gridpilot.envs.microgrids import MicrogridsConfig, microgrids_env
from gridpilot.errors import ConfigError

FREE: dict[str, Any] = {"centralized": False, "mode": "free-running", "pace_s": 0.1, "deadline_s": 1.0, "faults": {"seed": 1}}
"""Time is virtual; with faults, though none happen, agents are hosts of their own, so that a slow one delays nobody."""
ANSWER = GridAgent.answer
BATTERY = 1
KEPT = 1.0 - 2e-5 * 0.25


def slow(monkeypatch: pytest.MonkeyPatch, role: str, seconds: float) -> None:
    """Let an agent think for so long before every step."""

    async def thinking(self: GridAgent, question: Any) -> Any:
        if self.role == role and question.at.phase == "proceed":
            await asyncio.sleep(seconds)
        return ANSWER(self, question)

    monkeypatch.setattr(GridAgent, "answer", thinking)


def drawn(energy_mwh: float, p_mw: float) -> float:
    """A battery after a step at a power."""
    return energy_mwh * KEPT - 0.25 * (p_mw / 0.95 if p_mw > 0.0 else p_mw * 0.95)


def test_agents_that_answer_within_the_pace_are_never_old() -> None:
    env = microgrids_env(**FREE)
    told = play(env, 24)
    assert {info["silent_cycles"] for infos in told.infos for info in infos.values()} == {0}
    env.close()


def test_a_slow_agent_is_taken_as_it_was_and_its_energy_is_booked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch, "MG2", 0.35)
    booked: Counter[tuple[str, int]] = Counter()
    close_late = GridAgent._close_late

    def counting(self: GridAgent, unclosed: Unclosed) -> None:
        booked[self.role, unclosed.step] += unclosed.step not in self._closed
        close_late(self, unclosed)

    monkeypatch.setattr(GridAgent, "_close_late", counting)
    env = microgrids_env(**FREE)
    env.reset(seed=5)
    state = env.grid_state
    assert state is not None
    random, ages = np.random.default_rng(5), []
    expected, closed = [float(state.devices["storage"].energy_mwh[0, BATTERY])], [0]
    for _ in range(60):
        infos = env.step(actions(env, random, reach=0.2))[4]
        state = env.grid_state
        assert state is not None
        expected.append(drawn(expected[-1], float(infos["MG2"]["applied_mw"][BATTERY])))
        energy = float(state.devices["storage"].energy_mwh[0, BATTERY])
        closed.append(closed[-1] + int(np.argmin(np.abs(np.array(expected[closed[-1] :]) - energy))))
        assert energy == pytest.approx(expected[closed[-1]], abs=1e-12)
        ages.append(infos["MG2"]["silent_cycles"])
        assert infos["MG1"]["silent_cycles"] == infos["MG3"]["silent_cycles"] == 0
    env.close()
    assert 3 <= max(ages) <= 20
    assert closed[-1] > 40
    assert set(booked.values()) == {1}
    assert sorted(step for role, step in booked if role == "MG1") == list(range(1, 60))


def test_what_slow_agents_spend_is_paid_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs come late, none twice: of the whole day no more than the last steps are missing."""
    paid = []
    for seconds in (0.0, 0.25):
        slow(monkeypatch, "MG2", seconds)
        env = microgrids_env(**FREE, hold_cycles=100)
        env.reset(seed=5)
        cost = 0.0
        for _ in range(40):
            infos = env.step({name: np.full(4, 0.5, np.float32) for name in env.agents})[4]
            cost += infos["MG2"]["reward_parts"]["operating_usd"]
        paid.append(cost)
        env.close()
    assert 0.6 * paid[0] < paid[1] < paid[0]


def test_an_agent_that_never_answers_holds_until_its_orders_are_no_longer_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    slow(monkeypatch, "MG2", 1e6)
    env = microgrids_env(**FREE, hold_cycles=1)
    env.reset(seed=5)
    state = env.grid_state
    assert state is not None
    ordered = []
    for _ in range(30):
        infos = env.step({name: np.full(4, 0.5, np.float32) for name in env.agents})[4]
        ordered.append(infos["MG2"]["ordered_mw"].copy())
    assert env.remote is not None
    env.close()
    held = [bool((own == ordered[0]).all()) for own in ordered]
    assert ordered[0].any()
    # Two deadlines of a second, at ten steps a second.
    assert held.count(True) == pytest.approx(20, abs=1)
    assert not any(own.any() for own in ordered[held.count(True) :])


def test_what_needs_answers_of_the_same_step_is_not_offered() -> None:
    assert MicrogridsConfig(mode="free_running").step_mode == MicrogridsConfig(mode="free-running").step_mode == "free_running"
    with pytest.raises(ConfigError, match="needs answers of the same step"):
        MicrogridsConfig(mode="free-running", horizontal="trading")
