"""N-1 of states of the twin: what the loss of each branch would do right after a cycle.

It is the steady state at once after the loss: injections, setpoints and breakers are those of the cycle, the slack unit takes
the difference, and nobody has reacted yet, neither devices nor the balance; relays only where `aftermath` follows them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridpilot.powerflow.cascade import Cascade, cascades
from gridpilot.powerflow.contingency import Points, Security, contingencies
from gridpilot.powerflow.outages import Outages
from gridpilot.twin.model import Model
from gridpilot.twin.outlook import make_outlook, on_outlook
from gridpilot.twin.positions import positions_of
from gridpilot.twin.situation import order_all, setpoints_of, situation
from gridpilot.twin.step import step
from gridpilot.twin.world import World
from gridpilot.values import OFF, PQ, PV, Action, Bools, Codes, Floats, GridState


def next_states(
    model: Model, world: World, state: GridState, candidates: Sequence[Sequence[Action]], *, key: int = 0, element: int = 0
) -> GridState:
    """One element's state after the first cycle of the outlook: without orders, then under each of the candidates."""
    orders = order_all(model, situation(model, state, element), [(), *candidates])
    outlook = make_outlook(world, state, 1, key, element)
    return step(model, outlook, on_outlook(state, element, len(orders)), setpoints_of(orders)).state


def security(model: Model, state: GridState, *, screen: float | None = None) -> Security:
    """N-1 over every branch that is in service in some element of a state; see `contingencies` for `screen`."""
    points = operating_points(model, state)
    outages = Outages(tuple((int(k),) for k in np.flatnonzero(points.closed.any(axis=0))))
    return contingencies(model.engine, model.scenario.network, points, outages, screen=screen, load_mw=load_mw(model, state))


def aftermath(model: Model, state: GridState, found: Security, limit: Floats) -> Cascade:
    """How the outages of `security(model, state)` end when relays open what is above `limit` `[B]` at once."""
    points, load, rounds = operating_points(model, state), load_mw(model, state), model.scenario.protection.rounds
    return cascades(model.engine, model.scenario.network, points, found, limit=limit, load_mw=load, rounds=rounds)


def operating_points(model: Model, state: GridState) -> Points:
    """The power flows of the cycle just passed, as they can be asked again."""
    flow, layout = state.flow, model.layout
    v_set = np.repeat(layout.v_set_pu[None], state.batch, axis=0)
    return Points(flow.p_bus_mw, flow.q_bus_mvar, _kinds(model, state), v_set, _in_service(state), flow, *positions_of(model, state))


def load_mw(model: Model, state: GridState) -> Floats:
    """What the loads at every bus drew in the cycle just passed `[B, n]`."""
    total = np.zeros(state.flow.v_pu.shape)
    if "load" in model.slices:
        buses = model.layout.bus[model.slices["load"]]
        for k, bus in enumerate(buses):
            total[:, bus] -= state.devices["load"].p_mw[:, k]
    return total


def _in_service(state: GridState) -> Bools:
    return state.setpoints.closed & state.branch_active & ~state.faulted


def _kinds(model: Model, state: GridState) -> Codes:
    """Kind of every bus `[B, n]`; a regulated bus whose unit is not running only takes what is injected."""
    layout, units = model.layout, model.slices["generator"]
    kind = np.repeat(layout.base_kind[None], state.batch, axis=0)
    for bus in np.flatnonzero(layout.base_kind == PV):
        unit = layout.regulator[bus] - units.start
        stands = state.outage[:, unit] | ((state.devices["generator"].p_mw[:, unit] <= 0.0) & (not layout.idles[layout.regulator[bus]]))
        kind[stands, bus] = PQ
    kind[~state.bus_active | state.collapsed[:, None]] = OFF
    return kind
