"""A grid as its cards describe it: what is built, how it is joined, what moves its flows, and N-1 at one operating point."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from gridpilot.actions.controls import Controls
from gridpilot.errors import PhysicsError
from gridpilot.network import Network
from gridpilot.powerflow.islands import energised_buses
from gridpilot.powerflow.lodf import Lodf, lodf
from gridpilot.powerflow.ranking import OutageRow, ranking
from gridpilot.powerflow.sensitivities import ptdf
from gridpilot.scenarios import Scenario
from gridpilot.twin import Twin
from gridpilot.twin.positions import network_of
from gridpilot.twin.security import operating_points
from gridpilot.values import Bools, Floats, GridState


@dataclass(frozen=True, eq=False)
class Factors:
    """Linear effects in this topology; they do not depend on the operating point."""

    to_flow: Floats
    """MW at the from end of a branch per MW injected at a bus and taken by the slack unit `[m, n]`."""
    lost: Lodf
    cut_off: dict[int, tuple[int, ...]]
    """Per branch whose loss takes the supply from buses: those buses."""


@dataclass(frozen=True, eq=False)
class Survey:
    """One grid, for its cards."""

    scenario: Scenario
    controls: Controls
    time: str
    """Simulated time of the operating point."""
    bus_built: Bools
    branch_built: Bools
    """What of the final grid is there `[n]`, `[m]`."""
    in_service: Bools
    """Branches that carry flow `[m]`."""
    factors: Factors | None
    """None where the DC approximation has no meaning: closed bus-bus switches, branches without reactance."""
    p_from_mw: Floats
    loading: Floats
    """Flow into the from end, and share of the rating, at the operating point `[m]`."""
    outages: tuple[OutageRow, ...]
    """N-1 at the operating point, worst first."""

    @property
    def network(self) -> Network:
        return self.scenario.network

    def at_bus(self, bus: int) -> list[int]:
        """Branches that are built and end at a bus."""
        ends = (self.network.branch_from == bus) | (self.network.branch_to == bus)
        return [int(k) for k in np.flatnonzero(ends & self.branch_built)]

    def devices_at(self, bus: int) -> list[tuple[str, str]]:
        """Kind and name of the devices at a bus."""
        tables = self.scenario.tables.items()
        return [(kind, name) for kind, table in tables for name, at in zip(table.name, table.bus.tolist(), strict=True) if at == bus]


def survey(twin: Twin, state: GridState, *, element: int = 0) -> Survey:
    """Survey one element's grid at a state."""
    points = operating_points(twin.model, state)
    closed, kind = points.closed[element], points.kind[element]
    found = twin.security(state)
    return Survey(
        scenario=twin.model.scenario,
        controls=twin.model.controls,
        time=twin.time(state, element=element),
        bus_built=state.bus_active[element],
        branch_built=state.branch_active[element],
        in_service=closed,
        factors=_factors(network_of(twin.model, state, element), closed, kind),
        p_from_mw=state.flow.p_from_mw[element],
        loading=state.flow.loading[element],
        outages=tuple(ranking(found, twin.model.scenario.network, element=element)),
    )


def topology_key(twin: Twin, state: GridState, *, element: int = 0) -> str:
    """SHA-256 of what is built: equal as long as the cards need not be made again. Outages and orders do not change it."""
    scenario = twin.model.scenario
    total = sha256(scenario.name.encode())
    parts = (scenario.network, scenario.tables, scenario.switchable, state.bus_active[element], state.branch_active[element])
    for part in parts:
        _feed(total, part)
    return total.hexdigest()


def _feed(total: Any, value: Any) -> None:
    """Put a nested value into a hash, with marks between its parts."""
    if isinstance(value, np.ndarray):
        total.update(f"{value.dtype.str}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value):
        for field in fields(value):
            _feed(total, getattr(value, field.name))
    elif isinstance(value, dict):
        for key in sorted(value):
            _feed(total, (key, value[key]))
    elif isinstance(value, tuple):
        for part in value:
            _feed(total, part)
    else:
        total.update(f"|{value!r}".encode())


def _factors(network: Network, closed: Bools, kind: Any) -> Factors | None:
    try:
        lost = lodf(network, closed=closed, kind=kind)
        to_flow = ptdf(network, closed=closed, kind=kind)
    except PhysicsError:
        return None
    before = energised_buses(network, closed=closed[None], kind=kind[None])[0]
    cut_off = {}
    for k in np.flatnonzero(lost.bridges).tolist():
        rest = closed.copy()
        rest[k] = False
        after = energised_buses(network, closed=rest[None], kind=kind[None])[0]
        cut_off[k] = tuple(np.flatnonzero(before & ~after).tolist())
    return Factors(to_flow, lost, cut_off)
