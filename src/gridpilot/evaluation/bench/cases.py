"""The grids that power flow benchmarks solve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gridpilot.errors import MissingExtraError
from gridpilot.network import Case, LoadTable, Network, case_names, from_pandapower, grow, load_case, make_network

FEEDERS = 3
SOURCE_KV = 115.0
SOURCE_V_PU = 1.06


def bench_case(name: str) -> Case:
    """A case of gridpilot's own, `three13`, or one of pandapower's; raises `MissingExtraError` for those without it."""
    if name == "three13":
        return feeders_at_one_source(load_case("case13"), FEEDERS)
    if name in case_names():
        return load_case(name)
    try:
        import pandapower.networks
    except ImportError as error:
        raise MissingExtraError("pandapower", "bench", f"The benchmark case {name!r}") from error
    return from_pandapower(getattr(pandapower.networks, name)())


def feeders_at_one_source(feeder: Case, count: int) -> Case:
    """Copies of a feeder without units, each behind a substation transformer at one common source bus.

    The transformers are those of the IEEE 13-node test feeder's substation: 5 MVA, 115/4.16 kV, R 1 %, X 8 %.
    """
    if len(feeder.units.name) or feeder.network.base_mva != 5.0:
        raise ValueError(f"{feeder.network.name!r} is no feeder without units on a base of 5 MVA")
    head = feeder.network.bus_name[int(feeder.slack_bus[0])]
    network = make_network(
        f"{count} x {feeder.network.name}",
        base_mva=feeder.network.base_mva,
        frequency_hz=feeder.network.frequency_hz,
        buses=[{"name": "source", "kv": SOURCE_KV}, *({"name": f"{k}:{head}", "kv": 4.16} for k in range(count))],
        branches=[
            {"name": f"substation {k}", "a": "source", "b": f"{k}:{head}", "r_pu": 0.01, "x_pu": 0.08, "transformer": True}
            for k in range(count)
        ],
    )
    for k in range(count):
        network = grow(network, _renamed(feeder.network, k))
    return Case(
        network=network,
        loads=_loads(feeder, network, count),
        units=feeder.units,
        slack_bus=np.zeros(1, dtype=np.int64),
        slack_v_pu=np.full(1, SOURCE_V_PU),
        slack_angle_rad=np.zeros(1),
        source=feeder.source,
    )


def _renamed(network: Network, k: int) -> Network:
    """The network with the number of its feeder before every name."""
    return replace(
        network,
        bus_name=tuple(f"{k}:{name}" for name in network.bus_name),
        branch_name=tuple(f"{k}:{name}" for name in network.branch_name),
        shunt_name=tuple(f"{k}:{name}" for name in network.shunt_name),
        switch_name=tuple(f"{k}:{name}" for name in network.switch_name),
    )


def _loads(feeder: Case, network: Network, count: int) -> LoadTable:
    loads, names = feeder.loads, feeder.network.bus_name
    return LoadTable(
        name=tuple(f"{k}:{name}" for k in range(count) for name in loads.name),
        bus=np.array([network.bus(f"{k}:{names[bus]}") for k in range(count) for bus in loads.bus], dtype=np.int64),
        p_mw=np.tile(loads.p_mw, count),
        q_mvar=np.tile(loads.q_mvar, count),
    )
