"""Scenarios: a grid, its devices, its world and its rules. One per file with a `build()` and a `TITLE`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from gridpilot.errors import UnknownNameError
from gridpilot.scenarios.area import Area
from gridpilot.scenarios.scenario import ProtectionSettings, RewardSettings, Scenario, Source, device_tables

__all__ = [
    "Area",
    "ProtectionSettings",
    "RewardSettings",
    "Scenario",
    "Source",
    "device_tables",
    "load_scenario",
    "scenario_titles",
]

ALIASES = {"6_bus": "six_bus", "14_bus": "ieee14", "ieee_14": "ieee14"}
"""Other spellings that are accepted."""
SIZED = ("microgrids",)
"""Scenarios of any size, called by their number as well: `microgrids-100`. The module's function of its own name builds them."""


@cache
def scenario_titles() -> dict[str, str]:
    """Every scenario's name and title: each module of this package that has a `build` and a `TITLE`."""
    modules = {info.name: import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__)}
    return {name: module.TITLE for name, module in modules.items() if hasattr(module, "build") and hasattr(module, "TITLE")}


def load_scenario(name: str, *, growth: bool = False, seed: int = 0) -> Scenario:
    """A scenario by name (dashes and underscores are the same; `microgrids-N` for any N), growing while it runs if asked for.

    `seed` draws what grows. Raises `UnknownNameError` which lists the valid names.
    """
    key = name.lower().replace("-", "_")
    key = ALIASES.get(key, key)
    built = _built(key, name)
    if growth:
        from gridpilot.scenarios.growth import with_growth

        return with_growth(built, seed)
    return built


def _built(key: str, name: str) -> Scenario:
    titles = scenario_titles()
    stem, _, size = key.rpartition("_")
    if key not in titles and stem in SIZED and size.isdecimal():
        sized: Scenario = getattr(import_module(f"{__name__}.{stem}"), stem)(int(size))
        return sized
    if key not in titles:
        raise UnknownNameError("scenario", name, [known.replace("_", "-") for known in (*titles, *(f"{stem}_N" for stem in SIZED))])
    built: Scenario = import_module(f"{__name__}.{key}").build()
    return built
