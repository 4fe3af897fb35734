"""MATPOWER case files, version 2 (`.m`), read into a `Case`.

Source: MATPOWER User's Manual, appendix B. What the format leaves to its reader is done as MATPOWER does:

* a bus of type 4 is isolated and is left out, with everything at it;
* a generator at a bus of type 1 injects its `Pg` and `Qg` and holds no voltage;
* of several generators at a bus the last in service says the voltage;
* `ratio` 0 is 1, `rateA` 0 is no rating;
* `angmin` and `angmax` limit the angle over a branch, but not where both are 0, nor from 360 degrees on.

Where the format has no rule: `baseKV` 0 means "not given" in the classical cases, and is read as 1 kV (PGLib does the
same; per-unit results do not depend on it). A DC line becomes two units, `dcline 1 from` and `dcline 1 to`, which
inject `-Pf` and `Pf - (loss0 + loss1·Pf)`, and `Qf` and `Qt` as given: a pair of injections, which hold no voltage.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from pathlib import Path
from typing import Any

from gridpilot.errors import CaseError, Problem
from gridpilot.network.case import Case, make_case
from gridpilot.network.matpower_records import COLUMNS, Record, read_base_mva, read_costs, read_records
from gridpilot.network.matpower_text import CaseText, read_text, where
from gridpilot.network.names import unique_names
from gridpilot.network.network import make_network

_REFERENCE, _VOLTAGE, _ISOLATED = 3, 2, 4


_Records = dict[str, list[Record]]


def read_matpower(path_or_text: str | Path) -> Case:
    """The case in a MATPOWER file; a string with a line break is the text itself.

    Buses are named by `mpc.bus_name` or their number, loads and shunts by their bus (`load 3`), generators by
    `mpc.gen_name` or their bus (`gen 3`, `gen 3 #2`), branches by their ends (`3-4`, `3-4 #2`).

    Raises `CaseError` with every problem in the file and its line.
    """
    title, text = _load(path_or_text)
    read = read_text(text)
    problems = list(read.problems)
    base_mva = read_base_mva(read, problems)
    records = {name: read_records(read, name, problems) for name in COLUMNS}
    costs = read_costs(read, problems)
    problems += _meaning_problems(records)
    problems += _length_problems(read)
    if problems:
        raise CaseError(f"{title} is not a MATPOWER case that can be read: {len(problems)} problem(s).", problems)
    return _build(read, base_mva, records, costs)


def _load(path_or_text: str | Path) -> tuple[str, str]:
    if isinstance(path_or_text, str) and "\n" in path_or_text:
        return "The text", path_or_text
    path = Path(path_or_text)
    if not path.is_file():
        raise CaseError(f"There is no case file at {path}.", hint="Give the path of a MATPOWER .m file, or its text.")
    # Comments of old cases are in other encodings; no number and no name of the format needs more than ASCII.
    return path.name, path.read_text(encoding="utf-8", errors="replace")


# -------------------------------------------------------------------------------------------------- what the numbers mean


def _meaning_problems(records: _Records) -> Iterable[Problem]:
    first: dict[int, int] = {}
    for bus in records["bus"]:
        number = bus.bus("bus_i")
        if bus["bus_i"] != number or number < 1:
            yield Problem(where(bus.line), f"bus number {bus['bus_i']:g} is not a positive integer")
        elif number in first:
            yield Problem(where(bus.line), f"bus {number} stands a second time; the first is in {where(first[number])}")
        first.setdefault(number, bus.line)
        if bus["type"] not in (1, 2, 3, 4):
            yield Problem(where(bus.line), f"bus type {bus['type']:g} is not 1 (PQ), 2 (PV), 3 (reference) or 4 (isolated)")
        if bus["baseKV"] < 0:
            yield Problem(where(bus.line), f"baseKV {bus['baseKV']:g} is negative")
    for name, columns in (("gen", ("bus",)), ("branch", ("fbus", "tbus")), ("dcline", ("fbus", "tbus"))):
        for record in records[name]:
            for column in columns:
                if record[column] not in first:
                    yield Problem(where(record.line), f"{name} row: {column} {record[column]:g} is not in the bus table")
    yield from _branch_problems(records["branch"])
    yield from _reference_problems(records)


def _branch_problems(branches: list[Record]) -> Iterable[Problem]:
    for branch in branches:
        at, ends = where(branch.line), f"branch {branch['fbus']:g}-{branch['tbus']:g}"
        if branch["r"] == 0 and branch["x"] == 0:
            yield Problem(at, f"{ends} has zero impedance; join its buses into one")
        if branch["fbus"] == branch["tbus"]:
            yield Problem(at, f"{ends} has both ends at the same bus")
        if branch["ratio"] < 0:
            yield Problem(at, f"{ends} has the negative ratio {branch['ratio']:g}")
        if branch["rateA"] < 0:
            yield Problem(at, f"{ends} has the negative rating {branch['rateA']:g} MVA; 0 means none")
        low, high = branch.value.get("angmin", 0.0), branch.value.get("angmax", 0.0)
        if low > high:
            yield Problem(at, f"{ends} has the angmin {low:g} above its angmax {high:g}")


def _reference_problems(records: _Records) -> Iterable[Problem]:
    sourced = {gen.bus("bus") for gen in records["gen"] if gen["status"] > 0}
    references = [bus for bus in records["bus"] if bus["type"] == _REFERENCE]
    if records["bus"] and not references:
        yield Problem("mpc.bus", "no bus is of type 3; a case needs a reference bus")
    for bus in references:
        if bus.bus("bus_i") not in sourced and records["gen"]:
            yield Problem(where(bus.line), f"reference bus {bus['bus_i']:g} has no generator in service to hold its voltage")
    for gen in records["gen"]:
        if gen["Vg"] <= 0 and gen["status"] > 0:
            yield Problem(where(gen.line), f"gen row: Vg {gen['Vg']:g} pu is not positive")


def _length_problems(read: CaseText) -> Iterable[Problem]:
    for names, of in (("bus_name", "bus"), ("gen_name", "gen"), ("genfuel", "gen")):
        table, counted = read.tables.get(names), read.tables.get(of)
        if table and counted and len(table.rows) != len(counted.rows):
            yield Problem(where(table.line), f"{names} has {len(table.rows)} rows for {len(counted.rows)} rows of {of}")


# -------------------------------------------------------------------------------------------------- from numbers to a case


def _build(read: CaseText, base_mva: float, records: _Records, costs: list[dict[str, Any]]) -> Case:
    kept = [bus for bus in records["bus"] if bus["type"] != _ISOLATED]
    given = read.tables.get("bus_name")
    labels = [row.cells[0].strip() for row in given.rows] if given else [str(bus.bus("bus_i")) for bus in records["bus"]]
    name = {bus.bus("bus_i"): label for bus, label in zip(records["bus"], unique_names(labels), strict=True) if bus["type"] != _ISOLATED}
    network = make_network(
        read.name,
        base_mva=base_mva,
        buses=[
            {"name": name[bus.bus("bus_i")], "kv": bus["baseKV"] or 1.0, "v_min_pu": bus["Vmin"], "v_max_pu": bus["Vmax"]} for bus in kept
        ],
        branches=_branches(records, name),
        shunts=[
            {"name": f"shunt {name[bus.bus('bus_i')]}", "bus": name[bus.bus("bus_i")], "g_mw": bus["Gs"], "b_mvar": bus["Bs"]}
            for bus in kept
            if bus["Gs"] or bus["Bs"]
        ],
    )
    loads = [
        {"name": f"load {name[bus.bus('bus_i')]}", "bus": name[bus.bus("bus_i")], "p_mw": bus["Pd"], "q_mvar": bus["Qd"]}
        for bus in kept
        if bus["Pd"] or bus["Qd"]
    ]
    units = _units(read, records, costs, name) + _dcline_units(records["dcline"], name)
    return make_case(network, loads=loads, units=units, slacks=_slacks(records, name))


def _branches(records: _Records, name: dict[int, str]) -> list[dict[str, Any]]:
    kv = {bus.bus("bus_i"): bus["baseKV"] for bus in records["bus"]}
    live = [row for row in records["branch"] if row.bus("fbus") in name and row.bus("tbus") in name]
    names = unique_names(f"{name[row.bus('fbus')]}-{name[row.bus('tbus')]}" for row in live)
    return [
        {
            "name": label,
            "a": name[row.bus("fbus")],
            "b": name[row.bus("tbus")],
            "r_pu": row["r"],
            "x_pu": row["x"],
            "b_pu": row["b"],
            "tap": row["ratio"] or 1.0,
            "shift_deg": row["angle"],
            "rating_mva": row["rateA"] or inf,
            **_angle_limits(row),
            "transformer": bool(row["ratio"] or row["angle"] or kv[row.bus("fbus")] != kv[row.bus("tbus")]),
            "closed": row["status"] > 0,
        }
        for label, row in zip(names, live, strict=True)
    ]


def _angle_limits(row: Record) -> dict[str, float]:
    low, high = row.value.get("angmin", 0.0), row.value.get("angmax", 0.0)
    if low == 0 and high == 0:
        return {}
    return {"angle_min_deg": low if low > -360 else -inf, "angle_max_deg": high if high < 360 else inf}


def _units(read: CaseText, records: _Records, costs: list[dict[str, Any]], name: dict[int, str]) -> list[dict[str, Any]]:
    kind = {bus.bus("bus_i"): bus["type"] for bus in records["bus"]}
    given, fuels = read.tables.get("gen_name"), _fuels(read, len(records["gen"]))
    labels = [row.cells[0] for row in given.rows] if given else [f"gen {name.get(gen.bus('bus'), '')}" for gen in records["gen"]]
    return [
        {
            "name": label,
            "bus": name[gen.bus("bus")],
            "p_mw": gen["Pg"],
            "q_mvar": gen["Qg"],
            "p_min_mw": gen["Pmin"],
            "p_max_mw": gen["Pmax"],
            "q_min_mvar": gen["Qmin"],
            "q_max_mvar": gen["Qmax"],
            "v_set_pu": gen["Vg"],
            "holds_voltage": kind[gen.bus("bus")] in (_VOLTAGE, _REFERENCE),
            "in_service": gen["status"] > 0,
            "fuel": fuel,
            **cost,
        }
        for label, gen, fuel, cost in zip(unique_names(labels), records["gen"], fuels, costs, strict=True)
        if gen.bus("bus") in name
    ]


def _fuels(read: CaseText, count: int) -> list[str]:
    """Fuels from `mpc.genfuel`, or from the third column that RTS-GMLC's `mpc.gen_name` has."""
    table, column = (read.tables["genfuel"], 0) if "genfuel" in read.tables else (read.tables.get("gen_name"), 2)
    if table is None:
        return [""] * count
    return [row.cells[column] if len(row.cells) > column else "" for row in table.rows]


