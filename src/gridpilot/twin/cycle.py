"""One cycle of some elements in their memory: disturbances, devices, power flow, protection, books.

Four kernels, so that what depends on the kinds of devices (`open_cycle`, `settle_devices`) is compiled apart from what does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
from numba import literal_unroll

from gridpilot.devices.fleet import COST, Fleet, Places, add_rows, inject_fleet, inject_kind, settle_kind, write_all
from gridpilot.errors import ConfigError
from gridpilot.jit import Resident, borrowed, inlined, kernel
from gridpilot.powerflow.seam import as_flow
from gridpilot.twin import ledger, rounds
from gridpilot.twin.arrays import pick
from gridpilot.twin.balance import adjust_grid, mask_devices, mask_grid, read_weather
from gridpilot.twin.grids import Grids, State
from gridpilot.twin.memory import Piece
from gridpilot.twin.model import Model
from gridpilot.twin.world import Outside, World
from gridpilot.values import Flow, PowerFlow

Cycle = Callable[[Model, World, Piece], object]
"""What takes the elements of a piece on by one cycle."""
_BRANCH_FAULT, _LOAD_FACTOR = 0, 1
"""`gridpilot.disturbances.Channel`; the third one is the outage of a generator."""


@kernel
def open_cycle(held: Resident[Grids], fleet: Resident[Fleet], world: Resident[Outside]) -> tuple[bool, bool, bool]:
    """`begin_cycle`, and devices say what they would exchange with the grid."""
    (layout, rules, _), state, work, _ = borrowed(held)
    begun = _begin(borrowed(held), borrowed(world))
    if begun[0]:
        kinds, at = borrowed(fleet), Places(0, 0, 0)
        for kind in literal_unroll(kinds):
            at = inject_kind(kind, at, state.orders, state.exogenous, work.in_service, rules.dt_h, work.p_mw, work.q_mvar, work.adjusted)
        for b in range(len(state.step)):
            adjust_grid(layout, work, b)
    return begun


@kernel
def begin_cycle(held: Resident[Grids], world: Resident[Outside]) -> tuple[bool, bool, bool]:
    """The clock goes on, disturbances strike, and weather changes.

    Returns whether every element has a row left in the world's table (where one has not, nothing was done), whether
    scheduled disturbances began or ended, and whether it is the last cycle of some element.
    """
    return _begin(borrowed(held), borrowed(world))


@kernel
def adjust_all(held: Resident[Grids]) -> None:
    """Ratios and capacitor banks of all elements, as their devices have set them."""
    (layout, _, _), state, work, _ = borrowed(held)
    for b in range(len(state.step)):
        adjust_grid(layout, work, b)


@inlined
def _begin(grids: Grids, outside: Outside) -> tuple[bool, bool, bool]:
    (layout, rules, _), state, work, _ = grids
    struck, last = False, False
    for b in range(len(state.step)):
        if state.row[b] + 1 >= outside.table.shape[0]:
            return False, False, False
    write_all(state.bus_active, work.bus_was_active)
    for b in range(len(state.step)):
        state.step[b] += 1
        state.row[b] += 1
        last = last or state.step[b] == outside.end_step
        struck = _strike(state, outside, b) or struck
        mask_grid(layout, state, b)
        mask_devices(layout, state.bus_active, state.outage, state.collapsed, rules.first_unit, work.in_service, b)
        read_weather(layout, outside.table, state, b)
    return True, struck, last


@inlined
def _strike(state: State, outside: Outside, b: int) -> bool:
    """Faults, load factors and outages of an element after this step's scheduled entries; says whether there were any."""
    struck = False
    for k in range(outside.entry_step.shape[1]):
        if outside.entry_step[b, k] == state.step[b]:
            struck = True
            index, value = outside.entry_index[b, k], outside.entry_value[b, k]
            if outside.entry_channel[b, k] == _BRANCH_FAULT:
                state.faulted[b, index] = value != 0.0
            elif outside.entry_channel[b, k] == _LOAD_FACTOR:
                state.load_factor[b, index] = value
            else:
                state.outage[b, index] = value != 0.0
    return struck


