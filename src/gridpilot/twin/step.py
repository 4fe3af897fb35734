"""`step`: devices → power flow → protection → books → rewards, for every element of a batch at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gridpilot.errors import ConfigError
from gridpilot.twin import balance, ledger, protection
from gridpilot.twin.arrays import pick, replace_elements
from gridpilot.twin.balance import Prepared
from gridpilot.twin.dark import dark
from gridpilot.twin.fleet import COST, Fleet, fleet_of
from gridpilot.twin.model import Model
from gridpilot.twin.world import World
from gridpilot.values import (
    Bools,
    Events,
    Floats,
    Flow,
    GridState,
    Ints,
    Outcomes,
    Protection,
    Setpoints,
    Status,
    Transition,
)

_SLACK_TOLERANCE_MW = 0.5
"""What the slack unit may be beyond its limits: regulation within a cycle; losses shift by less when load is shed."""
_SLACK_ROUNDS = 4
_OK, _ISLANDED = int(Status.OK), int(Status.ISLANDED)


def step(model: Model, world: World, state: GridState, setpoints: Setpoints) -> Transition:
    """The next state after one cycle under these setpoints, and what it cost. Pure: `state` stays as it is.

    Raises `ConfigError` where an element has no row left in the world's table.
    """
    clock, row = state.step + 1, state.row + 1
    faulted, load_factor, outage, struck = _strike(world, state, clock)
    fleet = fleet_of(model, state, setpoints)
    now = balance.prepare(
        model.held_layout, model.held_parameters, fleet, _drivers(world, row), clock, load_factor, outage, state.collapsed,
        faulted, setpoints.closed, state.protection.lockout_h, model.scenario.protection.crew_h, model.slices["generator"].start,
        model.dt_h,
    )  # fmt: skip
    settled = _settle_grid(model, state, now)
    closed, overload_h, lockout_h, tripped = protection.reset_relays(
        settled.timers, settled.opened, now.commanded, state.protection.lockout_h, state.protection.tripped,
        model.scenario.protection.lockout_h, model.dt_h,
    )  # fmt: skip
    devices, p_mw, totals = _settle_devices(model, world, clock, fleet, now, settled)
    after = GridState(
        step=clock,
        row=row,
        devices=devices,
        setpoints=Setpoints(setpoints.devices, closed),
        faulted=faulted,
        protection=Protection(overload_h, lockout_h, tripped),
        load_factor=load_factor,
        outage=outage,
        exogenous=now.exogenous,
        bus_active=now.bus_active,
        branch_active=now.branch_active,
        flow=settled.flow,
        collapsed=settled.collapsed,
    )
    return _booked(model, state, after, settled, p_mw, totals, struck)


# ---------------------------------------------------------------------------------------------------- the world


def _drivers(world: World, row: Ints) -> Floats:
    """Weather, demand and prices of a row per element `[B, c]`."""
    try:
        return world.table[row]
    except IndexError as error:
        raise ConfigError(
            f"A step would read row {row.max()} of a world with {len(world.table)} rows: the episode of {world.end_step} cycles is over."
        ) from error


def _strike(world: World, state: GridState, clock: Ints) -> tuple[Bools, Floats, Bools, Ints]:
    """Faults, load factors and outages after this step's scheduled entries, and the entries themselves."""
    plan = world.schedule
    hit = plan.step == clock[:, None]
    if not hit.any():
        return state.faulted, state.load_factor, state.outage, _NOTHING_STRUCK
    channels = (state.faulted.copy(), state.load_factor.copy(), state.outage.copy())
    element, slot = np.nonzero(hit)
    struck = np.stack([element, plan.event[hit], plan.index[hit], plan.begins[hit], plan.channel[hit]], axis=1)
    for b, k in zip(element.tolist(), slot.tolist(), strict=True):
        target: Any = channels[plan.channel[b, k]]
        target[b, plan.index[b, k]] = plan.value[b, k]
    return *channels, struck


_NOTHING_STRUCK = np.zeros((0, 5), dtype=np.int64)


# ---------------------------------------------------------------------------------------------------- the grid


@dataclass(frozen=True, slots=True, eq=False)
class _Settled:
    """The grid after protection has come to rest."""

    flow: Flow
    p_mw: Floats
    """Exchanges of devices after shedding and spilling, before the power flow's own corrections `[B, N]`."""
    opened: Bools
    timers: Floats
    shed_mw: Floats
    spilled_mw: Floats
    collapsed: Bools


