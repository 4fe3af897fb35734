"""The grid as a frozen value: buses, branches, shunts and switches.

A `Network` holds what does not change while a grid is operated. What does — breaker positions, injections,
voltages — is state, and lives elsewhere. Changing a network returns another one (`grow`, `trip`, `fuse`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridpilot.errors import CaseError, Problem, UnknownNameError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LINE = 0
TRANSFORMER = 1


@dataclass(frozen=True, eq=False)
class Network:
    """Static description of a grid in per unit of `base_mva`.

    Branches are general π-sections: a series impedance between two shunt admittances, behind an ideal
    transformer at the from end (`units.py` says the sign of the shift). Lines have `tap = 1` and `shift_rad = 0`.
    """

    name: str
    base_mva: float
    frequency_hz: float

    bus_name: tuple[str, ...]
    bus_kv: Floats
    """Nominal line-to-line voltage `[n]`."""
    bus_v_min_pu: Floats
    bus_v_max_pu: Floats
    """Operating band `[n]`."""
    bus_xy: Floats
    """Place on a schematic `[n, 2]`; NaN where the source has none."""

    branch_name: tuple[str, ...]
    branch_kind: Ints
    """`LINE` or `TRANSFORMER` `[m]`."""
    branch_from: Ints
    branch_to: Ints
    """Bus index at either end `[m]`."""
    r_pu: Floats
    x_pu: Floats
    """Series impedance `[m]`."""
    g_from_pu: Floats
    b_from_pu: Floats
    g_to_pu: Floats
    b_to_pu: Floats
    """Shunt admittance at either end `[m]`: a line has half its charging at each."""
    tap: Floats
    """Off-nominal ratio at the from end `[m]`; 1 for a line."""
    shift_rad: Floats
    rating_mva: Floats
    """Continuous thermal rating `[m]`; `inf` where the source gives none."""
    angle_min_rad: Floats
    angle_max_rad: Floats
    """Limits of the voltage angle at the from end less that at the to end `[m]`; infinite where the source gives none."""
    branch_closed: Bools
    """Position of the branch's breakers as built `[m]`."""

    shunt_name: tuple[str, ...]
    shunt_bus: Ints
    shunt_g_mw: Floats
    shunt_b_mvar: Floats
    """Consumption and reactive injection at 1 pu `[k]`."""

    switch_name: tuple[str, ...]
    switch_a: Ints
    switch_b: Ints
    switch_closed: Bools
    """Bus-bus switches `[s]`; closed ones are fused before a power flow."""

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise CaseError(f"Network {self.name!r} is not consistent.", problems)
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    @property
    def n_bus(self) -> int:
        return len(self.bus_name)

    @property
    def n_branch(self) -> int:
        return len(self.branch_name)

    def bus(self, name: str) -> int:
        """Index of a bus by its name; raises `UnknownNameError`."""
        return _index("bus", name, self._places["bus"])

    def branch(self, name: str) -> int:
        """Index of a branch by its name; raises `UnknownNameError`."""
        return _index("branch", name, self._places["branch"])

    @cached_property
    def _places(self) -> dict[str, dict[str, int]]:
        """Index by name, because a grid of ten thousand buses is asked for each of them."""
        return {kind: {name: k for k, name in enumerate(names)} for kind, names in (("bus", self.bus_name), ("branch", self.branch_name))}


def _index(kind: str, name: str, places: dict[str, int]) -> int:
    if name not in places:
        raise UnknownNameError(kind, name, tuple(places))
    return places[name]


_PER_BUS = ("bus_kv", "bus_v_min_pu", "bus_v_max_pu", "bus_xy")
_PER_BRANCH = (
    "branch_kind", "branch_from", "branch_to", "r_pu", "x_pu", "g_from_pu", "b_from_pu", "g_to_pu", "b_to_pu",
    "tap", "shift_rad", "rating_mva", "angle_min_rad", "angle_max_rad", "branch_closed",
)  # fmt: skip
_PER_SHUNT = ("shunt_bus", "shunt_g_mw", "shunt_b_mvar")
_PER_SWITCH = ("switch_a", "switch_b", "switch_closed")
_GROUPS = (
    ("bus_name", _PER_BUS),
    ("branch_name", _PER_BRANCH),
    ("shunt_name", _PER_SHUNT),
    ("switch_name", _PER_SWITCH),
)
_BUS_REFERENCES = ("branch_from", "branch_to", "shunt_bus", "switch_a", "switch_b")


