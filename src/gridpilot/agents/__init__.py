"""Agents: functions from a view to a decision. One per file, with a `NAME` and a `make`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from inspect import Parameter, signature
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from gridpilot.errors import ConfigError, Problem, UnknownNameError
from gridpilot.values import Agent

__all__ = ["agent_names", "agent_options", "make_agent", "make_agents"]


@cache
def _modules() -> dict[str, ModuleType]:
    found = (import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__))
    return {module.NAME: module for module in found if hasattr(module, "NAME") and hasattr(module, "make")}


def agent_names() -> tuple[str, ...]:
    """Names that `make_agent` knows."""
    return tuple(sorted(_modules()))


def agent_options(name: str) -> tuple[str, ...]:
    """Options of an agent's `make` that have a name of their own; raises as `make_agent`."""
    module, _ = _found(name)
    return tuple(key for key, own in signature(module.make).parameters.items() if own.kind is not Parameter.VAR_KEYWORD)


def make_agent(name: str, **options: Any) -> Agent:
    """An agent by name (dashes and underscores are the same), for some with an argument, as in `local:models/mine`.

    Raises `UnknownNameError` listing the valid ones, and `ConfigError` for options that the agent does not have.
    """
    module, argument = _found(name)
    try:
        made: Agent = module.make(**options, **argument)
    except TypeError as error:
        given = sorted({*options, *argument})
        raise ConfigError(f"Agent {module.NAME!r} cannot be made with the options {given}: {error}.") from error
    return made


def make_agents(names: Sequence[str], options: Mapping[str, Any]) -> list[Agent]:
    """Agents by name, each with those of the options that it has.

    Raises `ConfigError` for an option that none of them has, beside what `make_agent` raises.
    """
    own = [set(agent_options(name)) for name in names]
    lost = [Problem(key, f"is no option of {', '.join(names)}") for key in options if not any(key in keys for keys in own)]
    if lost:
        raise ConfigError("Some options are for other agents.", lost)
    return [make_agent(name, **{key: options[key] for key in options if key in keys}) for name, keys in zip(names, own, strict=True)]


def _found(name: str) -> tuple[ModuleType, dict[str, str]]:
    """The module of an agent, and what stands behind the colon under the name that its `ARGUMENT` says."""
    given, _, argument = name.partition(":")
    key = given.lower().replace("_", "-")
    if key not in _modules():
        raise UnknownNameError("agent", name, agent_names())
    module = _modules()[key]
    takes = getattr(module, "ARGUMENT", "")
    if argument and not takes:
        raise ConfigError(f"Agent {key!r} takes nothing behind a colon, found {argument!r}.")
    return module, {takes: argument} if argument else {}
