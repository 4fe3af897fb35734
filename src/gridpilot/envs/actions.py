"""From normalised action vectors to setpoints, for a batch in one compiled call."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridpilot.errors import ActionError
from gridpilot.jit import inner
from gridpilot.twin.model import Model
from gridpilot.values import Bools, Floats, Ints


class VectorOrders(NamedTuple):
    """How the entries of an action vector move the grid; `d` entries, `O` setpoints, `m` branches."""

    device: Ints
    """Place among the setpoints of all kinds, −1 for a branch `[d]`."""
    branch: Ints
    """Index of the branch, −1 for a device `[d]`."""
    sign: Floats
    low: Floats
    high: Floats
    """Sign and nameplate range of each control `[d]`."""
    standing: Floats
    """Setpoints that no entry moves `[O]`."""


def make_vector_orders(model: Model) -> VectorOrders:
    """The vector of a model's `vector_controls`.

    A branch without an entry is commanded closed in every step, so that it comes back once a lock-out is over.
    """
    entries = model.vector_controls.entries
    standing = [kind.initial_setpoint(model.parameters(kind.name)) for kind in model.kinds]
    moved = [entry.verb.moves_branches for entry in entries]
    return VectorOrders(
        device=np.array([-1 if b else model.orders[e.kind].start + e.column for e, b in zip(entries, moved, strict=True)], dtype=np.int64),
        branch=np.array([e.index if b else -1 for e, b in zip(entries, moved, strict=True)], dtype=np.int64),
        sign=np.array([entry.sign for entry in entries], dtype=np.float64),
        low=np.array([entry.low for entry in entries], dtype=np.float64),
        high=np.array([entry.high for entry in entries], dtype=np.float64),
        standing=np.concatenate(standing),
    )


@inner
def decode(orders: VectorOrders, vector: Floats, devices: Floats, closed: Bools) -> bool:
    """Write setpoints of all devices `[B, O]` and breakers `[B, m]` from vectors `[B, d]`; entries beyond −1 … 1 are clipped.

    Says whether all entries are numbers; where one is not, nothing is written.
    """
    batch, entries = vector.shape
    for b in range(batch):
        for k in range(entries):
            if not np.isfinite(vector[b, k]):
                return False
    for b in range(batch):
        for m in range(closed.shape[1]):
            closed[b, m] = True
        for d in range(devices.shape[1]):
            devices[b, d] = orders.standing[d]
        for k in range(entries):
            unit = (min(max(vector[b, k], -1.0), 1.0) + 1.0) / 2.0
            if orders.branch[k] >= 0:
                closed[b, orders.branch[k]] = unit > 0.5
            else:
                devices[b, orders.device[k]] = orders.sign[k] * (orders.low[k] + unit * (orders.high[k] - orders.low[k]))
    return True


def wrong_shape(orders: VectorOrders, found: tuple[int, ...]) -> ActionError:
    """The error for an action of another shape."""
    return ActionError(f"The action has shape {found}, expected ({len(orders.low)},): one number per entry of `action_names`.")


def not_finite(model: Model, vector: Floats) -> ActionError:
    """The error for vectors `[B, d]` in which some entries are no finite numbers."""
    lost = [model.vector_controls.entries[k].name for k in np.flatnonzero(~np.isfinite(vector).all(axis=0))]
    return ActionError(f"An action must be made of finite numbers; these entries are not: {', '.join(lost)}.")


def encode_standing(orders: VectorOrders) -> NDArray[np.float32]:
    """The vector `[d]` under which every device keeps its standing order and every branch is closed."""
    value = orders.sign * orders.standing[np.maximum(orders.device, 0)]
    place = 2.0 * (value - orders.low) / (orders.high - orders.low) - 1.0
    return np.where(orders.branch >= 0, 1.0, place).astype(np.float32)
