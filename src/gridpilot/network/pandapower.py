"""A pandapower net read into a `Case` which has the same power flow as `pandapower.runpp(net)`.

Branch parameters are those that pandapower itself hands to its solver (its "ppc"), with the default options of
`runpp`: transformers as T-model, vector-group shifts and angles of external grids included. Elements out of service,
and elements at buses out of service, are left out. A closed bus-bus switch without impedance stays a switch, which
`fuse` joins; one with impedance is a branch. `gridpilot.network.pandapower_branches` says how open line switches are read.

Wards are a load and a shunt; an xward has a source behind its impedance; a DC line is a pair of units that hold
voltage. Costs are taken over as numbers, whatever their currency. Source: pandapower 3.5 documentation, "Elements".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from copy import deepcopy
from math import inf, nan
from typing import Any

import numpy as np

from gridpilot.errors import CaseError, MissingExtraError, Problem
from gridpilot.network.case import Case, make_case
from gridpilot.network.names import unique_names
from gridpilot.network.network import make_network
from gridpilot.network.pandapower_branches import Names, Reading, Rows, in_service, label, read_branches, read_switches

try:
    import pandas as pd
    from pandapower.auxiliary import _add_ppc_options
    from pandapower.pd2ppc import _pd2ppc
except ImportError as missing:
    raise MissingExtraError("pandapower", "pandapower", "Reading a pandapower net") from missing

_READ = {
    *("bus", "line", "trafo", "trafo3w", "impedance", "switch", "shunt", "ward", "xward"),
    *("load", "sgen", "storage", "gen", "ext_grid", "dcline"),
}
_NO_ELEMENT = {"controller"}
"""Tables with a column `in_service` which `runpp` does not look at."""
_VOLTAGE_DEPENDENT = ("const_z_p_percent", "const_z_q_percent", "const_i_p_percent", "const_i_q_percent")


def from_pandapower(net: Any) -> Case:
    """The case in a pandapower net, which is not changed.

    Components have pandapower's names; a missing name is the table and index (`line 3`), a repeated one is counted
    (`feeder #2`). The network's first buses are the net's buses in service, in the net's order.

    Raises `CaseError` with every element that cannot be read, and `MissingExtraError` without pandapower.
    """
    names = {int(bus): name for bus, name in zip(net.bus.index, unique_names(label(net.bus, "bus")), strict=True)}
    live = {bus: names[bus] for bus in names if net.bus.in_service.at[bus]}
    problems = list(_problems(net, live))
    if problems:
        raise CaseError(f"The pandapower net {_title(net)!r} cannot be read: {len(problems)} problem(s).", problems)
    reading = _reading(net, live)
    branches = read_branches(reading)
    shunts = [*_shunts(net, live), *_ward_shunts(net, live)]
    loads = [*_loads(net, live), *_ward_loads(net, live)]
    units = _units(net, live) + branches.sources
    switches = read_switches(reading) + branches.switches
    network = make_network(
        _title(net),
        base_mva=float(net.sn_mva),
        frequency_hz=float(net.f_hz),
        buses=[*_buses(net, live), *branches.buses],
        branches=_unique(branches.rows),
        shunts=_unique(shunts),
        switches=_unique(switches),
    )
    return make_case(network, loads=_unique(loads), units=_unique(units), slacks=_slacks(net, live), source="pandapower net")


def _title(net: Any) -> str:
    return str(net.name or "pandapower")


def _unique(rows: Rows) -> Rows:
    return [{**row, "name": name} for row, name in zip(rows, unique_names(str(row["name"]) for row in rows), strict=True)]


def _reading(net: Any, live: Names) -> Reading:
    """The net's branch table as pandapower's solver gets it, made on a copy because the conversion writes into the net."""
    copy = deepcopy(net)
    copy["_options"] = {}
    _add_ppc_options(
        copy, calculate_voltage_angles=True, trafo_model="t", check_connectivity=False, mode="pf", switch_rx_ratio=2,
        enforce_p_lims=False, enforce_q_lims=False, recycle=None, init_vm_pu="flat", init_va_degree="flat",
    )  # fmt: skip
    try:
        ppc, _ = _pd2ppc(copy)
    except (UserWarning, ValueError, KeyError, NotImplementedError, FloatingPointError) as problem:
        found = Problem("pandapower", f"its own conversion ends with {type(problem).__name__}: {problem}")
        summary = f"The pandapower net {_title(net)!r} cannot be read."
        raise CaseError(summary, [found], hint="pandapower.diagnostic(net) says more.") from problem
    spans = {kind: (int(start), int(end)) for kind, (start, end) in copy["_pd2ppc_lookups"]["branch"].items()}
    impedance_switches = copy["_impedance_bb_switches"] if "switch" in spans else np.zeros(len(net.switch), dtype=bool)
    return Reading(net, live, np.real(ppc["branch"]), spans, np.asarray(impedance_switches, dtype=bool))


def _problems(net: Any, live: Names) -> Iterator[Problem]:
    for kind, table in net.items():
        if kind.startswith(("_", "res_")) or not isinstance(table, pd.DataFrame) or kind in _READ | _NO_ELEMENT:
            continue
        count = int(table["in_service"].sum()) if "in_service" in table else 0
        if count:
            yield Problem(kind, f"{count} in service, which this reader does not know; replace them or set them out of service")
    for load in in_service(net, "load", live):
        parts = [column for column in _VOLTAGE_DEPENDENT if getattr(load, column, 0.0)]
        if parts:
            yield Problem(f"load {load.Index}", f"depends on voltage by {', '.join(parts)}; only constant power is known")
    for shunt in in_service(net, "shunt", live):
        if getattr(shunt, "step_dependency_table", False) is True:
            yield Problem(f"shunt {shunt.Index}", "its steps come from a table; give p_mw and q_mvar per step")
    for row in in_service(net, "impedance", live, "from_bus", "to_bus"):
        if (row.rft_pu, row.xft_pu) != (row.rtf_pu, row.xtf_pu):
            yield Problem(f"impedance {row.Index}", "differs by direction (rft, xft against rtf, xtf); only reciprocal branches are known")
    if not _slacks(net, live):
        yield Problem("ext_grid", "no external grid or slack generator is in service; a grid needs a reference bus")


# -------------------------------------------------------------------------------------------------- rows of each table


def _buses(net: Any, live: Names) -> Iterable[dict[str, Any]]:
    for row in net.bus.itertuples():
        if row.Index in live:
            x, y = _place(getattr(row, "geo", None))
            limits = (_number(row, "min_vm_pu", 0.95), _number(row, "max_vm_pu", 1.05))
            yield {"name": live[row.Index], "kv": row.vn_kv, "v_min_pu": limits[0], "v_max_pu": limits[1], "x": x, "y": y}


def _place(geo: Any) -> tuple[float, float]:
    """Coordinates of a GeoJSON point, as pandapower keeps them; NaN where there is none."""
    if not isinstance(geo, str) or not geo:
        return nan, nan
    x, y = json.loads(geo)["coordinates"][:2]
    return float(x), float(y)


def _number(row: Any, column: str, default: float) -> float:
    value = getattr(row, column, None)
    return default if value is None or pd.isna(value) else float(value)


def _loads(net: Any, live: Names) -> Iterable[dict[str, Any]]:
    for row in in_service(net, "load", live):
        yield {"name": row.label, "bus": live[row.bus], "p_mw": row.p_mw * row.scaling, "q_mvar": row.q_mvar * row.scaling}


def _ward_loads(net: Any, live: Names) -> Iterable[dict[str, Any]]:
    for row in (*in_service(net, "ward", live), *in_service(net, "xward", live)):
        yield {"name": row.label, "bus": live[row.bus], "p_mw": row.ps_mw, "q_mvar": row.qs_mvar}


def _shunts(net: Any, live: Names) -> Iterable[dict[str, Any]]:
    """Shunts at the nominal voltage of their bus; pandapower's q is consumption."""
    for row in in_service(net, "shunt", live):
        kv = float(net.bus.vn_kv.at[row.bus])
        size = row.step * (kv / _number(row, "vn_kv", kv)) ** 2
        yield {"name": row.label, "bus": live[row.bus], "g_mw": row.p_mw * size, "b_mvar": -row.q_mvar * size}


