"""Area: a part of the grid that has an owner of its own, such as a microgrid, and the branch over which it trades with the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gridpilot.errors import ConfigError, Problem
from gridpilot.network import Network


@dataclass(frozen=True, slots=True)
class Area:
    """A connected part of the grid."""

    name: str
    buses: tuple[str, ...]
    tie: str
    """The branch to the rest of the grid. What flows over it into the area is bought, what flows out is sold."""
    sell_discount: float = 1.0
    """Part of the market price that is paid for what is sold, 0 to 1."""


def area_of(name: str, network: Network, buses: Sequence[str], *, sell_discount: float = 1.0) -> Area:
    """The area of these buses, whose tie is the one branch that leads out; raises `ConfigError` where it is not one."""
    inside = np.zeros(network.n_bus, dtype=np.bool_)
    inside[[network.bus(bus) for bus in buses]] = True
    ties = [network.branch_name[k] for k in np.flatnonzero(inside[network.branch_from] != inside[network.branch_to])]
    if len(ties) != 1:
        found = ", ".join(ties) or "none"
        raise ConfigError(f"Area {name!r} needs one branch to the rest of the grid; found {found}. Name the one that is its tie.")
    return Area(name, tuple(buses), ties[0], sell_discount)


def area_problems(areas: Sequence[Area], network: Network) -> Iterator[Problem]:
    """What is wrong with the areas of a grid."""
    known, owner = frozenset(network.bus_name), dict[str, str]()
    names = Counter(area.name for area in areas)
    yield from (Problem(name, "two areas have this name") for name, count in sorted(names.items()) if count > 1)
    for area in areas:
        for bus in area.buses:
            if bus not in known:
                yield Problem(area.name, f"has bus {bus!r}, which is not in the network")
            elif bus in owner:
                yield Problem(area.name, f"has bus {bus!r}, which belongs to {owner[bus]} already")
            owner[bus] = area.name
        if not 0.0 <= area.sell_discount <= 1.0:
            yield Problem(f"{area.name}.sell_discount", f"must be in 0 … 1, found {area.sell_discount:g}")
        yield from _tie_problems(area, network)


def _tie_problems(area: Area, network: Network) -> Iterator[Problem]:
    if area.tie not in network.branch_name:
        yield Problem(f"{area.name}.tie", f"there is no branch {area.tie!r}")
        return
    k = network.branch_name.index(area.tie)
    inside = [network.bus_name[bus] in area.buses for bus in (network.branch_from[k], network.branch_to[k])]
    if sum(inside) != 1:
        yield Problem(f"{area.name}.tie", f"must have one end in the area, {area.tie!r} has {sum(inside)}")
