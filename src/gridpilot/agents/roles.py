"""Roles: who may move which devices, in a tree from the system over its grids to their devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from gridpilot.errors import ConfigError, Problem

SYSTEM_ROLE = "system"
"""Name of the root."""


class Level(Enum):
    """Where in the tree a role stands."""

    SYSTEM = "system"
    GRID = "grid"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Role:
    """A place at the controls, which a rule, a policy, a language model or a person may hold."""

    name: str
    level: Level
    parent: str
    """The role above; empty for the root."""
    devices: tuple[str, ...]
    """What it may move, by itself or through the roles below."""


@dataclass(frozen=True, eq=False)
class RoleTree:
    """The roles of a grid, from the root to the leaves."""

    roles: Mapping[str, Role]

    def below(self, name: str) -> tuple[Role, ...]:
        """The roles right below one."""
        return tuple(role for role in self.roles.values() if role.parent == name)

    def above(self, name: str) -> tuple[str, ...]:
        """The roles above one, nearest first."""
        found, role = [], self.roles[name]
        while role.parent:
            found.append(role.parent)
            role = self.roles[role.parent]
        return tuple(found)

    def at(self, level: Level) -> tuple[Role, ...]:
        """The roles of a level."""
        return tuple(role for role in self.roles.values() if role.level is level)


def role_tree(areas: Mapping[str, Sequence[str]], others: Sequence[str] = ()) -> RoleTree:
    """The tree over areas with their devices, and `others` which belong to the system itself.

    Raises `ConfigError` with every name that is there twice: devices, areas and the system share one list of names.
    """
    names = [SYSTEM_ROLE, *areas, *others, *(device for devices in areas.values() for device in devices)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError("Roles need names of their own.", [Problem(name, "is there twice") for name in twice])
    everything = tuple(device for devices in areas.values() for device in devices) + tuple(others)
    roles = [Role(SYSTEM_ROLE, Level.SYSTEM, "", everything)]
    roles += [Role(area, Level.GRID, SYSTEM_ROLE, tuple(devices)) for area, devices in areas.items()]
    roles += [Role(device, Level.DEVICE, area, (device,)) for area, devices in areas.items() for device in devices]
    return RoleTree({role.name: role for role in roles})
