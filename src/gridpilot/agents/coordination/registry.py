"""Protocols by name: every module of a package that has a `NAME` and a `make`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from inspect import signature
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, get_type_hints

from gridpilot.errors import ConfigError, Problem, UnknownNameError
from gridpilot.hints import misfits


def named_modules(package: ModuleType) -> dict[str, ModuleType]:
    """Name to module of what a package's folders hold."""
    found = (import_module(f"{package.__name__}.{info.name}") for info in iter_modules(package.__path__))
    return {module.NAME: module for module in found if hasattr(module, "NAME") and hasattr(module, "make")}


def make_named(what: str, modules: Mapping[str, ModuleType], name: str, options: Mapping[str, Any]) -> Any:
    """What the `make` of a module returns (in names dashes and underscores are the same).

    Raises `UnknownNameError` listing the valid names, and `ConfigError` naming all options that are unknown, missing or of a wrong type.
    """
    key = name.lower().replace("_", "-")
    if key not in modules:
        raise UnknownNameError(what, name, sorted(modules))
    make = modules[key].make
    known = signature(make).parameters
    listed = ", ".join(known) or "none"
    problems = [Problem(option, f"unknown option; expected some of: {listed}") for option in options if option not in known]
    needed = [option for option, parameter in known.items() if parameter.default is parameter.empty]
    problems += [Problem(option, "is missing") for option in needed if option not in options]
    hints = get_type_hints(make)
    problems += [problem for option in known if option in options for problem in misfits(option, options[option], hints[option])]
    if problems:
        raise ConfigError(f"The {what} {key!r} cannot be made.", problems)
    return make(**options)
