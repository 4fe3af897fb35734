"""`step`: devices → power flow → protection → books → rewards, for every element of a batch at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gridpilot.devices import Injection
from gridpilot.rewards import evaluate_terms
from gridpilot.twin import balance, ledger, protection
from gridpilot.twin.arrays import pick, replace_elements
from gridpilot.twin.model import Model
from gridpilot.twin.world import World
from gridpilot.values import (
    OFF,
    Bools,
    Events,
    Floats,
    Flow,
    GridState,
    Ints,
    Protection,
    Setpoints,
    Transition,
)

_SLACK_TOLERANCE_MW = 0.05
_SLACK_ROUNDS = 4


def step(model: Model, world: World, state: GridState, setpoints: Setpoints) -> Transition:
    """The next state after one cycle under these setpoints, and what it cost. Pure: `state` stays as it is."""
    clock = state.step + 1
    faulted, load_factor, outage, struck = _strike(world, state, clock)
    first_unit = model.slices["generator"].start
    bus_active, branch_active, in_service = balance.masks(model.layout, clock, outage, state.collapsed, first_unit)
    row = state.row + 1
    exogenous = balance.read_weather(model.layout, world.table, row, load_factor, bus_active)
    locked = state.protection.lockout_h > 0
    commanded = setpoints.closed & ~locked if locked.any() else setpoints.closed
    injections = _inject(model, state, setpoints, exogenous, in_service)
    settled = _settle_grid(model, state, injections, bus_active, in_service, commanded & branch_active & ~faulted)
    closed = commanded & ~settled.opened if settled.opened.any() else commanded
    overload_h, lockout_h, tripped = protection.reset_relays(
        settled.timers, settled.opened, closed, state.protection.lockout_h, state.protection.tripped,
        model.scenario.protection.lockout_h, model.dt_h,
    )  # fmt: skip
    p_mw = balance.exchanged(model.layout, settled.p_mw, settled.flow.energised, settled.flow.p_bus_mw)
    devices, totals = _settle_devices(model, state, setpoints, exogenous, in_service, p_mw)
    after = GridState(
        step=clock,
        row=row,
        devices=devices,
        setpoints=Setpoints(setpoints.devices, closed),
        faulted=faulted,
        protection=Protection(overload_h, lockout_h, tripped),
        load_factor=load_factor,
        outage=outage,
        exogenous=exogenous,
        bus_active=bus_active,
        branch_active=branch_active,
        flow=settled.flow,
        collapsed=settled.collapsed,
    )
    return _score(model, world, state, after, settled, p_mw, totals, struck)


# ------------------------------------------------------------------------------------------------ disturbances


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
    """Injections of devices after shedding and spilling, before the power flow's own corrections `[B, N]`."""
    opened: Bools
    timers: Floats
    shed_mw: Floats
    spilled_mw: Floats
    uncovered_mw: Floats
    collapsed: Bools


def _inject(model: Model, state: GridState, setpoints: Setpoints, exogenous: Floats, in_service: Bools) -> Injection:
    """What all devices would exchange, kinds side by side `[B, N]`."""
    parts = [
        kind.inject(
            model.parameters(kind.name),
            state.devices[kind.name],
            setpoints.devices[kind.name],
            np.ascontiguousarray(exogenous[:, model.columns[kind.name]]),
            np.ascontiguousarray(in_service[:, model.slices[kind.name]]),
            model.dt_h,
        )
        for kind in model.kinds
    ]
    return Injection(np.concatenate([p.p_mw for p in parts], axis=1), np.concatenate([p.q_mvar for p in parts], axis=1))


def _settle_grid(
    model: Model, state: GridState, injection: Injection, bus_active: Bools, in_service: Bools, closed: Bools
) -> _Settled:
    """Power flow, balance and relays until nothing more trips; a grid that does not come to rest has collapsed."""
    rules = model.scenario.protection
    p_mw, q_mvar = injection
    kind = balance.bus_kinds(model.layout, bus_active, in_service, p_mw, state.collapsed)
    v_set = np.empty((state.batch, len(model.layout.v_set_pu)))
    v_set[:] = model.layout.v_set_pu
    opened = np.zeros(closed.shape, dtype=np.bool_)
    flow, p_mw, q_mvar, shed, spilled = _balanced(model, p_mw, q_mvar, kind, v_set, closed, state.flow)
    timers = protection.overload_timers(flow.loading, state.protection.overload_h, model.dt_h)
    collapsed = state.collapsed | ~flow.usable
    for _ in range(rules.rounds):
        opens = protection.relays(flow.loading, timers, rules.overload_delay_h, rules.hard_limit)
        again = opens.any(axis=1) & ~collapsed
        if not again.any():
            break
        opened |= opens & again[:, None]
        sub = np.flatnonzero(again)
        part = _balanced(model, p_mw[sub], q_mvar[sub], kind[sub], v_set[sub], (closed & ~opened)[sub], pick(flow, sub))
        flow = replace_elements(flow, sub, part[0])
        p_mw, q_mvar = replace_elements(p_mw, sub, part[1]), replace_elements(q_mvar, sub, part[2])
        shed, spilled = replace_elements(shed, sub, shed[sub] + part[3]), replace_elements(spilled, sub, spilled[sub] + part[4])
        collapsed = collapsed | ~flow.usable
    else:
        collapsed = collapsed | protection.relays(flow.loading, timers, rules.overload_delay_h, rules.hard_limit).any(axis=1)
    fallen = np.flatnonzero(collapsed & ~state.collapsed)
    if len(fallen):
        dark = model.engine.solve(
            np.zeros(v_set[fallen].shape), np.zeros(v_set[fallen].shape),
            kind=np.full_like(kind[fallen], OFF), v_set_pu=v_set[fallen], closed=closed[fallen],
        )  # fmt: skip
        flow = replace_elements(flow, fallen, dark)
    slack_p = flow.p_bus_mw[:, model.layout.slack_bus]
    beyond = np.maximum(model.layout.slack_min_mw - slack_p, 0.0) + np.maximum(slack_p - model.layout.slack_max_mw, 0.0)
    return _Settled(flow, p_mw, opened, timers, shed, spilled, np.where(collapsed, 0.0, beyond + shed + spilled), collapsed)


