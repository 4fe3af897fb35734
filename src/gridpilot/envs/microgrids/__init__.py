"""Microgrids as a multi-agent environment: PettingZoo's `ParallelEnv`, and a vector form of thousands.

env = gridpilot.microgrids_env(scenario="three_microgrids", vertical="setpoint")
env = gridpilot.microgrids_env("microgrids.yaml")
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gridpilot.envs.microgrids.config import MicrogridsConfig, make_config, read_config
from gridpilot.envs.microgrids.parallel import MicrogridsEnv
from gridpilot.envs.microgrids.vector import MicrogridsVectorEnv, Stepped
from gridpilot.errors import ConfigError

__all__ = [
    "MicrogridsConfig",
    "MicrogridsEnv",
    "MicrogridsVectorEnv",
    "Stepped",
    "make_config",
    "microgrids_env",
    "microgrids_vec",
    "read_config",
]


def microgrids_env(config: MicrogridsConfig | str | Path | None = None, **settings: Any) -> MicrogridsEnv:
    """An environment from a configuration, from a YAML file, or from keywords: the fields of `MicrogridsConfig`.

    Raises `ConfigError` for unknown keywords and for values that cannot be used, `UnknownNameError` for unknown names.
    """
    return MicrogridsEnv(_config(config, settings))


def microgrids_vec(
    num_envs: int, config: MicrogridsConfig | str | Path | None = None, *, threads: int | None = None, **settings: Any
) -> MicrogridsVectorEnv:
    """So many environments in one batch, stepped by so many threads (None: one on every core that the process may use); see
    `microgrids_env`.
    """
    return MicrogridsVectorEnv(num_envs, _config(config, settings), threads=threads)


def _config(config: MicrogridsConfig | str | Path | None, settings: dict[str, Any]) -> MicrogridsConfig:
    if config is None:
        return make_config(settings)
    if settings:
        raise ConfigError(f"Give a configuration or keywords, not both; found both, with {', '.join(settings)}.")
    return config if isinstance(config, MicrogridsConfig) else read_config(config)
