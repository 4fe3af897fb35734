"""Who sees which feature.

Every feature of an observation has an owner, the role whose bus, branch or device it is about, and a visibility:

    public   everybody sees it
    owner    its owner alone, and the system
    upper    its owner and the roles above
    system   the system alone

A microgrid sees what is public and what is its own; the system sees everything: that is the state of a central critic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

import numpy as np

from gridpilot.agents.roles import SYSTEM_ROLE, RoleTree
from gridpilot.errors import ConfigError, Problem
from gridpilot.scenarios import Scenario
from gridpilot.values import Ints

USUAL = {
    "clock.*": "public",
    "*price_usd_per_mwh": "public",
    "*": "upper",
}
"""Tried in this order after what the configuration says."""


def owners(names: Sequence[str], scenario: Scenario, tree: RoleTree) -> list[str]:
    """The role that owns each feature; what belongs to nobody belongs to the system."""
    area_of_bus = {bus: area.name for area in scenario.areas for bus in area.buses}
    network = scenario.network
    ends = zip(network.branch_name, network.branch_from.tolist(), network.branch_to.tolist(), strict=True)
    owner = dict(area_of_bus)
    for name, a, b in ends:
        sides = {area_of_bus.get(network.bus_name[end], SYSTEM_ROLE) for end in (a, b)}
        owner[name] = sides.pop() if len(sides) == 1 else SYSTEM_ROLE
    owner |= {area.tie: area.name for area in scenario.areas}
    for table in scenario.tables.values():
        for name, bus in zip(table.name, table.bus.tolist(), strict=True):
            owner[name] = name if name in tree.roles else area_of_bus.get(network.bus_name[bus], SYSTEM_ROLE)
    return [owner.get(_component(name), SYSTEM_ROLE) for name in names]


def _component(name: str) -> str:
    """`bus.MG1-675.v_pu` is about MG1-675."""
    return name.partition(".")[2].rpartition(".")[0]


def check_patterns(names: Sequence[str], rules: Mapping[str, str]) -> None:
    """Raises `ConfigError` with every pattern that no feature has, and the nearest names: it would hide nothing, silently."""
    problems = []
    for pattern in rules:
        if not any(fnmatchcase(name, pattern) for name in names):
            near = get_close_matches(pattern, names, n=3, cutoff=0.3) or names[:3]
            problems.append(Problem(f"visibility.{pattern}", f"matches no feature; the nearest are {', '.join(near)}"))
    if problems:
        raise ConfigError("The microgrids cannot be set up like this.", problems)


def visibility(name: str, rules: Mapping[str, str]) -> str:
    """The visibility of a feature by the first pattern that matches it."""
    return next(level for pattern, level in {**rules, **USUAL}.items() if fnmatchcase(name, pattern))


def visible(role: str, names: Sequence[str], owner: Sequence[str], tree: RoleTree, rules: Mapping[str, str]) -> Ints:
    """Places of the features that a role sees, in their order."""
    found = []
    for k, name in enumerate(names):
        level = visibility(name, rules)
        seen = role == SYSTEM_ROLE or level == "public" or (level in ("owner", "upper") and owner[k] == role)
        if seen or (level == "upper" and role in tree.above(owner[k])):
            found.append(k)
    return np.array(found, dtype=np.int64)
