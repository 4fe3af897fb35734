"""`check_env`: what every environment must be, for those who write a scenario or an environment."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env as check_gymnasium_env

from gridpilot.envs import GridEnv
from gridpilot.scenarios import Scenario


def check_env(scenario: Scenario | str = "six_bus", *, make: Callable[..., gymnasium.Env[Any, Any]] = GridEnv, **settings: Any) -> None:
    """Raises `AssertionError` at the first thing that no environment may do.

    Gymnasium's own checker passes without a warning; observations are numbers inside their space, for actions at both
    ends of theirs; the same seed gives the same episode bit for bit, another one another; a copy taken in the middle
    goes on as the original does; actions change what happens.
    """
    env = make(scenario=scenario, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_gymnasium_env(env, skip_render_check=True)
    low, high = env.action_space.low, env.action_space.high  # type: ignore[attr-defined]  # Box
    for action in (low, high, (low + high) / 2):
        for shown in _episode(env, 0, action):
            assert env.observation_space.contains(shown), "an observation is outside its space, or not a number"
    middle = (low + high) / 2
    once, again, other = (_episode(env, seed, middle) for seed in (1, 1, 2))
    assert _same(once, again), "two episodes of the same seed differ"
    assert not _same(once, other), "episodes of different seeds do not differ: the seed does nothing"
    assert not _same(once, _episode(env, 1, high)), "actions do not change what is observed"
    _check_copy(env, middle)


def _episode(env: gymnasium.Env[Any, Any], seed: int, action: Any, cycles: int = 24) -> list[Any]:
    """Observations and rewards of the first cycles of an episode under one action."""
    seen = [env.reset(seed=seed)[0]]
    for _ in range(cycles):
        shown, reward, terminated, truncated, _ = env.step(action)
        assert np.isfinite(float(reward)), f"a reward is {reward}"
        seen.append(shown)
        if terminated or truncated:
            break
    return seen


def _same(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def _check_copy(env: gymnasium.Env[Any, Any], action: Any) -> None:
    env.reset(seed=3)
    env.step(action)
    twin = deepcopy(env)
    ours, theirs = env.step(action), twin.step(action)
    assert ours[0].tobytes() == theirs[0].tobytes(), "a copy goes on otherwise than its original"
    assert ours[1:4] == theirs[1:4], "a copy goes on otherwise than its original"
