"""A view as a short text: what an operator would look at first, in words and whole numbers, without a name.

    now -31 then -31 -32 -34 -37 band 10 room -11 71 cost 26 dem 20
    g1 55 70 15 15 0 -6
    b1 0 47 25 25
    …
    hot 4 -3 g1 -12 b1 20 p1 8

Powers are in quanta (`gridpilot.agents.nano.levers`). `now` is the slack unit's deviation from its schedule, `then` what it comes
to when all orders are held, 1, 3, 6 and 12 cycles ahead. A `hot` branch has its room to the rating in percent, now and at the
worst of the outlook, and what 5 quanta more from a device take of it; a bus close to its band (`low`, `high`) has its room in
thousandths of a pu and what 5 quanta more from a device add to the voltage, in ten-thousandths. What is ahead is linear around
the flow of now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gridpilot.agents.nano.levers import LARGEST, Lever, Levers, quanta
from gridpilot.agents.reading import number, supplied
from gridpilot.agents.worth import energy_price, slack_unit
from gridpilot.values import Reading, View

Floats = NDArray[np.float64]
Effects = Mapping[str, Mapping[str, float]]
LEADS = (1, 3, 6, 12)
"""Cycles ahead that are told."""
HOT_LOADING, CLOSE_PU = 0.85, 0.012
"""A branch that comes above this share of its rating, or a bus that comes this close to the edge of its band, is told."""
BRANCHES, BUSES, EFFECTS = 3, 2, 8
"""At most so many of them, and so many devices with each."""
_STEP = 5.0
"""Quanta whose effect is told."""


def prompt(view: View, levers: Levers) -> str:
    """The text for a view; the same for the same view."""
    ahead = Ahead(view)
    parts = [_balance(view, levers, ahead), *map(" ".join, _devices(view, levers, ahead)), *map(" ".join, _limits(view, levers, ahead))]
    return "\n".join(parts)


# ------------------------------------------------------------------------------------------------ what is ahead


@dataclass(frozen=True)
class Ahead:
    """How injections change along the outlook when every order is held."""

    view: View

    @cached_property
    def devices(self) -> list[Reading]:
        """Those that are in service and not cut off: what a dark bus would give or take, nobody gets or bears."""
        here = (one for one in self.view.devices.values() if one.values["in_service"] and "p_mw" in one.values)
        return [one for one in here if supplied(self.view, one)]

    @cached_property
    def leads(self) -> list[int]:
        """Cycles ahead that the outlook has."""
        length = len(self.view.outlook["demand_mw"])
        return [min(lead, length) for lead in LEADS]

    @cached_property
    def change_mw(self) -> Floats:
        """`[leads, devices]`, against the injections of now; the slack unit's is 0."""
        return np.array([[self._change(device, lead) for device in self.devices] for lead in self.leads])

    @cached_property
    def slack_mw(self) -> Floats:
        """What the slack unit gives then `[leads]`, losses left as they are."""
        return np.asarray(self.view.summary["slack_mw"] - self.change_mw.sum(axis=1))

    def _change(self, device: Reading, lead: int) -> float:
        series = self.view.outlook
        if device.kind == "generator":
            return _ramped(device, lead * self.view.dt_h * 60.0)
        if device.kind in ("solar", "wind"):
            offered = series[f"{device.name}.available_mw"][lead - 1]
            return min(offered, number(device, "setpoint_mw"), number(device, "p_max_mw")) - number(device, "p_mw")
        if device.kind == "load":
            return number(device, "demand_mw") - series[f"{device.name}.p_mw"][lead - 1]
        if device.kind == "storage":
            return -number(device, "setpoint_mw") - number(device, "p_mw") if "setpoint_mw" in device.bounds else 0.0
        return 0.0


