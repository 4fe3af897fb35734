"""Books of a step: what devices did, sums per element, reward terms, constraint costs and events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gridpilot.jit import Resident, inner, kernel
from gridpilot.rewards import Facts, evaluate_terms
from gridpilot.rewards.congestion import TRIPPED_AS
from gridpilot.rewards.voltage import DEAD_AS
from gridpilot.twin.balance import exchanged
from gridpilot.twin.fleet import AVAILABLE, CO2, COST, CURTAILED, DEMAND, UNSERVED, Fleet, settle_fleet
from gridpilot.twin.model import Layout, Model
from gridpilot.values import Bools, Floats


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
    """Sum of loading above 1, lost branches as in the congestion term."""
    outside_pu: Floats
    """Sum of voltage outside the band, dead buses as in the voltage term."""


@inner
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
                sums[5, b] += TRIPPED_AS
            elif loading[b, k] > 1.0:
                sums[0, b] += minutes
                sums[5, b] += loading[b, k] - 1.0
        low, high = np.inf, 0.0
        for k in range(n):
            if not bus_active[b, k]:
                continue
            if not energised[b, k]:
                sums[1, b] += minutes
                sums[6, b] += DEAD_AS
                continue
            low, high = min(low, v_pu[b, k]), max(high, v_pu[b, k])
            outside = max(layout.v_min_pu[k] - v_pu[b, k], v_pu[b, k] - layout.v_max_pu[k])
            if outside > 0.0:
                sums[1, b] += minutes
                sums[6, b] += outside
        sums[3, b] = low if high > 0.0 else 0.0
        sums[4, b] = high
    return Tally(lost, sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6])


@inner
def slack_deviation_mwh(slack_p_mw: Floats, schedule_mw: Floats, band_mw: float, uncovered_mw: Floats, dt_h: float) -> Floats:
    """Energy that the slack unit covered beyond the band around its schedule, plus what it could not cover `[B]`."""
    out = np.zeros(len(slack_p_mw))
    for b in range(len(out)):
        out[b] = (max(abs(slack_p_mw[b] - schedule_mw[b]) - band_mw, 0.0) + uncovered_mw[b]) * dt_h
    return out


@inner
def balance_mw(p_mw: Floats, losses_mw: Floats) -> Floats:
    """|Σ injections − losses| `[B]`: devices' own books against the power flow's."""
    out = np.zeros(len(losses_mw))
    for b in range(len(out)):
        total = 0.0
        for d in range(p_mw.shape[1]):
            total += p_mw[b, d]
        out[b] = abs(total - losses_mw[b])
    return out


@kernel
def settle(
    held: Resident[Layout], parameters: Resident[tuple[Any, ...]], fleet: Fleet, exogenous: Floats, in_service: Bools,
    p_mw: Floats, energised: Bools, p_bus_mw: Floats, dt_h: float,
) -> tuple[tuple[Any, ...], Floats, Floats]:  # fmt: skip
    """Next states of all devices kind by kind, what they really exchanged `[B, N]`, and their totals `[6, B]`."""
    real = exchanged(held, p_mw, energised, p_bus_mw)
    totals = np.zeros((6, len(real)))
    return settle_fleet((parameters.value, fleet.states, fleet.orders), 0, 0, exogenous, in_service, real, dt_h, totals), real, totals


class Grid(NamedTuple):
    """What `score` reads of a solved step; shapes as in `Flow`, `GridState` and `Protection`."""

    loading: Floats
    v_pu: Floats
    losses_mw: Floats
    energised: Bools
    was_energised: Bools
    bus_active: Bools
    bus_was_active: Bools
    branch_active: Bools
    closed: Bools
    faulted: Bools
    tripped: Bools
    collapsed: Bools
    was_collapsed: Bools
    shed_mw: Floats
    spilled_mw: Floats


class Score(NamedTuple):
    """The books of a step."""

    terms: Floats
    """Reward terms, unweighted `[B, 7]`."""
    costs: Floats
    """Constraint costs `[B, 3]`."""
    reward: Floats
    """Weighted sum of the terms `[B]`."""
    outcomes: Floats
    """The fields of `Outcomes`, one row each `[14, B]`."""
    islanded: Bools
    fallen: Bools
    """In which elements a bus lost its supply, and which went down, in this step `[B]`."""
    built: Bools
    """Buses that came into service in this step `[B, n]`."""


@kernel
def score(
    held: Resident[Layout], grid: Grid, p_mw: Floats, schedule_mw: Floats, totals: Floats, weights: Floats,
    band_mw: float, price_usd_per_mwh: float, dt_h: float,
) -> Score:  # fmt: skip
    """Sums, reward terms and events of a step; `p_mw` `[B, N]` as exchanged, `schedule_mw` `[B]` of the slack unit."""
    layout = held.value
    count = tally(
        layout, grid.loading, grid.v_pu, grid.energised, grid.bus_active, grid.branch_active, grid.closed, grid.faulted,
        grid.tripped, dt_h,
    )  # fmt: skip
    batch = p_mw.shape[0]
    slack_p = np.empty(batch)
    for b in range(batch):
        slack_p[b] = p_mw[b, layout.slack_unit]
    uncovered = uncovered_mw(layout, slack_p, grid.shed_mw, grid.spilled_mw, grid.collapsed)
    facts = Facts(
        grid.loading, count.lost, grid.v_pu, grid.energised, grid.bus_active, layout.v_min_pu, layout.v_max_pu,
        totals[DEMAND], totals[UNSERVED], totals[AVAILABLE], totals[CURTAILED],
        slack_deviation_mwh(slack_p, schedule_mw, band_mw, uncovered, dt_h), totals[COST], totals[CO2], price_usd_per_mwh, dt_h,
    )  # fmt: skip
    terms = evaluate_terms(facts)
    residual = balance_mw(p_mw, grid.losses_mw)
    rows = (
        totals[0], totals[1], totals[2], totals[3], totals[4], totals[5], slack_p, schedule_mw, count.overload_min,
        count.voltage_min, count.max_loading, count.min_v_pu, count.max_v_pu, residual,
    )  # fmt: skip
    reward, costs, outcomes = np.zeros(batch), np.empty((batch, 3)), np.empty((len(rows), batch))
    for b in range(batch):
        for k in range(terms.shape[1]):
            reward[b] += weights[k] * terms[b, k]
        costs[b, 0], costs[b, 1], costs[b, 2] = count.overload[b], count.outside_pu[b], totals[UNSERVED, b]
        for k in range(len(rows)):
            outcomes[k, b] = rows[k][b]
    islanded, fallen, built = happenings(grid)
    return Score(terms, costs, reward, outcomes, islanded, fallen, built)


@inner
def happenings(grid: Grid) -> tuple[Bools, Bools, Bools]:
    """Elements in which a bus lost its supply and those that went down `[B]`, and buses that came into service `[B, n]`."""
    batch, n = grid.energised.shape
    islanded, fallen = np.zeros(batch, dtype=np.bool_), np.zeros(batch, dtype=np.bool_)
    built = np.zeros((batch, n), dtype=np.bool_)
    for b in range(batch):
        fallen[b] = grid.collapsed[b] and not grid.was_collapsed[b]
        for k in range(n):
            built[b, k] = grid.bus_active[b, k] and not grid.bus_was_active[b, k]
            lost = grid.was_energised[b, k] and not grid.energised[b, k] and grid.bus_active[b, k]
            islanded[b] = islanded[b] or (lost and not grid.collapsed[b])
    return islanded, fallen, built


@inner
def uncovered_mw(layout: Layout, slack_p_mw: Floats, shed_mw: Floats, spilled_mw: Floats, collapsed: Bools) -> Floats:
    """What the slack unit could not cover inside its limits, shed and spilled power included `[B]`; 0 once all is dark."""
    out = np.zeros(len(slack_p_mw))
    for b in range(len(out)):
        if not collapsed[b]:
            beyond = max(layout.slack_min_mw - slack_p_mw[b], 0.0) + max(slack_p_mw[b] - layout.slack_max_mw, 0.0)
            out[b] = beyond + shed_mw[b] + spilled_mw[b]
    return out


def closing_cost_usd(model: Model, devices: Mapping[str, Any], last: Bools) -> Floats:
    """What the energy missing from storage and owed by loads is worth `[B]`, of the elements at their last step.

    Without it, an empty battery at the end of an episode would be free fuel.
    """
    cost = np.zeros(len(last))
    for kind in model.kinds:
        parameters = model.parameters(kind.name)
        before = kind.closing_value_mwh(parameters, kind.initial_state(parameters, 1))
        after = kind.closing_value_mwh(parameters, devices[kind.name])
        cost += (before - after).sum(axis=1)
    return np.where(last, cost * model.scenario.rewards.closing_price_usd_per_mwh, 0.0)
