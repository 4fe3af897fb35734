"""Books of a step: what devices did, sums per element, reward terms, constraint costs and events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gridpilot.devices.fleet import AVAILABLE, CO2, COST, CURTAILED, DEMAND, UNSERVED
from gridpilot.jit import inner
from gridpilot.rewards import Facts, evaluate_terms
from gridpilot.rewards.congestion import TRIPPED_AS
from gridpilot.rewards.voltage import DEAD_AS
from gridpilot.twin.areas import book_areas
from gridpilot.twin.grids import Books, Grids, State, Work
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
def tally(layout: Layout, state: State, dt_h: float) -> Tally:
    """Counts violations; a branch out by a disturbance or opened by its operator is not one."""
    loading, v_pu, energised = state.flow.loading, state.flow.v, state.flow.energised
    batch, m = loading.shape
    n = v_pu.shape[1]
    lost = np.zeros((batch, m), dtype=np.bool_)
    sums = np.zeros((7, batch))
    minutes = dt_h * 60.0
    for b in range(batch):
        # In registers, as below: through memory, every addition would wait for the one before.
        most, overload_min, overload = 0.0, 0.0, 0.0
        for k in range(m):
            dead = not energised[b, layout.branch_from[k]] or not energised[b, layout.branch_to[k]]
            counts = state.branch_active[b, k] and not state.faulted[b, k]
            out = counts and (state.tripped[b, k] or (state.closed[b, k] and dead))
            lost[b, k] = out
            if not counts:
                continue
            most = max(most, loading[b, k])
            if out:
                overload_min += minutes
                overload += TRIPPED_AS
            elif loading[b, k] > 1.0:
                overload_min += minutes
                overload += loading[b, k] - 1.0
        sums[0, b], sums[2, b], sums[5, b] = overload_min, most, overload
        low, high, voltage_min, outside_pu = np.inf, 0.0, 0.0, 0.0
        for k in range(n):
            if not state.bus_active[b, k]:
                continue
            if not energised[b, k]:
                voltage_min += minutes
                outside_pu += DEAD_AS
                continue
            low, high = min(low, v_pu[b, k]), max(high, v_pu[b, k])
            outside = max(layout.v_min_pu[k] - v_pu[b, k], v_pu[b, k] - layout.v_max_pu[k])
            if outside > 0.0:
                voltage_min += minutes
                outside_pu += outside
        sums[1, b], sums[3, b], sums[4, b], sums[6, b] = voltage_min, low if high > 0.0 else 0.0, high, outside_pu
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


@inner
def score(grids: Grids) -> None:
    """Write sums, reward terms and events of a cycle into the books."""
    (layout, rules, weights), state, work, books = grids
    count, totals = tally(layout, state, rules.dt_h), work.totals
    batch = len(state.step)
    slack_p, schedule = np.empty(batch), np.empty(batch)
    for b in range(batch):
        slack_p[b], schedule[b] = work.real_mw[b, layout.slack_unit], state.orders[b, layout.slack_order]
    uncovered = uncovered_mw(layout, slack_p, books.shed_mw, books.spilled_mw, state.collapsed)
    facts = Facts(
        state.flow.loading, count.lost, state.flow.v, state.flow.energised, state.bus_active, layout.v_min_pu, layout.v_max_pu,
        totals[DEMAND], totals[UNSERVED], totals[AVAILABLE], totals[CURTAILED],
        slack_deviation_mwh(slack_p, schedule, rules.slack_band_mw, uncovered, rules.dt_h), totals[COST], totals[CO2],
        rules.price_usd_per_mwh, rules.dt_h,
    )  # fmt: skip
    terms = evaluate_terms(facts)
    residual = balance_mw(work.real_mw, state.flow.losses)
    rows = (
        totals[0], totals[1], totals[2], totals[3], totals[4], totals[5], slack_p, schedule, count.overload_min,
        count.voltage_min, count.max_loading, count.min_v_pu, count.max_v_pu, residual,
    )  # fmt: skip
    for b in range(batch):
        reward = 0.0
        for k in range(terms.shape[1]):
            books.terms[b, k] = terms[b, k]
            reward += weights[k] * terms[b, k]
        books.reward[b] = reward
        books.costs[b, 0], books.costs[b, 1], books.costs[b, 2] = count.overload[b], count.outside_pu[b], totals[UNSERVED, b]
        books.costs[b, 3] = work.safety[b]
        happenings(state, work, books, b)
        book_areas(grids, b)
    for k in range(len(rows)):
        row = rows[k]
        for b in range(batch):
            books.sums[b, k] = row[b]


@inner
def happenings(state: State, work: Work, books: Books, b: int) -> None:
    """Whether a bus of an element lost its supply, whether the element went down, and which of its buses came into service."""
    books.fallen[b] = state.collapsed[b] and not work.was_collapsed[b]
    islanded = False
    for k in range(state.bus_active.shape[1]):
        books.built[b, k] = state.bus_active[b, k] and not work.bus_was_active[b, k]
        lost = work.was_energised[b, k] and not state.flow.energised[b, k] and state.bus_active[b, k]
        islanded = islanded or (lost and not state.collapsed[b])
    books.islanded[b] = islanded


@inner
def uncovered_mw(layout: Layout, slack_p_mw: Floats, shed_mw: Floats, spilled_mw: Floats, collapsed: Bools) -> Floats:
    """What the slack unit could not cover inside its limits, shed and spilled power included `[B]`; 0 once all is dark."""
    out = np.zeros(len(slack_p_mw))
    for b in range(len(out)):
        if not collapsed[b]:
            beyond = max(layout.slack_min_mw - slack_p_mw[b], 0.0) + max(slack_p_mw[b] - layout.slack_max_mw, 0.0)
            out[b] = beyond + shed_mw[b] + spilled_mw[b]
    return out


def closing_cost_usd(model: Model, devices: Mapping[str, Any]) -> Floats:
    """What the energy missing from storage and owed by loads is worth, device by device `[B, N]`.

    Without it, an empty battery at the end of an episode would be free fuel.
    """
    missing = []
    for kind in model.kinds:
        parameters = model.parameters(kind.name)
        before = kind.closing_value_mwh(parameters, kind.initial_state(parameters, 1))
        missing.append(before - kind.closing_value_mwh(parameters, devices[kind.name]))
    return np.concatenate(missing, axis=1) * model.scenario.rewards.closing_price_usd_per_mwh
