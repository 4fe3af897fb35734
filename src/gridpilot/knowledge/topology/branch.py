"""Cards of branches."""

from __future__ import annotations

import numpy as np

from gridpilot.knowledge.document import Document
from gridpilot.knowledge.topology.card import card
from gridpilot.knowledge.topology.phrases import listed, mva, percent, strongest
from gridpilot.knowledge.topology.survey import Survey
from gridpilot.network.network import TRANSFORMER
from gridpilot.powerflow.ranking import OutageRow

MOVERS, TAKERS = 5, 4
"""Devices and branches that a card names."""


def branch_card(grid: Survey, k: int) -> Document:
    """What a branch is, what moves its flow, where its flow goes when it is lost, and N-1."""
    network = grid.network
    name, what = network.branch_name[k], "transformer" if network.branch_kind[k] == TRANSFORMER else "line"
    ends = [network.bus_name[int(bus)] for bus in (network.branch_from[k], network.branch_to[k])]
    sentences = [_nature(grid, k, what, ends), _neighbours(grid, k), *_effects(grid, k, ends), *_security(grid, k)]
    tags = (f"{what} between {ends[0]} and {ends[1]}", "branch rating", "reactance", "who moves the flow", "if it trips")
    return card(
        grid,
        f"branch/{name}",
        f"{what.capitalize()} {name} from {ends[0]} to {ends[1]}",
        sentences,
        tags,
        told_by="network of the scenario",
    )


def _nature(grid: Survey, k: int, what: str, ends: list[str]) -> str:
    network = grid.network
    kv = f"{network.bus_kv[network.branch_from[k]]:g}"
    to_kv = f"{network.bus_kv[network.branch_to[k]]:g}"
    level = f"{kv} kV" if kv == to_kv else f"{kv}/{to_kv} kV"
    in_vector = "and has an entry in the action vector" if network.branch_name[k] in grid.scenario.switchable else "by its name"
    return (
        f"{network.branch_name[k]} is a {what} from {ends[0]} to {ends[1]}, {level}. Its rating is {mva(float(network.rating_mva[k]))}, "
        f"its reactance {network.x_pu[k]:.3g} pu, its resistance {network.r_pu[k]:.3g} pu. TOPOLOGY can open and close it, {in_vector}."
    )


def _neighbours(grid: Survey, k: int) -> str:
    network = grid.network
    parts = []
    for bus in (int(network.branch_from[k]), int(network.branch_to[k])):
        others = [network.branch_name[j] for j in grid.at_bus(bus) if j != k]
        parts.append(f"at {network.bus_name[bus]}: {listed(others)}")
    return f"Neighbouring branches {'; '.join(parts)}."


def _effects(grid: Survey, k: int, ends: list[str]) -> list[str]:
    factors, network = grid.factors, grid.network
    if factors is None:
        return ["Linear sensitivities do not exist for this grid."]
    if not grid.in_service[k]:
        return ["It is out of service."]
    names = [name for table in grid.scenario.tables.values() for name in table.name]
    buses = [bus for table in grid.scenario.tables.values() for bus in table.bus.tolist()]
    there = [j for j, bus in enumerate(buses) if grid.bus_built[bus]]
    effects = np.array([factors.to_flow[k, buses[j]] for j in there])
    movers = strongest(effects, [names[j] for j in there], MOVERS)
    said = [f"MW on it from {ends[0]} to {ends[1]} per MW that a device injects and the slack unit takes: {listed(movers)}."]
    if k in factors.cut_off:
        lost = [network.bus_name[bus] for bus in factors.cut_off[k]]
        return [*said, f"Its loss cuts off {listed(lost, 'no bus')}."]
    taken = factors.lost.factors[:, k].copy()
    taken[k] = 0.0
    return [*said, f"If it is lost, its flow moves to other branches, per MW: {listed(strongest(taken, network.branch_name, TAKERS))}."]


def _security(grid: Survey, k: int) -> list[str]:
    """N-1 at the operating point."""
    if not grid.in_service[k]:
        return []
    name = grid.network.branch_name[k]
    said = [f"At {grid.time} it carried {percent(float(grid.loading[k]))} of its rating."]
    own = next((row for row in grid.outages if row.outage == name), None)
    if own is not None:
        said.append(f"N-1, after its loss: {_aftermath(own)}.")
    worst = _worst_for(grid, k)
    if worst is not None:
        said.append(f"N-1, the outage that loads it most: {worst[0]}, to {percent(worst[1])} (linear estimate).")
    return [" ".join(said)]


def _aftermath(row: OutageRow) -> str:
    if row.branch is None:
        return f"no branch is loaded, status {row.status}"
    cut = f"{row.islanded_load_mw:.1f} MW of load cut off, " if row.islanded else ""
    voltage = f", lowest voltage {row.lowest_v_pu:.3f} pu at {row.lowest_bus}" if row.lowest_v_pu is not None else ""
    return f"{cut}{row.branch} is loaded most, to {percent(row.loading or 0.0)}{voltage}"


def _worst_for(grid: Survey, k: int) -> tuple[str, float] | None:
    """The other branch whose loss loads this one most, and the loading, by line outage distribution factors."""
    rating = float(grid.network.rating_mva[k])
    if grid.factors is None or not np.isfinite(rating):
        return None
    after = np.abs(grid.p_from_mw[k] + grid.factors.lost.factors[k] * grid.p_from_mw) / rating
    after[~grid.in_service | grid.factors.lost.bridges] = -1.0
    after[k] = -1.0
    worst = int(after.argmax())
    return (grid.network.branch_name[worst], float(after[worst])) if after[worst] >= 0.0 else None
