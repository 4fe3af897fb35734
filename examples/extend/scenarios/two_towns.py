"""Two towns: one has the power station, the other the demand, and a double line is between them.

The two lines carry 60 MVA together, the peak is 72 MW. At the peak, and while one line is out, the rest has to come from
wind, the battery and the dear diesel unit on the other side.
"""

from gridpilot.disturbances import LINE_TRIP, Threat
from gridpilot.network import make_network
from gridpilot.scenarios.scenario import Scenario, Source, device_tables

TITLE = "Two towns on a double line, with wind and a battery"


def build() -> Scenario:
    """The scenario."""
    line = {"a": "NORTH", "b": "SOUTH", "r_pu": 0.01, "x_pu": 0.08, "rating_mva": 30.0}
    grid = make_network(
        "two_towns",
        base_mva=100.0,
        buses=[{"name": "NORTH", "kv": 110.0}, {"name": "SOUTH", "kv": 110.0}],
        branches=[{"name": "LN1", **line}, {"name": "LN2", **line}],
    )
    devices = {
        "generator": [
            {"name": "GAS", "bus": "NORTH", "p_max_mw": 120.0, "is_slack": 1.0, "initial_mw": 50.0, "cost_b": 60.0},
            {"name": "DIESEL", "bus": "SOUTH", "p_max_mw": 40.0, "holds_voltage": 0.0, "ramp_mw_per_min": 4.0, "cost_b": 180.0},
        ],
        "load": [{"name": "TOWN", "bus": "SOUTH", "flexible_share": 0.1}],
        "wind": [{"name": "WIND", "bus": "SOUTH", "p_max_mw": 40.0}],
        "storage": [{"name": "BATTERY", "bus": "SOUTH", "p_max_mw": 20.0, "energy_max_mwh": 40.0}],
    }
    columns = {  # driver: column of the profiles and factor
        "TOWN.p_mw": ("load_mv_urban_p_pu", 200.0),
        "TOWN.q_mvar": ("load_mv_urban_p_pu", 40.0),
        "WIND.available_mw": ("wind_WP7_pu", 40.0),
    }
    return Scenario(
        name="two_towns",
        title=TITLE,
        network=grid,
        tables=device_tables(grid, devices),
        sources={"simbench": Source(columns, tuning=("2016-01-02", "2016-06-30"), judging=("2016-07-01", "2016-12-29"))},
        threats=(Threat(LINE_TRIP, ("LN1", "LN2"), between_h=(6.0, 18.0), lasting_h=(1.0, 3.0)),),
        demand_peak_mw={"TOWN": 72.0},
    )