def _dcline_units(lines: list[Record], name: dict[int, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for k, row in enumerate(lines, start=1):
        ends = (row.bus("fbus"), row.bus("tbus"))
        if ends[0] not in name or ends[1] not in name:
            continue
        received = [row[column] - (row["loss0"] + row["loss1"] * row[column]) for column in ("Pf", "Pmin", "Pmax")]
        common = {"in_service": row["status"] > 0, "fuel": "dcline"}
        sending = {"p_mw": -row["Pf"], "p_min_mw": -row["Pmax"], "p_max_mw": -row["Pmin"], "q_mvar": row["Qf"]}
        receiving = {"p_mw": received[0], "p_min_mw": received[1], "p_max_mw": received[2], "q_mvar": row["Qt"]}
        limits = ({"q_min_mvar": row["QminF"], "q_max_mvar": row["QmaxF"]}, {"q_min_mvar": row["QminT"], "q_max_mvar": row["QmaxT"]})
        found.append({"name": f"dcline {k} from", "bus": name[ends[0]], **sending, **limits[0], **common, "v_set_pu": row["Vf"]})
        found.append({"name": f"dcline {k} to", "bus": name[ends[1]], **receiving, **limits[1], **common, "v_set_pu": row["Vt"]})
    return found


def _slacks(records: _Records, name: dict[int, str]) -> list[dict[str, Any]]:
    voltage = {gen.bus("bus"): gen["Vg"] for gen in records["gen"] if gen["status"] > 0}
    return [
        {"bus": name[bus.bus("bus_i")], "v_pu": voltage[bus.bus("bus_i")], "angle_deg": bus["Va"]}
        for bus in records["bus"]
        if bus["type"] == _REFERENCE
    ]
