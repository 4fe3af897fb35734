"""Load: demand with a flexible part; what is shaped away comes back.

Its setpoint is a change of the injection in MW: positive sheds consumption (LOAD_SHAPE; the JSON face speaks of the
change of consumption and has the opposite sign). With demand D, shaping s, and owed energy O:

    consumption = D − s + O/τ          O' = O + (s − O/τ)·dt

so that the sum of consumption and owed energy is the sum of demand: the rebound of O'Connell et al., "Benefits and
challenges of electrical demand response", Renewable and Sustainable Energy Reviews 39, 2014. A shaping that is held
for long returns as much as it takes. Reactive power follows consumption at the demand's power factor, up to twice the
demand's own (where demand is next to nothing, the energy that comes back has no meaningful power factor).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gridpilot.devices.device import Bools, DeviceKind, Floats, Injection, Outcome, parameters_from_rows
from gridpilot.jit import inlined, kernel


class Parameters(NamedTuple):
    """Per load `[n]`."""

    flexible_share: Floats
    """Part of the demand that can be moved in either direction, 0 to 1."""
    rebound_h: Floats
    """Time constant τ with which owed energy comes back."""
    shaping_usd_per_mwh: Floats
    """Paid to customers for every MWh moved."""


class State(NamedTuple):
    """Per element and load `[B, n]`."""

    p_mw: Floats
    """Injection in the last step (negative)."""
    owed_mwh: Floats
    """Energy shaped away and not yet returned; negative where more was consumed than asked for."""


_DEFAULTS = {"flexible_share": 0.0, "rebound_h": 2.0, "shaping_usd_per_mwh": 40.0}
_LIMITS = {"flexible_share": (0.0, 1.0), "rebound_h": (0.0, np.inf), "shaping_usd_per_mwh": (0.0, np.inf)}


def parameters(rows: Sequence[Mapping[str, Any]]) -> Parameters:
    """Parameters from one dict per load; raises `ConfigError`."""
    made: Parameters = parameters_from_rows(Parameters, rows, _DEFAULTS, limits=_LIMITS)
    return made


def initial_state(parameters: Parameters, batch: int) -> State:
    """Every load unshaped, with nothing owed."""
    shape = (batch, len(parameters.flexible_share))
    return State(np.zeros(shape), np.zeros(shape))


def initial_setpoint(parameters: Parameters) -> Floats:
    """No shaping."""
    return np.zeros(len(parameters.flexible_share))


@inlined
def _reach_mw(flexible_share: float, demand_mw: float, in_service: bool) -> float:
    """How far a demand can be moved in either direction."""
    return flexible_share * demand_mw if in_service else 0.0


@kernel
def bounds(parameters: Parameters, state: State, exogenous: Floats, in_service: Bools, dt_h: float) -> tuple[Floats, Floats]:
    """The flexible part of present demand, in either direction `[B, n]`."""
    batch, n = state.p_mw.shape
    high = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            high[b, k] = _reach_mw(parameters.flexible_share[k], max(exogenous[b, k], 0.0), in_service[b, k])
    return -high, high


@kernel
def consumption_mw(demand_mw: float, shaping_mw: float, owed_mwh: float, rebound_h: float, dt_h: float) -> tuple[float, float]:
    """Consumption with rebound, and the rebound in it; consumption is never negative, a step never repays too much."""
    rebound = owed_mwh / max(rebound_h, dt_h)
    rebound = max(rebound, shaping_mw - demand_mw)
    return demand_mw - shaping_mw + rebound, rebound


@kernel
def inject(parameters: Parameters, state: State, setpoint: Floats, exogenous: Floats, in_service: Bools, dt_h: float) -> Injection:
    """Demand less what is shaped away plus what comes back, drawn from the grid."""
    batch, n = setpoint.shape
    p = np.zeros((batch, n))
    q = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            if not in_service[b, k]:
                continue
            demand = max(exogenous[b, k], 0.0)
            reach = _reach_mw(parameters.flexible_share[k], demand, in_service[b, k])
            shaping = min(max(setpoint[b, k], -reach), reach)
            consumed, _ = consumption_mw(demand, shaping, state.owed_mwh[b, k], parameters.rebound_h[k], dt_h)
            p[b, k] = -consumed
            if demand > 0.0:
                q[b, k] = -exogenous[b, n + k] * min(consumed / demand, 2.0)
    return Injection(p, q)


@kernel
def settle(
    parameters: Parameters, state: State, setpoint: Floats, exogenous: Floats, in_service: Bools, p_mw: Floats, dt_h: float
) -> tuple[State, Outcome]:
    """Books demand, what of it was not served, and what is owed; a load that is not served owes nothing new."""
    batch, n = p_mw.shape
    owed = np.zeros((batch, n))
    wanted = np.zeros((batch, n))
    unserved = np.zeros((batch, n))
    cost = np.zeros((batch, n))
    none = np.zeros((batch, n))
    for b in range(batch):
        for k in range(n):
            demand = max(exogenous[b, k], 0.0)
            reach = _reach_mw(parameters.flexible_share[k], demand, in_service[b, k])
            shaping = min(max(setpoint[b, k], -reach), reach)
            # A load that is cut off asks for its demand only: what it owes waits until it is back.
            back = state.owed_mwh[b, k] if in_service[b, k] else 0.0
            consumed, rebound = consumption_mw(demand, shaping, back, parameters.rebound_h[k], dt_h)
            served = -p_mw[b, k] / consumed if consumed > 0.0 else 1.0
            wanted[b, k] = consumed * dt_h
            unserved[b, k] = max(consumed + p_mw[b, k], 0.0) * dt_h
            owed[b, k] = state.owed_mwh[b, k] + (shaping - rebound) * served * dt_h
            cost[b, k] = abs(shaping) * served * dt_h * parameters.shaping_usd_per_mwh[k]
    return State(p_mw.copy(), owed), Outcome(wanted, unserved, none, none, cost, none)


def closing_value_mwh(parameters: Parameters, state: State) -> Floats:
    """What is still owed, as a debt `[B, n]`."""
    return -state.owed_mwh


KIND = DeviceKind(
    name="load",
    from_rows=parameters,
    parameters=Parameters,
    state=State,
    series=("p_mw", "q_mvar"),
    initial_state=initial_state,
    initial_setpoint=initial_setpoint,
    bounds=bounds,
    inject=inject,
    settle=settle,
    closing_value_mwh=closing_value_mwh,
)
