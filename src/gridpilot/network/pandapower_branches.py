"""Branches and switches of a pandapower net, with the parameters that pandapower hands to its own solver.

A line or transformer with an open switch at one end stays energised from the other: its open end is a bus of its own,
`line 3 open at bus 5`, which an open bus-bus switch keeps apart from the real one. With open switches at both ends it
is an open branch. A line whose other bus is out of service is read likewise, without the switch. A three-winding
transformer is three branches that meet at `… star`; an xward a branch to a bus `… source` which holds voltage.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf, isnan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridpilot.errors import MissingExtraError

try:
    import pandas as pd
    from pandapower.pypower import idx_brch as col
except ImportError as missing:
    raise MissingExtraError("pandapower", "pandapower", "Reading a pandapower net") from missing

Names = dict[int, str]
"""Name of every bus in service by its index in the net."""
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Reading:
    """A net and pandapower's own branch table of it."""

    net: Any
    live: Names
    ppc_branch: NDArray[np.float64]
    spans: dict[str, tuple[int, int]]
    """First row and row after the last in `ppc_branch`, per element table."""
    impedance_switches: NDArray[np.bool_]
    """Which switches are branches, because they are closed and have an impedance."""


@dataclass
class Branches:
    """Rows for `make_network` and `make_case` which branches bring along."""

    rows: Rows = field(default_factory=list)
    buses: Rows = field(default_factory=list)
    switches: Rows = field(default_factory=list)
    sources: Rows = field(default_factory=list)


def label(table: Any, kind: str) -> list[str]:
    """Names of a table's rows: pandapower's, or the kind and index where it has none."""
    given = table["name"] if "name" in table else [None] * len(table)
    named = [not pd.isna(name) and bool(str(name).strip()) for name in given]
    return [str(name) if kept else f"{kind} {index}" for index, name, kept in zip(table.index, given, named, strict=True)]


def in_service(net: Any, kind: str, live: Names, *bus_columns: str) -> Iterator[Any]:
    """Rows of a table in service at buses in service, as named tuples with a `label`."""
    for row in _rows(net, kind):
        if row.in_service and all(getattr(row, column) in live for column in bus_columns or ("bus",)):
            yield row


def _rows(net: Any, kind: str) -> Iterator[Any]:
    table = net[kind]
    yield from table.assign(label=label(table, kind)).itertuples()


def read_branches(reading: Reading) -> Branches:
    """Every branch in service: lines, transformers, impedances, xwards and switches with an impedance."""
    found = Branches()
    opened = _open_ends(reading.net)
    for row, ppc in _aligned(reading, "line"):
        kv = float(reading.net.bus.vn_kv.at[row.from_bus])
        rating = row.max_i_ka * row.df * row.parallel * sqrt(3) * kv
        _two_ended(found, reading, opened, row, ("l", row.from_bus, row.to_bus), _parameters(ppc, rating))
    for row, ppc in _aligned(reading, "trafo"):
        _two_ended(found, reading, opened, row, ("t", row.hv_bus, row.lv_bus), _parameters(ppc, row.sn_mva * row.parallel * row.df, True))
    for row, ppc in _aligned(reading, "impedance"):
        _two_ended(found, reading, opened, row, ("i", row.from_bus, row.to_bus), _parameters(ppc, inf))
    _three_winding(found, reading, opened)
    _xwards(found, reading)
    _impedance_switches(found, reading)
    return found


def read_switches(reading: Reading) -> Rows:
    """Bus-bus switches between buses in service, but those that are branches."""
    return [
        {"name": row.label, "a": reading.live[row.bus], "b": reading.live[row.element], "closed": bool(row.closed)}
        for row, is_branch in zip(_rows(reading.net, "switch"), reading.impedance_switches, strict=True)
        if row.et == "b" and not is_branch and row.bus in reading.live and row.element in reading.live and row.bus != row.element
    ]


def _aligned(reading: Reading, kind: str) -> Iterator[tuple[Any, NDArray[np.float64]]]:
    """Rows of a table beside pandapower's own row of each, in service or not."""
    if kind not in reading.spans:
        return iter(())
    start, end = reading.spans[kind]
    return zip(_rows(reading.net, kind), reading.ppc_branch[start:end], strict=True)


