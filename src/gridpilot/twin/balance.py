"""Kernels of a step: from weather and orders to injections at buses, and back to what every device exchanged."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gridpilot.jit import Resident, inner, kernel
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
    held: Resident[Layout], parameters: Resident[tuple[Any, ...]], fleet: Fleet, drivers: Floats, step: Ints,
    load_factor: Floats, outage: Bools, collapsed: Bools, faulted: Bools,
    ordered: Bools, lockout_h: Floats, crew_h: float, first_unit: int, dt_h: float,
) -> Prepared:  # fmt: skip
    """What acts on the grid in a step, and what devices make of it.

    `drivers` `[B, c]` and `step` `[B]` are those of the step; `ordered` `[B, m]` are breaker orders.
    """
    layout = held.value
    bus, branch, device = masks(held, step, outage, collapsed, first_unit)
    exogenous = read_weather(layout, drivers, load_factor, bus)
    p, q = np.zeros(device.shape), np.zeros(device.shape)
    inject_fleet((parameters.value, fleet.states, fleet.orders), 0, 0, exogenous, device, dt_h, p, q)
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
def masks(held: Resident[Layout], step: Ints, outage: Bools, collapsed: Bools, first_unit: int) -> tuple[Bools, Bools, Bools]:
    """Buses and branches that are built `[B, n]`, `[B, m]`, and devices in service `[B, N]`."""
    layout = held.value
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
def exchanged(held: Resident[Layout], p_mw: Floats, energised: Bools, p_bus_mw: Floats) -> Floats:
    """What each device really exchanged `[B, N]`: nothing at a dead bus, the rest of its bus for the slack unit."""
    layout = held.value
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


@inner
def given_relief(layout: Layout, wanted_mw: Floats, p_mw: Floats, energised: Bools, b: int) -> float:
    """What an element's energised loads do not draw (above 0) or its renewables do not give (below 0) of what they would."""
    relief = 0.0
    for d in range(p_mw.shape[1]):
        if energised[b, layout.bus[d]] and (layout.part[d] == LOAD or layout.part[d] == RENEWABLE):
            relief += p_mw[b, d] - wanted_mw[b, d]
    return relief


@inner
def needed_relief(layout: Layout, wanted_mw: Floats, energised: Bools, b: int, output_mw: float) -> float:
    """What brings the slack unit inside its limits, where it would give `output_mw` without relief; at most all there is."""
    short, over = output_mw - layout.slack_max_mw, layout.slack_min_mw - output_mw
    if short <= 0.0 and over <= 0.0:
        return 0.0
    total = part_mw(layout, wanted_mw, energised, b, LOAD if short > 0.0 else RENEWABLE)
    return min(short, total) if short > 0.0 else -min(over, total)


@inner
def part_mw(layout: Layout, wanted_mw: Floats, energised: Bools, b: int, part: int) -> float:
    """Power of an element's energised loads or renewables, without sign."""
    total = 0.0
    for d in range(wanted_mw.shape[1]):
        if layout.part[d] == part and energised[b, layout.bus[d]]:
            total += abs(wanted_mw[b, d])
    return total


@kernel
def foresee_relief(
    held: Resident[Layout], wanted_mw: Floats, p_bus_mw: Floats, losses_mw: Floats, status: Codes, energised: Bools, tolerance_mw: float
) -> tuple[bool, Floats]:
    """Relief `[B]` that a power flow would call for if losses and islands stayed what they were, and whether there is any.

    Losses change by little from one cycle to the next, so that one power flow is often enough. Where they do change,
    `correct_relief` takes back what was too much and adds what was too little.
    """
    layout = held.value
    relief = np.zeros(len(status))
    some = False
    for b in range(len(relief)):
        if (status[b] == _OK or status[b] == _ISLANDED) and energised[b, layout.slack_bus]:
            output = losses_mw[b]
            for k in range(p_bus_mw.shape[1]):
                if energised[b, k]:
                    output -= p_bus_mw[b, k]
            needed = needed_relief(layout, wanted_mw, energised, b, output)
            if abs(needed) > tolerance_mw:
                relief[b] = needed
                some = True
    return some, relief


@kernel
def correct_relief(
    held: Resident[Layout], wanted_mw: Floats, p_mw: Floats, p_given_mw: Floats, p_solved_mw: Floats, status: Codes, energised: Bools,
    tolerance_mw: float,
) -> tuple[bool, Bools, Floats]:  # fmt: skip
    """Whether a power flow calls for another relief than the one it was given, where `[B]`, and which.

    The output of the slack unit is what its bus gives beyond the other devices there. `p_given_mw`, `p_solved_mw`
    `[B, n]` are injections at buses before and after the power flow; what was not solved calls for nothing.
    """
    layout = held.value
    relief, wrong = np.zeros(len(status)), np.zeros(len(status), dtype=np.bool_)
    some, bus = False, layout.slack_bus
    for b in range(len(relief)):
        relief[b] = given_relief(layout, wanted_mw, p_mw, energised, b)
        if (status[b] == _OK or status[b] == _ISLANDED) and energised[b, bus]:
            output = p_solved_mw[b, bus] - p_given_mw[b, bus]
            needed = needed_relief(layout, wanted_mw, energised, b, output + relief[b])
            if abs(needed - relief[b]) > tolerance_mw:
                relief[b], wrong[b], some = needed, True, True
    return some, wrong, relief


@kernel
def relieve(
    held: Resident[Layout], wanted_mw: Floats, wanted_mvar: Floats, energised: Bools, relief_mw: Floats
) -> tuple[Floats, Floats, Floats]:
    """Exchanges of devices `[B, N]` after load is shed (`relief_mw` above 0) or renewables are spilled (below 0), and
    injections in MW and Mvar at buses `[B, n]`.

    Every energised load (or plant) gives the same share, as under-frequency relays and over-frequency droop do.
    """
    layout = held.value
    p, q = wanted_mw.copy(), wanted_mvar.copy()
    for b in range(p.shape[0]):
        part = LOAD if relief_mw[b] > 0.0 else RENEWABLE
        total = part_mw(layout, wanted_mw, energised, b, part)
        share = min(abs(relief_mw[b]) / total, 1.0) if total > 0.0 else 0.0
        for d in range(p.shape[1]):
            if layout.part[d] == part and energised[b, layout.bus[d]]:
                p[b, d] *= 1.0 - share
                q[b, d] *= 1.0 - share
    p_bus, q_bus = to_buses(layout, p, q, energised.shape[1])
    return p, p_bus, q_bus
