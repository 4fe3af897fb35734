"""The card of a whole grid."""

from __future__ import annotations

import numpy as np

from gridpilot.knowledge.document import Document
from gridpilot.knowledge.topology.card import card
from gridpilot.knowledge.topology.phrases import listed, percent
from gridpilot.knowledge.topology.survey import Survey
from gridpilot.powerflow.ranking import OutageRow

WORST, NAMED = 5, 12
"""Outages, and devices of a kind, that the card names."""


def grid_card(grid: Survey) -> Document:
    """What a grid consists of, and its worst outages at the operating point."""
    scenario = grid.scenario
    names = {
        kind: [name for name, bus in zip(t.name, t.bus.tolist(), strict=True) if grid.bus_built[bus]] for kind, t in scenario.tables.items()
    }
    devices = [f"{len(own)} {kind.replace('_', ' ')} ({listed(own[:12])})" for kind, own in names.items() if own]
    slack = scenario.tables["generator"].name[scenario.slack_unit]
    text = [
        f"{scenario.title}. {int(grid.bus_built.sum())} buses, {int(grid.branch_built.sum())} branches.",
        f"Devices: {listed(devices)}. The slack unit is {slack}.",
        f"Relays open a branch above its rating for {scenario.protection.overload_delay_h:g} h, and above "
        f"{percent(scenario.protection.hard_limit)} at once.",
        f"N-1 at {grid.time}: largest loading before any outage {percent(float(np.max(grid.loading, initial=0.0)))}; worst outages: "
        f"{listed([_outage(row) for row in grid.outages[:WORST]])}.",
    ]
    tags = ("overview", "whole grid", "worst contingency", "N-1 ranking", "which outage is worst", "how many buses", "slack unit")
    return card(grid, "grid", f"The grid {scenario.name.replace('_', '-')}: overview and worst outages", text, tags, told_by="scenario")


def _outage(row: OutageRow) -> str:
    if row.branch is None:
        return f"{row.outage} ({row.status})"
    cut = f", {row.islanded_load_mw:.1f} MW cut off" if row.islanded else ""
    return f"{row.outage} ({row.branch} to {percent(row.loading or 0.0)}{cut})"
