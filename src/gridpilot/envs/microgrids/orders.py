"""What a microgrid can order: MW of its devices, and beside them reactive power, tap positions and steps of capacitor banks.

The vertical protocol coordinates MW. The others are direct: the grid agent says them to its devices whatever the protocol, −1
being the lowest value of a device's nameplate and 1 the highest. Positions and steps are made whole by the device itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gridpilot.actions import Control
from gridpilot.agents.coordination.vertical import between
from gridpilot.errors import ConfigError, Problem
from gridpilot.twin.memory import Piece
from gridpilot.twin.model import Model
from gridpilot.values import Bools, Floats, Ints

P_MW, Q_MVAR, POSITION, STEPS = "p_mw", "q_mvar", "position", "steps"
QUANTITIES = (P_MW, Q_MVAR, POSITION, STEPS)


class Direct(NamedTuple):
    """Direct orders `[e]`."""

    names: tuple[str, ...]
    """`DEVICE.quantity`, as in the action schema."""
    device: Ints
    """Which one, among the devices of its microgrid."""
    order: Ints
    """Places among all setpoints."""
    low: Floats
    high: Floats
    """Nameplate ranges."""
    reactive: Bools
    """Whether it is an order for Mvar; else for a position or for steps."""


class Own(NamedTuple):
    """The devices that a microgrid moves."""

    devices: Ints
    """In the flat order of all kinds `[k]`."""
    names: tuple[str, ...]
    orders: Ints
    """Places of their first setpoints, for MW, positions or steps, among all setpoints `[k]`."""
    powers: Ints
    """Which of them the vertical protocol coordinates `[c]`."""
    low_mw: Floats
    high_mw: Floats
    """Nameplate ranges of those `[c]`; injections are positive."""
    direct: Direct


def orderable(model: Model, quantities: Collection[str]) -> list[Own]:
    """What each area can order of these quantities; raises `ConfigError` for quantities that there is no device of."""
    found: list[list[tuple[int, Control]]] = [[] for _ in model.scenario.areas]
    for place, entry in _controls(model):
        area = model.layout.areas.device[place]
        if area >= 0 and _quantity(entry) in quantities:
            found[area].append((place, entry))
    there = {P_MW, *(_quantity(entry) for own in found for _, entry in own)}
    if lost := [quantity for quantity in quantities if quantity not in there]:
        problems = [Problem("orders", f"has {quantity!r}, and no microgrid has a device that takes such an order") for quantity in lost]
        raise ConfigError(f"Scenario {model.scenario.name!r} cannot be operated like this.", problems)
    return [_own(model, sorted(own, key=lambda pair: pair[0])) for own in found]


def _controls(model: Model) -> Iterator[tuple[int, Control]]:
    """Every control of a device, with the device's place in the flat order."""
    for entry in model.vector_controls.entries:
        if not entry.verb.moves_branches and entry.high > entry.low:
            yield model.slices[entry.kind].start + entry.index, entry


def _quantity(entry: Control) -> str:
    return P_MW if entry.unit == "MW" else entry.parameter


def _own(model: Model, found: Sequence[tuple[int, Control]]) -> Own:
    devices = sorted({place for place, _ in found})
    which = {place: k for k, place in enumerate(devices)}
    one_of = dict(found)
    powers = [(place, entry) for place, entry in found if _quantity(entry) == P_MW]
    others = [(place, entry) for place, entry in found if _quantity(entry) != P_MW]
    ends = [sorted((entry.sign * entry.low, entry.sign * entry.high)) for _, entry in powers]
    return Own(
        devices=np.array(devices, dtype=np.int64),
        names=tuple(one_of[place].target for place in devices),
        orders=np.array([model.orders[one_of[place].kind].start + one_of[place].index for place in devices], dtype=np.int64),
        powers=np.array([which[place] for place, _ in powers], dtype=np.int64),
        low_mw=np.array([low for low, _ in ends], dtype=np.float64),
        high_mw=np.array([high for _, high in ends], dtype=np.float64),
        direct=Direct(
            names=tuple(entry.name for _, entry in others),
            device=np.array([which[place] for place, _ in others], dtype=np.int64),
            order=np.array([model.orders[entry.kind].start + entry.column for _, entry in others], dtype=np.int64),
            low=np.array([entry.low for _, entry in others], dtype=np.float64),
            high=np.array([entry.high for _, entry in others], dtype=np.float64),
            reactive=np.array([entry.reactive for _, entry in others], dtype=np.bool_),
        ),
    )


def give(direct: Direct, said: Floats, orders: Floats) -> None:
    """Write direct orders into all setpoints `[B, O]`; `said` `[B, e]` in −1 … 1."""
    orders[:, direct.order] = between(said, direct.low, direct.high)


def followed(own: Own, model: Model, piece: Piece) -> Floats:
    """What came of direct orders in the first element: Mvar that were exchanged, positions and steps that were reached `[e]`."""
    places, (state, work) = own.devices[own.direct.device], piece.grids[1:3]
    exchanged = np.where(state.flow.energised[0, model.layout.bus[places]], work.q_mvar[0, places], 0.0)
    reached = np.zeros(model.n_devices)
    for kind, of_kind in zip(model.kinds, piece.states, strict=True):
        if "position" in of_kind._fields:
            reached[model.slices[kind.name]] = of_kind.position[0]
    return np.where(own.direct.reactive, exchanged, reached[places])


def mvar_by_device(own: Own, orders: Floats) -> list[float]:
    """Orders for reactive power, device by device, of all setpoints `[O]`; empty where a microgrid orders none."""
    direct = own.direct
    if not direct.reactive.any():
        return []
    mvar = np.zeros(len(own.devices))
    mvar[direct.device[direct.reactive]] = orders[direct.order[direct.reactive]]
    found: list[float] = mvar.tolist()
    return found
