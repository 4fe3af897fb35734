"""Books of a step: sums per element, the facts that rewards are computed from, and constraint costs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridpilot.devices import Outcome
from gridpilot.jit import kernel
from gridpilot.rewards import Facts
from gridpilot.twin.model import Layout, Model
from gridpilot.values import Bools, Floats, Flow, GridState, Ints, Outcomes

DEMAND, UNSERVED, AVAILABLE, CURTAILED, COST, CO2 = range(6)
"""Columns of the totals, in the order of `Outcome`."""


@kernel
def add_outcome(totals: Floats, outcome: Outcome) -> Floats:
    """`totals` `[B, 6]` with the devices of one kind added."""
    new = totals.copy()
    batch, n = outcome.cost_usd.shape
    for b in range(batch):
        for k in range(n):
            new[b, DEMAND] += outcome.demand_mwh[b, k]
            new[b, UNSERVED] += outcome.unserved_mwh[b, k]
            new[b, AVAILABLE] += outcome.available_mwh[b, k]
            new[b, CURTAILED] += outcome.curtailed_mwh[b, k]
            new[b, COST] += outcome.cost_usd[b, k]
            new[b, CO2] += outcome.co2_t[b, k]
    return new


class Tally(NamedTuple):
    """What a kernel counts over components; per element `[B]` but the masks."""

    lost: Bools
    """Branches that protection holds open or whose supply is lost `[B, m]`."""
    overload_min: Floats
    voltage_min: Floats
    max_loading: Floats
    min_v_pu: Floats
    max_v_pu: Floats
    overload: Floats
    """Sum of loading above 1, lost branches as 0.2."""
    outside_pu: Floats
    """Sum of voltage outside the band, dead buses as 0.05 pu."""


@kernel
def tally(
    layout: Layout, loading: Floats, v_pu: Floats, energised: Bools, bus_active: Bools, branch_active: Bools,
    closed: Bools, faulted: Bools, tripped: Bools, dt_h: float,
) -> Tally:  # fmt: skip
    """Counts violations; a branch out by a disturbance or opened by its operator is not one."""
    batch, m = loading.shape
    n = v_pu.shape[1]
    lost = np.zeros((batch, m), dtype=np.bool_)
    sums = np.zeros((7, batch))
    minutes = dt_h * 60.0
    for b in range(batch):
        for k in range(m):
            if not branch_active[b, k] or faulted[b, k]:
                continue
            dead = not energised[b, layout.branch_from[k]] or not energised[b, layout.branch_to[k]]
            lost[b, k] = tripped[b, k] or (closed[b, k] and dead)
            sums[2, b] = max(sums[2, b], loading[b, k])
            if lost[b, k]:
                sums[0, b] += minutes
                sums[5, b] += 0.2
            elif loading[b, k] > 1.0:
                sums[0, b] += minutes
                sums[5, b] += loading[b, k] - 1.0
        low, high = np.inf, 0.0
        for k in range(n):
            if not bus_active[b, k]:
                continue
            if not energised[b, k]:
                sums[1, b] += minutes
                sums[6, b] += 0.05
                continue
            low, high = min(low, v_pu[b, k]), max(high, v_pu[b, k])
            outside = max(layout.v_min_pu[k] - v_pu[b, k], v_pu[b, k] - layout.v_max_pu[k])
            if outside > 0.0:
                sums[1, b] += minutes
                sums[6, b] += outside
        sums[3, b] = low if high > 0.0 else 0.0
        sums[4, b] = high
    return Tally(lost, sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6])


@kernel
def slack_deviation_mwh(slack_p_mw: Floats, schedule_mw: Floats, band_mw: float, uncovered_mw: Floats, dt_h: float) -> Floats:
    """Energy that the slack unit covered beyond the band around its schedule, plus what it could not cover `[B]`."""
    out = np.zeros(len(slack_p_mw))
    for b in range(len(out)):
        out[b] = (max(abs(slack_p_mw[b] - schedule_mw[b]) - band_mw, 0.0) + uncovered_mw[b]) * dt_h
    return out


@kernel
def balance_mw(p_mw: Floats, losses_mw: Floats) -> Floats:
    """|Σ injections − losses| `[B]`: devices' own books against the power flow's."""
    out = np.zeros(len(losses_mw))
    for b in range(len(out)):
        total = 0.0
        for d in range(p_mw.shape[1]):
            total += p_mw[b, d]
        out[b] = abs(total - losses_mw[b])
    return out


def make_facts(model: Model, flow: Flow, active: Bools, count: Tally, totals: Floats, deviation_mwh: Floats) -> Facts:
    """What the reward terms look at."""
    columns = np.ascontiguousarray(totals.T)
    return Facts(
        loading=flow.loading,
        tripped=count.lost,
        v_pu=flow.v_pu,
        energised=flow.energised,
        active=active,
        v_min_pu=model.layout.v_min_pu,
        v_max_pu=model.layout.v_max_pu,
        demand_mwh=columns[DEMAND],
        unserved_mwh=columns[UNSERVED],
        available_mwh=columns[AVAILABLE],
        curtailed_mwh=columns[CURTAILED],
        slack_deviation_mwh=deviation_mwh,
        cost_usd=columns[COST],
        co2_t=columns[CO2],
        price_usd_per_mwh=model.scenario.rewards.price_usd_per_mwh,
        dt_h=model.dt_h,
    )


def make_outcomes(facts: Facts, count: Tally, slack_p_mw: Floats, schedule_mw: Floats, residual_mw: Floats) -> Outcomes:
    """The sums that cards and consoles show."""
    return Outcomes(
        demand_mwh=facts.demand_mwh,
        unserved_mwh=facts.unserved_mwh,
        available_mwh=facts.available_mwh,
        curtailed_mwh=facts.curtailed_mwh,
        cost_usd=facts.cost_usd,
        co2_t=facts.co2_t,
        slack_p_mw=slack_p_mw,
        slack_schedule_mw=schedule_mw,
        overload_min=count.overload_min,
        voltage_min=count.voltage_min,
        max_loading=count.max_loading,
        min_v_pu=count.min_v_pu,
        max_v_pu=count.max_v_pu,
        balance_mw=residual_mw,
    )


def closing_cost_usd(model: Model, state: GridState, step: Ints, end_step: int) -> Floats:
    """What the energy missing from storage and owed by loads is worth, at the last step only `[B]`.

    Without it, an empty battery at the end of an episode would be free fuel.
    """
    last = step == end_step
    cost = np.zeros(len(step))
    if not last.any():
        return cost
    for kind in model.kinds:
        parameters = model.parameters(kind.name)
        before = kind.closing_value_mwh(parameters, kind.initial_state(parameters, 1))
        after = kind.closing_value_mwh(parameters, state.devices[kind.name])
        cost += (before - after).sum(axis=1)
    return np.where(last, cost * model.scenario.rewards.closing_price_usd_per_mwh, 0.0)