def _ward_shunts(net: Any, live: Names) -> Iterable[dict[str, Any]]:
    for row in (*in_service(net, "ward", live), *in_service(net, "xward", live)):
        yield {"name": row.label, "bus": live[row.bus], "g_mw": row.pz_mw, "b_mvar": -row.qz_mvar}


def _units(net: Any, live: Names) -> Rows:
    rows: Rows = []
    for row in in_service(net, "ext_grid", live):
        common = {"name": row.label, "bus": live[row.bus], "v_set_pu": row.vm_pu, "holds_voltage": True}
        rows.append({**common, **_limits(row), **_cost(net, "ext_grid", row.Index)})
    for row in in_service(net, "gen", live):
        common = {"name": row.label, "bus": live[row.bus], "v_set_pu": row.vm_pu, "holds_voltage": True, "fuel": _type(row)}
        rows.append({**common, "p_mw": row.p_mw * row.scaling, **_limits(row), **_cost(net, "gen", row.Index)})
    for row in in_service(net, "sgen", live):
        power = {"p_mw": row.p_mw * row.scaling, "q_mvar": row.q_mvar * row.scaling}
        rows.append({"name": row.label, "bus": live[row.bus], "fuel": _type(row), **power, **_limits(row), **_cost(net, "sgen", row.Index)})
    for row in in_service(net, "storage", live):
        power = {"p_mw": -row.p_mw * row.scaling, "q_mvar": -row.q_mvar * row.scaling}
        rows.append({"name": row.label, "bus": live[row.bus], "fuel": "storage", **power, **_mirrored(_limits(row))})
    return rows + [unit for row in in_service(net, "dcline", live, "from_bus", "to_bus") for unit in _dcline_units(row, live)]


