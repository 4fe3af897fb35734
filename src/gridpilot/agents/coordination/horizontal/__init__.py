"""Horizontal protocols: how grid agents deal with each other. One per file, with a `NAME` and a `make`."""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import Any

from gridpilot.agents.coordination.horizontal.protocol import Agreement, HorizontalProtocol
from gridpilot.agents.coordination.registry import make_named, named_modules

__all__ = ["Agreement", "HorizontalProtocol", "horizontal_names", "make_horizontal"]


@cache
def _modules() -> dict[str, ModuleType]:
    return named_modules(sys.modules[__name__])


def horizontal_names() -> tuple[str, ...]:
    """Names that `make_horizontal` knows."""
    return tuple(sorted(_modules()))


def make_horizontal(name: str, **options: Any) -> HorizontalProtocol:
    """A protocol by name; raises `UnknownNameError`, and `ConfigError` for options that it does not have."""
    made: HorizontalProtocol = make_named("horizontal protocol", _modules(), name, options)
    return made
