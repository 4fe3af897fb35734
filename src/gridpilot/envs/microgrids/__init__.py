"""Microgrids as a multi-agent environment: PettingZoo's `ParallelEnv`, and a vector form of thousands.

env = gridpilot.microgrids_env(scenario="three_microgrids", vertical="setpoint")
env = gridpilot.microgrids_env("microgrids.yaml")
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gridpilot.envs.microgrids.config import MicrogridsConfig, make_config, read_config
from gridpilot.envs.microgrids.parallel import MicrogridsEnv
from gridpilot.errors import ConfigError

__all__ = ["MicrogridsConfig", "MicrogridsEnv", "make_config", "microgrids_env", "read_config"]


def microgrids_env(config: MicrogridsConfig | str | Path | None = None, **settings: Any) -> MicrogridsEnv:
    """An environment from a configuration, from a YAML file, or from keywords: the fields of `MicrogridsConfig`.

    Raises `ConfigError` for unknown keywords and for values that cannot be used, `UnknownNameError` for unknown names.
    """
    if config is None:
        return MicrogridsEnv(make_config(settings))
    if settings:
        raise ConfigError(f"Give a configuration or keywords, not both; found both, with {', '.join(settings)}.")
    return MicrogridsEnv(config if isinstance(config, MicrogridsConfig) else read_config(config))