@kernel
def settle_devices(held: Resident[Grids], fleet: Resident[Fleet]) -> None:
    """Take the states of all devices on by what `open_cycle` told them and they really exchanged, and add up their totals."""
    (_, rules, _), _, work, _ = borrowed(held)
    for k in range(work.totals.shape[0]):
        for b in range(work.totals.shape[1]):
            work.totals[k, b] = 0.0
    kinds, device = borrowed(fleet), 0
    for kind in literal_unroll(kinds):
        device = settle_kind(kind, device, work.real_mw, rules.dt_h, work.totals, work.cost_usd, work.unsafe)
    add_rows(work.unsafe, work.safety)


@kernel
def close_books(held: Resident[Grids]) -> None:
    """Rewards, costs, sums and events of the cycle."""
    ledger.score(borrowed(held))


def run_cycle(model: Model, world: World, piece: Piece, decide: Callable[[Piece], None] | None = None) -> bool:
    """Take the elements of a piece on by one cycle in their own memory; says whether scheduled disturbances struck.

    `decide` writes orders once the weather of the cycle is known, for whoever reacts to it within the cycle. Raises
    `ConfigError` where an element has no row left in the world's table.
    """
    outside = world.held(piece.first, piece.end)
    if decide is None:
        fits, struck, last = open_cycle(piece.held, piece.fleet, outside)
        refuse_the_end(fits, world, piece)
    else:
        fits, struck, last = begin_cycle(piece.held, outside)
        refuse_the_end(fits, world, piece)
        decide(piece)
        state, work = piece.grids.state, piece.grids.work
        inject_fleet(piece.fleet, state.orders, state.exogenous, work.in_service, model.dt_h, work.p_mw, work.q_mvar, work.adjusted)
        adjust_all(piece.held)
    solve_grid(model.engine, piece)
    show_branches(piece)
    settle_devices(piece.held, piece.fleet)
    close_cycle(model, world, piece, last)
    return bool(struck)


def refuse_the_end(fits: bool, world: World, piece: Piece) -> None:
    """Raises `ConfigError` where an element has no row left."""
    if not fits:
        raise ConfigError(
            f"A step would read row {piece.grids.state.row.max() + 1} of a world with {len(world.table)} rows: "
            f"the episode of {world.end_step} cycles is over."
        )


def show_branches(piece: Piece) -> None:
    """Tell devices that watch branches which of theirs are in service now that relays have done their part."""
    for told, branches in piece.watching:
        told.present[...] = piece.grids.work.in_use[:, branches]


def close_cycle(model: Model, world: World, piece: Piece, last: bool) -> None:
    """Close the books of a cycle, the `last` one of some elements with what their devices owe."""
    if last:
        _close(model, world, piece)
    close_books(piece.held)


def solve_grid(engine: PowerFlow, piece: Piece, *, first: bool = False) -> None:
    """Power flow, balance and relays; in the `first` state of an episode the power flow alone."""
    if piece.solver is not None:
        asking = rounds.settle_grid(piece.held, piece.solver.address, 0, first)
        while asking:
            piece.solver.rescue()
            asking = rounds.settle_grid(piece.held, piece.solver.address, asking, first)
        return
    asking = rounds.follow_grid(piece.held, 0, first)
    while asking:
        _solve(engine, piece, asking)
        asking = rounds.follow_grid(piece.held, asking, first)


def _solve(engine: PowerFlow, piece: Piece, asking: int) -> None:
    """The power flows asked for, by an engine that kernels cannot call."""
    work, into = piece.grids.work, piece.grids.state.flow
    rows = work.rows[:asking]
    start: Flow = pick(as_flow(into), rows)
    given = {"tap": work.tap, "bank_mvar": work.bank_mvar}
    positions: dict[str, Any] = {name: values[rows] for name, values in given.items() if len(values)}
    flow = engine.solve(
        work.p_bus_mw[rows], work.q_bus_mvar[rows], kind=work.kind[rows], v_set_pu=work.v_set_pu[rows], closed=work.in_use[rows],
        start=start, **positions,
    )  # fmt: skip
    arrays: tuple[Any, ...] = into
    for field, values in zip(fields(flow), arrays, strict=True):
        values[rows] = getattr(flow, field.name)


def _close(model: Model, world: World, piece: Piece) -> None:
    """Book what the devices of elements at their last step owe, or have to give."""
    over = np.flatnonzero(piece.grids.state.step == world.end_step)
    devices = {kind.name: state._make(values[over] for values in state) for kind, state in zip(model.kinds, piece.states, strict=True)}
    owed_usd, work = ledger.closing_cost_usd(model, devices), piece.grids.work
    work.cost_usd[over] += owed_usd
    work.totals[COST, over] += owed_usd.sum(axis=1)
