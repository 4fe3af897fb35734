"""Cards of buses."""

from __future__ import annotations

from gridpilot.knowledge.document import Document
from gridpilot.knowledge.topology.card import card
from gridpilot.knowledge.topology.phrases import listed, mva
from gridpilot.knowledge.topology.survey import Survey


def bus_card(grid: Survey, bus: int) -> Document:
    """What is at a bus, what joins it to which others, and which single outages take its supply."""
    network, name = grid.network, grid.network.bus_name[bus]
    devices = [f"{kind.replace('_', ' ')} {device}" for kind, device in grid.devices_at(bus)]
    shunts = [f"shunt {shunt}" for shunt, at in zip(network.shunt_name, network.shunt_bus.tolist(), strict=True) if at == bus]
    joined = [_joint(grid, bus, k) for k in grid.at_bus(bus)]
    text = [
        f"{name} is a bus of {network.bus_kv[bus]:g} kV. Its voltage band is {network.bus_v_min_pu[bus]:g} to "
        f"{network.bus_v_max_pu[bus]:g} pu.",
        f"Neighbours: {listed(joined)}.",
        f"At it: {listed(devices + shunts, 'no device')}.",
        _supply(grid, bus),
    ]
    tags = (
        "neighbours",
        "which lines meet",
        "branches connected",
        "what is connected at this bus",
        "devices at the bus",
        "node",
        "busbar",
    )
    return card(grid, f"bus/{name}", f"Bus {name}", text, tags, told_by="network of the scenario")


def _joint(grid: Survey, bus: int, k: int) -> str:
    network = grid.network
    far = int(network.branch_to[k] if network.branch_from[k] == bus else network.branch_from[k])
    state = "" if grid.in_service[k] else ", out of service"
    return f"{network.branch_name[k]} to {network.bus_name[far]} ({mva(float(network.rating_mva[k]))}{state})"


def _supply(grid: Survey, bus: int) -> str:
    if grid.factors is None:
        return "Linear sensitivities do not exist for this grid."
    cutting = [grid.network.branch_name[k] for k, buses in grid.factors.cut_off.items() if bus in buses]
    return f"N-1: it loses its supply with {listed(cutting)}." if cutting else "N-1: no single outage takes its supply."