def _parameters(ppc: NDArray[np.float64], rating_mva: float, transformer: bool = False) -> dict[str, Any]:
    """Pandapower's π-section; its `_ASYM` columns are what the to end has more than the from end."""
    return {
        "r_pu": ppc[col.BR_R],
        "x_pu": ppc[col.BR_X],
        "g_from_pu": ppc[col.BR_G] / 2,
        "b_from_pu": ppc[col.BR_B] / 2,
        "g_to_pu": (ppc[col.BR_G] + ppc[col.BR_G_ASYM]) / 2,
        "b_to_pu": (ppc[col.BR_B] + ppc[col.BR_B_ASYM]) / 2,
        "tap": ppc[col.TAP] or 1.0,
        "shift_deg": ppc[col.SHIFT],
        "rating_mva": inf if isnan(rating_mva) else rating_mva,
        "transformer": transformer,
    }


_Open = dict[tuple[str, int, int], str]


def _open_ends(net: Any) -> _Open:
    """Name of the open switch per (element type, element, bus)."""
    return {(row.et, row.element, row.bus): row.label for row in _rows(net, "switch") if not row.closed and row.et != "b"}


def _two_ended(found: Branches, reading: Reading, opened: _Open, row: Any, ends: tuple[str, int, int], parameters: dict[str, Any]) -> None:
    kind, a, b = ends
    cut = [bus for bus in (a, b) if (kind, row.Index, bus) in opened]
    dead = [bus for bus in (a, b) if bus not in reading.live]
    if not row.in_service or (dead and (kind != "l" or len({*cut, *dead}) > 1)):
        return
    closed = len(cut) < 2
    names = [_open_end(found, reading, opened, row, kind, bus) if closed and bus in (*cut, *dead) else reading.live[bus] for bus in (a, b)]
    found.rows.append({"name": row.label, "a": names[0], "b": names[1], "closed": closed, **parameters})


def _open_end(found: Branches, reading: Reading, opened: _Open, row: Any, kind: str, bus: int) -> str:
    """A bus at the open end of a branch, and the open switch between it and the real bus."""
    name = f"{row.label} open at {reading.live.get(bus, f'bus {bus}')}"
    found.buses.append({"name": name, "kv": float(reading.net.bus.vn_kv.at[bus])})
    switch = opened.get((kind, row.Index, bus))
    if switch is not None and bus in reading.live:
        found.switches.append({"name": switch, "a": reading.live[bus], "b": name, "closed": False})
    return name


def _three_winding(found: Branches, reading: Reading, opened: _Open) -> None:
    if "trafo3w" not in reading.spans:
        return
    start, end = reading.spans["trafo3w"]
    legs = np.split(reading.ppc_branch[start:end], 3)  # all hv legs, then mv, then lv
    for k, row in enumerate(_rows(reading.net, "trafo3w")):
        buses = (row.hv_bus, row.mv_bus, row.lv_bus)
        if not row.in_service or all(bus not in reading.live or ("t3", row.Index, bus) in opened for bus in buses):
            continue
        star = f"{row.label} star"
        found.buses.append({"name": star, "kv": float(reading.net.bus.vn_kv.at[row.hv_bus])})
        for side, bus, leg in zip(("hv", "mv", "lv"), buses, legs, strict=True):
            if bus not in reading.live:
                continue
            cut = ("t3", row.Index, bus) in opened
            far = _open_end(found, reading, opened, row, "t3", bus) if cut else reading.live[bus]
            a, b = (far, star) if side == "hv" else (star, far)
            parameters = _parameters(leg[k], getattr(row, f"sn_{side}_mva"), True)
            found.rows.append({"name": f"{row.label} {side}", "a": a, "b": b, **parameters})


def _xwards(found: Branches, reading: Reading) -> None:
    for row, ppc in _aligned(reading, "xward"):
        if not row.in_service or row.bus not in reading.live:
            continue
        source = f"{row.label} source"
        found.buses.append({"name": source, "kv": float(reading.net.bus.vn_kv.at[row.bus])})
        found.rows.append({"name": row.label, "a": reading.live[row.bus], "b": source, **_parameters(ppc, inf)})
        found.sources.append({"name": row.label, "bus": source, "v_set_pu": row.vm_pu, "holds_voltage": True})


def _impedance_switches(found: Branches, reading: Reading) -> None:
    if "switch" not in reading.spans:
        return
    start, end = reading.spans["switch"]
    rows = [row for row, chosen in zip(_rows(reading.net, "switch"), reading.impedance_switches, strict=True) if chosen]
    for row, ppc in zip(rows, reading.ppc_branch[start:end], strict=True):
        found.rows.append({"name": row.label, "a": reading.live[row.bus], "b": reading.live[row.element], **_parameters(ppc, inf)})
