"""A group: `width` batch elements side by side, and the arrays that it is solved in.

A group that is not full repeats its last element.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gridpilot.powerflow.symbolic import Pattern
from gridpilot.powerflow.ybus import Admittances
from gridpilot.values import Bools, Codes, Floats, Ints

LaneFloats = Floats
LaneInts = Ints
"""Arrays of lanes (see `gridpilot.powerflow.lanes`)."""
HOPELESS_PU = 1e6
"""Mismatch beyond which an element is given up; also the largest that is reported."""
_NO_HEADS = np.zeros((0, 0), dtype=np.int64)
_NO_NUMBERS = np.zeros((0, 0))
LOWEST_VOLTAGE_PU = 0.5
"""A solution with a bus below is no operating point, but a lower root of the equations or a collapse."""


class Inputs(NamedTuple):
    """The arguments of `PowerFlow.solve`, row-major. What is the same for all elements may have one row, what was not
    given has none.
    """

    p_mw: Floats
    q_mvar: Floats
    kind: Codes
    v_set_pu: Floats
    closed: Bools
    """`[B or 1, n]`, `closed` `[B or 1, m]`."""
    q_min_mvar: Floats
    q_max_mvar: Floats
    share: Floats
    """`[B or 1 or 0, n]`."""
    start_re: Floats
    start_im: Floats
    start_status: Codes
    """`[B or 1 or 0, n]`, and `[B or 1 or 0]`."""
    head: Ints = _NO_HEADS
    """The bus that takes the branches of each, as closed switches say (`gridpilot.powerflow.stations`); a bus with another head
    than itself is OFF `[B or 1 or 0, n]`."""
    tap: Floats = _NO_NUMBERS
    """Ratios of branches in the place of the network's `[B or 1 or 0, m]`."""
    bank_mvar: Floats = _NO_NUMBERS
    """What capacitor banks supply at 1 pu, beside the network's shunts `[B or 1 or 0, n]`."""


class Outputs(NamedTuple):
    """The fields of `Flow`, row-major."""

    v_re: Floats
    v_im: Floats
    v: Floats
    p_from: Floats
    q_from: Floats
    p_to: Floats
    q_to: Floats
    loading: Floats
    p_bus: Floats
    q_bus: Floats
    losses: Floats
    energised: Bools
    status: Codes
    residual: Floats
    iterations: Ints
    rescued: Bools


class Settings(NamedTuple):
    """Numbers the kernels need beside the network."""

    base_mva: float
    tolerance_pu: float
    max_iterations: int
    by_current: int


class Group(NamedTuple):
    """Scratch of one group. Arrays of lanes are by place, `[n * width]` where nothing else is said."""

    p: LaneFloats
    q: LaneFloats
    """Injection in pu, which limits and a shared slack move."""
    v_set: LaneFloats
    """Magnitude to hold; 1 at PQ, 0 at dead buses. Also the magnitude of a flat start."""
    e: LaneFloats
    f: LaneFloats
    """Voltage in rectangular coordinates."""
    e_kept: LaneFloats
    f_kept: LaneFloats
    """Scratch: voltages of lanes that shall not be touched."""
    alive: LaneFloats
    built: LaneFloats
    holds: LaneFloats
    """Masks by topology: energised; not OFF; has a setpoint to read."""
    regulates: LaneFloats
    pv: LaneFloats
    fixed: LaneFloats
    """Masks: PV by topology; PV now, reactive limits considered; its voltage is given (slack or dead)."""
    q_min: LaneFloats
    q_max: LaneFloats
    limited: LaneFloats
    """Reactive limits in pu, and at which one a regulating bus stands: 1, -1, or 0 at none."""
    share: LaneFloats
    """Share in the balance of its island."""
    current: LaneFloats
    """Current out of the bus, real and imaginary `[2 n * width]`."""
    rhs: LaneFloats
    second: LaneFloats
    """Right-hand sides, in their place the solutions `[2 n * width]`; the second one is used by a shared slack."""
    on: LaneFloats
    """Mask of the branches in service with both ends energised `[m * width]`."""
    ratio: LaneFloats
    bank: LaneFloats
    """The network's ratio of each branch over the lane's own `[m * width]`; susceptance of banks in pu (`adjustments`)."""
    blocks: LaneFloats
    """The Jacobian and its factors `[4 (n + 2 u) * width]`."""
    own_diagonal: LaneFloats
    own_entry: LaneFloats
    """Admittance rows that differ between lanes, real and imaginary parts in turn `[2 n * width]`, `[2 entries * width]`."""
    finite: LaneFloats
    live: LaneFloats
    solved: LaneFloats
    cold: LaneFloats
    singular: LaneFloats
    """Masks of the lanes `[width]`: every input is a number; still iterating; converged to a voltage that a grid
    survives; starts without an earlier solution; met a pivot next to zero."""
    residual: LaneFloats
    lane: LaneFloats
    """Largest mismatch in pu; scratch to read a register lane by lane `[width]`."""
    row: LaneInts
    steps: LaneInts
    """Batch element, and Newton steps taken, of each lane `[width]`."""
    diagonal: Floats
    entry: Floats
    """Admittance rows that the lanes have in common, real and imaginary parts in turn `[2 n]`, `[2 entries]`."""
    on_common: Bools
    """Branches in service in them `[m]`."""
    own: Bools
    differs: Bools
    """Rows to be read from the lanes now; rows that must be, because a branch is out in some lanes only `[n]`."""
    tapped: Bools
    banked: Bools
    """Branches and buses of which a lane has another ratio than the network, or a bank `[m]`, `[n]`."""
    adjusted: Bools
    adjusting: Bools
    """Lanes with any such branch or bus `[width]`; whether there are such lanes `[1]`."""
    all_pq: Bools
    """Whether the bus is an energised PQ bus in all lanes by topology, whatever limits it meets `[n]`."""
    kind: Codes
    closed: Bools
    role: Codes
    island: Ints
    holder: Ints
    """What the masks of each lane stand for: kinds and branches as given, and the roles, islands and their holders found
    `[width * n]` (`closed` `[width * m]`)."""
    head: Ints
    """The bus at which the branches of each bus end, in each lane `[width * n]`; empty where switches stand still."""
    whole: Bools
    shared: Bools
    moved: Bools
    """Whether every built bus of a lane has a source; whether its slack was taken to be shared; whether closed switches move
    any of its branches `[width]`."""
    seen: Ints
    frontier: Ints
    """Scratch of a search through a lane's buses, by place: the search that saw it, and those yet to look around from `[n]`."""
    searches: Ints
    """How many there were `[1]`."""
    common: Floats
    common_current: Floats
    """Factors and currents of a first step in common: as `blocks` and `current`, but plain numbers."""
    known: Bools
    """Whether there are any `[1]`."""
    surplus: Floats
    """Scratch of a shared slack: per lane and island `[width * n]`."""

    @property
    def width(self) -> int:
        """Lanes of a register; in compiled code a constant."""
        return len(self.row)


