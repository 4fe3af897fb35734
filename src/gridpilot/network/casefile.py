"""gridpilot's own case format: one JSON document of named rows.

    {"format": "gridpilot case", "version": 1, "name": …, "source": …, "base_mva": …, "frequency_hz": …,
     "buses": […], "branches": […], "shunts": […], "switches": […], "loads": […], "units": […], "slacks": […]}

The keys of the rows are those of `make_network` and `make_case`, which also say their units and defaults. A limit that
is absent is no limit: the format has no infinity and no NaN. Keys that nobody knows are refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from gridpilot.errors import CaseError, Problem
from gridpilot.network.case import Case, case_row_problems, make_case
from gridpilot.network.network import TRANSFORMER, make_network

FORMAT, VERSION = "gridpilot case", 1
_Rows = list[dict[str, Any]]

_NAME, _NUMBER, _FLAG, _NUMBERS, _POINTS = "a name", "a number", "true or false", "a list of numbers", "a list of [MW, USD/h] pairs"

_SECTIONS: dict[str, dict[str, str]] = {
    "buses": {"name": _NAME, "kv": _NUMBER, "v_min_pu": _NUMBER, "v_max_pu": _NUMBER, "x": _NUMBER, "y": _NUMBER},
    "branches": {
        **{"name": _NAME, "a": _NAME, "b": _NAME, "r_pu": _NUMBER, "x_pu": _NUMBER, "b_pu": _NUMBER, "g_pu": _NUMBER},
        **dict.fromkeys(("g_from_pu", "b_from_pu", "g_to_pu", "b_to_pu", "tap", "shift_deg", "rating_mva"), _NUMBER),
        **{"angle_min_deg": _NUMBER, "angle_max_deg": _NUMBER},
        **{"transformer": _FLAG, "closed": _FLAG},
    },
    "shunts": {"name": _NAME, "bus": _NAME, "g_mw": _NUMBER, "b_mvar": _NUMBER},
    "switches": {"name": _NAME, "a": _NAME, "b": _NAME, "closed": _FLAG},
    "loads": {"name": _NAME, "bus": _NAME, "p_mw": _NUMBER, "q_mvar": _NUMBER},
    "units": {
        **{"name": _NAME, "bus": _NAME, "p_mw": _NUMBER, "q_mvar": _NUMBER, "p_min_mw": _NUMBER, "p_max_mw": _NUMBER},
        **{"q_min_mvar": _NUMBER, "q_max_mvar": _NUMBER, "v_set_pu": _NUMBER, "holds_voltage": _FLAG, "in_service": _FLAG},
        **{"fuel": _NAME, "cost": _NUMBERS, "cost_points": _POINTS},
    },
    "slacks": {"bus": _NAME, "v_pu": _NUMBER, "angle_deg": _NUMBER},
}
_HEAD = {"format": _NAME, "version": _NUMBER, "name": _NAME, "source": _NAME, "base_mva": _NUMBER, "frequency_hz": _NUMBER}
_REQUIRED = {"format", "version", "name", "base_mva", "buses", "branches", "slacks"}
_REQUIRED_IN_ROW = {"name", "kv", "a", "b", "bus", "r_pu", "x_pu"}


def read_case(path: str | Path) -> Case:
    """The case in a file of this format.

    Raises `CaseError` with every problem found.
    """
    path = Path(path)
    if not path.is_file():
        raise CaseError(f"There is no case file at {path}.", hint="Give the path of a gridpilot case (.json).")
    document = _parsed(path)
    problems = list(_document_problems(document))
    if problems:
        raise CaseError(f"{path.name} is not a gridpilot case: {len(problems)} problem(s).", problems)
    rows: dict[str, _Rows] = {section: document.get(section, []) for section in _SECTIONS}
    try:
        network = make_network(
            document["name"],
            base_mva=document["base_mva"],
            frequency_hz=document.get("frequency_hz", 50.0),
            **{section: rows[section] for section in ("buses", "branches", "shunts", "switches")},
        )
    except CaseError as inconsistent:
        buses = [row["name"] for row in rows["buses"]]
        found = (*inconsistent.problems, *case_row_problems(buses, rows["loads"], rows["units"], rows["slacks"]))
        raise CaseError(f"{path.name} contradicts itself: {len(found)} problem(s).", found) from inconsistent
    return make_case(network, loads=rows["loads"], units=rows["units"], slacks=rows["slacks"], source=document.get("source", ""))


def write_case(case: Case, path: str | Path) -> None:
    """Write a case so that `read_case` returns it; the file appears whole or not at all."""
    path = Path(path)
    head = {"format": FORMAT, "version": VERSION, "name": case.network.name, "source": case.source}
    head |= {"base_mva": case.network.base_mva, "frequency_hz": case.network.frequency_hz}
    parts = [f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
    for section, rows in case_rows(case).items():
        lines = ",\n".join(f"    {json.dumps(row, ensure_ascii=False, allow_nan=False)}" for row in rows)
        parts.append(f"  {json.dumps(section)}: [\n{lines}\n  ]" if rows else f"  {json.dumps(section)}: []")
    part = path.with_name(path.name + ".part")
    part.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
    os.replace(part, path)


# -------------------------------------------------------------------------------------------------- reading


def _parsed(path: Path) -> dict[str, Any]:
    def refuse(token: str) -> float:
        raise CaseError(f"{path.name} holds {token}, which JSON does not know.", hint="Leave a limit out where there is none.")

    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CaseError(f"{path.name} is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise CaseError(f"{path.name} holds a {type(document).__name__}; expected one object with the keys of a case.")
    return document


def _document_problems(document: dict[str, Any]) -> Iterator[Problem]:
    yield from _key_problems("document", document, {*_HEAD, *_SECTIONS}, _REQUIRED)
    for key, kind in _HEAD.items():
        if key in document and not _is(kind, document[key]):
            yield Problem(key, f"is {document[key]!r}, expected {kind}")
    if (document.get("format", FORMAT), document.get("version", VERSION)) != (FORMAT, VERSION):
        yield Problem("format", f"is {document.get('format')!r} {document.get('version')!r}, expected {FORMAT!r} {VERSION}")
    for section, keys in _SECTIONS.items():
        rows = document.get(section, [])
        if not isinstance(rows, list):
            yield Problem(section, f"is {type(rows).__name__}, expected a list of rows")
            continue
        for k, row in enumerate(rows):
            yield from _row_problems(f"{section}[{k}]", row, keys)


def _row_problems(where: str, row: Any, keys: dict[str, str]) -> Iterator[Problem]:
    if not isinstance(row, dict):
        yield Problem(where, f"is {row!r}, expected an object with {', '.join(keys)}")
        return
    yield from _key_problems(where, row, set(keys), _REQUIRED_IN_ROW & set(keys))
    for key, kind in keys.items():
        if key in row and not _is(kind, row[key]):
            yield Problem(f"{where}.{key}", f"is {row[key]!r}, expected {kind}")


def _key_problems(where: str, found: dict[str, Any], known: set[str], required: set[str]) -> Iterator[Problem]:
    for key in sorted(set(found) - known):
        yield Problem(where, f"has the unknown key {key!r}; known: {', '.join(sorted(known))}")
    for key in sorted(required - set(found)):
        yield Problem(where, f"has no {key!r}")


def _is(kind: str, value: Any) -> bool:
    if kind == _NAME:
        return isinstance(value, str)
    if kind == _FLAG:
        return isinstance(value, bool)
    if kind == _NUMBER:
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if not isinstance(value, list):
        return False
    if kind == _NUMBERS:
        return all(_is(_NUMBER, item) for item in value)
    return all(_is(_NUMBERS, pair) and len(pair) == 2 for pair in value)


# -------------------------------------------------------------------------------------------------- writing


def case_rows(case: Case) -> dict[str, _Rows]:
    """The rows of a case by section, from which `make_network` and `make_case` make it again."""
    network, units = case.network, case.units
    at = network.bus_name
    return {
        "buses": [
            _present(name=at[k], kv=network.bus_kv[k], v_min_pu=network.bus_v_min_pu[k], v_max_pu=network.bus_v_max_pu[k])
            | _present(x=network.bus_xy[k, 0], y=network.bus_xy[k, 1])
            for k in range(network.n_bus)
        ],
        "branches": list(_branch_rows(case)),
        "shunts": [
            _present(name=name, bus=at[bus], g_mw=g, b_mvar=b)
            for name, bus, g, b in zip(network.shunt_name, network.shunt_bus, network.shunt_g_mw, network.shunt_b_mvar, strict=True)
        ],
        "switches": [
            _present(name=name, a=at[a], b=at[b], closed=closed)
            for name, a, b, closed in zip(network.switch_name, network.switch_a, network.switch_b, network.switch_closed, strict=True)
        ],
        "loads": [
            _present(name=name, bus=at[bus], p_mw=p, q_mvar=q)
            for name, bus, p, q in zip(case.loads.name, case.loads.bus, case.loads.p_mw, case.loads.q_mvar, strict=True)
        ],
        "units": [
            _present(name=units.name[k], bus=at[units.bus[k]])
            | _present(**{key: getattr(units, key)[k] for key in _SECTIONS["units"] if key not in ("name", "bus")})
            for k in range(len(units.name))
        ],
        "slacks": [
            _present(bus=at[bus], v_pu=v, angle_deg=np.rad2deg(angle))
            for bus, v, angle in zip(case.slack_bus, case.slack_v_pu, case.slack_angle_rad, strict=True)
        ],
    }


def _branch_rows(case: Case) -> Iterable[dict[str, Any]]:
    """Both ends of a branch as one total where they are equal, as the textbooks have it."""
    network = case.network
    for k, name in enumerate(network.branch_name):
        row = _present(name=name, a=network.bus_name[network.branch_from[k]], b=network.bus_name[network.branch_to[k]])
        row |= _present(r_pu=network.r_pu[k], x_pu=network.x_pu[k])
        for letter in "gb":
            ends = {side: float(getattr(network, f"{letter}_{side}_pu")[k]) for side in ("from", "to")}
            if ends["from"] != ends["to"]:
                row |= {f"{letter}_{side}_pu": value for side, value in ends.items()}
            elif ends["from"]:
                row[f"{letter}_pu"] = 2 * ends["from"]
        if network.branch_kind[k] == TRANSFORMER or network.tap[k] != 1 or network.shift_rad[k]:
            row |= _present(tap=network.tap[k], shift_deg=np.rad2deg(network.shift_rad[k]))
            row |= {"transformer": bool(network.branch_kind[k] == TRANSFORMER)}
        limits = np.rad2deg([network.angle_min_rad[k], network.angle_max_rad[k]])
        row |= _present(rating_mva=network.rating_mva[k], angle_min_deg=limits[0], angle_max_deg=limits[1])
        yield row | ({} if network.branch_closed[k] else {"closed": False})


def _present(**values: Any) -> dict[str, Any]:
    """Values as JSON has them, without those that say "none": infinite limits, unknown places, empty costs and fuels."""
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in values.items()}
    return {key: value for key, value in plain.items() if value not in ("", ()) and (not isinstance(value, float) or isfinite(value))}
