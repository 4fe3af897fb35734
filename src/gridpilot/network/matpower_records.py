"""The tables of a MATPOWER case file as numbers by column name; what cannot be one is a problem with its line.

Source: MATPOWER User's Manual, appendix B, tables B-1 to B-5.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite, isnan
from typing import Any

from gridpilot.errors import Problem
from gridpilot.network.matpower_text import CaseText, Table, where

COLUMNS = {
    "bus": ("bus_i", "type", "Pd", "Qd", "Gs", "Bs", "area", "Vm", "Va", "baseKV", "zone", "Vmax", "Vmin"),
    "gen": ("bus", "Pg", "Qg", "Qmax", "Qmin", "Vg", "mBase", "status", "Pmax", "Pmin"),
    "branch": ("fbus", "tbus", "r", "x", "b", "rateA", "rateB", "rateC", "ratio", "angle", "status"),
    "dcline": (
        "fbus", "tbus", "status", "Pf", "Pt", "Qf", "Qt", "Vf", "Vt", "Pmin", "Pmax",
        "QminF", "QmaxF", "QminT", "QmaxT", "loss0", "loss1",
    ),
}  # fmt: skip
_OPTIONAL = {"branch": ("angmin", "angmax")}
"""Columns that old files leave out, after the required ones."""
_MAY_BE_INFINITE = {"Qmax", "Qmin", "Pmax", "Pmin", "rateA", "rateB", "rateC", "QminF", "QmaxF", "QminT", "QmaxT", "angmin", "angmax"}
_REQUIRED = ("bus", "gen", "branch")
_PIECEWISE, _POLYNOMIAL = 1, 2


@dataclass(frozen=True)
class Record:
    """One row: its line and its values by column name."""

    line: int
    value: dict[str, float]

    def __getitem__(self, column: str) -> float:
        return self.value[column]

    def bus(self, column: str) -> int:
        """A value that is a bus number."""
        return int(self.value[column])


def read_base_mva(read: CaseText, problems: list[Problem]) -> float:
    """The base of the case; 1 where it cannot be read, which is then among `problems`."""
    version = _scalar(read.tables.get("version"))
    if version != "2":
        found = "is missing" if version is None else f"is {version!r}"
        problems.append(Problem(f"{read.struct}.version", f"{found}; this reader knows version '2'"))
    base = _scalar(read.tables.get("baseMVA"))
    value = _number(base) if base is not None else None
    if value is None or not 0 < value < inf:
        found = "is missing" if base is None else f"is {base!r}"
        problems.append(Problem(f"{read.struct}.baseMVA", f"{found}; expected a positive number of MVA"))
        return 1.0
    return value


def _scalar(table: Table | None) -> str | None:
    return table.rows[0].cells[0] if table and table.rows else None


def _number(token: str) -> float | None:
    try:
        return float(token)
    except ValueError:
        return None


def read_records(read: CaseText, name: str, problems: list[Problem]) -> list[Record]:
    """The rows of a table that can be read; the others are problems."""
    columns, table = COLUMNS[name], read.tables.get(name)
    if table is None or not table.rows:
        if name in _REQUIRED:
            problems.append(Problem(f"{read.struct}.{name}", "is missing; a case needs buses, generators and branches"))
        return []
    width = len(table.rows[0].cells)
    found: list[Record] = []
    for row in table.rows:
        at = where(row.line)
        if len(row.cells) < len(columns):
            problems.append(Problem(at, f"{name} row has {len(row.cells)} columns, expected at least {len(columns)}"))
            continue
        if len(row.cells) != width:
            problems.append(Problem(at, f"{name} row has {len(row.cells)} columns, the first row has {width}"))
            continue
        named = columns + _OPTIONAL.get(name, ()) if width >= len(columns + _OPTIONAL.get(name, ())) else columns
        values = {column: _number(cell) for column, cell in zip(named, row.cells, strict=False)}
        bad = [f"{c} is {cell!r}" for c, cell in zip(named, row.cells, strict=False) if not _readable(c, values[c])]
        if bad:
            problems.append(Problem(at, f"{name} row: {', '.join(bad)}; expected {'a number' if len(bad) == 1 else 'numbers'}"))
            continue
        found.append(Record(row.line, {column: value for column, value in values.items() if value is not None}))
    return found


def _readable(column: str, value: float | None) -> bool:
    return value is not None and (isfinite(value) or (column in _MAY_BE_INFINITE and not isnan(value)))


def read_costs(read: CaseText, problems: list[Problem]) -> list[dict[str, Any]]:
    """Hourly cost of every generator in the order of `mpc.gen`, as columns of a unit row."""
    table, gens = read.tables.get("gencost"), read.tables.get("gen")
    count = len(gens.rows) if gens else 0
    if table is None:
        return [{} for _ in range(count)]
    if len(table.rows) not in (count, 2 * count):
        expected = f"{count} (or twice that, with reactive costs)"
        problems.append(Problem(where(table.line), f"gencost has {len(table.rows)} rows, expected {expected}"))
    found: list[dict[str, Any]] = []
    for row in table.rows[:count]:
        numbers = [_number(cell) for cell in row.cells]
        values = [value for value in numbers if value is not None and isfinite(value)]
        if len(values) != len(numbers):
            problems.append(Problem(where(row.line), "gencost row: every cell must be a finite number"))
        elif len(values) < 4 or values[0] not in (_PIECEWISE, _POLYNOMIAL) or values[3] != int(values[3]) or values[3] < 0:
            problems.append(Problem(where(row.line), "gencost row: expected model 1 or 2, startup, shutdown, n and n pairs or values"))
        else:
            found.append(_cost(row.line, values, problems))
    return found


def _cost(line: int, values: list[float], problems: list[Problem]) -> dict[str, Any]:
    n, data = int(values[3]), values[4:]
    needed = 2 * n if values[0] == _PIECEWISE else n
    if len(data) < needed:
        problems.append(Problem(where(line), f"gencost row has {len(data)} cost values, its n = {n} asks for {needed}"))
        return {}
    if values[0] == _POLYNOMIAL:
        return {"cost": data[:n]}
    points = list(zip(data[:needed:2], data[1:needed:2], strict=True))
    if any(after[0] <= before[0] for before, after in pairwise(points)):
        problems.append(Problem(where(line), f"gencost row: the powers of the points must rise, found {[x for x, _ in points]}"))
    return {"cost_points": points}
