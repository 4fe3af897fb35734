"""IEEE 14 with distributed resources: solar at 2, 6 and 8, wind at 3, batteries at 9 and 14.

Impedances, taps, shunt and nodal loads are those of the public test case (`gridpilot.network.cases`), which has no
branch ratings, and machines at 1, 2, 3, 6 and 8; those at 6 and 8 are condensers there and here.

Why each number is what it is. GEN-01 and GEN-02 together carry the evening without sun and wind. The standing orders
are those of a mild day: GEN-01 is scheduled for 70 MW, GEN-02 gives 50 and GEN-03 20. Held through a day they bring the
morning's and the evening's deficit from GEN-01 over LN01-02, which is rated a fifth above the scheduled flow, and to the
large load at bus 3 over LN02-03. Each of the two lines to bus 3 can carry its load for an hour while the other is out.
Voltage setpoints are low (0.98 to 1.02 pu): with LN09-14 out and BESS-14 empty, bus 14 hangs on a long path and leaves
its band; with energy kept in BESS-14 it does not. The batteries carry their full power for 2.7 hours.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gridpilot.disturbances import GENERATOR_OUTAGE, LINE_TRIP, LOAD_SPIKE, Threat
from gridpilot.network import Network, load_case
from gridpilot.scenarios.scenario import ProtectionSettings, Scenario, Source, device_tables

TITLE = "IEEE 14 with DERs: solar at 2, 6 and 8, wind at 3, two batteries"

RATINGS_MVA = {
    "LN01-02": 85.0, "LN01-05": 70.0, "LN02-03": 50.0, "LN02-04": 60.0, "LN02-05": 55.0, "LN03-04": 70.0, "LN04-05": 75.0,
    "TR04-07": 45.0, "TR04-09": 30.0, "TR05-06": 55.0, "LN06-11": 20.0, "LN06-12": 15.0, "LN06-13": 26.0, "TR07-08": 40.0,
    "LN07-09": 48.0, "LN09-10": 20.0, "LN09-14": 16.0, "LN10-11": 20.0, "LN12-13": 15.0, "LN13-14": 18.0,
}  # fmt: skip


def network() -> Network:
    """The public case with ratings, and names that say what is where."""
    case = load_case("case14").network
    bus_name = tuple(f"BUS-{k:02d}" for k in range(1, case.n_bus + 1))
    ends = zip(case.branch_from + 1, case.branch_to + 1, strict=True)
    branch_name = tuple(f"{'TR' if kind else 'LN'}{a:02d}-{b:02d}" for kind, (a, b) in zip(case.branch_kind, ends, strict=True))
    return replace(
        case,
        name="ieee14",
        bus_name=bus_name,
        branch_name=branch_name,
        rating_mva=np.array([RATINGS_MVA[name] for name in branch_name]),
        bus_v_min_pu=np.full(case.n_bus, 0.95),
        bus_v_max_pu=np.full(case.n_bus, 1.05),
    )


def build() -> Scenario:
    """The scenario."""
    grid = network()
    return Scenario(
        name="ieee14",
        title=TITLE,
        network=grid,
        tables=device_tables(grid, _devices()),
        sources={"simbench": _simbench(), "rts-gmlc": _rts_gmlc()},
        threats=THREATS,
        switchable=("LN02-03", "LN06-13", "LN09-14"),
        demand_peak_mw={name: p_mw for name, (p_mw, _) in LOADS.items()},
        protection=ProtectionSettings(overload_delay_h=1.5),
    )


LOADS = {
    "LOAD-02": (21.7, 12.7),
    "LOAD-03": (94.2, 19.0),
    "LOAD-04": (47.8, 2.0),
    "LOAD-05": (7.6, 1.6),
    "LOAD-06": (11.2, 7.5),
    "LOAD-09": (29.5, 16.6),
    "LOAD-10": (9.0, 5.8),
    "LOAD-11": (3.5, 1.8),
    "LOAD-12": (6.1, 1.6),
    "LOAD-13": (13.5, 5.8),
    "LOAD-14": (14.9, 5.0),
}
"""Peak demand in MW and Mvar: the case's nodal loads (bus 4, there capacitive by 3.9 Mvar, draws 2 Mvar here)."""

SOLAR = {"SOLAR-02": 40.0, "SOLAR-06": 40.0, "SOLAR-08": 30.0}
WIND = {"WIND-03": 80.0}


