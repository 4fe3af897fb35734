"""Microgrids on a distribution grid: what `three_microgrids` and its relatives share, and `microgrids(n)` of any number.

Every microgrid is an IEEE 13-node feeder at a fifth of its published demand, behind a transformer of its own, with a gas
engine at 675, solar at 652, wind and a battery at 645. The distribution system operator (DSO) feeds all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridpilot.disturbances import Threat
from gridpilot.errors import ConfigError
from gridpilot.network import Case, Network, Part, Transformer, compose, distribution_grid, fuse, load_case
from gridpilot.network.distribution import end_names
from gridpilot.profiles.price import COLUMN as SEEDED_PRICE
from gridpilot.profiles.price import Market
from gridpilot.scenarios.area import Area, area_of
from gridpilot.scenarios.scenario import RewardSettings, Scenario, Source, device_tables

Rows = dict[str, list[dict[str, Any]]]

BASE_MVA, SCALE = 3.0, 0.2
"""Base of the network, and what is left of the published demand and capacitors of every feeder."""
SUBSTATION = Transformer(5.0, 0.01, (0.08**2 - 0.01**2) ** 0.5)
"""24.9/4.16 kV between a microgrid and the DSO: 5 MVA, 8 % of short-circuit voltage of which 1 % is resistive."""
DSO = "DSO"

IMPORT_USD_PER_MWH = 60.0
"""What a MWh from the grid above costs, and earns: the mean of the day-ahead price at one node of CAISO in the tuning period."""
SELL_DISCOUNT = 0.9
"""Part of the market price that a microgrid is paid for what it sells."""
IMPORT_CO2_T_PER_MWH, ENGINE_CO2_T_PER_MWH = 0.44, 0.56
"""A fleet of gas plants and a gas engine: typical stack rates (US EPA eGRID)."""
_CLOSING_USD_PER_MWH = 70.0
_STANDING = 0.3
"""Part of its power at which an engine stands when an episode begins."""
_SOLAR_MW = _WIND_MW = 0.1


@dataclass(frozen=True, slots=True)
class Microgrid:
    """One microgrid, and where it hangs on the host's feeder."""

    name: str
    host_bus: str
    engine_mw: float
    cost: tuple[float, float, float]
    """USD/MW²h, USD/MWh and USD/h of the engine."""


ENGINES = ((0.66, (100.0, 72.4, 0.5011)), (0.60, (100.0, 51.6, 0.4615)), (0.50, (100.0, 51.6, 0.4615)))
"""Power and cost of the engines of the first, second and third microgrid, and in turn of all further ones."""


def compose_grid(
    name: str, host: Case, feeder: Case, members: Sequence[Microgrid], *, transformer: Transformer | None, scale: float
) -> Case:
    """The DSO's feeder at `scale` of its own demand, with the microgrids attached."""
    parts = [Part(m.name, feeder, m.host_bus, transformer, SCALE) for m in members]
    return compose(name, host, parts, host_name=DSO, base_mva=BASE_MVA, scale=scale)


def operate(
    case: Case,
    members: Sequence[Microgrid],
    *,
    title: str,
    import_mw: float,
    threats: tuple[Threat, ...] = (),
    slack_v_pu: float | None = None,
) -> Scenario:
    """The scenario of a composed grid: its devices, what drives them, and how it is scored."""
    network, at = fuse(case.network)
    demand = _demand(case, [network.bus_name[k] for k in at])
    head = network.bus_name[at[case.slack_bus[0]]]
    voltage = float(case.slack_v_pu[0]) if slack_v_pu is None else slack_v_pu
    return Scenario(
        name=case.network.name,
        title=title,
        network=network,
        tables=device_tables(network, devices(members, demand, head, voltage, import_mw)),
        sources={"simbench": _simbench(members, demand), "caiso": _caiso(members, demand)},
        threats=threats,
        areas=_areas(members, network),
        price_driver=PRICE,
        demand_peak_mw={name: p_mw for name, (_, p_mw, _) in demand.items()},
        # An import has no schedule to keep.
        rewards=RewardSettings(
            price_usd_per_mwh=IMPORT_USD_PER_MWH, closing_price_usd_per_mwh=_CLOSING_USD_PER_MWH, slack_band_mw=2.0 * import_mw
        ),
    )


