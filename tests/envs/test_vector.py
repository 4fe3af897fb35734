"""`GridVectorEnv`: every element goes through what the single environment goes through, bit for bit."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import gridpilot.envs
from gridpilot.envs import GridEnv, GridVectorEnv, make_vec
from gridpilot.errors import ActionError, ConfigError

CYCLES = 24
SEEDS = (11, 5, 8)
STEPS = 3 * CYCLES + 7


def random_actions(batch: int, width: int, steps: int = STEPS) -> Any:
    """Standing still at first, then wilder, so that some grids go down and others do not."""
    random = np.random.default_rng(3)
    return random.uniform(-1, 1, (steps, batch, width)).astype(np.float32)


def alone(seed: int, actions: Any) -> list[tuple[bytes, float, bool, bool, bytes | None]]:
    """What one grid goes through: observation, reward, ends, and the last observation before a reset."""
    env = GridEnv(scenario="six_bus", cycles=CYCLES)
    env.reset(seed=seed)
    seen = []
    for action in actions:
        shown, reward, terminated, truncated, _ = env.step(action)
        last = None
        if terminated or truncated:
            last, shown = shown.tobytes(), env.reset()[0]
        seen.append((shown.tobytes(), float(reward), terminated, truncated, last))
    return seen


def test_an_element_is_the_single_environment_through_every_reset() -> None:
    envs = make_vec("six_bus", len(SEEDS), cycles=CYCLES)
    envs.reset(seed=SEEDS)
    actions = random_actions(len(SEEDS), len(envs.action_names))
    single = [alone(seed, actions[:, b]) for b, seed in enumerate(SEEDS)]
    resets = 0
    for k, action in enumerate(actions):
        shown, reward, terminated, truncated, infos = envs.step(action)
        for b in range(len(SEEDS)):
            final = infos["final_obs"][b].tobytes() if "final_obs" in infos and infos["_final_obs"][b] else None
            assert (shown[b].tobytes(), reward[b], terminated[b], truncated[b], final) == single[b][k], (k, b)
            resets += final is not None
    assert resets >= 3 * len(SEEDS)


def test_elements_do_not_notice_each_other() -> None:
    alone_env, crowd = make_vec("six_bus", 1, cycles=CYCLES), make_vec("six_bus", 9, cycles=CYCLES)
    alone_env.reset(seed=[21])
    crowd.reset(seed=[*range(8), 21])
    actions = random_actions(9, len(crowd.action_names), 40)
    for action in actions:
        mine, theirs = alone_env.step(action[8:]), crowd.step(action)
        assert mine[0][0].tobytes() == theirs[0][8].tobytes()
        assert mine[1][0] == theirs[1][8]


def test_one_seed_counts_upwards() -> None:
    one, each = make_vec("six_bus", 3, cycles=CYCLES), make_vec("six_bus", 3, cycles=CYCLES)
    assert one.reset(seed=4)[0].tobytes() == each.reset(seed=[4, 5, 6])[0].tobytes()


def test_it_is_what_gymnasium_expects() -> None:
    envs = gymnasium.make_vec("gridpilot/SixBus-v0", num_envs=4, vectorization_mode="vector_entry_point", cycles=CYCLES)
    assert isinstance(envs.unwrapped, GridVectorEnv)
    assert envs.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    shown, _ = envs.reset(seed=0)
    envs.action_space.seed(0)
    for _ in range(CYCLES + 2):
        assert envs.observation_space.contains(shown)
        shown, reward, terminated, truncated, infos = envs.step(envs.action_space.sample())
        assert reward.shape == terminated.shape == truncated.shape == infos["_reward_terms"].shape == (4,)
    envs.close()


def test_final_infos_are_those_of_the_step_that_ended() -> None:
    envs = make_vec("six_bus", 2, cycles=1)
    envs.reset(seed=0)
    standing = np.tile(envs.standing_action, (2, 1))
    _, reward, _, truncated, infos = envs.step(standing)
    assert truncated.all()
    weights = envs._ground.model.weights
    terms = np.stack([infos["final_info"]["reward_terms"][name] for name in gridpilot.values.REWARD_TERMS], axis=1)
    assert np.allclose(terms @ weights, reward)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda envs: pickle.loads(pickle.dumps(envs))], ids=["deepcopy", "pickle"])
def test_a_copy_goes_on_alike_through_a_reset(duplicate: Any) -> None:
    envs = make_vec("six_bus", 3, cycles=CYCLES)
    envs.reset(seed=0)
    actions = random_actions(3, len(envs.action_names), CYCLES + 5)
    for action in actions[:6]:
        envs.step(action)
    other = duplicate(envs)
    for action in actions[6:]:
        assert envs.step(action)[0].tobytes() == other.step(action)[0].tobytes()


def test_wrong_use_is_refused() -> None:
    with pytest.raises(ConfigError, match="num_envs"):
        make_vec("six_bus", 0)
    envs = make_vec("six_bus", 2, cycles=CYCLES)
    standing = np.tile(envs.standing_action, (2, 1))
    with pytest.raises(ConfigError, match="reset"):
        envs.step(standing)
    with pytest.raises(ConfigError, match="seeds"):
        envs.reset(seed=[1, 2, 3])
    envs.reset(seed=0)
    with pytest.raises(ActionError, match="3 elements"):
        envs.step(np.tile(envs.standing_action, (3, 1)))