def _devices() -> dict[str, list[dict[str, object]]]:
    """Three units where the case has its largest machines, two condensers, and the distributed resources."""
    condenser = {"p_max_mw": 0.0, "v_set_pu": 0.98}
    return {
        "generator": [
            {
                "name": "GEN-01", "bus": "BUS-01", "p_min_mw": 20.0, "p_max_mw": 220.0, "ramp_mw_per_min": 3.0, "v_set_pu": 1.02,
                "initial_mw": 70.0, "is_slack": 1.0, "cost_a": 0.02, "cost_b": 30.0, "cost_c": 400.0, "co2_t_per_mwh": 1.02,
            },
            {
                "name": "GEN-02", "bus": "BUS-02", "p_max_mw": 140.0, "ramp_mw_per_min": 4.0, "v_set_pu": 1.01, "initial_mw": 50.0,
                "cost_a": 0.05, "cost_b": 55.0, "cost_c": 200.0, "start_cost_usd": 2000.0, "co2_t_per_mwh": 0.40,
            },
            {
                "name": "GEN-03", "bus": "BUS-03", "p_max_mw": 60.0, "ramp_mw_per_min": 4.0, "v_set_pu": 0.99, "initial_mw": 20.0,
                "cost_a": 0.05, "cost_b": 75.0, "cost_c": 100.0, "start_cost_usd": 800.0, "co2_t_per_mwh": 0.56,
            },
            {"name": "SYN-06", "bus": "BUS-06", **condenser},
            {"name": "SYN-08", "bus": "BUS-08", **condenser},
        ],
        "storage": [
            {"name": "BESS-09", "bus": "BUS-09", "p_max_mw": 30.0, "energy_max_mwh": 80.0, "energy_min_mwh": 4.0},
            {"name": "BESS-14", "bus": "BUS-14", "p_max_mw": 15.0, "energy_max_mwh": 40.0, "energy_min_mwh": 2.0},
        ],
        "load": [{"name": name, "bus": f"BUS-{name[-2:]}", "flexible_share": 0.1} for name in LOADS],
        "solar": [{"name": name, "bus": f"BUS-{name[-2:]}", "p_max_mw": p_mw} for name, p_mw in SOLAR.items()],
        "wind": [{"name": name, "bus": f"BUS-{name[-2:]}", "p_max_mw": p_mw} for name, p_mw in WIND.items()],
    }  # fmt: skip


# Four disturbances in 24 hours: two line trips, a load spike and the loss of a unit.
THREATS = (
    Threat(LINE_TRIP, ("LN06-13", "LN09-14", "LN10-11", "LN12-13"), between_h=(1.0, 8.0), lasting_h=(2.0, 5.0)),
    Threat(GENERATOR_OUTAGE, ("GEN-02", "GEN-03"), between_h=(7.0, 14.0), lasting_h=(2.0, 4.0)),
    Threat(LINE_TRIP, ("LN02-03", "LN02-04", "LN01-05", "LN02-05"), between_h=(10.0, 19.0), lasting_h=(0.5, 1.0)),
    Threat(LOAD_SPIKE, ("LOAD-03", "LOAD-04"), between_h=(16.0, 20.0), lasting_h=(1.0, 2.0), magnitude=(1.15, 1.30)),
)

_SIMBENCH_LOADS = {
    "LOAD-02": "load_mv_comm_p_pu",
    "LOAD-03": "load_H0-H_p_pu",
    "LOAD-04": "load_G3-H_p_pu",
    "LOAD-05": "load_mv_comm_p_pu",
    "LOAD-06": "load_mv_urban_p_pu",
    "LOAD-09": "load_mv_semiurb_p_pu",
    "LOAD-10": "load_mv_rural_p_pu",
    "LOAD-11": "load_mv_urban_p_pu",
    "LOAD-12": "load_mv_comm_p_pu",
    "LOAD-13": "load_mv_semiurb_p_pu",
    "LOAD-14": "load_mv_rural_p_pu",
}
_ORDINARY_PEAK_PU = {"H0-H": 1.0, "G3-H": 1.0}
"""Per SimBench load what its ordinary peak is; a medium-voltage aggregate's is 0.36 of its nominal power."""


def _simbench() -> Source:
    """German profiles of 2016: the two large loads are aggregated towns and industry, the others urban and rural areas."""
    columns: dict[str, tuple[str, float]] = {}
    for name, column in _SIMBENCH_LOADS.items():
        p_mw, q_mvar = LOADS[name]
        peak = _ORDINARY_PEAK_PU.get(column.split("_")[1], 0.36)
        columns[f"{name}.p_mw"] = (column, p_mw / peak)
        columns[f"{name}.q_mvar"] = (column, q_mvar / peak)
    for name, plant in zip(SOLAR, ("PV1", "PV3", "PV5"), strict=True):
        columns[f"{name}.available_mw"] = (f"solar_{plant}_pu", SOLAR[name] / 0.62)
    columns["WIND-03.available_mw"] = ("wind_WP7_pu", WIND["WIND-03"])
    return Source(columns, tuning=("2016-01-02", "2016-06-30"), judging=("2016-07-01", "2016-12-29"))


_RTS_AREA = {"02": 1, "03": 1, "04": 1, "05": 1, "06": 2, "11": 2, "12": 2, "13": 2, "09": 3, "10": 3, "14": 3}
_RTS_SOLAR = {"SOLAR-02": ("pv_320_PV_1_mw", 51.6), "SOLAR-06": ("pv_101_PV_1_mw", 25.9), "SOLAR-08": ("rtpv_118_RTPV_1_mw", 9.3)}
"""Column and capacity of the plant that drives each of ours."""


def _rts_gmlc() -> Source:
    """RTS-GMLC 2020: areas scaled from their peak of 2,850 MW, plants from their capacity."""
    columns: dict[str, tuple[str, float]] = {}
    for name, (p_mw, q_mvar) in LOADS.items():
        area = f"load_area{_RTS_AREA[name[-2:]]}_mw"
        columns[f"{name}.p_mw"] = (area, p_mw / 2850.0)
        columns[f"{name}.q_mvar"] = (area, q_mvar / 2850.0)
    for name, (column, capacity_mw) in _RTS_SOLAR.items():
        columns[f"{name}.available_mw"] = (column, SOLAR[name] / capacity_mw)
    columns["WIND-03.available_mw"] = ("wind_309_WIND_1_mw", WIND["WIND-03"] / 148.3)
    return Source(columns, tuning=("2020-01-02", "2020-06-30"), judging=("2020-07-01", "2020-12-29"))
