"""The first state of an episode: every device at its initial order, every branch as built."""

from __future__ import annotations

import numpy as np

from gridpilot.twin import balance
from gridpilot.twin.model import Model
from gridpilot.twin.protection import no_protection
from gridpilot.twin.world import World
from gridpilot.values import Bools, Floats, Flow, GridState, Setpoints


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
    bus_active, branch_active, in_service = balance.masks(model.layout, step, outage, collapsed, model.slices["generator"].start)
    exogenous = balance.read_weather(model.layout, world.table, world.first_row, load_factor, bus_active)
    parts = [
        kind.inject(
            model.parameters(kind.name),
            devices[kind.name],
            orders[kind.name],
            np.ascontiguousarray(exogenous[:, model.columns[kind.name]]),
            np.ascontiguousarray(in_service[:, model.slices[kind.name]]),
            model.dt_h,
        )
        for kind in model.kinds
    ]
    p_mw = np.concatenate([part.p_mw for part in parts], axis=1)
    q_mvar = np.concatenate([part.q_mvar for part in parts], axis=1)
    flow = _solve(model, p_mw, q_mvar, bus_active, in_service, closed & branch_active, collapsed)
    return GridState(
        step=step,
        row=world.first_row.copy(),
        devices=_with_slack_output(model, devices, p_mw, flow),
        setpoints=Setpoints(orders, closed),
        faulted=np.zeros(closed.shape, dtype=np.bool_),
        protection=no_protection(batch, network.n_branch),
        load_factor=load_factor,
        outage=outage,
        exogenous=exogenous,
        bus_active=bus_active,
        branch_active=branch_active,
        flow=flow,
        collapsed=~flow.usable,
    )


def _solve(
    model: Model, p_mw: Floats, q_mvar: Floats, bus_active: Bools, in_service: Bools, closed: Bools, collapsed: Bools
) -> Flow:
    layout = model.layout
    kind = balance.bus_kinds(layout, bus_active, in_service, p_mw, collapsed)
    p_bus, q_bus = balance.to_buses(layout, p_mw, q_mvar, len(layout.v_set_pu))
    v_set = np.tile(layout.v_set_pu, (len(p_mw), 1))
    return model.engine.solve(p_bus, q_bus, kind=kind, v_set_pu=v_set, closed=closed)


def _with_slack_output(model: Model, devices: dict[str, object], p_mw: Floats, flow: Flow) -> dict[str, object]:
    """The slack unit's state says what it really gives from the first step on."""
    mine: slice = model.slices["generator"]
    units = devices["generator"]
    real = balance.exchanged(model.layout, p_mw, flow.energised, flow.p_bus_mw)[:, mine]
    return {**devices, "generator": units._replace(p_mw=np.ascontiguousarray(real))}  # type: ignore[attr-defined]
