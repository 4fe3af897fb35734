"""What can be ordered at a state: bounds of every device, and the position of every branch, of one element."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from gridpilot.actions import Orders, Situation, give_orders
from gridpilot.twin import balance
from gridpilot.twin.arrays import replicate
from gridpilot.twin.model import Model
from gridpilot.values import Action, GridState, Setpoints


def situation(model: Model, state: GridState, element: int = 0, may_move: Collection[str] | None = None) -> Situation:
    """Bounds and positions of one element, with the demand and weather of now."""
    one = replicate(state, element, 1)
    in_service = np.empty((1, model.n_devices), dtype=np.bool_)
    balance.devices_in_service(model.held_layout, one.bus_active, one.outage, one.collapsed, model.slices["generator"].start, in_service)
    low, high, present = {}, {}, {}
    for kind in model.kinds:
        here = np.ascontiguousarray(in_service[:, model.slices[kind.name]])
        weather = np.ascontiguousarray(one.exogenous[:, model.columns[kind.name]])
        lows, highs = kind.bounds(model.parameters(kind.name), one.devices[kind.name], weather, here, model.dt_h)
        low[kind.name], high[kind.name], present[kind.name] = lows[0], highs[0], here[0]
    return Situation(
        devices={kind: values[0] for kind, values in one.setpoints.devices.items()},
        low=low,
        high=high,
        present=present,
        closed=one.setpoints.closed[0],
        faulted=one.faulted[0],
        lockout_h=one.protection.lockout_h[0],
        branch_active=one.branch_active[0],
        may_move=may_move,
        least={"generator": model.parameters("generator").p_min_mw},
    )


def setpoints_of(orders: Sequence[Orders]) -> Setpoints:
    """Orders of several what-ifs as the setpoints of a batch."""
    kinds = orders[0].devices
    return Setpoints(
        devices={kind: np.stack([order.devices[kind] for order in orders]) for kind in kinds},
        closed=np.stack([order.closed for order in orders]),
    )


def order_all(model: Model, now: Situation, candidates: Sequence[Sequence[Action]]) -> list[Orders]:
    """Orders that each list of actions amounts to."""
    return [give_orders(actions, model.controls, now) for actions in candidates]
