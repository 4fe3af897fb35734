"""Checks of a scenario: one per file with a `CHECK`; adding one is adding a file."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from gridpilot.testing.finding import Check

__all__ = ["checks"]


@cache
def checks() -> tuple[Check, ...]:
    """Every check, in the order of their names."""
    modules = (import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__))
    found = (getattr(module, "CHECK", None) for module in modules)
    return tuple(sorted((check for check in found if isinstance(check, Check)), key=lambda check: check.name))
