"""The linear program around an AC operating point: what a small change of dispatch and voltages does to cost and limits.

Unknowns are the change of every unit's output, the change of every voltage setpoint, every unit's cost, and for every row
by how much its limit stays broken, at a price. Rows which no change inside the trust region can break are left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import block_array, csr_array, eye_array

from gridpilot.opf.cost import Tangents, add_tangents, hourly_cost
from gridpilot.opf.point import Frame, Point, angle_across
from gridpilot.opf.program import Solution, solve_program
from gridpilot.opf.verdict import Verdict
from gridpilot.powerflow.sensitivities import ac_sensitivities
from gridpilot.values import Bools, Floats, Flow

_COST_GAP = 1e-9
_COST_ROUNDS = 12


class Region(NamedTuple):
    """How far a step may go."""

    share: float
    """Of a unit's range."""
    v_pu: float
    """Of a voltage setpoint."""


class Model(NamedTuple):
    """Linearised limits `matrix · change ≤ room` and balance `balance · change = missing` around one operating point.

    The change is that of outputs in MW, then of setpoints in pu; rows of limits are in pu or rad.
    """

    matrix: Floats
    """`[rows, k + r]`."""
    room: Floats
    """`[rows]`; negative where a limit is broken, infinite where there is none."""
    balance: Floats
    """What a change leaves to the units at each slack bus, in MW `[slack buses, k + r]`."""
    missing_mw: Floats
    """What they must give beyond it `[slack buses]`."""


class Step(NamedTuple):
    """What a linear program proposes."""

    change: Floats
    """Of outputs and setpoints `[k + r]`."""
    p_mw: Floats
    """Outputs `[k]`."""
    v_set_pu: Floats
    """Setpoints `[n]`."""
    merit: float
    """Cost and price of broken limits that it expects."""
    tangents: Tangents


def linearise(frame: Frame, point: Point) -> Model:
    """The model around a point; raises `PhysicsError` where its Jacobian is singular."""
    network, units = frame.case.network, frame.case.units
    effect = ac_sensitivities(network, point.flow, kind=frame.kind, closed=network.branch_closed)

    def of(name: str) -> Floats:
        """Effect of outputs and setpoints on one part of the response `[…, k + r]`."""
        by_p, by_v = getattr(effect.to_p, name), getattr(effect.to_v_set, name)
        return np.concatenate([np.where(units.in_service, by_p[..., units.bus], 0.0), by_v[..., frame.regulated]], axis=-1)

    reactive = of("q_bus_mvar")[frame.regulated] / network.base_mva
    by_bus, voltage, edge = of("angle_rad"), of("v_pu"), frame.edges.branch
    across = by_bus[network.branch_from[edge]] - by_bus[network.branch_to[edge]]
    matrix = np.concatenate([_apparent_rows(frame, point.flow, of), voltage, -voltage, reactive, -reactive, across, -across])
    balance = -of("p_bus_mw")[frame.case.slack_bus]
    for k in frame.slack_unit:
        balance[:, k] += frame.case.slack_bus == units.bus[k]
    return Model(matrix, _room(frame, point.flow), balance, np.zeros(len(balance)))


def correct(model: Model, frame: Frame, step: Step, moved: Point) -> Model:
    """The same slopes through what a step really led to: a second-order correction.

    Source: R. Fletcher, "Second order corrections for non-differentiable optimization", Numerical Analysis (1982).
    """
    extra = moved.p_mw - step.p_mw
    units = frame.case.units
    missing = [extra[frame.slack_unit][units.bus[frame.slack_unit] == bus].sum() for bus in frame.case.slack_bus]
    return model._replace(room=_room(frame, moved.flow) + model.matrix @ step.change, missing_mw=np.array(missing))


def _apparent_rows(frame: Frame, flow: Flow, of: Any) -> Floats:
    """Apparent power at both ends: d|S| = (P dP + Q dQ) / |S|, a tangent of a convex function, so never above it `[2 m, k + r]`."""
    found = []
    for p, q, end in ((flow.p_from_mw[0], flow.q_from_mvar[0], "from"), (flow.p_to_mw[0], flow.q_to_mvar[0], "to")):
        s = np.hypot(p, q)
        scale = np.where(s > 0, 1.0 / (np.where(s > 0, s, 1.0) * frame.case.network.base_mva), 0.0)
        found.append((p * scale)[:, None] * of(f"p_{end}_mw") + (q * scale)[:, None] * of(f"q_{end}_mvar"))
    return np.concatenate(found)


