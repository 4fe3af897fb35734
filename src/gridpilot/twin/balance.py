"""Kernels of a step: from weather and orders to injections at buses, and back to what every device exchanged."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridpilot.jit import inner, kernel
from gridpilot.twin.fleet import Fleet, inject_fleet
from gridpilot.twin.model import LOAD, RENEWABLE, SLACK_UNIT, Layout
from gridpilot.values import OFF, PQ, PV, Bools, Codes, Floats, Ints, Status

_OK, _ISLANDED = int(Status.OK), int(Status.ISLANDED)


class Prepared(NamedTuple):
    """Everything that is known of a step before its power flow."""

    bus_active: Bools
    branch_active: Bools
    """What is built `[B, n]`, `[B, m]`."""
    in_service: Bools
    """Devices that are built and not out `[B, N]`."""
    exogenous: Floats
    """Weather, demand and prices of the step `[B, c]`."""
    p_mw: Floats
    q_mvar: Floats
    """What devices would exchange `[B, N]`."""
    p_bus_mw: Floats
    q_bus_mvar: Floats
    """The same at buses, without the slack unit `[B, n]`."""
    kind: Codes
    v_set_pu: Floats
    """Kinds and setpoints of buses `[B, n]`."""
    commanded: Bools
    """Orders of breakers, locked-out ones open `[B, m]`."""
    closed: Bools
    """Branches in service: commanded closed, built and not faulted `[B, m]`."""


@kernel
def prepare(
    layout: Layout, fleet: Fleet, drivers: Floats, step: Ints, load_factor: Floats, outage: Bools, collapsed: Bools,
    faulted: Bools, ordered: Bools, lockout_h: Floats, crew_h: float, first_unit: int, dt_h: float,
) -> Prepared:  # fmt: skip
    """What acts on the grid in a step, and what devices make of it.

    `drivers` `[B, c]` and `step` `[B]` are those of the step; `ordered` `[B, m]` are breaker orders.
    """
    bus, branch, device = masks(layout, step, outage, collapsed, first_unit)
    exogenous = read_weather(layout, drivers, load_factor, bus)
    p, q = np.zeros(device.shape), np.zeros(device.shape)
    inject_fleet(fleet, 0, 0, exogenous, device, dt_h, p, q)
    p_bus, q_bus = to_buses(layout, p, q, bus.shape[1])
    kind = bus_kinds(layout, bus, device, p, collapsed)
    v_set = np.empty(bus.shape)
    for b in range(bus.shape[0]):
        for k in range(bus.shape[1]):
            v_set[b, k] = layout.v_set_pu[k]
    commanded, closed = breakers(ordered, lockout_h, crew_h, branch, faulted)
    return Prepared(bus, branch, device, exogenous, p, q, p_bus, q_bus, kind, v_set, commanded, closed)


@inner
def breakers(ordered: Bools, lockout_h: Floats, crew_h: float, built: Bools, faulted: Bools) -> tuple[Bools, Bools]:
    """Orders that can be followed, a locked-out branch staying open, and the branches that are in service `[B, m]`."""
    commanded = np.zeros(ordered.shape, dtype=np.bool_)
    closed = np.zeros(ordered.shape, dtype=np.bool_)
    for b in range(ordered.shape[0]):
        for k in range(ordered.shape[1]):
            by_crew = lockout_h[b, k] < 0.0 and lockout_h[b, k] <= 1e-9 - crew_h
            commanded[b, k] = (ordered[b, k] or by_crew) and lockout_h[b, k] <= 0.0
            closed[b, k] = commanded[b, k] and built[b, k] and not faulted[b, k]
    return commanded, closed


@inner
def read_weather(layout: Layout, drivers: Floats, load_factor: Floats, bus_active: Bools) -> Floats:
    """Exogenous values `[B, c]` from the world's; 0 for what is not built, loads times their disturbance."""
    batch, columns = drivers.shape
    values = np.zeros((batch, columns))
    for b in range(batch):
        for c in range(columns):
            if bus_active[b, layout.column_bus[c]]:
                load = layout.column_load[c]
                values[b, c] = drivers[b, c] * (load_factor[b, load] if load >= 0 else 1.0)
    return values


@kernel
def masks(layout: Layout, step: Ints, outage: Bools, collapsed: Bools, first_unit: int) -> tuple[Bools, Bools, Bools]:
    """Buses and branches that are built `[B, n]`, `[B, m]`, and devices in service `[B, N]`."""
    batch = len(step)
    bus = np.zeros((batch, len(layout.bus_from_step)), dtype=np.bool_)
    branch = np.zeros((batch, len(layout.branch_from_step)), dtype=np.bool_)
    device = np.zeros((batch, len(layout.bus)), dtype=np.bool_)
    for b in range(batch):
        for n in range(bus.shape[1]):
            bus[b, n] = step[b] >= layout.bus_from_step[n]
        for m in range(branch.shape[1]):
            branch[b, m] = step[b] >= layout.branch_from_step[m]
        for d in range(device.shape[1]):
            device[b, d] = bus[b, layout.bus[d]] and not collapsed[b]
        for g in range(outage.shape[1]):
            if outage[b, g]:
                device[b, first_unit + g] = False
    return bus, branch, device


