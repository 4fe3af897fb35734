"""The grids of a batch as kernels see them: arrays `[B, …]` that a cycle reads and writes in place.

They are parts of a `Memory`. Shapes: `n` buses, `m` branches, `N` devices with `O` setpoints, `L` loads, `G` generators, `c`
columns of weather, demand and prices.
"""

from __future__ import annotations

from typing import NamedTuple

from gridpilot.powerflow.group import Outputs
from gridpilot.twin.model import Layout, Rules
from gridpilot.values import Bools, Codes, Floats, Ints


class Static(NamedTuple):
    """What no cycle changes."""

    layout: Layout
    rules: Rules
    weights: Floats
    """Reward weights `[7]`."""


class State(NamedTuple):
    """The fields of `GridState`, but the devices' own states."""

    step: Ints
    row: Ints
    orders: Floats
    """Setpoints of all devices, kinds one after the other `[B, O]`: of a kind those for MW, then those for Mvar if it has any."""
    closed: Bools
    """Orders of breakers before a cycle, their positions after it `[B, m]`."""
    faulted: Bools
    overload_h: Floats
    lockout_h: Floats
    tripped: Bools
    load_factor: Floats
    outage: Bools
    exogenous: Floats
    bus_active: Bools
    branch_active: Bools
    collapsed: Bools
    flow: Outputs


class Work(NamedTuple):
    """What is known on the way from one state to the next."""

    bus_was_active: Bools
    was_energised: Bools
    was_collapsed: Bools
    """Before the cycle `[B, n]`, `[B, n]`, `[B]`."""
    in_service: Bools
    """Devices that are built and not out `[B, N]`."""
    p_mw: Floats
    q_mvar: Floats
    """What devices would exchange `[B, N]`."""
    given_mw: Floats
    """The same in MW after shedding and spilling: what the power flow is given `[B, N]`."""
    real_mw: Floats
    """What they really exchanged `[B, N]`."""
    p_bus_mw: Floats
    q_bus_mvar: Floats
    """Injections given to the power flow, without the slack unit's `[B, n]`."""
    adjusted: Floats
    """What devices do to the grid's ratios (over the network's) and susceptances (Mvar at 1 pu) `[B, N]`; `[0, 0]` where none does."""
    tap: Floats
    bank_mvar: Floats
    """The same as the power flow takes it `[B, m]`, `[B, n]`; `[0, 0]` where no device does any."""
    kind: Codes
    v_set_pu: Floats
    """Kinds and setpoints of buses `[B, n]`."""
    in_use: Bools
    """Branches in service: commanded closed, built, not faulted and not opened by relays `[B, m]`."""
    relief_mw: Floats
    """Load shed (above 0) or renewables spilled (below 0) for the sake of the slack unit `[B]`."""
    cost_usd: Floats
    """What each device cost `[B, N]`."""
    unsafe: Floats
    """How far each device was beyond its own limits `[B, N]`."""
    totals: Floats
    """Sums of the devices' outcomes `[6, B]`."""
    safety: Floats
    """Sum of their safety measures `[B]`."""
    phase: Ints
    """How far an element is in the cycle; see `gridpilot.twin.rounds` `[B]`."""
    corrections: Ints
    """Times that relief was corrected since branches opened last `[B]`."""
    rounds: Ints
    """Times that relays opened branches `[B]`."""
    died: Codes
    """Status of the power flow that an element went down with `[B]`."""
    rows: Ints
    """Elements whose power flow is asked for, in the first places `[B]`."""
    later: Ints
    """Scratch: those of them that come last `[B]`."""
    altered: Bools
    """Whether branches are out of service, or units that hold a voltage `[B]`."""


class Books(NamedTuple):
    """What a cycle cost, and what happened in it."""

    terms: Floats
    """Reward terms, unweighted `[B, 7]`."""
    costs: Floats
    """Constraint costs `[B, 4]`."""
    reward: Floats
    """Weighted sum of the terms `[B]`."""
    sums: Floats
    """The fields of `Outcomes` `[B, 14]`."""
    opened: Bools
    """Branches that relays opened `[B, m]`."""
    shed_mw: Floats
    spilled_mw: Floats
    islanded: Bools
    fallen: Bools
    """In which elements a bus lost its supply, and which went down `[B]`."""
    built: Bools
    """Buses that came into service `[B, n]`."""
    areas: Floats
    """The parts of every area's reward (see `gridpilot.twin.areas`) `[B, 8 A]`."""


class Grids(NamedTuple):
    """Everything that kernels need of the grids of a batch, whatever devices they have."""

    static: Static
    state: State
    work: Work
    books: Books
