"""Six buses: a city and a suburb between renewables, gas and coal.

    B0 solar ── LN01 ── B1 city ── LN12 ── B2 gas
      │ LN03             │ LN14              │ LN25
    B3 wind ── LN34 ── B4 suburb, battery ── LN45 ── B5 coal (slack)

Why each number is what it is. Demand (210 + 130 MW at its usual peak) can be met without any sun or wind over LN12 and
LN45 together, but not by coal alone: 120 MW of gas must be on. The standing orders are those of a mild day: 110 MW of
gas, 80 MW of coal scheduled. Held through a day they send the evening's deficit over LN45, which is rated for the
scheduled flow and a third more, and the midday's surplus over LN01, which carries three quarters of the solar plant. LN12
is rated to carry the whole net demand of an ordinary hour while LN45 is out; then the voltage at the city stands at the
lower edge of its band, and what relieves it is less import: the battery, flexible load, and sun and wind left uncurtailed.
"""

from __future__ import annotations

from gridpilot.disturbances import LINE_TRIP, LOAD_SPIKE, Threat
from gridpilot.network import Network, make_network
from gridpilot.scenarios.scenario import ProtectionSettings, Scenario, Source, device_tables

TITLE = "6-bus renewable grid: a city, a suburb, solar, wind, gas, coal and a battery"

BUSES = {
    "B0-SOLAR": (0, 0),
    "B1-CITY": (1, 0),
    "B2-GAS": (2, 0),
    "B3-WIND": (0, 1),
    "B4-SUBURB": (1, 1),
    "B5-COAL": (2, 1),
}
"""Names and places on a schematic."""

LINES = (
    ("LN01", "B0-SOLAR", "B1-CITY", 0.10, 105.0),
    ("LN12", "B1-CITY", "B2-GAS", 0.07, 225.0),
    ("LN03", "B0-SOLAR", "B3-WIND", 0.15, 60.0),
    ("LN14", "B1-CITY", "B4-SUBURB", 0.12, 75.0),
    ("LN25", "B2-GAS", "B5-COAL", 0.08, 140.0),
    ("LN34", "B3-WIND", "B4-SUBURB", 0.12, 100.0),
    ("LN45", "B4-SUBURB", "B5-COAL", 0.08, 120.0),
)
"""Name, ends, reactance in pu and rating in MVA. Resistance and charging are an eighth and a quarter of the reactance: an
overhead line of 220 kV and 40 to 90 km (X/R and B/X after Kundur, Power System Stability and Control, table 6.1)."""

CITY_MW, SUBURB_MW, SOLAR_MW, WIND_MW = 210.0, 130.0, 140.0, 150.0


def network() -> Network:
    """The grid at 220 kV on 100 MVA."""
    return make_network(
        "six_bus",
        base_mva=100.0,
        buses=[{"name": name, "kv": 220.0, "x": x, "y": y} for name, (x, y) in BUSES.items()],
        branches=[
            {"name": name, "a": a, "b": b, "r_pu": x_pu / 8, "x_pu": x_pu, "b_pu": x_pu / 4, "rating_mva": rating}
            for name, a, b, x_pu, rating in LINES
        ],
    )


def build() -> Scenario:
    """The scenario."""
    grid = network()
    return Scenario(
        name="six_bus",
        title=TITLE,
        network=grid,
        tables=device_tables(grid, _DEVICES),
        sources={"simbench": _simbench(), "rts-gmlc": _rts_gmlc()},
        threats=THREATS,
        switchable=("LN03", "LN14"),
        demand_peak_mw={"B1-CITY": CITY_MW, "B4-SUBURB": SUBURB_MW},
        protection=ProtectionSettings(overload_delay_h=1.0),
    )


