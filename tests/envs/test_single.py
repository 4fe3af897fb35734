"""`GridEnv`: a Gymnasium environment that keeps its promises."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest

from gridpilot.envs import IDS, GridEnv
from gridpilot.errors import ActionError, ConfigError, UnknownNameError
from gridpilot.scenarios import ProtectionSettings, load_scenario, scenario_titles
from gridpilot.testing.compare import difference
from gridpilot.testing.envs import check_env
from gridpilot.twin.step import step
from gridpilot.values import REWARD_TERMS


@pytest.mark.parametrize("scenario", sorted(scenario_titles()))
def test_every_scenario_passes_the_checks(scenario: str) -> None:
    check_env(scenario)


def test_a_growing_grid_passes_the_checks() -> None:
    check_env("six_bus", growth=True)


@pytest.mark.parametrize("name", [name for name, scenario in IDS.items() if scenario in scenario_titles()])
def test_gymnasium_makes_the_registered_ids(name: str) -> None:
    env = gymnasium.make(name)
    env.reset(seed=0)
    shown, reward, terminated, truncated, info = env.step(env.unwrapped.standing_action)  # type: ignore[attr-defined]
    assert shown.shape == env.observation_space.shape
    assert np.isfinite(float(reward))
    assert not terminated
    assert not truncated
    assert set(info["reward_terms"]) == set(REWARD_TERMS)
    env.close()


def test_names_are_unique_and_as_many_as_numbers(env: GridEnv) -> None:
    assert len(set(env.observation_names)) == len(env.observation_names) == env.observation_space.shape[0]  # type: ignore[index]
    assert len(set(env.action_names)) == len(env.action_names) == env.action_space.shape[0]  # type: ignore[index]


def test_an_episode_is_truncated_at_its_end_and_not_terminated(env: GridEnv) -> None:
    env.reset(seed=0)
    ends = []
    for _ in range(env.settings.cycles or 0):
        _, _, terminated, truncated, _ = env.step(env.standing_action)
        ends.append((terminated, truncated))
    assert ends[:-1] == [(False, False)] * (len(ends) - 1)
    assert ends[-1] == (False, True)
    with pytest.raises(ConfigError, match="call reset"):
        env.step(env.standing_action)


def test_going_down_is_terminated_and_costs_the_rest_of_the_day() -> None:
    fragile = replace(load_scenario("six_bus"), protection=ProtectionSettings(hard_limit=0.3, rounds=1))
    env = GridEnv(scenario=fragile, cycles=144)
    env.reset(seed=0)
    running, reliability = env._running, REWARD_TERMS.index("reliability")
    assert running is not None
    world, state = running.world, running.state
    terminated = False
    while not terminated:
        _, reward, terminated, truncated, info = env.step(env.standing_action)
    assert not truncated
    assert reward == pytest.approx(
        sum(info["reward_terms"][name] * w for name, w in zip(REWARD_TERMS, env._ground.model.weights, strict=True))
    )
    # The twin keeps the dark grid to the end of the day; the environment books the same at once.
    moves = []
    for _ in range(144):
        moves.append(step(env._ground.model, world, state, state.setpoints))
        state = moves[-1].state
    rest = sum(moved.reward_terms[0, 0, reliability] for moved in moves if moved.state.collapsed[0])
    assert rest < 0
    assert info["reward_terms"]["reliability"] == pytest.approx(rest)


def test_the_weighted_terms_are_the_reward(env: GridEnv, actions: Any) -> None:
    env.reset(seed=2)
    weights = dict(zip(REWARD_TERMS, env._ground.model.weights.tolist(), strict=True))
    for action in actions[:10]:
        _, reward, _, _, info = env.step(action)
        assert reward == pytest.approx(sum(weights[name] * value for name, value in info["reward_terms"].items()))


def rollout(env: GridEnv, actions: Any) -> list[bytes]:
    """Every observation and reward of some steps, as bytes."""
    seen = []
    for action in actions:
        shown, reward, terminated, truncated, _ = env.step(action)
        seen += [shown.tobytes(), np.float64(reward).tobytes()]
        if terminated or truncated:
            break
    return seen


def test_a_seed_repeats_bit_for_bit_in_another_object(env: GridEnv, actions: Any) -> None:
    other = GridEnv(scenario="six_bus", cycles=env.settings.cycles)
    assert env.reset(seed=9)[0].tobytes() == other.reset(seed=9)[0].tobytes()
    assert rollout(env, actions) == rollout(other, actions)
    assert env.reset()[0].tobytes() == other.reset()[0].tobytes()
    assert env.reset(seed=10)[0].tobytes() != other.reset(seed=9)[0].tobytes()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["deepcopy", "pickle"])
def test_a_copy_in_the_middle_of_an_episode_goes_on_alike(env: GridEnv, actions: Any, duplicate: Any) -> None:
    env.reset(seed=4)
    rollout(env, actions[:5])
    other = duplicate(env)
    assert rollout(env, actions[5:]) == rollout(other, actions[5:])
    assert env.reset()[0].tobytes() == other.reset()[0].tobytes()


def test_the_start_day_is_the_one_asked_for(env: GridEnv) -> None:
    env.reset(seed=0, options={"start": "2016-07-04"})
    assert env.state is not None
    assert str(env._ground.driven.time(int(env.state.row[0]))) == "2016-07-04T00:00"


@pytest.mark.parametrize("period", ["tuning", "judging"])
def test_days_are_drawn_from_the_period(env: GridEnv, period: str) -> None:
    first, last = getattr(env._ground.model.scenario.sources["simbench"], period)
    drawn = set()
    for seed in range(8):
        env.reset(seed=seed, options={"period": period})
        assert env.state is not None
        drawn.add(str(env._ground.driven.time(int(env.state.row[0])))[:10])
    assert len(drawn) > 1
    assert all(first <= day <= last for day in drawn)


def test_wrong_options_are_all_named(env: GridEnv) -> None:
    with pytest.raises(ConfigError) as caught:
        env.reset(options={"begin": 1, "period": "night", "start": "yesterday"})
    assert {problem.where for problem in caught.value.problems} == {"begin", "period", "start"}


def test_a_day_without_data_is_refused(env: GridEnv) -> None:
    with pytest.raises(ConfigError, match="1999-01-01"):
        env.reset(options={"start": "1999-01-01"})


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="colour"):
        GridEnv(colour="red")
    with pytest.raises(ConfigError, match="period"):
        GridEnv(period="night")
    with pytest.raises(UnknownNameError, match="six-bus"):
        GridEnv(scenario="seven_bus")


def test_an_action_that_is_none_is_refused(env: GridEnv) -> None:
    env.reset(seed=0)
    with pytest.raises(ActionError, match="shape"):
        env.step(np.zeros(3, np.float32))
    broken = env.standing_action
    broken[2] = np.nan
    with pytest.raises(ActionError, match=env.action_names[2]):
        env.step(broken)


def test_a_branch_without_an_entry_closes_again_after_its_lockout(env: GridEnv) -> None:
    env.reset(seed=0)
    env.step(env.standing_action)
    assert env.state is not None
    fixed = next(k for k, name in enumerate(env._ground.model.scenario.network.branch_name) if f"{name}.status" not in env.action_names)
    assert env._running is not None
    view = env._running.memory.blocks.view
    view("lockout_h")[0, fixed], view("tripped")[0, fixed] = 0.2, True
    closed = []
    for _ in range(5):
        env.step(env.standing_action)
        closed.append(bool(env.state.setpoints.closed[0, fixed]))
    assert closed[0] is False
    assert closed[-1] is True


def test_what_an_environment_returns_stays_as_it_is(env: GridEnv, actions: Any) -> None:
    """Observations and states are values of their own: the next step does not write into them."""
    env.reset(seed=3)
    shown = env.step(actions[0])[0]
    state = env.state
    assert state is not None
    before = shown.copy(), copy.deepcopy(state)
    env.step(actions[1])
    assert shown.tobytes() == before[0].tobytes()
    assert difference(state, before[1]) == ""


def test_an_action_that_is_refused_changes_nothing(env: GridEnv, actions: Any) -> None:
    env.reset(seed=3)
    env.step(actions[0])
    before = env.state
    broken = actions[1].copy()
    broken[-1] = np.inf
    with pytest.raises(ActionError):
        env.step(broken)
    assert difference(env.state, before) == ""
