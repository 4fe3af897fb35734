"""Operating points of a case, drawn around its own: what benchmarks solve."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gridpilot.network import Case
from gridpilot.values import PQ, SLACK, Floats

_SPREAD = 0.05
"""Each load and unit is drawn from this band around the case's own, independently per element."""


class Points(NamedTuple):
    """One operating point per element, as element-level power flows take it."""

    load_p_mw: Floats
    load_q_mvar: Floats
    """`[B, n_load]`, consumption."""
    unit_p_mw: Floats
    """`[B, n_unit]`, injection."""


def draw_points(case: Case, batch: int, seed: int) -> Points:
    """`batch` points in which every load and unit has a factor of its own."""
    random = np.random.default_rng(seed)

    def around(values: Floats) -> Floats:
        return np.ascontiguousarray(values * (1.0 + random.uniform(-_SPREAD, _SPREAD, (batch, len(values)))))

    return Points(around(case.loads.p_mw), around(case.loads.q_mvar), around(case.units.p_mw))


def moved_case(case: Case, points: Points) -> Case:
    """The case with its loads and units as the first point has them."""
    loads = replace(case.loads, p_mw=points.load_p_mw[0], q_mvar=points.load_q_mvar[0])
    return replace(case, loads=loads, units=replace(case.units, p_mw=points.unit_p_mw[0]))


def at_buses(case: Case, points: Points) -> tuple[Floats, Floats]:
    """Net p in MW and q in Mvar at every bus, each `[B, n]`; units keep the case's reactive power."""
    batch, n, units = len(points.load_p_mw), case.network.n_bus, case.units
    p, q = np.zeros((n, batch)), np.zeros((n, batch))
    np.subtract.at(p, case.loads.bus, points.load_p_mw.T)
    np.subtract.at(q, case.loads.bus, points.load_q_mvar.T)
    live = units.in_service
    np.add.at(p, units.bus[live], points.unit_p_mw.T[live])
    np.add.at(q, units.bus[live], units.q_mvar[live, None])
    return np.ascontiguousarray(p.T), np.ascontiguousarray(q.T)


def mismatch_mva(case: Case, points: Points, taken_p_mw: Floats, taken_q_mvar: Floats) -> float:
    """The largest mismatch at any bus between what is injected and what branches and shunts take `[B, n]`.

    Slack buses balance by definition, and so does reactive power at buses that hold their voltage.
    """
    p, q = at_buses(case, points)
    kind, _ = case.kinds()
    worst_p = np.abs(p - taken_p_mw)[:, kind != SLACK].max(initial=0.0)
    worst_q = np.abs(q - taken_q_mvar)[:, kind == PQ].max(initial=0.0)
    return float(max(worst_p, worst_q))
