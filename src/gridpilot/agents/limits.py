"""Limits that follow from what devices inject: the slack unit, branches and bus voltages, linear around the flow of now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridpilot.agents.reading import number
from gridpilot.values import Reading, View

Floats = NDArray[np.float64]
_LOST_LOAD, _VOLTAGE_UNIT_PU = 10.0, 0.05
"""As in the reliability and voltage terms of the reward."""
_LEAST_ROOM = 0.3
"""Part of a rating that active power keeps, however much reactive power flows."""


@dataclass(frozen=True, slots=True)
class Margins:
    """Where limits become soft, and what energy in storage is worth."""

    loading: float = 0.93
    v_pu: float = 0.004
    slack_share: float = 0.3
    """Of the slack band."""
    softness: float = 0.15
    """Price inside a margin, as a share of the price beyond the limit."""
    scarce: float = 3.0
    """Value of the first half of storage, in units of what units' energy costs on average."""
    plenty: float = 1.0
    """Value of the second half."""


class Limits(NamedTuple):
    """Rows `matrix · change of injections` of what must stay inside limits, alike in every block."""

    matrix: Floats
    """`[rows, devices]`."""
    now: Floats
    """Value at the injections of now `[rows]`."""
    limit: Floats
    """Hard upper limit `[rows]`."""
    margin: Floats
    """How far below it the soft price begins `[rows]`."""
    price: Floats
    """Beyond the limit, per unit and hour `[rows]`."""


def to_slack(view: View, devices: Sequence[Reading]) -> Floats:
    """MW that the slack unit gives more per MW injected by each device `[devices]`: it saves the MW, and covers the losses."""
    return np.array([view.loss_sensitivity.get(device.name, 0.0) - 1.0 for device in devices])


def limits_of(view: View, margins: Margins, devices: Sequence[Reading]) -> Limits:
    """What the injections of these devices must keep."""
    parts = [*_slack(view, margins, devices), *_branches(view, margins, devices), *_voltages(view, margins, devices)]
    return Limits(
        matrix=np.array([part.row for part in parts]).reshape(len(parts), len(devices)),
        now=np.array([part.now for part in parts]),
        limit=np.array([part.limit for part in parts]),
        margin=np.array([part.margin for part in parts]),
        price=np.array([part.price for part in parts]),
    )


class _Limit(NamedTuple):
    """One row of `Limits`."""

    row: Floats
    now: float
    limit: float
    margin: float
    price: float


def _slack(view: View, margins: Margins, devices: Sequence[Reading]) -> Iterable[_Limit]:
    """The band around the schedule, and the unit's own limits: beyond them load is shed or renewable power spilled."""
    summary, weights, row = view.summary, view.weights, to_slack(view, devices)
    now, schedule, band = summary["slack_mw"], summary["slack_schedule_mw"], summary["slack_band_mw"]
    margin = margins.slack_share * band
    yield _Limit(row, now, schedule + band, margin, weights["imbalance"])
    yield _Limit(-row, -now, band - schedule, margin, weights["imbalance"])
    if "slack_max_mw" in summary:
        yield _Limit(row, now, summary["slack_max_mw"], 0.0, _LOST_LOAD * weights["reliability"] + weights["imbalance"])
    if "slack_min_mw" in summary:
        yield _Limit(-row, -now, -summary["slack_min_mw"], 0.0, weights["curtailment"] + weights["imbalance"])


def _branches(view: View, margins: Margins, devices: Sequence[Reading]) -> Iterable[_Limit]:
    """Active power of every branch in both directions, under what its reactive power leaves of the rating."""
    price = view.weights["congestion"] * view.summary["demand_mw"]
    for branch in view.branches.values():
        if not branch.values["built"] or not branch.values["closed"] or "rating_mva" not in branch.values:
            continue
        rating, p, q = (number(branch, key) for key in ("rating_mva", "p_mw", "q_mvar"))
        room = float(np.sqrt(max(rating**2 - q**2, (_LEAST_ROOM * rating) ** 2)))
        row = np.array([view.sensitivity.get(device.name, {}).get(branch.name, 0.0) for device in devices])
        for sign in (1.0, -1.0):
            yield _Limit(sign * row, sign * p, room, (1.0 - margins.loading) * room, price / rating)


def _voltages(view: View, margins: Margins, devices: Sequence[Reading]) -> Iterable[_Limit]:
    price = view.weights["voltage"] * view.summary["demand_mw"] / _VOLTAGE_UNIT_PU
    for bus in view.buses.values():
        if not bus.values["built"] or not bus.values["energised"]:
            continue
        row = np.array([view.voltage_sensitivity.get(device.name, {}).get(bus.name, 0.0) for device in devices])
        yield _Limit(row, number(bus, "v_pu"), number(bus, "v_max_pu"), margins.v_pu, price)
        yield _Limit(-row, -number(bus, "v_pu"), -number(bus, "v_min_pu"), margins.v_pu, price)