def _areas(members: Sequence[Microgrid], network: Network) -> tuple[Area, ...]:
    """Every microgrid with the buses that are called by its name."""
    own: dict[str, list[str]] = {m.name: [] for m in members}
    for bus in network.bus_name:
        own.get(bus.partition("-")[0], []).append(bus)
    return tuple(area_of(name, network, buses, sell_discount=SELL_DISCOUNT) for name, buses in own.items())


def microgrids(count: int) -> Scenario:
    """`count` microgrids on a grid that is generated to carry them; `load_scenario("microgrids-100")` is the same."""
    if count < 1:
        raise ConfigError(f"A grid of microgrids has one or more, not {count}.")
    members = [Microgrid(f"MG{k + 1}", bus, *ENGINES[k % len(ENGINES)]) for k, bus in enumerate(end_names(count))]
    host, feeder = distribution_grid(count), load_case("case13")
    case = compose_grid(f"microgrids_{count}", host, feeder, members, transformer=SUBSTATION, scale=1.0)
    return operate(case, members, title=f"{count} microgrids on a generated distribution grid", import_mw=1.5 * count)


# ------------------------------------------------------------------------------------------------- devices

Demand = Mapping[str, tuple[str, float, float]]
"""Per load its bus, MW and Mvar at its peak."""


def _demand(case: Case, bus_name: Sequence[str]) -> Demand:
    """One load for every bus that draws power; `bus_name` is that of the operated network for every bus of the case."""
    network, loads = case.network, case.loads
    p, q = np.zeros(network.n_bus), np.zeros(network.n_bus)
    np.add.at(p, loads.bus, loads.p_mw)
    np.add.at(q, loads.bus, loads.q_mvar)
    found = {}
    for k in np.flatnonzero((p != 0) | (q != 0)).tolist():
        part, _, bus = network.bus_name[k].partition("-")
        found[f"{part}-LOAD-{bus}"] = (bus_name[k], float(p[k]), float(q[k]))
    return found


def devices(members: Sequence[Microgrid], demand: Demand, head: str, slack_v_pu: float, import_mw: float) -> Rows:
    """Rows per kind. The DSO's substation is the slack unit; capacitors are shunts of the network."""
    substation = {
        "name": f"{DSO}-SUBSTATION", "bus": head, "is_slack": 1.0, "v_set_pu": slack_v_pu, "p_min_mw": -import_mw, "p_max_mw": import_mw,
        "cost_b": IMPORT_USD_PER_MWH, "co2_t_per_mwh": IMPORT_CO2_T_PER_MWH,
    }  # fmt: skip
    return {
        "generator": [substation, *(_engine(m) for m in members)],
        "storage": [
            {"name": f"{m.name}-ESS", "bus": f"{m.name}-645", "p_max_mw": 0.5, "energy_max_mwh": 2.0, "energy_min_mwh": 0.2}
            for m in members
        ],
        "load": [{"name": name, "bus": bus} for name, (bus, _, _) in demand.items()],
        "solar": [{"name": f"{m.name}-PV", "bus": f"{m.name}-652", "p_max_mw": _SOLAR_MW} for m in members],
        "wind": [{"name": f"{m.name}-WT", "bus": f"{m.name}-645", "p_max_mw": _WIND_MW} for m in members],
    }


