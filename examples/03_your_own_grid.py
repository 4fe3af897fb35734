"""Your own grid: a pandapower net and a CSV, operated by the planner."""

from pathlib import Path

import pandapower.networks

from gridpilot.agents import make_agent
from gridpilot.network import from_pandapower
from gridpilot.operations import run_cycles
from gridpilot.profiles import load_profiles
from gridpilot.scenarios.custom import scenario_from_case
from gridpilot.twin import make_twin

net = pandapower.networks.create_cigre_network_mv(with_der="pv_wind")
net.sgen["p_mw"] *= 15  # what if there were fifteen times as many panels and turbines?

profiles = load_profiles(Path(__file__).parent / "data" / "three_days.csv")  # load_pu, solar_pu and wind_pu drive every device of a kind
scenario = scenario_from_case(from_pandapower(net), profiles, name="my-feeder")
twin = make_twin(scenario, profiles=profiles, start="2025-06-11T08:00", cycle_minutes=15, cycles=32)

for name in ("do-nothing", "planner"):
    day = [passed.transition.outcomes for passed in run_cycles(twin, make_agent(name))]
    overload, voltage, spilled = (sum(float(getattr(o, key)[0]) for o in day) for key in ("overload_min", "voltage_min", "curtailed_mwh"))
    print(f"{name:12} overload {overload:5.0f} min   voltage outside its band {voltage:5.0f} min   curtailed {spilled:5.1f} MWh")