# Costs and emissions: a combined cycle and a hard-coal unit, RTS-GMLC's CC355 and U155 rounded; emissions are typical
# stack rates (US EPA eGRID). The gas unit starts and stops within the hour and is fast; coal is slow and stays on.
_DEVICES = {
    "generator": [
        {
            "name": "B2-GAS", "bus": "B2-GAS", "p_max_mw": 250.0, "ramp_mw_per_min": 6.0, "v_set_pu": 1.03, "initial_mw": 110.0,
            "cost_a": 0.02, "cost_b": 60.0, "cost_c": 300.0, "start_cost_usd": 3000.0, "co2_t_per_mwh": 0.40,
        },
        {
            "name": "B5-COAL", "bus": "B5-COAL", "p_min_mw": 30.0, "p_max_mw": 220.0, "ramp_mw_per_min": 3.0, "v_set_pu": 1.03,
            "initial_mw": 80.0, "is_slack": 1.0, "cost_a": 0.01, "cost_b": 30.0, "cost_c": 500.0, "co2_t_per_mwh": 1.02,
        },
    ],
    "storage": [{"name": "BESS-SUBURB", "bus": "B4-SUBURB", "p_max_mw": 50.0, "energy_max_mwh": 100.0, "energy_min_mwh": 5.0}],
    "load": [
        {"name": "B1-CITY", "bus": "B1-CITY", "flexible_share": 0.1},
        {"name": "B4-SUBURB", "bus": "B4-SUBURB", "flexible_share": 0.1},
    ],
    "solar": [{"name": "B0-SOLAR", "bus": "B0-SOLAR", "p_max_mw": SOLAR_MW}],
    "wind": [{"name": "B3-WIND", "bus": "B3-WIND", "p_max_mw": WIND_MW}],
}  # fmt: skip

# Seven events in 24 hours: two line trips, their restorations, and three load spikes. The first trip is long and away
# from the main paths; the second one is short and may take the suburb's strongest line.
THREATS = (
    Threat(LINE_TRIP, ("LN34", "LN03", "LN25"), between_h=(2.0, 9.0), lasting_h=(2.0, 4.0)),
    Threat(LOAD_SPIKE, ("B1-CITY",), between_h=(6.0, 10.0), lasting_h=(1.0, 2.0), magnitude=(1.10, 1.20)),
    Threat(LINE_TRIP, ("LN45", "LN14", "LN45"), between_h=(10.0, 18.0), lasting_h=(0.5, 1.0)),
    Threat(LOAD_SPIKE, ("B4-SUBURB",), between_h=(11.0, 15.0), lasting_h=(1.0, 2.0), magnitude=(1.10, 1.25)),
    Threat(LOAD_SPIKE, ("B1-CITY", "B4-SUBURB"), between_h=(17.0, 20.0), lasting_h=(1.0, 2.0), magnitude=(1.10, 1.20)),
)


def _simbench() -> Source:
    """German profiles of 2016: an aggregated town for the city, a semi-urban area for the suburb.

    The semi-urban peak of the year is 1.2 times an ordinary winter peak, which is what 130 MW stands for; the PV plants
    of the set never give more than 0.62 of their capacity, which is what the inverter is sized for. Both loads are compensated
    to a power factor of 0.98.
    """
    suburb = SUBURB_MW / 0.36
    return Source(
        columns={
            "B1-CITY.p_mw": ("load_H0-H_p_pu", CITY_MW),
            "B1-CITY.q_mvar": ("load_H0-H_q_pu", 35.0),
            "B4-SUBURB.p_mw": ("load_mv_semiurb_p_pu", suburb),
            "B4-SUBURB.q_mvar": ("load_mv_semiurb_p_pu", 0.20 * suburb),
            "B0-SOLAR.available_mw": ("solar_PV3_pu", SOLAR_MW / 0.62),
            "B3-WIND.available_mw": ("wind_WP7_pu", WIND_MW),
        },
        tuning=("2016-01-02", "2016-06-30"),
        judging=("2016-07-01", "2016-12-29"),
    )


def _rts_gmlc() -> Source:
    """RTS-GMLC 2020: areas 2 and 3 scaled from their peaks, one PV and one wind plant scaled from their capacity."""
    city, suburb = CITY_MW / 2850.0, SUBURB_MW / 2850.0
    return Source(
        columns={
            "B1-CITY.p_mw": ("load_area2_mw", city),
            "B1-CITY.q_mvar": ("load_area2_mw", 0.20 * city),
            "B4-SUBURB.p_mw": ("load_area3_mw", suburb),
            "B4-SUBURB.q_mvar": ("load_area3_mw", 0.20 * suburb),
            "B0-SOLAR.available_mw": ("pv_320_PV_1_mw", SOLAR_MW / 51.6),
            "B3-WIND.available_mw": ("wind_122_WIND_1_mw", WIND_MW / 711.4),
        },
        tuning=("2020-01-02", "2020-06-30"),
        judging=("2020-07-01", "2020-12-29"),
    )