def _ramped(unit: Reading, minutes: float) -> float:
    """How far a unit comes towards its order; the slack unit takes what is left and is not counted."""
    if number(unit, "is_slack") or "target_mw" not in unit.bounds:
        return 0.0
    most = float(unit.values.get("ramp_mw_per_min", np.inf)) * minutes
    return min(max(number(unit, "setpoint_mw") - number(unit, "p_mw"), -most), most)


# ---------------------------------------------------------------------------------------------------- the parts


def _balance(view: View, levers: Levers, ahead: Ahead) -> str:
    summary, step = view.summary, levers.quantum_mw
    schedule, slack = summary["slack_schedule_mw"], summary["slack_mw"]
    unit = slack_unit(view)
    room = slack - summary.get("slack_min_mw", -np.inf), summary.get("slack_max_mw", np.inf) - slack
    then = (quanta(mw - schedule, step) for mw in ahead.slack_mw)
    numbers = {
        "now": [quanta(slack - schedule, step)],
        "then": list(then),
        "band": [quanta(summary["slack_band_mw"], step)],
        "room": [_far(side, step) for side in room],
        "cost": [_clip(20.0 * energy_price(view, unit))] if unit is not None else [],
        "dem": [_clip(summary["demand_mw"] / step / 3.0)],
    }
    return " ".join(" ".join([word, *map(str, found)]) for word, found in numbers.items())


def _far(mw: float, step: float) -> int:
    return LARGEST if np.isinf(mw) else quanta(mw, step)


def _clip(value: float) -> int:
    return min(max(round(value), -LARGEST), LARGEST)


def _devices(view: View, levers: Levers, ahead: Ahead) -> Iterator[list[str]]:
    slack = slack_unit(view)
    for lever in levers.by_word.values():
        if lever.parameter:
            told = _DETAILS[lever.word[0]](view, lever, ahead)
            if lever.word[0] == "g":
                dearer = energy_price(view, view.devices[lever.device]) - (energy_price(view, slack) if slack is not None else 0.0)
                told = [*told, _clip(20.0 * dearer)]
            yield [lever.word, *map(str, told)]
    open_branches = [lever.word for lever in levers.of("t")]
    if open_branches:
        yield open_branches


def _unit(view: View, lever: Lever, ahead: Ahead) -> list[int]:
    """Output, room to its maximum, what it can go up and down this cycle, and its order less its output."""
    top, step = number(view.devices[lever.device], "p_max_mw"), lever.quantum_mw
    rooms = (lever.base_mw, top - lever.base_mw, lever.high - lever.base_mw, lever.base_mw - lever.low, lever.told - lever.base_mw)
    return [quanta(mw, step) for mw in rooms]


def _storage(view: View, lever: Lever, ahead: Ahead) -> list[int]:
    """Order (charging is positive), energy in percent of what can be drawn, largest charge and discharge, hours times 10 that it lasts."""
    unit = view.devices[lever.device]
    least, most = number(unit, "energy_min_mwh"), number(unit, "energy_max_mwh")
    share = (number(unit, "energy_mwh") - least) / max(most - least, 1e-9)
    hours = (most - least) / max(number(unit, "p_max_mw"), 1e-9)
    powers = [quanta(mw, lever.quantum_mw) for mw in (lever.told, lever.high, -lever.low)]
    return [powers[0], _clip(100.0 * share), *powers[1:], _clip(10.0 * hours)]


def _plant(view: View, lever: Lever, ahead: Ahead) -> list[int]:
    """Offer of now, order less offer, and the offer 3 and 12 cycles ahead."""
    series, step = view.outlook[f"{lever.device}.available_mw"], lever.quantum_mw
    offers = [series[min(lead, len(series)) - 1] for lead in (3, 12)]
    return [quanta(mw, step) for mw in (lever.base_mw, min(lever.told - lever.base_mw, LARGEST * step), *offers)]


def _load(view: View, lever: Lever, ahead: Ahead) -> list[int]:
    """What it can shed, the order in force, and what it owes in quanta of an hour, all times 4: loads are small."""
    owed = number(view.devices[lever.device], "owed_mwh")
    return [quanta(4.0 * mw, lever.quantum_mw) for mw in (-lever.low, lever.told, owed)]