def _problems(network: Network) -> list[Problem]:
    found: list[Problem] = []
    for names_field, columns in _GROUPS:
        names = getattr(network, names_field)
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            found.append(Problem(names_field, f"names must be unique; {twice} stand more than once"))
        found += [
            Problem(column, f"has {len(getattr(network, column))} entries for {len(names)} names")
            for column in columns
            if len(getattr(network, column)) != len(names)
        ]
    if found:
        return found
    n = network.n_bus
    if n == 0:
        found.append(Problem("bus_name", "a network needs at least one bus"))
    for column in _BUS_REFERENCES:
        values = getattr(network, column)
        found += [Problem(f"{column}[{k}]", f"bus {values[k]} is not in 0…{n - 1}") for k in np.flatnonzero((values < 0) | (values >= n))]
    found += _value_problems(network)
    return found


def _value_problems(network: Network) -> list[Problem]:
    found: list[Problem] = []
    if not network.base_mva > 0:
        found.append(Problem("base_mva", f"must be positive, found {network.base_mva}"))
    z = np.hypot(network.r_pu, network.x_pu)
    checks = (
        (z > 0, "series impedance must not be zero (join the buses with a switch instead)"),
        (network.tap > 0, "tap ratio must be positive"),
        (network.rating_mva > 0, "rating must be positive (inf for none)"),
        (network.angle_min_rad <= network.angle_max_rad, "the lower limit of its angle must not be above the upper one"),
        (network.branch_from != network.branch_to, "both ends are at the same bus"),
    )
    for good, sentence in checks:
        found += [Problem(f"branch {network.branch_name[k]}", sentence) for k in np.flatnonzero(~good)]
    for column in ("bus_kv",):
        bad = np.flatnonzero(~(getattr(network, column) > 0))
        found += [Problem(f"bus {network.bus_name[k]}", "nominal voltage must be positive") for k in bad]
    return found


def make_network(
    name: str,
    *,
    base_mva: float,
    buses: list[dict[str, Any]],
    branches: list[dict[str, Any]],
    shunts: list[dict[str, Any]] | None = None,
    switches: list[dict[str, Any]] | None = None,
    frequency_hz: float = 50.0,
) -> Network:
    """A network from rows of named values, with the field's usual defaults.

    Bus rows: `name`, `kv`, and optionally `v_min_pu`, `v_max_pu`, `x`, `y`. Branch rows: `name`, `a`, `b` (bus
    names), `r_pu`, `x_pu`, and optionally `b_pu` (total charging), `g_pu`, or where the ends differ `b_from_pu`,
    `b_to_pu`, `g_from_pu`, `g_to_pu`; `tap`, `shift_deg`, `rating_mva`, `angle_min_deg`, `angle_max_deg`,
    `transformer`, `closed`. Shunt rows: `name`, `bus`, `g_mw`, `b_mvar`. Switch rows: `name`, `a`, `b`, `closed`.

    Raises `CaseError` with every problem found.
    """
    shunts, switches = shunts or [], switches or []
    place = {str(row["name"]): k for k, row in enumerate(buses)}
    lost = [
        Problem(f"{kind} {row['name']}", f"there is no bus {row[key]!r}")
        for kind, rows, keys in (("branch", branches, "ab"), ("shunt", shunts, ("bus",)), ("switch", switches, "ab"))
        for row in rows
        for key in keys
        if str(row[key]) not in place
    ]
    if lost:
        raise CaseError(f"Network {name!r} is not consistent.", lost)

    def column(rows: list[dict[str, Any]], key: str, default: float = 0.0) -> Floats:
        return np.array([float(row.get(key, default)) for row in rows], dtype=np.float64)

    def at_end(letter: str, end: str) -> Floats:
        key, half = f"{letter}_{end}_pu", column(branches, f"{letter}_pu") / 2
        return np.array([float(row.get(key, value)) for row, value in zip(branches, half, strict=True)], dtype=np.float64)

    def at(rows: list[dict[str, Any]], key: str) -> Ints:
        return np.array([place[str(row[key])] for row in rows], dtype=np.int64)

    def closed(rows: list[dict[str, Any]]) -> Bools:
        return np.array([bool(row.get("closed", True)) for row in rows], dtype=np.bool_)

    return Network(
        name=name,
        base_mva=float(base_mva),
        frequency_hz=float(frequency_hz),
        bus_name=tuple(str(row["name"]) for row in buses),
        bus_kv=column(buses, "kv"),
        bus_v_min_pu=column(buses, "v_min_pu", 0.95),
        bus_v_max_pu=column(buses, "v_max_pu", 1.05),
        bus_xy=np.column_stack([column(buses, "x", np.nan), column(buses, "y", np.nan)]).reshape(len(buses), 2),
        branch_name=tuple(str(row["name"]) for row in branches),
        branch_kind=np.array([TRANSFORMER if row.get("transformer") else LINE for row in branches], dtype=np.int64),
        branch_from=at(branches, "a"),
        branch_to=at(branches, "b"),
        r_pu=column(branches, "r_pu"),
        x_pu=column(branches, "x_pu"),
        g_from_pu=at_end("g", "from"),
        b_from_pu=at_end("b", "from"),
        g_to_pu=at_end("g", "to"),
        b_to_pu=at_end("b", "to"),
        tap=column(branches, "tap", 1.0),
        shift_rad=np.deg2rad(column(branches, "shift_deg")),
        rating_mva=column(branches, "rating_mva", np.inf),
        angle_min_rad=np.deg2rad(column(branches, "angle_min_deg", -np.inf)),
        angle_max_rad=np.deg2rad(column(branches, "angle_max_deg", np.inf)),
        branch_closed=closed(branches),
        shunt_name=tuple(str(row["name"]) for row in shunts),
        shunt_bus=at(shunts, "bus"),
        shunt_g_mw=column(shunts, "g_mw"),
        shunt_b_mvar=column(shunts, "b_mvar"),
        switch_name=tuple(str(row["name"]) for row in switches),
        switch_a=at(switches, "a"),
        switch_b=at(switches, "b"),
        switch_closed=closed(switches),
    )


