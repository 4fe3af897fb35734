"""The grid of a cycle: power flows, relief of the slack unit and relays, until nothing more changes.

Every element goes its own way from one power flow to the next: it is solved, corrected where the slack unit is outside
its limits, opened where relays say so, and dark where it cannot stand. `follow` takes the elements that were solved on as
far as they come without another power flow, and says which ones ask for one. Whoever solves, a kernel or an engine of any
other making, asks again until none is left.
"""

from __future__ import annotations

from gridpilot.jit import Resident, borrowed, inlined, kernel
from gridpilot.powerflow.holding import solve_held
from gridpilot.twin.balance import command_breakers, correct_relief, exchanged, foresee_relief, mark_buses, relieve, usable
from gridpilot.twin.grids import Grids
from gridpilot.twin.protection import any_opens, count_overload, open_branches, reset_relays
from gridpilot.values import OFF

_SETTING_OUT, _STANDING, _DARK = range(3)
"""Phases of an element: before its first power flow of a cycle, after it, and after it went down."""
_RESTS, _ASKS, _CORRECTED, _FALLS = range(4)
"""What comes next: nothing; a power flow with the relief that can be foreseen; one with another relief; going down."""
_CORRECTIONS = 4


@inlined
def set_out(grids: Grids) -> int:
    """Begin a cycle; returns the number of elements, all of which `follow` takes on."""
    work = grids.work
    for b in range(len(work.rows)):
        work.rows[b], work.phase[b] = b, _SETTING_OUT
    return len(work.rows)


@inlined
def follow(grids: Grids, solved: int, first: bool) -> int:
    """Take the first `solved` elements of `rows` on, which were solved or set out; returns how many ask for a power flow.

    In the `first` state of an episode nothing is relieved and no relay opens. Grids as they were built come first: an
    engine is quicker where neighbours have one topology.
    """
    rows, later = grids.work.rows, grids.work.later
    asking = waiting = 0
    for i in range(solved):
        b = rows[i]
        if not _goes_on(grids, first, b):
            continue
        if grids.work.altered[b]:
            later[waiting] = b
            waiting += 1
        else:
            rows[asking] = b
            asking += 1
    for i in range(waiting):
        rows[asking + i] = later[i]
    return asking + waiting


@inlined
def _goes_on(grids: Grids, first: bool, b: int) -> bool:
    """Whether an element needs a power flow, which is then prepared."""
    layout, state, work = grids.static.layout, grids.state, grids.work
    turn = _turn(grids, first, b)
    if turn == _RESTS:
        return False
    if turn == _FALLS:
        # Its next power flow is that of a grid in which nothing is energised.
        state.collapsed[b], work.died[b], work.phase[b] = True, state.flow.status[b], _DARK
        for k in range(work.kind.shape[1]):
            work.kind[b, k] = OFF
            work.p_bus_mw[b, k] = work.q_bus_mvar[b, k] = 0.0
        return True
    foreseen = turn == _CORRECTED or first
    while True:
        relieve(layout, work, state.flow.energised, b)
        if foreseen:
            return True
        work.relief_mw[b] = foresee_relief(layout, work, state.flow, b)
        foreseen = True
        if work.relief_mw[b] == 0.0:
            return True


@inlined
def _turn(grids: Grids, first: bool, b: int) -> int:
    """What a power flow, or the beginning of a cycle, means for an element."""
    (layout, rules, _), state, work, books = grids
    flow = state.flow
    if work.phase[b] == _DARK:
        if first:
            # The status says of what it died.
            flow.status[b] = work.died[b]
        return _RESTS
    if work.phase[b] == _SETTING_OUT:
        _set_out(grids, b)
        return _ASKS
    if first:
        return _RESTS if usable(flow.status[b]) else _FALLS
    if work.corrections[b] < _CORRECTIONS and correct_relief(layout, work, flow, b):
        work.corrections[b] += 1
        return _CORRECTED
    if work.rounds[b] == 0:
        count_overload(state, rules.dt_h, b)
    if work.was_collapsed[b]:
        return _RESTS
    if not usable(flow.status[b]):
        return _FALLS
    if not any_opens(state, rules, b):
        return _RESTS
    if work.rounds[b] == rules.rounds:
        # A grid that does not come to rest has collapsed.
        return _FALLS
    open_branches(state, work, books.opened, rules, b)
    work.rounds[b] += 1
    work.corrections[b], work.relief_mw[b] = 0, 0.0
    return _ASKS


@inlined
def _set_out(grids: Grids, b: int) -> None:
    """The grid of an element as it is given to the first power flow of a cycle."""
    (layout, rules, _), state, work, books = grids
    work.phase[b], work.rounds[b], work.corrections[b], work.relief_mw[b] = _STANDING, 0, 0, 0.0
    work.was_collapsed[b] = state.collapsed[b]
    for k in range(state.flow.energised.shape[1]):
        work.was_energised[b, k] = state.flow.energised[b, k]
    for k in range(books.opened.shape[1]):
        books.opened[b, k] = False
    opened = command_breakers(state, work, rules.crew_h, b)
    work.altered[b] = mark_buses(layout, state, work, b) or opened


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
def settle_grid(held: Resident[Grids], solver: int, asking: int, first: bool) -> int:
    """The grid of a cycle, solved by the compiled engine behind the address of a `Holding`.

    Begins with `asking` 0. Returns 0, or how many elements wait because the pivots of some were at fault: to be called again
    with that number when those are solved.
    """
    grids = borrowed(held)
    solved = asking if asking > 0 else set_out(grids)
    while solved > 0:
        solved = follow(grids, solved, first)
        if solved > 0 and solve_held(solver, 0, solved, False) > 0:
            return solved
    finish(grids)
    return 0


@kernel
def follow_grid(held: Resident[Grids], solved: int, first: bool) -> int:
    """`follow` for engines that kernels cannot call; without solved elements a cycle begins, and ends where none is left."""
    grids = borrowed(held)
    asking = follow(grids, solved if solved > 0 else set_out(grids), first)
    if asking == 0:
        finish(grids)
    return asking
