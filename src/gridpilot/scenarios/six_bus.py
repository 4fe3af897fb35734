"""Six buses: a city and a suburb between renewables, gas and coal.

B0 solar ── LN01 ── B1 city ── LN12 ── B2 gas
  │ LN03             │ LN14              │ LN25
B3 wind ── LN34 ── B4 suburb, battery ── LN45 ── B5 coal (slack)
"""

from __future__ import annotations

from gridpilot.devices import generator, load, solar, storage, wind
from gridpilot.disturbances import LINE_TRIP, LOAD_SPIKE, Threat
from gridpilot.network import Network, make_network
from gridpilot.scenarios.scenario import ProtectionSettings, RewardSettings, Scenario, Source, device_table

TITLE = "6-bus renewable grid: a city, a suburb, solar, wind, gas, coal and a battery"

BUSES = ("B0-SOLAR", "B1-CITY", "B2-GAS", "B3-WIND", "B4-SUBURB", "B5-COAL")
_PLACES = ((0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1))
_LINES = (
    ("LN01", 0, 1, 0.10, 110.0),
    ("LN12", 1, 2, 0.07, 210.0),
    ("LN03", 0, 3, 0.15, 60.0),
    ("LN14", 1, 4, 0.12, 75.0),
    ("LN25", 2, 5, 0.08, 140.0),
    ("LN34", 3, 4, 0.12, 100.0),
    ("LN45", 4, 5, 0.08, 120.0),
)


def network() -> Network:
    """The grid at 220 kV on 100 MVA."""
    return make_network(
        "six_bus",
        base_mva=100.0,
        buses=[{"name": name, "kv": 220.0, "x": x, "y": y} for name, (x, y) in zip(BUSES, _PLACES, strict=True)],
        branches=[
            {"name": name, "a": BUSES[a], "b": BUSES[b], "r_pu": x / 8, "x_pu": x, "b_pu": x / 4, "rating_mva": rating}
            for name, a, b, x, rating in _LINES
        ],
    )


def build() -> Scenario:
    """The scenario."""
    grid = network()
    units = [
        {"name": "B2-GAS", "bus": "B2-GAS", "p_min_mw": 0.0, "p_max_mw": 250.0, "ramp_mw_per_min": 6.0, "v_set_pu": 1.03,
         "cost_b": 60.0, "cost_a": 0.02, "cost_c": 300.0, "start_cost_usd": 3000.0, "co2_t_per_mwh": 0.4, "initial_mw": 110.0},
        {"name": "B5-COAL", "bus": "B5-COAL", "p_min_mw": 30.0, "p_max_mw": 220.0, "ramp_mw_per_min": 3.0, "v_set_pu": 1.03,
         "is_slack": 1.0, "cost_b": 30.0, "cost_a": 0.01, "cost_c": 500.0, "co2_t_per_mwh": 1.02, "initial_mw": 80.0},
    ]  # fmt: skip
    city = {"name": "B1-CITY", "bus": "B1-CITY", "flexible_share": 0.1}
    suburb = {"name": "B4-SUBURB", "bus": "B4-SUBURB", "flexible_share": 0.1}
    sun = {"name": "B0-SOLAR", "bus": "B0-SOLAR", "p_max_mw": 140.0}
    air = {"name": "B3-WIND", "bus": "B3-WIND", "p_max_mw": 150.0}
    bess = {"name": "BESS-SUBURB", "bus": "B4-SUBURB", "p_max_mw": 50.0, "energy_max_mwh": 100.0, "energy_min_mwh": 5.0}

    def pick(module: object, rows: list[dict[str, object]]) -> object:
        keys = [{k: v for k, v in row.items() if k not in ("name", "bus")} for row in rows]
        return module.parameters(keys)  # type: ignore[attr-defined]

    tables = {
        kind: device_table(kind, grid, rows, pick(module, rows))
        for kind, module, rows in (
            ("generator", generator, units), ("storage", storage, [bess]), ("load", load, [city, suburb]),
            ("solar", solar, [sun]), ("wind", wind, [air]),
        )
    }  # fmt: skip
    simbench = Source(
        columns={
            "B1-CITY.p_mw": ("load_H0-H_p_pu", 210.0),
            "B1-CITY.q_mvar": ("load_H0-H_q_pu", 45.0),
            "B4-SUBURB.p_mw": ("load_mv_semiurb_p_pu", 130.0 / 0.36),
            "B4-SUBURB.q_mvar": ("load_mv_semiurb_p_pu", 130.0 / 0.36 * 0.25),
            "B0-SOLAR.available_mw": ("solar_PV3_pu", 140.0 / 0.62),
            "B3-WIND.available_mw": ("wind_WP7_pu", 150.0),
        },
        tuning=("2016-01-02", "2016-06-30"),
        judging=("2016-07-01", "2016-12-29"),
    )
    rts = Source(
        columns={
            "B1-CITY.p_mw": ("load_area2_mw", 210.0 / 2850),
            "B1-CITY.q_mvar": ("load_area2_mw", 210.0 / 2850 * 0.25),
            "B4-SUBURB.p_mw": ("load_area3_mw", 130.0 / 2850),
            "B4-SUBURB.q_mvar": ("load_area3_mw", 130.0 / 2850 * 0.25),
            "B0-SOLAR.available_mw": ("pv_320_PV_1_mw", 140.0 / 51.6),
            "B3-WIND.available_mw": ("wind_122_WIND_1_mw", 150.0 / 711.4),
        },
        tuning=("2020-01-02", "2020-06-30"),
        judging=("2020-07-01", "2020-12-29"),
    )
    return Scenario(
        name="six_bus",
        title=TITLE,
        network=grid,
        tables=tables,
        sources={"simbench": simbench, "rts-gmlc": rts},
        threats=(
            Threat(LINE_TRIP, ("LN34", "LN03", "LN25"), between_h=(2.0, 9.0), lasting_h=(2.0, 4.0)),
            Threat(LOAD_SPIKE, ("B1-CITY",), between_h=(6.0, 10.0), lasting_h=(1.0, 2.0), magnitude=(1.10, 1.20)),
            Threat(LINE_TRIP, ("LN45", "LN14", "LN45"), between_h=(10.0, 18.0), lasting_h=(0.5, 1.0)),
            Threat(LOAD_SPIKE, ("B4-SUBURB",), between_h=(11.0, 15.0), lasting_h=(1.0, 2.0), magnitude=(1.10, 1.25)),
            Threat(LOAD_SPIKE, ("B1-CITY", "B4-SUBURB"), between_h=(17.0, 20.0), lasting_h=(1.0, 2.0), magnitude=(1.10, 1.20)),
        ),
        switchable=("LN03", "LN14"),
        protection=ProtectionSettings(overload_delay_h=1.0),
        demand_peak_mw={"B1-CITY": 210.0, "B4-SUBURB": 130.0},
    )
