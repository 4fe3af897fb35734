"""What a step cost each area, and how safe it was: the parts of a microgrid's reward.

    reward = −(operating + bought − sold) − c · (voltage + overload + devices)

with money in USD, what buses are outside their band in pu, loading above 1 of branches, and what devices report of
their own limits. Energy over the tie is bought and sold at the market price.

Source: H. Li, H. He, "Learning to Operate Distribution Networks With Safe Deep Reinforcement Learning",
IEEE Trans. Smart Grid 13(3), 2022, whose environment scores microgrids so.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gridpilot.jit import inlined
from gridpilot.rewards.voltage import DEAD_AS
from gridpilot.scenarios import Scenario
from gridpilot.values import Floats, Ints

OPERATING_USD, BOUGHT_USD, SOLD_USD, BOUGHT_MWH, SOLD_MWH, VOLTAGE_PU, OVERLOAD, DEVICES = range(8)
AREA_PARTS = ("operating_usd", "bought_usd", "sold_usd", "bought_mwh", "sold_mwh", "voltage_pu", "overload", "devices")
"""Columns of an area's books."""
_PARTS = len(AREA_PARTS)


class AreaLayout(NamedTuple):
    """Where areas are in the flat arrays of a step; `A` areas, −1 for what belongs to none."""

    bus: Ints
    """Area of every bus `[n]`."""
    branch: Ints
    """Area of every branch; a tie belongs to its area `[m]`."""
    device: Ints
    """Area of every device `[N]`."""
    tie: Ints
    """Branch over which an area trades `[A]`."""
    tie_to: Ints
    """1 where the area is at the to end of its tie, 0 where it is at the from end `[A]`."""
    sell_discount: Floats
    """`[A]`."""
    price_column: int
    """Exogenous column with the market price in USD/MWh, −1 for a constant one."""
    price_usd_per_mwh: float


def area_layout(scenario: Scenario, device_bus: Ints) -> AreaLayout:
    """The areas of a scenario."""
    network, areas = scenario.network, scenario.areas
    bus = np.full(network.n_bus, -1, dtype=np.int64)
    for k, area in enumerate(areas):
        bus[[network.bus(name) for name in area.buses]] = k
    ends = np.stack([bus[network.branch_from], bus[network.branch_to]])
    tie = np.array([network.branch_name.index(area.tie) for area in areas], dtype=np.int64)
    branch = np.where(ends[0] == ends[1], ends[0], -1)
    branch[tie] = np.arange(len(areas))
    drivers = scenario.drivers()
    return AreaLayout(
        bus=bus,
        branch=branch.astype(np.int64),
        device=bus[device_bus],
        tie=tie,
        tie_to=(bus[network.branch_to[tie]] == np.arange(len(areas))).astype(np.int64),
        sell_discount=np.array([area.sell_discount for area in areas], dtype=np.float64),
        price_column=drivers.index(scenario.price_driver) if scenario.price_driver else -1,
        price_usd_per_mwh=float(scenario.rewards.price_usd_per_mwh),
    )


@inlined
def book_areas(grids: Any, b: int) -> None:
    """Write the parts of all areas of an element."""
    (layout, rules, _), state, work, books = grids
    areas, flow, parts = layout.areas, state.flow, books.areas
    for k in range(parts.shape[1]):
        parts[b, k] = 0.0
    for k in range(len(areas.bus)):
        if areas.bus[k] >= 0 and state.bus_active[b, k]:
            outside = DEAD_AS
            if flow.energised[b, k]:
                outside = max(layout.v_min_pu[k] - flow.v[b, k], flow.v[b, k] - layout.v_max_pu[k], 0.0)
            parts[b, _PARTS * areas.bus[k] + VOLTAGE_PU] += outside
    for k in range(len(areas.branch)):
        if areas.branch[k] >= 0:
            parts[b, _PARTS * areas.branch[k] + OVERLOAD] += max(flow.loading[b, k] - 1.0, 0.0)
    for d in range(len(areas.device)):
        if areas.device[d] >= 0:
            parts[b, _PARTS * areas.device[d] + OPERATING_USD] += work.cost_usd[b, d]
            parts[b, _PARTS * areas.device[d] + DEVICES] += work.unsafe[b, d]
    price = market_price(areas, state, b)
    for a in range(len(areas.tie)):
        # What enters the branch at the area's end leaves the area.
        given = flow.p_to[b, areas.tie[a]] if areas.tie_to[a] else flow.p_from[b, areas.tie[a]]
        bought, sold = max(-given, 0.0) * rules.dt_h, max(given, 0.0) * rules.dt_h
        parts[b, _PARTS * a + BOUGHT_MWH], parts[b, _PARTS * a + SOLD_MWH] = bought, sold
        parts[b, _PARTS * a + BOUGHT_USD], parts[b, _PARTS * a + SOLD_USD] = bought * price, sold * price * areas.sell_discount[a]


@inlined
def market_price(areas: AreaLayout, state: Any, b: int) -> float:
    """USD/MWh in an element now."""
    return float(state.exogenous[b, areas.price_column]) if areas.price_column >= 0 else areas.price_usd_per_mwh
