"""Environments for learners: Gymnasium's `Env` and `VectorEnv` over the twin.

    import gridpilot.envs                                   # registers the ids
    env = gymnasium.make("gridpilot/SixBus-v0")
    envs = gridpilot.make_vec("ieee14", num_envs=1024)

Gymnasium imports the module before a colon by itself: `gymnasium.make("gridpilot.envs:gridpilot/SixBus-v0")`.
"""

from gridpilot.envs.observation import Entry
from gridpilot.envs.registration import IDS, register_envs
from gridpilot.envs.settings import EnvSettings, ResetOptions
from gridpilot.envs.single import GridEnv
from gridpilot.envs.vector import GridVectorEnv, make_vec

__all__ = ["IDS", "Entry", "EnvSettings", "GridEnv", "GridVectorEnv", "ResetOptions", "make_vec"]

register_envs()