@inner
def bus_kinds(layout: Layout, bus_active: Bools, in_service: Bools, p_mw: Floats, collapsed: Bools) -> Codes:
    """Kind of every bus `[B, n]`: a regulated bus whose unit is not running only takes what is injected."""
    batch, n = bus_active.shape
    kind = np.zeros((batch, n), dtype=np.int8)
    for b in range(batch):
        for k in range(n):
            code = layout.base_kind[k]
            if not bus_active[b, k] or collapsed[b]:
                code = OFF
            elif code == PV:
                unit = layout.regulator[k]
                if not in_service[b, unit] or (p_mw[b, unit] <= 0.0 and not layout.idles[unit]):
                    code = PQ
            kind[b, k] = code
    return kind


@inner
def to_buses(layout: Layout, p_mw: Floats, q_mvar: Floats, n_bus: int) -> tuple[Floats, Floats]:
    """Net injections at buses `[B, n]` from those of devices `[B, N]`; the slack unit's is the solver's."""
    batch = p_mw.shape[0]
    p = np.zeros((batch, n_bus))
    q = np.zeros((batch, n_bus))
    for b in range(batch):
        for d in range(p_mw.shape[1]):
            if layout.part[d] != SLACK_UNIT:
                p[b, layout.bus[d]] += p_mw[b, d]
                q[b, layout.bus[d]] += q_mvar[b, d]
    return p, q


@kernel
def exchanged(layout: Layout, p_mw: Floats, energised: Bools, p_bus_mw: Floats) -> Floats:
    """What each device really exchanged `[B, N]`: nothing at a dead bus, the rest of its bus for the slack unit."""
    batch, devices = p_mw.shape
    out = np.zeros((batch, devices))
    for b in range(batch):
        others = 0.0
        for d in range(devices):
            if layout.part[d] == SLACK_UNIT or not energised[b, layout.bus[d]]:
                continue
            out[b, d] = p_mw[b, d]
            if layout.bus[d] == layout.slack_bus:
                others += p_mw[b, d]
        if energised[b, layout.slack_bus]:
            out[b, layout.slack_unit] = p_bus_mw[b, layout.slack_bus] - others
    return out


class Relief(NamedTuple):
    """What under-frequency relays and over-frequency droop did; per element."""

    moved: Bools
    """Where something was shed or spilled `[B]`."""
    p_mw: Floats
    q_mvar: Floats
    """Exchanges of devices after it `[B, N]`."""
    p_bus_mw: Floats
    q_bus_mvar: Floats
    """The same at buses `[B, n]`."""
    shed_mw: Floats
    spilled_mw: Floats
    """`[B]`."""


@kernel
def slack_output_mw(layout: Layout, p_solved_mw: Floats, p_given_mw: Floats, status: Codes, energised: Bools) -> Floats:
    """Output of the slack unit `[B]`: what its bus gives beyond the other devices there; 0 where nothing was solved."""
    out = np.zeros(len(status))
    bus = layout.slack_bus
    for b in range(len(out)):
        if (status[b] == _OK or status[b] == _ISLANDED) and energised[b, bus]:
            out[b] = p_solved_mw[b, bus] - p_given_mw[b, bus]
    return out


@kernel
def slack_is_beyond(layout: Layout, p_solved_mw: Floats, p_given_mw: Floats, status: Codes, energised: Bools, tolerance_mw: float) -> bool:
    """Whether the slack unit of any element is outside its limits."""
    output = slack_output_mw(layout, p_solved_mw, p_given_mw, status, energised)
    for b in range(len(output)):
        solved = (status[b] == _OK or status[b] == _ISLANDED) and energised[b, layout.slack_bus]
        if solved and not layout.slack_min_mw - tolerance_mw <= output[b] <= layout.slack_max_mw + tolerance_mw:
            return True
    return False


@kernel
def relieve_slack(
    layout: Layout, p_mw: Floats, q_mvar: Floats, p_given_mw: Floats, p_solved_mw: Floats, status: Codes, energised: Bools,
    tolerance_mw: float,
) -> Relief:  # fmt: skip
    """Sheds load where the slack unit is above its upper limit and spills renewables where it is below its lower.

    Every energised load (or plant) gives the same share, as under-frequency relays and over-frequency droop do.
    `p_given_mw`, `p_solved_mw` `[B, n]` are injections at buses before and after the power flow.
    """
    batch, devices = p_mw.shape
    p, q = p_mw.copy(), q_mvar.copy()
    output = slack_output_mw(layout, p_solved_mw, p_given_mw, status, energised)
    moved = np.zeros(batch, dtype=np.bool_)
    shed, spilled = np.zeros(batch), np.zeros(batch)
    for b in range(batch):
        if not ((status[b] == _OK or status[b] == _ISLANDED) and energised[b, layout.slack_bus]):
            continue
        short = output[b] - layout.slack_max_mw
        part = LOAD if short > tolerance_mw else RENEWABLE
        missing = short if short > tolerance_mw else layout.slack_min_mw - output[b]
        total = 0.0
        for d in range(devices):
            if layout.part[d] == part and energised[b, layout.bus[d]]:
                total += abs(p[b, d])
        if missing <= tolerance_mw or total <= 0.0:
            continue
        share = min(missing / total, 1.0)
        for d in range(devices):
            if layout.part[d] == part and energised[b, layout.bus[d]]:
                p[b, d] *= 1.0 - share
                q[b, d] *= 1.0 - share
        moved[b] = True
        if part == LOAD:
            shed[b] = share * total
        else:
            spilled[b] = share * total
    p_bus, q_bus = to_buses(layout, p, q, energised.shape[1])
    return Relief(moved, p, q, p_bus, q_bus, shed, spilled)
