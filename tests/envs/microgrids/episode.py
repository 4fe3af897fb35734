"""Episodes of the microgrids environment under drawn actions, and what is compared of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gridpilot.envs.microgrids import MicrogridsEnv, microgrids_env
from gridpilot.traces.fingerprint import state_hash

STEPS = 96


class Told(NamedTuple):
    """What an episode was, step by step."""

    hashes: list[str]
    rewards: list[tuple[float, ...]]
    infos: list[dict[str, Any]]


def actions(env: MicrogridsEnv, random: np.random.Generator, reach: float = 0.4) -> dict[str, Any]:
    """Drawn actions of all agents that are there."""
    return {name: random.uniform(-reach, reach, env.action_space(name).shape).astype(np.float32) for name in env.agents}


def play(env: MicrogridsEnv, steps: int = STEPS, seed: int = 5) -> Told:
    """An episode from its beginning, or so many steps of it."""
    env.reset(seed=seed)
    random, told = np.random.default_rng(seed), Told([_hash(env)], [], [])
    for _ in range(steps):
        _, rewards, _, _, infos = env.step(actions(env, random))
        told.hashes.append(_hash(env))
        told.rewards.append(tuple(rewards.values()))
        told.infos.append(infos)
        if not env.agents:
            break
    return told


def played(steps: int = STEPS, seed: int = 5, **settings: Any) -> Told:
    """The same of an environment that is closed afterwards."""
    env = microgrids_env(**settings)
    try:
        return play(env, steps, seed)
    finally:
        env.close()


def _hash(env: MicrogridsEnv) -> str:
    state = env.grid_state
    assert state is not None
    return state_hash(state)