def _room(frame: Frame, flow: Flow) -> Floats:
    """What is left to every limit, in the order of the rows; dead buses have no voltage limit."""
    network = frame.case.network
    v, live = flow.v_pu[0], flow.energised[0]
    apparent = np.concatenate([np.hypot(flow.p_from_mw[0], flow.q_from_mvar[0]), np.hypot(flow.p_to_mw[0], flow.q_to_mvar[0])])
    q = (flow.q_bus_mvar[0] + frame.q_load_mvar)[frame.regulated]
    across = angle_across(network, flow.angle_rad[0])[frame.edges.branch]
    return np.concatenate([
        (np.tile(network.rating_mva, 2) - apparent) / network.base_mva,
        np.where(live, network.bus_v_max_pu - v, np.inf), np.where(live, v - network.bus_v_min_pu, np.inf),
        (frame.q_max_mvar - q) / network.base_mva, (q - frame.q_min_mvar) / network.base_mva,
        frame.edges.high_rad - across, across - frame.edges.low_rad,
    ])  # fmt: skip


# ------------------------------------------------------------------------------------------------- the program


def propose(frame: Frame, point: Point, model: Model, region: Region, penalty: float, tangents: Tangents) -> Step | None:
    """The best change inside the trust region; None where the solver finds none.

    `penalty` is the price in USD/h of a limit broken by 1 pu (or rad). Tangents are added until the costs of the
    program are those of the units.
    """
    box = _box(frame, point, region)
    near = _within_reach(model, box)
    model = model._replace(matrix=model.matrix[near], room=model.room[near])
    k = len(frame.case.units.name)
    for _ in range(_COST_ROUNDS):
        found = _solve(frame, point, model, box, penalty, tangents)
        if found.verdict is not Verdict.OPTIMAL:
            return None
        p_mw = point.p_mw + found.x[:k]
        actual, believed = float(hourly_cost(frame.case.units, p_mw).sum()), float(found.x[-k:].sum())
        merit = found.value + actual - believed
        if actual - believed <= _COST_GAP * max(abs(actual), 1.0):
            break
        tangents = add_tangents(tangents, frame.case.units, p_mw)
    v_set = point.v_set_pu.copy()
    v_set[frame.regulated] += found.x[k : k + len(frame.regulated)]
    return Step(found.x[: len(box)], p_mw, v_set, merit, tangents)


def _box(frame: Frame, point: Point, region: Region) -> Floats:
    """Least and largest change of every output and setpoint `[k + r, 2]`.

    Units at slack buses may go anywhere inside their limits, also from outside; what these cannot cover is priced.
    """
    width = frame.p_max_mw - frame.p_min_mw
    reach = region.share * np.where(np.isfinite(width), width, 10.0 * frame.case.network.base_mva)
    reach[frame.slack_unit] = np.inf
    low = np.maximum(frame.p_min_mw - point.p_mw, -reach)
    high = np.minimum(frame.p_max_mw - point.p_mw, reach)
    network, at = frame.case.network, frame.regulated
    v_low = np.maximum(network.bus_v_min_pu[at] - point.v_set_pu[at], -region.v_pu)
    v_high = np.minimum(network.bus_v_max_pu[at] - point.v_set_pu[at], region.v_pu)
    return np.concatenate([np.column_stack([low, high]), np.column_stack([v_low, v_high])])


def _within_reach(model: Model, box: Floats) -> Bools:
    """Limits that some change inside the box can break."""
    with np.errstate(invalid="ignore"):  # 0 · inf: an unlimited output that has no effect on the row
        most = np.nansum(np.maximum(model.matrix * box[:, 0], model.matrix * box[:, 1]), axis=1)
    return np.asarray(most > model.room, dtype=np.bool_)


def _solve(frame: Frame, point: Point, model: Model, box: Floats, penalty: float, tangents: Tangents) -> Solution:
    """Unknowns: changes `[k + r]`, broken limits `[rows]`, what slack units break `[2 slack buses]`, costs `[k]`."""
    k, changes, count, slacks = len(frame.case.units.name), len(box), len(model.room), len(model.balance)
    base, known = frame.case.network.base_mva, np.arange(len(tangents.unit))
    slope = csr_array((tangents.slope, (known, tangents.unit)), shape=(len(known), changes))
    cost = csr_array((-np.ones(len(known)), (known, tangents.unit)), shape=(len(known), k))
    limits: list[Any] = [csr_array(model.matrix), -eye_array(count), csr_array((count, 2 * slacks)), None]
    costs: list[Any] = [slope, None, csr_array((len(known), 2 * slacks)), cost]
    elastic = np.concatenate([base * np.eye(slacks), -base * np.eye(slacks)], axis=1)
    equal = np.concatenate([model.balance, np.zeros((slacks, count)), elastic, np.zeros((slacks, k))], axis=1)
    free = np.where(frame.case.units.in_service, np.inf, 0.0)
    return solve_program(
        np.concatenate([np.zeros(changes), np.full(count + 2 * slacks, penalty), np.ones(k)]),
        above=csr_array(block_array([limits, costs])),
        limit=np.concatenate([model.room, -tangents.intercept - tangents.slope * point.p_mw[tangents.unit]]),
        equations=csr_array(equal),
        right=model.missing_mw,
        bounds=np.concatenate([box, np.tile([0.0, np.inf], (count + 2 * slacks, 1)), np.column_stack([-free, free])]),
    )
