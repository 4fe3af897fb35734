"""A cycle in which some devices are stepped elsewhere: by their own agents, in other processes.

The environment has no say in what such a device does and what it costs. It asks its keeper twice, as it asks the device
itself otherwise, and takes nothing of its own in the place of an answer: what is not answered is not a number, and refused.
"""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple, Protocol

import numpy as np

from gridpilot.devices import Outcome
from gridpilot.devices.fleet import COST, add_up, inject_fleet, settle_fleet
from gridpilot.errors import PhysicsError
from gridpilot.twin.cycle import adjust_all, begin_cycle, close_cycle, refuse_the_end, show_branches, solve_grid
from gridpilot.twin.memory import Piece
from gridpilot.twin.model import Model
from gridpilot.twin.start import take_real_power
from gridpilot.twin.world import World
from gridpilot.values import Floats, Ints


class Reported(NamedTuple):
    """What `k` devices say before the power flow `[B, k]`."""

    order_mw: Floats
    """The setpoint that is in force; of what is stepped its position."""
    p_mw: Floats
    q_mvar: Floats
    """What they would exchange with the grid."""
    order_mvar: Floats | None = None
    """Orders for reactive power that are in force, 0 where a device takes none; None where none is ordered."""
    adjusted: Floats | None = None
    """What they do to ratios and susceptances (see `gridpilot.devices.DeviceKind.adjust`), 0 for all others; None where none does any."""


class Keeper(Protocol):
    """Who steps devices elsewhere."""

    @property
    def devices(self) -> Ints:
        """Which ones, in the flat order of all kinds `[k]`."""
        ...

    @property
    def orders(self) -> Ints:
        """Places of their first setpoints among all setpoints `[k]`."""
        ...

    @property
    def mvar_orders(self) -> tuple[Ints, Ints]:
        """Those of them that are ordered reactive power `[j]`, and the places of these orders among all setpoints `[j]`."""
        ...

    def inject(self, piece: Piece, first: bool) -> Reported:
        """What they would exchange with the grid. In the `first` state they stand at their initial orders."""
        ...

    def settle(self, piece: Piece, first: bool) -> Floats:
        """What they tell of the step `[7, B, k]`, after they have learned what they really exchanged (`piece.grids.work.real_mw`): the
        fields of their outcomes, and how far they are beyond what they are meant for.

        Writes their states into the piece's. The `first` state has no outcomes.
        """
        ...


def run_elsewhere(model: Model, world: World, piece: Piece, keeper: Keeper, *, first: bool = False) -> bool:
    """`gridpilot.twin.cycle.run_cycle`, or the `first` state, with some devices stepped elsewhere; bit for bit the same.

    Says whether scheduled disturbances struck. Raises what `run_cycle` raises, `PhysicsError` for a report that is not made
    of finite numbers, and whatever the keeper raises.
    """
    fits, struck, last = begin_cycle(piece.held, world.held(piece.first, piece.end))
    refuse_the_end(fits, world, piece)
    state, work, at = piece.grids.state, piece.grids.work, keeper.devices
    inject_fleet(piece.fleet, state.orders, state.exogenous, work.in_service, model.dt_h, work.p_mw, work.q_mvar, work.adjusted)
    reported = keeper.inject(piece, first)
    _refuse_what_is_no_number(reported)
    state.orders[:, keeper.orders], work.p_mw[:, at], work.q_mvar[:, at] = reported[:3]
    if reported.order_mvar is not None:
        which, places = keeper.mvar_orders
        state.orders[:, places] = reported.order_mvar[:, which]
    if reported.adjusted is not None:
        work.adjusted[:, at] = reported.adjusted
    adjust_all(piece.held)
    solve_grid(model.engine, piece, first=first)
    if first:
        take_real_power(model, piece)
        keeper.settle(piece, first)
        return False
    outcomes = np.empty((len(Outcome._fields), *work.p_mw.shape))
    show_branches(piece)
    settle_fleet(piece.fleet, work.real_mw, model.dt_h, outcomes, work.unsafe)
    told = keeper.settle(piece, first)
    outcomes[:, :, at], work.unsafe[:, at] = told[:-1], told[-1]
    add_up(outcomes, work.totals)
    add_up(work.unsafe[None], work.safety[None])
    work.cost_usd[...] = outcomes[COST]
    close_cycle(model, world, piece, last)
    return bool(struck)


def _refuse_what_is_no_number(reported: Reported) -> None:
    for name, values in zip(Reported._fields, reported, strict=True):
        # A sum of finite numbers is a number, or they are far too large for a grid.
        if values is not None and not isfinite(values.sum()):
            worst = values.flat[np.abs(values).argmax()]
            raise PhysicsError(f"A device that is stepped elsewhere reported {name} = {worst}; expected a number.")
