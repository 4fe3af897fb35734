"""Vertical protocols: how a grid agent moves its devices. One per file, with a `NAME` and a `make`."""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import Any

from gridpilot.agents.coordination.registry import make_named, named_modules
from gridpilot.agents.coordination.vertical.protocol import VerticalProtocol, between, coordinate

__all__ = ["VerticalProtocol", "between", "coordinate", "make_vertical", "vertical_names"]


@cache
def _modules() -> dict[str, ModuleType]:
    return named_modules(sys.modules[__name__])


def vertical_names() -> tuple[str, ...]:
    """Names that `make_vertical` knows."""
    return tuple(sorted(_modules()))


def make_vertical(name: str, **options: Any) -> VerticalProtocol:
    """A protocol by name; raises `UnknownNameError`, and `ConfigError` for options that it does not have."""
    made: VerticalProtocol = make_named("vertical protocol", _modules(), name, options)
    return made
