"""A case: a network with the injections and units that a file format keeps beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridpilot.errors import CaseError, Problem
from gridpilot.network.network import Network
from gridpilot.values import PQ, PV, SLACK

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class LoadTable:
    """Demand at buses `[k]`, as consumption (positive)."""

    name: tuple[str, ...]
    bus: Ints
    p_mw: Floats
    q_mvar: Floats


@dataclass(frozen=True, eq=False)
class UnitTable:
    """Generating units `[k]`, as injection (positive); also static generators, which hold no voltage."""

    name: tuple[str, ...]
    bus: Ints
    p_mw: Floats
    q_mvar: Floats
    p_min_mw: Floats
    p_max_mw: Floats
    q_min_mvar: Floats
    q_max_mvar: Floats
    v_set_pu: Floats
    holds_voltage: NDArray[np.bool_]
    in_service: NDArray[np.bool_]
    fuel: tuple[str, ...]
    """As the source names it, empty where it does not."""
    cost: tuple[tuple[float, ...], ...]
    """Polynomial of the hourly cost in USD over MW, highest power first; empty where piecewise or absent."""
    cost_points: tuple[tuple[tuple[float, float], ...], ...]
    """Piecewise-linear cost as (MW, USD/h) points; empty where polynomial or absent."""


@dataclass(frozen=True, eq=False)
class Case:
    """What a MATPOWER or pandapower file describes: the grid and one operating point of it."""

    network: Network
    loads: LoadTable
    units: UnitTable
    slack_bus: Ints
    """Buses that fix voltage and angle."""
    slack_v_pu: Floats
    slack_angle_rad: Floats
    source: str = ""
    """Where the numbers come from; empty where nobody said."""

    def injections(self) -> tuple[Floats, Floats]:
        """Net p in MW and q in Mvar at every bus, each `[n]`."""
        n = self.network.n_bus
        live = self.units.in_service
        p, q = np.zeros(n), np.zeros(n)
        for into, made, used in ((p, self.units.p_mw, self.loads.p_mw), (q, self.units.q_mvar, self.loads.q_mvar)):
            np.add.at(into, self.units.bus[live], made[live])
            np.subtract.at(into, self.loads.bus, used)
        return p, q

    def loads_mw(self) -> Floats:
        """Demand at every bus `[n]`."""
        total = np.zeros(self.network.n_bus)
        np.add.at(total, self.loads.bus, self.loads.p_mw)
        return total

    def kinds(self) -> tuple[NDArray[np.int8], Floats]:
        """Bus kinds and voltage setpoints in pu, each `[n]`."""
        kind = np.full(self.network.n_bus, PQ, dtype=np.int8)
        v_set = np.ones(self.network.n_bus)
        holds = self.units.in_service & self.units.holds_voltage
        kind[self.units.bus[holds]] = PV
        v_set[self.units.bus[holds]] = self.units.v_set_pu[holds]
        kind[self.slack_bus] = SLACK
        v_set[self.slack_bus] = self.slack_v_pu
        return kind, v_set


def make_case(
    network: Network,
    *,
    loads: Rows,
    units: Rows,
    slacks: Rows,
    source: str = "",
) -> Case:
    """A case from rows of named values.

    Load rows: `name`, `bus` (its name), and optionally `p_mw`, `q_mvar`. Unit rows: `name`, `bus`, and optionally
    `p_mw`, `q_mvar`, `p_min_mw`, `p_max_mw`, `q_min_mvar`, `q_max_mvar` (without limit where absent), `v_set_pu`,
    `holds_voltage`, `in_service`, `fuel`, `cost`, `cost_points`. Slack rows: `bus`, `v_pu`, `angle_deg`.

    Raises `CaseError` with every problem found.
    """
    problems = list(case_row_problems(network.bus_name, loads, units, slacks))
    if problems:
        raise CaseError(f"Case {network.name!r} is not consistent.", problems)
    place = {name: k for k, name in enumerate(network.bus_name)}

    def column(rows: Rows, key: str, default: float = 0.0) -> Floats:
        return np.array([float(row.get(key, default)) for row in rows], dtype=np.float64)

    def at(rows: Rows) -> Ints:
        return np.array([place[row["bus"]] for row in rows], dtype=np.int64)

    return Case(
        network=network,
        loads=LoadTable(tuple(str(row["name"]) for row in loads), at(loads), column(loads, "p_mw"), column(loads, "q_mvar")),
        units=UnitTable(
            name=tuple(str(row["name"]) for row in units),
            bus=at(units),
            p_mw=column(units, "p_mw"),
            q_mvar=column(units, "q_mvar"),
            p_min_mw=column(units, "p_min_mw", -np.inf),
            p_max_mw=column(units, "p_max_mw", np.inf),
            q_min_mvar=column(units, "q_min_mvar", -np.inf),
            q_max_mvar=column(units, "q_max_mvar", np.inf),
            v_set_pu=column(units, "v_set_pu", 1.0),
            holds_voltage=np.array([bool(row.get("holds_voltage", False)) for row in units], dtype=np.bool_),
            in_service=np.array([bool(row.get("in_service", True)) for row in units], dtype=np.bool_),
            fuel=tuple(str(row.get("fuel", "")) for row in units),
            cost=tuple(tuple(float(c) for c in row.get("cost", ())) for row in units),
            cost_points=tuple(tuple((float(x), float(y)) for x, y in row.get("cost_points", ())) for row in units),
        ),
        slack_bus=at(slacks),
        slack_v_pu=column(slacks, "v_pu", 1.0),
        slack_angle_rad=np.deg2rad(column(slacks, "angle_deg")),
        source=source,
    )


def case_row_problems(bus_names: Iterable[str], loads: Rows, units: Rows, slacks: Rows) -> Iterator[Problem]:
    """What is wrong between the rows of a case and the buses of its network."""
    known = set(bus_names)
    for kind, rows in (("load", loads), ("unit", units), ("slack", slacks)):
        for row in rows:
            if row["bus"] not in known:
                yield Problem(f"{kind} {row.get('name', row['bus'])}", f"there is no bus {row['bus']!r}")
        names = [str(row["name"]) for row in rows if "name" in row]
        for name in sorted(name for name, count in Counter(names).items() if count > 1):
            yield Problem(f"{kind} {name}", "the name stands more than once; names must be unique")
    if not slacks:
        yield Problem("slack", "no bus fixes voltage and angle; a grid needs at least one reference bus")
