"""Generator: a dispatchable unit with limits, ramp, cost, start-up, minimum times and emissions.

Its setpoint is the injection in MW to go to (REDISPATCH). A setpoint below half the minimum asks the unit to shut
down, one above it asks it to start; both wait for the minimum times. The unit that holds the slack bus injects what
the grid needs: its setpoint is then its schedule.

Cost per hour: `cost_c + cost_b·p + cost_a·p²`, plus a piecewise-linear curve where one is given (MATPOWER User's
Manual, section 4.3, models 2 and 1). Ramps and minimum times: Kundur's and the unit-commitment literature's usual
meaning, e.g. RTS-GMLC's `gen.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gridpilot.devices.device import Bools, DeviceKind, Floats, Injection, Outcome, no_closing_value, parameters_from_rows
from gridpilot.jit import bare, kernel


class Parameters(NamedTuple):
    """Per unit `[n]`; the curve is `[n, k]` with `k` points (0 points: none)."""

    p_min_mw: Floats
    p_max_mw: Floats
    ramp_mw_per_min: Floats
    q_min_mvar: Floats
    q_max_mvar: Floats
    v_set_pu: Floats
    holds_voltage: Floats
    """1 where the unit regulates its bus, 0 where it injects at unity power factor."""
    is_slack: Floats
    """1 for the unit at the slack bus."""
    cost_a: Floats
    """USD/MW²h."""
    cost_b: Floats
    """USD/MWh."""
    cost_c: Floats
    """USD/h while on."""
    curve_mw: Floats
    curve_usd_per_h: Floats
    start_cost_usd: Floats
    min_up_h: Floats
    min_down_h: Floats
    co2_t_per_mwh: Floats
    initial_mw: Floats
    """Output and setpoint when an episode begins."""


class State(NamedTuple):
    """Per element and unit `[B, n]`."""

    p_mw: Floats
    on: Bools
    since_h: Floats
    """Hours since the unit last started or stopped."""


_ROUNDING_H = 1e-9
"""Twelve cycles of five minutes make an hour, and must not need a thirteenth."""


_DEFAULTS = {
    "p_min_mw": 0.0, "ramp_mw_per_min": np.inf, "q_min_mvar": -np.inf, "q_max_mvar": np.inf, "v_set_pu": 1.0,
    "holds_voltage": 1.0, "is_slack": 0.0, "cost_a": 0.0, "cost_b": 0.0, "cost_c": 0.0, "start_cost_usd": 0.0,
    "min_up_h": 0.0, "min_down_h": 0.0, "co2_t_per_mwh": 0.0, "initial_mw": 0.0,
}  # fmt: skip
_NOT_NEGATIVE = ("ramp_mw_per_min", "start_cost_usd", "min_up_h", "min_down_h", "co2_t_per_mwh")
_RISING = (("p_min_mw", "p_max_mw"), ("q_min_mvar", "q_max_mvar"))


def parameters(rows: Sequence[Mapping[str, Any]]) -> Parameters:
    """Parameters from one dict per unit; `curve` is a list of (MW, USD/h) points, MW rising. Raises `ConfigError`."""
    flat = [{key: value for key, value in row.items() if key != "curve"} | {"curve_mw": 0.0, "curve_usd_per_h": 0.0} for row in rows]
    limits = dict.fromkeys(_NOT_NEGATIVE, (0.0, np.inf))
    plain: Parameters = parameters_from_rows(Parameters, flat, _DEFAULTS, limits=limits, rising=_RISING)
    points = max((len(row.get("curve", ())) for row in rows), default=0)
    curve = np.zeros((2, len(rows), points))
    for k, row in enumerate(rows):
        for j in range(points):
            own = row.get("curve") or [(0.0, 0.0)]
            # A shorter curve repeats its last point, so that every unit has the same number of points.
            curve[:, k, j] = own[min(j, len(own) - 1)]
    return plain._replace(curve_mw=curve[0], curve_usd_per_h=curve[1])


def initial_state(parameters: Parameters, batch: int) -> State:
    """Every unit at its initial output, long enough in its state to change it."""
    p = np.tile(parameters.initial_mw, (batch, 1))
    return State(p, (p != 0.0) | (parameters.is_slack > 0.0), np.full(p.shape, 1e3))


def initial_setpoint(parameters: Parameters) -> Floats:
    """Every unit stays at its initial output."""
    return parameters.initial_mw.copy()


@bare
def _hourly_cost(parameters: Parameters, unit: int, p_mw: float) -> float:
    """USD per hour of a unit that is on, at its output; beyond its ends the curve goes on as it ended."""
    cost = parameters.cost_c[unit] + p_mw * (parameters.cost_b[unit] + p_mw * parameters.cost_a[unit])
    segment = -1
    for j in range(parameters.curve_mw.shape[1] - 1):
        rises = parameters.curve_mw[unit, j + 1] > parameters.curve_mw[unit, j]
        if rises and (segment < 0 or p_mw > parameters.curve_mw[unit, j]):
            segment = j
    if segment >= 0:
        low, high = parameters.curve_mw[unit, segment], parameters.curve_mw[unit, segment + 1]
        share = (p_mw - low) / (high - low)
        cost += parameters.curve_usd_per_h[unit, segment] * (1.0 - share) + parameters.curve_usd_per_h[unit, segment + 1] * share
    return float(cost)


@kernel
def hourly_cost(parameters: Parameters, unit: int, p_mw: float) -> float:
    """`_hourly_cost`, for Python."""
    return _hourly_cost(parameters, unit, p_mw)


@kernel
def bounds(parameters: Parameters, state: State, exogenous: Floats, in_service: Bools, dt_h: float) -> tuple[Floats, Floats]:
    """Reachable outputs `[B, n]`: 0 is among them where the unit may stop, p_min where it may start."""
    batch, n = state.p_mw.shape
    low = np.zeros((batch, n))
    high = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            if not in_service[b, k]:
                continue
            step = parameters.ramp_mw_per_min[k] * 60.0 * dt_h
            p_min = parameters.p_min_mw[k]
            if state.on[b, k]:
                low[b, k] = min(max(p_min, state.p_mw[b, k] - step), parameters.p_max_mw[k])
                high[b, k] = max(min(parameters.p_max_mw[k], state.p_mw[b, k] + step), low[b, k])
                if p_min > 0.0 and low[b, k] <= p_min and state.since_h[b, k] + _ROUNDING_H >= parameters.min_up_h[k]:
                    low[b, k] = 0.0
            elif state.since_h[b, k] + _ROUNDING_H >= parameters.min_down_h[k]:
                high[b, k] = max(p_min, min(step, parameters.p_max_mw[k]))
    return low, high


@kernel
def inject(parameters: Parameters, state: State, setpoint: Floats, exogenous: Floats, in_service: Bools, dt_h: float) -> Injection:
    """The setpoint, as far as ramp, limits and minimum times allow; the solver adds q at a regulated bus."""
    batch, n = setpoint.shape
    low, high = bounds(parameters, state, exogenous, in_service, dt_h)
    p = np.zeros((batch, n))
    q = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            target = min(max(setpoint[b, k], low[b, k]), high[b, k])
            p_min = parameters.p_min_mw[k]
            if 0.0 < target < p_min:
                # Between off and the minimum there is nothing: the nearer end that can be had.
                target = p_min if (setpoint[b, k] >= 0.5 * p_min or low[b, k] > 0.0) else 0.0
            p[b, k] = target
    return Injection(p, q)


@kernel
def settle(
    parameters: Parameters, state: State, setpoint: Floats, exogenous: Floats, in_service: Bools, p_mw: Floats, dt_h: float
) -> tuple[State, Outcome]:
    """Books fuel, start-ups and emissions of the output that the grid saw."""
    batch, n = p_mw.shape
    on = np.zeros((batch, n), dtype=np.bool_)
    since = np.zeros((batch, n))
    cost = np.zeros((batch, n))
    co2 = np.zeros((batch, n))
    none = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            p = p_mw[b, k]
            slack = parameters.is_slack[k] > 0.0
            # A unit whose range holds 0 idles at 0 MW rather than stopping.
            on[b, k] = in_service[b, k] and (p != 0.0 or slack or (state.on[b, k] and parameters.p_min_mw[k] <= 0.0))
            since[b, k] = state.since_h[b, k] + dt_h if on[b, k] == state.on[b, k] else dt_h
            if on[b, k]:
                cost[b, k] = _hourly_cost(parameters, k, p) * dt_h
                if not state.on[b, k]:
                    cost[b, k] += parameters.start_cost_usd[k]
                co2[b, k] = max(p, 0.0) * parameters.co2_t_per_mwh[k] * dt_h
    return State(p_mw.copy(), on, since), Outcome(none, none, none, none, cost, co2)


KIND = DeviceKind(
    name="generator",
    from_rows=parameters,
    parameters=Parameters,
    state=State,
    series=(),
    initial_state=initial_state,
    initial_setpoint=initial_setpoint,
    bounds=bounds,
    inject=inject,
    settle=settle,
    closing_value_mwh=no_closing_value,
)
