"""EV charging point: cars come, want energy, and leave when their time is up, full or not.

Its setpoint is the injection in MW: charging is negative, and at most what the car still wants (STORAGE; the JSON face is positive
when it charges). Left alone it charges every car at full power at once. A charging station is several points at one bus.

A session is told by two numbers in the cycle in which it begins: the energy wanted and the time until departure. With the
charging power c ≥ 0 at the grid,

    needed' = needed − η·c·dt        left' = left − dt

and what is still needed when nothing is left has been missed: it has its price, and it is a violation. The same quantities as in
Lee, Li, Low, "ACN-Data: analysis and applications of an open EV charging dataset", ACM e-Energy 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gridpilot.devices.device import Bools, DeviceKind, Floats, Injection, Outcome, no_closing_value, parameters_from_rows
from gridpilot.jit import inlined, kernel


class Parameters(NamedTuple):
    """Per charging point `[n]`."""

    p_max_mw: Floats
    """Largest charging power."""
    session_max_mwh: Floats
    """Most that a session asks for; the range in which its energy is shown."""
    charge_efficiency: Floats
    """From the grid to the car's battery."""
    missed_usd_per_mwh: Floats
    """Price of energy that a car leaves without."""


class State(NamedTuple):
    """Per element and charging point `[B, n]`."""

    p_mw: Floats
    """Injection in the last step (negative while it charges)."""
    needed_mwh: Floats
    """What the car still wants; 0 without a car."""
    left_h: Floats
    """Time until it leaves; 0 without a car."""
    asked_mwh: Floats
    """What it wanted when it came."""
    missed_mwh: Floats
    """What a car that left in the last step went without."""
    missed_share: Floats
    """The same as a share of what it had asked for."""


_DEFAULTS = {"session_max_mwh": 0.1, "charge_efficiency": 0.92, "missed_usd_per_mwh": 400.0}
_LIMITS = {
    "p_max_mw": (0.0, np.inf), "session_max_mwh": (0.0, np.inf), "charge_efficiency": (0.01, 1.0), "missed_usd_per_mwh": (0.0, np.inf),
}  # fmt: skip
_ROUNDING_H = 1e-9


def parameters(rows: Sequence[Mapping[str, Any]]) -> Parameters:
    """Parameters from one dict per charging point; raises `ConfigError`."""
    made: Parameters = parameters_from_rows(Parameters, rows, _DEFAULTS, limits=_LIMITS)
    return made


def initial_state(parameters: Parameters, batch: int) -> State:
    """Every point without a car."""
    shape = (batch, len(parameters.p_max_mw))
    return State(np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape))


def initial_setpoint(parameters: Parameters) -> Floats:
    """Charge at full power."""
    return -parameters.p_max_mw


@inlined
def _charge_mw(needed_mwh: float, left_h: float, p_max_mw: float, efficiency: float, dt_h: float) -> float:
    """The largest mean charging power of a cycle: by the point, the time that is left, and what the car takes."""
    return min(p_max_mw * min(left_h, dt_h) / dt_h, needed_mwh / (efficiency * dt_h))


@kernel
def bounds(parameters: Parameters, state: State, exogenous: Floats, in_service: Bools, dt_h: float) -> tuple[Floats, Floats]:
    """Charging powers that the car can take `[B, n]`."""
    batch, n = state.p_mw.shape
    low = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            if in_service[b, k]:
                comes = exogenous[b, k] > 0.0
                needed = exogenous[b, k] if comes else state.needed_mwh[b, k]
                left = exogenous[b, n + k] if comes else state.left_h[b, k]
                low[b, k] = -_charge_mw(needed, left, parameters.p_max_mw[k], parameters.charge_efficiency[k], dt_h)
    return low, np.zeros((batch, n))


@kernel
def inject(parameters: Parameters, state: State, setpoint: Floats, exogenous: Floats, in_service: Bools, dt_h: float) -> Injection:
    """The order, as far as the car takes it, at unity power factor."""
    low, high = bounds(parameters, state, exogenous, in_service, dt_h)
    return Injection(np.minimum(np.maximum(setpoint, low), high), np.zeros(setpoint.shape))


@kernel
def settle(
    parameters: Parameters, state: State, setpoint: Floats, exogenous: Floats, in_service: Bools, p_mw: Floats, dt_h: float
) -> tuple[State, Outcome]:
    """Books the energy that the car got, and what it missed if it leaves; cars come and leave where there is no supply too."""
    batch, n = p_mw.shape
    needed, left, asked = np.zeros((batch, n)), np.zeros((batch, n)), np.zeros((batch, n))
    missed, share = np.zeros((batch, n)), np.zeros((batch, n))
    cost = np.zeros((batch, n))
    none = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            comes = exogenous[b, k] > 0.0
            wanted = exogenous[b, k] if comes else state.needed_mwh[b, k]
            stay = exogenous[b, n + k] if comes else state.left_h[b, k]
            whole = exogenous[b, k] if comes else state.asked_mwh[b, k]
            if stay <= 0.0:
                continue
            # Clipped for rounding only: `bounds` gives no more than is needed.
            rest = max(wanted + p_mw[b, k] * parameters.charge_efficiency[k] * dt_h, 0.0)
            if stay > dt_h + _ROUNDING_H:
                needed[b, k], left[b, k], asked[b, k] = rest, stay - dt_h, whole
            else:
                missed[b, k], share[b, k] = rest, rest / whole
                cost[b, k] = rest * parameters.missed_usd_per_mwh[k]
    return State(p_mw.copy(), needed, left, asked, missed, share), Outcome(none, none, none, none, cost, none)


@kernel
def safety(parameters: Parameters, state: State) -> Floats:
    """Share of its energy that a car which just left went without `[B, n]`."""
    return state.missed_share.copy()


KIND = DeviceKind(
    name="ev",
    from_rows=parameters,
    parameters=Parameters,
    state=State,
    series=("arriving_mwh", "stay_h"),
    initial_state=initial_state,
    initial_setpoint=initial_setpoint,
    bounds=bounds,
    inject=inject,
    settle=settle,
    closing_value_mwh=no_closing_value,
    events=("arriving_mwh", "stay_h"),
    safety=safety,
)