def _settle_grid(model: Model, state: GridState, now: Prepared) -> _Settled:
    """Power flow, balance and relays until nothing more trips; a grid that does not come to rest has collapsed."""
    rules = model.scenario.protection
    delay, hard = rules.overload_delay_h, rules.hard_limit
    flow, p_mw, relief = _balanced(model, now, state.flow)
    timers, some, opens, collapsed = protection.first_look(
        flow.loading, flow.status, state.protection.overload_h, state.collapsed, delay, hard, model.dt_h
    )
    opened = np.zeros_like(opens)
    for _ in range(rules.rounds):
        if not some:
            break
        opened = opened | opens
        sub = np.flatnonzero(opens.any(axis=1))
        now = now._replace(closed=now.closed & ~opened)
        part_flow, part_p_mw, part_relief = _balanced(model, pick(now, sub), pick(flow, sub))
        flow = replace_elements(flow, sub, part_flow)
        p_mw, relief = replace_elements(p_mw, sub, part_p_mw), replace_elements(relief, sub, part_relief)
        some, opens, collapsed = protection.relays(flow.loading, flow.status, timers, collapsed, delay, hard)
    else:
        collapsed = collapsed | opens.any(axis=1)
    fallen = np.flatnonzero(collapsed & ~state.collapsed)
    if len(fallen):
        flow = replace_elements(flow, fallen, dark(model, pick(now, fallen)))
    return _Settled(flow, p_mw, opened, timers, np.maximum(relief, 0.0), np.maximum(-relief, 0.0), collapsed)


def _balanced(model: Model, now: Prepared, start: Flow) -> tuple[Flow, Floats, Floats]:
    """A power flow in which the slack unit is inside its limits, as far as shedding and spilling can bring it there.

    With it come the exchanges of devices that led to it `[B, N]`, and the MW shed (above 0) or spilled (below 0) `[B]`.
    """
    layout = model.held_layout
    p_mw, p_bus, q_bus = now.p_mw, now.p_bus_mw, now.q_bus_mvar
    some, relief = balance.foresee_relief(
        layout, now.p_mw, now.p_bus_mw, start.losses_mw, start.status, start.energised, _SLACK_TOLERANCE_MW
    )
    if some:
        p_mw, p_bus, q_bus = balance.relieve(layout, now.p_mw, now.q_mvar, start.energised, relief)
    flow = _solve(model, now, p_bus, q_bus, start)
    for _ in range(_SLACK_ROUNDS):
        some, wrong, relief = balance.correct_relief(
            layout, now.p_mw, p_mw, p_bus, flow.p_bus_mw, flow.status, flow.energised, _SLACK_TOLERANCE_MW
        )
        if not some:
            break
        sub = np.flatnonzero(wrong)
        part, before = pick(now, sub), pick(flow, sub)
        part_p_mw, part_p_bus, part_q_bus = balance.relieve(layout, part.p_mw, part.q_mvar, before.energised, relief[sub])
        flow = replace_elements(flow, sub, _solve(model, part, part_p_bus, part_q_bus, before))
        p_mw, p_bus = replace_elements(p_mw, sub, part_p_mw), replace_elements(p_bus, sub, part_p_bus)
    return flow, p_mw, relief


def _solve(model: Model, now: Prepared, p_bus_mw: Floats, q_bus_mvar: Floats, start: Flow) -> Flow:
    return model.engine.solve(p_bus_mw, q_bus_mvar, kind=now.kind, v_set_pu=now.v_set_pu, closed=now.closed, start=start)


# --------------------------------------------------------------------------------------------------- the books


def _settle_devices(
    model: Model, world: World, clock: Ints, fleet: Fleet, now: Prepared, settled: _Settled
) -> tuple[dict[str, Any], Floats, Floats]:
    """Next state per kind, what devices really exchanged `[B, N]`, and their totals `[6, B]`."""
    flow = settled.flow
    states, p_mw, totals = ledger.settle(
        model.held_layout,
        model.held_parameters,
        fleet,
        now.exogenous,
        now.in_service,
        settled.p_mw,
        flow.energised,
        flow.p_bus_mw,
        model.dt_h,
    )
    devices = dict(zip([kind.name for kind in model.kinds], states, strict=True))
    last = clock == world.end_step
    if last.any():
        totals[COST] += ledger.closing_cost_usd(model, devices, last)
    return devices, p_mw, totals


def _booked(model: Model, before: GridState, after: GridState, settled: _Settled, p_mw: Floats, totals: Floats, struck: Ints) -> Transition:
    """The transition with its rewards, costs, sums and events."""
    flow, rewards = after.flow, model.scenario.rewards
    grid = ledger.Grid(
        flow.loading, flow.v_pu, flow.losses_mw, flow.energised, before.flow.energised, after.bus_active, before.bus_active,
        after.branch_active, after.setpoints.closed, after.faulted, after.protection.tripped, after.collapsed, before.collapsed,
        settled.shed_mw, settled.spilled_mw,
    )  # fmt: skip
    unit = model.layout.slack_unit - model.slices["generator"].start
    schedule = after.setpoints.devices["generator"][:, unit].copy()
    booked = ledger.score(
        model.held_layout, grid, p_mw, schedule, totals, model.weights, rewards.slack_band_mw, rewards.price_usd_per_mwh, model.dt_h
    )
    return Transition(
        state=after,
        setpoints=after.setpoints,
        reward_terms=booked.terms[:, None, :],
        constraint_costs=booked.costs[:, None, :],
        reward=booked.reward,
        outcomes=Outcomes(*booked.outcomes),
        events=Events(struck, settled.opened, settled.shed_mw, settled.spilled_mw, booked.islanded, booked.fallen, booked.built),
    )
