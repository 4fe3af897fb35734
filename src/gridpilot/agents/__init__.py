"""Agents: functions from a view to a decision. One per file, with a `NAME` and a `make`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from gridpilot.errors import ConfigError, UnknownNameError
from gridpilot.values import Agent

__all__ = ["agent_names", "make_agent"]


@cache
def _modules() -> dict[str, ModuleType]:
    found = (import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__))
    return {module.NAME: module for module in found if hasattr(module, "NAME") and hasattr(module, "make")}


def agent_names() -> tuple[str, ...]:
    """Names that `make_agent` knows."""
    return tuple(sorted(_modules()))


def make_agent(name: str, **options: Any) -> Agent:
    """An agent by name (dashes and underscores are the same).

    Raises `UnknownNameError` listing the valid ones, and `ConfigError` for options that the agent does not have.
    """
    key = name.lower().replace("_", "-")
    if key not in _modules():
        raise UnknownNameError("agent", name, agent_names())
    try:
        made: Agent = _modules()[key].make(**options)
    except TypeError as error:
        raise ConfigError(f"Agent {key!r} cannot be made with the options {sorted(options)}: {error}.") from error
    return made
