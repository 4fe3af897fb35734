"""A distribution grid put together: a host feeder, and other feeders attached at its buses.

Everything of a part is called by the part's name first: bus 675 of MG1 is `MG1-675`. A part may be scaled: its demand, its
capacitors and its units become that share of themselves, its lines stay what they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridpilot.errors import CaseError, Problem
from gridpilot.network.case import Case, make_case
from gridpilot.network.casefile import case_rows
from gridpilot.network.network import make_network

_Rows = dict[str, list[dict[str, Any]]]

_IMPEDANCES = ("r_pu", "x_pu")
_ADMITTANCES = ("b_pu", "g_pu", "g_from_pu", "b_from_pu", "g_to_pu", "b_to_pu")
_SCALED = {
    "loads": ("p_mw", "q_mvar"),
    "shunts": ("g_mw", "b_mvar"),
    "units": ("p_mw", "q_mvar", "p_min_mw", "p_max_mw", "q_min_mvar", "q_max_mvar"),
}
_SIZE = 0.7
"""Size of an attached part on the schematic: it is drawn above the bus that it hangs on."""
_GAP = 1.5


@dataclass(frozen=True, slots=True)
class Transformer:
    """A transformer by its nameplate."""

    rating_mva: float
    r_pu: float
    x_pu: float
    """Series impedance on its own rating."""
    tap: float = 1.0
    """Ratio at the end of the host."""


@dataclass(frozen=True, slots=True)
class Part:
    """A feeder that is attached."""

    name: str
    case: Case
    host_bus: str
    """Bus of the host, by its name in the host's own case."""
    transformer: Transformer | None
    """Between the host's bus and the feeder's head; None where the head is the host's bus."""
    scale: float = 1.0


def compose(name: str, host: Case, parts: Sequence[Part], *, host_name: str, base_mva: float, scale: float = 1.0) -> Case:
    """The host with parts attached, in per unit of `base_mva`; the head of a part is where its own case has its slack bus.

    Raises `CaseError` with every part that cannot be attached.
    """
    problems = [problem for part in parts for problem in _part_problems(host, part)]
    if problems:
        raise CaseError(f"{name!r} cannot be put together.", problems)
    pieces = [_qualified(host, host_name, base_mva, scale, {}, (0.0, 0.0, 1.0))]
    pieces += [_attached(host, host_name, part, base_mva) for part in parts]
    rows = {section: [row for piece in pieces for row in piece[section]] for section in pieces[0]}
    network = make_network(
        name,
        base_mva=base_mva,
        frequency_hz=host.network.frequency_hz,
        **{section: rows[section] for section in ("buses", "branches", "shunts", "switches")},
    )
    sources = dict.fromkeys([host.source, *(part.case.source for part in parts)])
    return make_case(network, loads=rows["loads"], units=rows["units"], slacks=pieces[0]["slacks"], source=" ".join(filter(None, sources)))


def _part_problems(host: Case, part: Part) -> list[Problem]:
    found = []
    if part.host_bus not in host.network.bus_name:
        found.append(Problem(part.name, f"there is no bus {part.host_bus!r} to attach it to"))
    if len(part.case.slack_bus) != 1:
        found.append(Problem(part.name, f"has {len(part.case.slack_bus)} slack buses; its head must be the only one"))
        return found
    if part.transformer is None and part.host_bus in host.network.bus_name:
        ends = host.network.bus_kv[host.network.bus(part.host_bus)], part.case.network.bus_kv[part.case.slack_bus[0]]
        if ends[0] != ends[1]:
            found.append(Problem(part.name, f"its head has {ends[1]:g} kV and the host's bus {ends[0]:g} kV: it needs a transformer"))
    if part.case.network.frequency_hz != host.network.frequency_hz:
        found.append(Problem(part.name, f"has {part.case.network.frequency_hz:g} Hz, the host {host.network.frequency_hz:g} Hz"))
    return found


def _attached(host: Case, host_name: str, part: Part, base_mva: float) -> _Rows:
    network, at = part.case.network, int(part.case.slack_bus[0])
    head, hook = network.bus_name[at], f"{host_name}-{part.host_bus}"
    x, y = host.network.bus_xy[host.network.bus(part.host_bus)].tolist()
    place = (x - _SIZE * network.bus_xy[at, 0], y + _GAP - _SIZE * network.bus_xy[at, 1], _SIZE)
    rows = _qualified(part.case, part.name, base_mva, part.scale, {} if part.transformer else {head: hook}, place)
    if part.transformer is None:
        rows["buses"] = [row for row in rows["buses"] if row["name"] != hook]
        return rows
    link = _link(f"{part.name}-SUBSTATION", hook, f"{part.name}-{head}", part.transformer, base_mva)
    return {**rows, "branches": [link, *rows["branches"]]}


def _link(name: str, a: str, b: str, transformer: Transformer, base_mva: float) -> dict[str, Any]:
    own = base_mva / transformer.rating_mva
    ratings = {"tap": transformer.tap, "rating_mva": transformer.rating_mva, "transformer": True}
    return {"name": name, "a": a, "b": b, "r_pu": transformer.r_pu * own, "x_pu": transformer.x_pu * own, **ratings}


def _qualified(
    case: Case, prefix: str, base_mva: float, scale: float, known: Mapping[str, str], place: tuple[float, float, float]
) -> _Rows:
    """The rows of a case under the names and the base of the whole; `known` buses have a name there already."""
    per_base = base_mva / case.network.base_mva
    dx, dy, size = place

    def named(row: dict[str, Any]) -> dict[str, Any]:
        changed: dict[str, Any] = {key: known.get(row[key], f"{prefix}-{row[key]}") for key in ("a", "b", "bus") if key in row}
        return {**row, **changed, **({"name": f"{prefix}-{row['name']}"} if "name" in row else {})}

    own = case_rows(case)
    rows = {section: [named(row) for row in own[section]] for section in own}
    rows["buses"] = [{**row, "name": known.get(row["name"], f"{prefix}-{row['name']}")} for row in own["buses"]]
    for bus in rows["buses"]:
        bus |= {key: shift + size * bus[key] for key, shift in (("x", dx), ("y", dy)) if key in bus}
    for branch in rows["branches"]:
        branch |= {key: branch[key] * per_base for key in _IMPEDANCES if key in branch}
        branch |= {key: branch[key] / per_base for key in _ADMITTANCES if key in branch}
    for section, columns in _SCALED.items():
        for row in rows[section]:
            row |= {key: row[key] * scale for key in columns if key in row}
    return rows