_POWERS = (("p", "mw"), ("q", "mvar"))


def _limits(row: Any) -> dict[str, float]:
    return {
        f"{letter}_{side}_{unit}": _number(row, f"{side}_{letter}_{unit}", bound)
        for letter, unit in _POWERS
        for side, bound in (("min", -inf), ("max", inf))
    }


def _mirrored(limits: dict[str, float]) -> dict[str, float]:
    """Limits of a consumption as limits of an injection."""
    swap = {"min": "max", "max": "min"}
    parts = {key: key.split("_") for key in limits}
    return {f"{letter}_{swap[side]}_{unit}": -limits[key] for key, (letter, side, unit) in parts.items()}


def _type(row: Any) -> str:
    value = getattr(row, "type", None)
    return value if isinstance(value, str) else ""


def _cost(net: Any, kind: str, index: int) -> dict[str, Any]:
    """Hourly cost of a unit: the polynomial, or the points under pandapower's pieces (from MW, to MW, price)."""
    for row in net.poly_cost[(net.poly_cost.et == kind) & (net.poly_cost.element == index)].itertuples():
        return {"cost": (row.cp2_eur_per_mw2, row.cp1_eur_per_mw, row.cp0_eur)}
    chosen = (net.pwl_cost.et == kind) & (net.pwl_cost.element == index) & (net.pwl_cost.power_type == "p")
    for row in net.pwl_cost[chosen].itertuples():
        points, total = [(float(row.points[0][0]), 0.0)], 0.0
        for start, end, price in row.points:
            total += (end - start) * price
            points.append((float(end), float(total)))
        return {"cost_points": points}
    return {}


def _dcline_units(row: Any, live: Names) -> Rows:
    """Both ends, as `runpp` makes generators of them: the losses are those of the power that is sent."""
    sent = abs(row.p_mw)
    received = sent * (1 - row.loss_percent / 100) - row.loss_mw
    at_from, at_to = (-sent, received) if row.p_mw > 0 else (received, -sent)
    ends = (("from", row.from_bus, at_from, row.vm_from_pu), ("to", row.to_bus, at_to, row.vm_to_pu))
    most = _number(row, "max_p_mw", inf)
    return [
        {
            "name": f"{row.label} {end}",
            "bus": live[bus],
            "p_mw": p_mw,
            "p_min_mw": -most,
            "p_max_mw": most,
            "q_min_mvar": _number(row, f"min_q_{end}_mvar", -inf),
            "q_max_mvar": _number(row, f"max_q_{end}_mvar", inf),
            "v_set_pu": v_pu,
            "holds_voltage": True,
            "fuel": "dcline",
        }
        for end, bus, p_mw, v_pu in ends
    ]


def _slacks(net: Any, live: Names) -> Rows:
    rows = [{"bus": live[row.bus], "v_pu": row.vm_pu, "angle_deg": row.va_degree} for row in in_service(net, "ext_grid", live)]
    rows += [{"bus": live[row.bus], "v_pu": row.vm_pu, "angle_deg": 0.0} for row in in_service(net, "gen", live) if row.slack]
    first: dict[str, dict[str, Any]] = {}
    for row in rows:
        first.setdefault(row["bus"], row)
    return list(first.values())