_DETAILS = {"g": _unit, "b": _storage, "p": _plant, "l": _load}


# --------------------------------------------------------------------------------------------------- the limits


@dataclass(frozen=True, slots=True)
class Limit:
    """A branch or a bus that is, or comes, close to its limit."""

    word: str
    worst: float
    """Room at the worst of the outlook, in the units of the text."""
    now: float
    effects: Sequence[tuple[str, int]]


def _limits(view: View, levers: Levers, ahead: Ahead) -> Iterator[list[str]]:
    hot = sorted(_hot(view, levers, ahead), key=lambda limit: limit.worst)[:BRANCHES]
    near = sorted(_near(view, levers, ahead), key=lambda limit: limit.worst)[:BUSES]
    for limit in (*hot, *near):
        strongest = sorted(limit.effects, key=lambda pair: -abs(pair[1]))[:EFFECTS]
        kept = [pair for pair in limit.effects if pair in strongest and pair[1]]
        yield [limit.word, str(_clip(limit.now)), str(_clip(limit.worst)), *(str(part) for pair in kept for part in pair)]


def _hot(view: View, levers: Levers, ahead: Ahead) -> Iterator[Limit]:
    branches = [one for one in view.branches.values() if one.values["built"] and one.values["closed"] and "rating_mva" in one.values]
    factors = _matrix(view.sensitivity, ahead, branches)
    for branch, along in zip(branches, (ahead.change_mw @ factors).T, strict=True):
        rating, p, q = (number(branch, key) for key in ("rating_mva", "p_mw", "q_mvar"))
        then = np.hypot(p + along, q) / rating
        worst = max(number(branch, "loading"), float(then.max()))
        if worst < HOT_LOADING:
            continue
        towards = np.sign(p + along[int(then.argmax())]) * 100.0 * _STEP * levers.quantum_mw / rating
        effects = _effects(levers, view.sensitivity, branch.name, float(towards))
        yield Limit("hot", 100.0 * (1.0 - worst), 100.0 * (1.0 - number(branch, "loading")), effects)


def _near(view: View, levers: Levers, ahead: Ahead) -> Iterator[Limit]:
    if not view.voltage_sensitivity:
        return
    buses = [one for one in view.buses.values() if one.values["built"] and one.values["energised"]]
    factors = _matrix(view.voltage_sensitivity, ahead, buses)
    for bus, along in zip(buses, (ahead.change_mw @ factors).T, strict=True):
        v_pu, low, high = (number(bus, key) for key in ("v_pu", "v_min_pu", "v_max_pu"))
        below, above = v_pu + min(float(along.min()), 0.0) - low, high - v_pu - max(float(along.max()), 0.0)
        if min(below, above) < CLOSE_PU:
            word, now, worst = ("low", v_pu - low, below) if below < above else ("high", high - v_pu, above)
            effects = _effects(levers, view.voltage_sensitivity, bus.name, 1e4 * _STEP * levers.quantum_mw)
            yield Limit(word, 1e3 * worst, 1e3 * now, effects)


def _matrix(sensitivity: Effects, ahead: Ahead, parts: Sequence[Reading]) -> Floats:
    """`[devices, parts]`."""
    rows = [sensitivity.get(device.name, {}) for device in ahead.devices]
    return np.array([[row.get(part.name, 0.0) for part in parts] for row in rows]).reshape(len(rows), len(parts))


def _effects(levers: Levers, sensitivity: Effects, part: str, scale: float) -> list[tuple[str, int]]:
    """What 5 quanta more injection by each lever's device does."""
    able = [lever for lever in levers.by_word.values() if lever.parameter]
    return [(lever.word, _clip(sensitivity.get(lever.device, {}).get(part, 0.0) * scale)) for lever in able]
