"""`three_microgrids` on the feeders that hepengli/powergrid has, so that results compare with what was published about it.

Its 34-node feeder has its regulators at taps 12 and 16, and its 13-node feeder begins with the 24.9/4.16 kV transformer, whose head
is the host's bus. What it has that the published feeders have not, and the other way about, is told by the sources of the
cases `powergrid13` and `powergrid34`. Devices, scale, drivers and disturbances are those of `three_microgrids`.
"""

from __future__ import annotations

from gridpilot.network import load_case
from gridpilot.scenarios.microgrids import SCALE, compose_grid, operate
from gridpilot.scenarios.scenario import Scenario
from gridpilot.scenarios.three_microgrids import IMPORT_MW, MEMBERS, THREATS

TITLE = "Three microgrids on the balanced feeders of hepengli/powergrid"


def build() -> Scenario:
    """The scenario."""
    host, feeder = load_case("powergrid34"), load_case("powergrid13")
    case = compose_grid("three_microgrids_upstream", host, feeder, MEMBERS, transformer=None, scale=SCALE)
    return operate(case, MEMBERS, title=TITLE, import_mw=IMPORT_MW, threats=THREATS)