def _engine(microgrid: Microgrid) -> dict[str, Any]:
    a, b, c = microgrid.cost
    return {
        "name": f"{microgrid.name}-DG", "bus": f"{microgrid.name}-675", "p_max_mw": microgrid.engine_mw, "holds_voltage": 0.0,
        "ramp_mw_per_min": microgrid.engine_mw / 10.0, "initial_mw": _STANDING * microgrid.engine_mw,
        "cost_a": a, "cost_b": b, "cost_c": c, "co2_t_per_mwh": ENGINE_CO2_T_PER_MWH,
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------- sources

Drivers = tuple[tuple[str, float], ...]
"""A column and its largest value in the tuning period, for the DSO and for three microgrids; those begin again after the third."""

SIMBENCH_LOADS: Drivers = (
    ("load_mv_rural_p_pu", 0.43903),
    ("load_mv_semiurb_p_pu", 0.42656),
    ("load_mv_urban_p_pu", 0.41950),
    ("load_mv_comm_p_pu", 0.43588),
)
SIMBENCH_SOLAR: Drivers = (("solar_PV1_pu", 0.61939), ("solar_PV3_pu", 0.61638), ("solar_PV5_pu", 0.60263))
SIMBENCH_WIND: Drivers = (("wind_WP7_pu", 0.99267), ("wind_WP4_pu", 0.99266), ("wind_WP10_pu", 0.99266))
SIMBENCH_TUNING, SIMBENCH_JUDGING = ("2016-01-02", "2016-06-30"), ("2016-07-01", "2016-12-29")

CAISO_LOADS: Drivers = (
    ("load_AVA_mw", 2078.0),
    ("load_PSEI_mw", 4662.0),
    ("load_PACW_mw", 3965.0),
    ("load_BPAT_mw", 10587.0),
)
CAISO_SOLAR: Drivers = (("solar_NP15_mw", 1862.9), ("solar_SP15_mw", 10373.8), ("solar_ZP26_mw", 1996.54))
CAISO_WIND: Drivers = (("wind_NP15_mw", 1097.3), ("wind_SP15_mw", 3890.16), ("wind_NP15_mw", 1097.3))
CAISO_PRICE = "price_LMP_0096WD_7_N001_usd_per_mwh"
CAISO_TUNING, CAISO_JUDGING = ("2023-01-02", "2023-06-30"), ("2023-07-01", "2023-12-30")

PRICE = f"{DSO}-SUBSTATION.price_usd_per_mwh"
"""Driver of the market price at the DSO's substation."""


def _simbench(members: Sequence[Microgrid], demand: Demand) -> Source:
    """German medium-voltage areas of 2016, and a price drawn by a seed: SimBench has none."""
    columns = _columns(members, demand, SIMBENCH_LOADS, SIMBENCH_SOLAR, SIMBENCH_WIND)
    market = Market(demand=SIMBENCH_LOADS[0][0], solar=SIMBENCH_SOLAR[0][0], wind=SIMBENCH_WIND[0][0])
    return Source({**columns, PRICE: (SEEDED_PRICE, 1.0)}, SIMBENCH_TUNING, SIMBENCH_JUDGING, market=market)


def _caiso(members: Sequence[Microgrid], demand: Demand) -> Source:
    """Utilities of the north-west, which peak in winter, solar and wind by hub and the day-ahead price at a node.

    Hourly of 2023, in UTC. Some hours are missing.
    """
    columns = _columns(members, demand, CAISO_LOADS, CAISO_SOLAR, CAISO_WIND)
    return Source({**columns, PRICE: (CAISO_PRICE, 1.0)}, CAISO_TUNING, CAISO_JUDGING, repair=("interpolate",))


def _columns(members: Sequence[Microgrid], demand: Demand, loads: Drivers, solar: Drivers, wind: Drivers) -> dict[str, tuple[str, float]]:
    """Every series at its peak where the column is at its own; reactive demand follows the active one."""
    turn = dict(_turns(members))
    found: dict[str, tuple[str, float]] = {}
    for name, (_, p_mw, q_mvar) in demand.items():
        part = name.partition("-")[0]
        column, peak = loads[0] if part == DSO else loads[1 + turn[part]]
        found |= {f"{name}.p_mw": (column, p_mw / peak), f"{name}.q_mvar": (column, q_mvar / peak)}
    for member, k in turn.items():
        found[f"{member}-PV.available_mw"] = (solar[k][0], _SOLAR_MW / solar[k][1])
        found[f"{member}-WT.available_mw"] = (wind[k][0], _WIND_MW / wind[k][1])
    return found


def _turns(members: Sequence[Microgrid]) -> Iterable[tuple[str, int]]:
    return ((m.name, k % len(ENGINES)) for k, m in enumerate(members))
