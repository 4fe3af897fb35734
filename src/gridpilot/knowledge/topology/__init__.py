"""Cards of a grid's components, made from the twin; this package loads the grid, and the rest of `gridpilot.knowledge` does not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridpilot.knowledge.document import Document
from gridpilot.knowledge.index import Changes, Index
from gridpilot.knowledge.topology.branch import branch_card
from gridpilot.knowledge.topology.bus import bus_card
from gridpilot.knowledge.topology.device import device_card
from gridpilot.knowledge.topology.grid import grid_card
from gridpilot.knowledge.topology.survey import Survey, survey, topology_key
from gridpilot.twin import Twin
from gridpilot.values import GridState

__all__ = ["Survey", "refresh_topology", "survey", "topology_cards", "topology_key"]


def topology_cards(grid: Survey) -> tuple[Document, ...]:
    """A card of the grid, and one per bus, branch and device that is built."""
    return tuple(_cards(grid))


def _cards(grid: Survey) -> Iterator[Document]:
    yield grid_card(grid)
    yield from (bus_card(grid, int(bus)) for bus in np.flatnonzero(grid.bus_built))
    yield from (branch_card(grid, int(k)) for k in np.flatnonzero(grid.branch_built))
    for kind, table in grid.scenario.tables.items():
        yield from (device_card(grid, kind, k) for k, bus in enumerate(table.bus.tolist()) if grid.bus_built[bus])


def refresh_topology(index: Index, twin: Twin, state: GridState, *, element: int = 0) -> Changes | None:
    """Bring the cards of a grid in an index up to date; None where nothing was built since the last time.

    The cards keep the operating point at which they were made. Cards that come out the same are not indexed again.
    """
    scope, key = f"topology/{twin.model.scenario.name}", topology_key(twin, state, element=element)
    if index.stamp(scope) == key:
        return None
    return index.synchronise(scope, topology_cards(survey(twin, state, element=element)), stamp=key)
