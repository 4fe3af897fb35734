"""Microgrids on a distribution grid: how large they are, and what their engines do to the voltages at peak demand."""

import numpy as np

from gridpilot.powerflow import engine
from gridpilot.scenarios import Scenario, load_scenario
from gridpilot.values import PQ, SLACK, Flow


def at_peak(scenario: Scenario, engines: float) -> Flow:
    """Every load at its peak, every engine at a share of its power, no sun, no wind, batteries at rest."""
    network, units, loads = scenario.network, scenario.tables["generator"], scenario.tables["load"]
    columns = scenario.sources["simbench"].columns
    p, q = np.zeros(network.n_bus), np.zeros(network.n_bus)
    for name, bus in zip(loads.name, loads.bus, strict=True):
        q_per_p = columns[f"{name}.q_mvar"][1] / columns[f"{name}.p_mw"][1]
        p[bus] -= scenario.demand_peak_mw[name]
        q[bus] -= scenario.demand_peak_mw[name] * q_per_p
    own = units.parameters.is_slack == 0
    np.add.at(p, units.bus[own], engines * units.parameters.p_max_mw[own])
    kind = np.full(network.n_bus, PQ, dtype=np.int8)
    kind[units.bus[scenario.slack_unit]] = SLACK
    v_set = np.where(kind == SLACK, units.parameters.v_set_pu[scenario.slack_unit], 1.0)
    closed = network.branch_closed[None]
    return engine("newton", network).solve(p[None], q[None], kind=kind[None], v_set_pu=v_set[None], closed=closed)


for name in ("three-microgrids", "three-microgrids-upstream", "microgrids-3", "microgrids-10", "microgrids-100", "microgrids-1000"):
    scenario = load_scenario(name)
    buses = scenario.network.bus_name
    devices = sum(len(table) for table in scenario.tables.values())
    print(f"{name}: {len(buses)} buses, {devices} devices, {sum(scenario.demand_peak_mw.values()):.1f} MW at peak")
    for share in (0.0, 1.0):
        flow = at_peak(scenario, share)
        v_pu, mw = flow.v_pu[0], flow.losses_mw[0]
        low, high = int(np.argmin(v_pu)), int(np.argmax(v_pu))
        band = f"{v_pu[low]:.3f} pu at {buses[low]} to {v_pu[high]:.3f} pu at {buses[high]}"
        print(f"  engines at {share:4.0%}: {band}, losses {mw:.2f} MW, highest loading {flow.loading.max():.0%}")
