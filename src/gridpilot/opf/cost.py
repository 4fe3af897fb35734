"""Hourly cost of units: its value, and the tangents that bound a convex cost from below.

A convex cost is the largest of its tangents, so that a linear program which knows some of them finds too low a cost, and
learns of its error by the tangent at what it found: J. E. Kelley, "The cutting-plane method for solving convex programs",
J. SIAM 8 (1960). A piecewise-linear cost that is not convex is bounded by the lower convex hull of its points.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gridpilot.errors import CaseError, Problem
from gridpilot.network.case import UnitTable
from gridpilot.values import Floats, Ints

_FIRST_POINTS = 5
_FAR_MW = 1000.0
"""Where the first tangents of a unit without a limit stand: this far from its output in the case."""
_CONCAVE = -1e-9


class Tangents(NamedTuple):
    """Lower bounds `slope · p + intercept` of the hourly cost of units."""

    unit: Ints
    slope: Floats
    """USD/MWh."""
    intercept: Floats
    """USD/h."""


def hourly_cost(units: UnitTable, p_mw: Floats) -> Floats:
    """USD/h of every unit at the outputs `p_mw`, `[k]`; 0 out of service."""
    return np.array([_at(units, k, p)[0] if units.in_service[k] else 0.0 for k, p in enumerate(np.asarray(p_mw).tolist())])


def check_convex(units: UnitTable) -> None:
    """Raises `CaseError` naming every unit in service whose polynomial is not convex inside its limits."""
    bad = [
        Problem(f"unit {units.name[k]}", "has a polynomial cost whose slope falls; expected a convex cost, or points")
        for k in np.flatnonzero(units.in_service)
        if not _is_convex(units, int(k))
    ]
    if bad:
        raise CaseError("The costs of some units cannot be minimised by linear programs.", bad)


def first_tangents(units: UnitTable) -> Tangents:
    """All there are of linear and piecewise-linear costs, and some of curved ones, of the units in service."""
    found = [bound for k in np.flatnonzero(units.in_service) for bound in _first(units, int(k))]
    unit, slope, intercept = zip(*found, strict=True) if found else ((), (), ())
    return Tangents(np.array(unit, dtype=np.int64), np.array(slope, dtype=np.float64), np.array(intercept, dtype=np.float64))


def add_tangents(known: Tangents, units: UnitTable, p_mw: Floats) -> Tangents:
    """With those at the outputs `p_mw` `[k]` of the units whose cost is curved."""
    curved = [int(k) for k in np.flatnonzero(units.in_service) if is_curved(units, int(k))]
    bounds = [_tangent(units, k, float(p_mw[k])) for k in curved]
    return Tangents(
        np.concatenate([known.unit, np.array(curved, dtype=np.int64)]),
        np.concatenate([known.slope, [slope for slope, _ in bounds]]),
        np.concatenate([known.intercept, [intercept for _, intercept in bounds]]),
    )


def is_curved(units: UnitTable, unit: int) -> bool:
    """Whether a unit's cost is a polynomial of a degree above 1."""
    return any(c != 0.0 for c in units.cost[unit][:-2])


def _at(units: UnitTable, unit: int, p_mw: float) -> tuple[float, float]:
    """Cost in USD/h and slope in USD/MWh; a piecewise-linear cost goes on beyond its ends as it ended."""
    if units.cost_points[unit]:
        points = units.cost_points[unit]
        last = max((j for j, (x, _) in enumerate(points[:-1]) if x <= p_mw), default=0)
        slope, intercept = _lines(points)[last]
        return slope * p_mw + intercept, slope
    cost = np.array(units.cost[unit] or (0.0,))
    return float(np.polyval(cost, p_mw)), float(np.polyval(np.polyder(cost), p_mw))


def _tangent(units: UnitTable, unit: int, p_mw: float) -> tuple[float, float]:
    value, slope = _at(units, unit, p_mw)
    return slope, value - slope * p_mw


def _lines(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Slope and intercept of every piece between rising points; a single point is a constant."""
    if len(points) == 1:
        return [(0.0, points[0][1])]
    slopes = [((y2 - y1) / (x2 - x1), x1, y1) for (x1, y1), (x2, y2) in pairwise(points)]
    return [(slope, y - slope * x) for slope, x, y in slopes]


def _lower_hull(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points below whose connections none lies (A. M. Andrew's monotone chain)."""
    hull: list[tuple[float, float]] = []
    for x, y in points:
        while len(hull) > 1 and (hull[-1][1] - hull[-2][1]) * (x - hull[-2][0]) >= (y - hull[-2][1]) * (hull[-1][0] - hull[-2][0]):
            hull.pop()
        hull.append((x, y))
    return hull


def _first(units: UnitTable, unit: int) -> list[tuple[int, float, float]]:
    if units.cost_points[unit]:
        return [(unit, slope, intercept) for slope, intercept in _lines(_lower_hull(units.cost_points[unit]))]
    points = _range(units, unit, _FIRST_POINTS) if is_curved(units, unit) else [0.0]
    return [(unit, *_tangent(units, unit, p)) for p in points]


def _range(units: UnitTable, unit: int, count: int) -> list[float]:
    """Outputs from one limit to the other."""
    low, high, now = (float(values[unit]) for values in (units.p_min_mw, units.p_max_mw, units.p_mw))
    low, high = (low if np.isfinite(low) else now - _FAR_MW), (high if np.isfinite(high) else now + _FAR_MW)
    return [float(p) for p in np.linspace(low, high, count)]


def _is_convex(units: UnitTable, unit: int) -> bool:
    if units.cost_points[unit]:
        return True
    bends = np.polyval(np.polyder(np.array(units.cost[unit] or (0.0,)), 2), _range(units, unit, 101))
    return bool((bends >= _CONCAVE).all())
