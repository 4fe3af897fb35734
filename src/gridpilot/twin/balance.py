"""Kernels of a step: from weather and orders to injections at buses, and back to what every device exchanged."""

from __future__ import annotations

import numpy as np

from gridpilot.jit import kernel
from gridpilot.twin.model import LOAD, RENEWABLE, SLACK_UNIT, Layout
from gridpilot.values import OFF, PQ, PV, Bools, Codes, Floats, Ints


@kernel
def read_weather(layout: Layout, table: Floats, row: Ints, load_factor: Floats, bus_active: Bools) -> Floats:
    """Exogenous values `[B, c]` of a row of the world; 0 for what is not built, loads times their disturbance."""
    batch, columns = len(row), len(layout.column_bus)
    values = np.zeros((batch, columns))
    for b in range(batch):
        for c in range(columns):
            if bus_active[b, layout.column_bus[c]]:
                load = layout.column_load[c]
                values[b, c] = table[row[b], c] * (load_factor[b, load] if load >= 0 else 1.0)
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


@kernel
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


@kernel
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


@kernel
def relieve_slack(
    layout: Layout, p_mw: Floats, q_mvar: Floats, energised: Bools, slack_p_mw: Floats, tolerance_mw: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Sheds load where the slack unit is above its upper limit and spills renewables where it is below its lower.

    Every energised load (or plant) gives the same share, as under-frequency relays and over-frequency droop do.
    Returns new p and q `[B, N]`, and the MW shed and spilled `[B]`.
    """
    batch, devices = p_mw.shape
    p, q = p_mw.copy(), q_mvar.copy()
    shed = np.zeros(batch)
    spilled = np.zeros(batch)
    for b in range(batch):
        if not energised[b, layout.slack_bus]:
            continue
        short = slack_p_mw[b] - layout.slack_max_mw
        excess = layout.slack_min_mw - slack_p_mw[b]
        part = LOAD if short > tolerance_mw else RENEWABLE
        missing = short if short > tolerance_mw else excess
        if missing <= tolerance_mw:
            continue
        total = 0.0
        for d in range(devices):
            if layout.part[d] == part and energised[b, layout.bus[d]]:
                total += abs(p[b, d])
        if total <= 0.0:
            continue
        share = min(missing / total, 1.0)
        for d in range(devices):
            if layout.part[d] == part and energised[b, layout.bus[d]]:
                p[b, d] *= 1.0 - share
                q[b, d] *= 1.0 - share
        if part == LOAD:
            shed[b] = share * total
        else:
            spilled[b] = share * total
    return p, q, shed, spilled
