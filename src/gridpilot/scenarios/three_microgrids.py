"""Three microgrids on the IEEE 34-node feeder: MG1 at 822, MG2 at 848, MG3 at 856.

    800 ── 814 ═ 850 ── 816 ── 824 ── 830 ── 854 ── 852 ═ 832 ── 858 ── 834 ── 842 ── 846 ── 848 ▸ MG2
                         │                    │
                        822 ▸ MG1            856 ▸ MG3                    ═ regulator   ▸ 24.9/4.16 kV

Each microgrid is a balanced IEEE 13-node feeder (`gridpilot.scenarios.microgrids`). All feeders carry a fifth of their
published demand, which together is 2.4 MW, more than the 1.8 MW that the 34-node feeder was published with, and far from its
source: 58 km. Why each number is what it is: the regulators stand at neutral and the substation at 1.02 pu, because at fixed
taps the feeder's voltage moves by a quarter between a summer's night and a winter's evening, and the tap positions of the
published solution would leave 1.15 pu at night. What keeps voltages in their band from there on is what the microgrids do:
engines stand at 30 % of their power, batteries carry half a MW for four hours. Engines cost more per MWh than the grid above
almost always; voltage is what they are for.

Places, powers, cost curves, scale and attachment are those of the three microgrids of hepengli/powergrid (MIT, (c) 2020 Hepeng
Li), commit a895ee4; `three_microgrids_upstream` has its feeders too.
"""

from __future__ import annotations

from dataclasses import replace

from gridpilot.disturbances import GENERATOR_OUTAGE, LOAD_SPIKE, Threat
from gridpilot.network import Case, load_case
from gridpilot.scenarios.microgrids import ENGINES, SCALE, SUBSTATION, Microgrid, compose_grid, operate
from gridpilot.scenarios.scenario import Scenario

TITLE = "Three microgrids (IEEE 13) on the IEEE 34-node feeder"

MEMBERS = tuple(Microgrid(f"MG{k + 1}", bus, *ENGINES[k]) for k, bus in enumerate(("822", "848", "856")))
REGULATORS = ("814-850", "852-832")
SUBSTATION_V_PU = 1.02
IMPORT_MW = 5.0

# Three disturbances in 24 hours: an engine that fails, and two loads that rise.
THREATS = (
    Threat(GENERATOR_OUTAGE, tuple(f"{m.name}-DG" for m in MEMBERS), between_h=(6.0, 16.0), lasting_h=(1.0, 3.0)),
    Threat(LOAD_SPIKE, ("MG1-LOAD-671", "MG2-LOAD-675", "MG3-LOAD-634"), between_h=(7.0, 12.0), lasting_h=(1.0, 2.0), magnitude=(1.2, 1.5)),
    Threat(LOAD_SPIKE, ("DSO-LOAD-844", "DSO-LOAD-890"), between_h=(16.0, 20.0), lasting_h=(1.0, 2.0), magnitude=(1.2, 1.5)),
)


def host_feeder() -> Case:
    """The 34-node feeder with its regulators at neutral."""
    host = load_case("case34")
    tap = host.network.tap.copy()
    tap[[host.network.branch(name) for name in REGULATORS]] = 1.0
    return replace(host, network=replace(host.network, tap=tap))


def build() -> Scenario:
    """The scenario."""
    case = compose_grid("three_microgrids", host_feeder(), load_case("case13"), MEMBERS, transformer=SUBSTATION, scale=SCALE)
    return operate(case, MEMBERS, title=TITLE, import_mw=IMPORT_MW, threats=THREATS, slack_v_pu=SUBSTATION_V_PU)
