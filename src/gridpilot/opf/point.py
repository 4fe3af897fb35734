"""An AC operating point of a case under a dispatch: what units give, what it costs, and which limits it breaks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridpilot.network.case import Case
from gridpilot.network.network import Network
from gridpilot.opf.cost import hourly_cost
from gridpilot.opf.dc import unit_bounds
from gridpilot.values import PQ, PV, SLACK, Codes, Floats, Flow, Ints, PowerFlow


class Frame(NamedTuple):
    """What of a case does not change from one operating point to the next."""

    case: Case
    p_min_mw: Floats
    p_max_mw: Floats
    """Of units; 0 out of service `[k]`."""
    kind: Codes
    """Slack buses, PV wherever a unit in service has reactive power to give, else PQ `[n]`."""
    regulated: Ints
    """Buses with a voltage setpoint `[r]`."""
    slack_unit: Ints
    """Units in service at slack buses: they cover what the others do not."""
    p_load_mw: Floats
    q_load_mvar: Floats
    """Demand at buses, less the reactive power of units that hold no voltage `[n]`."""
    q_min_mvar: Floats
    q_max_mvar: Floats
    """Reactive limits of the units at a regulated bus together `[r]`."""
    edges: AngleEdges


class AngleEdges(NamedTuple):
    """Branches in service whose angle is limited."""

    branch: Ints
    low_rad: Floats
    high_rad: Floats


class Violations(NamedTuple):
    """By how much limits are broken at one operating point; 0 where they hold."""

    loading_pu: Floats
    """Apparent power above the rating, from ends then to ends, in pu of the base `[2 m]`."""
    voltage_pu: Floats
    """Magnitude outside the band of the bus `[n]`."""
    reactive_pu: Floats
    """Reactive power outside the limits of a bus's units `[r]`."""
    active_pu: Floats
    """Active power outside the limits of a unit `[k]`."""
    angle_rad: Floats
    """Angle over a branch outside its limits `[limited branches]`."""

    @property
    def worst(self) -> float:
        return max(float(values.max(initial=0.0)) for values in self)

    @property
    def total(self) -> float:
        return sum(float(values.sum()) for values in self)


class Point(NamedTuple):
    """A dispatch with its solved flow."""

    p_mw: Floats
    """Output of units, those at slack buses as solved `[k]`."""
    v_set_pu: Floats
    """`[n]`."""
    flow: Flow
    """One element."""
    cost_usd_per_h: float
    violations: Violations


def frame_of(case: Case) -> Frame:
    """The frame of a case; DC lines keep their transfer."""
    network, units = case.network, case.units
    n, live = network.n_bus, units.in_service
    gives = live & ((units.q_max_mvar > units.q_min_mvar) | units.holds_voltage)
    kind = np.full(n, PQ, dtype=np.int8)
    kind[units.bus[gives]] = PV
    kind[case.slack_bus] = SLACK
    regulated = np.flatnonzero(kind != PQ)
    p_load, q_load = np.zeros(n), np.zeros(n)
    np.add.at(p_load, case.loads.bus, case.loads.p_mw)
    np.add.at(q_load, case.loads.bus, case.loads.q_mvar)
    fixed = live & ~gives & (kind[units.bus] == PQ)
    np.subtract.at(q_load, units.bus[fixed], units.q_mvar[fixed])
    q_min, q_max = np.zeros(n), np.zeros(n)
    np.add.at(q_min, units.bus[live], units.q_min_mvar[live])
    np.add.at(q_max, units.bus[live], units.q_max_mvar[live])
    limited = np.flatnonzero(network.branch_closed & (np.isfinite(network.angle_min_rad) | np.isfinite(network.angle_max_rad)))
    edges = AngleEdges(limited, network.angle_min_rad[limited], network.angle_max_rad[limited])
    slack_unit = np.flatnonzero(live & (kind[units.bus] == SLACK))
    return Frame(case, *unit_bounds(units), kind, regulated, slack_unit, p_load, q_load, q_min[regulated], q_max[regulated], edges)


def solve_point(frame: Frame, engine: PowerFlow, p_mw: Floats, v_set_pu: Floats, start: Flow | None) -> Point | None:
    """The operating point of a dispatch `p_mw` `[k]` with setpoints `v_set_pu` `[n]`; None where no power flow was found."""
    case = frame.case
    p_bus = -frame.p_load_mw
    np.add.at(p_bus, case.units.bus, np.where(case.units.in_service, p_mw, 0.0))
    flow = engine.solve(
        p_bus[None], -frame.q_load_mvar[None], kind=frame.kind[None], v_set_pu=v_set_pu[None],
        closed=case.network.branch_closed[None], start=start,
    )  # fmt: skip
    if not flow.usable[0]:
        return None
    actual = _with_slack(frame, p_mw, flow)
    return Point(actual, v_set_pu, flow, float(hourly_cost(case.units, actual).sum()), violations_of(frame, actual, flow))


def _with_slack(frame: Frame, p_mw: Floats, flow: Flow) -> Floats:
    """Outputs in which the units at every slack bus give what it was solved with, each by its room."""
    actual = np.where(frame.case.units.in_service, p_mw, 0.0)
    for bus in frame.case.slack_bus:
        here = frame.slack_unit[frame.case.units.bus[frame.slack_unit] == bus]
        missing = flow.p_bus_mw[0, bus] + frame.p_load_mw[bus] - actual[here].sum()
        ends = frame.p_max_mw[here] if missing > 0 else frame.p_min_mw[here]
        room = np.clip(ends - actual[here], 0.0, np.inf) if missing > 0 else np.clip(actual[here] - ends, 0.0, np.inf)
        if len(here) and room.sum() > abs(missing) and np.isfinite(room).all():
            actual[here] += missing * room / room.sum()
        else:
            actual[here[:1]] += missing
    return actual


def violations_of(frame: Frame, p_mw: Floats, flow: Flow) -> Violations:
    """What a solved dispatch breaks; buses without supply break nothing here."""
    network: Network = frame.case.network
    base = network.base_mva
    apparent = np.concatenate([np.hypot(flow.p_from_mw[0], flow.q_from_mvar[0]), np.hypot(flow.p_to_mw[0], flow.q_to_mvar[0])])
    v, live = flow.v_pu[0], flow.energised[0]
    q = (flow.q_bus_mvar[0] + frame.q_load_mvar)[frame.regulated]
    angle = flow.angle_rad[0]
    across = angle_across(network, angle)[frame.edges.branch]
    return Violations(
        loading_pu=np.maximum(apparent - np.tile(network.rating_mva, 2), 0.0) / base,
        voltage_pu=np.where(live, np.maximum(np.maximum(network.bus_v_min_pu - v, v - network.bus_v_max_pu), 0.0), 0.0),
        reactive_pu=np.maximum(np.maximum(frame.q_min_mvar - q, q - frame.q_max_mvar), 0.0) / base,
        active_pu=np.maximum(np.maximum(frame.p_min_mw - p_mw, p_mw - frame.p_max_mw), 0.0) / base,
        angle_rad=np.maximum(np.maximum(frame.edges.low_rad - across, across - frame.edges.high_rad), 0.0),
    )


def angle_across(network: Network, angle_rad: Floats) -> Floats:
    """Angle at the from end less that at the to end `[m]`, between −π and π."""
    difference = angle_rad[network.branch_from] - angle_rad[network.branch_to]
    return np.asarray(np.mod(difference + np.pi, 2 * np.pi) - np.pi, dtype=np.float64)
