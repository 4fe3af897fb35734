"""Storage: a battery with energy limits, losses in both directions, self-discharge and wear.

Its setpoint is the injection in MW: discharging is positive (STORAGE; the JSON face has the opposite sign). Where `q_control`
says so it takes a second one, for the reactive power of its inverter in Mvar, inside the capability of `inverter`.

Energy balance of a step, with charge and discharge powers c, d ≥ 0 at the grid (never both):

    E' = E·(1 − σ·dt) + η_c·c·dt − d·dt/η_d

as in Morstyn et al., "Model predictive control for distributed microgrid battery energy storage systems", IEEE
Trans. Control Systems Technology 26(3), 2018. Wear is a price per MWh of throughput at the grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gridpilot.devices import inverter
from gridpilot.devices.device import Bools, DeviceKind, Floats, Injection, Outcome, parameters_from_rows
from gridpilot.devices.inverter import takes_q_orders, with_q_orders
from gridpilot.jit import kernel


class Parameters(NamedTuple):
    """Per unit `[n]`."""

    p_max_mw: Floats
    """Largest power in either direction."""
    energy_max_mwh: Floats
    energy_min_mwh: Floats
    """Energy that is never drawn."""
    charge_efficiency: Floats
    discharge_efficiency: Floats
    self_discharge_per_h: Floats
    wear_usd_per_mwh: Floats
    initial_mwh: Floats
    s_max_mva: Floats
    """Rating of the inverter. At least `p_max_mw`."""
    power_factor_min: Floats
    """Smallest power factor it is built for; 0 is no limit: it then gives reactive power without active power too."""
    q_control: Floats
    """1 where reactive power can be ordered, 0 where there is none."""


class State(NamedTuple):
    """Per element and unit `[B, n]`."""

    energy_mwh: Floats
    p_mw: Floats
    """What was exchanged in the last step."""


_DEFAULTS = {
    "energy_min_mwh": 0.0, "charge_efficiency": 0.95, "discharge_efficiency": 0.95,
    "self_discharge_per_h": 2e-5, "wear_usd_per_mwh": 8.0, "power_factor_min": 0.0, "q_control": 0.0,
}  # fmt: skip
_LIMITS = {
    "p_max_mw": (0.0, np.inf), "energy_min_mwh": (0.0, np.inf), "charge_efficiency": (0.01, 1.0), "discharge_efficiency": (0.01, 1.0),
    "self_discharge_per_h": (0.0, 0.1), "wear_usd_per_mwh": (0.0, np.inf),
    "power_factor_min": (0.0, 1.0), "q_control": (0.0, 1.0),
}  # fmt: skip
_RISING = (("energy_min_mwh", "initial_mwh", "energy_max_mwh"), ("p_max_mw", "s_max_mva"))


def parameters(rows: Sequence[Mapping[str, Any]]) -> Parameters:
    """Parameters from one dict per unit; without `initial_mwh` a unit begins half full, without `s_max_mva` its inverter has its
    power. Raises `ConfigError`.
    """
    filled = [{"initial_mwh": row.get("energy_max_mwh", np.nan) / 2, "s_max_mva": row.get("p_max_mw", 0.0), **row} for row in rows]
    made: Parameters = parameters_from_rows(Parameters, filled, _DEFAULTS, limits=_LIMITS, rising=_RISING)
    return made


def initial_state(parameters: Parameters, batch: int) -> State:
    """Every unit at its initial energy, at rest."""
    energy = np.tile(parameters.initial_mwh, (batch, 1))
    return State(energy, np.zeros(energy.shape))


def initial_setpoint(parameters: Parameters) -> Floats:
    """Neither charging nor discharging."""
    return with_q_orders(np.zeros(len(parameters.p_max_mw)), parameters.q_control)


def q_reach_mvar(parameters: Parameters) -> Floats:
    """Most that can be ordered of each in either direction `[n]`."""
    reach = zip(parameters.s_max_mva, parameters.power_factor_min, parameters.p_max_mw, strict=True)
    return np.array([inverter.largest_q_mvar(*own) for own in reach]) * (parameters.q_control > 0.0)


@kernel
def bounds(parameters: Parameters, state: State, exogenous: Floats, in_service: Bools, dt_h: float) -> tuple[Floats, Floats]:
    """Powers that keep the energy inside its limits for the whole step; of Mvar, what goes with some power `[B, n or 2n]`."""
    batch, n = state.energy_mwh.shape
    width = 2 * n if takes_q_orders(parameters.q_control) else n
    low = np.zeros((batch, width))
    high = np.zeros((batch, width))
    for b in range(batch):
        for k in range(n):
            if not in_service[b, k]:
                continue
            kept = state.energy_mwh[b, k] * (1.0 - parameters.self_discharge_per_h[k] * dt_h)
            room = max(parameters.energy_max_mwh[k] - kept, 0.0) / (parameters.charge_efficiency[k] * dt_h)
            stock = max(kept - parameters.energy_min_mwh[k], 0.0) * parameters.discharge_efficiency[k] / dt_h
            low[b, k] = -min(parameters.p_max_mw[k], room)
            high[b, k] = min(parameters.p_max_mw[k], stock)
            if parameters.q_control[k] > 0.0:
                most = max(high[b, k], -low[b, k])
                reach = inverter.q_reach_mvar(parameters.s_max_mva[k], parameters.power_factor_min[k], most)
                low[b, n + k], high[b, n + k] = -reach, reach
    return low, high


@kernel
def inject(parameters: Parameters, state: State, setpoint: Floats, exogenous: Floats, in_service: Bools, dt_h: float) -> Injection:
    """The setpoint, as far as power and energy allow; reactive power as ordered, as far as the inverter then allows."""
    low, high = bounds(parameters, state, exogenous, in_service, dt_h)
    batch, n = state.energy_mwh.shape
    p = np.zeros((batch, n))
    q = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            p[b, k] = min(max(setpoint[b, k], low[b, k]), high[b, k])
            if parameters.q_control[k] > 0.0 and in_service[b, k]:
                limit = inverter.q_limit_mvar(parameters.s_max_mva[k], parameters.power_factor_min[k], p[b, k])
                q[b, k] = min(max(setpoint[b, n + k], -limit), limit)
    return Injection(p, q)


@kernel
def settle(
    parameters: Parameters, state: State, setpoint: Floats, exogenous: Floats, in_service: Bools, p_mw: Floats, dt_h: float
) -> tuple[State, Outcome]:
    """Books the energy drawn or stored by what the grid saw, and the wear of it."""
    batch, n = p_mw.shape
    energy = np.zeros((batch, n))
    cost = np.zeros((batch, n))
    none = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            p = p_mw[b, k]
            kept = state.energy_mwh[b, k] * (1.0 - parameters.self_discharge_per_h[k] * dt_h)
            drawn = p / parameters.discharge_efficiency[k] if p > 0.0 else p * parameters.charge_efficiency[k]
            # Clipped for rounding only: `bounds` keeps the energy inside its limits.
            energy[b, k] = min(max(kept - drawn * dt_h, 0.0), parameters.energy_max_mwh[k])
            cost[b, k] = abs(p) * dt_h * parameters.wear_usd_per_mwh[k]
    return State(energy, p_mw.copy()), Outcome(none, none, none, none, cost, none)


def closing_value_mwh(parameters: Parameters, state: State) -> Floats:
    """What the unit could still deliver to the grid `[B, n]`."""
    return np.maximum(state.energy_mwh - parameters.energy_min_mwh, 0.0) * parameters.discharge_efficiency


KIND = DeviceKind(
    name="storage",
    from_rows=parameters,
    parameters=Parameters,
    state=State,
    series=(),
    initial_state=initial_state,
    initial_setpoint=initial_setpoint,
    bounds=bounds,
    inject=inject,
    settle=settle,
    closing_value_mwh=closing_value_mwh,
)