_UNSEEN = -1


def new_group(pattern: Pattern, admittances: Admittances, width: int) -> Group:
    """Scratch for one group of a network, with all branches out of service."""
    n, m, u, entries = len(pattern.bus), len(admittances.per_rating), len(pattern.column), len(pattern.entry_column)
    memory: dict[str, Any] = {}
    for name in ("p", "q", "v_set", "e", "f", "e_kept", "f_kept", "alive", "built", "holds", "regulates", "pv", "fixed"):
        memory[name] = np.zeros(n * width)
    for name in ("q_min", "q_max", "limited", "share"):
        memory[name] = np.zeros(n * width)
    for name in ("current", "rhs", "second", "own_diagonal"):
        memory[name] = np.zeros(2 * n * width)
    for name in ("finite", "live", "solved", "cold", "singular", "residual", "lane"):
        memory[name] = np.zeros(width)
    for name in ("own", "differs", "all_pq"):
        memory[name] = np.zeros(n, dtype=np.bool_)
    return Group(
        **memory,
        on=np.zeros(m * width),
        ratio=np.ones(m * width),
        bank=np.zeros(n * width),
        tapped=np.zeros(m, dtype=np.bool_),
        banked=np.zeros(n, dtype=np.bool_),
        adjusted=np.zeros(width, dtype=np.bool_),
        adjusting=np.zeros(1, dtype=np.bool_),
        blocks=np.zeros(4 * (n + 2 * u) * width),
        own_entry=np.zeros(2 * entries * width),
        row=np.zeros(width, dtype=np.int64),
        steps=np.zeros(width, dtype=np.int64),
        diagonal=admittances.shunt.ravel().copy(),
        entry=np.zeros(2 * entries),
        on_common=np.zeros(m, dtype=np.bool_),
        kind=np.full(width * n, _UNSEEN, dtype=np.int8),
        closed=np.zeros(width * m, dtype=np.bool_),
        role=np.zeros(width * n, dtype=np.int8),
        island=np.zeros(width * n, dtype=np.int64),
        holder=np.zeros(width * n, dtype=np.int64),
        head=np.tile(np.arange(n), width if len(pattern.member) else 0),
        whole=np.zeros(width, dtype=np.bool_),
        shared=np.zeros(width, dtype=np.bool_),
        moved=np.zeros(width, dtype=np.bool_),
        seen=np.zeros(n, dtype=np.int64),
        frontier=np.zeros(n, dtype=np.int64),
        searches=np.zeros(1, dtype=np.int64),
        common=np.zeros(4 * (n + 2 * u)),
        common_current=np.zeros(2 * n),
        known=np.zeros(1, dtype=np.bool_),
        surplus=np.zeros(width * n),
    )