def grow(network: Network, addition: Network) -> Network:
    """`network` with the buses and components of `addition` joined to it.

    A bus of `addition` whose name exists already is the same bus: that is how new branches reach the old grid.
    Old components keep their index. Raises `CaseError` when bases differ or a component's name is taken.
    """
    if addition.base_mva != network.base_mva:
        raise CaseError(f"Cannot grow {network.name!r}: base {addition.base_mva} MVA is not {network.base_mva} MVA.")
    place = {name: k for k, name in enumerate(network.bus_name)}
    fresh = [k for k, name in enumerate(addition.bus_name) if name not in place]
    for k in fresh:
        place[addition.bus_name[k]] = len(place)
    moved = np.array([place[name] for name in addition.bus_name], dtype=np.int64)
    changes: dict[str, Any] = {"bus_name": network.bus_name + tuple(addition.bus_name[k] for k in fresh)}
    for column in _PER_BUS:
        changes[column] = np.concatenate([getattr(network, column), getattr(addition, column)[fresh]])
    for names_field, columns in _GROUPS[1:]:
        changes[names_field] = getattr(network, names_field) + getattr(addition, names_field)
        for column in columns:
            extra = getattr(addition, column)
            changes[column] = np.concatenate([getattr(network, column), moved[extra] if column in _BUS_REFERENCES else extra])
    return replace(network, **changes)


def trip(network: Network, *branches: str) -> Network:
    """`network` with these branches open; raises `UnknownNameError`."""
    closed = network.branch_closed.copy()
    closed[[network.branch(name) for name in branches]] = False
    return replace(network, branch_closed=closed)


def fuse(network: Network) -> tuple[Network, Ints]:
    """`network` with every closed bus-bus switch replaced by one common bus.

    Returns the smaller network, in which open switches remain, and the new index of every old bus `[n]`. The
    fused bus has the name of its first member. Branches which the fusion shorts are left out.
    """
    root = np.arange(network.n_bus)

    def find(bus: int) -> int:
        while root[bus] != bus:
            bus = int(root[bus])
        return bus

    for a, b in zip(network.switch_a[network.switch_closed], network.switch_b[network.switch_closed], strict=True):
        low, high = sorted((find(int(a)), find(int(b))))
        root[high] = low
    heads = np.array([find(k) for k in range(network.n_bus)])
    kept = np.unique(heads)
    index = np.searchsorted(kept, heads).astype(np.int64)
    changes: dict[str, Any] = {"bus_name": tuple(network.bus_name[k] for k in kept)}
    for column in _PER_BUS:
        changes[column] = getattr(network, column)[kept]
    real = index[network.branch_from] != index[network.branch_to]
    for names_field, columns, keep in (
        ("branch_name", _PER_BRANCH, real),
        ("shunt_name", _PER_SHUNT, np.ones(len(network.shunt_name), dtype=np.bool_)),
        ("switch_name", _PER_SWITCH, ~network.switch_closed),
    ):
        changes[names_field] = tuple(n for n, k in zip(getattr(network, names_field), keep, strict=True) if k)
        for column in columns:
            values = getattr(network, column)[keep]
            changes[column] = index[values] if column in _BUS_REFERENCES else values
    return replace(network, **changes), index
