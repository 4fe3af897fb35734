"""`three_microgrids` with everything that can be moved beside MW: regulators, capacitor banks, inverters for Mvar, and cars.

The network, the other devices, drivers and disturbances are those of `three_microgrids`. With all orders left as they begin its
flows differ by the cars, and by what the DSO's regulators take. What is new, and why each number is what it is:

    regulators   of the 34-node feeder at 814-850 and 852-832, which the DSO moves, and RG60 at the head of every 13-node
                 feeder, which its microgrid moves: ±16 steps of 5/8 %, as published; they stand at neutral. Those of the
                 34-node feeder have a series impedance of 2 % of 5 MVA, which its tables leave out: between two buses without
                 any, a ratio that moves by a tenth at once is no small change to a power flow
    banks        the published capacitors of the 13-node feeder at a fifth, as everything there is: 120 kvar at 675 in four
                 steps, 20 kvar at 611 in one; all are switched in when an episode begins
    inverters    of batteries, solar and wind take orders for Mvar; rated so that at full power 44 % of the rating is left for
                 reactive power, as IEEE 1547-2018 asks of category B
    switches     at the high side of every microgrid's transformer, its tie to the feeder
    cars         one charging point of 6.6 kW per microgrid, at 634 behind the 480 V transformer

W. H. Kersting, "Radial distribution test feeders", IEEE PES Winter Meeting 2001. Sessions are drawn on SimBench's days
(`gridpilot.profiles.Habits`); on CAISO's they are those of ACN-Data's site JPL, of May to October 2019 on days of tuning and of
November 2019 to February 2020 on days of judging, over and over, on the clock of CAISO's data, which is UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, sqrt
from typing import Any

import numpy as np

from gridpilot.devices import DeviceTable
from gridpilot.network import TRANSFORMER, Case, load_case
from gridpilot.profiles import Habits, Profiles, Sessions, draw_sessions, load_acn
from gridpilot.profiles.acn import JUDGING, TUNING
from gridpilot.scenarios.microgrids import CAISO_JUDGING, DSO, SCALE, SUBSTATION, compose_grid, operate
from gridpilot.scenarios.scenario import Scenario, device_tables
from gridpilot.scenarios.three_microgrids import IMPORT_MW, MEMBERS, REGULATORS, SUBSTATION_V_PU, THREATS, host_feeder

TITLE = "Three microgrids with regulators, capacitor banks, inverters for Mvar and charging points"

RG60 = "650-632"
BANK_STEPS = {"675": 4, "611": 1}
"""Steps of the banks of a 13-node feeder, by bus."""
REGULATOR_X_PU, REGULATOR_R_PU, REGULATOR_MVA = 0.02, 0.002, 5.0
"""Series impedance of a regulator of the 34-node feeder on its own rating."""
RATING_PER_MW = 1.0 / sqrt(1.0 - 0.44**2)
"""MVA of an inverter per MW."""
_PACIFIC_TO_UTC = np.timedelta64(8, "h")


def build() -> Scenario:
    """The scenario."""
    feeder = load_case("case13")
    case = compose_grid("three_microgrids_flexible", _host(), _without_banks(feeder), MEMBERS, transformer=SUBSTATION, scale=SCALE)
    plain = operate(case, MEMBERS, title=TITLE, import_mw=IMPORT_MW, threats=THREATS, slack_v_pu=SUBSTATION_V_PU)
    tables = {kind: _with_mvar(table) if kind in ("storage", "solar", "wind") else table for kind, table in plain.tables.items()}
    charging = {"simbench": _drawn, "caiso": _recorded}
    return replace(
        plain,
        tables={**tables, **device_tables(plain.network, _rows(feeder))},
        sources={name: replace(source, charging=charging[name]) for name, source in plain.sources.items()},
    )


def _host() -> Case:
    """The 34-node feeder whose regulators have an impedance."""
    host = host_feeder()
    network = host.network
    r, x, at = network.r_pu.copy(), network.x_pu.copy(), [network.branch(name) for name in REGULATORS]
    own = network.base_mva / REGULATOR_MVA
    r[at], x[at] = REGULATOR_R_PU * own, REGULATOR_X_PU * own
    return replace(host, network=replace(network, r_pu=r, x_pu=x))


def _without_banks(feeder: Case) -> Case:
    """The 13-node feeder whose capacitors are devices, and whose head is a regulator."""
    network = feeder.network
    kind = network.branch_kind.copy()
    kind[network.branch(RG60)] = TRANSFORMER
    none = np.zeros(0)
    bare = replace(network, branch_kind=kind, shunt_name=(), shunt_bus=none.astype(np.int64), shunt_g_mw=none, shunt_b_mvar=none)
    return replace(feeder, network=bare)


def _with_mvar(table: DeviceTable) -> DeviceTable:
    own = table.parameters
    return replace(table, parameters=own._replace(q_control=np.ones(len(table)), s_max_mva=RATING_PER_MW * own.p_max_mw))


def _rows(feeder: Case) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """The devices that `three_microgrids` has not."""
    network, point = feeder.network, Habits()
    at = [network.bus_name[k] for k in network.shunt_bus]
    banks = [(bus, SCALE * float(mvar), BANK_STEPS[bus]) for bus, mvar in zip(at, network.shunt_b_mvar, strict=True)]
    regulators = [f"{DSO}-{name}" for name in REGULATORS] + [f"{m.name}-{RG60}" for m in MEMBERS]
    return {
        "ev": [{"name": f"{m.name}-EV", "bus": f"{m.name}-634", "p_max_mw": point.p_max_mw} for m in MEMBERS],
        "tap_changer": [{"name": f"{branch.partition('-')[0]}-REG-{branch.partition('-')[2]}", "branch": branch} for branch in regulators],
        "switch": [{"name": f"{m.name}-CB", "branch": f"{m.name}-SUBSTATION"} for m in MEMBERS],
        "shunt": [
            {
                "name": f"{m.name}-CAP-{bus}", "bus": f"{m.name}-{bus}",
                "position_max": steps, "step_mvar": mvar / steps, "initial_position": steps,
            }
            for m in MEMBERS
            for bus, mvar, steps in banks
        ],
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------- cars


def _end(profiles: Profiles) -> np.datetime64:
    return profiles.time(len(profiles) - 1)


def _drawn(points: Sequence[str], profiles: Profiles) -> Sessions:
    """Seeded, from the stated distribution."""
    days = ceil(float((_end(profiles) - profiles.start) / np.timedelta64(1, "D"))) + 1
    return draw_sessions(points, start=profiles.start, days=days)


def _recorded(points: Sequence[str], profiles: Profiles) -> Sessions:
    """ACN-Data's, one period for tuning and one for judging."""
    turn = np.datetime64(CAISO_JUDGING[0], "m")
    tuning, judging = (_on_utc(load_acn("jpl", first_day=first, last_day=last).at(points)) for first, last in (TUNING, JUDGING))
    return tuning.between(profiles.start, turn).then(judging.between(turn, _end(profiles)))


def _on_utc(sessions: Sessions) -> Sessions:
    return replace(sessions, start=sessions.start + _PACIFIC_TO_UTC)
