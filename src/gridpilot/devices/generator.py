"""Generator: a dispatchable unit with limits, ramp, cost, start-up, minimum times and emissions.

Its setpoint is the injection in MW to go to (REDISPATCH). A setpoint below half the minimum asks the unit to shut
down, one above it asks it to start; both wait for the minimum times. The unit that holds the slack bus injects what
the grid needs: its setpoint is then its schedule. A unit that holds no voltage runs at unity power factor or, where `q_control`
says so, takes a second setpoint in Mvar between its reactive limits while it runs.

A unit with a start-up or shut-down time goes through four states: offline, start-up (`start_h`, at 0 MW), online, and shut-down
(`stop_h`, at its minimum). An order for at least half the minimum begins a start-up, one for less a shut-down; neither can be
taken back. Without these times a unit starts and stops within a cycle.

Cost per hour: `cost_c + cost_b·p + cost_a·p²`, plus a piecewise-linear curve where one is given (MATPOWER User's
Manual, section 4.3, models 2 and 1). Ramps and minimum times: Kundur's and the unit-commitment literature's usual
meaning, e.g. RTS-GMLC's `gen.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gridpilot.devices.commitment import ROUNDING_H, after_cycle, after_failure
from gridpilot.devices.device import Bools, DeviceKind, Floats, Injection, Outcome, no_closing_value, parameters_from_rows
from gridpilot.devices.inverter import takes_q_orders, with_q_orders
from gridpilot.errors import ConfigError, Problem
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
    """1 where the unit regulates its bus, 0 where it injects what it is told."""
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
    start_h: Floats
    """From the order to start until the unit is at its minimum."""
    stop_h: Floats
    """From the order to stop until the unit is off."""
    stop_cost_usd: Floats
    q_control: Floats
    """1 where reactive power is ordered; only of units that hold no voltage and have reactive limits."""


class State(NamedTuple):
    """Per element and unit `[B, n]`."""

    p_mw: Floats
    on: Bools
    since_h: Floats
    """Hours since the unit last started or stopped; below 0, hours that its start-up (off) or shut-down (on) still takes."""


_DEFAULTS = {
    "p_min_mw": 0.0, "ramp_mw_per_min": np.inf, "q_min_mvar": -np.inf, "q_max_mvar": np.inf, "v_set_pu": 1.0,
    "holds_voltage": 1.0, "is_slack": 0.0, "cost_a": 0.0, "cost_b": 0.0, "cost_c": 0.0, "start_cost_usd": 0.0,
    "min_up_h": 0.0, "min_down_h": 0.0, "co2_t_per_mwh": 0.0, "initial_mw": 0.0, "start_h": 0.0, "stop_h": 0.0, "stop_cost_usd": 0.0,
    "q_control": 0.0,
}  # fmt: skip
_NOT_NEGATIVE = (
    "ramp_mw_per_min", "start_cost_usd", "min_up_h", "min_down_h", "co2_t_per_mwh", "start_h", "stop_h", "stop_cost_usd", "q_control",
)  # fmt: skip
_RISING = (("p_min_mw", "p_max_mw"), ("q_min_mvar", "q_max_mvar"))


def parameters(rows: Sequence[Mapping[str, Any]]) -> Parameters:
    """Parameters from one dict per unit; `curve` is a list of (MW, USD/h) points, MW rising. Raises `ConfigError`."""
    flat = [{key: value for key, value in row.items() if key != "curve"} | {"curve_mw": 0.0, "curve_usd_per_h": 0.0} for row in rows]
    limits = dict.fromkeys(_NOT_NEGATIVE, (0.0, np.inf))
    plain: Parameters = parameters_from_rows(Parameters, flat, _DEFAULTS, limits=limits, rising=_RISING)
    _check_commitment(plain, rows)
    points = max((len(row.get("curve", ())) for row in rows), default=0)
    curve = np.zeros((2, len(rows), points))
    for k, row in enumerate(rows):
        for j in range(points):
            own = row.get("curve") or [(0.0, 0.0)]
            # A shorter curve repeats its last point, so that every unit has the same number of points.
            curve[:, k, j] = own[min(j, len(own) - 1)]
    return plain._replace(curve_mw=curve[0], curve_usd_per_h=curve[1])


def _check_commitment(made: Parameters, rows: Sequence[Mapping[str, Any]]) -> None:
    """What cannot be combined; raises `ConfigError`."""
    problems = []
    for k, row in enumerate(rows):
        name = str(row.get("name", f"row {k}"))
        if made.q_control[k] and (made.holds_voltage[k] or not np.isfinite(made.q_max_mvar[k] - made.q_min_mvar[k])):
            problems.append(Problem(f"{name}.q_control", "needs a unit that holds no voltage and has q_min_mvar and q_max_mvar"))
        if (made.start_h[k] or made.stop_h[k]) and (made.is_slack[k] or not made.p_min_mw[k] > 0.0):
            problems.append(
                Problem(f"{name}.start_h", "a unit with a start-up or shut-down time needs p_min_mw above 0 and is no slack unit")
            )
    if problems:
        raise ConfigError("These generators cannot be operated.", problems)


def initial_state(parameters: Parameters, batch: int) -> State:
    """Every unit at its initial output, long enough in its state to change it."""
    p = np.tile(parameters.initial_mw, (batch, 1))
    return State(p, (p != 0.0) | (parameters.is_slack > 0.0), np.full(p.shape, 1e3))


def initial_setpoint(parameters: Parameters) -> Floats:
    """Every unit stays at its initial output."""
    return with_q_orders(parameters.initial_mw.copy(), parameters.q_control)


@bare
def _in_transit(parameters: Parameters, state: State, b: int, k: int) -> bool:
    """Whether a unit is starting up or shutting down, and hears no order."""
    return bool(state.since_h[b, k] < 0.0 and _has_times(parameters, k))


@bare
def _has_times(parameters: Parameters, k: int) -> bool:
    """Whether starting or stopping takes a unit longer than nothing."""
    return bool(parameters.start_h[k] > 0.0 or parameters.stop_h[k] > 0.0)


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
    """Reachable outputs: 0 is among them where the unit may stop, p_min where it may start; of Mvar its limits `[B, n or 2n]`.

    A unit that takes its time to stop stays at its minimum in the cycle in which it is told to.
    """
    batch, n = state.p_mw.shape
    width = 2 * n if takes_q_orders(parameters.q_control) else n
    low = np.zeros((batch, width))
    high = np.zeros((batch, width))
    for b in range(batch):
        for k in range(n):
            if not in_service[b, k]:
                continue
            if parameters.q_control[k] > 0.0:
                low[b, n + k], high[b, n + k] = parameters.q_min_mvar[k], parameters.q_max_mvar[k]
            if _in_transit(parameters, state, b, k):
                low[b, k] = high[b, k] = parameters.p_min_mw[k] if state.on[b, k] else 0.0
                continue
            step = parameters.ramp_mw_per_min[k] * 60.0 * dt_h
            p_min = parameters.p_min_mw[k]
            if state.on[b, k]:
                low[b, k] = min(max(p_min, state.p_mw[b, k] - step), parameters.p_max_mw[k])
                high[b, k] = max(min(parameters.p_max_mw[k], state.p_mw[b, k] + step), low[b, k])
                if p_min > 0.0 and low[b, k] <= p_min and state.since_h[b, k] + ROUNDING_H >= parameters.min_up_h[k]:
                    low[b, k] = p_min if parameters.stop_h[k] > 0.0 else 0.0
            elif parameters.start_h[k] > 0.0:
                continue
            elif state.since_h[b, k] + ROUNDING_H >= parameters.min_down_h[k]:
                high[b, k] = max(p_min, min(step, parameters.p_max_mw[k]))
    return low, high


@kernel
def inject(parameters: Parameters, state: State, setpoint: Floats, exogenous: Floats, in_service: Bools, dt_h: float) -> Injection:
    """The setpoint, as far as ramp, limits and minimum times allow; the solver adds q at a regulated bus."""
    batch, n = state.p_mw.shape
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
            if parameters.q_control[k] > 0.0 and target > 0.0:
                q[b, k] = min(max(setpoint[b, n + k], low[b, n + k]), high[b, n + k])
    return Injection(p, q)


@bare
def _commit(parameters: Parameters, state: State, ordered_mw: float, p_mw: float, b: int, k: int, dt_h: float) -> tuple[bool, float]:
    """Whether a unit with times of its own, in service, is on after a cycle, and since when (`State.since_h`)."""
    on, since, p_min = state.on[b, k], state.since_h[b, k], parameters.p_min_mw[k]
    rested = since + ROUNDING_H >= (parameters.min_up_h[k] if on else parameters.min_down_h[k])
    takes = parameters.stop_h[k] if on else parameters.start_h[k]
    return after_cycle(on, since, ordered_mw >= 0.5 * p_min, rested and not (on and p_mw > p_min), takes, dt_h)


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
            runs = on[b, k]
            if _has_times(parameters, k):
                on[b, k], since[b, k] = False, after_failure(state.on[b, k], state.since_h[b, k], dt_h)
                if in_service[b, k]:
                    on[b, k], since[b, k] = _commit(parameters, state, setpoint[b, k], p, b, k, dt_h)
                runs = p != 0.0 or (on[b, k] and state.on[b, k])
            if runs:
                cost[b, k] = _hourly_cost(parameters, k, p) * dt_h
            if on[b, k] and not state.on[b, k]:
                cost[b, k] += parameters.start_cost_usd[k]
            if state.on[b, k] and not on[b, k] and in_service[b, k]:
                cost[b, k] += parameters.stop_cost_usd[k]
            if runs:
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
