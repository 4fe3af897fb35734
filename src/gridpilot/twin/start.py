"""The first state of an episode: every device at its initial order, every branch as built."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gridpilot.twin import balance
from gridpilot.twin.arrays import pick, replace_elements
from gridpilot.twin.dark import dark
from gridpilot.twin.fleet import make_fleet
from gridpilot.twin.model import Model
from gridpilot.twin.protection import no_protection
from gridpilot.twin.world import World
from gridpilot.values import Floats, GridState, Setpoints


def first_state(model: Model, world: World) -> GridState:
    """The grid at the first row of every element of a world `[B]`, solved from a cold start."""
    batch = len(world.first_row)
    network = model.scenario.network
    step = np.zeros(batch, dtype=np.int64)
    devices = {kind.name: kind.initial_state(model.parameters(kind.name), batch) for kind in model.kinds}
    orders = {kind.name: np.tile(kind.initial_setpoint(model.parameters(kind.name)), (batch, 1)) for kind in model.kinds}
    closed = np.tile(network.branch_closed, (batch, 1))
    loads = model.scenario.tables.get("load")
    load_factor = np.ones((batch, len(loads) if loads else 0))
    outage = np.zeros((batch, len(model.scenario.tables["generator"])), dtype=np.bool_)
    collapsed = np.zeros(batch, dtype=np.bool_)
    faulted = np.zeros(closed.shape, dtype=np.bool_)
    protection = no_protection(batch, network.n_branch)
    now = balance.prepare(
        model.held_layout, model.held_parameters, make_fleet(model, devices, orders), world.table[world.first_row], step, load_factor,
        outage, collapsed, faulted, closed, protection.lockout_h, model.scenario.protection.crew_h, model.slices["generator"].start,
        model.dt_h,
    )  # fmt: skip
    flow = model.engine.solve(now.p_bus_mw, now.q_bus_mvar, kind=now.kind, v_set_pu=now.v_set_pu, closed=now.closed)
    down = ~flow.usable
    if down.any():
        fallen = np.flatnonzero(down)
        # Dark, and the status says of what it died.
        flow = replace(replace_elements(flow, fallen, dark(model, pick(now, fallen))), status=flow.status)
    real = balance.exchanged(model.held_layout, now.p_mw, flow.energised, flow.p_bus_mw)
    return GridState(
        step=step,
        row=world.first_row.copy(),
        devices={kind.name: _with_output(devices[kind.name], real[:, model.slices[kind.name]]) for kind in model.kinds},
        setpoints=Setpoints(orders, closed),
        faulted=faulted,
        protection=protection,
        load_factor=load_factor,
        outage=outage,
        exogenous=now.exogenous,
        bus_active=now.bus_active,
        branch_active=now.branch_active,
        flow=flow,
        collapsed=down,
    )


def _with_output(state: Any, p_mw: Floats) -> Any:
    """A kind's state that says from the first moment on what its devices really exchange."""
    return state._replace(p_mw=np.ascontiguousarray(p_mw)) if "p_mw" in state._fields else state