def _balanced(
    model: Model, p_mw: Floats, q_mvar: Floats, kind: Any, v_set: Floats, closed: Bools, start: Flow
) -> tuple[Flow, Floats, Floats, Floats, Floats]:
    """A power flow in which the slack unit is inside its limits, as far as shedding and spilling can bring it there."""
    layout = model.layout
    n = len(layout.v_set_pu)
    shed, spilled = np.zeros(len(p_mw)), np.zeros(len(p_mw))
    p_bus, q_bus = balance.to_buses(layout, p_mw, q_mvar, n)
    flow = model.engine.solve(p_bus, q_bus, kind=kind, v_set_pu=v_set, closed=closed, start=start)
    for _ in range(_SLACK_ROUNDS):
        slack_p = flow.p_bus_mw[:, layout.slack_bus] - p_bus[:, layout.slack_bus]
        beyond = (slack_p > layout.slack_max_mw + _SLACK_TOLERANCE_MW) | (slack_p < layout.slack_min_mw - _SLACK_TOLERANCE_MW)
        sub = np.flatnonzero(beyond & flow.usable & flow.energised[:, layout.slack_bus])
        if not len(sub):
            break
        new_p, new_q, more_shed, more_spilled = balance.relieve_slack(
            layout, p_mw[sub], q_mvar[sub], flow.energised[sub], slack_p[sub], _SLACK_TOLERANCE_MW
        )
        moved = (more_shed + more_spilled) > 0
        if not moved.any():
            break
        sub = sub[moved]
        p_mw, q_mvar = replace_elements(p_mw, sub, new_p[moved]), replace_elements(q_mvar, sub, new_q[moved])
        shed, spilled = replace_elements(shed, sub, shed[sub] + more_shed[moved]), replace_elements(spilled, sub, spilled[sub] + more_spilled[moved])
        p_bus, q_bus = balance.to_buses(layout, p_mw, q_mvar, n)
        part = model.engine.solve(
            p_bus[sub], q_bus[sub], kind=kind[sub], v_set_pu=v_set[sub], closed=closed[sub], start=pick(flow, sub)
        )
        flow = replace_elements(flow, sub, part)
    return flow, p_mw, q_mvar, shed, spilled


# --------------------------------------------------------------------------------------------------- the books


def _settle_devices(
    model: Model, state: GridState, setpoints: Setpoints, exogenous: Floats, in_service: Bools, p_mw: Floats
) -> tuple[dict[str, Any], Floats]:
    devices: dict[str, Any] = {}
    totals = np.zeros((state.batch, 6))
    for kind in model.kinds:
        mine = model.slices[kind.name]
        devices[kind.name], outcome = kind.settle(
            model.parameters(kind.name),
            state.devices[kind.name],
            setpoints.devices[kind.name],
            np.ascontiguousarray(exogenous[:, model.columns[kind.name]]),
            np.ascontiguousarray(in_service[:, mine]),
            np.ascontiguousarray(p_mw[:, mine]),
            model.dt_h,
        )
        totals = ledger.add_outcome(totals, outcome)
    return devices, totals


def _score(
    model: Model, world: World, before: GridState, after: GridState, settled: _Settled, p_mw: Floats, totals: Floats, struck: Ints
) -> Transition:
    flow = after.flow
    count = ledger.tally(
        model.layout, flow.loading, flow.v_pu, flow.energised, after.bus_active, after.branch_active,
        after.setpoints.closed, after.faulted, after.protection.tripped, model.dt_h,
    )  # fmt: skip
    totals[:, ledger.COST] += ledger.closing_cost_usd(model, after, after.step, world.end_step)
    slack_p = np.ascontiguousarray(p_mw[:, model.layout.slack_unit])
    unit = model.layout.slack_unit - model.slices["generator"].start
    schedule = np.ascontiguousarray(after.setpoints.devices["generator"][:, unit])
    band = model.scenario.rewards.slack_band_mw
    deviation = ledger.slack_deviation_mwh(slack_p, schedule, band, settled.uncovered_mw, model.dt_h)
    facts = ledger.make_facts(model, flow, after.bus_active, count, totals, deviation)
    terms = evaluate_terms(facts)
    costs = np.stack([count.overload, count.outside_pu, facts.unserved_mwh], axis=1)
    events = Events(
        struck=struck,
        tripped=settled.opened,
        shed_mw=settled.shed_mw,
        spilled_mw=settled.spilled_mw,
        islanded=(before.flow.energised & ~flow.energised & after.bus_active).any(axis=1) & ~settled.collapsed,
        collapsed=settled.collapsed & ~before.collapsed,
        built=after.bus_active & ~before.bus_active,
    )
    return Transition(
        state=after,
        setpoints=after.setpoints,
        reward_terms=terms[:, None, :],
        constraint_costs=costs[:, None, :],
        reward=terms @ model.weights,
        outcomes=ledger.make_outcomes(facts, count, slack_p, schedule, ledger.balance_mw(p_mw, flow.losses_mw)),
        events=events,
    )

