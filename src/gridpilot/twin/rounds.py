"""The grid of a cycle: power flows, relief of the slack unit and relays, until nothing more changes.

Every element goes its own way from one power flow to the next: it is solved, corrected where the slack unit is outside
its limits, opened where relays say so, and dark where it cannot stand. `follow` takes the elements that were solved on as
far as they come without another power flow, and says which ones ask for one. Whoever solves, a kernel or an engine of any
other making, asks again until none is left.
"""

from __future__ import annotations

from gridpilot.jit import Resident, borrowed, inlined, kernel
from gridpilot.powerflow.group import Inputs
from gridpilot.powerflow.newton import Compiled, solve_rows
from gridpilot.twin.balance import command_breakers, correct_relief, exchanged, foresee_relief, mark_buses, relieve, usable
from gridpilot.twin.grids import Grids
from gridpilot.twin.protection import any_opens, count_overload, open_branches, reset_relays
from gridpilot.values import OFF

_STANDING, _DARK = 0, 1
_CORRECTIONS = 4


@inlined
def power_inputs(grids: Grids) -> Inputs:
    """What the power flows of a cycle are given; they begin from the voltages of before."""
    work, flow = grids.work, grids.state.flow
    return Inputs(work.p_bus_mw, work.q_bus_mvar, work.kind, work.v_set_pu, work.in_use, True, flow.v_re, flow.v_im, flow.status)


@inlined
def begin(grids: Grids, first: bool) -> int:
    """Prepare the first power flow of every element; returns how many there are.

    In the `first` state of an episode nothing is relieved and no relay opens.
    """
    (layout, rules, _), state, work, books = grids
    for b in range(len(state.step)):
        work.rows[b], work.phase[b], work.rounds[b] = b, _STANDING, 0
        work.was_collapsed[b] = state.collapsed[b]
        for k in range(state.flow.energised.shape[1]):
            work.was_energised[b, k] = state.flow.energised[b, k]
        for k in range(books.opened.shape[1]):
            books.opened[b, k] = False
        command_breakers(state, work, rules.crew_h, b)
        mark_buses(layout, state, work, b)
        _ask(grids, first, b)
    return len(state.step)


@inlined
def _ask(grids: Grids, first: bool, b: int) -> None:
    """Prepare a power flow after breakers have moved, with the relief that can be foreseen."""
    layout, work, flow = grids.static.layout, grids.work, grids.state.flow
    work.corrections[b], work.relief_mw[b] = 0, 0.0
    relieve(layout, work, flow.energised, b)
    if not first:
        work.relief_mw[b] = foresee_relief(layout, work, flow, b)
        if work.relief_mw[b] != 0.0:
            relieve(layout, work, flow.energised, b)


@inlined
def follow(grids: Grids, solved: int, first: bool) -> int:
    """Take the first `solved` elements of `rows` on after their power flow; returns how many ask for another one."""
    rows, asking = grids.work.rows, 0
    for i in range(solved):
        b = rows[i]
        if _goes_on(grids, first, b):
            rows[asking] = b
            asking += 1
    return asking


@inlined
def _goes_on(grids: Grids, first: bool, b: int) -> bool:
    """Whether an element needs another power flow, which is then prepared."""
    (layout, rules, _), state, work, books = grids
    if work.phase[b] == _DARK:
        if first:
            # The status says of what it died.
            state.flow.status[b] = work.died[b]
        return False
    if first:
        return not usable(state.flow.status[b]) and _falls(grids, b)
    if work.corrections[b] < _CORRECTIONS and correct_relief(layout, work, state.flow, b):
        work.corrections[b] += 1
        relieve(layout, work, state.flow.energised, b)
        return True
    if work.rounds[b] == 0:
        count_overload(state, rules.dt_h, b)
    if work.was_collapsed[b]:
        return False
    if not usable(state.flow.status[b]):
        return _falls(grids, b)
    if not any_opens(state, rules, b):
        return False
    if work.rounds[b] == rules.rounds:
        # A grid that does not come to rest has collapsed.
        return _falls(grids, b)
    work.rounds[b] += 1
    open_branches(state, work, books.opened, rules, b)
    _ask(grids, first, b)
    return True


@inlined
def _falls(grids: Grids, b: int) -> bool:
    """An element goes down: its next power flow is that of a grid in which nothing is energised."""
    state, work = grids.state, grids.work
    state.collapsed[b] = True
    work.died[b], work.phase[b] = state.flow.status[b], _DARK
    for k in range(work.kind.shape[1]):
        work.kind[b, k] = OFF
        work.p_bus_mw[b, k] = work.q_bus_mvar[b, k] = 0.0
    return True


@inlined
def finish(grids: Grids) -> None:
    """What devices really exchanged, and relays after the cycle."""
    (layout, rules, _), state, work, books = grids
    for b in range(len(state.step)):
        exchanged(layout, work, state.flow, b)
        reset_relays(state, books.opened, rules, b)
        books.shed_mw[b] = max(work.relief_mw[b], 0.0)
        books.spilled_mw[b] = -work.relief_mw[b] if work.relief_mw[b] < 0.0 else 0.0


@kernel
def settle_grid(held: Resident[Grids], compiled: Resident[Compiled], first: bool) -> None:
    """The grid of a cycle, solved by the compiled engine."""
    grids, engine = borrowed(held), borrowed(compiled)
    inputs, flow, rows = power_inputs(grids), grids.state.flow, grids.work.rows
    asking = begin(grids, first)
    while asking > 0:
        solve_rows(engine, inputs, rows[:asking], flow)
        asking = follow(grids, asking, first)
    finish(grids)


@kernel
def begin_grid(held: Resident[Grids], first: bool) -> int:
    """`begin`, for engines that kernels cannot call."""
    return begin(borrowed(held), first)


@kernel
def follow_grid(held: Resident[Grids], solved: int, first: bool) -> int:
    """`follow`, for engines that kernels cannot call."""
    return follow(borrowed(held), solved, first)


@kernel
def finish_grid(held: Resident[Grids]) -> None:
    """`finish`, for engines that kernels cannot call."""
    finish(borrowed(held))
