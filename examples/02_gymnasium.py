"""Gymnasium: the grid as an environment; orders at random cost more than leaving the controls in the middle."""

import gymnasium
import numpy as np

env = gymnasium.make("gridpilot.envs:gridpilot/SixBus-v0")  # before the colon the module that registers it
env.action_space.seed(0)
print(f"{env.observation_space.shape[0]} observations, {env.action_space.shape[0]} actions: {', '.join(env.unwrapped.action_names)}")

for name, policy in {"zero": lambda: np.zeros(env.action_space.shape, np.float32), "random": env.action_space.sample}.items():
    _, info = env.reset(seed=0)
    total, ended = 0.0, False
    while not ended:
        _, reward, terminated, truncated, info = env.step(policy())
        total, ended = total + reward, terminated or truncated
    print(f"{name:8} reward of a day {total:10.1f}")
